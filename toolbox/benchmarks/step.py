"""Speed of a config's training step, and its ratio to a plain PyTorch loop."""

from __future__ import annotations

import copy
import operator
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from torch import Tensor

from ..checks import require_choice
from ..engine.optim import build_optimizers
from ..errors import ConfigError
from ..hooks.status import memory
from ..methods.base import Method
from ..registry import METHODS, build
from .plain import PLAIN

# What plain loops do not know
PLAINLY = {'accumulate': 1, 'diff_augment': (), 'freeze': ()}


def measure_step(cfg: Config, size: int, iters: int, stage: str | None = None) -> None:
    method, optims = built(cfg)
    batch = synthetic_batch(method, cfg, size)
    where = enter(method, batch, stage)
    for _ in range(2):
        method.train_step(batch, optims)
    seconds = [seconds_of(lambda: method.train_step(batch, optims))[0] for _ in range(iters)]
    middle = statistics.median(seconds)
    print(f'{cfg.filename} at {size} px{where}, batch {cfg.train_dataloader.batch_size}: '
          f'{1 / middle:.3g} it/s ({middle:.4g} s, median of {iters}), peak memory {memory()}')


def measure_against_plain_loop(cfg: Config, size: int, iters: int, stage: str | None = None) -> None:
    """Both loops alternate in one process; a ratio is the median of the paired ratios."""
    method, optims = built(cfg)
    batch = synthetic_batch(method, cfg, size)
    where = enter(method, batch, stage)
    plain = plain_loop(copy.deepcopy(method))
    steps = (lambda: plain.step(batch)), (lambda: method.train_step(batch, optims))
    for step in steps:
        step()
    pairs = [[seconds_of(step) for step in steps] for _ in range(iters)]
    wall, cpu = (statistics.median(ours[i] / theirs[i] for theirs, ours in pairs) for i in (0, 1))
    theirs, ours = (statistics.median(seconds for seconds, _ in column) for column in zip(*pairs, strict=True))
    print(f'{cfg.model.type} at {size} px{where}, {torch.get_num_threads()} thread(s): toolbox / plain loop = '
          f'{wall:.3f} ({ours:.4g} s / {theirs:.4g} s, {iters} pairs), in CPU time {cpu:.3f}, peak memory {memory()}')


def plain_loop(method: Method) -> Any:
    """The plain loop of a method, on its networks.

    Raises:
        ConfigError: there is none, or it knows no such settings.
    """
    kind = PLAIN.get(type(method).__name__)
    if kind is None:
        raise ConfigError(f'--against-plain-loop: {type(method).__name__} has no plain loop; these have one: '
                          f'{", ".join(sorted(PLAIN))}.')
    for name, wanted in {**PLAINLY, **getattr(kind, 'only', {})}.items():
        if (found := operator.attrgetter(name)(method)) != wanted:
            raise ConfigError(f'model.{name}: the plain loop knows {wanted!r} alone, found {found!r}. Set '
                              f'--cfg-options model.{name}={wanted}.')
    return kind(method)


def enter(method: Method, batch: dict[str, Tensor], stage: str | None) -> str:
    """Come to a stage as a run does, through the beginnings of those before it, without training; returns its name.

    Raises:
        ConfigError: the method has no such stage.
    """
    if stage is None:
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
    return method.train(), build_optimizers(method, cfg.optim_wrapper)


def synthetic_batch(method: Method, cfg: Config, size: int) -> dict[str, Tensor]:
    """Made-up inputs of a training step, with the config's batch size; images are ``(N, C, size, size)`` in [-1, 1]."""
    batch = method.example(cfg.train_dataloader.batch_size, (size, size))
    return {key: value.to(get_device()) for key, value in batch.items()}


def seconds_of(step: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of CPU time in all threads of this process."""
    started, used = time.perf_counter(), time.process_time()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started, time.process_time() - used
