"""MaskIoU: closed forms, empty masks, colours and other depths, JPEG; and the baselines of tools/mask_baselines.py."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from bound import bound
from mmengine.evaluator import Evaluator

from toolbox.data.ranges import PLAIN, as_meta
from toolbox.errors import ConfigError, DataError
from toolbox.metrics import MaskIoU
from toolbox.metrics.masks import Counts, mask_scores
from toolbox.registry import METRICS, build

NAMES = ('MaskIoU', 'MaskPrecision', 'MaskRecall', 'MaskF1')


def square(top: int, left: int, side: int, level: int = 255, channels: int = 1) -> np.ndarray:
    """A square of this level in the rest of 255 - level, (channels, 16, 16)."""
    image = np.full((channels, 16, 16), 255 - level, np.uint8)
    image[:, top:top + side, left:left + side] = level
    return image


def scores(pairs: list[tuple[np.ndarray, np.ndarray]], **settings: object) -> dict[str, float]:
    """Of (found, true) pairs; three images in a batch."""
    evaluator = Evaluator([bound(build(dict(type='MaskIoU', **settings), METRICS))])
    samples = [{'fake_B': torch.from_numpy(found), 'B': torch.from_numpy(true), 'meta': {'index': i}}
               for i, (found, true) in enumerate(pairs)]
    for start in range(0, len(samples), 3):
        evaluator.process(samples[start:start + 3])
    return evaluator.evaluate(len(samples))


# 36 pixels found, 64 there, 18 of both: a square of 6 whose left half lies in one of 8.
HALF = (square(4, 9, 6), square(2, 4, 8))


def test_the_four_shares_of_two_squares() -> None:
    found = scores([HALF])
    assert [found[name] for name in NAMES] == pytest.approx([18 / 82, 18 / 36, 18 / 64, 36 / 100], abs=1e-12)
    assert found['MaskIoU_images'] == 1
    assert found['MaskF1'] == pytest.approx(2 * found['MaskIoU'] / (1 + found['MaskIoU']))
    swapped = scores([HALF[::-1]])
    assert (swapped['MaskPrecision'], swapped['MaskRecall']) == (found['MaskRecall'], found['MaskPrecision'])


@pytest.mark.parametrize(('counts', 'share'), [((0, 0, 0), 1.0), ((0, 5, 0), 0.0), ((0, 0, 5), 0.0), ((0, 2, 3), 0.0),
                                               ((5, 0, 0), 1.0)])
def test_empty_and_equal_masks(counts: tuple[int, int, int], share: float) -> None:
    assert mask_scores(Counts(*counts)) == dict.fromkeys(NAMES, share)


def test_pooled_pixels_and_the_mean_of_images_are_two_things() -> None:
    empty = square(0, 0, 0)
    pairs = [HALF, (empty, empty), (square(0, 0, 2), empty), (square(0, 0, 16), square(0, 0, 16))]
    pooled = (18 + 256) / (82 + 4 + 256)
    assert scores(pairs)['MaskIoU'] == pytest.approx(pooled, abs=1e-12)
    assert scores(pairs, average='images')['MaskIoU'] == pytest.approx((18 / 82 + 1 + 0 + 1) / 4, abs=1e-12)


def test_a_dark_thing_on_white_is_scored_as_a_bright_one_on_black() -> None:
    dark = tuple(255 - image for image in HALF)
    assert scores([dark], foreground='black') == scores([HALF])
    assert scores([dark])['MaskIoU'] == pytest.approx((256 - 82) / (256 - 18), abs=1e-12)


def test_the_threshold_is_between_levels() -> None:
    levels = np.array([[[101, 102, 103, 200]]], np.uint8)
    white = np.full((1, 1, 4), 255, np.uint8)
    assert scores([(levels, white)], threshold=0.4)['MaskRecall'] == 0.5  # white above 102 = 0.4 x 255
    assert scores([(levels, white)])['MaskRecall'] == 0.25


def test_colours_count_by_their_luma() -> None:
    found = np.zeros((3, 1, 4), np.uint8)
    found[0, 0, 0] = found[1, 0, 1] = found[2, 0, 2] = 255  # red 0.299, green 0.587, blue 0.114, black
    there = np.full((1, 1, 4), 255, np.uint8)
    assert [scores([(found, there)], threshold=t)['MaskRecall'] for t in (0.11, 0.2, 0.5, 0.6)] == [0.75, 0.5, 0.25, 0]


def test_gray_in_three_channels_is_gray() -> None:
    gray = np.arange(256, dtype=np.uint8)[None, None]
    for threshold in (0.0, 0.2, 0.4, 0.8, 1.0):
        assert scores([(np.repeat(gray, 3, 0), gray)], threshold=threshold)['MaskIoU'] == 1.0


def test_sixteen_bits_are_scaled_and_not_rounded() -> None:
    meta = {'index': 0, **as_meta(dict.fromkeys(('fake_B', 'B'), PLAIN['uint16']))}
    image = torch.tensor([[[32767, 32768]]], dtype=torch.int32).to(torch.uint16)  # both round to 127 of 255
    metric = bound(MaskIoU())
    assert metric.measure([{'fake_B': image, 'B': image, 'meta': meta}]) == [(1, 0, 0)]


def test_jpeg_costs_a_mask_almost_nothing() -> None:
    clean = np.full((1, 64, 64), 255, np.uint8)
    clean[:, 20:44, 11:37] = 0
    coded = cv2.imdecode(cv2.imencode('.jpg', clean[0], [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_GRAYSCALE)[None]
    assert (coded != clean).sum() > 100
    assert scores([(coded, clean)], foreground='black')['MaskIoU'] > 0.98


def test_wrong_masks_and_settings_are_refused() -> None:
    with pytest.raises(DataError, match=r"'fake_B' is \(16, 16\) and 'B' is \(16, 8\).*image 0"):
        scores([(square(0, 0, 4), square(0, 0, 4)[:, :, :8])])
    with pytest.raises(ConfigError, match='4 channels; a mask is gray or RGB'):
        scores([(square(0, 0, 4, channels=4), square(0, 0, 4))])
    for wrong in (dict(threshold=1.5), dict(foreground='grey'), dict(average='mean')):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            build(dict(type='MaskIoU', **wrong), METRICS)


def test_the_protocol_says_what_was_cut() -> None:
    metric = bound(MaskIoU(threshold=0.3, foreground='black', average='images'))
    assert metric.protocol == 'fake_B against B, 0 images, black of threshold 0.3, images'
