"""The processes that load data."""

from __future__ import annotations

import os
import signal
import threading


def init_worker(worker_id: int) -> None:
    """Signals that stop a training are for its main process; workers serve it until its iteration is done.

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
