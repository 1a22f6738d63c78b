"""Grids of pictures: every picture keeps its size, its pixels and its place."""

import numpy as np

from toolbox.pictures import arrange


def flat(height: int, width: int, value: int, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), value, np.uint8)


def test_a_column_is_as_wide_as_its_widest_picture_and_a_row_as_high_as_its_highest() -> None:
    picture = arrange([[flat(2, 3, 10), flat(8, 12, 20)], [flat(4, 5, 30), flat(1, 1, 40)]], gap=1)
    expected = np.full((8 + 1 + 4, 5 + 1 + 12, 3), 255, np.uint8)
    expected[:2, :3], expected[:8, 6:18] = 10, 20
    expected[9:13, :5], expected[9:10, 6:7] = 30, 40
    assert np.array_equal(picture, expected)


def test_empty_cells_and_short_rows_stay_white() -> None:
    picture = arrange([[None, flat(2, 2, 0)], [flat(2, 2, 0)]], gap=0)
    assert np.array_equal(picture[:, :, 0], [[255, 255, 0, 0]] * 2 + [[0, 0, 255, 255]] * 2)


def test_gray_is_repeated_and_what_comes_after_three_channels_is_cut() -> None:
    four = np.arange(4, dtype=np.uint8).reshape(1, 1, 4)
    picture = arrange([[flat(1, 1, 7, channels=1), flat(1, 1, 8, channels=2), four]], gap=0)
    assert picture.tolist() == [[[7, 7, 7], [8, 8, 8], [0, 1, 2]]]


def test_a_caption_stands_over_its_column_and_within_it() -> None:
    cells = [[flat(4, 30, 255), flat(4, 40, 255)]]
    nothing, first, second = (arrange(cells, captions) < 255 for captions in
                              (('', ''), ('a very long caption', ''), ('', 'a very long caption')))
    assert nothing.shape == first.shape == (14 + 4, 30 + 2 + 40, 3)
    assert not nothing.any()
    assert first.any() and not first[:, 30:].any() and not first[14:].any()
    assert second.any() and not second[:, :32].any()
