"""Measures of random samples of one image, against what they are by definition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from bound import bound
from mmengine.evaluator import Evaluator

from toolbox.errors import DataError, UserError
from toolbox.metrics import SIFID, PatchDistance, PixelDiversity
from toolbox.metrics.frechet import frechet_distance
from toolbox.metrics.moments import Moments
from toolbox.metrics.single import patch_distance, shuffled
from toolbox.metrics.swd import laplacian_pyramid

LUMA = np.array([65.481, 128.553, 24.966]) / 255


def result(metric, samples: list[dict]) -> dict[str, float]:
    metric = bound(metric)
    evaluator = Evaluator([metric])
    for start in range(0, len(samples), 3):
        evaluator.process(samples[start:start + 3])
    return evaluator.evaluate(len(samples))


def image(seed: int, height: int = 40, width: int = 56) -> np.ndarray:
    """Smooth stripes and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(rng.uniform(0.3, 0.9) * x + rng.uniform(0.3, 0.9) * y + rng.uniform(0, 6)) for _ in range(3)]
    return (127 + 80 * np.stack(waves) + rng.normal(0, 8, (3, height, width))).clip(0, 255).astype(np.uint8)


def test_diversity_is_the_deviation_of_pixels_beside_that_of_the_image() -> None:
    reals, fakes = [image(seed) for seed in (0, 1)], [image(seed) for seed in range(10, 17)]
    samples = [dict(B=reals[i > 3], fake_B=fake, meta={}) for i, fake in enumerate(fakes)]

    def luma(x: np.ndarray) -> np.ndarray:
        return np.moveaxis(x, 0, -1) @ LUMA
    expected = [np.std([luma(x) for x in some], axis=0).mean() / luma(real).std()
                for real, some in zip(reals, (fakes[:4], fakes[4:]), strict=True)]
    values = result(PixelDiversity(), samples)
    assert values == {'PixelDiversity': pytest.approx(np.mean(expected)), 'PixelDiversity_images': 7}
    assert abs(expected[0] - expected[1]) > 0.01  # else one image could stand for both

    several = [dict(B=reals[0], fake_B=fakes[0], fake_B_1=fakes[1], meta={}),
               dict(B=reals[0], fake_B=fakes[2], fake_B_1=fakes[3], meta={})]
    assert result(PixelDiversity(), several)['PixelDiversity'] == pytest.approx(expected[0])
    assert result(PixelDiversity(), [samples[0]] * 3)['PixelDiversity'] == pytest.approx(0, abs=1e-6)


def by_definition(a: np.ndarray, b: np.ndarray, directions: int, seed: int) -> float:
    """Every patch a row; the places of equal rank are compared."""
    axes = torch.randn(directions, 3, 7, 7, generator=torch.Generator().manual_seed(seed)).double().flatten(1).numpy()
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    found = []
    for one, other in zip(*(laplacian_pyramid(x.transpose(1, 2, 0).astype(np.float32)) for x in (a, b)), strict=True):
        rows = []
        for level in (one, other):
            level = ((level - other.mean((0, 1))) / other.std((0, 1))).transpose(2, 0, 1)
            patches = np.lib.stride_tricks.sliding_window_view(level, (3, 7, 7)).reshape(-1, 147)
            rows.append(np.sort(patches @ axes.T, axis=0))
        found.append(np.abs(rows[0] - rows[1]).mean())
    return float(np.mean(found))


def test_patch_distance_compares_all_patches_of_all_levels() -> None:
    a, b = image(0), image(1)
    assert patch_distance(a, b, 5, seed=3) == pytest.approx(by_definition(a, b, 5, 3), rel=1e-5)
    assert patch_distance(b, b) == 0
    assert len(laplacian_pyramid(np.zeros((40, 56, 3), np.float32))) == 2


def test_patch_distance_does_not_mind_places_and_sizes() -> None:
    large = image(0, 96, 120)
    other = image(5, 64, 64)
    same = large[:, 20:84, 40:104]  # other patches of the same texture
    assert 3 * patch_distance(same, large) < patch_distance(other, large)
    samples = [dict(B=large, fake_B=x, meta={}) for x in (same, same[:, ::-1].copy(), other)]
    values = result(PatchDistance(), samples)
    assert values['PatchDistance'] == pytest.approx(np.mean([patch_distance(s['fake_B'], large) for s in samples]))
    assert values['PatchDistance_shuffled'] == pytest.approx(patch_distance(shuffled(large, 8), large))
    assert patch_distance(same, large) < values['PatchDistance_shuffled'] < patch_distance(other, large)


@pytest.mark.fault
@pytest.mark.parametrize(('metric', 'size', 'message'), [
    (PixelDiversity(), 40, 'two or more samples of each image'), (PixelDiversity(), 39, 'images of one size'),
    (PatchDistance(), 15, 'at least 16x16'), (PatchDistance(tile=13), 40, 'tiles of 13 leave .*smaller tiles'),
    (PatchDistance(tile=17), 16, 'at least 17x17')])
def test_images_that_cannot_be_measured_are_explained(metric, size: int, message: str) -> None:
    sample = dict(B=image(0, 25, 25) if metric.name == 'PatchDistance' else image(0), fake_B=image(1, size), meta={})
    with pytest.raises(UserError, match=message):
        result(metric, [sample])


def test_shuffled_tiles_are_all_there_elsewhere() -> None:
    x = image(2, 27, 35)
    mixed = shuffled(x, 8)

    def tiles(y: np.ndarray) -> list[bytes]:
        return [y[:, i:i + 8, j:j + 8].tobytes() for i in range(0, 24, 8) for j in range(0, 32, 8)]
    assert mixed.shape == (3, 24, 32)
    assert sorted(tiles(mixed)) == sorted(tiles(x)) and tiles(mixed) != tiles(x)


@pytest.mark.parity
def test_frechet_distance_of_the_authors(parity: Callable) -> None:
    for case in parity('gen_singan_misc')['frechet']:
        a, b = case['a'].numpy(), case['b'].numpy()
        assert frechet_distance(a, b) == pytest.approx(case['fd'], rel=1e-6)
        assert frechet_distance(Moments.of(a), Moments.of(b)) == pytest.approx(case['fd'], rel=1e-6)


@pytest.mark.parametrize('depth', ['spatial_64', 'spatial_192'])
def test_sifid_names_its_depth_and_refuses_images_without_two_positions(depth: str) -> None:
    network = dict(type='ImageNetInception', preprocess='none', weights='random')
    metric, least = SIFID(features=network, output=depth), 9 if depth == 'spatial_64' else 23
    samples = [dict(B=image(seed), fake_B=image(seed + 10), meta={}) for seed in range(2)]
    assert result(metric, samples)['SIFID'] > 0
    assert f'output {depth}' in metric.protocol and 'not resized' in metric.protocol
    result(SIFID(features=network, output=depth), [dict(B=image(0), fake_B=image(1)[:, :least, :least], meta={})])
    with pytest.raises(DataError, match='two positions'):
        result(SIFID(features=network, output=depth), [dict(B=image(0), fake_B=image(1)[:, :least - 1], meta={})])
