"""Tables of text: lists of pairs and tables of attributes, as people's programs write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import DataError
from ..listing import READABLE
from ..places import files_in, read_bytes

MAX_BYTES = 2**28
FILE_WORDS = ('file', 'filename', 'file_name', 'image', 'image_id', 'image_name', 'img', 'name', 'path')


class Row(NamedTuple):
    """Cells of a line, as many as the table has columns."""

    line: int
    cells: list[str]


class Table(NamedTuple):
    """A table with named columns."""

    path: Path
    columns: list[str]
    rows: list[Row]

    def where(self, row: Row) -> str:
        """The place of a row, for messages."""
        return f'{self.path}, line {row.line}'


def read_text(path: Path) -> str:
    """Content of a table, with ``\\n`` at the ends of lines.

    Raises:
        DataError: it cannot be read, or is not UTF-8; says how to convert it.
    """
    try:
        data = read_bytes(path, MAX_BYTES)
    except DataError:
        raise
    except (OSError, ValueError) as e:
        raise DataError(f'Cannot read the table {str(path)!r}: {e}.') from e
    if data is None:
        raise DataError(f'Cannot read the table {str(path)!r}: no such file, or more than {MAX_BYTES >> 20} MB.')
    if data[:2] in (b'\xff\xfe', b'\xfe\xff'):
        raise _not_utf8(path, 'it is UTF-16', 'UTF-16')
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as e:
        line = data.count(b'\n', 0, e.start) + 1
        raise _not_utf8(path, f'line {line} holds the byte 0x{data[e.start]:02x}', 'WINDOWS-1252') from e
    return text.replace('\r\n', '\n').replace('\r', '\n')


def _not_utf8(path: Path, found: str, encoding: str) -> DataError:
    return DataError(f'Cannot read the table {str(path)!r}: expected UTF-8, but {found}. Save it as UTF-8; if it is '
                     f'{encoding}:\n    iconv -f {encoding} -t UTF-8 {path.name} > utf8_{path.name}')


def read_csv(path: Path, text: str) -> Table:
    """A table with a header, separated by commas, semicolons or tabs; a column of row numbers is dropped.

    Raises:
        DataError: a line cannot be read, or does not have as many cells as the header.
    """
    first = text.lstrip('\r\n').partition('\n')[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(',;\t', key=first.count), strict=True)
    rows: list[Row] = []
    try:
        for cells in reader:
            if any(cells):
                rows.append(Row(reader.line_num, cells))
    except csv.Error as e:
        raise DataError(f'{path}, line {reader.line_num} is not valid CSV: {e}.') from e
    if not rows:
        return Table(path, [], [])
    columns = [cell.strip() for cell in rows.pop(0).cells]
    rows = [_fitted(path, row, len(columns)) for row in rows]
    if len(columns) > 1 and is_index(columns[0], rows) and (columns[1].lower() in FILE_WORDS or _counts(rows)):
        columns, rows = columns[1:], [Row(row.line, row.cells[1:]) for row in rows]
    return Table(path, columns, rows)


def is_index(name: str, rows: Sequence[Row]) -> bool:
    """Whether the first column, of this name, looks like the index that pandas writes: numbers that all differ."""
    cells = [row.cells[0] for row in rows]
    return name in ('', 'Unnamed: 0') and len({*cells}) == len(cells) > 0 and all(
        cell.isdecimal() and (cell == '0' or cell[0] != '0') for cell in cells)


def _counts(rows: Sequence[Row]) -> bool:
    return all(row.cells[0] == str(number) for number, row in enumerate(rows))


def _fitted(path: Path, row: Row, width: int) -> Row:
    cells = [cell.strip() for cell in row.cells]
    if len(cells) < width or any(cells[width:]):
        raise DataError(f'{path}, line {row.line}: {len(cells)} cells where the header has {width}. A name that '
                        'holds the separator must be in double quotes.')
    return Row(row.line, cells[:width])


class Lookup:
    """Finds files below a folder by the names in a table. Every folder is listed once, as there can be many rows."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listed: dict[str, set[str]] = {}
        self._by_stem: dict[str, dict[str, list[str]]] = {}

    def find(self, name: str) -> str | None:
        """The name below the folder of this file, or of the only one, or only image, that has a suffix beside; None
        if there is none."""
        folder, _, base = name.rpartition('/')
        if base and base in self._listed.get(folder or '.', ()):
            return name
        path = Path(name)
        if path.name in self._list(str(path.parent)):
            return str(path)
        near = self._stems(str(path.parent)).get(path.name, [])
        near = [there for there in near if there.lower().endswith(READABLE)] or near
        return str(path.with_name(near[0])) if len(near) == 1 else None

    def near(self, name: str) -> str:
        """What the folder of a missing file holds that differs from it in the suffix, for messages."""
        path = Path(name)
        near = self._stems(str(path.parent)).get(path.stem, [])
        return f' (there is {", ".join(map(repr, near[:3]))})' if near else ''

    def unused(self, used: Iterable[str]) -> list[str]:
        """Images in the folders that were looked into which are none of these."""
        known = set(used)
        there = (name if folder == '.' else f'{folder}/{name}' for folder, names in self._listed.items()
                 for name in names)
        return sorted(name for name in there if name not in known and name.lower().endswith(READABLE))

    def _list(self, folder: str) -> set[str]:
        if folder not in self._listed:
            self._listed[folder] = files_in(self.root / folder)
        return self._listed[folder]

    def _stems(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._by_stem:
            found = self._by_stem[folder] = dict[str, list[str]]()
            for name in sorted(self._list(folder)):
                found.setdefault(Path(name).stem, []).append(name)
        return self._by_stem[folder]
