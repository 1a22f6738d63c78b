"""Faults that tests inject into real trainings: a plugin of the configs that are trained here."""

from __future__ import annotations

import os
import random
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook

from toolbox.registry import HOOKS


@HOOKS.register_module()
class SignalAt(Hook):
    """Send a real signal to this process at a point of the training.

    Args:
        point: name of a hook method.
        iteration: the first iteration at which it is sent.
        name: of the signal.
        rank: the process that sends it to itself.
        times: how often.
    """

    priority = 'HIGHEST'

    def __init__(self, point: str, iteration: int = 3, name: str = 'SIGTERM', rank: int = 0, times: int = 1,
                 unless: str = '') -> None:
        self.iteration, self.name, self.rank, self.times, self.unless = iteration, name, rank, times, unless
        setattr(self, point, self._send)

    def _send(self, runner: Any, **_: Any) -> None:
        if runner.iter < self.iteration or runner.rank != self.rank or not self.times:
            return
        self.times -= 1
        if self.unless:
            if os.path.exists(self.unless):
                return
            open(self.unless, 'w').close()
        os.kill(os.getpid(), getattr(signal, self.name))


class KillSoon(Hook):
    """SIGKILL this process some milliseconds after an iteration, wherever it is then."""

    def __init__(self, iterations: int, seconds: float) -> None:
        self.iterations, self.seconds = iterations, seconds

    def before_train(self, runner: Any) -> None:
        self.at = runner.iter + self.iterations

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter == self.at:
            timer = threading.Timer(self.seconds, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()


def in_child(function: Callable[[], Any]) -> int:
    """How a forked process that calls ``function`` ends: its exit code, or minus the signal that killed it."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # of forking beside the threads of pytest-xdist
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        except SystemExit as end:
            code = end.code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_at(call: str, number: int) -> None:
    """From now on the ``number``-th call of ``os.<call>`` ends this process with SIGKILL instead."""
    original, calls = getattr(os, call), iter(range(1, number + 1))

    def replaced(*args: Any, **kwargs: Any) -> Any:
        if next(calls, 0) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(os, call, replaced)


def random_moments(count: int, seed: int) -> list[KillSoon]:
    draw = random.Random(seed)
    return [KillSoon(draw.randint(0, 4), draw.uniform(0, 0.06)) for _ in range(count)]
