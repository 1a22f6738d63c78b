"""Metrics: reference values, the arithmetic over processes, and messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from bound import bound
from commands import two_ranks
from mmengine.evaluator import Evaluator

from toolbox.errors import ConfigError, DataError
from toolbox.metrics import L1, PSNR, SSIM, Metric, OracleScore
from toolbox.registry import METRICS, build

ROOT = Path(__file__).resolve().parents[1]


def noisy_pairs(count: int, size: int = 16, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    shape = (3, size, size)
    return [{
        'A': torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)),
        'fake_B': torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)),
        'B': torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)),
        'meta': {'index': i, 'A_path': f'set/{i}.png'},
    } for i in range(count)]


def flat(value: int, size: int = 16, channels: int = 3) -> np.ndarray:
    return np.full((channels, size, size), value, np.uint8)


def result(metric: Metric, samples: list[dict]) -> dict[str, float]:
    bound(metric).process(None, samples)
    return metric.evaluate(len(samples))


@pytest.mark.parametrize(('reference', 'metric'), [
    ('psnr_skimage', PSNR()),
    ('psnr_y_crop4', PSNR(channel='y', crop_border=4)),
    ('ssim_skimage_gauss', SSIM()),
    ('ssim_mmagic_cv2_valid', SSIM()),
    ('ssim_y_crop4_cv2_valid', SSIM(channel='y', crop_border=4)),
])
def test_values_are_those_of_the_reference(parity: Callable, reference: str, metric: Metric) -> None:
    golden = parity('metrics_psnr_ssim')
    for a, b, expected in zip(golden['a'], golden['b'], golden['values'][reference], strict=True):
        assert result(metric, [{'fake_B': a, 'B': b}])[metric.name] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(('reference', 'metric'), [
    ('psnr_rgb', PSNR(identical=100)),
    ('psnr_y', PSNR(channel='y')),
    ('psnr_rgb_crop4', PSNR(crop_border=4)),
    ('psnr_y_crop4', PSNR(channel='y', crop_border=4)),
    ('ssim_rgb_gauss', SSIM()),
    ('ssim_y_gauss', SSIM(channel='y')),
    ('ssim_y_gauss_crop4', SSIM(channel='y', crop_border=4)),
])
def test_values_of_more_pictures(parity: Callable, reference: str, metric: Metric) -> None:
    rows = [row for row in parity('gen_psnr_ssim')['rows'] if reference in row]
    assert len(rows) >= 6
    for row in rows:
        a, b = (row[key].numpy().transpose(2, 0, 1) for key in 'ab')
        assert metric.score(a, b) == pytest.approx(row[reference], abs=1e-10), (row['name'], row['tag'])


def test_closed_forms() -> None:
    a, b = flat(100), flat(103)
    assert PSNR().score(a, b) == pytest.approx(20 * math.log10(255 / 3), abs=1e-12)
    assert PSNR(data_range=100).score(a, b) == pytest.approx(20 * math.log10(100 / 3), abs=1e-12)
    assert L1().score(a, b) == pytest.approx(3 / 255, abs=1e-15)
    c1 = (0.01 * 255) ** 2
    assert SSIM().score(a, b) == pytest.approx((2 * 100 * 103 + c1) / (100**2 + 103**2 + c1), abs=1e-12)
    assert L1().score(flat(0), flat(255)) == L1().score(flat(255), flat(0)) == 1


def test_gray_images_count_like_equal_channels() -> None:
    gray = noisy_pairs(1)[0]
    a, b = gray['fake_B'][:1].numpy(), gray['B'][:1].numpy()
    for metric in (PSNR(), SSIM(), L1()):
        wide = metric.score(np.repeat(a, 3, axis=0), np.repeat(b, 3, axis=0))
        assert metric.score(a, b) == pytest.approx(wide, abs=1e-12)


def test_equal_images_are_infinitely_good_unless_told_otherwise() -> None:
    sample = {'fake_B': flat(9), 'B': flat(9)}
    assert result(PSNR(), [sample])['PSNR'] == math.inf
    other = {'fake_B': flat(10), 'B': flat(9)}
    expected = (100 + 20 * math.log10(255)) / 2
    assert result(PSNR(identical=100), [sample, other])['PSNR'] == pytest.approx(expected)


def test_the_result_is_the_mean_of_the_images_and_says_how_many() -> None:
    samples = noisy_pairs(3)
    metric = PSNR()
    expected = np.mean([metric.score(s['fake_B'].numpy(), s['B'].numpy()) for s in samples])
    assert result(metric, samples) == {'PSNR': pytest.approx(expected, abs=1e-12), 'PSNR_images': 3}
    assert result(metric, samples[:1])['PSNR_images'] == 1, 'a second round must forget the first'


def test_prefix_tells_two_metrics_apart() -> None:
    sample = {'A': flat(0), 'B': flat(4), 'fake_A': flat(1), 'fake_B': flat(2)}
    evaluator = Evaluator(bound([L1(prefix='AtoB'), L1(pred='fake_A', target='A', prefix='BtoA')]))
    evaluator.process([sample])
    values = evaluator.evaluate(1)
    assert values == {'AtoB/L1': 2 / 255, 'AtoB/L1_images': 1, 'BtoA/L1': 1 / 255, 'BtoA/L1_images': 1}


def test_oracle_score_is_the_share_of_the_way() -> None:
    def score(*preds: int) -> float:
        samples = [{'A': flat(0), 'oracle_B': flat(answer), 'fake_B': flat(pred)}
                   for pred, answer in zip(preds, (200, 100), strict=True)]
        return result(OracleScore(), samples)['OracleScore']

    assert score(0, 0) == 0, 'a network that changes nothing'
    assert score(200, 100) == 1, 'the exact answer'
    assert score(100, 100) == pytest.approx(1 - 100 / 300), 'pooled, not the mean of the images'
    assert score(0, 255) < 0, 'worse than nothing'


def test_oracle_score_needs_something_to_translate() -> None:
    metric = bound(OracleScore())
    metric.process(None, [{'A': flat(7), 'oracle_B': flat(7), 'fake_B': flat(5)}])
    with pytest.raises(ConfigError, match="source 'A' equals target 'oracle_B'"):
        metric.evaluate(1)


def test_a_missing_image_names_the_metric_and_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"metric SSIM\.pred: .*'fake_b'.*mean 'fake_B'") as error:
        SSIM(pred='fake_b').process(None, noisy_pairs(1))
    assert 'Known: A, B, fake_B' in str(error.value)
    with pytest.raises(ConfigError, match=r"metric OracleScore\.target: .*'oracle_B'"):
        bound(OracleScore()).process(None, noisy_pairs(1))


def test_images_that_do_not_fit_are_refused() -> None:
    sample = noisy_pairs(1)[0]
    with pytest.raises(DataError, match=r'set/0\.png'):
        bound(L1()).process(None, [{**sample, 'B': sample['B'][:, 1:]}])
    with pytest.raises(ConfigError, match='uint8'):
        bound(L1()).process(None, [{**sample, 'B': sample['B'].float()}])
    with pytest.raises(DataError, match='at least 11x11'):
        bound(SSIM(crop_border=3)).process(None, [sample])
    with pytest.raises(DataError, match='crop_border=8 leaves nothing'):
        bound(PSNR(crop_border=8)).process(None, [sample])
    with pytest.raises(ConfigError, match='needs RGB'):
        PSNR(channel='y').score(flat(0, channels=1), flat(0, channels=1))


@pytest.mark.parametrize('wrong', [{'channel': 'Y'}, {'crop_border': -1}, {'data_range': 0}])
def test_wrong_arguments_are_named(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=f'PSNR.{next(iter(wrong))}: expected'):
        PSNR(**wrong)


def test_an_empty_round_is_an_error() -> None:
    with pytest.raises(ConfigError, match='no image was measured'):
        PSNR().evaluate(0)


def test_metrics_say_which_result_is_better() -> None:
    assert {m.name: m.higher_is_better for m in (PSNR(), SSIM(), L1(), OracleScore())} == {
        'PSNR': True, 'SSIM': True, 'L1': False, 'OracleScore': True}


def test_metrics_build_from_the_registry() -> None:
    metric = build({'type': 'PSNR', 'channel': 'y', 'pred': 'fake_A'}, METRICS, 'val_evaluator')
    assert (metric.channel, metric.pred) == ('y', 'fake_A')
    with pytest.raises(ConfigError, match=r"val_evaluator\.chanel.*mean 'channel'"):
        build({'type': 'PSNR', 'chanel': 'y'}, METRICS, 'val_evaluator')


RANKS = """
import sys
import torch.distributed as dist
from tests.test_metrics import noisy_pairs, small_metrics
rank, world, images = int(sys.argv[1]), 2, noisy_pairs(7)
dist.init_process_group('gloo', init_method='file://' + sys.argv[2], rank=rank, world_size=world)
rounds = {'share': list(range(7))[rank::world], 'padded': [*range(7), 0][rank::world]}
for indices in rounds.values():
    for metric in small_metrics():
        for start in range(0, len(indices), 2):
            metric.process(None, [images[i] for i in indices[start:start + 2]])
        print(sorted((k, float(v).hex()) for k, v in metric.evaluate(7).items()))
dist.destroy_process_group()
"""


def small_metrics() -> list[Metric]:
    return bound([PSNR(), L1(), OracleScore(target='B')])


@pytest.mark.dist
def test_two_processes_state_what_one_states_bit_for_bit(tmp_path: Path) -> None:
    expected = [sorted((k, float(v).hex()) for k, v in result(m, noisy_pairs(7)).items()) for m in small_metrics()]
    for lines in two_ranks(RANKS, tmp_path):
        assert lines == [str(values) for values in expected] * 2
    assert {p.name for p in tmp_path.iterdir()} <= {'meet'}, 'nothing may be left behind'
