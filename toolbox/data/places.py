"""Files and folders, on the disk or in an archive: ``set.zip/trainA/1.png`` and ``set_lmdb/1`` are paths like any."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .archives import MAX_ENTRY, Archive, archive_kind

Place = str | os.PathLike[str]
_open: dict[str, Archive] = {}  # of this process; forked ones begin with the same


class Content:
    """A file that is in memory, in the place of a path; ``name`` is for messages."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = data, name

    def __str__(self) -> str:
        return self.name


Source = Place | Content


def file_of(entry: object) -> str:
    """The file that stands for an entry of a data set: a path, a tuple that begins with one, or a dict of them."""
    if isinstance(entry, dict):
        entry = next(iter(entry.values()))
    return str(entry[0] if isinstance(entry, tuple) else entry)


def located(path: Source) -> Source:
    """The path of a file on the disk as it is, the content of one in an archive.

    Raises:
        OSError: there is no such file.
        DataError: it is in an archive, and damaged.
    """
    if isinstance(path, Content):
        return path
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        archive, name = _inside(path)
        if archive is None or (place := archive.find(name)) is None:
            raise
        return Content(archive.read(place), str(path))
    return path


def open_file(path: Source) -> IO[bytes]:
    """What :func:`located` found, for reading."""
    return io.BytesIO(path.data) if isinstance(path, Content) else open(path, 'rb')


def size_of(path: Source) -> int | None:
    """Bytes of what :func:`located` found; None of a folder, pipe, ..., from which one might read for ever."""
    if isinstance(path, Content):
        return len(path.data)
    status = os.stat(path)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def read_bytes(path: Place, most: int = MAX_ENTRY) -> bytes | None:
    """The content of a file; None where it is longer than ``most`` bytes, or no file.

    Raises:
        OSError, DataError: as :func:`located`.
    """
    found = located(path)
    size = size_of(found)
    if size is None or size > most:
        return None
    with open_file(found) as file:
        return file.read()


def is_file(path: Place) -> bool:
    """Whether it is a file, and no archive."""
    archive, name = _inside(path)
    return os.path.isfile(path) if archive is None else archive.find(name) is not None


def is_folder(path: Place) -> bool:
    """Whether it is a folder, or an archive."""
    archive, name = _inside(path, fresh=True)
    return os.path.isdir(path) if archive is None else not name or len(archive.below(name)) > 0


def archive_of(path: Place) -> Archive | None:
    """The archive that a path is, or leads into."""
    return _inside(path, fresh=True)[0]


def subfolders(folder: Place) -> list[Path]:
    """The folders in a folder that is there, in no order."""
    archive, name = _inside(folder)
    if archive is None:
        return [path for path in Path(folder).iterdir() if path.is_dir()]
    return [Path(folder, found) for found in archive.subfolders(name)]


def files_in(folder: Place) -> set[str]:
    """Names of the files in a folder itself; none where there is no such folder."""
    archive, name = _inside(folder)
    if archive is not None:
        start = len(name) + bool(name)
        return {rest for place in archive.below(name) if '/' not in (rest := archive.names[place][start:])}
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (OSError, ValueError):  # no such folder, or no folder can have such a name
        return set()


def walk(folder: Place, visited: list[str] | None = None) -> Iterator[str]:
    """Every file that is not hidden, at any depth, by its name in the folder; links are followed.

    Args:
        folder: a folder or archive.
        visited: gets the names of the folders that were looked into.
    """
    archive, name = _inside(folder)
    if archive is not None:
        start = len(name) + bool(name)
        for place in archive.below(name):
            if not (inner := archive.names[place][start:]).startswith('.') and '/.' not in inner:
                yield inner
        return
    seen: set[str] = set()
    below = ['']
    while below:
        inside: list[str] = []
        at = below.pop()
        real = os.path.realpath(os.path.join(folder, at))
        if real in seen:
            continue
        seen.add(real)
        if visited is not None:
            visited.append(at)
        for entry in _entries(real):
            if not entry.name.startswith('.'):
                if _leads_on(entry):
                    inside.append(f'{at}{entry.name}/')
                else:
                    yield at + entry.name
        below += sorted(inside, reverse=True)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:  # a folder that may not be read holds nothing for us
        return


def _leads_on(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _inside(path: Place, fresh: bool = False) -> tuple[Archive | None, str]:
    """The archive that a path leads into, and the name in it; '' for the archive itself.

    ``fresh``: look whether the archive is another one by now, as it may be where a set is built.
    """
    whole = os.path.abspath(path)
    above = [whole, *map(str, Path(whole).parents)]
    at = next((at for at in above if at in _open), None)
    if at is None or (fresh and _open[at].changed):
        at = next((at for at in above if os.path.exists(at)), whole)
        _open.pop(at, None)
        kind = archive_kind(at)
        if kind is None:
            return None, ''
        _open[at] = kind(Path(at))
    return _open[at], whole[len(at) + 1:].replace(os.sep, '/')
