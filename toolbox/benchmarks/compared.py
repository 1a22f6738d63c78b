"""A training step against the plain loop, in turns in one process: time, work, memory, and what convolutions need."""

from __future__ import annotations

import copy
import math
import operator
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config

from ..errors import ConfigError
from ..methods.base import Method
from .machine import FREE, Neighbours, others, peak_of, processor
from .plain import PLAIN
from .step import built, enter, synthetic_batch
from .work import Work, alone, seconds_of, work_of

PLAINLY: dict[str, object] = {'accumulate': 1, 'diff_augment': (), 'freeze': ()}  # what no plain loop knows else


@dataclass(frozen=True)
class Ratio:
    """Toolbox / plain loop: the median of the ratios of pairs, the smallest and the largest; and the median seconds."""

    middle: float
    low: float
    high: float
    ours: float
    theirs: float

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, float]]) -> Ratio:
        ratios = [ours / max(theirs, 1e-9) for ours, theirs in pairs]
        ours, theirs = map(statistics.median, zip(*pairs, strict=True))
        return cls(statistics.median(ratios), min(ratios), max(ratios), ours, theirs)

    def __str__(self) -> str:
        return f'{self.middle:.3f} [{self.low:.2f}..{self.high:.2f}]'


@dataclass(frozen=True)
class Comparison:
    """Of one config. Pairs are (toolbox, plain loop), of one iteration: the mean of a cycle where iterations differ.

    Attributes:
        wall: by the clock; None beside other processes, where clocks lie.
        cpu: of CPU time.
        flops: of convolutions and matrix products, FLOPs.
        operators: of ATen, with those of the optimisers.
        passes: calls of networks; 0 where a method calls their parts.
        memory: peak of a step beyond weights and moments, bytes; None where the system does not tell.
        share: of the toolbox's time that its convolutions and matrix products need alone, one by one.
        others: cores that other processes used meanwhile; None where the system does not tell.
    """

    method: str
    size: int
    batch: int
    stage: str
    threads: int
    processor: str
    torch: str
    cycle: int
    pairs: int
    wall: Ratio | None
    cpu: Ratio
    flops: tuple[float, float]
    operators: tuple[float, float]
    passes: tuple[float, float]
    memory: tuple[int, int] | None
    share: float
    others: float | None

    def __str__(self) -> str:
        clock = self.wall or self.cpu
        turns = f'{self.pairs} pairs' + (f' of {self.cycle} iterations' if self.cycle > 1 else '')
        lines = [f'{self.method} at {self.size} px{self.stage}, batch {self.batch}, {self.threads} thread(s), '
                 f'{self.processor}: toolbox / plain loop = {clock} ({clock.ours:.4g} s / {clock.theirs:.4g} s, {turns}'
                 + (f'), in CPU time {self.cpu}' if self.wall else '), in CPU time alone: other processes used '
                    f'{self.others or 0:.1f} cores'),
                 f'  GFLOP {_pair([n / 1e9 for n in self.flops])}, operators {_pair(self.operators)}, '
                 f'passes of networks {_pair(self.passes)}']
        if self.memory:
            lines.append(f'  memory of a step beyond what lies there: {_pair([n // 2**20 for n in self.memory])} MB')
        lines.append(f'  convolutions and matrix products alone, one by one: {100 * self.share:.0f} % of the toolbox')
        return '\n'.join(lines)


def measure_against_plain_loop(cfg: Config, size: int, iters: int, stage: str | None = None,
                               shared: bool = False) -> None:
    print(compared(cfg, size, iters, stage, shared))


def compared(cfg: Config, size: int, iters: int, stage: str | None = None, shared: bool = False) -> Comparison:
    """Both loops alternate in one process, after one turn that warms up and one that is counted.

    Args:
        cfg: of the training.
        size: side of the images, in pixels.
        iters: pairs.
        stage: of a method with stages; the first by default.
        shared: go on beside other processes, in CPU time alone.

    Raises:
        ConfigError: the method has no plain loop, it knows no such settings, or others use the cores.
    """
    if not shared:
        require_quiet(*others())
    method, optims = built(cfg)
    batch = synthetic_batch(method, cfg, size)
    where = enter(method, batch, stage)
    plain = plain_loop(theirs := copy.deepcopy(method))
    cycle = cycle_of(method)

    def ours_turn() -> None:
        for _ in range(cycle):
            method.train_step(batch, optims)

    def plain_turn() -> None:
        for _ in range(cycle):
            plain.step(batch)
    (work, memory), (plain_work, plain_memory) = _counted(ours_turn, method), _counted(plain_turn, theirs)
    neighbours = Neighbours()
    seconds = [[seconds_of(turn) for turn in (plain_turn, ours_turn)] for _ in range(iters)]
    on_gpu = next(iter(batch.values())).device.type == 'cuda'
    by_clock, of_cpu = alone(work, 'cuda' if on_gpu else 'cpu')
    used = neighbours.cores()
    if not shared:
        require_quiet(used, neighbours.busiest())
    wall, cpu = (Ratio.of([(ours[i] / cycle, theirs[i] / cycle) for theirs, ours in seconds]) for i in (0, 1))
    return Comparison(
        method=cfg.model.type, size=size, batch=cfg.train_dataloader.batch_size, stage=where,
        threads=torch.get_num_threads(), processor=processor(), torch=torch.__version__, cycle=cycle, pairs=iters,
        wall=None if shared else wall, cpu=cpu, flops=(work.flops / cycle, plain_work.flops / cycle),
        operators=(work.operators / cycle, plain_work.operators / cycle),
        passes=(work.passes / cycle, plain_work.passes / cycle),
        memory=None if memory is None or plain_memory is None else (memory, plain_memory),
        share=(by_clock / wall.ours if on_gpu else of_cpu / cpu.ours) / cycle, others=used)


def cycle_of(method: Method) -> int:
    """After how many iterations the same phases are due."""
    return math.lcm(*(phase.every for phase in method.schedule if isinstance(phase.every, int)))


def _counted(turn: Any, method: Method) -> tuple[Work, int | None]:
    turn()
    found: list[Work] = []
    networks = {name: getattr(method, name) for name in method.network_names()}
    memory = peak_of(lambda: found.append(work_of(turn, networks)))
    return found[0], memory


def require_quiet(cores: float | None, busiest: str) -> None:
    """Say so where other processes use the cores, whose clocks tell nothing then.

    Raises:
        ConfigError: they do.
    """
    if cores is None:
        print('this system does not tell whether other processes use the cores: see that none does')
    elif cores > FREE:
        raise ConfigError(f'benchmark: other processes use {cores:.1f} cores, above all {busiest}; allowed are '
                          f'{FREE} while a clock is read. Wait, or measure in CPU time alone: --shared.')


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


def _pair(numbers: Sequence[float]) -> str:
    return ' / '.join(f'{number:g}' for number in numbers)
