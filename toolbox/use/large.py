"""Large images: in strips, so that memory is enough, with the pixels of the whole image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from ..strips import record, run

LARGE = 2 ** 21  # pixels of a result; larger ones are made in strips where that can be
Slices = tuple[slice, slice]  # rows and columns


def check_tile(tile: int | None) -> None:
    """Raises :class:`ConfigError` if it is no side of an image."""
    if tile is not None and (not isinstance(tile, int) or isinstance(tile, bool) or tile < 16):
        raise ConfigError(f'tile: expected a whole number of at least 16 pixels, found {tile!r}.')


def in_strips(ask: Callable[[Mapping[str, Tensor]], Tensor], inputs: Mapping[str, Tensor], inside: Slices,
              convert: Callable[[Tensor], np.ndarray]) -> np.ndarray:
    """What networks make of an image, computed a few rows at a time: in float numbers there are the inputs, what
    :class:`~toolbox.strips.plan.Plan` keeps, and some rows.

    Args:
        ask: the networks, from inputs by name to a result ``(1, C, H, W)`` in [-1, 1].
        inputs: by name.
        inside: what of the result counts.
        convert: rows of the result ``(C, h, W)`` -> the numbers of its file ``(h, W, C)``.

    Returns:
        ``(H, W, C)`` of what counts.

    Raises:
        Uncuttable: the networks cannot be computed in strips.
    """
    rows, columns = inside
    result: np.ndarray | None = None
    seen = 0

    def write(made: Tensor) -> None:
        nonlocal result, seen
        first, last = (min(max(seen + at, rows.start), rows.stop) for at in (0, made.shape[-2]))
        numbers = convert(made[0, :, first - seen:last - seen, columns])
        if result is None:
            result = np.empty((rows.stop - rows.start, *numbers.shape[1:]), numbers.dtype)
        result[first - rows.start:last - rows.start] = numbers
        seen += made.shape[-2]

    run(record(ask, inputs), inputs, write)
    assert result is not None
    return result


@contextmanager
def enough_memory(height: int, width: int, device: torch.device, strips: bool,
                  own_size: bool = False) -> Iterator[None]:
    """Say what to do where memory is not enough for an image; raises :class:`DataError`.

    Args:
        height: of the result.
        width: of the result.
        device: where it is made.
        strips: whether it is made in strips.
        own_size: whether the result has a size of its own (:class:`~toolbox.methods.directions.Direction`).
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        full = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)) or 'not enough memory' in str(error)
        if not full:
            raise
        if own_size:
            raise DataError(f'{height}x{width} pixels do not fit on {device}. Ask for a smaller result.') from error
        cure = 'Scale it down.' if strips else 'Make it in strips: --tile 512 (in Python: Translator(..., tile=512)).'
        raise DataError(f'{height}x{width} pixels{" in strips" * strips} do not fit on {device}. {cure}') from error
