"""Feature networks have the names and sizes of the public files, and on seeded weights equal the public
implementations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SHARED
from torch import Tensor, nn

from toolbox.errors import ConfigError
from toolbox.features import LPIPS, FIDInception
from toolbox.features.classifiers import NETWORKS, Classifier
from toolbox.features.deeplab import DeepLabV2
from toolbox.features.drn import DilatedResidualNet
from toolbox.features.inception import InceptionV3

# FID-Inception's name of the same features in torch-fidelity.
FIDELITY = {'64': 'pool_64', '192': 'pool_192', '768': 'pool_768', '2048': 'pool', 'logits': 'logits',
            'logits_unbiased': 'logits_unbiased'}


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
    listed = '\n'.join(f'{key} {list(shape)}' for key,
                       shape in shapes(on_meta(lambda: InceptionV3(1008, True))).items())
    # Of parity/metrics/fid_inception_keys.json, in its order.
    assert hashlib.sha256(listed.encode()).hexdigest()[:16] == '8ca497103391675d'
    path = SHARED / 'parity/metrics/fid_inception_keys.json'
    if path.exists():
        assert listed == '\n'.join(f'{key} {shape}' for key, shape, _ in json.loads(path.read_text())['keys'])


@pytest.mark.parametrize(('make', 'expected'), [
    (NETWORKS['VGG16'][0], 138_357_544), (NETWORKS['VGG19'][0], 143_667_240), (NETWORKS['AlexNet'][0], 61_100_840),
    # less AuxLogits
    (NETWORKS['SqueezeNet'][0], 1_235_496), (lambda: InceptionV3(1000, False), 27_161_264 - 3_326_696)],
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
             'base.layer4.block23.reduce.conv.weight', 'base.layer5.block3.increase.bn.running_var',
             'base.aspp.c3.bias'}
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
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.cov(a,
                                                               rowvar=False).trace() + np.cov(b, rowvar=False).trace()
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


def test_preprocessings_have_keys_of_their_own(inception_file: Path) -> None:
    networks = [FIDInception(preprocess=name, weights=str(inception_file)) for name in ('tf_legacy', 'clean')]
    assert networks[0].key != networks[1].key
    assert networks[0].protocol.startswith('FIDInception, weights inception.pth (sha256 ')
    assert networks[1].protocol.endswith('Pillow bicubic to 299, antialiased, not rounded, (x - 128) / 128')
    assert FIDInception(('logits',), weights=str(inception_file)).key == networks[0].key  # one pass serves both
    with pytest.raises(ConfigError, match=r"preprocess: expected one of .* Did you mean 'tf_legacy'"):
        FIDInception(preprocess='tf_legac', weights=str(inception_file))


def test_classifier_names_are_its_own() -> None:
    for make, _ in NETWORKS.values():
        net = on_meta(make)
        assert isinstance(net, Classifier) and list(net.taps.values()) == sorted(net.taps.values(), key=lambda t: (
            t[0] == 'classifier', t[1]))
