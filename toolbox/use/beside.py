"""What people look at: inputs of any kind as pictures, and a source next to its result."""

from __future__ import annotations

import numpy as np

from ..data.ranges import ValueRange, to_8bit
from ..data.semantics import coloured
from ..data.transforms import resize
from ..methods.directions import LabelMap, Port
from ..pictures import as_rgb
from .inputs import as_image


def picture_of(port: Port, array: np.ndarray, known: ValueRange | None = None) -> np.ndarray:
    """An input as a picture: classes get their colours, other numbers become grays.

    Args:
        port: the input.
        array: what :func:`~toolbox.use.inputs.read_input` gives for it.
        known: its numbers, if they are others than 8 or 16 bits.

    Returns:
        ``(H, W, C)`` uint8, or uint16 of an image that has 16 bits.
    """
    if isinstance(port, LabelMap):
        return coloured(array, port.palette)
    if array.ndim == 2:
        return (array.astype(np.float64) * (255 / max(1, array.max()))).astype(np.uint8)[:, :, None]
    return array if known is None else as_rgb(to_8bit(array, known))


def beside(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Source and result ``(H, W, C)`` in one picture.

    A source of which the result is a multiple is enlarged pixel by pixel, any other is resized to the result's height.
    """
    (height, width), rows = before.shape[:2], after.shape[0]
    if rows % height:
        before = resize(before, rows, max(1, round(width * rows / height)))
    else:
        before = before.repeat(rows // height, 0).repeat(rows // height, 1)
    channels = max(before.shape[2], after.shape[2])
    return np.concatenate([as_image(before, channels), as_image(after, channels)], axis=1)
