"""The plain loops with which the toolbox's speed is compared do the same work: they train the same weights."""

from __future__ import annotations

import copy

import pytest
import torch
from test_stargan_methods import sgd

from toolbox.benchmarks.step import PLAIN
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
