from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from toolbox.data.worlds import WORLDS
from toolbox.data.worlds.houses import CLASSES
from toolbox.errors import ConfigError
from toolbox.randomness.keys import SampleKey
from toolbox.registry import DATASETS, build


def make(name: str, **args: object) -> object:
    return build({'type': name, **args}, DATASETS)


def scene(world: str, index: int, size: int = 64) -> dict[str, np.ndarray]:
    return WORLDS[world](np.random.default_rng([3, index]), size)


@pytest.mark.parametrize('world', sorted(WORLDS))
@pytest.mark.parametrize('size', [16, 63, 256])
def test_worlds_draw_any_size(world: str, size: int) -> None:
    for name, view in scene(world, 0, size).items():
        if name == 'ids':
            assert view.shape == (size, size) and view.dtype == np.int32
        else:
            assert view.shape == (size, size, 3) and view.dtype == np.uint8
            assert view.std() > 20


@pytest.mark.parametrize('world', sorted(WORLDS))
def test_a_scene_is_a_function_of_its_generator(world: str) -> None:
    first, again, other = scene(world, 1), scene(world, 1), scene(world, 2)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])


def test_a_large_picture_is_the_small_one_with_more_detail() -> None:
    for world in WORLDS:
        small, large = scene(world, 4, 64), scene(world, 4, 256)
        for name, view in small.items():
            if name != 'ids':
                reduced = large[name].reshape(64, 4, 64, 4, 3).mean((1, 3))
                limit = 12 if name == 'edges' else 8  # lines are never thinner than a pixel
                assert np.abs(reduced - view).mean() < limit, (world, name)


def test_animals_fill_the_frame_and_only_they_change() -> None:
    shares = []
    for i in range(20):
        views = scene('animals', i)
        changed = (views['plain'] != views['striped']).any(axis=2)
        shares.append(changed.mean())
        assert not changed[:, [0, -1]].all(axis=0).any()
        assert np.array_equal(views['plain'][~changed], views['striped'][~changed])
    assert np.mean(shares) >= 0.35 and min(shares) > 0.28


def test_stripes_are_bold() -> None:
    """Along the back of an animal of 64 px: 4 to 8 dark stripes, about as wide as the light ones."""
    views = scene('animals', 0)
    changed = (views['plain'] != views['striped']).any(axis=2)
    row = 32
    body = views['striped'][row, changed[row]].astype(float).mean(axis=1)
    dark = body < 128
    assert 4 <= np.count_nonzero(dark[1:] & ~dark[:-1]) <= 8
    assert 0.3 < dark.mean() < 0.7


def test_plain_coat_has_one_colour_up_to_brightness() -> None:
    coats = []
    for i in range(10):
        views = scene('animals', i)
        inside = np.abs(views['plain'].astype(int) - views['striped']).max(axis=2) > 60
        pixels = views['plain'][inside].astype(float)
        coats.append(np.median(pixels / pixels.sum(axis=1, keepdims=True), axis=0))
    assert np.std(coats, axis=0).max() < 0.01


def test_backgrounds_are_alike_in_both_domains() -> None:
    """The corners belong to the landscape: their mean colour must not tell A from B."""
    data = make('SyntheticUnpaired', size=32, length=150, split='test')
    samples = [data[i] for i in range(150)]
    for rows, columns in ((slice(0, 5), slice(None)), (slice(27, 32), slice(0, 4))):
        a, b = (np.stack([s[key][:, rows, columns].float().mean((1, 2)).numpy() for s in samples]) for key in 'AB')
        spread = np.sqrt((a.var(0) + b.var(0)) / len(a))
        assert (np.abs(a.mean(0) - b.mean(0)) < 4 * spread + 1).all()


def test_unpaired_sample_and_its_answers() -> None:
    data = make('SyntheticUnpaired', size=32, length=5, split='test')
    sample = data[2]
    assert set(sample) == {'A', 'B', 'oracle_A', 'oracle_B', 'meta'}
    assert all(sample[k].shape == (3, 32, 32) and sample[k].dtype == torch.uint8 for k in sample if k != 'meta')
    assert sample['meta']['A_path'] == 'animals/testA/00002.png' and sample['meta']['B_path'].endswith('B/00002.png')
    assert sample['meta']['A_size'] == (32, 32)
    views = data.views('A', 2)
    np.testing.assert_array_equal(sample['A'].permute(1, 2, 0), views['plain'])
    np.testing.assert_array_equal(sample['oracle_B'].permute(1, 2, 0), views['striped'])
    background = (sample['A'].int() - sample['B'].int()).abs().float().mean()
    assert background > 10  # A and B are unrelated scenes


def test_training_draws_the_partner_and_evaluation_does_not() -> None:
    train = make('SyntheticUnpaired', size=16, length=30)
    partners = {train[SampleKey(0, seed)]['meta']['B_path'] for seed in range(20)}
    assert len(partners) > 8
    assert len({train[SampleKey(0, seed)]['meta']['A_path'] for seed in range(20)}) == 1
    test = make('SyntheticUnpaired', size=16, length=30, split='val')
    assert {test[SampleKey(4, seed)]['meta']['B_path'] for seed in range(5)} == {'animals/valB/00004.png'}


def test_splits_seeds_and_domains_are_disjoint() -> None:
    def scenes(**args: object) -> set[bytes]:
        data = make('SyntheticUnpaired', size=16, length=20, serial=True, **args)
        return {data[i][key].numpy().tobytes() for i in range(20) for key in ('A', 'oracle_A')}

    sets = [scenes(split='train'), scenes(split='test'), scenes(split='train', seed=1)]
    assert [len(s) for s in sets] == [40, 40, 40]
    assert not sets[0] & sets[1] and not sets[0] & sets[2]


def test_pipeline_keeps_an_image_and_its_answer_together() -> None:
    plain = make('SyntheticUnpaired', size=32, length=4, serial=True)
    flipped = make('SyntheticUnpaired', size=32, length=4, serial=True, pipeline=[{'type': 'RandomFlip'}])
    unlike = 0
    for seed in range(20):
        before, after = plain[SampleKey(1, seed)], flipped[SampleKey(1, seed)]
        mirrored = [torch.equal(after[key], before[key].flip(2)) for key in ('A', 'oracle_B', 'B', 'oracle_A')]
        assert mirrored[0] == mirrored[1] and mirrored[2] == mirrored[3]
        unlike += mirrored[0] != mirrored[2]
    assert 2 < unlike < 18


@pytest.mark.parametrize('task', ['labels', 'edges'])
def test_paired_tasks(task: str) -> None:
    sample = make('SyntheticPaired', task=task, size=48, length=3)[1]
    assert sample['A'].shape == sample['B'].shape == (3, 48, 48)
    assert not torch.equal(sample['A'], sample['B'])
    gray = make('SyntheticPaired', task=task, size=48, length=3, channels={'A': 1, 'B': 3})[1]
    assert gray['A'].shape == (1, 48, 48) and torch.equal(gray['B'], sample['B'])


def test_house_picture_is_a_function_of_the_labels() -> None:
    """The same class at the same height looks alike in all scenes; the coded map shows the ids."""
    colours = {name: [] for name in ('door', 'chimney', 'trunk', 'path')}
    for i in range(30):
        views = scene('houses', i)
        for name, (number, code) in CLASSES.items():
            inside = (views['labels'] == np.array(code)).all(axis=2)
            assert (views['ids'][inside] == number).all()
            if name in colours and inside.any():
                colours[name].append(np.median(views['photo'][inside], axis=0))
    for name, seen in colours.items():
        assert len(seen) > 10, name
        assert np.std(seen, axis=0).max() < 20, name


def test_edges_are_black_on_white_and_colour_belongs_to_the_kind() -> None:
    hues = []
    for i in range(40):
        views = scene('bags', i)
        edges = views['edges']
        assert (edges[..., 0] == edges[..., 1]).all() and edges.min() < 60
        assert 0.55 < (edges > 250).mean() < 0.97
        drawn = np.abs(views['photo'].astype(int) - 250).max(axis=2) > 60
        hues.append(tuple(np.argsort(np.median(views['photo'][drawn], axis=0))))
    assert len(set(hues)) >= 3


def test_noise_is_shared_by_the_views() -> None:
    clean = make('SyntheticUnpaired', size=32, length=2, serial=True)[0]
    noisy = make('SyntheticUnpaired', size=32, length=2, serial=True, noise=8.0)[0]
    first, second = ((noisy[k].int() - clean[k].int()).float() for k in ('A', 'oracle_B'))
    assert 6 < first.std() < 10
    inner = (clean['A'] > 40) & (clean['A'] < 215) & (clean['oracle_B'] > 40) & (clean['oracle_B'] < 215)
    assert torch.equal(first[inner], second[inner])


@pytest.mark.parametrize(('name', 'args', 'message'), [
    ('SyntheticUnpaired', {'size': 8}, r'integer in \[16, 1024\], found 8'),
    ('SyntheticUnpaired', {'length': 0}, 'an integer >= 1, found 0'),
    ('SyntheticUnpaired', {'world': 'animal'}, "Did you mean 'animals'"),
    ('SyntheticUnpaired', {'domains': ('plain', 'spotted')}, "two of \\['plain', 'striped'\\]"),
    ('SyntheticUnpaired', {'noise': -1}, 'a number >= 0, found -1'),
    ('SyntheticPaired', {'task': 'label'}, "Did you mean 'labels'"),
    ('SyntheticPaired', {'channels': 5}, 'channels')])
def test_wrong_options_are_refused(name: str, args: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(name, **args)


def test_drawing_is_fast_enough_to_train_on() -> None:
    """3 ms per picture at 64 px are promised on an idle core; the bound leaves room for a busy one."""
    data = make('SyntheticUnpaired', size=64, length=20)
    data[0]
    durations = []
    for i in range(10):
        start = time.process_time()
        data[i]
        durations.append((time.process_time() - start) / 4)
    assert min(durations) < 0.006
