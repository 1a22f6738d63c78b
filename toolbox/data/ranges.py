"""The numbers that an image file can hold, and which of them are the darkest and the brightest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from .places import file_of

NUMBERS = ('uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'float16', 'float32', 'float64')
LOOKED_AT = 8  # files of each key when a data set is built
PERCENTILES = (0.5, 99.5)
SAMPLED = 2**22  # values of a whole set from which percentiles are taken

Stated = tuple[float, float] | Literal['measured', 'percentiles']
AskedRange = Stated | dict[str, Stated]
T = TypeVar('T')


class ValueRange(NamedTuple):
    """Numbers that become -1 and 1 for the networks, and the type in which files hold them."""

    low: float
    high: float
    dtype: str

    @classmethod
    def of(cls, value: Any, place: str) -> ValueRange:
        """From plain data, such as a checkpoint holds.

        Raises:
            ConfigError: it is not such a range; names the place.
        """
        low, high, dtype = value if isinstance(value, (list, tuple)) and len(value) == 3 else (0, 0, None)
        if dtype not in NUMBERS:
            raise ConfigError(f'{place}: expected (low, high, type of the files), found {value!r}.')
        low, high = _checked(place, (low, high))
        if cls(low, high, dtype).is_whole and not (limits := np.iinfo(dtype)).min <= low < high <= limits.max:
            raise ConfigError(f'{place}: ({low:g}, {high:g}), but these files are {dtype}, which goes from '
                              f'{limits.min} to {limits.max}.')
        return cls(low, high, dtype)

    @property
    def is_whole(self) -> bool:
        """Whether the files hold whole numbers."""
        return np.dtype(self.dtype).kind in 'iu'

    def __str__(self) -> str:
        return f'({self.low:g}, {self.high:g}) in {self.dtype}'


PLAIN = {name: ValueRange(0, np.iinfo(name).max, name) for name in ('uint8', 'uint16')}  # known without being stated


def range_in(meta: Mapping[str, Any] | None, key: str | None) -> ValueRange | None:
    """The range of the image ``key`` of a sample; None for one of 8 bits."""
    found = (meta or {}).get(f'{key}_range')
    return None if found is None else ValueRange(*found)


def as_meta(ranges: Mapping[str, ValueRange]) -> dict[str, ValueRange]:
    """The entries of a sample's meta that :func:`range_in` reads."""
    return {f'{key}_range': value for key, value in ranges.items()}


def to_networks(image: np.ndarray, known: ValueRange) -> Tensor:
    """``(H, W, C)`` as files hold it -> ``(C, H, W)`` in [-1, 1], what is outside the range cut off."""
    x = (image.astype(np.float64) - known.low) / (known.high - known.low) * 2 - 1
    return torch.from_numpy(np.clip(x, -1, 1).transpose(2, 0, 1).copy()).to(torch.get_default_dtype())


def from_networks(x: Tensor, known: ValueRange) -> Tensor:
    """Images in [-1, 1] -> the range and type of the files; whole numbers are rounded to nearest."""
    values = (x.double().clamp(-1, 1) + 1) / 2 * (known.high - known.low) + known.low
    if known.is_whole:
        values = values.round().clamp(math.ceil(known.low), math.floor(known.high))
    return values.to(getattr(torch, known.dtype))


def to_levels(image: np.ndarray, known: ValueRange) -> np.ndarray:
    """Numbers of files as float64 grey levels from 0 to 255, not rounded: what metrics compare."""
    return np.clip((image.astype(np.float64) - known.low) / (known.high - known.low) * 255, 0, 255)


def outside(image: np.ndarray, known: ValueRange | None) -> float:
    """Share of the numbers that a range cuts off."""
    return float(np.mean((image < known.low) | (image > known.high))) if known else 0.0


def to_8bit(image: np.ndarray, known: ValueRange | None) -> np.ndarray:
    """The same rounded to uint8, to be shown; images of 8 bits without a range are left alone."""
    return image if known is None else np.rint(to_levels(image, known)).astype(np.uint8)


def require_within(image: np.ndarray, known: ValueRange | None, key: str, where: str) -> np.ndarray:
    """Refuse an image whose darkest and brightest numbers only its owner knows, or that a range of 8 bits cuts off."""
    if known is None and image.dtype.name not in PLAIN:
        raise DataError(f'{where}: numbers are {image.dtype}, from {image.min():g} to {image.max():g}; without a '
                        'value_range images have 8 or 16 bits without sign.')
    if known is not None and known.dtype == 'uint8' and image.dtype != np.uint8:
        raise DataError(f'{where}: numbers are {image.dtype}, but the first files of {key} have 8 bits, and so has '
                        f'their value_range, {known}. Save all in the same type, or state value_range=dict({key}=...).')
    return image


def refuse_not_finite(image: np.ndarray) -> np.ndarray:
    """Raise a DataError for an image with NaN or infinity."""
    if image.dtype.kind == 'f' and not np.isfinite(image).all():
        raise DataError(f'{np.count_nonzero(~np.isfinite(image)):,} of {image.size:,} numbers are NaN or infinite. '
                        'Write a number in their place (numpy.nan_to_num), or remove the file.')
    return image


# What a data set says

def settle(asked: AskedRange | None, files: Mapping[str, Sequence[T]], read: Callable[[T, str], np.ndarray],
           name: str) -> tuple[dict[str, ValueRange], list[str]]:
    """The ranges of a data set by key, and remarks for its user.

    Without a stated range 8 and 16 bits without sign need none, and nothing else is possible. With one, all keys get a
    range, those that it leaves out the full one of their type.

    Args:
        asked: as the config states it.
        files: of each key.
        read: an image of a file and key, as the file holds it.
        name: of the data set.

    Raises:
        ConfigError: the range is none, or for a key that is not there.
        DataError: it cannot be known; says what was found and what to type.
    """
    place = f'{name}.value_range'
    stated: dict[str, Stated] = dict(asked) if isinstance(asked, dict) else {} if asked is None else dict.fromkeys(
        files, asked)
    if unknown := [key for key in stated if key not in files]:
        raise ConfigError(f'{place}: {unknown} are no images of this data set; it has {list(files)}.')
    for key, value in stated.items():
        if not isinstance(value, str):
            _checked(f'{place}.{key}', value)
    ranges: dict[str, ValueRange] = {}
    remarks: list[str] = []
    for key, paths in files.items():
        seen = _look(paths, partial(_swapped, read, key), stated.get(key))
        if seen is None:  # nothing can be read: said when it is drawn
            continue
        if key in stated:
            how = stated[key]
            limits = seen.limits(how) if isinstance(how, str) else how
            ranges[key] = ValueRange.of((*limits, seen.dtype), f'{place}.{key}')
            remarks += seen.outside(key, ranges[key])
        elif seen.dtype not in PLAIN:
            raise DataError(seen.unknown(key, name))
        else:
            ranges[key] = PLAIN[seen.dtype]
            remarks += seen.dark(key, name)
    return (ranges if stated else {}), remarks


def _swapped(read: Callable[[T, str], np.ndarray], key: str, file: T) -> np.ndarray:
    return read(file, key)


class _Seen:
    """What was found in some files of one key, or in all of them."""

    def __init__(self) -> None:
        self.files, self.low, self.high, self.first = 0, math.inf, -math.inf, ''
        self._dtypes: set[np.dtype] = set()
        self._samples: list[np.ndarray] = []

    def add(self, file: Any, image: np.ndarray, thin: int) -> None:
        self.files, self.first = self.files + 1, self.first or file_of(file)
        self.low, self.high = min(self.low, float(image.min())), max(self.high, float(image.max()))
        self._dtypes.add(image.dtype)
        self._samples.append(self._thinned(image, thin))

    def _thinned(self, image: np.ndarray, most: int) -> np.ndarray:
        """About so many numbers: those of pixels drawn anywhere, since a step through them can miss bands or
        columns."""
        pixels = image.reshape(-1, image.shape[2])
        if image.size > most:
            pixels = pixels[np.random.default_rng(self.files).integers(len(pixels), size=-(-most // pixels.shape[1]))]
        return pixels.reshape(-1)

    @property
    def dtype(self) -> str:
        return np.result_type(*self._dtypes).name

    def limits(self, how: str) -> tuple[float, float]:
        """The smallest and largest value, or percentiles."""
        if how == 'measured':
            return self.low, self.high
        low, high = np.percentile(np.concatenate(self._samples).astype(np.float64), PERCENTILES)
        return float(low), float(high)

    def outside(self, key: str, known: ValueRange) -> Iterator[str]:
        """A remark on numbers that the range cuts off."""
        values = np.concatenate(self._samples)
        share = np.mean((values < known.low) | (values > known.high))
        if self.low < known.low or self.high > known.high:
            yield (f'{key}: value_range {known}: in the {self.files} files looked at, numbers go from {self.low:g} to '
                   f'{self.high:g}; what is outside the range ({share:.2%}) is cut off.')

    def dark(self, key: str, name: str) -> Iterator[str]:
        """A remark on files that use less than a quarter of what their type can hold: 12 bits in 16, say."""
        full = PLAIN[self.dtype].high
        if 0 < self.high <= full / 4 and len(self._dtypes) == 1:
            brightest = int(self.high) if self.dtype == 'uint8' else 2 ** max(8, int(self.high).bit_length()) - 1
            yield (f'{key}: the largest number in the {self.files} files looked at ({self.first!r}, ...) is '
                   f'{self.high:g}, but {self.dtype} goes to {full:g}: the networks get almost black images. If '
                   f'{brightest} is the brightest value, write value_range=(0, {brightest}) in the data set '
                   f'({name}).')

    def unknown(self, key: str, name: str) -> str:
        """The error for numbers without a range."""
        low, high = f'{self.low:g}', f'{self.high:g}'
        return (f'{name}: {key}: the numbers in {self.first!r} and others ({self.files} files looked at) are '
                f'{self.dtype}, from {low} to {high}. Images of 8 or 16 bits without sign need nothing; for others '
                'state in train_dataloader.dataset which values are the darkest and the brightest: '
                f"value_range=({low}, {high}), or value_range='measured' (smallest and largest value of the training "
                f"set), or 'percentiles' ({PERCENTILES[0]} % and {PERCENTILES[1]} %). Per domain: "
                f'value_range=dict({key}=({low}, {high}), ...).')


def _look(files: Sequence[T], read: Callable[[T], np.ndarray], stated: Stated | None) -> _Seen | None:
    """A few files spread over the list; all of them for a range that is measured."""
    whole = isinstance(stated, str)
    count = len(files) if whole else min(LOOKED_AT, len(files))
    seen = _Seen()
    for number in range(count):
        file = files[number * len(files) // count]
        try:
            image = read(file)
        except DataError:  # said, or skipped, when it is drawn
            continue
        seen.add(file, image, max(16, SAMPLED // count))
        if stated is None and seen.dtype in PLAIN and seen.high > PLAIN[seen.dtype].high / 4:
            break  # an ordinary set: the first file tells
    return seen if seen.files else None


def _checked(place: str, limits: Sequence[float]) -> tuple[float, float]:
    numbers = [isinstance(limit, (int, float)) and math.isfinite(limit) for limit in limits]
    if len(limits) != 2 or not all(numbers) or not limits[0] < limits[1]:
        raise ConfigError(f'{place}: expected (low, high), two numbers of which the second is larger, found '
                          f'{tuple(limits)!r}.')
    return limits[0], limits[1]
