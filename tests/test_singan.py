"""SinGAN against the numbers of its authors' code: sizes, networks, the penalty, and trainings step by step."""

from __future__ import annotations

from collections import deque
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


def pyramid_of(data: Fixture) -> Pyramid:
    opt = data['opt_before']
    return Pyramid.of_image(tuple(data['size']), opt['min_size'], opt['max_size'], opt['scale_factor'],
                            border='singan', truncate=True)


def stored(image: Tensor) -> Tensor:
    """8 bits as the data set gives them, in [-1, 1]."""
    return (image.double() / 255).to(torch.get_default_dtype()) * 2 - 1


class Replayed(SinGAN):
    """With the authors' draws in the place of its own."""

    draws: dict[str, deque[Tensor]]

    def noise(self, b: Any, name: str, shape: Any, prior: str = 'normal') -> Tensor:
        x = self.draws[name].popleft()
        assert x.shape[1:] == torch.Size(shape), name
        return x.to(torch.get_default_dtype()) if prior == 'normal' else 2 * x.to(torch.get_default_dtype()) - 1


def replay(data: Fixture) -> tuple[Replayed, dict[str, Any]]:
    opt = data['opt']
    pyramid = pyramid_of(data)
    sizes = dict(base_channels=opt['nfc_init'], min_channels=opt['min_nfc_init'])
    model = Replayed(dict(type='SinGANGenerator', **sizes), dict(type='SinGANDiscriminator', **sizes),
                     pyramid.as_dict(), scale_iters=opt['niter'], D_steps=opt['Dsteps'], G_steps=opt['Gsteps'],
                     fixed_z=False, padding='noise' if opt['mode'] == 'animation_train' else 'zero')
    for n, first in enumerate(data['init']):
        for net in ('G', 'D'):
            model.part(f'{net}.scales.{n}').load_state_dict(ours(first[net], net))
    adam = dict(type='Adam', lr=opt['lr_g'], betas=(opt['beta1'], 0.999))
    optimizers = build_optimizers(model, dict(G=dict(nets=('G',), optimizer=adam), D=dict(nets=('D',), optimizer=adam)))
    return model, optimizers


def draws_of(data: Fixture, events: deque[tuple[str, Tensor]], scale: int) -> dict[str, deque[Tensor]]:
    """Those of one iteration by what they are for, in the order of the authors' code."""
    found: dict[str, deque[Tensor]] = {}

    def take(name: str, kind: str = 'noise') -> None:
        what, value = events.popleft()
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


@torch.no_grad()
def compare(model: SinGAN, net: str, expected: Tensor) -> None:
    """The weights after an update, from the stored ones before it: rounding would grow else.

    Biases before a norm have no gradient but for rounding, of which Adam makes a step of any size up to its rate.
    """
    named = dict(model.part(f'{net}.scales.{model.active}').named_parameters())
    for (key, p), after in zip(named.items(), expected.split([p.numel() for p in named.values()]), strict=True):
        assert_close(p.flatten(), after, rtol=0, atol=4 * LR if key.endswith('conv.bias') else 1e-6)
        p.copy_(after.view_as(p))


TRAJECTORIES = ['singan_traj3_reforward', 'singan_traj3_animation', 'singan_traj3_g1_unmodified']


@pytest.mark.parity
@pytest.mark.parametrize('name', TRAJECTORIES)
def test_a_training_is_that_of_the_authors(parity, name):
    data = parity(name)
    model, optimizers = replay(data)
    events = deque(zip(data['event_kind'], data['event_value'], strict=True))
    losses, steps = deque(data['losses']), deque(data['steps'])
    batch = {'img': model.pyramid.reduced(stored(data['input_u8']))}
    model.after_phase = lambda phase: compare(model, phase.name, steps.popleft())
    terms: list[dict[str, Tensor]] = []
    for net in ('D', 'G'):
        def recorded(b, loss=getattr(model, f'loss_{net}')):
            found = loss(b)
            terms.append({key: value.detach() for key, value in found.items()})
            return found
        setattr(model, f'loss_{net}', recorded)
    model.train()
    for scale in range(model.scales):
        events.popleft()  # a draw of which nothing but the shape is used
        for epoch in range(data['opt']['niter']):
            model.draws = draws_of(data, events, scale)
            if not scale and not epoch:  # z* is drawn when the stage begins, and again in the iteration
                model.draws['z* at scale 0'] *= 2
            terms.clear()
            model.train_step(dict(batch), optimizers)
            assert not any(model.draws.values()), 'all are used'
            for found in terms:
                expected = torch.tensor([losses.popleft() for _ in found])
                assert_close(torch.stack([*found.values()]), expected, rtol=0, atol=1e-6)
            with torch.no_grad():  # their code draws a picture in training mode, which shifts running statistics
                model.at(scale, None if scale else model.z0, model.below(scale))
        for net in ('G', 'D'):
            state = model.part(f'{net}.scales.{scale}').state_dict()
            for key, value in ours(data[net][scale], net).items():
                assert_close(state[key], value, rtol=0, atol=1e-6)


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


@pytest.mark.parity
@pytest.mark.parametrize('name', ['singan_pyramid_120x80', 'singan_pyramid_186x248', 'singan_pyramid_366x585'])
def test_pyramids_are_those_of_the_authors(parity, name):
    data = parity(name)
    size, limits = tuple(data['size']), (data['min_size'], data['max_size'], data['scale_factor_init'])
    pyramid = Pyramid.of_image(size, *limits, border='singan', truncate=True)
    assert [[1, 3, *scale] for scale in pyramid.sizes] == data['shapes'] and pyramid.factor == data['scale_factor']
    if 'input_u8' in data:
        for image, expected in zip(pyramid.images(pyramid.reduced(stored(data['input_u8']))), data['reals'], strict=True):
            assert_close(image, expected, rtol=0, atol=0)
    small = data['SR']
    pyramid = Pyramid.of_image(size, small['min_size'], data['max_size'], small['scale_factor_init'], 'down by width')
    assert (len(pyramid.sizes) - 1, pyramid.factor) == (small['stop_scale'], small['scale_factor'])
    assert (pyramid == Pyramid.of_image(size, small['min_size'], data['max_size'], small['scale_factor_init'], 'down')
            ) == (size[1] >= size[0]), 'of portraits they take the width for the longer side'


@pytest.mark.parity
def test_networks_are_those_of_the_authors(parity):
    for case in parity('singan_models')['cases']:
        opt = case['opt']
        sizes = dict(scales=1, base_channels=opt['nfc'], min_channels=opt['min_nfc'], layers=opt['num_layer'],
                     kernel=opt['ker_size'])
        G, D = SinGANGenerator(**sizes), SinGANDiscriminator(**sizes)
        G.scales[0].load_state_dict(ours(case['G'], 'G'))
        D.scales[0].load_state_dict(ours(case['D'], 'D'))
        z, previous, x = (case[key].clone().requires_grad_() for key in ('z', 'prev', 'x'))
        for net, inputs, weight, made, name in ((G, (z, previous), 'wy', 'y', 'G'), (D, (x,), 'wd', 'd', 'D')):
            y = net(*inputs)
            assert_close(y, case[f'{made}_train'], rtol=0, atol=1e-5)
            (y * case[weight]).sum().backward()
            for key, p in ours(case[f'grad_{name}'], name).items():
                found = dict(net.scales[0].named_parameters())[key].grad
                assert_close(found, p, rtol=1e-4, atol=1e-5 * float(p.abs().max()) + 1e-4)
            assert_close(net.scales[0].state_dict(), ours(case[f'{name}_after'], name), rtol=0, atol=1e-5)
            assert_close(net.eval()(*inputs), case[f'{made}_eval'], rtol=0, atol=1e-5)
        assert_close([z.grad, previous.grad, x.grad], [case[key] for key in ('grad_z', 'grad_prev', 'grad_x')],
                     rtol=1e-4, atol=1e-5)
        middle = previous[:, :, G.padding:-G.padding, G.padding:-G.padding]
        assert torch.equal(G(z, middle), G(z, previous)), 'with padding or without'


@pytest.mark.parity
def test_the_penalty_is_that_of_the_authors(parity):
    for case in parity('singan_gp')['cases']:
        D = SinGANDiscriminator(1, base_channels=case['opt']['nfc'])
        D.scales[0].load_state_dict(ours(case['D'], 'D'))
        loss = AdversarialLoss('wgan-gp', penalty_weight=case['lambda_'], penalty_extent='pixel')
        value = loss.penalty(D, case['real'], case['fake'], case['alpha'])
        assert value.item() == pytest.approx(case['gp'], rel=1e-5)
        value.backward()
        for key, p in D.scales[0].named_parameters():
            if p.grad is not None:
                expected = ours(case['grads'], 'D')[key]
                assert_close(p.grad, expected, rtol=1e-4, atol=1e-6)
