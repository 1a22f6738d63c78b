"""Arrange several pictures in one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, zip_longest

import cv2
import numpy as np

from .errors import ConfigError

Cell = np.ndarray | None


def arrange(rows: Sequence[Sequence[Cell]], captions: Sequence[str] = (), gap: int = 2, header: int = 14) -> np.ndarray:
    """A grid in which every picture keeps its size.

    A column is as wide as its widest picture and a row as high as its tallest; smaller ones are at the top left of
    their cell, on white.

    Args:
        rows: pictures ``(H, W, C)`` uint8, None for an empty cell. Rows may differ in length.
        captions: one word above each column.
        gap: white pixels between pictures.
        header: height of the caption line, if any.

    Returns:
        ``(H, W, 3)`` uint8: gray is repeated, channels after the third are dropped.
    """
    widths = [max(map(_width, column)) for column in zip_longest(*rows)]
    heights = [max(map(_height, row)) for row in rows]
    lefts, tops = _places(widths, 0, gap), _places(heights, header if captions else 0, gap)
    picture = np.full((tops.pop() - gap, lefts.pop() - gap, 3), 255, np.uint8)
    for left, width, text in zip(lefts, widths, captions, strict=False):
        _write(picture, text, (left + 2, round(0.7 * header)), width)
    for top, row in zip(tops, rows, strict=True):
        for left, cell in zip(lefts, row, strict=False):
            if cell is not None:
                picture[top:top + len(cell), left:left + _width(cell)] = as_rgb(cell)
    return picture


def as_rgb(image: np.ndarray) -> np.ndarray:
    """``(H, W, C)`` -> ``(H, W, 3)``: gray is repeated, channels after the third are dropped."""
    return image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)


def band_places(count: int, bands: Sequence[int] | None, where: str) -> list[int] | slice:
    """Which channels of an image with ``count`` of them are shown: ``bands``, counted from 1, unless it has colours.

    Raises:
        ConfigError: there is no such band; names ``where`` it is asked for.
    """
    if bands is None or count in (1, 3):
        return slice(None)
    if max(bands) > count:
        raise ConfigError(f'{where}: {tuple(bands)}, but there are {count} bands.')
    return [band - 1 for band in bands]


def _places(sizes: Sequence[int], first: int, gap: int) -> list[int]:
    """Where each row or column begins, and where another one would."""
    return list(accumulate((size + gap for size in sizes), initial=first))


def _height(cell: Cell) -> int:
    return 0 if cell is None else cell.shape[0]


def _width(cell: Cell) -> int:
    return 0 if cell is None else cell.shape[1]


def _write(picture: np.ndarray, text: str, place: tuple[int, int], width: int) -> None:
    """Write ``text`` within its column: a letter at scale 1 is less than 17.5 pixels wide."""
    scale = min(0.4, 0.4 * width / (7.0 * max(1, len(text))))
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
