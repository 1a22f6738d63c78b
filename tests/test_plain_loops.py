"""The plain loops with which the toolbox's speed is compared do the same work: they train the same weights."""

from __future__ import annotations

import copy

import pytest
import torch
from test_stargan_methods import sgd

from toolbox.benchmarks.step import PLAIN, enter
from toolbox.errors import ConfigError
from toolbox.pyramids import Pyramid
from toolbox.registry import METHODS, build

L1 = dict(type='L1Loss')
G = {'Pix2PixHD': dict(type='Pix2PixHDGenerator', base_channels=2, downs=1, blocks=1),
     'GauGAN': dict(type='SPADEGenerator', base_channels=2, upsamplings=4,
                    norm=dict(type='SPADE', base='BN', hidden=4))}


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize('name', G)
def test_a_plain_loop_trains_the_same_weights(name, float64):
    D = dict(type='MultiscaleDiscriminator', base_channels=2, layers=3, spectral=name == 'GauGAN')
    torch.manual_seed(0)
    ours = build(dict(type=name, G=G[name], D=D, classes=['a', 'b', 'c'], instances=True, perceptual=L1,
                      channels=dict(img=3)), METHODS).train()
    before, plain = copy.deepcopy(ours.state_dict()), PLAIN[name](theirs := copy.deepcopy(ours))
    plain.optim_G, plain.optim_D = (torch.optim.SGD(net.parameters(), 0.1) for net in (plain.G, plain.D))
    optims = sgd(ours)
    for _ in range(2):
        batch = ours.example(2, (32, 32))
        plain.step(batch)
        ours.train_step(batch, optims)
    for net in ('G', 'D'):
        for key, value in getattr(theirs, net).state_dict().items():
            assert torch.allclose(getattr(ours, net).state_dict()[key], value, rtol=0, atol=1e-12), (net, key)
            assert not key.endswith('head.weight') or not torch.equal(value, before[f'{net}.{key}'])


@pytest.mark.parametrize('stage', ['scale 0', 'scale 2'])
def test_the_plain_loop_of_one_image_trains_the_same_weights(stage, float64, monkeypatch):
    torch.manual_seed(0)
    nets = {net: dict(type=f'SinGAN{kind}', base_channels=4) for net, kind in (('G', 'Generator'),
                                                                              ('D', 'Discriminator'))}
    ours = build(dict(type='SinGAN', **nets, pyramid=Pyramid.of_image((26, 33), min_size=20).as_dict()), METHODS)
    ours.init_weights()
    batch = ours.train().example(1, (26, 33))
    assert enter(ours, batch, stage) == f', {stage}'
    theirs = copy.deepcopy(ours)
    plain, before = PLAIN['SinGAN'](theirs), copy.deepcopy(ours.state_dict())
    plain.optim_G, plain.optim_D = (torch.optim.SGD(net.parameters(), 0.1) for net in (plain.G, plain.D))
    drawn, noise = {}, ours.noise

    def recorded(b, name, *args):
        drawn[name, ours.repetition] = noise(b, name, *args)
        return drawn[name, ours.repetition]
    monkeypatch.setattr(ours, 'noise', recorded)
    n, optims = int(stage[-1]), sgd(ours)
    for _ in range(2):
        ours.train_step(batch, optims)
        draws = [drawn[f'z at scale {n}', 0]]
        draws += [drawn[f'below {step} at scale {m}', 0] for step in range(3) for m in range(n)]
        alphas = [(drawn['penalty', step] + 1) / 2 for step in range(3)]
        monkeypatch.setattr(plain, 'normal', lambda shape, draws=draws: draws.pop(0))
        monkeypatch.setattr(plain, 'uniform', lambda alphas=alphas: alphas.pop(0))
        plain.step(batch)
        assert not draws and not alphas
    for key, value in theirs.state_dict().items():
        assert torch.allclose(ours.state_dict()[key], value, rtol=0, atol=1e-8), key
        if key.endswith('weight'):
            assert torch.equal(value, before[key]) != (f'.scales.{n}.' in key), key


def test_a_stage_that_is_not_there_is_one_error():
    cyclegan = build(dict(type='Pix2Pix', G=dict(type='UnetGenerator', base_channels=2, downs=5),
                          D=dict(type='PatchDiscriminator', in_channels=6, base_channels=2)), METHODS)
    with pytest.raises(ConfigError, match="no stages', found 'scale 0'"):
        enter(cyclegan, {}, 'scale 0')
