"""How far a long piece of work is, for who waits at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Iterator
from typing import IO, TextIO, TypeVar

Item = TypeVar('Item')
CLEAR = '\r\033[K'  # the line, so that it can be written anew
PAUSE = 0.1  # seconds between two lines
MEGABYTE = 2**20


class Progress:
    """One line that is written anew as the work goes on: what is done, the rate, and the time left. Nothing where the
    stream is no terminal.

    Args:
        unit: what is counted.
        what: the work, in front of the line.
        begun: how many were done before, by an earlier start.
        keep: leave the last line where it is; otherwise it is removed.
        stream: where it is written; stderr when None.
    """

    def __init__(self, unit: str = 'files', what: str = '', begun: int = 0, keep: bool = True,
                 stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.unit, self.what, self.begun, self.keep = unit, f'{what} ' if what else '', begun, keep
        self.open = False
        self.started = self.written = time.perf_counter()

    def __call__(self, done: int, total: int | None = None) -> None:
        """Say that ``done`` are done, of ``total`` where that is known."""
        if not self.stream.isatty():
            return
        now = time.perf_counter()
        if self.open and done != total and now - self.written < PAUSE:
            return
        self.open, self.written = True, now
        rate = (done - self.begun) / max(now - self.started, 1e-9)
        share = f'/{total} {100 * done // total}%' if total else ''
        left = f' | {duration((total - done) / rate)} left' if total and rate else ''
        self._write(f'{CLEAR}{self.what}{done}{share} | {rate:.3g} {self.unit}/s{left}')
        if done == total:
            self.close()

    def close(self) -> None:
        """The work is over, done or not."""
        if self.open:
            self._write('\n' if self.keep else CLEAR)
        self.open = False

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def tracked(items: Iterable[Item], unit: str, what: str = '', total: int | None = None,
            keep: bool = True) -> Iterator[Item]:
    """The items one after another; a :class:`Progress` shows how many are done.

    Args:
        items: to go through.
        unit: what they are.
        what: the work with them.
        total: how many they are; that of a collection when None.
        keep: as for :class:`Progress`.
    """
    progress = Progress(unit, what, keep=keep)
    total = len(items) if total is None and isinstance(items, Collection) else total
    try:
        for done, item in enumerate(items, 1):
            yield item
            progress(done, total)
    finally:
        progress.close()


def chunks(file: IO[bytes], what: str, size: int | None, begun: int = 0) -> Iterator[bytes]:
    """The content of a file of ``size`` bytes in pieces; a :class:`Progress` shows how many megabytes are done.

    Args:
        file: read from where it stands.
        what: the work with it.
        size: of the whole, in bytes; None where nobody knows.
        begun: bytes before those that are read here.
    """
    progress = Progress('MB', what, begun // MEGABYTE)
    done, total = begun, None if size is None else size // MEGABYTE
    try:
        while chunk := file.read(MEGABYTE):
            yield chunk
            done += len(chunk)
            progress(done // MEGABYTE, total)
    finally:
        progress.close()


def duration(seconds: float) -> str:
    """``4h38``, ``12m05`` or ``9s``."""
    seconds = int(seconds)
    if seconds >= 3600:
        return f'{seconds // 3600}h{seconds % 3600 // 60:02d}'
    return f'{seconds // 60}m{seconds % 60:02d}' if seconds >= 60 else f'{seconds}s'
