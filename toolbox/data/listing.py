"""The files below a folder. Of a large one the list is kept, and made again when a folder has changed."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import index
from .names import Names, natural
from .places import archive_of, walk


def listed(folder: Path) -> list[str]:
    """Names of all files below a folder or in an archive but hidden ones, in natural order."""
    known = index.load('list', folder)
    if known is not None and np.array_equal(known['state'], _state(folder, list(Names.of_text(known['folders'])))):
        return list(Names.of_text(known['text']))
    started, visited = time.time(), list[str]()
    names = natural(walk(folder, visited))
    if len(names) >= index.WORTH and len(state := _state(folder, visited)) and index.settled(state, started):
        index.store('list', folder, {'text': Names.of(names).text(), 'folders': Names.of(visited).text(),
                                     'state': state})
    return names


def _state(folder: Path, inside: Sequence[str]) -> np.ndarray:
    """What changes with a folder: of each folder in it the times of its last change and the number of its entries."""
    archive = archive_of(folder)
    if archive is not None:
        return archive.signature
    try:
        return np.array([(found.st_mtime_ns, found.st_ctime_ns, len(os.listdir(at)))
                         for at in (os.path.join(folder, name) for name in inside) for found in (os.stat(at),)])
    except OSError:  # one is gone, or may not be read
        return np.empty(0)
