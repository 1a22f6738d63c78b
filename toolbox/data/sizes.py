"""Heights and widths of all images of a set. Those of large sets are kept, with size and time of each file."""

from __future__ import annotations

import os

import numpy as np
from mmengine.logging import print_log

from ..errors import DataError
from ..progress import tracked
from . import index
from .io import image_size
from .names import Files, Names
from .places import archive_of
from .showing import Pixels


def image_sizes(files: Files, pixels: Pixels) -> tuple[np.ndarray, list[str]]:
    """``(N, 2)`` of height and width as images are read, zeros where a header cannot be read, and a message for each of
    these."""
    stamps, kind = _stamps(files), f'sizes_{pixels}'
    sizes = _known_sizes(kind, files, stamps)
    unknown = np.flatnonzero(sizes[:, 0] == 0)
    if len(unknown) >= index.WORTH:
        print_log(f'{files.root}: reading the headers of {len(unknown)} images; they are kept for the next start.',
                  'current')
    problems = []
    for place in tracked(unknown, 'images', 'headers', len(unknown)):
        try:
            sizes[place] = image_size(files[int(place)], pixels)
        except DataError as error:
            problems.append(str(error))
    if len(unknown) >= index.WORTH:
        index.store(kind, files.root, {'text': files.names.text(), 'stamps': stamps, 'sizes': sizes})
    return sizes, problems


def _known_sizes(kind: str, files: Files, stamps: np.ndarray) -> np.ndarray:
    """Those of files that have not changed; zeros for others."""
    sizes = np.zeros((len(files), 2), np.int64)
    known = index.load(kind, files.root)
    if known is None:
        return sizes
    old = {name: place for place, name in enumerate(Names.of_text(known['text']))}
    places = np.array([old.get(name, -1) for name in files.names], np.int64)
    same = (places >= 0) & (known['stamps'][places] == stamps).all(axis=1)
    sizes[same] = known['sizes'][places[same]]
    return sizes


def _stamps(files: Files) -> np.ndarray:
    """``(N, 2)``: size and time of change of each file, or of the archive that it is in."""
    archive = archive_of(files.root)
    if archive is not None:
        return np.tile(archive.signature[[-1, 0]], (len(files), 1))
    return np.array([_stamp(f'{files.root}/{name}') for name in files.names], np.int64).reshape(-1, 2)


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
