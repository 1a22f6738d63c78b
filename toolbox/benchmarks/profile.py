"""Where the time of a training step goes, operator by operator."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import NamedTuple

from mmengine.config import Config
from mmengine.device import get_device
from torch.profiler import ProfilerActivity, profile

from .step import warmed
from .work import HEAVY, alone, seconds_of, work_of


class Used(NamedTuple):
    """By all calls of an operator in one iteration.

    Attributes:
        calls: how many.
        seconds: by the clock, without those of operators that it calls.
    """

    name: str
    calls: int
    seconds: float


def print_profile(cfg: Config, size: int, stage: str | None = None, channels_last: bool = False,
                  rows: int = 12) -> None:
    """The operators of an iteration with the most time, as a table in Markdown; and the share of its convolutions and
    matrix products, there and when they are called alone. The profiler reads the clock: other processes count."""
    step, _ = warmed(cfg, size, stage, channels_last)
    used = profile_of(step)
    total = sum(one.seconds for one in used)
    print('| operator | calls | share of time |\n|---|---|---|')
    for one in used[:rows]:
        print(f'| `{one.name}` | {one.calls} | {one.seconds / total:.1%} |')
    rest = used[rows:]
    print(f'| {len(rest)} others | {sum(one.calls for one in rest)} | {sum(one.seconds for one in rest) / total:.1%} |')
    within = sum(one.seconds for one in used if is_heavy(one.name))
    (_, whole), (_, by_itself) = seconds_of(step), alone(work_of(step, {}), get_device(), repeats=1)
    print(f'\nconvolutions and matrix products: {within / total:.1%} of that; called alone, one after the other, '
          f'{by_itself / whole:.1%} of the {whole:.4g} s of CPU time of a step')


def is_heavy(operator: str) -> bool:
    """Whether the profiler's name is that of a convolution, in any of torch's forms, or of a matrix product."""
    return operator in HEAVY or re.search(r'conv(olution|_|\dd)', operator) is not None


def profile_of(step: Callable[[], object]) -> list[Used]:
    """What each operator uses in a step, the greediest first."""
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # torch's library writes its own progress to stderr
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step()
    used = [Used(row.key, row.count, row.self_cpu_time_total / 1e6) for row in profiler.key_averages()]
    return sorted(used, key=lambda one: one.seconds, reverse=True)
