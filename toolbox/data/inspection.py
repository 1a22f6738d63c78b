"""Reads every file of data sets before a long training does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DataError
from ..progress import tracked
from .io import image_size


class Inspection(NamedTuple):
    """What became of the files of some data sets.

    Attributes:
        read: files whose pixels were read.
        headers: further files of which the header was read, for lack of time.
        left: files for which no time was left.
        bad: why files cannot be read.
        skipped: the same for those that a data set leaves out by itself (``on_bad_image='skip'``).
    """

    read: int
    headers: int
    left: int
    bad: dict[Path, str]
    skipped: dict[Path, str]

    def __str__(self) -> str:
        further = [f'the headers of {self.headers} more'] * bool(self.headers)
        unseen = [f'no time was left for {self.left}'] * bool(self.left)
        skipped = [f'{len(self.skipped)} to skip'] * bool(self.skipped)
        parts = [f'{self.read} files read', *further, *unseen, f'{len(self.bad)} bad', *skipped]
        return f'data: {", ".join(parts)}'


def inspect_files(datasets: Mapping[str, Any], seconds: float) -> Inspection:
    """Read each file once: its pixels, after ``seconds`` the header alone, and after as many more nothing.

    Args:
        datasets: by name; those without ``files_and_readers()`` have no files.
        seconds: see above.
    """
    files = {path: (read, dataset.on_bad_image == 'skip') for dataset in datasets.values()
             for path, read in getattr(dataset, 'files_and_readers', tuple)()}
    start, counts = time.monotonic(), [0, 0, 0]
    found: tuple[dict[Path, str], dict[Path, str]] = ({}, {})
    for path, (read, skips) in tracked(files.items(), 'files', 'read'):
        stage = min(2, int((time.monotonic() - start) / seconds)) if seconds else 2
        counts[stage] += 1
        try:
            if stage == 0:
                read()
            elif stage == 1:
                image_size(path)
        except DataError as e:
            found[skips][path] = str(e)
    read_whole, headers, left = counts
    return Inspection(read_whole, headers, left, *found)
