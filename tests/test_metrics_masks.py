"""MaskIoU: closed forms, empty masks, colours and other depths, JPEG; and the baselines of tools/mask_baselines.py."""

from __future__ import annotations

import itertools
import runpy
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bound import bound
from commands import ROOT, command
from mmengine.evaluator import Evaluator

from toolbox.data.ranges import PLAIN, as_meta
from toolbox.errors import ConfigError, DataError
from toolbox.metrics import MaskIoU
from toolbox.metrics.masks import Counts, mask_counts, mask_scores, pooled
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


@pytest.fixture(scope='module')
def tool() -> dict[str, Callable]:
    return runpy.run_path(str(ROOT / 'tools/mask_baselines.py'))


def test_the_best_level_is_that_of_trying_all(tool: dict[str, Callable]) -> None:
    rng = np.random.default_rng(0)
    numbers = rng.integers(-255, 256, (3, 8, 8))
    masks = numbers + rng.normal(0, 60, numbers.shape) > 90
    tried = {level: (masks & (numbers >= level)).sum() / (masks | (numbers >= level)).sum()
             for level in range(-255, 256)}
    iou, level = tool['best_level'](numbers, masks)
    assert iou == pytest.approx(max(tried.values()), abs=1e-12) and tried[level] == pytest.approx(iou, abs=1e-12)


def test_baselines_find_what_they_can(tool: dict[str, Callable]) -> None:
    """A dark blue thing on the left in three of four photographs, on noise; in another place in the scored one."""
    rng = np.random.default_rng(0)

    def scene(left: int) -> tuple[np.ndarray, np.ndarray]:
        image, mask = rng.integers(100, 200, (3, 8, 8)).astype(np.uint8), np.zeros((8, 8), bool)
        mask[2:5, left:left + 3] = True
        image[:, mask] = np.array([[10], [20], [90]])
        return image, mask

    train = tuple(np.stack(part) for part in zip(scene(1), scene(1), scene(1), scene(5), strict=True))
    image, mask = scene(3)
    found = dict(tool['baselines'](train, image[None]))
    by_colour = [masks for name, masks in found.items() if name.startswith(('red <=', 'green <=', 'blue <='))]
    assert len(by_colour) == 3 and all((masks[0] == mask).all() for masks in by_colour)
    assert [found[name].mean() for name in ('nothing', 'everything')] == [0, 1]
    often = next(masks[0] for name, masks in found.items() if name.startswith('foreground in'))
    assert (often == train[1][0]).all()
    assert (dict(tool['baselines'](train, train[0][3:]))['nearest'][0] == train[1][3]).all()


def test_what_true_masks_are_worth(tool: dict[str, Callable]) -> None:
    """A square of 4x4; the second photograph is the first with another mask, the third a copy of the second pair, the
    fourth differs by 3 gray levels, the fifth by 50."""
    here, moved = np.zeros((2, 16, 16), bool)
    here[4:8, 4:8] = moved[4:8, 6:10] = True
    images = np.stack([np.full((3, 16, 16), level, np.uint8) for level in (9, 9, 9, 12, 62)])
    masks = np.stack([here, moved, moved, here, moved])

    def scores(like: float) -> dict[str, float]:
        return {name: mask_scores(pooled([mask_counts(*pair) for pair in pairs]))['MaskIoU']
                for name, pairs in tool['labels'](images, masks, like)}
    assert scores(5) == pytest.approx({
        'shrunk to half and enlarged': 1, 'a pixel wider': 16 / 32, 'a pixel narrower': 4 / 16,
        'a pixel further right': 12 / 20, "the next photograph's, which differs by at most 5 levels (2)": 8 / 24,
        "the next photograph's, which is the same (1)": 8 / 24,
        'the best for both of such photographs, if they get the same one': 16 / 24})
    assert "the next photograph's, which differs by at most 50 levels (3)" in scores(50)


def test_no_mask_for_both_is_better_than_their_union(tool: dict[str, Callable]) -> None:
    masks = np.array([[1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0]], bool).reshape(2, 2, 3)
    rows = dict(tool['labels'](np.zeros((2, 3, 2, 3), np.uint8), masks, 5))

    def score(pairs: list[tuple]) -> float:
        return mask_scores(pooled([mask_counts(*pair) for pair in pairs]))['MaskIoU']
    tried = [score([(np.array(pixels, bool).reshape(2, 3), mask) for mask in masks])
             for pixels in itertools.product((0, 1), repeat=6)]
    found = score(rows['the best for both of such photographs, if they get the same one'])
    assert found == pytest.approx(max(tried), abs=1e-12) == pytest.approx(6 / 8)


def test_the_command_scores_the_pairs_of_a_config(tmp_path: Path) -> None:
    (tmp_path / 'train').mkdir()
    for number in range(8):
        pair = np.full((32, 64, 3), 200, np.uint8)
        pair[:, 32:] = 255
        pair[number:number + 9, 4:20] = (200, 200, 30)  # OpenCV's order: less red
        pair[number:number + 9, 36:52] = 0
        assert cv2.imwrite(str(tmp_path / f'train/{number}.png'), pair)
    options = [f'data_root={tmp_path}', 'val_dataloader.dataset.pipeline=[]',
               *(f'{loader}_dataloader.dataset.hold_out.{key}={value}' for loader in ('train', 'val')
                 for key, value in (('block', 1), ('gap', 0)))]
    code, out, err = command('mask_baselines.py', str(ROOT / 'configs/pix2pix/satellite_mask.py'), '--cfg-options',
                             *options)
    assert (code, err) == (0, '')
    assert 'chosen on 6 pairs, scored on 2' in out and '| red <= 199 | 1.0000 | 1.0000 | 1.0000 | 1.0000 |' in out
    assert '| nothing | 0.0000 |' in out and f'| everything | {9 * 16 / 32 ** 2:.4f} |' in out
    code, out, err = command('mask_baselines.py', str(ROOT / 'configs/pix2pix/satellite_mask.py'), '--labels', '5',
                             '--cfg-options', *options)
    assert (code, err) == (0, '')
    assert 'of 2 masks of 32x32 pixels' in out and f'| a pixel wider | {9 * 16 / (9 * 16 + 2 * (9 + 16)):.4f} |' in out
