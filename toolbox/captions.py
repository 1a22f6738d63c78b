"""Grids for people: pictures large enough to see, under captions large enough to read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .pictures import arrange

LETTERS = 13  # height of a line of captions is that and MARGIN, in pixels
MARGIN, GAP = 4, 4
Cell = np.ndarray | None
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def captioned(rows: Sequence[Sequence[Cell]], captions: Sequence[str], least: int = 128) -> np.ndarray:
    """A grid in which no picture's longer side is shorter than ``least`` pixels, and no caption is cut or shrunk.

    Small pictures are enlarged by a whole number, each pixel to a square, so that what is shown is what is there.

    Args:
        rows: pictures ``(H, W, C)`` uint8, None for an empty cell. Rows may differ in length.
        captions: above each column, in as many lines as they need.
        least: pixels of the longer side.

    Returns:
        ``(H, W, 3)`` uint8, with a white edge.
    """
    large = [[None if cell is None else enlarged(cell, least) for cell in row] for row in rows]
    widths = [max((cell.shape[1] for cell in column if cell is not None), default=0) for column in zip_longest(*large)]
    font = ImageFont.load_default(LETTERS)
    texts = [wrapped(text, width, font) for text, width in zip_longest(captions, widths, fillvalue='')
             if isinstance(width, int)]
    header = max(map(len, texts)) * (LETTERS + MARGIN) + MARGIN if any(texts) else 0
    grid = Image.fromarray(np.pad(arrange(large, ('',) * bool(header), GAP, header), ((GAP, GAP), (GAP, GAP), (0, 0)),
                                  constant_values=255))
    draw, left = ImageDraw.Draw(grid), GAP
    for lines, width in zip(texts, widths, strict=True):
        for number, line in enumerate(lines):
            draw.text((left, GAP + number * (LETTERS + MARGIN)), line, (0, 0, 0), font)
        left += width + GAP
    return np.asarray(grid)


def enlarged(image: np.ndarray, least: int) -> np.ndarray:
    """``(H, W, C)`` with each pixel as a square of whole side, so that the longer side has at least so many pixels."""
    times = -(-least // max(image.shape[:2]))
    return image.repeat(times, 0).repeat(times, 1) if times > 1 else image


def wrapped(text: str, width: int, font: Font) -> list[str]:
    """The words in lines of at most ``width`` pixels; a word that is longer is divided."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f'{lines[-1]} {word}') <= width:
            lines[-1] += f' {word}'
            continue
        while len(word) > 1 and font.getlength(word) > width:
            fits = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or font.getlength(word[:n]) <= width)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines
