"""What the Runner and its default hooks add to an iteration."""

from __future__ import annotations

import contextlib
import io
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


def measure_overhead(cfg: Config, iters: int) -> None:
    """Print the CPU milliseconds that Runner and default hooks add to an empty update, early and late in a run."""
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
