"""Generators: size of the networks, options, initial weights. (Numbers of the authors: test_converters.py.)"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from toolbox.backbones import ResnetGenerator, UnetGenerator
from toolbox.errors import ConfigError
from toolbox.layers.init import init_weights
from toolbox.layers.spectral import Divided, spectral_norm
from toolbox.norms import BatchNorm, InstanceNorm

IN, BN = {'type': 'IN'}, {'type': 'BN'}


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(('make', 'expected'), [
    (lambda: ResnetGenerator(), 11_378_179),
    (lambda: ResnetGenerator(norm=BN), 11_383_427),
    (lambda: ResnetGenerator(blocks=6), 7_837_699),
    (lambda: UnetGenerator(), 54_413_955),
    (lambda: UnetGenerator(norm=IN), 54_409_603),
    (lambda: UnetGenerator(1, 2), 54_409_858),
    (lambda: UnetGenerator(downs=7), 41_828_995),
])
def test_parameter_counts_of_the_authors(make: object, expected: int) -> None:
    with torch.device('meta'):
        assert count(make()) == expected


@pytest.mark.parametrize('upsample', ['deconv', 'nearest', 'pixelshuffle'])
@pytest.mark.parametrize('padding', ['reflect', 'replicate', 'zero'])
def test_resnet_variants_keep_the_size_and_reach_every_weight(upsample: str, padding: str) -> None:
    net = ResnetGenerator(2, 1, 4, blocks=1, norm=BN, padding=padding, upsample=upsample)
    y = net(torch.randn(2, 2, 12, 16))
    assert y.shape == (2, 1, 12, 16) and y.abs().max() <= 1
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize('downs', [2, 3, 5, 6])
def test_unet_of_any_depth_uses_every_level(downs: int) -> None:
    net = UnetGenerator(3, 2, downs, 2, norm=BN)
    size = 2 ** downs
    assert net.size_divisor == size and len(net.down) == len(net.up) == downs
    y = net(torch.randn(2, 3, size, 2 * size))
    assert y.shape == (2, 2, size, 2 * size)
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_unet_drops_where_the_authors_do() -> None:
    def dropping(downs: int) -> list[int]:
        return [level for level, up in enumerate(UnetGenerator(downs=downs, base_channels=1).up)
                if isinstance(up.dropout, nn.Dropout)]
    assert dropping(8) == [4, 5, 6] and dropping(7) == [4, 5] and dropping(5) == []


def test_resnet_dropout_acts_in_training_only() -> None:
    net, x = ResnetGenerator(base_channels=4, blocks=1, dropout=0.5), torch.randn(1, 3, 16, 16)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(('args', 'expected'), [
    ({}, True), ({'norm': BN}, False), ({'dropout': 0.5}, False), ({'norm': {'type': 'LN'}}, True)])
def test_per_sample_is_true_exactly_when_batches_may_be_joined(args: dict, expected: bool) -> None:
    torch.manual_seed(0)
    net = ResnetGenerator(base_channels=4, blocks=1, **args).double()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    joined, apart = net(x), torch.cat([net(x[:1]), net(x[1:])])
    assert net.per_sample is expected is torch.allclose(joined, apart, rtol=1e-9)


def test_bias_rule_and_its_override() -> None:
    assert ResnetGenerator(base_channels=1, blocks=1).blocks[0].conv1.bias is not None
    assert ResnetGenerator(base_channels=1, blocks=1, norm=BN).blocks[0].conv1.bias is None
    assert ResnetGenerator(base_channels=1, blocks=1, bias=False).stem.conv.bias is None
    unet = UnetGenerator(base_channels=1, downs=3, bias=False)
    assert unet.up[0].conv.bias is not None and unet.down[0].conv.bias is None


@pytest.mark.parametrize(('net', 'shape', 'message'), [
    (ResnetGenerator(base_channels=1, blocks=1), (1, 3, 33, 36), 'multiples of 4, found 33x36'),
    (ResnetGenerator(base_channels=1, blocks=1), (1, 3, 4, 4), 'at least 8'),
    (ResnetGenerator(base_channels=1, blocks=1), (1, 1, 16, 16), r'\(N, 3, H, W\), found \(1, 1, 16, 16\)'),
    (UnetGenerator(base_channels=1, downs=3), (1, 3, 12, 16), 'multiples of 8'),
])
def test_images_that_do_not_fit_are_refused(net: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        net(torch.zeros(shape))


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: ResnetGenerator(padding='reflekt'), "Did you mean 'reflect'"),
    (lambda: ResnetGenerator(upsample='shuffle'), "Did you mean 'pixelshuffle'"),
    (lambda: ResnetGenerator(dropout=1.5), 'dropout'),
    (lambda: ResnetGenerator(base_channels=0), 'base_channels: expected an integer >= 1, found 0'),
    (lambda: UnetGenerator(downs=1), r'downs: expected an integer in \[2, 100\]'),
    (lambda: UnetGenerator(norm={'type': 'SPADE', 'cond_channels': 2}), 'needs a condition'),
])
def test_impossible_arguments_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def wide() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(64, 64, 5), BatchNorm(4096), nn.ConvTranspose2d(64, 64, 5), nn.Linear(256, 256),
                         InstanceNorm(8, affine=True))


@pytest.mark.parametrize(('kind', 'std'), [('normal', 0.05), ('xavier', 0.05 * (2 / 3200) ** 0.5),
                                           ('kaiming', (2 / 1600) ** 0.5), ('orthogonal', 0.05 / 40)])
def test_initial_weights_have_the_stated_statistics(kind: str, std: float) -> None:
    torch.manual_seed(0)
    conv, batch_norm, deconv, linear, instance_norm = init_weights(wide(), kind, gain=0.05)
    assert conv.weight.mean().item() == pytest.approx(0, abs=std / 50)
    assert conv.weight.std().item() == pytest.approx(std, rel=0.02)
    assert all(layer.bias.abs().max() == 0 for layer in (conv, deconv, linear, batch_norm))
    assert batch_norm.weight.mean().item() == pytest.approx(1, abs=0.005)
    assert batch_norm.weight.std().item() == pytest.approx(0.05, rel=0.1)
    assert torch.equal(instance_norm.weight, torch.ones(8))


def test_orthogonal_rows() -> None:
    linear = init_weights(nn.Linear(8, 4), 'orthogonal', gain=0.5)
    torch.testing.assert_close(linear.weight @ linear.weight.T, 0.25 * torch.eye(4))


@pytest.mark.parametrize('dim', [0, 1])
def test_gradients_of_spectral_normalisation_are_those_of_its_formula(dim: int) -> None:
    """The first ones, and the second ones that a gradient penalty takes; dim 1 is that of transposed convolutions."""
    weight, u, v = (torch.randn(size, dtype=torch.float64) for size in ((3, 4, 2, 2), (3 + dim,), (16 - 4 * dim,)))
    weight.requires_grad_()
    found = []
    for value in (Divided.apply(weight, u, v, dim),
                  weight / torch.dot(u, torch.mv(weight.transpose(0, dim).flatten(1), v))):
        first, = torch.autograd.grad(value.square().sum(), weight, create_graph=True)
        found.append((value, first, torch.autograd.grad(first.square().sum(), weight)[0]))
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=0)


def test_initialising_a_spectrally_normalised_layer() -> None:
    torch.manual_seed(0)
    conv = spectral_norm(nn.Conv2d(16, 16, 3))
    conv.eval()
    init_weights(conv, 'normal', gain=0.02)
    raw = conv.parametrizations.weight.original
    assert raw.std().item() == pytest.approx(0.02, rel=0.1) and not conv.training
    assert torch.linalg.matrix_norm(conv.weight.detach().flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_unknown_initialisation() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'xavier'"):
        init_weights(nn.Linear(1, 1), 'xaver')
