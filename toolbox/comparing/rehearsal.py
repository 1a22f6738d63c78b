"""Before any training: each config trains a few iterations in a folder that is removed, and is scored once.

The tensors that these iterations allocate are its memory. Peaks of the process would not do: they are those of whatever
came before, and of the libraries, which outweigh a small network.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from ..engine import Runner
from ..engine.state import unwrap
from ..hooks.status import IterationClock
from ..methods.base import Method
from .budget import stretched_stages
from .entries import Budget, Entry
from .scoring import TestSet, Wanted, score, tasks_of

FEW, TIMED = 2, 8  # iterations: for memory, and to find out how many fit into minutes
Measures = dict[str, Any]


def rehearse(entry: Entry, budget: Budget, data: TestSet, wanted: Wanted) -> Measures:
    """Train for a few iterations and score one sample.

    Returns:
        What JSON can hold: iterations of a training ('iters'), number of weights ('parameters', and 'used' by its
        largest direction), bytes at the peak ('memory'), name of the method ('method'), and for each task its parts and
        the picture that the method makes for it ('tasks').

    Raises:
        UserError: something does not fit; what a training or an evaluation says.
    """
    runner, memory = _short_training(entry, FEW)
    model = unwrap(runner.model)
    tasks = tasks_of(model.pictures)
    if tasks:
        score(model, data, wanted, first=1)
    iters = budget.iters or _iterations_in(entry, budget.minutes or 0.0)
    return dict(iters=iters, memory=memory, parameters=_weights(model), used=_used(model),
                method=type(model).__name__, tasks=[[*task, key] for task, key in tasks.items()])


def _iterations_in(entry: Entry, minutes: float) -> int:
    clock = IterationClock()
    _short_training(entry, TIMED, clock)
    return max(1, round(60 * minutes / statistics.median(clock.seconds[2:])))


def _short_training(entry: Entry, iters: int, clock: IterationClock | None = None) -> tuple[Any, int]:
    """A runner that has trained, and the bytes that its tensors had at most."""
    with tempfile.TemporaryDirectory() as folder:
        before = torch.cuda.memory_allocated() if torch.cuda.is_available() else 0
        runner = built(entry, entry.training(iters, 0, Path(folder)), quiet=True)
        if clock is not None:
            runner.register_hook(clock)
            runner.train()
            return runner, 0
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
            runner.train()
            return runner, torch.cuda.max_memory_allocated() - before
        return runner, _bytes(runner.model) + _peak_of(runner)


def built(entry: Entry, cfg: Config, quiet: bool = False) -> Runner:
    """The runner of a training, with the stages of its method in proportion to its length."""
    if quiet:
        cfg.default_hooks = {**cfg.default_hooks, 'status': None, 'checkpoint': None}
    runner = Runner.from_cfg(cfg)
    model = unwrap(runner.model)
    model.stages = stretched_stages(model.stages, cfg.train_cfg.max_iters, entry.own)
    return runner


def _peak_of(runner: Any) -> int:
    """Bytes that a training allocates on the CPU at most, beside what is there before."""
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # the profiler says on stderr when it begins and ends
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        runner.train()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == '[memory]']
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return int(peak)


def _bytes(model: nn.Module) -> int:
    return sum(x.numel() * x.element_size() for x in (*model.parameters(), *model.buffers()))


def _weights(*modules: nn.Module) -> int:
    return sum({id(p): p.numel() for module in modules for p in module.parameters()}.values())


def _used(model: Method) -> int:
    """Weights of the networks that a translation needs: those of the largest direction."""
    return max((_weights(*(getattr(model, name) for name in direction.nets))
                for direction in model.directions.values()), default=0)
