"""What was found out about large sets, kept in the cache folder until the set changes (docs/decisions/018)."""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from ..files.cache import CACHE, cache_dir
from ..files.replacing import replacing

WORTH = 5_000  # files from which on it takes longer to look again than to read an index
SETTLED = 2.0  # seconds: of a change in the same tick of the file system's clock its times would not tell
_FORM = 1  # of the files; another number for other content
Arrays = dict[str, np.ndarray]


def load(kind: str, place: str | os.PathLike[str]) -> Arrays | None:
    """What :func:`store` kept about a file or folder; None if there is nothing that can be read."""
    try:
        with np.load(_file(kind, place), allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def store(kind: str, place: str | os.PathLike[str], arrays: Arrays) -> None:
    """Keep it, unless the cache folder cannot be written to: then every start looks again, and says so."""
    path = _file(kind, place)
    try:
        with replacing(path) as new, new.open('wb') as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        print_log(f'{place}: its index cannot be kept in {path.parent} ({error.strerror}): every start will look at '
                  f'the files again. Set ${CACHE} to a folder that can be written to.', 'current', logging.WARNING)


def settled(state: np.ndarray, started: float) -> bool:
    """Whether the last change (times in ns since 1970) is so long before the look that a later one has another time."""
    return bool(started - np.max(state[..., :2]) / 1e9 > SETTLED)


def file_signature(path: str | os.PathLike[str]) -> np.ndarray:
    """What changes with a file: times of its content and of its entry on the disk, which entry it is, and its size."""
    found = os.stat(path)
    return np.array([found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size], np.int64)


def _file(kind: str, place: str | os.PathLike[str]) -> Path:
    name = hashlib.sha256(os.path.realpath(place).encode('utf-8', 'surrogateescape')).hexdigest()[:32]
    return cache_dir() / 'index' / f'{kind}{_FORM}_{name}.npz'
