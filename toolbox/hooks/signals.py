"""A training that is asked to stop finishes its iteration and saves."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from mmengine.dist import is_distributed, is_main_process
from mmengine.hooks import Hook

from ..engine.loops import ValidationAbandoned
from ..engine.votes import Votes
from ..errors import Interrupted
from ..registry import HOOKS

SIGNALS = tuple(getattr(signal, name) for name in ('SIGTERM', 'SIGINT', 'SIGUSR1') if hasattr(signal, name))


@HOOKS.register_module()
class SignalHook(Hook):
    """Stop after the current iteration, with a checkpoint, on SIGTERM, SIGINT (Ctrl-C) or SIGUSR1 (Slurm's
    ``--signal``).

    ``Runner.train`` then raises :class:`toolbox.errors.Interrupted`. A validation is abandoned; the resumed training
    makes up for it. A second Ctrl-C stops a single process at once. A signal to one of several processes stops all of
    them after the same iteration, one later than it arrived.
    Signals that the shell ignores (of background jobs) stay ignored.
    """

    priority = 'HIGH'

    def __init__(self) -> None:
        self.asked = ''
        self.abandoned = False  # whether a validation was; a resume makes up for it
        self.previous: dict[signal.Signals, Any] = {}
        self.votes: Votes | None = None

    def before_train(self, runner: Any) -> None:
        self.votes = runner.train_loop.votes
        if threading.current_thread() is threading.main_thread():  # Python allows handlers nowhere else
            heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self.previous = {number: signal.signal(number, self._ask) for number in heeded}

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        loader = runner.val_loop.dataloader
        # Shares of a data set differ by one sample; processes vote while all of them have batches.
        assert self.votes is not None  # a validation of a training
        if batch_idx < len(loader.dataset) // runner.world_size // loader.batch_size:
            self.votes.exchange()
        if 'stop' in self.votes.agreed:
            self.abandoned = True
            raise ValidationAbandoned

    def after_iteration(self, runner: Any) -> None:
        assert self.votes is not None
        runner.train_loop.stop_training |= 'stop' in self.votes.agreed

    def after_run(self, runner: Any) -> None:
        if self.votes and 'stop' in self.votes.agreed and (runner.iter < runner.max_iters or self.abandoned):
            raise Interrupted(f'stopped by {self.asked or "a signal to another process"} after iteration '
                              f'{runner.iter} of {runner.max_iters}; {runner.work_dir}/iter_{runner.iter}.pth is '
                              'written: the same command with --resume goes on from there')

    def close(self, runner: Any) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self.previous = {}

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked and number == signal.SIGINT and not is_distributed():  # torchrun repeats what the terminal sent
            raise KeyboardInterrupt
        assert self.votes is not None
        self.asked = self.asked or signal.Signals(number).name
        self.votes.mine.add('stop')
        if is_main_process():  # print() must not be called here: it may be what the signal interrupted
            os.write(2, f'\n{self.asked}: the training stops after this iteration\n'.encode())
