"""The classes of label maps: their names, their colours, and which numbers or colours in files mean them."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import ConfigError, DataError, did_you_mean
from .io import orientation_of, read_image, read_numbers
from .showing import Pixels, turned

Colour = tuple[int, int, int]
Coded = Literal['numbers', 'colours']
UNKNOWN: Colour = (0, 0, 0)
UNKNOWN_NUMBER = 255  # what most label maps hold for a pixel of unknown class
MAX_NUMBER = 2**16 - 1
_TABLES = Path(__file__).with_name('class_tables')
_SHOWN = 8


class ClassTable(NamedTuple):
    """The classes of a published set, in the order of their ids.

    Attributes:
        names: of the classes.
        colours: of the classes.
        numbers: of the classes in the label maps of the set.
        unknown: numbers in these of pixels without a class; none if there are no such pixels.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    numbers: tuple[int, ...]
    unknown: tuple[int, ...] = ()


def class_tables() -> list[str]:
    """The names of all published sets whose classes are known."""
    return sorted(path.stem for path in _TABLES.glob('*.txt'))


@functools.cache
def class_table(name: str) -> ClassTable:
    """The classes of a published set: 'cityscapes', 'ade20k', ...

    Raises:
        ConfigError: no set has this name.
    """
    if name not in class_tables():
        raise ConfigError(f'classes: no table is called {name!r}.{did_you_mean(name, class_tables())} Or give a list '
                          'of names.')
    rows = [line.split('\t') for line in (_TABLES / f'{name}.txt').read_text('utf-8').splitlines() if line[0] != '#']
    unknown = [row[1] for row in rows if row[0] == 'unknown']
    rows = [row for row in rows if row[0] != 'unknown']
    names = tuple(row[1] for row in rows)
    colours = [_three(row[2]) for row in rows if len(row) > 2] or palette_of(names)
    return ClassTable(names, tuple(colours), tuple(int(row[0]) for row in rows),
                      tuple(int(number) for text in unknown for number in text.split()))


def _three(text: str) -> Colour:
    red, green, blue = map(int, text.split())
    return red, green, blue


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


def ids_of_colours(image: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """The first id with the colour of each pixel, int32 ``(...)`` of uint8 ``(..., 3)``; -1 where there is none."""
    codes, first = np.unique(_packed(np.array(palette, np.uint8)), return_index=True)
    found = _packed(image)
    places = np.minimum(np.searchsorted(codes, found), len(codes) - 1)
    return np.where(codes[places] == found, first[places], -1).astype(np.int32)


def coloured(ids: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Ids ``(H, W)`` below ``len(palette)`` as a picture ``(H, W, 3)`` uint8."""
    return np.asarray(palette, np.uint8)[ids]


@dataclass(frozen=True)
class LabelCode:
    """What the label maps of a data set mean: ids are places in ``names``, and ``len(names)`` is unknown.

    Attributes:
        names: of the classes.
        palette: their colours, and that of unknown pixels if there are such.
        numbers: of the classes in the files.
        unknown: numbers in the files of pixels without a class.
    """

    names: tuple[str, ...]
    palette: tuple[Colour, ...]
    numbers: tuple[int, ...]
    unknown: tuple[int, ...] = ()

    @classmethod
    def of(cls, classes: str | int | Sequence[str] | None, palette: Sequence[Sequence[int]] | None = None,
           unknown: bool | None = None, numbers: Sequence[int] | None = None,
           unknown_numbers: Sequence[int] | None = None, where: str = '') -> LabelCode:
        """From what a config says.

        Args:
            classes: name of a table, how many there are, or their names.
            palette: their colours; those of the table when None, or drawn up.
            unknown: whether there are pixels of unknown class; when None, as the table says, or where their numbers
                are given.
            numbers: of the classes in files; those of the table when None, or 0, 1, 2, ...
            unknown_numbers: in files, of unknown pixels; those of the table when None, or 255.
            where: data set, for messages.

        Raises:
            ConfigError: ``classes`` is missing or no table, or lengths do not fit.
        """
        if not classes:
            raise ConfigError(f"{where}.classes is not set: a list of names in the order of their ids, or the name of "
                              f"a published set ({', '.join(class_tables())}).")
        table = class_table(classes) if isinstance(classes, str) else _table_of(classes)
        is_unknown = bool(table.unknown or unknown_numbers) if unknown is None else unknown
        if unknown_numbers and not is_unknown:
            raise ConfigError(f'{where}.unknown_numbers: {list(unknown_numbers)}, but unknown=False says that there '
                              'are none. Leave one of the two out.')
        code = cls(table.names, _palette(palette, table, is_unknown, where),
                   tuple(table.numbers if numbers is None else numbers),
                   tuple(unknown_numbers or table.unknown or (UNKNOWN_NUMBER,)) if is_unknown else ())
        used = [*code.numbers, *code.unknown]
        if len(code.numbers) != len(code.names) or len(set(used)) < len(used) or not 0 <= min(used) <= max(
                used) <= MAX_NUMBER:
            raise ConfigError(f'{where}.numbers: expected a number of its own for each of {len(code.names)} classes '
                              f'and for unknown pixels, 0 to {MAX_NUMBER}; found {code.numbers!r:.200} and '
                              f'{code.unknown!r:.100}.')
        return code

    def facts(self) -> dict[str, Any]:
        """As a data set says them; :meth:`of` makes the same code of them."""
        numbers = list(self.numbers)
        return {'classes': list(self.names), 'palette': list(self.palette), 'unknown': bool(self.unknown),
                **({'numbers': numbers} if numbers != [*range(len(numbers))] else {}),
                **({'unknown_numbers': list(self.unknown)} if self.unknown else {})}

    def read(self, path: str | os.PathLike[str], coded: Coded = 'numbers', pixels: Pixels = 'stored') -> np.ndarray:
        """Ids ``(H, W)`` int32 of a label map, whose pixels hold numbers (gray or with a palette), or colours; 'shown'
        turns it by its orientation tag.

        Raises:
            DataError: the file cannot be read, or as :meth:`ids`.
        """
        if coded == 'colours':
            ids = self.ids_of_colours(read_image(path), str(path))
            return turned(ids, orientation_of(path)) if pixels == 'shown' else ids
        try:
            numbers = read_numbers(path, pixels)
        except DataError as e:
            hint = " If colours stand for classes: coded='colours' and their palette=[(r, g, b), ...] in the data set."
            raise DataError(f'{e}{hint * ("found a picture" in str(e))}') from e
        return self.ids(numbers, str(path))

    def ids(self, numbers: np.ndarray, where: str) -> np.ndarray:
        """Ids ``(H, W)`` int32 of the numbers in a label map.

        Raises:
            DataError: a number means no class; tells which, how often, and what to do.
        """
        ids = self.known_ids(numbers)
        if (ids < 0).any():
            raise DataError(self._foreign(where, 'ids', numbers[ids < 0], numbers.size))
        return ids

    def known_ids(self, numbers: np.ndarray) -> np.ndarray:
        """Ids ``(H, W)`` int32 of the numbers in a label map, -1 where a number means no class."""
        known = np.full(MAX_NUMBER + 2, -1, np.int32)
        known[list(self.unknown)] = len(self.names)
        known[list(self.numbers)] = np.arange(len(self.names))
        is_index = numbers.dtype in (np.uint8, np.uint16)
        return known[numbers if is_index else np.where((numbers < 0) | (numbers > MAX_NUMBER), MAX_NUMBER + 1, numbers)]

    def stored(self, ids: np.ndarray) -> np.ndarray:
        """The numbers ``(H, W)`` uint16 that files hold for ids; undoes :meth:`ids`."""
        return np.array([*self.numbers, *self.unknown[:1]], np.uint16)[ids]

    def ids_of_colours(self, image: np.ndarray, where: str) -> np.ndarray:
        """Ids ``(H, W)`` int32 of a label map painted in the colours of ``palette``, ``(H, W, 3)`` uint8.

        Raises:
            DataError: as :meth:`ids`.
        """
        ids = ids_of_colours(image, self.palette)
        if (ids < 0).any():
            raise DataError(self._foreign(where, 'colours', image[ids < 0], ids.size))
        return ids

    def _foreign(self, where: str, what: str, values: np.ndarray, pixels: int) -> str:
        shown, counts = np.unique(values, return_counts=True, axis=0)
        count = len(values)
        shown = shown[np.argsort(-counts, kind='stable')]
        listed = ', '.join(str(tuple(v.tolist()) if v.ndim else v.item()) for v in shown[:_SHOWN])
        more = ', ...' * (len(shown) > _SHOWN)
        cure = f'Set `classes` of the data set to all {what} that its label maps have'
        if what == 'colours':
            cure = ('Set `palette` to the colours of the files (a JPEG changes colours: save label maps as PNG)')
        elif UNKNOWN_NUMBER in shown and UNKNOWN_NUMBER not in self.unknown:
            cure += f' (with unknown=True, {UNKNOWN_NUMBER} means a pixel of unknown class)'
        return (f'{where!r}: {what} {listed}{more} ({count:,} of {pixels:,} pixels), but `classes` has '
                f'{len(self.names)}: {self._allowed(what)}. {cure}.')

    def _allowed(self, what: str) -> str:
        if what == 'colours':
            return f'the colours of `palette`, {", ".join(map(str, self.palette[:3]))}, ...'
        low, high = min(self.numbers), max(self.numbers)
        gaps = ' (not all of them)' * (high - low + 1 > len(self.numbers))
        unknown = f', and {", ".join(map(str, self.unknown))} for unknown' * bool(self.unknown)
        return f'ids {low} to {high}{gaps}{unknown}'


def _table_of(classes: int | Sequence[str]) -> ClassTable:
    names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
    return ClassTable(names, tuple(palette_of(names)), tuple(range(len(names))))


def _palette(palette: Sequence[Sequence[int]] | None, table: ClassTable, unknown: bool,
             where: str) -> tuple[Colour, ...]:
    """Colours of all ids; that of unknown pixels may be left out."""
    colours = [(c[0], c[1], c[2]) for c in palette or table.colours if len(c) == 3 and 0 <= min(c) <= max(c) <= 255]
    expected = len(table.names) + unknown
    if unknown and len(colours) == len(table.names):
        colours.append(UNKNOWN)
    if len(colours) != expected or (palette and len(palette) > expected):
        raise ConfigError(f'{where}.palette: expected {expected} colours (red, green, blue), 0 to 255, one per class'
                          f'{" and one for unknown pixels" * unknown}, found {palette!r:.200}.')
    return tuple(colours)


def _packed(colours: np.ndarray) -> np.ndarray:
    red, green, blue = (colours[..., i].astype(np.int64) for i in range(3))
    return red << 16 | green << 8 | blue
