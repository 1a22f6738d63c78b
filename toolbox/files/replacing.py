"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OF_THE_WHOLE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # errors after which nothing can be written there


@contextmanager
def replacing(path: Path, durable: bool = False, partial: Path | None = None, suffix: str = '') -> Iterator[Path]:
    """A new file to write; it replaces ``path`` when the block succeeds.

    If anything goes wrong, an existing file stays intact. The new file is in the folder of ``path``, which is created
    if missing, and is readable by everyone.

    Args:
        path: the file to replace.
        durable: wait until the file and its name are on the disk, to survive a power failure.
        partial: the new file, if another attempt should continue from what this one leaves; otherwise it has a unique
            name and is removed when the block fails.
        suffix: of the new file, for writers that choose a format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = partial or _new_file(path, suffix)
    try:
        yield new
        if durable:
            _synchronise(new, os.O_RDWR)
        os.chmod(new, 0o644)
        os.replace(new, path)
    except BaseException:
        if partial is None:
            new.unlink(missing_ok=True)
        raise
    if durable:
        _synchronise(path.parent, os.O_RDONLY)


def remove_unfinished(folder: Path, names: str) -> None:
    """Remove temporary files that killed writers left in ``folder``, for files whose names match regex ``names``."""
    for path in folder.glob('.*.*'):
        if re.fullmatch(rf'\.({names})\.[a-z0-9_]{{8}}', path.name) and (path.is_symlink() or not path.is_dir()):
            path.unlink()


def shortened(name: str, room: int) -> str:
    """The beginning of ``name`` that takes at most ``room`` bytes; file systems allow 255 for a whole name."""
    return os.fsencode(name)[:room].decode(errors='ignore')


def _new_file(path: Path, suffix: str = '') -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{shortened(path.name, 200)}.', suffix=suffix)
    os.close(descriptor)
    return Path(name)


def _synchronise(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
