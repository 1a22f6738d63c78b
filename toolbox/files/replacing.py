"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, durable: bool = False, partial: Path | None = None) -> Iterator[Path]:
    """A new file to write; it takes the place of ``path`` when the block has ended well.

    What was there before stays as it was if anything goes wrong. The new file lies in the folder of ``path``, which is
    made, and everybody may read it.

    Args:
        path: the file to replace.
        durable: wait until file and name are safely on the disk, so that they survive a power failure.
        partial: the new file, if a further attempt is to go on with what this one leaves; otherwise it has a name that
            nobody else uses, and is removed when the block fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = partial or _new_file(path)
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
    """Remove what killed writers of files whose names match the regular expression ``names`` left in ``folder``."""
    for path in folder.glob('.*.*'):
        if re.fullmatch(rf'\.({names})\.[a-z0-9_]{{8}}', path.name):
            path.unlink()


def _new_file(path: Path) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    os.close(descriptor)
    return Path(name)


def _synchronise(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
