"""How far a folder is, for who waits at a terminal."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from ..hooks.status import duration


class Progress:
    """One line that is written anew after each file: files done, their rate, and the time left. Nothing where the
    stream is no terminal.

    Args:
        stream: where it is written; stderr when None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.started = time.perf_counter()

    def __call__(self, done: int, total: int) -> None:
        if self.stream.isatty():
            seconds = max(time.perf_counter() - self.started, 1e-9)
            self.stream.write(f'\r\033[K{done}/{total} {100 * done // total}% | {done / seconds:.3g} files/s | '
                              f'{duration(seconds * (total - done) / done)} left{chr(10) * (done == total)}')
            self.stream.flush()
