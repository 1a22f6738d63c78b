"""Metrics as functions of features and images: numbers of the reference implementations, closed forms, odd inputs."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from bound import bound
from sampled import assert_close
from scipy.linalg import sqrtm

from toolbox.errors import ConfigError, DataError
from toolbox.metrics import MSSSIM, SWD
from toolbox.metrics.frechet import frechet_distance
from toolbox.metrics.inception_score import inception_score
from toolbox.metrics.kernel import kid_of_blocks, kid_of_subsets, mmd2
from toolbox.metrics.labels import confusion_matrix, segmentation_scores
from toolbox.metrics.manifold import density_and_coverage, precision_and_recall, radii
from toolbox.metrics.moments import Moments
from toolbox.metrics.swd import cut_patches, laplacian_pyramid, sliced_wasserstein

SETS = ('features_n64_d8', 'features_n100_150_d16', 'features_n40_50_d64_rankdef', 'features_n1000_d64',
        'features_n5000_3000_d64')


def features(count: int, dim: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.maximum(0, rng.normal(size=(count, dim)) @ rng.normal(size=(dim,
                                                                          dim)) / dim**0.5 + 0.5).astype(np.float32)


@pytest.fixture(params=SETS)
def golden(request: pytest.FixtureRequest, parity: Callable) -> dict:
    found = parity(request.param)
    return {**found, 'real': found['real'].numpy(), 'fake': found['fake'].numpy()}


@pytest.mark.parity
def test_fid(golden: dict) -> None:
    real, fake = golden['real'], golden['fake']
    exact = golden['fid'].get('mpmath_40_digits')
    expected = exact or golden['fid']['pytorch_fid']
    assert frechet_distance(fake, real) == pytest.approx(expected, rel=1e-12)
    # From sums it cannot be as exact where vectors are fewer than dimensions; nor are the references.
    assert frechet_distance(Moments.of(fake), Moments.of(real)) == pytest.approx(expected, rel=5e-8)
    for name in ('pytorch_fid', 'clean_fid', 'torch_fidelity_f64', 'torchmetrics_f64', 'torch_fidelity_f32feats'):
        assert frechet_distance(fake, real) == pytest.approx(golden['fid'][name], rel=5e-7), name


@pytest.mark.parity
def test_kid(golden: dict) -> None:
    real, fake, kid = golden['real'], golden['fake'], golden['kid']
    found = kid_of_subsets(fake, real, kid['subsets'], kid['subset_size'], kid['seed'])
    assert found == pytest.approx((kid['torch_fidelity_mean'], kid['torch_fidelity_std']), abs=1e-12)
    m = min(len(real), len(fake))
    assert mmd2(fake[:m].astype(float), real[:m].astype(float)) == pytest.approx(kid['mmd2_unbiased_first_m'],
                                                                                 abs=1e-12)
    for block in (10, 1024):
        expected = (kid[f'block{block}_mean'], kid[f'block{block}_stderr'])
        assert kid_of_blocks(fake, real, block) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parity
@pytest.mark.parametrize('k', [3, 5])
def test_precision_recall_density_coverage(golden: dict, k: int) -> None:
    real, fake, expected = golden['real'], golden['fake'], golden['pr']
    precision, recall = precision_and_recall(real, fake, k)
    theirs = expected[f'torch_fidelity_k{k}']  # shares in float32
    assert (np.float32(precision), np.float32(recall)) == (np.float32(theirs['precision']),
                                                           np.float32(theirs['recall']))
    theirs = expected[f'prdc_k{k}']
    assert density_and_coverage(real, fake, k) == pytest.approx((theirs['density'], theirs['coverage']), abs=1e-15)


@pytest.mark.parity
def test_inception_score(parity: Callable) -> None:
    golden = parity('inception_score')
    for splits in (1, 5, 10):
        for shuffle in (0, 1):
            theirs = golden['values'][f'torch_fidelity_splits{splits}_shuffle{shuffle}']
            found = inception_score(golden['logits'].numpy(), splits, 2020 if shuffle else None)
            assert found == pytest.approx((theirs['inception_score_mean'], theirs['inception_score_std']), abs=1e-12)


@pytest.mark.parity
def test_ms_ssim(parity: Callable) -> None:
    golden = parity('metrics_psnr_ssim')
    found = [MSSSIM().score(a.numpy(), b.numpy()) for a, b in zip(golden['a'], golden['b'], strict=True)]
    assert found == pytest.approx(golden['values']['msssim_mmagic_pggan'], abs=2e-7)  # they compute in float32
    assert found == pytest.approx(golden['values']['msssim_torchmetrics'], abs=2e-5)  # they reflect the border


@pytest.mark.parity
def test_swd(parity: Callable) -> None:
    golden = parity('swd')
    levels = {key: [np.stack(level).transpose(0, 3, 1, 2) for level in zip(*(
        laplacian_pyramid(image.numpy().transpose(1, 2, 0).astype(np.float32)) for image in golden[key]), strict=True)]
        for key in 'ab'}
    for i, expected in enumerate(golden['swd_x1e3']):
        assert_close(torch.from_numpy(levels['a'][i][:1]), golden['pyramid_a'][i], rtol=1e-7,
                     atol=1e-4)  # of 255, float32
        draws = [np.random.RandomState(golden[f'desc_seed_{key}'][i]) for key in 'ab']
        patches = [cut_patches(levels[key][i], golden['nhoods_per_image'], rng)
                   for key, rng in zip('ab', draws, strict=True)]
        found = 1000 * sliced_wasserstein(*patches, np.random.RandomState(77))
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parity
def test_miou(parity: Callable) -> None:
    golden = parity('miou')
    confusion = confusion_matrix(golden['gt'].numpy(), golden['pred'].numpy(), golden['num_classes'])
    values = golden['values']
    assert (confusion[:-1] == values['confusion'].numpy()).all()
    assert segmentation_scores(confusion) == pytest.approx(dict(
        mIoU=values['miou_nan_absent'], pixel_accuracy=values['pixel_acc'], class_accuracy=values['mean_class_acc'],
        pixel_accuracy_all=values['pixel_acc_counting_ignore_as_wrong'], fwIoU=values['fw_iou']), abs=1e-15)


# Closed forms


def test_fid_of_known_gaussians() -> None:
    """Sets that have exactly these moments: the distance of diagonal Gaussians is a sum over the axes."""
    axes = np.vstack([np.eye(3), -np.eye(3)])  # mean 0, covariance 2/5 times the identity
    a, b = axes * [1, 2, 3] + [1, 0, 0], axes * [2, 2, 5]
    assert frechet_distance(a, b) == pytest.approx(1 + 0.4 * (1 + 0 + 4), rel=1e-12)


def test_the_routes_of_fid_agree() -> None:
    """Few vectors, sums of few, sums of many: within rounding of each other on one problem each."""
    few, other = features(30, 64, 1), features(50, 64, 2)
    assert frechet_distance(Moments.of(few), other) == pytest.approx(frechet_distance(few, other), rel=1e-7)
    many = features(200, 64, 3)
    padded = np.hstack([many, np.ones((200, 1), np.float32)])  # singular, so that Cholesky's route is refused
    shifted = np.hstack([features(300, 64, 4), np.ones((300, 1), np.float32)])
    assert frechet_distance(padded, shifted) == pytest.approx(frechet_distance(many, shifted[:, :64]), rel=1e-10)


def test_moments_add_up() -> None:
    rows = features(100, 5)
    total = Moments.of(rows[:30]) + Moments.of(rows[30:])
    np.testing.assert_allclose(total.mean, rows.astype(float).mean(0), rtol=1e-13)
    np.testing.assert_allclose(total.covariance, np.cov(rows.astype(float), rowvar=False), rtol=1e-12)


def test_kid_does_not_depend_on_its_route(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, real = features(60, 8, 1), features(50, 8, 2)
    compute = kid_of_subsets.__wrapped__  # not what it remembers
    whole = compute(fake, real, 20, 30)
    monkeypatch.setattr('toolbox.metrics.pairs.ROWS', 7)
    assert compute(fake, real, 20, 30) == pytest.approx(whole, abs=1e-13)
    monkeypatch.setattr('toolbox.metrics.kernel.WHOLE', 10)
    assert compute(fake, real, 20, 30) == pytest.approx(whole, abs=1e-13)


def test_precision_and_recall_of_points_on_a_line() -> None:
    real, fake = (np.array(x, float)[:, None] for x in ([0, 1, 2, 10], [2.5, 5, 30]))
    assert radii(real, 1).tolist() == [1, 1, 1, 64]
    # Balls of real: [-1, 1] [0, 2] [1, 3] [2, 18]; of fake: [0, 5] [2.5, 7.5] [5, 55].
    assert precision_and_recall(real, fake, 1) == (2 / 3, 1)
    assert density_and_coverage(real, fake, 1) == (3 / 3, 2 / 4)
    on_a_border = np.array([[3.0], [3.0]])  # of [1, 3], which does not hold it; [2, 18] does
    assert density_and_coverage(real, on_a_border, 1) == (2 / 2, 1 / 4)


def test_inception_score_of_certain_and_of_blind_classifiers() -> None:
    sure = np.eye(7).repeat(3, 0) * 1000
    assert inception_score(sure, splits=1) == pytest.approx((7, 0), abs=1e-9)
    assert inception_score(np.zeros((20, 7)), splits=4) == pytest.approx((1, 0), abs=1e-12)


def test_classes_that_are_not_there_do_not_count() -> None:
    truth, found = np.array([[0, 0, 1, 255]]), np.array([[0, 1, 1, 1]])
    assert np.array_equal(confusion_matrix(truth.astype(np.uint8), found.astype(np.uint8), 150).sum(1),
                          confusion_matrix(truth.astype(np.uint8).astype(np.int64), found, 150).sum(1))
    scores = segmentation_scores(confusion_matrix(truth, found, 5))
    assert scores == pytest.approx(dict(mIoU=0.5, pixel_accuracy=2 / 3, pixel_accuracy_all=0.5, class_accuracy=0.75,
                                        fwIoU=0.5))
    assert all(math.isnan(x) for x in segmentation_scores(confusion_matrix(np.full((2, 2), 255), np.zeros((2, 2), int),
                                                                           3)
                                                          ).values())


# Odd inputs


def test_equal_sets() -> None:
    for count in (30, 200):
        x = features(count, 64)
        assert 0 <= frechet_distance(x, x) < 1e-6
        assert 0 <= frechet_distance(Moments.of(x), Moments.of(x)) < 1e-6
        assert kid_of_subsets(x, x, 10, count)[0] <= 1e-12
        assert precision_and_recall(x, x) == (1, 1)
        assert density_and_coverage(x, x)[1] == 1


def test_constant_features() -> None:
    a, b = np.full((10, 4), 1.5, np.float32), np.full((12, 4), 2.5, np.float32)
    assert frechet_distance(a, b) == pytest.approx(4, rel=1e-12)
    assert frechet_distance(Moments.of(a), Moments.of(b)) == pytest.approx(4, rel=1e-12)
    assert kid_of_subsets(a, b, 5,
                          6)[0] == pytest.approx((1.5**2 + 1) ** 3 + (2.5**2 + 1) ** 3 - 2 * (1.5 * 2.5 + 1) ** 3)
    assert precision_and_recall(a, b) == (0, 0)
    assert precision_and_recall(a, a) == (1, 1)


def test_features_that_are_not_finite_give_nan() -> None:
    for bad in (math.nan, math.inf):
        x, y = features(20, 8), features(20, 8, 1)
        x[3, 2] = bad
        with np.errstate(invalid='ignore'):
            assert math.isnan(frechet_distance(x, y))
            assert math.isnan(frechet_distance(Moments.of(x), Moments.of(y)))
            assert math.isnan(kid_of_subsets(x, y, 5, 20)[0])
            assert all(math.isnan(v) for v in (*precision_and_recall(x, y), *density_and_coverage(y, x)))
            assert math.isnan(inception_score(x, 1)[0])


def test_images_that_are_too_small() -> None:
    image = np.zeros((3, 175, 200), np.uint8)
    with pytest.raises(DataError, match='at least 176x176'):
        MSSSIM().score(image, image)
    assert MSSSIM().score(np.zeros((3, 176, 176), np.uint8), np.zeros((3, 176, 176), np.uint8)) == 1
    with pytest.raises(DataError, match='at least 16x16'):
        bound(SWD()).process(None, [{'fake_B': image[:, :15], 'B': image}])


def test_swd_compares_sets_of_one_size() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 3, 32, 32), np.uint8)
    same = bound(SWD())
    same.process(None, [{'fake_B': image, 'B': image} for image in images])
    assert same.evaluate(4) == {'SWD': 0, 'SWD_32': 0, 'SWD_16': 0, 'SWD_images': 4}
    other = bound(SWD())
    other.process(None, [{'fake_B': images[0] // 2, 'B': images[0][:, :20]}])
    with pytest.raises(DataError, match='32x32'):
        other.evaluate(1)
    with pytest.raises(ConfigError, match='patches'):
        SWD(patches=0)


@pytest.mark.slow
def test_fid_is_ten_times_faster_than_a_matrix_square_root() -> None:
    """From the statistics of 2048 features of 5,000 + 5,000 images, side by side in one process."""
    a, b = Moments.of(features(5000, 2048, 1)), Moments.of(features(5000, 2048, 2) * np.float32(1.1))
    seconds = [time.process_time()]  # the wall clock measures what else the machine does
    found = frechet_distance(a, b)
    seconds.append(time.process_time())
    root = sqrtm(a.covariance @ b.covariance).real
    expected = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance + b.covariance - 2 * root)
    seconds.append(time.process_time())
    assert found == pytest.approx(expected, rel=1e-6)
    ours, theirs = np.diff(seconds)
    assert theirs / ours >= 10, f'{ours:.2f} s against {theirs:.2f} s'


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'win32', reason='no module resource')
def test_memory_of_fid_does_not_grow_with_the_images() -> None:
    import resource

    from toolbox.metrics import FID

    metric, rows = FID(), features(256, 512)
    peaks = []
    for _ in range(3):
        for _ in range(60):
            metric.results.extend((row, row) for row in rows.copy())
            metric.process(None, [])
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert len(metric._reduced) == 1
    assert peaks[2] - peaks[0] < 1024, f'grew by {peaks[2] - peaks[0]} kB over 30,720 images'
