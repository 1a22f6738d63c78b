"""StarGAN and StarGAN v2: networks with the authors' weights give the authors' numbers."""

from __future__ import annotations

import pytest
import torch
from recipe import assert_probe, fill
from sampled import assert_close, assert_outputs, flattened
from test_converters import official_state
from tiny import config_file

from toolbox.backbones import StarGANGenerator, StarGANv2Generator
from toolbox.converters import FAMILIES, from_official
from toolbox.discriminators import StarGANDiscriminator, StarGANv2Discriminator
from toolbox.errors import ConfigError
from toolbox.features.landmarks import masks_of
from toolbox.registry import BACKBONES, DISCRIMINATORS, build

FAMILY = {'sg': 'stargan', 'sgv2': 'starganv2'}
NETWORKS = ['sg_generator', 'sg_discriminator', 'sgv2_resblk', 'sgv2_adainresblk', 'sgv2_adainresblk_hpf1',
            'sgv2_generator_hpf0', 'sgv2_generator_hpf1',
            'sgv2_mapping', 'sgv2_style_encoder', 'sgv2_discriminator']
FULL = ['full_sg_generator', 'full_sg_discriminator', 'full_sgv2_generator_hpf1',
        'full_sgv2_mapping', 'full_sgv2_style_encoder', 'full_sgv2_discriminator', 'full_sgv2_fan']


def call(net: torch.nn.Module, inputs: dict) -> torch.Tensor:
    """The official generator takes its two masks as one argument."""
    masks = [inputs[key] for key in sorted(inputs) if key.startswith('mask')]
    rest = [value for key, value in inputs.items() if not key.startswith('mask')]
    with torch.no_grad():
        return net(*rest, *([masks] if masks else []))


@pytest.mark.parity
@pytest.mark.parametrize('name', NETWORKS)
def test_networks_of_the_authors(parity, name: str) -> None:
    data = parity(name)
    family = FAMILY[name.split('_')[0]]
    net = from_official(family, data['cls'], data['args'], data['state_dict'])
    atol = 1e-4 if max(data['f32_vs_f64_maxdiff'].values()) > 5e-6 else 1e-5
    for mode, expected in sorted(data['outputs'].items()):  # eval first: train changes running statistics
        net.train(mode == 'train')
        assert_outputs(call(net, data['inputs']), expected, atol)
    recipe = FAMILIES[family][data['cls']]
    state = official_state(net, recipe, recipe.complete(data['args'], name))
    for key, value in data['state_after_train_forward'].items():
        assert_close(state[key], value, atol=1e-5, rtol=1e-5)


@pytest.mark.parity
@pytest.mark.slow
@pytest.mark.parametrize('name', FULL)
def test_networks_of_default_width(parity, name: str) -> None:
    data = parity(name)
    assert sorted(data['state_keys']) == data['state_keys']
    shapes = dict(zip(data['state_keys'], map(tuple, data['state_shapes']), strict=True))
    net = from_official(FAMILY[name.split('_')[1]], data['cls'], data['args'], fill(shapes))
    unused = sum(torch.Size(shape).numel() for key, shape in shapes.items()
                 if 'w_hpf' in data['args'] and data['args']['w_hpf'] and 'decode' in key and 'conv1x1' in key)
    assert sum(p.numel() for p in net.parameters()) == data['num_params'] - unused
    for mode, probes in sorted(data['outputs'].items()):  # eval first: train changes running statistics
        outs = flattened(call(net.train(mode == 'train'), data['inputs']))
        for out, probe in zip(outs, probes.values(), strict=True):
            assert_probe(out, probe)


def test_images_and_labels_that_do_not_fit_are_refused() -> None:
    G = StarGANGenerator(labels=3, base_channels=2, blocks=1)
    with pytest.raises(ConfigError, match=r'labels \(2, 3\), found \(2, 4\)'):
        G(torch.zeros(2, 3, 8, 8), torch.zeros(2, 4))
    with pytest.raises(ConfigError, match='16x16, found 32x32'):
        StarGANDiscriminator(size=16, base_channels=2, layers=2)(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ConfigError, match='multiple of 64'):
        StarGANDiscriminator(size=100)
    with pytest.raises(ConfigError, match='power of two'):
        StarGANv2Discriminator(size=48)
    with pytest.raises(ConfigError, match='high_pass=1'):
        StarGANv2Generator(size=16, style=4, base_channels=2, max_channels=4, masks=torch.nn.Identity())
    G = StarGANv2Generator(size=16, style=4, base_channels=2, max_channels=4)
    with pytest.raises(ConfigError, match='masks: no effect without high_pass'):
        G(torch.zeros(1, 3, 64, 64), torch.zeros(1, 4), masks=[torch.ones(1, 1, 64, 64)] * 2)
    D = StarGANv2Discriminator(size=16, base_channels=2, max_channels=4)
    with pytest.raises(ConfigError, match=r'one domain per image.*\(2,\), found \(1,\)'):
        D(torch.zeros(2, 3, 16, 16), torch.zeros(1, dtype=torch.long))


@pytest.mark.parametrize(('size', 'width'), [(64, 256), (128, 128), (256, 64)])
def test_first_layers_of_the_configs_are_as_wide_as_the_authors_at_any_size(size: int, width: int) -> None:
    model = config_file('configs/starganv2/afhq.py').model
    nets = dict(G=BACKBONES, E=BACKBONES, D=DISCRIMINATORS)
    with torch.device('meta'):
        built = [build({**model[name], 'size': size}, registry) for name, registry in nets.items()]
    firsts = [next(layer for layer in net.modules() if isinstance(layer, torch.nn.Conv2d)) for net in built]
    assert [layer.out_channels for layer in firsts] == [width] * 3


@pytest.mark.parity
def test_masks_of_heat_maps(parity) -> None:
    data = parity('sgv2_fan_preprocess')
    row, column = (x[:, :, None, None] for x in data['inputs']['points'].unbind(-1))
    sigma, amplitude = (data['inputs'][key][:, :, None, None] for key in ('sigma', 'amplitude'))
    place = torch.arange(256.0)
    distance = (place[:, None] - row) ** 2 + (place - column) ** 2
    outs = masks_of(amplitude * torch.exp(-distance / (2 * sigma ** 2)))
    assert_outputs(outs, data['outputs'], 1e-5)
