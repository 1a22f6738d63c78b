"""Speed of a config's training step."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from torch import Tensor

from ..checks import require_choice
from ..engine.optim import build_optimizers
from ..hooks.status import memory
from ..methods.base import Method
from ..registry import METHODS, build
from .work import seconds_of


def measure_step(cfg: Config, size: int, iters: int, stage: str | None = None, channels_last: bool = False) -> None:
    step, where = warmed(cfg, size, stage, channels_last)
    before = page_faults()
    seconds = [seconds_of(step) for _ in range(iters)]
    faults = (page_faults() - before) / iters
    clock, cpu = (statistics.median(column) for column in zip(*seconds, strict=True))
    print(f'{cfg.filename} at {size} px{where}, batch {cfg.train_dataloader.batch_size}: '
          f'{1 / clock:.3g} it/s ({clock:.4g} s, median of {iters}; CPU time {cpu:.4g} s, {faults:.0f} page faults), '
          f'peak memory {memory()}')


def warmed(cfg: Config, size: int, stage: str | None = None,
           channels_last: bool = False) -> tuple[Callable[[], object], str]:
    """A training step on made-up images of a side of ``size`` after two of them, and the name of the stage."""
    method, optims = built(cfg)
    batch = synthetic_batch(method, cfg, size)
    if channels_last:
        batch = in_channels_last(method, batch)
    where = enter(method, batch, stage)
    for _ in range(2):
        method.train_step(batch, optims)
    return lambda: method.train_step(batch, optims), where


def page_faults() -> int:
    """Pages that this process has been given so far; 0 where the system does not count them."""
    if sys.platform == 'win32':
        return 0
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def in_channels_last(method: Method, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Lay the weights of ``method`` out with the channels last; the batch in the same way."""
    for p in method.parameters():
        if p.dim() == 4:
            p.data = p.data.contiguous(memory_format=torch.channels_last)
    return {key: x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for key, x in batch.items()}


def enter(method: Method, batch: dict[str, Tensor], stage: str | None) -> str:
    """Come to a stage (the first if None) as a run does, through the beginnings of those before it, without training;
    returns its name.

    Raises:
        ConfigError: the method has no such stage.
    """
    if stage is None:
        method.enter_stage(batch)
        return ''
    require_choice('--stage', stage, [known.name for known in method.stages] or ['none: this method has no stages'])
    done = 0
    for known in method.stages:
        method.iteration, method.epoch = (0, done) if known.epochs is not None else (done, 0)
        method.enter_stage(batch)
        if known.name == stage:
            break
        done += known.length or 0
    return f', {stage}'


def built(cfg: Config) -> tuple[Method, Any]:
    method = build(cfg.model, METHODS, 'model').to(get_device())
    method.init_weights()
    method.compile_networks(cfg.get('compile'))
    return method.train(), build_optimizers(method, cfg.optim_wrapper)


def synthetic_batch(method: Method, cfg: Config, size: int) -> dict[str, Tensor]:
    """Made-up inputs of a training step, with the config's batch size; images are ``(N, C, size, size)`` in [-1, 1]."""
    batch = method.example(cfg.train_dataloader.batch_size, (size, size))
    return {key: value.to(get_device()) for key, value in batch.items()}
