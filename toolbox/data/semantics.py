"""Names and colours of the classes of label maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Colour = tuple[int, int, int]
UNKNOWN: Colour = (0, 0, 0)


class ClassTable(NamedTuple):
    """The classes of a published set, in the order of their ids."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]


def palette_of(names: Sequence[str]) -> list[Colour]:
    """A colour for each class: distinct for the first 255, the same in every run.

    By the rule of the VOC palette: the bits of ``id + 1`` go to red, green and blue in turn, the highest first.
    """
    return [_colour(number + 1) for number in range(len(names))]


def _colour(number: int) -> Colour:
    channels = [0, 0, 0]
    for place in range(24):
        channels[place % 3] |= (number >> place & 1) << (7 - place // 3)
    return channels[0], channels[1], channels[2]


def coloured(ids: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Ids ``(H, W)`` below ``len(palette)`` as a picture ``(H, W, 3)`` uint8."""
    return np.asarray(palette, np.uint8)[ids]
