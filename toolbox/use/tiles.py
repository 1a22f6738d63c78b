"""Large images in tiles: cut with an overlap, made one by one, and blended where they meet."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Generator, Tensor

from ..errors import ConfigError, DataError
from ..methods.directions import Port
from .padding import mirrored

MIDDLE = 4  # pixels on each side of the middle of a tile that are watched
ROWS = 256  # of a result that become numbers of its file at once
Arrays = Mapping[str, np.ndarray]


class Part(NamedTuple):
    """A tile along one side: from ``start`` to ``stop``, of which the result counts from ``rise[0]`` to ``fall[1]``.

    Its weight goes from 0 to 1 along ``rise`` and back along ``fall``; those of neighbours sum to 1 everywhere.
    """

    start: int
    stop: int
    rise: tuple[int, int]
    fall: tuple[int, int]

    def weights(self, scale: int) -> Tensor:
        """Of the pixels that count, ``(scale * (fall[1] - rise[0]),)``."""
        at = torch.arange(scale * self.rise[0], scale * self.fall[1]) + 0.5
        weights = torch.ones(len(at))
        for edge, (first, last) in ((False, self.rise), (True, self.fall)):
            if last > first:
                ramp = ((at - scale * first) / (scale * (last - first))).clamp(0, 1)
                weights *= 1 - ramp if edge else ramp
        return weights


class Tiling(NamedTuple):
    """How images are cut.

    Attributes:
        tile: height and width of a tile in pixels of the source; rounded down to what the networks take.
        overlap: pixels that neighbours share at least. The middle half of them is blended; the outer quarters, which
            see the border of their tile, do not count.
    """

    tile: int
    overlap: int

    def parts(self, side: int, divisor: int) -> list[Part]:
        """The tiles along a side of ``side`` pixels, a multiple of ``divisor``, as all their borders are.

        Raises:
            ConfigError: the tile is too small.
        """
        tile = self.tile // divisor * divisor
        step = (tile - self.overlap) // divisor * divisor
        if side <= self.tile:
            return [Part(0, side, (0, 0), (side, side))]
        if step < max(self.overlap, 1):
            blocks = math.ceil(max(self.overlap, 1) / divisor)
            least = math.ceil((self.overlap + blocks * divisor) / divisor) * divisor
            raise ConfigError(f'tile={self.tile}, overlap={self.overlap}: the sides of what these networks take are '
                              f'multiples of {divisor}, so that tiles with this overlap need at least {least} pixels: '
                              f'--tile {least}.')
        starts = [*range(0, side - tile, step), side - tile]
        seams = [(start + before + tile) // 2 for before, start in itertools.pairwise(starts)]
        half = self.overlap // 4
        ramps = [(0, 0), *((seam - half, seam + half) for seam in seams), (side, side)]
        return [Part(start, start + tile, *ends) for start, ends in zip(starts, itertools.pairwise(ramps), strict=True)]


def tiling_of(tile: int | None, overlap: int) -> Tiling | None:
    """The tiling that a user asks for; None without ``tile``."""
    if tile is None:
        return None
    for name, value, least in (('tile', tile, 16), ('overlap', overlap, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(f'{name}: expected a whole number of at least {least} pixels, found {value!r}.')
    return Tiling(tile, overlap)


def translate_tiles(make: Callable[[Arrays], Tensor], convert: Callable[[Tensor], np.ndarray], arrays: Arrays,
                    tiling: Tiling, divisor: int = 1, smallest: int = 1, scale: int = 1) -> np.ndarray:
    """A large image from the results of its tiles.

    In floating point there are, at a time, a row of tiles of the result and what the networks need for one tile. Tiles
    start at multiples of ``divisor`` of the padded image, so that strided layers see the grid of the whole.

    Args:
        make: tiles of the inputs by name -> the result ``(C, scale * h, scale * w)`` in [-1, 1].
        convert: a part of the result ``(C, h, w)`` -> the numbers of its file ``(h, w, C)``.
        arrays: inputs of one size by name, ``(H, W)`` or ``(H, W, C)``.
        tiling: size and overlap of the tiles.
        divisor: sides of tiles are multiples of it; the border of the image is mirrored where it must grow.
        smallest: and the image is grown to at least this side.
        scale: side of the result / side of the inputs.

    Returns:
        ``(scale * H, scale * W, C)``.

    Raises:
        ConfigError: the tile is too small for the networks.
    """
    height, width = next(iter(arrays.values())).shape[:2]
    (rows, top), (columns, left) = (mirrored(side, divisor, smallest) for side in (height, width))
    inside = slice(scale * left, scale * (left + width))
    across = tiling.parts(len(columns), divisor)
    result: np.ndarray | None = None
    rest: Tensor | None = None
    for row in tiling.parts(len(rows), divisor):
        band = _band(make, arrays, rows, columns, row, across, scale)
        if rest is not None:
            band[:, :rest.shape[1]] += rest
        done = scale * (row.fall[0] - row.rise[0])
        rest = band[:, done:].clone()
        begin = scale * (row.rise[0] - top)  # of the band in the result, where the padding is not
        for first in range(max(0, -begin), min(done, scale * height - begin), ROWS):
            last = min(first + ROWS, done, scale * height - begin)
            numbers = convert(band[:, first:last, inside])
            if result is None:
                result = np.empty((scale * height, scale * width, numbers.shape[2]), numbers.dtype)
            result[begin + first:begin + last] = numbers
    assert result is not None
    return result


def _band(make: Callable[[Arrays], Tensor], arrays: Arrays, rows: np.ndarray, columns: np.ndarray, row: Part,
          across: Sequence[Part], scale: int) -> Tensor:
    """A row of tiles ``(C, H, W)``, blended from left to right and weighted from top to bottom."""
    band: Tensor | None = None
    lines = {name: array[rows[row.start:row.stop]] for name, array in arrays.items()}
    for column in across:
        made = make({name: line[:, columns[column.start:column.stop]] for name, line in lines.items()})
        counts = made[:, _counting(row, scale), _counting(column, scale)].cpu().float()
        if band is None:
            band = counts.new_zeros(counts.shape[0], counts.shape[1], scale * len(columns))
        place = slice(scale * column.rise[0], scale * column.fall[1])
        band[:, :, place] += counts * row.weights(scale)[:, None] * column.weights(scale)
    assert band is not None
    return band


def _counting(part: Part, scale: int) -> slice:
    return slice(scale * (part.rise[0] - part.start), scale * (part.fall[1] - part.start))


def warn_of_far_sight(make: Callable[[Mapping[str, Tensor]], Tensor], tensors: Mapping[str, Tensor],
                      ports: Sequence[Port], overlap: int, scale: int, where: str) -> None:
    """Warn if what lies beyond the overlap changes a result: tiles then differ from the whole.

    It is tried: the surroundings of the middle of a tile are replaced by noise.

    Args:
        make: inputs as the networks take them -> ``(1, C, H, W)`` in [-1, 1].
        tensors: a tile of each input by name.
        ports: what the inputs are.
        overlap: of the tiles.
        scale: side of the result / side of the inputs.
        where: what is tried, for the warning.
    """
    height, width = next(iter(tensors.values())).shape[-2:]
    reach, furthest = 3 * overlap // 4, min(height, width) // 2 - MIDDLE - 1
    if reach >= furthest:
        return

    def middle(inputs: Mapping[str, Tensor]) -> Tensor:
        rows, columns = (slice(scale * (side // 2 - MIDDLE), scale * (side // 2 + MIDDLE)) for side in (height, width))
        return make(inputs)[..., rows, columns].clamp(-1, 1)

    expected = middle(tensors)

    def levels(keep: int) -> float:
        return 127.5 * float((middle(_surrounded(tensors, ports, keep)) - expected).abs().max())

    found = levels(reach)
    if found <= 1:
        return
    doubled = itertools.takewhile(lambda keep: keep < furthest, (max(4, reach) << n for n in itertools.count(1)))
    enough = next((keep for keep in doubled if levels(keep) <= 1), None)
    if enough is None:
        cure = ('Its networks look at the whole of what they are given (by instance norm, attention, or many strided '
                'layers): larger tiles differ less, no overlap makes them equal.')
    else:
        cure = (f'--overlap {math.ceil(4 * enough / 3)} makes them equal between the seams, --overlap {4 * enough} '
                'everywhere.')
    print_log(f'{where}: with an overlap of {overlap}, tiles differ from the whole image: noise beyond it changes a '
              f'pixel by up to {found:.0f} of 255 levels. {cure}', logger='current', level=logging.WARNING)


def _surrounded(tensors: Mapping[str, Tensor], ports: Sequence[Port], keep: int) -> dict[str, Tensor]:
    """The middle of inputs, and ``keep`` pixels around it, in noise."""
    found = {}
    for port in ports:
        whole = tensors[port.name]
        height, width = whole.shape[-2:]
        found[port.name] = port.example(len(whole), (height, width), Generator().manual_seed(0)).to(whole)
        half = MIDDLE + keep
        rows, columns = (slice(max(0, side // 2 - half), side // 2 + half) for side in (height, width))
        found[port.name][..., rows, columns] = whole[..., rows, columns]
    return found


@contextmanager
def enough_memory(height: int, width: int, device: torch.device, tiling: Tiling | None,
                  own_size: bool = False) -> Iterator[None]:
    """Say what to do where memory is not enough for an image; raises :class:`DataError`.

    Args:
        height: of the result.
        width: of the result.
        device: where it is made.
        tiling: the tiles, if there are any.
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
        tile = 512 if tiling is None else max(64, tiling.tile // 2)
        parts = 'pixels' if tiling is None else f'pixels in tiles of {tiling.tile}'
        raise DataError(f'{height}x{width} {parts} do not fit on {device}. Cut into smaller tiles: --tile {tile} (in '
                        f'Python: Translator(..., tile={tile})).') from error
