"""Discriminators: sizes and errors. (Numbers of the authors: test_converters.py.)"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from toolbox.discriminators import MultiscaleDiscriminator, MultiscaleLogits, PatchDiscriminator, PixelDiscriminator
from toolbox.errors import ConfigError

BN = {'type': 'BN'}


@pytest.mark.parametrize(('make', 'expected'), [
    (lambda: PatchDiscriminator(), 2_764_737),
    (lambda: PatchDiscriminator(6, norm=BN), 2_768_705),
    (lambda: PixelDiscriminator(6, norm=BN), 9_024),
    (lambda: MultiscaleDiscriminator(39), 5_603_202),
    (lambda: MultiscaleDiscriminator(39, scales=3), 8_404_803),
    (lambda: MultiscaleLogits(), 8_271_171),
])
def test_parameter_counts_of_the_authors(make: object, expected: int) -> None:
    with torch.device('meta'):
        assert sum(p.numel() for p in make().parameters()) == expected


@pytest.mark.parametrize(('size', 'logits'), [(256, 30), (128, 14), (64, 6), (32, 2), (24, 1)])
def test_map_sizes_of_three_layers(size: int, logits: int) -> None:
    net = PatchDiscriminator(base_channels=1)
    assert net(torch.rand(1, 3, size, 24)).shape == (1, 1, logits, 1)


@pytest.mark.parametrize(('layers', 'patch'), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_field(layers: int, patch: int) -> None:
    net = PatchDiscriminator(1, 1, layers, norm={'type': 'none'}).double()
    for p in net.parameters():
        nn.init.ones_(p)
    size = 2 ** layers * 24
    x = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    logits = net(x)
    centre = logits.shape[2] // 2
    logits[0, 0, centre, centre].backward()
    assert (x.grad[0, 0].sum(0) != 0).sum() == patch


@pytest.mark.parametrize(('layers', 'smallest'), [(1, 6), (2, 12), (3, 24), (5, 96)])
def test_too_small_images_are_told_the_smallest_size(layers: int, smallest: int) -> None:
    net = PatchDiscriminator(base_channels=1, layers=layers)
    assert net(torch.rand(1, 3, smallest, smallest)).shape == (1, 1, 1, 1)
    with pytest.raises(ConfigError, match=f'at least {smallest}'):
        net(torch.rand(1, 3, smallest, smallest - 1))


def test_several_scales_give_the_features_of_every_layer_the_finest_first() -> None:
    net = MultiscaleDiscriminator(base_channels=1)
    assert [[f.shape[2:] for f in scale] for scale in net(torch.rand(1, 3, 256, 128))] == [
        [(129, 65), (65, 33), (33, 17), (34, 18), (35, 19)], [(65, 33), (33, 17), (17, 9), (18, 10), (19, 11)]]
    assert net.smallest_size == 3
    net(torch.rand(1, 3, 3, 3))
    with pytest.raises(ConfigError, match='at least 3'):
        net(torch.rand(1, 3, 2, 3))


def test_spectral_norm_of_several_scales_leaves_out_the_first_and_the_last_layer() -> None:
    """And gives the layers before a norm no bias, as SPADE's code."""
    net = MultiscaleDiscriminator(base_channels=2, scales=1, spectral=True)
    assert sorted(key for key in net.state_dict() if key.endswith(('original', 'weight', 'bias'))) == [
        'scales.0.0.conv.bias', 'scales.0.0.conv.weight',
        *(f'scales.0.{layer}.conv.parametrizations.weight.original' for layer in (1, 2, 3)),
        'scales.0.4.bias', 'scales.0.4.weight']


@pytest.mark.parametrize(('scales', 'layers', 'smallest'), [(3, 4, 61), (1, 2, 4), (2, 3, 15)])
def test_logits_of_several_scales_and_the_smallest_image(scales: int, layers: int, smallest: int) -> None:
    net = MultiscaleLogits(base_channels=1, scales=scales, layers=layers)
    assert [x.shape[2:] for x in net(torch.rand(1, 3, 128, 64))] == [
        (128 // 2 ** (layers + i), 64 // 2 ** (layers + i)) for i in range(scales)]
    assert net(torch.rand(1, 3, smallest, 64))[-1].shape[2] == 1
    with pytest.raises(ConfigError, match=f'at least {smallest}'):
        net(torch.rand(1, 3, smallest - 1, 64))
    net.smallest_size -= 1
    with pytest.raises(RuntimeError, match='adding size'):
        net(torch.rand(1, 3, smallest - 1, 64))


@pytest.mark.parametrize(('spectral', 'normalised'), [('none', 0), ('inner', 3), ('all', 5)])
def test_which_layers_of_several_scales_are_spectrally_normalised(spectral: str, normalised: int) -> None:
    net = MultiscaleLogits(base_channels=1, spectral=spectral)
    for scale in net.scales:
        assert sum(key.endswith('original') for key in scale.state_dict()) == normalised
    assert net.per_sample == (spectral == 'none')
    assert ('scales.2.0.conv.weight' in net.state_dict()) == (spectral != 'all')


def test_the_slope_of_the_rectifier_is_an_argument() -> None:
    net = MultiscaleLogits(1, 1, scales=1, layers=1, slope=0.01)
    for p in net.parameters():
        nn.init.constant_(p, -1.0)
    assert net(torch.ones(1, 1, 4, 4))[0][0, 0, 0, 0].item() == pytest.approx(0.17 - 1)


def test_pixel_discriminator_sees_one_pixel() -> None:
    net = PixelDiscriminator(2, 4, norm={'type': 'none'})
    x = torch.rand(1, 2, 5, 7, requires_grad=True)
    net(x)[0, 0, 2, 3].backward()
    assert x.grad.abs().sum(1).nonzero().tolist() == [[0, 2, 3]]


@pytest.mark.parametrize('cls', [PatchDiscriminator, PixelDiscriminator])
def test_spectral_option_normalises_every_convolution(cls: type[nn.Module]) -> None:
    net = cls(base_channels=2, spectral=True)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == sum(key.endswith('.original') for key in net.state_dict())
    net(torch.rand(1, 3, 24, 24)).sum().backward()
    assert all(conv.parametrizations.weight.original.grad is not None for conv in convs)


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: PatchDiscriminator(layers=0), r'layers: expected an integer in \[1, 1000\], found 0'),
    (lambda: PixelDiscriminator(norm={'type': 'ILM'}), "Did you mean 'ILN'"),
    (lambda: PixelDiscriminator(base_channels=1)(torch.rand(1, 1, 4, 4)), r'expects images \(N, 3, H, W\)'),
])
def test_mistakes_are_explained(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
