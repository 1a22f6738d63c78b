"""The folder of a run: it must be writable, and only one run at a time writes to it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import ConfigError
from .locks import Locked, lock
from .strangers import refuse_odd_entries

LOCK = '.lock'
# What a run writes under names that are known beforehand; checkpoints and pictures replace what has their name.
FILES = (LOCK, 'config.py', 'last_checkpoint', 'results.csv', 'results.md', 'results.json', 'skipped_images.txt')
FOLDERS = ('samples',)


def make_work_dir(path: str | Path) -> str:
    """Create the folder if need be, check that it can be written to, and return its absolute path.

    Raises:
        ConfigError: it is not a name of a folder, not writable, or holds links or pipes under the names of files that a
            run writes; says which.
    """
    if problem := folder_problem(path):
        raise ConfigError(problem)
    try:
        make_folder(Path(path))
    except OSError as error:
        raise ConfigError(f'work_dir: cannot write to {path}: {error.strerror}. Pass --work-dir FOLDER to choose '
                          'another folder.') from error
    refuse_odd_entries(Path(path), FILES, FOLDERS)
    return os.path.abspath(path)


def folder_problem(path: str | Path) -> str:
    """What is wrong with ``path`` as the name of a work directory; '' if nothing is."""
    wrong = 'nothing' if not str(path).strip() else 'a NUL character' if '\0' in str(path) else ''
    return wrong and f'work_dir: {str(path)!r} holds {wrong}; pass --work-dir FOLDER.'


def make_folder(path: Path) -> None:
    """Create a folder if need be; raises :class:`OSError` if that fails or the folder is not writable."""
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path) as file:
        file.write(b'0')


@contextmanager
def locked(work_dir: str | Path) -> Iterator[None]:
    """Keep other runs from starting in ``work_dir`` inside the block.

    Raises:
        ConfigError: another process trains there; says which.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(lock(Path(work_dir, LOCK)))
        except Locked as error:
            raise ConfigError(f'{work_dir}: {error} is training here. Wait for it, stop it, or pass '
                              '--work-dir FOLDER to train elsewhere.') from error
        yield
