"""What each of several processes has of its own (image pools), in a file beside the checkpoint.

The first process has its own in the checkpoint itself. The name of a file holds the iteration, so that a checkpoint
which is written again (the best one) keeps those that it has until the new one is complete.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from .torch_file import read_torch_file

NAMES = r'\.at(\d+)\.rank\d+'  # behind the name of the checkpoint


def rank_file(path: Path, iteration: int, rank: int) -> Path:
    """The file of the process ``rank`` that belongs to the checkpoint ``path``."""
    return path.with_name(f'{path.name}.at{iteration}.rank{rank}')


def fingerprint(path: Path) -> str:
    """Of the checksums of all entries of a file: the checkpoint tells by it that a file is its own."""
    with zipfile.ZipFile(path) as file:
        entries = [(entry.filename, entry.CRC, entry.file_size) for entry in file.infolist()]
    return hashlib.sha256(repr(entries).encode()).hexdigest()


def require_rank_files(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Raise what :func:`own_state` raises in any process, from the directories of the files alone."""
    for rank in range(len(checkpoint['ranks'])):
        _own_file(path, checkpoint, rank)


def own_state(path: Path, checkpoint: Mapping[str, Any], rank: int) -> dict[str, Any]:
    """What the process ``rank`` had of its own when ``checkpoint`` was written to ``path``.

    Raises:
        CheckpointError: its file is missing, damaged or of another checkpoint.
    """
    file = _own_file(path, checkpoint, rank)
    if file is None:
        return checkpoint['ranks'][rank]['extra']
    content = read_torch_file(file)
    if not (isinstance(content, Mapping) and isinstance(content.get('extra'), Mapping)):
        raise CheckpointError(f"{file}: 'extra' is missing.")
    return dict(content['extra'])


def remove_rank_files(path: Path, but: int | None = None) -> None:
    """Remove the files that belong to the checkpoint ``path``, but for those of the iteration ``but``."""
    for file in path.parent.iterdir():
        found = re.fullmatch(re.escape(path.name) + NAMES, file.name)
        if found and int(found[1]) != but:
            file.unlink()


def remove_orphans(folder: Path) -> None:
    """Remove the files whose checkpoint is not there: their writers were killed before it was complete."""
    for file in folder.iterdir():
        found = re.fullmatch(rf'(.+\.pth){NAMES}', file.name)
        if found and not (folder / found[1]).exists():
            file.unlink()


def _own_file(path: Path, checkpoint: Mapping[str, Any], rank: int) -> Path | None:
    """The file of a process, once its directory was compared; None if all is in the checkpoint."""
    expected = checkpoint['ranks'][rank].get('beside')
    if expected is None:
        return None
    file = rank_file(path, checkpoint['meta']['iter'], rank)
    count = len(checkpoint['ranks'])
    whose = f'{path} was written by {count} processes, and what process {rank} had of its own (image pools)'
    help_ = (f'Copy all files {path.name}.* together with {path.name}, or go on with another number of processes, '
             'which needs none of them.')
    try:
        found = fingerprint(file)
    except FileNotFoundError:
        raise CheckpointError(f'{file}: no such file. {whose} is in it. {help_}') from None
    except (OSError, zipfile.BadZipFile) as error:
        raise CheckpointError(f'{file}: damaged ({error}). {whose} is in it. {help_}') from error
    if found != expected:
        raise CheckpointError(f'{file}: belongs to another checkpoint. {whose} was in a file of this name. {help_}')
    return file
