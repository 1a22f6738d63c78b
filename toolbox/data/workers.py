"""The processes that load data."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from torch.utils.data._utils.signal_handling import _set_SIGCHLD_handler

from ..errors import DataError


def init_worker(worker_id: int) -> None:
    """Signals that stop a run are for its main process; workers serve it until its iteration is done.

    Slurm sends SIGTERM to every process, a terminal SIGINT. A SIGTERM from the main process itself still ends a worker.
    """
    for name in ('SIGINT', 'SIGUSR1'):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, 'sigwaitinfo'):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_heed_parent, daemon=True).start()


def _heed_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        continue
    os._exit(0)


def end_workers(dataloader: Any) -> None:
    """End persistent workers now; they would live as long as the loader otherwise."""
    iterator = getattr(dataloader, '_iterator', None)
    if iterator is not None:
        iterator._shutdown_workers()
        dataloader._iterator = None


class WorkerDied(BaseException):
    """A signal raises it at any place of the main process: no ``except Exception``, of a reader of files say, may take
    it for an error of its own."""


@contextmanager
def errors_of_workers() -> Iterator[None]:
    try:
        with _deaths_raise_past_exceptions():
            yield
    except (RuntimeError, WorkerDied) as error:
        if not str(error).startswith('DataLoader'):
            raise
        raise DataError(
            f'train_dataloader: {error} Killed workers mostly mean that memory ran out (lower num_workers, '
            'prefetch_factor or batch_size); one that takes longer than train_dataloader.timeout seconds hangs on a '
            'file or a network drive. --resume goes on from the last checkpoint.') from error


@contextmanager
def _deaths_raise_past_exceptions() -> Iterator[None]:
    """torch's own handler raises a RuntimeError."""
    if not hasattr(signal, 'SIGCHLD') or threading.current_thread() is not threading.main_thread():
        yield
        return
    _set_SIGCHLD_handler()
    of_torch = signal.getsignal(signal.SIGCHLD)

    def handler(number: int, frame: FrameType | None) -> None:
        try:
            if callable(of_torch):
                of_torch(number, frame)
        except RuntimeError as error:
            raise WorkerDied(str(error)) from error

    signal.signal(signal.SIGCHLD, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, of_torch)
