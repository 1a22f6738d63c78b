"""The vision transformer of DINO and DINOv2: its numbers beside another implementation's, its files, its metrics."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bound import bound
from conftest import ROOT
from torch import Tensor, nn

from toolbox.errors import CheckpointError, DataError
from toolbox.features import DINO, DINOv2
from toolbox.features.dino import SIZES
from toolbox.features.vit import VisionTransformer
from toolbox.features.weights import random_state
from toolbox.methods.directions import Shown
from toolbox.metrics import KID, FDDINOv2, StructureDistance
from toolbox.metrics.frechet import frechet_distance

# What transformers 5.24.0 says (Dinov2Model, Dinov2WithRegistersModel, ViTModel) with the weights and images by the
# rules below. Where the authors interpolate positions in another way, it was given positions by their formula.
EXPECTED = ROOT / 'tests/data/parity/vit.npz'
CASES: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    'dinov2': (dict(layer_scale=True), (24, 24)),
    'dinov2_smaller': (dict(layer_scale=True), (16, 16)),
    'registers': (dict(layer_scale=True, registers=4, offset=0.0, antialias=True), (16, 28)),
    'dino': ({}, (24, 24)),
    'dino_larger': ({}, (32, 32))}


def by_rule(net: nn.Module) -> dict[str, Tensor]:
    """Weights of which none is 0 or 1, from the names and shapes alone."""
    state = {}
    for key, value in net.state_dict().items():
        drawn = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(tuple(value.shape)) * 0.3
        state[key] = torch.from_numpy(drawn + (value.ndim == 1 and not key.endswith('bias'))).float()
    return state


def network(case: str) -> tuple[VisionTransformer, Tensor]:
    """Two blocks of 16 numbers and 4 heads with patches of 4 x 4, and two images."""
    args, size = CASES[case]
    net = VisionTransformer(16, 2, 4, 4, 24, **args)
    net.load_state_dict(by_rule(net))
    images = np.random.RandomState(0).standard_normal((2, 3, *size))
    return net.eval(), torch.from_numpy(images).float()


def shown(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Some of the tokens, for small files."""
    return {name: value if value.ndim == 2 else value[:, ::5] for name, value in found.items()}


@pytest.mark.parity
@pytest.mark.parametrize('case', CASES)
def test_numbers_are_those_of_another_implementation(case: str) -> None:
    net, images = network(case)
    with torch.no_grad():
        found = shown(net(images, ('cls', 'patches', 'keys1')))
    with np.load(EXPECTED) as expected:
        for name, value in found.items():
            np.testing.assert_allclose(value.numpy(), expected[f'{case}/{name}'], rtol=1e-5, atol=1e-5, err_msg=name)


def test_sizes_are_those_that_the_authors_state() -> None:
    """21, 86 and 304 millions of DINOv2; 21 and 85 millions of DINO."""
    def count(features: DINO | DINOv2) -> int:
        return sum(p.numel() for p in features._net.parameters())
    mask = {size: SIZES[size][0] for size in SIZES}  # a token that only training needs
    assert [count(DINOv2(size=size)) + mask[size] for size in 'SBL'] == [22_056_576, 86_580_480, 304_368_640]
    assert count(DINOv2(size='S', registers=True)) - count(DINOv2(size='S')) == 4 * 384
    assert [count(DINO(size=size, patch=patch)) for size, patch in (('S', 8), ('S', 16), ('B', 8), ('B', 16))] == [
        21_670_272, 21_665_664, 85_807_872, 85_798_656]


# With narrow networks

@pytest.fixture(autouse=True)
def narrow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path / 'cache'))
    if 'authors_state' not in request.node.name:
        for size in 'SBL':
            monkeypatch.setitem(SIZES, size, (12, 12, 3))
    yield


def pixels(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_files_of_the_authors_load_and_others_are_explained(tmp_path: Path) -> None:
    for net, more in ((DINOv2(size='S', registers=True), {'mask_token': torch.zeros(1, 12)}), (DINO(size='S'), {})):
        state = random_state(net._net, 3)
        torch.save(state | more, path := tmp_path / 'file.pth')
        args = dict(registers=True) if more else {}
        loaded = type(net)(size='S', weights=str(path), **args)
        assert all(torch.equal(value, state[key]) for key, value in loaded.net.state_dict().items())
        assert 'weights file.pth (sha256 ' in loaded.protocol
    with pytest.raises(CheckpointError, match=r'(?s)DINOv2.weights: .*file.pth does not fit.*ls1.gamma'):
        DINOv2(size='S', weights=str(path)).load()


@pytest.mark.fault
def test_a_file_without_a_published_checksum_is_not_downloaded() -> None:
    with pytest.raises(DataError, match=r'(?s)dinov2_vitl14_reg4_pretrain.pth is needed and cannot be downloaded .*'
                                        r'https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_reg4'):
        DINOv2(registers=True).load()


def test_what_the_networks_see() -> None:
    images = pixels(1, 3, 40, 64)
    assert DINOv2(weights='random').preprocess(images).shape == (1, 3, 224, 224)
    white = DINOv2(weights='random').preprocess(torch.full_like(images, 255))
    torch.testing.assert_close(white[0, :, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))
    rounded, exact = (DINOv2(weights='random', preprocess=how).preprocess(images) for how in ('dgm_eval', 'edm2'))
    inner = ((rounded - exact).abs() * 255 * 0.225)[:, :, 30:-30, 30:-30]
    assert 0.1 < inner.max() < 60  # the filters are nearly the same; one rounds and cuts off
    assert DINO(weights='random').preprocess(images).shape == (1, 3, 224, 358)
    with pytest.raises(DataError, match='multiples of 14'):
        DINOv2(weights='random', preprocess='none').extract(images)
    with pytest.raises(DataError, match='at least 8x8'):
        DINO(weights='random', side=None).extract(pixels(1, 3, 7, 30))


def test_blocks_after_the_last_one_needed_are_not_computed() -> None:
    net = DINO(size='S', side=None, weights='random')
    expected = net.extract(pixels(1, 3, 16, 16), ('keys1', 'cls'))['keys1']
    for block in net.net.blocks[1:]:
        block.attn.proj = block.mlp = None
    assert torch.equal(net.extract(pixels(1, 3, 16, 16), ('keys1',))['keys1'], expected)


TINY = dict(type='DINO', size='S', side=16, weights='random')


def samples(count: int) -> list[dict[str, Any]]:
    return [{'A': pixels(3, 16, 24, seed=i), 'B': pixels(3, 16, 24, seed=50 + i),
             'fake_B': pixels(3, 16, 24, seed=90 + i), 'meta': {'A_path': f'{i}.png'}} for i in range(count)]


def test_fd_dinov2_is_the_distance_of_class_tokens() -> None:
    features = dict(type='DINOv2', size='S', weights='random')
    metric, batch = bound(FDDINOv2(features=features)), samples(4)
    metric.process(None, batch)
    found = metric.evaluate(4)
    net = DINOv2(size='S', weights='random')
    rows = [net.extract(torch.stack([sample[key] for sample in batch]))['cls'].numpy() for key in ('fake_B', 'B')]
    assert found['FDDINOv2'] == pytest.approx(frechet_distance(*rows), rel=1e-6) and found['FDDINOv2_KID']
    assert 'ViT-S/14, Pillow bicubic to 224' in metric.protocol and not metric.higher_is_better
    assert FDDINOv2().features == dict(type='DINOv2') and FDDINOv2().output == 'cls'
    assert KID(features=features, output='cls').network is metric.network


def reference(keys: Tensor, other: Tensor, heads: int = 3) -> float:
    """As Splice has it: keys by head, put side by side, cosines, mean squared error."""
    maps = []
    for x in (keys, other):
        by_head = x.reshape(len(x), heads, -1).permute(1, 0, 2)
        side_by_side = by_head.transpose(0, 1).reshape(len(x), -1).double()
        maps.append(nn.functional.cosine_similarity(side_by_side[:, None], side_by_side[None], dim=2))
    return nn.functional.mse_loss(*maps).item()


def test_the_structure_distance_compares_translations_with_their_sources() -> None:
    pictures = {'fake_B': Shown('to B', of='A', like='B'), 'rec_A': Shown('back', of='fake_B', like='A')}
    metric, batch = StructureDistance(features=TINY), samples(3)
    metric.bind(pictures)
    assert (metric.pred, metric.target) == ('fake_B', 'A')
    metric.process(None, batch)
    net = DINO(size='S', side=16, weights='random')
    keys = {key: net.extract(torch.stack([sample[key] for sample in batch]))['keys11'] for key in ('A', 'fake_B')}
    expected = np.mean([reference(*pair) for pair in zip(keys['fake_B'], keys['A'], strict=True)])
    assert metric.evaluate(3) == {'StructureDistance': pytest.approx(expected, rel=1e-5), 'StructureDistance_images': 3}
    metric.process(None, [{**sample, 'fake_B': sample['A']} for sample in batch])
    assert metric.evaluate(3)['StructureDistance'] == 0
    with pytest.raises(DataError, match=r"'fake_B' gives \(5, 12\) and 'A' \(7, 12\) of 'keys11' for 0.png"):
        metric.process(None, [{**batch[0], 'fake_B': pixels(3, 16, 16)}])
