"""Grids for people: sizes, captions, their order, and the progress of a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from toolbox.captions import captioned, enlarged, wrapped
from toolbox.data.io import write_image
from toolbox.hooks.samples import caption_of, draw_grid, reading_order, write_progress
from toolbox.methods.cyclegan import CycleGAN
from toolbox.methods.directions import Shown

FONT = ImageFont.load_default(13)


def flat(height: int, width: int, value: int) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_small_pictures_are_enlarged_by_whole_numbers_and_large_ones_stay() -> None:
    assert [enlarged(flat(side, side, 0), 128).shape[0] for side in (1, 16, 48, 64, 100, 128, 300)] == [
        128, 128, 144, 128, 200, 128, 300]
    small = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = enlarged(small, 128)
    assert np.array_equal(large[::64, ::64], small) and (large[:64, :64] == small[0, 0]).all()


def test_captions_are_black_on_white_above_their_column_and_never_in_the_pictures() -> None:
    grid = captioned([[flat(16, 16, 100), flat(64, 64, 200)]], ['the first', 'a caption that needs more than one line'])
    header = grid.shape[0] - 128 - 4
    assert header > 2 * 17 and grid.shape == (header + 132, 4 + 2 * 132, 3)
    first, second = grid[:header, 4:132], grid[:header, 136:264]
    assert first.min() == second.min() == 0 and (second < 128).sum() > 2 * (first < 128).sum()
    assert (grid[header:-4, 4:132] == 100).all() and (grid[header:-4, 136:264] == 200).all()
    assert (grid[header:, :4] == 255).all() and (grid[header:, 132:136] == 255).all()


@pytest.mark.parametrize('text', ['', 'short', 'translation to B: striped animals on a meadow', 'x' * 60, 'a ' * 40])
def test_a_caption_loses_nothing_and_fits(text: str) -> None:
    lines = wrapped(text, 128, FONT)
    assert ''.join(lines).replace(' ', '') == text.replace(' ', '')
    assert all(FONT.getlength(line) <= 128 for line in lines)


def test_the_true_answer_stands_beside_the_translation() -> None:
    keys = [*CycleGAN.shows, 'oracle_B', 'oracle_A']
    assert reading_order(keys, CycleGAN.shows) == [
        'A', 'fake_B', 'oracle_B', 'rec_A', 'B', 'fake_A', 'oracle_A', 'rec_B']
    several = {'A': Shown('A'), **{f'fake_B{i}': Shown('', of='A', like='B') for i in ('', '_1')},
               'guided_B': Shown('', of='A', like='B'), 'B': Shown('B'), 'rec_B': Shown('', of='B', like='B')}
    order = reading_order([*several, 'oracle_B', 'oracle_x'], several)
    assert order == ['A', 'fake_B', 'fake_B_1', 'guided_B', 'oracle_B', 'B', 'rec_B', 'oracle_x']


def test_a_caption_has_the_data_set_s_name_for_the_domain() -> None:
    titles = {'A': 'plain', 'B': 'striped'}
    assert [caption_of(key, CycleGAN.shows, titles) for key in ('A', 'fake_B', 'rec_A', 'oracle_B', 'mask')] == [
        'A: plain', 'translation to B: striped', 'back to A: plain', 'true answer, B', 'mask']
    assert caption_of('fake_B', CycleGAN.shows, {}) == 'translation to B'


def test_input_and_enlargement_are_seen_at_one_size() -> None:
    small, large = torch.zeros(3, 16, 16, dtype=torch.uint8), torch.full((3, 64, 64), 9, dtype=torch.uint8)
    grid = draw_grid([dict(meta={}, LR=small, fake=large)], {'LR': 'low', 'fake': 'high'})
    assert (grid[25:153, 4:132] == 0).all() and (grid[25:153, 136:264] == 9).all()


def test_the_progress_shows_the_grids_of_this_run_in_their_order(tmp_path: Path) -> None:
    write_progress(tmp_path, 100)
    assert not [*tmp_path.iterdir()], 'no grid, no progress'
    for step in range(0, 700, 10):
        write_image(tmp_path / f'{step:06d}.png', flat(8, 8 if step else 4, step // 10 * 3))
    (tmp_path / '²³.png').write_text('no number')
    write_progress(tmp_path, 600)
    with Image.open(tmp_path / 'progress.gif') as video:
        assert (video.n_frames, video.size) == (20, (8, 8))
        values = []
        for frame in range(20):
            video.seek(frame)
            values.append(int(np.asarray(video.convert('RGB'))[0, 0, 0]))
    assert values == sorted(values) and values[-1] == 180, 'up to the iteration that was reached'
