"""Feature networks: frozen, invisible to what holds them, the same at any batch size, and clear about what they are."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT
from torch import Tensor, nn

from toolbox.errors import ConfigError, DataError
from toolbox.features import LPIPS, VGG16, FeatureNetwork, RandomFeatures
from toolbox.features.classifiers import NETWORKS, vgg
from toolbox.features.dino import SIZES
from toolbox.features.drn import BLOCKS
from toolbox.registry import FEATURES, build, known_names

# Every registered network with random weights, cut short where it is large.
SMALL: dict[str, dict[str, Any]] = {
    'FIDInception': {'outputs': ('pool_64',)}, 'ImageNetInception': {'outputs': ('pool_64',)},
    'VGG16': {'outputs': ('relu2_1',), 'size': 48}, 'VGG19': {'outputs': ('relu2_1',), 'size': None},
    'AlexNet': {'outputs': ('relu2',)}, 'EfficientNetLite0': {'outputs': ('stage2', 'pool'), 'size': 48},
    'LandmarkMasks': {'base_channels': 2}, 'DINO': {'side': 32}, 'DINOv2': {},
    'LPIPS': {'net': 'squeeze', 'linear': 'random'}, 'DRNSegmenter': {'depth': 54, 'classes': 3},
    'DeepLabSegmenter': {'classes': 3}}

WEIGHTLESS = ('PaletteReader', 'RandomFeatures', 'SceneReader')


def small(name: str, **args: Any) -> FeatureNetwork:
    weights = {} if name in WEIGHTLESS else {'weights': 'random'}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BLOCKS, 54, (1, 1, 1, 1))
        for size in 'BL':
            patch.setitem(SIZES, size, (12, 12, 3))
        patch.setattr('toolbox.features.deeplab.BLOCKS', (1, 1, 1, 1))
        return build({'type': name, **weights, **SMALL.get(name, {}), **args}, FEATURES)


@pytest.fixture(scope='module', params=known_names(FEATURES))
def network(request: pytest.FixtureRequest) -> FeatureNetwork:
    return small(request.param)


def pixels(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


# What every feature network promises

def test_network_is_frozen_and_invisible(network: FeatureNetwork) -> None:
    holder = nn.ModuleDict({'features': network}).train()
    assert not network.training and not any(module.training for module in network.net.modules())
    assert not any(p.requires_grad for p in network.net.parameters())
    assert not list(holder.parameters()) and not list(holder.buffers()) and not holder.state_dict()
    before = copy.deepcopy(network.net.state_dict())
    holder.half()
    after = network.net.state_dict()
    assert all(torch.equal(before[key], after[key]) and before[key].dtype == after[key].dtype for key in before)
    assert not any(value.is_meta for value in after.values())


def test_extract_gives_what_it_names_at_any_batch_size(network: FeatureNetwork) -> None:
    images, state = pixels(3, 3, 40, 56), torch.get_rng_state()
    together = network.extract(images)
    assert tuple(together) == network.outputs and torch.equal(torch.get_rng_state(), state)
    for name, value in together.items():
        assert len(value) == 3 and not value.requires_grad
        assert value.dtype == (torch.int64 if name == 'labels' else torch.float32)
        singly = torch.cat([network.extract(image[None])[name] for image in images])
        assert torch.equal(value, singly) and torch.equal(value, network.extract(list(images))[name])
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert all(torch.equal(network.extract(images)[name], value) for name, value in together.items())


def test_every_available_output_can_be_asked_for(network: FeatureNetwork) -> None:
    found = network.extract(pixels(1, 3, 64, 64), network.available)
    assert set(found) == set(network.available) and all(torch.isfinite(value).all() for value in found.values())
    first = network.available[0]
    assert torch.equal(network.extract(pixels(1, 3, 64, 64), first)[first], found[first])


def test_wrong_requests_are_explained(network: FeatureNetwork) -> None:
    with pytest.raises(ConfigError, match=r"outputs: expected one of .*, found 'pol'"):
        network.extract(pixels(1, 3, 32, 32), ('pol',))
    with pytest.raises(ConfigError, match='at least one of'):
        network.extract(pixels(1, 3, 32, 32), ())
    for wrong in (torch.zeros(1, 3, 32, 32), pixels(1, 1, 32, 32), pixels(3, 32, 32)):
        with pytest.raises(DataError, match=r'expects uint8 RGB images \(N, 3, H, W\), found torch'):
            network.extract(wrong)


def test_protocol_and_key(network: FeatureNetwork) -> None:
    name = type(network).__name__
    if name in ('PaletteReader', 'SceneReader'):
        assert network.protocol == f'{name}, no weights, not resized'
        return
    assert network.protocol.startswith(f'{name}, ') and 'seeded random weights (seed 0)' in network.protocol
    other = small(name, seed=1)
    assert other.key != network.key and 'seed 1' in other.protocol


@pytest.mark.parametrize('name', [name for name in known_names(FEATURES) if name not in WEIGHTLESS])
def test_weights_are_asked_for_when_they_are_needed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(url: str, target: Path) -> None:
        raise DataError('offline') from OSError('offline')
    monkeypatch.setattr('toolbox.features.weights.download', refuse)
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path))
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)  # packages that bring files
    for device in ('meta', 'cpu'):
        with torch.device(device):
            network = build({'type': name}, FEATURES)
        assert all(p.is_meta for p in network._net.parameters())
        assert network.to('cpu').available  # nothing but the weights is missing
    assert not list(tmp_path.iterdir())
    for use in (network.load, lambda: network.key, lambda: network.protocol,
                lambda: network.extract(pixels(1, 3, 32, 32))):
        with pytest.raises(DataError, match=rf'{name}.weights: the file .* is needed(?s:.*){tmp_path}/weights/'):
            use()


# Single networks

def test_random_features_are_the_same_everywhere() -> None:
    ramp = torch.arange(3 * 32 * 32, dtype=torch.int64).remainder(256).to(torch.uint8).view(1, 3, 32, 32)
    found = RandomFeatures(channels=8).extract(ramp)['pool'][0]
    torch.testing.assert_close(found, torch.tensor(
        [0.032861, 0.0, 0.071354, 0.046439, 0.01677, 0.053068, 0.0, 0.016216]), rtol=1e-4, atol=1e-6)


def test_images_of_several_sizes_in_one_list() -> None:
    net, images = RandomFeatures(), [pixels(3, 20, 30), pixels(3, 50, 40)]
    found = net.extract(images)['pool']
    assert torch.equal(found, torch.cat([net.extract(image[None])['pool'] for image in images]))


def narrow_vgg(monkeypatch: pytest.MonkeyPatch, *widths: int) -> None:
    monkeypatch.setitem(NETWORKS, 'VGG16', (lambda: vgg(2, 2, 3, 3, 3, widths=widths), NETWORKS['VGG16'][1]))


def test_vgg_ends_at_the_last_output_and_names_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow_vgg(monkeypatch, 4, 4, 4, 4, 4)
    net = VGG16(('relu1_2', 'conv3_1'), weights='random')
    assert len(net.net.features) == 11 and not len(net.net.classifier)
    assert net.available[-1] == 'conv3_1' and 'relu3_1' not in net.available
    found = net.extract(pixels(2, 3, 32, 32))
    assert found['relu1_2'].shape == (2, 4, 224, 224) and found['conv3_1'].shape == (2, 4, 56, 56)
    assert found['relu1_2'].min() == 0 and found['conv3_1'].min() < 0
    assert VGG16('fc2', weights='random').extract(pixels(2, 3, 32, 32))['fc2'].shape == (2, 4096)
    with pytest.raises(ConfigError, match=r"VGG16.outputs: expected one of .*, found 'relu6_1'"):
        VGG16(('relu6_1',), weights='random')


def test_taps_let_gradients_through_and_normalise(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow_vgg(monkeypatch, 4, 4, 4, 4, 4)
    images = pixels(2, 3, 32, 32)
    x = (images / 127.5 - 1).requires_grad_()
    for normalise in ('imagenet', 'none'):
        net = VGG16(('relu2_2',), size=None, normalise=normalise, weights='random')
        tap = net.taps(x)['relu2_2']
        torch.testing.assert_close(tap, net.extract(images)['relu2_2'])
        (gradient,) = torch.autograd.grad(tap.sum(), x)
        assert gradient.abs().sum() > 0
    seen: list[Tensor] = []
    net = VGG16(('relu1_1',), size=None, weights='random')
    net.net.features[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    net.extract(torch.full((1, 3, 8, 8), 255, dtype=torch.uint8))
    white = torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    torch.testing.assert_close(seen[0][0, :, 0, 0], white)


def test_taps_in_half_precision_are_computed_in_float32() -> None:
    net, x = VGG16(('relu1_1',), weights='random'), torch.rand(1, 3, 16, 16).half()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert net.taps(x)['relu1_1'].dtype == torch.float32


def test_lpips_is_a_distance_with_gradients() -> None:
    net = LPIPS('squeeze', weights='random', linear='random')
    a, b = (torch.rand(2, 3, 48, 40, generator=torch.Generator().manual_seed(i)) * 2 - 1 for i in range(2))
    assert net.distance(a, a).tolist() == [0, 0] and (net.distance(a, b) > 0).all()
    torch.testing.assert_close(net.distance(a, b), net.distance(b, a))
    black = torch.full_like(a, -1).requires_grad_()  # where channels may all be 0
    net.distance(black, b).sum().backward()
    assert torch.isfinite(black.grad).all() and black.grad.abs().sum() > 0


@pytest.mark.parametrize('name', ['DRNSegmenter', 'DeepLabSegmenter'])
def test_segmenters_give_labels_of_the_size_asked_for(name: str) -> None:
    images = pixels(1, 3, 44, 60)
    net, large = small(name), small(name, size=[88, 120])
    found = net.extract(images, ('labels', 'scores'))
    assert found['labels'].shape == (1, 44, 60) and found['scores'].shape == (1, 3, 44, 60)
    assert torch.equal(found['labels'], found['scores'].argmax(1))
    assert large.extract(images)['labels'].shape == (1, 88, 120) and large.key != net.key
    for wrong in ((88,), 88, (88, 0)):
        with pytest.raises(ConfigError, match='size: expected'):
            small(name, size=wrong)


def test_every_network_is_documented_with_its_file() -> None:
    page = (ROOT / 'docs/features.md').read_text()
    for name in known_names(FEATURES):
        assert (FEATURES.get(name).__doc__ or '').strip() and (f'| `{name}` |' in page or f'| `{name}(' in page), name
