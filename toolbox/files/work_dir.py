"""The folder of a training: it can be written to, and one training at a time writes to it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import ConfigError
from .locks import Locked, lock

LOCK = '.lock'


def make_work_dir(path: str | Path) -> str:
    """Create the folder if need be, and make sure that files can be written there; returns its absolute path.

    Raises:
        ConfigError: they cannot; says why.
    """
    try:
        make_folder(Path(path))
    except OSError as error:
        raise ConfigError(f'work_dir: nothing can be written to {path}: {error.strerror}. Type --work-dir FOLDER to choose '
                          'another folder.') from error
    return os.path.abspath(path)


def make_folder(path: Path) -> None:
    """Create a folder if need be; :class:`OSError` if that is impossible or nothing can be written there."""
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path) as file:
        file.write(b'0')


@contextmanager
def locked(work_dir: str | Path) -> Iterator[None]:
    """Inside, no other training starts in ``work_dir``.

    Raises:
        ConfigError: another process trains there; says which.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(lock(Path(work_dir, LOCK)))
        except Locked as error:
            raise ConfigError(f'{work_dir}: {error} is training here. Wait for it, stop it, or type '
                              '--work-dir FOLDER to train elsewhere.') from error
        yield
