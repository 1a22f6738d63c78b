"""When a method updates what: phases within an iteration, and stages of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ..errors import ConfigError


@dataclass(frozen=True)
class Phase:
    """One update within an iteration.

    Attributes:
        name: the phase minimises the sum of ``loss_<name>(batch)``; its log keys are ``<name>/<term>``.
        trains: networks (``'G'``) or parts of them (``'G.enhancer'``) that receive gradients; all else is frozen.
        optim: key of the optimiser that steps; ``name`` when empty.
        every: the phase runs when ``(iteration + 1) % every == 0`` (WGAN: ``n_critic`` for the generator), or an object
            whose ``is_due(iteration + 1)`` decides, from its argument alone, so that a resume is exact
            (:class:`Cycle`).
        times: updates within one iteration, each after a :meth:`Method.prepare` of its own.
        stages: names of the stages in which it runs; all when empty.
        keeps_graph: a later phase of the iteration, or the next of its ``times``, goes back through this graph, too.
    """

    name: str
    trains: tuple[str, ...]
    optim: str = ''
    every: int | Any = 1
    times: int = 1
    stages: tuple[str, ...] = ()
    keeps_graph: bool = False

    @property
    def optimizer(self) -> str:
        return self.optim or self.name

    @property
    def paths(self) -> tuple[str, ...]:
        """The networks and parts that it names."""
        return self.trains

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks of which at least a part trains."""
        return tuple(dict.fromkeys(network_of(path) for path in self.trains))

    def is_due(self, iteration: int) -> bool:
        """Whether the phase runs in this iteration, counted from 0."""
        if isinstance(self.every, int):
            return (iteration + 1) % self.every == 0
        return self.every.is_due(iteration + 1)


@dataclass(frozen=True)
class Cycle:
    """A rhythm for :attr:`Phase.every`: ``Cycle(3, on=(1, 2))`` is the first and second of every three iterations."""

    length: int
    on: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.on or not all(1 <= place <= self.length for place in self.on):
            raise ConfigError(f'Cycle: expected places from 1 to {self.length}, found {self.on}.')

    def is_due(self, iteration: int) -> bool:
        """Whether iteration ``iteration``, counted from 1, is one of them."""
        return (iteration - 1) % self.length + 1 in self.on


@dataclass(frozen=True)
class Stage:
    """A part of a run, with a length in iterations or in epochs; the last one may be open.

    Attributes:
        name: of the stage; :meth:`Method.begin` is called with it once, at its first iteration.
        iters: length in iterations.
        epochs: length in epochs.
        rests: networks or parts that do not train in it, whatever the phases say.
        gflop: billions of operations of one iteration per sample, from which the time of a run is estimated; 0: not
            known, an iteration of any stage counts the same.
        gigabytes: memory that it takes per sample; 0: not known.
    """

    name: str
    iters: int | None = None
    epochs: int | None = None
    rests: tuple[str, ...] = ()
    gflop: float = 0.0
    gigabytes: float = 0.0

    @property
    def paths(self) -> tuple[str, ...]:
        """The networks and parts that it names."""
        return self.rests

    @property
    def length(self) -> int | None:
        return self.iters if self.epochs is None else self.epochs


def stage_at(stages: Sequence[Stage], iteration: int, epoch: int) -> Stage | None:
    """The stage of an iteration in an epoch, both counted from 0; None for a run without stages."""
    done = epoch if any(stage.epochs is not None for stage in stages) else iteration
    for stage in stages:
        if stage.length is None or done < stage.length:
            return stage
        done -= stage.length
    return stages[-1] if stages else None


def stage_starts(stages: Sequence[Stage], epochs: bool, epoch_length: int, where: str) -> list[int]:
    """The iteration (or epoch), counted from 0, with which each stage starts, and the end of the last if it has one.

    Args:
        stages: of the method.
        epochs: count in epochs.
        epoch_length: iterations of an epoch.
        where: who asks, for the message.

    Raises:
        ConfigError: there are no stages, or they start within epochs.
    """
    if not stages:
        raise ConfigError(f'{where}: this method has no stages.')
    in_epochs = any(stage.epochs is not None for stage in stages)
    if epochs and not in_epochs:
        raise ConfigError(f'{where}: counts epochs, but the stages of this method are counted in iterations. Set '
                          'by_epoch=False.')
    factor = epoch_length if in_epochs and not epochs else 1
    return [0, *accumulate(factor * stage.length for stage in stages if stage.length is not None)]


def work_between(stages: Sequence[Stage], first: int, last: int) -> float:
    """Billions of operations per sample of the iterations from ``first`` to ``last``; their number if not known."""
    if not stages or not all(stage.gflop and stage.iters for stage in stages):
        return float(last - first)
    ends = [*accumulate(stage.iters or 0 for stage in stages)]
    total, start = 0.0, 0
    for stage, end in zip(stages, [*ends[:-1], max(ends[-1], last)], strict=True):
        total += stage.gflop * max(0, min(last, end) - max(first, start))
        start = end
    return total


def seconds_ahead(stages: Sequence[Stage], ahead: tuple[int, int], behind: tuple[int, int], seconds: float,
                  samples: int = 1, speed: float = 0.0) -> float:
    """Seconds of the iterations ``ahead``, by what those ``behind`` took.

    Iterations take as long as their work needs, and as long again for everything else, which is the same in all stages:
    small scales are mostly that. Without ``speed`` their time is in proportion to their work.

    Args:
        stages: of the method.
        ahead: (first, last), last excluded.
        behind: (first, last) of those that were measured.
        seconds: of all of them together.
        samples: in an iteration.
        speed: billions of operations per second of a layer; raised to what was measured where that was faster.
    """
    work, further = (samples * work_between(stages, *part) for part in (behind, ahead))
    speed = max(speed, work / seconds)
    return (seconds - work / speed) * (ahead[1] - ahead[0]) / (behind[1] - behind[0]) + further / speed


def length_of_stages(method: Any, epoch_length: int) -> int:
    """Iterations of all stages of a method.

    Raises:
        ConfigError: it has none, or the last one is open.
    """
    where = f"train_cfg.max_iters: 'stages', but {type(method).__name__}"
    if not method.stages or method.stages[-1].length is None:
        raise ConfigError(f'{where} {"has a last stage that is open" if method.stages else "has no stages"}. Give the '
                          'length as a number.')
    return stage_starts(method.stages, False, epoch_length, where)[-1]


def schedule_problems(phases: Sequence[Phase], stages: Sequence[Stage]) -> list[str]:
    """What is wrong with phases and stages that do not fit together; a mistake of the method's author."""
    names = [stage.name for stage in stages]
    units = {unit for stage in stages for unit in ('iters', 'epochs') if getattr(stage, unit) is not None}
    problems = []
    if len(set(names)) < len(names):
        problems.append(f'stages: each needs a name of its own, found {names}.')
    if len(units) > 1:
        problems.append('stages: lengths in iterations or in epochs, found both.')
    if open_ones := [stage.name for stage in stages[:-1] if stage.length is None]:
        problems.append(f'stages: only the last one may have no length, but {open_ones[0]!r} has none.')
    for phase in phases:
        problems += [f'phase {phase.name}: no stage is called {name!r}, only {names}.'
                     for name in phase.stages if name not in names]
        if phase.times < 1:
            problems.append(f'phase {phase.name}: expected times >= 1, found {phase.times}.')
    return problems


def network_of(path: str) -> str:
    """``'G'`` for ``'G.enhancer'``."""
    return path.partition('.')[0]


def is_within(path: str, others: Sequence[str]) -> bool:
    """Whether a network or part is one of ``others`` or within one of them."""
    return any(path == other or path.startswith(f'{other}.') for other in others)
