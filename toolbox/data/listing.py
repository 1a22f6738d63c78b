"""The files below a folder, and which of them are images. The list of a large folder is kept, and made again when a
folder has changed."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from mmengine.logging import print_log

from ..errors import DataError
from . import index
from .arrays import ARRAY_SUFFIXES
from .names import Files, Names, natural, number_key
from .places import archive_of, files_in, is_folder, subfolders, walk

WRITABLE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.ppm', '.tif', '.tiff', '.webp')
IMAGE_SUFFIXES = (*WRITABLE_SUFFIXES, '.jpe', '.jfif', '.pgm', '.pbm', '.pnm', '.gif')
READABLE = (*IMAGE_SUFFIXES, *ARRAY_SUFFIXES)
P = TypeVar('P', str, Path)
_warned: set[str] = set()


def list_images(folder: str | os.PathLike[str]) -> Files:
    """Every image below a folder or in an archive (links followed, hidden files left out), in natural order: 2.png
    before 10.png.

    ``.npy`` and ``.npz`` files are images where there are no others; beside images they are landmarks, features, ...
    In an LMDB names without a suffix are images, too. Other files are named in a warning.

    Raises:
        DataError: the folder is missing or holds no image, or an archive cannot be read.
    """
    images, others = scan(folder)
    warn_left_out(folder, others)
    return images


def scan(folder: str | os.PathLike[str], more: tuple[str, ...] = ()) -> tuple[Files, Files]:
    """Images below a folder as in :func:`list_images`, and the files that are none by their suffix.

    Args:
        folder: the folder.
        more: suffixes of further files that count as images (videos).

    Raises:
        DataError: the folder is missing or holds no image, or an archive cannot be read.
    """
    folder = Path(folder)
    if not is_folder(folder):
        raise DataError(f'No such folder: {str(folder)!r}.')
    archive = archive_of(folder)
    images, others = select_images(listed(folder), more, archive is not None and archive.bare)
    if not images:
        raise DataError(f'No image in {str(folder)!r}: it holds {_contents(folder)}. '
                        f'Images end in {", ".join((*READABLE, *more))}.')
    return Files(folder, images), Files(folder, others)


def warn_left_out(place: str | os.PathLike[str], others: Iterable[Path]) -> None:
    """Say once per place how many files are left out because their suffix is not that of an image."""
    others = list(others)
    if others and str(place) not in _warned:
        _warned.add(str(place))
        print_log(f'left out of {str(place)!r}: {len(others)} file(s) that are not read as images '
                  f'({by_suffix(others)}). Images end in {", ".join(READABLE)}.',
                  logger='current', level=logging.WARNING)


def by_suffix(files: Iterable[Path]) -> str:
    """How many files there are of each suffix, in words; the most frequent eight."""
    counts = Counter(file.suffix.lower() or 'without suffix' for file in files)
    kinds = sorted(counts.items(), key=lambda kind: (-kind[1], kind[0]))
    return ', '.join(f'{count} {suffix}' for suffix, count in kinds[:8]) + ', ...' * (len(kinds) > 8)


def select_images(paths: Iterable[P], more: tuple[str, ...] = (), bare: bool = False) -> tuple[list[P], list[P]]:
    """Those that are images by their suffix, or arrays where there is no image; and the others.

    Args:
        paths: files, or their names.
        more: further suffixes of images.
        bare: names without a suffix count, too.
    """
    images: list[P] = []
    arrays: list[P] = []
    others: list[P] = []
    suffixes = (*IMAGE_SUFFIXES, *more)
    for path in paths:
        name = str(path).lower()
        is_image = name.endswith(suffixes) or (bare and '.' not in name.rpartition('/')[2])
        (images if is_image else arrays if name.endswith(ARRAY_SUFFIXES) else others).append(path)
    if images:
        return images, arrays + others
    return arrays, others


def has_images(folder: Path) -> bool:
    """Whether a folder or archive holds at least one image at any depth."""
    if not is_folder(folder):
        return False
    archive = archive_of(folder)
    bare = archive is not None and archive.bare
    return any(any(select_images([name], bare=bare)[0]) for name in walk(folder))


def natural_key(path: Path) -> tuple[str, str]:
    """Sorts digits as numbers; the plain string breaks ties (``1.png`` and ``01.png``)."""
    text = path.as_posix()
    return number_key(text), text


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


def _contents(folder: Path) -> str:
    names = sorted([*files_in(folder), *(f'{path.name}/' for path in subfolders(folder))])
    more = f' and {len(names) - 5} more' if len(names) > 5 else ''
    return ', '.join(map(repr, names[:5])) + more if names else 'nothing'
