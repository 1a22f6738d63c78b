"""The work directory of a stranger, where anything may lie under any name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ..errors import ConfigError


class OddFile(OSError):
    """What lies under this name is not opened; the text says why."""


def read_regular(path: Path, most: int, below: Path) -> bytes:
    """The content of a regular file; nothing else is opened or followed.

    Args:
        path: the file.
        most: bytes; larger files are refused.
        below: folder from which on downwards no part of the path may be a link.

    Raises:
        FileNotFoundError: there is nothing under this name.
        OddFile: it is a link, folder, pipe, socket or device, is reached through a link, or is too large.
        OSError: it cannot be read.
    """
    for part in (path, *path.parents):
        if part == below:
            break
        if part.is_symlink():
            raise OddFile('a link' if part == path else 'reached through a link')
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise OddFile('not a file')
    # Somebody may exchange it in between: a link is not followed, and a pipe does not wait for its other end.
    flags = os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)
    with open(os.open(path, flags), 'rb') as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OddFile('not a file')
        content = file.read(most + 1)
    if len(content) > most:
        raise OddFile(f'larger than {most >> 20} MB')
    return content


def read_text(path: Path, most: int, below: Path, errors: str = 'replace') -> str:
    """The same as text; ``errors`` says what becomes of bytes that are not UTF-8."""
    return read_regular(path, most, below).decode(errors=errors)


def refuse_odd_entries(folder: Path, files: Iterable[str], folders: Iterable[str]) -> None:
    """Raise :class:`ConfigError` where other things than files and folders lie under the names that will be written."""
    for name, right, wanted in (*((name, stat.S_ISREG, 'file') for name in files),
                                *((name, stat.S_ISDIR, 'folder') for name in folders)):
        try:
            mode = os.lstat(folder / name).st_mode
        except FileNotFoundError:
            continue
        if not right(mode):
            found = f'a link to {os.readlink(folder / name)}' if stat.S_ISLNK(mode) else f'not a {wanted}'
            raise ConfigError(f'{folder / name}: is {found}, but a run writes a {wanted} of this name, and would '
                              'change what it does not own. Remove it, or pass --work-dir FOLDER to write elsewhere.')
