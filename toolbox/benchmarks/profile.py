"""Where the time of a training step goes, operator by operator."""

from __future__ import annotations

import os
from typing import NamedTuple

from mmengine.config import Config
from torch.profiler import ProfilerActivity, profile

from .step import warmed


class Used(NamedTuple):
    """By all calls of an operator in one iteration.

    Attributes:
        calls: how many.
        seconds: of CPU time, without those of operators that it calls.
    """

    name: str
    calls: int
    seconds: float


def print_profile(cfg: Config, size: int, stage: str | None = None, channels_last: bool = False,
                  rows: int = 12) -> None:
    """The operators of an iteration with the most CPU time, as a table in Markdown."""
    used = profile_of(cfg, size, stage, channels_last)
    total = sum(one.seconds for one in used)
    print('| operator | calls | share of CPU time |\n|---|---|---|')
    for one in used[:rows]:
        print(f'| `{one.name}` | {one.calls} | {one.seconds / total:.1%} |')
    rest = used[rows:]
    print(f'| {len(rest)} others | {sum(one.calls for one in rest)} | {sum(one.seconds for one in rest) / total:.1%} |')


def profile_of(cfg: Config, size: int, stage: str | None = None, channels_last: bool = False) -> list[Used]:
    """What each operator used in the third iteration on made-up images of a side of ``size``, the greediest first."""
    step, _ = warmed(cfg, size, stage, channels_last)
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # torch's library writes its own progress to stderr
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step()
    used = [Used(row.key, row.count, row.self_cpu_time_total / 1e6) for row in profiler.key_averages()]
    return sorted(used, key=lambda one: one.seconds, reverse=True)
