"""SinGAN against the numbers of its authors' code: sizes, networks, the penalty, and trainings step by step."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
import torch
from sampled import assert_close
from torch import Tensor

from toolbox.engine.optim import build_optimizers
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
    """The weights after an update. Biases before a norm have no gradient: what rounding makes of them is taken over."""
    named = dict(model.part(f'{net}.scales.{model.active}').named_parameters())
    for (key, p), after in zip(named.items(), expected.split([p.numel() for p in named.values()]), strict=True):
        if key.endswith('conv.bias'):
            assert (p.flatten() - after).abs().max() <= 4 * LR
            p.copy_(after)
        assert_close(p.flatten(), after, rtol=0, atol=1e-6)


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
