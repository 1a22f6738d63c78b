"""SinGAN against the numbers of its authors' code: sizes, networks, the penalty, and trainings step by step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sampled import assert_close
from torch import Tensor

from toolbox.backbones import SinGANGenerator
from toolbox.discriminators import SinGANDiscriminator
from toolbox.engine.optim import build_optimizers
from toolbox.errors import ConfigError
from toolbox.losses import AdversarialLoss
from toolbox.methods import SinGAN
from toolbox.pyramids import Pyramid

Fixture = dict[str, Any]
LR = 5e-4


def ours(state: dict[str, Tensor], net: str) -> dict[str, Tensor]:
    """The authors' names of a scale's weights -> ours."""
    names = {'head': 'body.0', **{f'body.block{i}': f'body.{i}' for i in range(1, 9)}, 'tail.0': 'head', 'tail': 'head'}
    if net == 'D':
        names = {theirs: mine.replace('body', '0').replace('head', '1') for theirs, mine in names.items()}
    found = {}
    for key, value in state.items():
        theirs = next(name for name in names if key.startswith(f'{name}.'))
        found[names[theirs] + key.removeprefix(theirs)] = value
    return found


# Sizes and images

@pytest.mark.parity
def test_sizes_are_those_of_the_authors(parity):
    for row in parity('singan_scale_table')['rows']:
        size, limits = (row['h'], row['w']), (row.get('min_size', 25), row['max_size'])
        if row.get('stop_scale', 0) < 1:  # their code fails, or makes a pyramid without a scale
            with pytest.raises(ConfigError, match=r'leaves no room for two scales.* Set max_size=270 or more'):
                Pyramid.of_image(size, *limits)
            continue
        pyramid = Pyramid.of_image(size, *limits)
        assert [list(scale) for scale in pyramid.sizes] == row['shapes']
        assert (pyramid.factor, pyramid.scale) == (row['scale_factor'], row['scale1'])


def stored(image: Tensor) -> Tensor:
    """8 bits as the data set gives them, in [-1, 1]."""
    levels = image if image.dtype == torch.uint8 else image.mul(255).to(torch.uint8)
    return (levels.double() / 255).to(torch.get_default_dtype()) * 2 - 1


def pyramid_of(data: Fixture) -> Pyramid:
    opt = data.get('opt_before') or {**data, 'scale_factor': data['scale_factor_init']}
    return Pyramid.of_image(tuple(data['size']), opt['min_size'], opt['max_size'], opt['scale_factor'],
                            border='singan', truncate=True)


def images_of(data: Fixture) -> list[Tensor]:
    pyramid = pyramid_of(data)
    return pyramid.images(pyramid.reduced(stored(data['input_u8'])))


@pytest.mark.parity
@pytest.mark.parametrize('name', ['singan_pyramid_120x80', 'singan_pyramid_186x248', 'singan_pyramid_366x585'])
def test_pyramids_are_those_of_the_authors(parity, name):
    data = parity(name)
    pyramid = pyramid_of(data)
    assert [[1, 3, *scale] for scale in pyramid.sizes] == data['shapes'] and pyramid.factor == data['scale_factor']
    if 'input_u8' in data:
        assert_close(images_of(data), data['reals'], rtol=0, atol=0)
    size, small = tuple(data['size']), data['SR']
    theirs, right = (Pyramid.of_image(size, small['min_size'], data['max_size'], small['scale_factor_init'], rounding)
                     for rounding in ('down by width', 'down'))
    assert (len(theirs.sizes) - 1, theirs.factor) == (small['stop_scale'], small['scale_factor'])
    assert (theirs == right) == (size[1] >= size[0]), 'of portraits they take the width for the longer side'


# Networks and the penalty

def passed(case: Fixture) -> Fixture:
    """What both networks make of a case, forwards and backwards, by the fixture's names."""
    opt = case['opt']
    sizes = dict(scales=1, base_channels=opt['nfc'], min_channels=opt['min_nfc'], layers=opt['num_layer'],
                 kernel=opt['ker_size'])
    G, D = SinGANGenerator(**sizes), SinGANDiscriminator(**sizes)
    z, previous, x = (case[key].clone().requires_grad_() for key in ('z', 'prev', 'x'))
    found: Fixture = {}
    for net, name, inputs, made, weight in ((G, 'G', (z, previous), 'y', 'wy'), (D, 'D', (x,), 'd', 'wd')):
        scale = net.scales[0]
        scale.load_state_dict(ours(case[name], name))
        y = net(*inputs)
        (y * case[weight]).sum().backward()
        keys = dict(zip(ours(dict.fromkeys(case[name]), name), case[name], strict=True))
        found |= {f'{made}_train': y.detach(),
                  f'{name}_after': {keys[k]: x.clone() for k, x in scale.state_dict().items()},
                  f'grad_{name}': {keys[k]: p.grad for k, p in scale.named_parameters()},
                  f'{made}_eval': net.eval()(*inputs).detach()}
    return {**found, 'grad_z': z.grad, 'grad_prev': previous.grad, 'grad_x': x.grad}


@pytest.mark.parity
def test_networks_are_those_of_the_authors(parity):
    for case in parity('singan_models')['cases']:
        found = passed(case)
        for key, value in found.items():
            expected = {name: case[key][name] for name in value} if isinstance(value, dict) else case[key]
            assert_close(value, expected, rtol=1e-4, atol=1e-4 if 'grad' in key else 1e-5)


def test_the_image_of_the_scale_below_may_have_padding():
    G, z = SinGANGenerator(1, base_channels=4).eval(), torch.randn(2, 3, 30, 24)
    previous = torch.randn(2, 3, 30, 24)
    assert torch.equal(G(z, previous[:, :, 5:-5, 5:-5]), G(z, previous))
    assert not torch.equal(G(z, previous[:, :, 4:-6, 5:-5]), G(z, previous))


def penalised(case: Fixture) -> Fixture:
    D = SinGANDiscriminator(1, base_channels=case['opt']['nfc'])
    D.scales[0].load_state_dict(ours(case['D'], 'D'))
    loss = AdversarialLoss('wgan-gp', penalty_weight=case['lambda_'], penalty_extent='pixel')
    value = loss.penalty(D, case['real'], case['fake'], case['alpha'])
    value.backward()
    keys = dict(zip(ours(dict.fromkeys(case['D']), 'D'), case['D'], strict=True))
    return {'gp': value.item(), 'grads': {keys[key]: p.grad for key, p in D.scales[0].named_parameters()
                                          if p.grad is not None}}


@pytest.mark.parity
def test_the_penalty_is_that_of_the_authors(parity):
    for case in parity('singan_gp')['cases']:
        found = penalised(case)
        assert found['gp'] == pytest.approx(case['gp'], rel=1e-5)
        assert len(found['grads']) >= 12
        assert_close(found['grads'], {key: case['grads'][key] for key in found['grads']}, rtol=1e-4, atol=1e-6)


# Trainings

class Replayed(SinGAN):
    """With the authors' draws in the place of its own."""

    draws: dict[str, deque[Tensor]]

    def noise(self, b: Any, name: str, shape: Any, prior: str = 'normal') -> Tensor:
        x = self.draws[name].popleft().to(torch.get_default_dtype())
        assert x.shape[1:] == torch.Size(shape), name
        return x if prior == 'normal' else 2 * x - 1


def new_model(data: Fixture) -> tuple[Replayed, Any]:
    opt = data['opt']
    sizes = dict(base_channels=opt['nfc_init'], min_channels=opt['min_nfc_init'])
    model = Replayed(dict(type='SinGANGenerator', **sizes), dict(type='SinGANDiscriminator', **sizes),
                     pyramid_of(data).as_dict(), scale_iters=opt['niter'], D_steps=opt['Dsteps'], G_steps=opt['Gsteps'],
                     fixed_z=False, padding='noise' if opt['mode'] == 'animation_train' else 'zero',
                     legacy=data.get('legacy', False))
    for net in ('G', 'D'):  # the others take over the weights of the scale below
        model.part(f'{net}.scales.0').load_state_dict(ours(data['init'][0][net], net))
    adam = dict(type='Adam', lr=opt['lr_g'], betas=(opt['beta1'], 0.999))
    return model, build_optimizers(model, dict(G=dict(nets=('G',), optimizer=adam),
                                               D=dict(nets=('D',), optimizer=adam)))


def draws_of(data: Fixture, events: Iterator[tuple[str, Tensor]], scale: int) -> dict[str, deque[Tensor]]:
    """Those of one iteration by what they are for, in the order of the authors' code."""
    found: dict[str, deque[Tensor]] = {}

    def take(name: str, kind: str = 'noise') -> None:
        what, value = next(events)
        assert what == kind
        found.setdefault(name, deque()).append(value)
    if not scale:
        take('z* at scale 0')
    take(f'z at scale {scale}')
    for step in range(data['opt']['Dsteps']):
        for below in range(scale):
            take(f'below {step} at scale {below}')
        take('penalty', 'alpha')
    return found


class Recorder:
    """Losses of all terms and weights after each update, which may be replaced by the stored ones.

    Rounding in float32 would grow: biases before a norm have no gradient but that of rounding, of which Adam makes a
    step of any size up to its rate. Each update starts from the stored weights then.
    """

    def __init__(self, model: Replayed, stored_steps: list[Tensor] | None) -> None:
        self.model, self.stored = model, deque(stored_steps or ())
        self.losses: list[float] = []
        self.steps: list[dict[str, Tensor]] = []
        model.after_phase = self.after_phase
        for net in ('D', 'G'):
            setattr(model, f'loss_{net}', self.recorded(getattr(model, f'loss_{net}')))

    def recorded(self, loss: Any) -> Any:
        def wrapped(b: Any) -> dict[str, Tensor]:
            terms = loss(b)
            self.losses += [term.item() for term in terms.values()]
            return terms
        return wrapped

    @torch.no_grad()
    def after_phase(self, phase: Any) -> None:
        named = dict(self.model.part(f'{phase.name}.scales.{self.model.active}').named_parameters())
        self.steps.append({key: p.detach().clone() for key, p in named.items()})
        if self.stored:
            for p, value in zip(named.values(), as_weights(self.stored.popleft(), named), strict=True):
                p.copy_(value)


def as_weights(flat: Tensor, like: dict[str, Tensor]) -> list[Tensor]:
    parts = flat.split([p.numel() for p in like.values()])
    return [part.view_as(p) for part, p in zip(parts, like.values(), strict=True)]


def replayed(data: Fixture, force: bool) -> Fixture:
    """The training with our code; with ``force`` each update starts from the stored weights."""
    model, optimizers = new_model(data)
    record = Recorder(model, data['steps'] if force else None)
    events = iter(zip(data['event_kind'], data['event_value'], strict=True))
    batch = {'img': model.pyramid.reduced(stored(data['input_u8']))}
    model.train()
    for scale in range(model.scales):
        next(events)  # a draw of which nothing but the shape is used
        for epoch in range(data['opt']['niter']):
            model.draws = draws_of(data, events, scale)
            if not scale and not epoch:  # z* is drawn when the stage begins, and again in the iteration
                model.draws['z* at scale 0'] *= 2
            model.train_step(dict(batch), optimizers)
            assert not any(model.draws.values()), 'all are used'
            with torch.no_grad():  # their code draws a picture in training mode, which shifts running statistics
                model.at(scale, None if scale else model.z0, model.below(scale))
    assert next(events, None) is None
    states = {net: [{key: x.clone() for key, x in model.part(f'{net}.scales.{n}').state_dict().items()}
                    for n in range(model.scales)] for net in ('G', 'D')}
    return {'losses': record.losses, 'steps': record.steps, 'NoiseAmp': model.amplitudes.tolist(), **states}


def assert_trained(found: Fixture, data: Fixture, atol: float) -> None:
    assert found['losses'] == pytest.approx(data['losses'], rel=0, abs=atol)
    assert found['NoiseAmp'] == pytest.approx(data['NoiseAmp'], rel=0, abs=atol)
    for ours_, theirs in zip(found['steps'], data['steps'], strict=True):
        if data.get('made_by'):
            assert_close(torch.cat([x.flatten() for x in ours_.values()]), theirs, rtol=0, atol=atol)
            continue
        for (key, value), after in zip(ours_.items(), as_weights(theirs, ours_), strict=True):
            assert_close(value, after, rtol=0, atol=4 * LR if key.endswith('conv.bias') else atol)
    for net in ('G', 'D'):
        for state, theirs in zip(found[net], data[net], strict=True):
            theirs = theirs if data.get('made_by') else ours(theirs, net)
            assert len(theirs) >= 8
            for key, value in theirs.items():
                assert_close(state[key], value, rtol=0, atol=atol)


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


TRAJECTORIES = ['singan_traj3_reforward', 'singan_traj3_legacy', 'singan_traj3_animation', 'singan_traj3_g1_unmodified']


@pytest.mark.parity
@pytest.mark.parametrize('name', TRAJECTORIES)
def test_a_training_is_that_of_the_authors(parity, name, request):
    """Their own numbers in float32, or those that our code had when it gave theirs, in float64."""
    data = parity(name)
    if data.get('made_by'):
        request.getfixturevalue('double')
    assert_trained(replayed(data, force=not data.get('made_by')), data, 1e-8 if data.get('made_by') else 1e-6)


