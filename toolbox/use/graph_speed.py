"""How fast a graph is, against torch on the same images."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Speed:
    """Medians over the rounds, for one image.

    Attributes:
        torch_wall: seconds by the clock, of torch.
        torch_cpu: seconds of this process, of torch.
        graph_wall: seconds by the clock, of the graph.
        graph_cpu: seconds of this process, of the graph.
        rounds: how many there were.
        threads: of each.
    """

    torch_wall: float
    torch_cpu: float
    graph_wall: float
    graph_cpu: float
    rounds: int
    threads: int

    def __str__(self) -> str:
        return (f'images/s by the clock: torch {1 / self.torch_wall:.3g}, graph {1 / self.graph_wall:.3g}; '
                f'per CPU second: torch {1 / self.torch_cpu:.3g}, graph {1 / self.graph_cpu:.3g} '
                f'(medians of {self.rounds} images each, in turns, {self.threads} thread(s))')


def speed_of(one: Callable[..., Tensor], other: Callable[..., Tensor], inputs: Mapping[str, Tensor],
             rounds: int) -> Speed:
    """Time both in turns, so that what else the machine does is shared; a first round is not counted."""
    found: list[tuple[float, float, float, float]] = []
    for _ in range(rounds + 1):
        found.append((*_seconds(one, inputs), *_seconds(other, inputs)))
    a, b, c, d = (statistics.median(column) for column in zip(*found[1:], strict=True))
    return Speed(a, b, c, d, rounds, torch.get_num_threads())


def _seconds(use: Callable[..., Tensor], inputs: Mapping[str, Tensor]) -> tuple[float, float]:
    """By the clock, and of all threads of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    use(*inputs.values())
    return time.perf_counter() - wall, time.process_time() - cpu
