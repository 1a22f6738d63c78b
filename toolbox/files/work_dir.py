"""The folder of a training: it can be written to, and one training at a time writes to it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = '.lock'


def make_work_dir(path: str | Path) -> str:
    """Create the folder if need be, and make sure that files can be written there; returns its absolute path.

    Raises:
        ConfigError: they cannot; says why.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b'0')
    except OSError as error:
        raise ConfigError(f'work_dir: nothing can be written to {path}: {error.strerror}. Type --work-dir FOLDER to choose '
                          'another folder.') from error
    return os.path.abspath(path)


@contextmanager
def locked(work_dir: str | Path) -> Iterator[None]:
    """Inside, no other training starts in ``work_dir``; the lock ends with this process, however that ends.

    Raises:
        ConfigError: another process trains there; says which.
    """
    with Path(work_dir, LOCK).open('a+') as file:
        try:
            if fcntl is not None:
                # Not flock: worker processes would inherit it and hold it for a while after this process was killed.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise ConfigError(f'{work_dir}: {file.read().strip() or "another process"} is training here. Wait for it, stop '
                              'it, or type --work-dir FOLDER to train elsewhere.') from error
        except OSError:  # a network file system without locks: no reason not to train
            yield
            return
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}')
        file.flush()
        yield
