"""Images of any size for networks that want multiples of a number."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor
from torch.nn import functional as F


def pad_to_multiple(x: Tensor, divisor: int, smallest: int = 1) -> tuple[Tensor, tuple[slice, slice]]:
    """Grow images on all sides by their mirrored content, until both sides are multiples of ``divisor``.

    A side too short to be mirrored that far is continued with the pixels of its edge.

    Args:
        x: ``(N, C, H, W)``.
        divisor: both sides of the result are multiples of it.
        smallest: and at least this long.

    Returns:
        The grown images, and the (rows, columns) in which the original ones lie: ``padded[..., rows, columns]``.
    """
    (top, bottom), (left, right) = (_margins(side, divisor, smallest) for side in x.shape[-2:])
    height, width = x.shape[-2:]
    for before, after, side, margins in (
        (left, right, width, (left, right, 0, 0)),
        (top, bottom, height, (0, 0, top, bottom)),
    ):
        if before or after:
            x = F.pad(x, margins, mode='reflect' if max(before, after) < side else 'replicate')
    return x, (slice(top, top + height), slice(left, left + width))


def mirrored(side: int, divisor: int, smallest: int = 1) -> tuple[np.ndarray, int]:
    """For one side: the pixel of the image that each pixel of :func:`pad_to_multiple` repeats, and where the image
    begins there."""
    before, after = _margins(side, divisor, smallest)
    pixels, margins = np.arange(side), (before, after)
    return np.pad(pixels, margins, 'reflect') if max(margins) < side else np.pad(pixels, margins, 'edge'), before


def _margins(side: int, divisor: int, smallest: int) -> tuple[int, int]:
    missing = math.ceil(max(side, smallest) / divisor) * divisor - side
    return missing // 2, missing - missing // 2


def enlarged(place: tuple[slice, slice], scale: int) -> tuple[slice, slice]:
    """Where rows and columns of an image lie in one of ``scale`` times its size."""
    rows, columns = (slice(part.start * scale, part.stop * scale) for part in place)
    return rows, columns
