"""Feature networks: equal to the public implementations on seeded weights, frozen, and invisible to what holds them."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import SHARED
from torch import Tensor, nn

from toolbox.errors import ConfigError, DataError
from toolbox.features import LPIPS, VGG16, FeatureNetwork, FIDInception, RandomFeatures
from toolbox.features.classifiers import NETWORKS, Classifier, vgg
from toolbox.features.deeplab import DeepLabV2
from toolbox.features.drn import BLOCKS, DilatedResidualNet
from toolbox.features.inception import InceptionV3
from toolbox.registry import FEATURES, build, known_names

# Every registered network with random weights, cut short where it is large.
SMALL: dict[str, dict[str, Any]] = {
    'FIDInception': {'outputs': ('pool_64',)}, 'ImageNetInception': {'outputs': ('pool_64',)},
    'VGG16': {'outputs': ('relu2_1',), 'size': 48}, 'VGG19': {'outputs': ('relu2_1',), 'size': None},
    'AlexNet': {'outputs': ('relu2',)},
    'LPIPS': {'net': 'squeeze', 'linear': 'random'}, 'DRNSegmenter': {'depth': 54, 'classes': 3},
    'DeepLabSegmenter': {'classes': 3}}
# FID-Inception's name of the same features in torch-fidelity.
FIDELITY = {'64': 'pool_64', '192': 'pool_192', '768': 'pool_768', '2048': 'pool', 'logits': 'logits',
            'logits_unbiased': 'logits_unbiased'}


def small(name: str, **args: Any) -> FeatureNetwork:
    weights = {} if name == 'RandomFeatures' else {'weights': 'random'}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BLOCKS, 54, (1, 1, 1, 1))
        patch.setattr('toolbox.features.deeplab.BLOCKS', (1, 1, 1, 1))
        return build({'type': name, **weights, **SMALL.get(name, {}), **args}, FEATURES)


@pytest.fixture(scope='module', params=known_names(FEATURES))
def network(request: pytest.FixtureRequest) -> FeatureNetwork:
    return small(request.param)


def pixels(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def recipe(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Weights of the parity fixtures: numbers of NumPy's RandomState in the order of the keys."""
    generator, state = np.random.RandomState(seed), {}
    for key, shape in shapes.items():
        if key.endswith('num_batches_tracked'):
            continue
        if key.endswith(('running_var', 'bn.weight')):
            values = generator.rand(*shape) * 0.5 + 0.75
        elif key.endswith(('running_mean', 'bias')):
            values = generator.randn(*shape) * 0.1
        else:
            values = generator.randn(*shape) * np.sqrt(2 / np.prod(shape[1:]))
        state[key] = torch.from_numpy(np.asarray(values, np.float32))
    return state


def on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.device('meta'):
        return make()


def shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in net.state_dict().items()}


def numbers(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(scope='module')
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of the fixtures, in a file without num_batches_tracked, like the public one."""
    path = tmp_path_factory.mktemp('weights') / 'inception.pth'
    torch.save(recipe(shapes(on_meta(lambda: InceptionV3(1008, True))), 0), path)
    return path


@pytest.fixture(scope='module')
def inception(inception_file: Path) -> Callable[[str], FIDInception]:
    net = FIDInception(weights=str(inception_file))

    def with_preprocessing(name: str) -> FIDInception:
        net.recipe = name
        return net
    return with_preprocessing


# Names and numbers of the public files

def test_the_keys_are_those_of_the_public_inception_file() -> None:
    listed = '\n'.join(f'{key} {list(shape)}' for key, shape in shapes(on_meta(lambda: InceptionV3(1008, True))).items())
    # Of parity/metrics/fid_inception_keys.json, in its order.
    assert hashlib.sha256(listed.encode()).hexdigest()[:16] == '8ca497103391675d'
    path = SHARED / 'parity/metrics/fid_inception_keys.json'
    if path.exists():
        assert listed == '\n'.join(f'{key} {shape}' for key, shape, _ in json.loads(path.read_text())['keys'])


@pytest.mark.parametrize(('make', 'expected'), [
    (NETWORKS['VGG16'][0], 138_357_544), (NETWORKS['VGG19'][0], 143_667_240), (NETWORKS['AlexNet'][0], 61_100_840),
    (NETWORKS['SqueezeNet'][0], 1_235_496), (lambda: InceptionV3(1000, False), 27_161_264 - 3_326_696)],  # less AuxLogits
    ids=['VGG16', 'VGG19', 'AlexNet', 'SqueezeNet', 'Inception'])
def test_number_of_parameters_is_the_published_one(make: Callable[[], nn.Module], expected: int) -> None:
    assert numbers(on_meta(make)) == expected


def test_the_segmenters_have_the_published_sizes_and_names() -> None:
    drn, deeplab = on_meta(lambda: DilatedResidualNet(105, 1000, None)), on_meta(lambda: DeepLabV2(182))
    assert round((numbers(drn) - numbers(drn.up)) / 1e6, 1) == 54.8  # as a classifier of 1000 classes
    assert numbers(deeplab) == 42_500_160 + 4 * 182 * (2048 * 9 + 1)  # a ResNet-101 without its head, and ASPP
    parts = {'base.0.0.weight', 'base.2.1.running_var', 'base.3.0.conv2.weight', 'base.5.22.bn3.bias',
             'base.6.0.downsample.1.running_mean', 'base.8.0.weight', 'seg.bias', 'up.weight'}
    assert parts <= set(drn.state_dict())
    parts = {'base.layer1.conv1.conv.weight', 'base.layer2.block1.shortcut.bn.bias',
             'base.layer4.block23.reduce.conv.weight', 'base.layer5.block3.increase.bn.running_var', 'base.aspp.c3.bias'}
    assert parts <= set(deeplab.state_dict())


# Agreement with other implementations

@pytest.mark.parity
@pytest.mark.parametrize('size', ['64', '256', '299', '400'])
def test_inception_equals_the_public_ones(inception: Callable, parity: Callable, size: str) -> None:
    case = {str(k): v for k, v in parity('inception_seeded')['cases'].items()}[size]
    image = case['image'][:1]
    expected = {FIDELITY[str(name)]: value[:1] for name, value in case['torch_fidelity'].items()}
    found = inception('tf_legacy').extract(image, tuple(expected))
    found['pytorch_fid'] = inception('pytorch_fid').extract(image, ('pool',))['pool']
    found['clean'] = inception('clean').extract(image, ('pool',))['pool']
    expected.update(pytorch_fid=case['pytorch_fid_2048'][:1], clean=case['clean_fid_2048'][:1])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    # The comparison can fail: even where nothing is resized, the preprocessings differ by far more.
    assert (found['pool'] - found['pytorch_fid']).abs().max() > 1e-3


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Of rows of features, by the eigenvalues of the product of their covariances."""
    product = np.linalg.eigvals(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False))
    roots = np.sqrt(np.clip(product.real, 0, None)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.cov(a, rowvar=False).trace() + np.cov(b, rowvar=False).trace()
                 - 2 * roots)


@pytest.mark.parity
@pytest.mark.parametrize('dims', [64, 192])
def test_maps_give_the_sifid_of_the_authors(inception: Callable, parity: Callable, dims: int) -> None:
    data, net = parity('sifid_seeded'), inception('none')
    rows = [net.extract(data[key], (f'spatial_{dims}',))[f'spatial_{dims}'][0].flatten(1).T.double().numpy()
            for key in ('real', 'fake')]
    assert len(rows[0]) == data['sifid'][f'dims{dims}_positions']
    assert frechet(*rows) == pytest.approx(data['sifid'][f'dims{dims}'], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parity
def test_fid_of_small_images_is_that_of_torch_fidelity(inception: Callable, parity: Callable) -> None:
    data, net = parity('fid_images_seeded'), inception('tf_legacy')
    rows = [net.extract(data[key], ('pool_64',))['pool_64'].double().numpy() for key in ('real', 'fake')]
    assert frechet(*rows) == pytest.approx(data['fid']['torch_fidelity_64'], rel=1e-3)


@pytest.mark.parity
@pytest.mark.parametrize('name', ['alex', 'vgg', 'squeeze'])
def test_lpips_equals_the_authors(parity: Callable, name: str) -> None:
    data = parity('lpips_seeded')
    case, net = data['nets'][name], LPIPS(name, weights='random', linear='random')
    trunk = shapes(net.net.trunk.features)
    net.net.trunk.features.load_state_dict(recipe({key: trunk[key] for key in case['trunk_keys']}, data['seed']))
    net.net.lins.load_state_dict({key: value for key, value in case['lin'].items() if 'lins' not in key})
    a, b = (data[key] / 127.5 - 1 for key in 'xy')
    torch.testing.assert_close(net.distance(a, b), case['lpips'], rtol=1e-5, atol=1e-7)
    embedded = [net.extract(data[key])['embedding'] for key in 'xy']
    torch.testing.assert_close((embedded[0] - embedded[1]).square().sum(1), case['lpips'], rtol=1e-5, atol=1e-7)


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
    with pytest.raises(ConfigError, match=r"outputs: 'pol' is not possible.*Known"):
        network.extract(pixels(1, 3, 32, 32), ('pol',))
    with pytest.raises(ConfigError, match='at least one of'):
        network.extract(pixels(1, 3, 32, 32), ())
    for wrong in (torch.zeros(1, 3, 32, 32), pixels(1, 1, 32, 32), pixels(3, 32, 32)):
        with pytest.raises(DataError, match=r'describes uint8 RGB images \(N, 3, H, W\), found torch'):
            network.extract(wrong)


def test_protocol_and_key(network: FeatureNetwork) -> None:
    name = type(network).__name__
    assert network.protocol.startswith(f'{name}, ') and 'seeded random weights (seed 0)' in network.protocol
    other = small(name, seed=1)
    assert other.key != network.key and 'seed 1' in other.protocol


@pytest.mark.parametrize('name', [name for name in known_names(FEATURES) if name != 'RandomFeatures'])
def test_weights_are_asked_for_when_they_are_needed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(url: str, target: Path) -> None:
        raise DataError('offline') from OSError('offline')
    monkeypatch.setattr('toolbox.features.weights.download', refuse)
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path))
    for device in ('meta', 'cpu'):
        with torch.device(device):
            network = build({'type': name}, FEATURES)
        assert all(p.is_meta for p in network._net.parameters())
        assert network.to('cpu').available  # nothing but the weights is missing
    assert not list(tmp_path.iterdir())
    for use in (network.load, lambda: network.key, lambda: network.protocol, lambda: network.extract(pixels(1, 3, 32, 32))):
        with pytest.raises(DataError, match=rf'{name}.weights: the file .* is needed(?s:.*){tmp_path}/weights/'):
            use()


# Single networks

def test_preprocessings_have_keys_of_their_own(inception_file: Path) -> None:
    networks = [FIDInception(preprocess=name, weights=str(inception_file)) for name in ('tf_legacy', 'clean')]
    assert networks[0].key != networks[1].key
    assert networks[0].protocol.startswith('FIDInception, weights inception.pth (sha256 ')
    assert networks[1].protocol.endswith('Pillow bicubic to 299, antialiased, not rounded, (x - 128) / 128')
    assert FIDInception(('logits',), weights=str(inception_file)).key == networks[0].key  # one pass serves both
    with pytest.raises(ConfigError, match=r"preprocess: 'tf_legac' is not possible. Did you mean 'tf_legacy'"):
        FIDInception(preprocess='tf_legac', weights=str(inception_file))


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
    with pytest.raises(ConfigError, match=r"VGG16.outputs: 'relu6_1' is not possible"):
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
        with pytest.raises(ConfigError, match=rf'{name}.size.*: expected'):
            small(name, size=wrong)


def test_classifier_names_are_its_own() -> None:
    for make, _ in NETWORKS.values():
        net = on_meta(make)
        assert isinstance(net, Classifier) and list(net.taps.values()) == sorted(net.taps.values(), key=lambda t: (
            t[0] == 'classifier', t[1]))
