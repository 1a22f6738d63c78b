"""The world with many styles, and the metrics of layouts and styles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from commands import command
from test_inference import image, save

from toolbox import Translator
from toolbox.data.io import read_image, write_image
from toolbox.data.sets.styles import SyntheticStyles
from toolbox.data.worlds.styles import DOMAINS, draw_hues, draw_layout, paint, read_styles, style_of
from toolbox.errors import ConfigError
from toolbox.metrics import LPIPSDiversity, SegmentationScore, StyleDiversity, StyleMatch
from toolbox.pictures import as_rgb
from toolbox.randomness.keys import SampleKey
from toolbox.use.grids import interpolation, reference_grid, style, swap_grid
from toolbox.use.inputs import from_tensor

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


@pytest.mark.parametrize(('domain', 'at_least'), [('flat', 0.95), ('striped', 0.9)])
def test_the_layout_of_a_blurred_and_noisy_picture_is_the_same(domain: str, at_least: float) -> None:
    rng = np.random.default_rng(1)
    layouts = [draw_layout(rng, 32) for _ in range(60)]
    pictures = [cv2.GaussianBlur(paint(layout, domain, draw_hues(rng)), (0, 0), 0.7) for layout in layouts]
    noisy = np.stack(pictures) + rng.normal(0, 12, (60, 32, 32, 3))
    found, _ = read_styles(noisy.clip(0, 255).astype(np.uint8))
    assert np.mean([iou(a > 0.5, b == 1) for a, b in zip(layouts, found, strict=True)]) > at_least


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


def test_a_domain_in_grays_has_one_style_and_the_other_is_as_before() -> None:
    coloured, gray = SyntheticStyles(length=6, split='val'), SyntheticStyles(length=6, split='val', gray_A=True)
    for i in range(6):
        sample, before = gray[i], coloured[i]
        assert torch.equal(sample['B'], before['B']) and torch.equal(sample['oracle_B'], before['oracle_B'])
        for key in ('A', 'oracle_A'):
            assert (sample[key] == sample[key][:1]).all() and not (before[key] == before[key][:1]).all()
        [layout], [style] = read_styles(pixels(sample['A']))
        assert iou(layout == 1, sample['layout_A'].numpy() == 1) > 0.9
        assert np.abs(style - sample['style_A'].numpy()).max() < 0.1
        assert np.array_equal(sample['style_A'].numpy(), gray[0]['style_A'].numpy())


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


# Use

NET = dict(base_channels=4, blocks=1)
JUDGE = dict(type='MultiscaleLogits', base_channels=4, scales=1, layers=2)
GRAY = dict(in_channels=1)  # A
CONTENT, STYLE = dict(type='MUNITContentEncoder', **NET), dict(type='MUNITStyleEncoder', base_channels=4, downs=2)
DECODER = dict(type='MUNITDecoder', hidden=8, **NET)
MUNIT = dict(type='MUNIT', content_A={**CONTENT, **GRAY}, style_A={**STYLE, **GRAY}, G_A=dict(DECODER, out_channels=1),
             D_A={**JUDGE, **GRAY}, content_B=CONTENT, style_B=STYLE, G_B=DECODER, D_B=JUDGE)
DRIT = dict(type='DRIT', content=dict(type='DRITContentEncoder', in_channels_B=3, **NET, **GRAY),
            attribute=dict(type='DRITConcatAttributeEncoder', base_channels=4, in_channels_B=3, **GRAY),
            G=dict(type='DRITConcatGenerator', out_channels=1, out_channels_B=3, **NET),
            D_A={**JUDGE, **GRAY}, D_A2={**JUDGE, **GRAY}, D_B=JUDGE, D_B2=JUDGE,
            D_content=dict(type='ContentDiscriminator', in_channels=16, size=4, layers=1, kernel=3))


@pytest.fixture(scope='module', params=[(MUNIT, 0.3), (DRIT, 0.12)], ids=['MUNIT', 'DRIT'])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of gray images (A) and coloured ones (B)."""
    size = dict(dataset=dict(pipeline=[dict(type='Resize', size=16)]))
    model, std = request.param  # with larger weights DRIT's images are black and white
    config = dict(model=model, val_dataloader=size)
    return save(tmp_path_factory.mktemp('run') / 'iter_1.pth', model, std=std, config=config)


def pictures(domain: str, count: int) -> list[np.ndarray]:
    return [image(16, 16, 1 if domain == 'A' else 3, seed=ord(domain) + i) for i in range(count)]


def cell(grid: np.ndarray, row: int, column: int) -> np.ndarray:
    return grid[18 * row:18 * row + 16, 18 * column:18 * column + 16]


@pytest.mark.parametrize('direction', ['AtoB', 'BtoA'])
def test_a_swap_shows_each_content_in_each_style(run: Path, direction: str) -> None:
    source, _, target = direction.partition('to')
    images = [(source, x) for x in pictures(source, 1)] + [(target, x) for x in pictures(target, 2)]
    t, ways = Translator(run, direction), {of + to: Translator(run, f'{of}to{to}') for of in 'AB' for to in 'AB'}
    grid = swap_grid(t, pictures(source, 1), pictures(target, 2))
    assert grid.shape == (4 * 18 - 2, 4 * 18 - 2, 3) and (cell(grid, 0, 0) == 255).all()
    shown = [cell(grid, row, column) for row, column in np.ndindex(4, 4)]
    assert len({one.tobytes() for one in shown}) == 16 - 3, 'nothing but the pictures themselves is twice there'
    for i, (of, x) in enumerate(images, 1):
        assert np.array_equal(cell(grid, i, 0), as_rgb(x)) and np.array_equal(cell(grid, 0, i), as_rgb(x))
        for j, (to, y) in enumerate(images, 1):
            ways[of + to].guide = dict(reference=ways[of + to].tensor(y))
            assert np.array_equal(cell(grid, i, j), as_rgb(ways[of + to](x)))
    ways[2 * source].guide = {}
    assert np.array_equal(cell(grid, 1, 1), as_rgb(ways[2 * source](images[0][1]))), 'nothing said: its own style'
    own = swap_grid(t, pictures(source, 2))
    assert np.array_equal(own, reference_grid(ways[2 * source], *[pictures(source, 2)] * 2))


@pytest.mark.parametrize('direction', ['AtoB', 'BtoA'])
def test_styles_are_mixed_in_each_direction(run: Path, direction: str) -> None:
    source, _, target = direction.partition('to')
    [x], references = pictures(source, 1), pictures(target, 2)
    t = Translator(run, direction)
    for stops, option in (([3, 4], 'seed'), (references, 'reference')):
        frames = interpolation(t, [x], stops, steps=2)
        ends = [as_rgb(Translator(run, direction, **{option: stop})(x)) for stop in stops]
        assert np.array_equal(frames[0], ends[0]) and np.array_equal(frames[2], ends[1])
        assert len({frame.tobytes() for frame in frames}) == 3
    styles = [style(t, reference) for reference in references]
    half = t.model.translate(t.tensors(t.read(x, direction), direction)[source], direction,
                             style=(styles[0] + styles[1]) / 2)
    assert np.array_equal(frames[1], as_rgb(from_tensor(half[0], np.dtype(np.uint8))))


def test_the_command_swaps(run: Path, tmp_path: Path) -> None:
    for domain in 'AB':
        write_image(tmp_path / domain / 'a.png', pictures(domain, 1)[0])
    argv = ('grid.py', str(run), str(tmp_path / 'B'), str(tmp_path / 'swap.png'), '--kind', 'swap')
    assert command(*argv, '--direction', 'BtoA', '--references', str(tmp_path / 'A'))[::2] == (0, '')
    expected = swap_grid(Translator(run, 'BtoA'), pictures('B', 1), pictures('A', 1))
    assert np.array_equal(read_image(tmp_path / 'swap.png'), expected)


def test_a_method_without_the_ways_says_so(tmp_path: Path) -> None:
    nets = {name: dict(type='ResnetGenerator', base_channels=4, blocks=1) for name in ('G_AB', 'G_BA')}
    path = save(tmp_path / 'a.pth', dict(type='CycleGAN', **nets, D_A=JUDGE, D_B=JUDGE))
    with pytest.raises(ConfigError, match=r"CycleGAN has no direction from 'A' to 'A'.*--kind references"):
        swap_grid(Translator(path), pictures('B', 2))


def test_the_noise_of_a_scene_is_that_of_its_oracle() -> None:
    plain, noisy = (SyntheticStyles(length=2, split='val', noise=noise)[1] for noise in (0.0, 3.0))
    pattern = {key: noisy[key].int() - plain[key].int() for key in ('A', 'B', 'oracle_A', 'oracle_B')}
    inside = {key: (plain[key] > 20) & (plain[key] < 235) for key in pattern}  # nothing is cut off
    for own, oracle in (('A', 'oracle_B'), ('B', 'oracle_A')):
        both = inside[own] & inside[oracle]
        assert both.sum() > 100 and pattern[own][both].abs().float().mean() > 1
        assert (pattern[own] - pattern[oracle])[both].abs().max() <= 1, 'rounded'
    assert (pattern['A'] - pattern['B']).abs().max() > 5
