"""The world with many styles, and the metrics of layouts and styles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from toolbox.data.sets.styles import SyntheticStyles
from toolbox.data.worlds.styles import DOMAINS, draw_hues, draw_layout, paint, read_styles, style_of
from toolbox.errors import ConfigError
from toolbox.metrics import LPIPSDiversity, SegmentationScore, StyleDiversity, StyleMatch
from toolbox.randomness.keys import SampleKey

READER = dict(type='PaletteReader')


def pixels(image: torch.Tensor) -> np.ndarray:
    return image.numpy().transpose(1, 2, 0)[None]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize('size', [32, 64])
@pytest.mark.parametrize('domain', DOMAINS)
def test_layout_and_style_are_read_off_any_picture(domain: str, size: int) -> None:
    rng = np.random.default_rng(size)
    layouts, hues = [draw_layout(rng, size) for _ in range(60)], [draw_hues(rng) for _ in range(60)]
    found, styles = read_styles(np.stack([paint(*scene) for scene in zip(layouts, [domain] * 60, hues, strict=True)]))
    overlaps = [iou(a > 0.5, b == 1) for a, b in zip(layouts, found, strict=True)]
    assert np.mean(overlaps) > 0.97 and min(overlaps) > 0.9
    errors = np.abs(styles - np.stack([style_of(domain, pair) for pair in hues])).max(1)
    assert errors.max() < 0.1 and np.median(errors) < 0.04
    assert all(0.08 < (layout > 0.5).mean() < 0.4 for layout in layouts)


def test_nothing_is_read_off_an_empty_picture() -> None:
    layouts, styles = read_styles(np.full((1, 16, 16, 3), 51, np.uint8))
    assert layouts.sum() == 0 and np.allclose(styles, 0.2)


def test_a_sample_has_the_truth_beside_it() -> None:
    data = SyntheticStyles(length=6, split='val')
    sample, pipeline = data[2], [dict(type='RandomFlip', p=1.0)]
    assert sample['meta']['A_path'] == 'styles/valA/00002.png' and sample['meta']['B_path'].endswith('B/00002.png')
    for key, other in ('AB', 'BA'):
        [layout], [style] = read_styles(pixels(sample[key]))
        assert iou(layout == 1, sample[f'layout_{key}'].numpy() == 1) > 0.9
        assert np.abs(style - sample[f'style_{key}'].numpy()).max() < 0.1
        [layout], [style] = read_styles(pixels(sample[f'oracle_{key}']))
        assert iou(layout == 1, sample[f'layout_{other}'].numpy() == 1) > 0.9, 'the layout of the other picture'
        assert np.abs(style - sample[f'style_{key}'].numpy()).max() < 0.1, 'in the style of this domain'
    assert iou(sample['layout_A'].numpy() == 1, sample['layout_B'].numpy() == 1) < 0.8
    flipped = SyntheticStyles(length=6, split='val', pipeline=pipeline)[2]
    for key in ('A', 'layout_A', 'oracle_B', 'B', 'layout_B', 'oracle_A'):
        assert torch.equal(flipped[key], sample[key].flip(-1))


def test_a_training_knows_neither_partner_nor_truth() -> None:
    data = SyntheticStyles(length=30)
    samples = [data[SampleKey(0, seed)] for seed in range(10)]
    assert set(samples[0]) == {'A', 'B', 'meta'}
    assert len({sample['meta']['B_path'] for sample in samples}) > 4
    assert len({sample['A'].numpy().tobytes() for sample in samples}) == 1
    noisy = SyntheticStyles(length=30, noise=5.0)[SampleKey(0, 0)]
    assert 2 < (noisy['A'].float() - samples[0]['A'].float()).std() < 8


def evaluated(metric: Any, samples: list[dict[str, Any]], *entries: str) -> dict[str, float]:
    metric.process({key: [sample[key] for sample in samples] for key in entries}, samples)
    return metric.evaluate(len(samples))


def test_metrics_of_layout_and_style() -> None:
    data = SyntheticStyles(length=12, split='val')
    samples = [data[i] for i in range(12)]
    layout = dict(num_classes=2, features=READER, target='layout_A')
    assert evaluated(SegmentationScore(pred='oracle_B', **layout), samples, 'layout_A')['mIoU'] > 0.96
    assert evaluated(SegmentationScore(pred='B', **layout), samples, 'layout_A')['mIoU'] < 0.7
    for target in ('B', 'style_B'):
        assert evaluated(StyleMatch(READER, pred='oracle_B', target=target), samples, target)['StyleMatch'] > 0.98
    others = [{'fake': data[(i + 5) % 12]['B'], 'B': data[i]['B'], 'meta': {}} for i in range(12)]
    assert 0.2 < evaluated(StyleMatch(READER, pred='fake', target='B'), others, 'B')['StyleMatch'] < 0.7
    same = [{'fake': data[0]['B'], 'B': data[0]['B'], 'meta': {}} for _ in range(3)]
    assert evaluated(StyleMatch(READER, pred='fake', target='B'), same, 'B')['StyleMatch'] == 0.5
    with pytest.raises(ConfigError, match='one picture alone'):
        evaluated(StyleMatch(READER, pred='fake', target='B'), same[:1], 'B')


def test_diversity_is_the_mean_distance_of_the_pairs_of_one_input() -> None:
    flat = [torch.full((3, 16, 16), level, dtype=torch.uint8) for level in (0, 51, 102)]
    samples = [dict(zip(('fake', 'fake_1', 'fake_2'), flat, strict=True), meta={}),
               dict.fromkeys(('fake', 'fake_1', 'fake_2'), flat[0]) | {'meta': {}}]
    expected = (0.2 + 0.2 + 0.4) / 3 * 6 ** 0.5 / 2  # each of six numbers moves by the step; the second has none
    found = evaluated(StyleDiversity(READER, pred='fake'), samples)['StyleDiversity']
    assert found == pytest.approx(expected, rel=1e-5)
    squared = evaluated(LPIPSDiversity('fake', READER, 'style'), samples)['LPIPSDiversity']
    assert squared == pytest.approx((0.04 + 0.04 + 0.16) / 3 * 6 / 2, rel=1e-5)
