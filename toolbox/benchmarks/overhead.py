"""What the Runner, its default hooks and the bookkeeping of a step add to an iteration."""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from torch import Tensor

from ..engine import Runner
from .step import built, enter, synthetic_batch


def measure_overhead(cfg: Config, size: int, iters: int, stage: str | None = None) -> None:
    """Print the CPU milliseconds that surround the networks: in a step on made-up images of a side of ``size``, and
    what Runner and default hooks add to an empty update, early and late in a run."""
    print(f'in a step, around forward, backward and the steps of the optimisers: '
          f'{1000 * around_the_networks(cfg, size, iters, stage):.4f} ms of CPU time (median of {iters})')
    for start in (10, 250_000):
        bare, full = overhead(cfg, start, iters)
        print(f'from iteration {start}: Runner + default hooks {1000 * full:.4f} ms, bare loop {1000 * bare:.4f} ms, '
              f'overhead {1000 * (full - bare):.4f} ms of CPU time per iteration (means over {iters})')


def overhead(cfg: Config, start: int, iters: int) -> tuple[float, float]:
    """Mean CPU seconds per iteration of (a bare loop over the same batches, the Runner), both including the update.

    The update returns ten fresh scalars. Message hub histories are filled as ``start`` iterations of MMEngine's logging
    would have left them. Files written at the start, the end and on schedule (samples, checkpoints) are excluded.
    """
    losses = torch.rand(10)

    def update(data: Any, optim_wrapper: Any = None) -> dict[str, Tensor]:
        return {f'G/term{i}_x': losses[i] for i in range(10)}

    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir, cfg.train_cfg = folder, dict(max_iters=start + iters)
        cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
        cfg.custom_hooks = []
        cfg.default_hooks = {'samples': None, 'checkpoint': dict(type='CheckpointHook', interval=10**9)}
        cfg.train_dataloader.num_workers = 0
        runner: Any = Runner.from_cfg(cfg)  # parts of it are replaced below
        runner._train_loop = loop = runner.build_train_loop(runner._train_loop)
        sample = loop.dataloader.collate_fn([loop.dataloader.dataset[0]])
        loop.dataloader = Repeat(sample, loop.dataloader)
        loop.iter = start
        for name in ('loss', 'time', 'data_time', *(f'term{i}' for i in range(11))):
            history = [0.0] * start
            runner.message_hub.log_scalars[f'train/{name}'] = HistoryBuffer(history, history)
        runner.model.train_step = update
        started = time.thread_time()
        batches = iter(loop.dataloader)
        for _ in range(iters):
            update(next(batches))
        bare = (time.thread_time() - started) / iters
        timer = LoopTimer()
        runner.register_hook(timer, priority='HIGHEST')
        with contextlib.redirect_stdout(io.StringIO()):
            runner.train()
    return bare, (timer.stamps[-1] - timer.stamps[0]) / (iters - 1)


def around_the_networks(cfg: Config, size: int, iters: int, stage: str | None = None) -> float:
    """Median CPU seconds of a training step whose losses, shared images, backward passes and optimisers do nothing.

    What is left is Python's: flags of parameters, gradients set to None, sums of terms, logs. One real step before
    tells the terms of each phase.
    """
    method, optims = built(cfg)
    batch = synthetic_batch(method, cfg, size)
    enter(method, batch, stage)
    terms = [name.partition('/') for name in method.train_step(batch, optims)]
    scalar = torch.zeros((), requires_grad=True)
    for phase in method.schedule:
        found = dict.fromkeys([term for name, _, term in terms if name == phase.name] or ['loss'], scalar)
        setattr(method, f'loss_{phase.name}', lambda b, found=found: found)
    for part, idle in ((method, 'prepare'), *((optim, name) for optim in optims.values()
                                              for name in ('backward', 'step'))):
        setattr(part, idle, _nothing)
    seconds = []
    for _ in range(iters):
        started = time.thread_time()
        method.train_step(batch, optims)
        seconds.append(time.thread_time() - started)
    return statistics.median(seconds)


def _nothing(*args: Any, **kwargs: Any) -> None:
    pass


class LoopTimer(Hook):
    """Records the CPU time of this thread at the start of each iteration."""

    def __init__(self) -> None:
        self.stamps: list[float] = []

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.stamps.append(time.thread_time())


class Repeat:
    """Repeats one batch forever: data loading is not measured."""

    def __init__(self, batch: Any, loader: Any) -> None:
        self.batch, self.batch_size = batch, loader.batch_size
        self.dataset, self.sampler = loader.dataset, loader.sampler

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self.batch

    def __len__(self) -> int:
        return 1
