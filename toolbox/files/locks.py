"""Locks between processes, released when their process ends, however it ends."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Locked(Exception):
    """Another process holds the lock; the text says which."""


@contextmanager
def lock(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock ``path``, a file that names its holder, inside the block.

    The kernel owns the lock: it ends with the process, even by SIGKILL, and forked processes (data workers) give up
    their share at once. Where locks are unavailable (on a read-only or network file system), or if ``path`` is a link,
    which is not followed, the block runs without one.

    Args:
        path: the lock file.
        wait: wait for the process that holds the lock.

    Raises:
        Locked: another process holds it, and ``wait`` is False.
    """
    held = FileLock(path, timeout=-1 if wait else 0, fallback_to_soft=False, on_acquired=_sign)
    try:
        held.acquire()
    except Timeout as error:
        raise Locked(_holder(path)) from error
    except OSError:
        pass
    try:
        yield
    finally:
        with suppress(OSError):
            held.release()  # does nothing where there is no lock


def _sign(descriptor: int) -> None:
    """Write to the locked file itself: its name may belong to another file by now."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f'process {os.getpid()} on {socket.gethostname()}'.encode())


def _holder(path: Path) -> str:
    try:
        return path.read_text(errors='replace').strip() or 'another process'
    except OSError:  # on Windows, locked files cannot be read
        return 'another process'
