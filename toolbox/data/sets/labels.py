"""StyleGAN's ``dataset.json``: the class of each image below a folder, or in an archive."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..listing import scan, warn_left_out
from ..names import Files
from ..places import is_file, read_bytes

LABELS = 'dataset.json'
_SHOWN = 5


def read_labels(folder: Path) -> dict[str, Files] | None:
    """The images of each class, by the class's number as text, in the order of the numbers; None without such a file.

    Raises:
        DataError: the file cannot be read or has no whole numbers as labels, or an image has no label, or a label no
            image; names file and image.
    """
    path = folder / LABELS
    if not is_file(path):
        return None
    try:
        content = json.loads(read_bytes(path) or b'')
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f'Cannot read {str(path)!r}: {error}') from error
    if not isinstance(content, dict) or 'labels' not in content:
        return None  # a file of another program
    rows = content['labels']
    if rows is None:
        raise DataError(f'{str(path)!r}: "labels" is null: these images have no classes. Use ImageFolder.')
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        wrong = rows if not isinstance(rows, list) else next(row for row in rows if not _is_row(row))
        raise DataError(f'{str(path)!r}: expected {{"labels": [["NAME", 0], ...]}} with whole numbers from 0 on, found '
                        f'{str(wrong)[:200]}.')
    known = dict(rows)
    if len(known) < len(rows):
        twice = next(name for name, count in Counter(row[0] for row in rows).items() if count > 1)
        raise DataError(f'{str(path)!r}: {twice!r} has two labels. Remove one.')
    images, others = scan(folder)
    warn_left_out(folder, (other for other in others if other != path))
    return _by_class(path, images, known)


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and type(row[1]) is int and row[1] >= 0


def _by_class(path: Path, files: Files, known: dict[str, int]) -> dict[str, Files]:
    labels = np.array([known.pop(name, -1) for name in files.names], np.int64)
    lone = [f'{str(files[int(place)])!r} has no label' for place in np.flatnonzero(labels < 0)[:_SHOWN]]
    lone += [f'the label of {name!r} has no image' for name in list(known)[:_SHOWN]]
    if lone:
        raise DataError(f'{str(path)!r}: {np.count_nonzero(labels < 0)} images have no label and {len(known)} labels '
                        'no image:\n  ' + '\n  '.join(lone))
    return {str(label): files[np.flatnonzero(labels == label)] for label in np.unique(labels)}
