"""A part of the training pairs is held out for validation: blocks, gaps, copies, and two sets that must agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from toolbox.data.facts import facts_of, other_hold_outs
from toolbox.data.sets.hold_out import HoldOut
from toolbox.errors import ConfigError, DataError
from toolbox.registry import DATASETS, build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """train/1.png ... train/24.png, side by side; 2 and 17 are copies of 6."""
    (tmp_path / 'train').mkdir()
    for number in range(1, 25):
        image = np.full((4, 8, 3), 6 if number in (2, 17) else number, np.uint8)
        assert cv2.imwrite(str(tmp_path / f'train/{number}.png'), image)
    return tmp_path


def numbers(folder: Path, **settings: Any) -> list[int]:
    """The names of the files that a data set uses."""
    dataset = build(dict(type='PairedDataset', data_root=str(folder), **settings), DATASETS)
    return [int(pair.first.stem) for pair in dataset.pairs]


def test_blocks_in_the_order_of_the_names_are_held_out(folder: Path) -> None:
    hold_out = dict(block=4, every=3)
    held = [9, 10, 11, 12, 21, 22, 23, 24]
    assert numbers(folder, hold_out=hold_out, held_out=True) == held
    assert numbers(folder, hold_out=hold_out) == [n for n in range(1, 25) if n not in held]
    assert numbers(folder, hold_out=hold_out, max_samples=3) == [1, 2, 3]
    assert numbers(folder) == list(range(1, 25))


def test_neighbours_of_a_block_and_copies_of_its_files_are_in_neither_part(folder: Path) -> None:
    hold_out = dict(block=4, every=2, gap=1)
    held = [5, 6, 7, 8, 13, 14, 15, 16, 21, 22, 23, 24]
    assert numbers(folder, hold_out=hold_out, held_out=True) == held
    assert numbers(folder, hold_out=hold_out) == [1, 3, 10, 11, 18, 19]  # 2 is a copy of 6; so is 17, also a neighbour


def test_a_list_in_any_order_has_the_same_parts(folder: Path) -> None:
    rows = [7, 24, 3, 12, 1, 18, 9, 20, 5, 14, 22, 11, 2, 16, 8, 23, 4, 13, 6, 19, 10, 21, 15, 17]
    assert sorted(rows) == list(range(1, 25))
    (folder / 'pairs.csv').write_text('A,B\n' + ''.join(f'train/{n}.png,train/{n}.png\n' for n in rows))
    for held_out in (False, True):
        settings = dict(hold_out=dict(block=4, every=2, gap=1), held_out=held_out)
        listed = numbers(folder, ann_file='pairs.csv', **settings)
        assert sorted(listed) == numbers(folder, **settings) and listed == [n for n in rows if n in listed]


def test_files_of_equal_size_and_other_content_are_no_copies(tmp_path: Path) -> None:
    files = [tmp_path / name for name in 'abcd']
    for path, content in zip(files, (b'xy', b'yx', b'xy', b'zz'), strict=True):
        path.write_bytes(content)
    assert HoldOut(block=1, every=3).divide(files) == ([1, 3], [2])


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(held_out=True), 'held_out=True: which ones'), (dict(hold_out=dict(every=1)), 'every=1 holds everything out'),
    (dict(hold_out=dict(blok=3)), r"hold_out\.blok: no such setting.*'block'"),
    (dict(hold_out=dict(block=0)), r'block.*>= 1'), (dict(hold_out=dict(gap=-1)), r'gap.*>= 0')])
def test_wrong_settings_say_what_to_type(folder: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        numbers(folder, **settings)


@pytest.mark.parametrize('hold_out', [dict(block=20), dict(block=12, every=2, gap=12)])
def test_an_empty_part_is_refused(folder: Path, hold_out: dict[str, int]) -> None:
    with pytest.raises(DataError, match=r'of 24 pairs to train on and holds \d+ out. Choose a smaller block'):
        numbers(folder, hold_out=hold_out)


def test_two_sets_must_hold_out_the_same(folder: Path) -> None:
    def facts(**settings: Any) -> dict[str, Any]:
        return facts_of(build(dict(type='PairedDataset', data_root=str(folder), **settings), DATASETS))

    held = facts(hold_out=dict(block=2, every=3), held_out=True)
    assert not other_hold_outs(facts(hold_out=dict(block=2, every=3)), held, ('x', 'y'))
    assert not other_hold_outs(facts(hold_out=dict(block=2, every=3)), facts(), ('x', 'y'))
    for training in (facts(), facts(hold_out=dict(block=3, every=3))):
        assert 'in x, but' in other_hold_outs(training, held, ('x', 'y'))[0]


@pytest.mark.fault
def test_a_run_does_not_validate_on_what_it_learns(folder: Path, tmp_path: Path) -> None:
    from tiny import tiny_config

    from toolbox.engine import Runner
    options = {'train_dataloader.dataset.hold_out': dict(block=2, every=3)}
    cfg = tiny_config('configs/pix2pix/satellite_mask.py', tmp_path / 'run', folder, options=options)
    with pytest.raises(ConfigError, match=r'(?s)hold_out: .*would have been trained on.*write the same hold_out'):
        Runner.from_cfg(cfg).train()
