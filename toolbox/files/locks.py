"""Locks between processes, which end with the process that has them, however it ends."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Locked(Exception):
    """Another process has the lock; the text says which."""


@contextmanager
def lock(path: Path, wait: bool = False) -> Iterator[None]:
    """Inside, no other process has the lock ``path``, a file that names its holder.

    The kernel keeps the lock: it ends with the process, also by SIGKILL, and processes that it forks (to load data)
    give their share of it up at once. Where there are no locks (a file system that is read-only, or in a network) the
    block runs without one: that is no reason not to work. So it does if ``path`` is a link, which is not followed.

    Args:
        path: the file.
        wait: for the process that has the lock.

    Raises:
        Locked: another process has it, and ``wait`` is False.
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
    """Into the file that is locked, not by its name, under which another one may lie by now."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f'process {os.getpid()} on {socket.gethostname()}'.encode())


def _holder(path: Path) -> str:
    try:
        return path.read_text(errors='replace').strip() or 'another process'
    except OSError:  # Windows lets nobody read what is locked
        return 'another process'
