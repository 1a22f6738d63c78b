"""The training loop, which resumes exactly, also in the middle of an epoch."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, Literal

import torch
from mmengine.dist import get_world_size
from mmengine.runner import BaseLoop

from ..data.workers import end_workers, errors_of_workers
from ..errors import ConfigError
from ..methods.schedule import length_of_stages
from ..randomness.state import preserve_rng
from ..registry import LOOPS, Count
from .state import unwrap
from .votes import Votes


class ValidationAbandoned(Exception):
    """Raised by a hook during a validation: the training is about to stop, and validates first when it is resumed."""


@LOOPS.register_module()
class TrainLoop(BaseLoop):
    """Train for ``max_iters`` iterations or ``max_epochs`` epochs; validate every ``val_interval`` of the same unit.

    An epoch is ``ceil(len(dataset) / samples per iteration)`` iterations of an endless sampler. The order within one
    iteration: update, hooks ``after_train_iter``, at an epoch's end hooks ``after_train_epoch`` (schedules), validation
    where due, then hooks ``after_iteration``, where checkpoints are written: they see the finished iteration.

    Args:
        runner: set by the Runner.
        dataloader: set by the Runner.
        max_iters: length in iterations; exactly one of the two lengths is given. 'stages' is that of all stages of the
            method.
        max_epochs: length in epochs.
        val_interval: iterations or epochs between validations; None validates at the end only.
        val_begin: first iteration or epoch that may be validated.
    """

    def __init__(self, runner: Any, dataloader: Any, max_iters: Count | Literal['stages'] | None = None,
                 max_epochs: Count | None = None, val_interval: Count | None = None, val_begin: Count = 1) -> None:
        if (max_iters is None) == (max_epochs is None):
            raise ConfigError('train_cfg: give exactly one of max_iters and max_epochs, found '
                              f'max_iters={max_iters}, max_epochs={max_epochs}.')
        super().__init__(runner, dataloader)
        self.samples_per_iter = self.dataloader.batch_size * get_world_size()
        self.epoch_length = math.ceil(len(self.dataloader.dataset) / self.samples_per_iter)
        self.by_epoch = max_epochs is not None
        if max_iters == 'stages':
            max_iters = length_of_stages(unwrap(runner.model), self.epoch_length)
        self._max_iters = max_iters or 0  # of a run in iterations
        self.max_epochs = math.ceil(self._max_iters / self.epoch_length) if max_epochs is None else max_epochs
        self.val_interval, self.val_begin = val_interval, val_begin
        self.iter = 0
        self.epoch = 0
        self.epoch_iter = 0  # iterations of the current epoch that are done
        self.samples = 0
        self.data_seconds = 0.0
        self.history: list[dict[str, float]] = []  # scores of all validations
        self.stop_training = False
        self.saving: Future[Any] | None = None  # of a checkpoint that is being written
        self._stream: Generator[dict[str, Any], None, None] | None = None

    @property
    def max_iters(self) -> int:
        """The last iteration; of a run in epochs, it follows from the epochs that are left."""
        if not self.by_epoch:
            return self._max_iters
        return self.iter - self.epoch_iter + (self.max_epochs - self.epoch) * self.epoch_length

    @property
    def _iter(self) -> int:
        return self.iter

    @property
    def _epoch(self) -> int:
        return self.epoch

    def run(self) -> torch.nn.Module:
        runner = self.runner
        if runner.val_loop is not None and self.iter < self.max_iters:
            getattr(runner.val_loop, 'rehearse', lambda: None)()
        self._start()
        if self.iter and not self._validated() and self._validation_due(self.epoch_iter == 0):
            self._validate()  # it was abandoned
            runner.call_hook('after_iteration')
        runner.call_hook('before_train_epoch')
        try:
            with errors_of_workers():
                while self.iter < self.max_iters and not self.stop_training:
                    self.run_iter(self._next_batch())
        finally:
            self._end_batches()
        runner.call_hook('after_train')
        return runner.model

    def go_back(self, checkpoint: str, content: dict[str, Any] | None = None) -> None:
        """Resume from an earlier checkpoint within the training; to be called from ``after_iteration``."""
        self._end_batches()
        self.runner.resume(checkpoint, content)
        self._take_position()

    def _start(self) -> None:
        self._take_position()
        self.votes = Votes()
        self.runner.call_hook('before_train')
        self.runner.model.train()

    def _take_position(self) -> None:
        unwrap(self.runner.model).resume_at(self.iter, self.epoch, self.epoch_iter)
        if hasattr(self.dataloader.sampler, 'position'):
            self.dataloader.sampler.position = self.samples
        elif self.samples:
            self.runner.logger.warning(f'{type(self.dataloader.sampler).__name__} has no position: the resumed '
                                       'training sees its samples in another order.')

    def _next_batch(self) -> dict[str, Any]:
        started = time.perf_counter()
        if self._stream is None:
            self._stream = self._batches()
        data = next(self._stream)
        self.data_seconds += time.perf_counter() - started
        return data

    def _end_batches(self) -> None:
        """Their workers end here and now, not whenever the loader is collected."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _batches(self) -> Generator[dict[str, Any], None, None]:
        """Batches for ever; a sampler that ends (one of MMEngine's) is started again."""
        sampler = self.dataloader.sampler
        batches: Any = None
        try:
            for number in itertools.count(1):
                with preserve_rng():  # a DataLoader draws a seed for its workers
                    batches = iter(self.dataloader)
                yield from batches
                if hasattr(sampler, 'set_epoch'):
                    sampler.set_epoch(number)
        finally:
            if hasattr(batches, '_shutdown_workers'):
                batches._shutdown_workers()
            end_workers(self.dataloader)

    def run_iter(self, data: dict[str, Any]) -> None:
        """One iteration and all that follows it."""
        runner, index = self.runner, self.iter
        unwrap(runner.model).epoch = self.epoch
        runner.call_hook('before_train_iter', batch_idx=index, data_batch=data)
        outputs = runner.model.train_step(data, optim_wrapper=runner.optim_wrapper)
        runner.call_hook('after_train_iter', batch_idx=index, data_batch=data, outputs=outputs)
        self.iter += 1
        self.samples += self.samples_per_iter
        self.epoch_iter += 1
        epoch_ends = self.epoch_iter >= self.epoch_length
        if epoch_ends:
            runner.call_hook('after_train_epoch')
            self.epoch, self.epoch_iter = self.epoch + 1, 0
        if self._validation_due(epoch_ends):
            self._validate()
        self.votes.exchange()
        runner.call_hook('after_iteration')
        if epoch_ends and self.iter < self.max_iters:
            runner.call_hook('before_train_epoch')

    def _validate(self) -> None:
        with contextlib.suppress(ValidationAbandoned):
            self.history.append(dict(iter=self.iter, **self.runner.val_loop.run()))

    def _validated(self) -> bool:
        return bool(self.history) and self.history[-1]['iter'] == self.iter

    def _validation_due(self, epoch_ends: bool) -> bool:
        if self.runner.val_loop is None or not self.runner.val_loop.evaluator.metrics:
            return False
        if self.iter == self.max_iters:
            return True
        done = self.epoch if self.by_epoch else self.iter
        return (self.val_interval is not None and done >= self.val_begin and done % self.val_interval == 0
                and (epoch_ends or not self.by_epoch))
