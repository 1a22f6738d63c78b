"""Learning rate schedules beyond MMEngine's (``StepLR``, ``CosineAnnealingLR``, ... work too)."""

from __future__ import annotations

import bisect
import copy
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from torch.optim import Optimizer

from ..errors import ConfigError
from ..methods.schedule import Stage, stage_starts
from ..registry import PARAM_SCHEDULERS, Between, Count, Natural, Schedule, find, parameters
from .state import unwrap


class ClosedFormLR(_ParamScheduler):
    """A rate that depends on the finished epochs or iterations alone, and never rises.

    Args:
        optimizer: set by the Runner.
        off_by_one: the authors' code steps at the *start* of an epoch (iteration), so that each change comes one early.
        by_epoch: step after each epoch, else after each iteration.
    """

    def __init__(self, optimizer: Any, off_by_one: bool = False, by_epoch: bool = True, begin: Natural = 0,
                 end: Count = 10**9, last_step: Literal[-1] = -1, verbose: bool = False) -> None:
        self.off_by_one = off_by_one
        super().__init__(optimizer, 'lr', begin, end, last_step, by_epoch, verbose)

    def factor(self, done: int) -> float:
        """The rate after ``done`` epochs (iterations) / that at the start."""
        raise NotImplementedError

    def _get_value(self) -> list[float]:
        return [base * self.factor(self.last_step + self.off_by_one) for base in self.base_values]


@PARAM_SCHEDULERS.register_module()
class LinearDecayLR(ClosedFormLR):
    """Constant, then linear to zero: the schedule of Zhu et al. 2017 and Isola et al. 2017.

    With ``s`` finished epochs (or iterations) the rate is ``lr * (1 - max(0, s + 1 - constant) / (decay + 1))``: epochs
    1 to ``constant`` use the full rate, the last of the ``decay`` epochs ``lr / (decay + 1)``.

    Args:
        optimizer: set by the Runner.
        constant: epochs (iterations with ``by_epoch=False``) at the full rate.
        decay: epochs (iterations) of decay.
        off_by_one: what the authors' PyTorch code does since July 2020: it steps at the *start* of an epoch, so that
            the decay begins one epoch early and the last epoch trains with a rate of 0.
        by_epoch: step after each epoch, else after each iteration.
    """

    def __init__(self, optimizer: Any, constant: Natural, decay: Count, off_by_one: bool = False, by_epoch: bool = True,
                 begin: Natural = 0, end: Count = 10**9, last_step: Literal[-1] = -1, verbose: bool = False) -> None:
        self.constant, self.decay = constant, decay
        super().__init__(optimizer, off_by_one, by_epoch, begin, end, last_step, verbose)

    def factor(self, done: int) -> float:
        return max(0.0, 1.0 - max(0, done + 1 - self.constant) / float(self.decay + 1))


@PARAM_SCHEDULERS.register_module()
class StepDecayLR(ClosedFormLR):
    """Times ``gamma`` after every so many iterations: the schedule of Huang et al. 2018.

    Args:
        optimizer: set by the Runner.
        every: iterations (epochs with ``by_epoch=True``) with the same rate.
        gamma: factor of each change.
        off_by_one: what their code does: it steps at the *start* of an iteration, so that each change comes one
            iteration early, the first in iteration number ``every`` itself.
        by_epoch: step after each epoch, else after each iteration.
    """

    def __init__(self, optimizer: Any, every: Count, gamma: Annotated[float, Between(0, 1, '(]')] = 0.5,
                 off_by_one: bool = False, by_epoch: bool = False, begin: Natural = 0, end: Count = 10**9,
                 last_step: Literal[-1] = -1, verbose: bool = False) -> None:
        self.every, self.gamma = every, gamma
        super().__init__(optimizer, off_by_one, by_epoch, begin, end, last_step, verbose)

    def factor(self, done: int) -> float:
        return self.gamma ** (done // self.every)


@PARAM_SCHEDULERS.register_module()
class EachStage(_ParamScheduler):
    """Another schedule, which starts again from its beginning with each stage of the method.

    ``dict(type='EachStage', by_epoch=False, schedule=dict(type='MultiStepLR', milestones=[1600], gamma=0.1))``.

    Args:
        optimizer: set by the Runner.
        schedule: config of the schedule.
        by_epoch: step after each epoch, else after each iteration.
        end: set by the Runner; the stages say when a schedule ends.

    Raises:
        ConfigError: the schedule looks at scores, which know no stages.
    """

    def __init__(self, optimizer: Any, schedule: Schedule, by_epoch: bool = True, end: Count = 10**9) -> None:
        arguments = {**schedule, 'by_epoch': by_epoch}
        cls = find(PARAM_SCHEDULERS, arguments.pop('type'), 'param_scheduler.schedule')
        self.schedule: _ParamScheduler = cls(optimizer, **arguments)
        if getattr(self.schedule, 'need_val_args', False):
            raise ConfigError(f'param_scheduler.schedule: {schedule["type"]} looks at scores, and cannot start again.')
        self.by_epoch, self.begin, self.end, self.verbose = by_epoch, 0, end, False
        self.last_step = 0
        self.starts: frozenset[int] = frozenset()

    def tell_stages(self, stages: Sequence[Stage], epoch_length: int) -> None:
        """The stages of the method, before the first step."""
        self.starts = frozenset(stage_starts(stages, self.by_epoch, epoch_length, 'param_scheduler: EachStage'))

    def step(self) -> None:
        self.last_step += 1
        if self.last_step in self.starts:
            start_again(self.schedule)
        else:
            self.schedule.step()

    @property
    def optimizer(self) -> Any:
        return self.schedule.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        self.schedule.optimizer = optimizer

    @property
    def base_values(self) -> list[float]:
        return self.schedule.base_values

    @base_values.setter
    def base_values(self, values: list[float]) -> None:
        self.schedule.base_values = values

    def state_dict(self) -> dict[str, Any]:
        return {'last_step': self.last_step, 'schedule': scheduler_state(self.schedule)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.last_step = state_dict['last_step']
        self.schedule.load_state_dict(state_dict['schedule'])

    def __copy__(self) -> EachStage:
        twin = object.__new__(type(self))
        vars(twin).update(vars(self), schedule=copy.copy(self.schedule))
        return twin


def with_units(cfg: Any) -> Any:
    """Configs of schedules that say ``by_epoch``, by the default of their class: where a config does not say it,
    MMEngine takes epochs for granted, and ends a schedule of iterations after as many as the run has epochs."""
    if isinstance(cfg, Mapping) and 'type' in cfg:
        known, _ = parameters(find(PARAM_SCHEDULERS, cfg['type'], 'param_scheduler'))
        own = known['by_epoch'].default if 'by_epoch' in known else True
        return {'by_epoch': own, **cfg}
    if isinstance(cfg, Mapping):
        return {key: with_units(value) for key, value in cfg.items()}
    return [with_units(value) for value in cfg] if isinstance(cfg, (list, tuple)) else cfg


def start(runner: Any) -> None:
    """What newly built schedules of a run must know and MMEngine does not tell them."""
    for schedule in itertools.chain(*runner.param_schedulers.values()):
        if isinstance(schedule, EachStage):
            schedule.tell_stages(unwrap(runner.model).stages, runner.train_loop.epoch_length)
    for wrapper in runner.optim_wrapper.values():
        wrapper._global_step = 0  # no warning of a network that is updated every n-th iteration only


def start_again(schedule: _ParamScheduler) -> None:
    """Bring a schedule, and the settings that it gives, to where its constructor left them."""
    for group, value in zip(schedule.optimizer.param_groups, schedule.base_values, strict=True):
        group[schedule.param_name] = value
    schedule.last_step = schedule._global_step = -1
    schedule.step()


def follow(schedules: Sequence[_ParamScheduler], iterations: int, epochs: int) -> None:
    """Bring newly built schedules, and the settings that they give, to where they are after so long a training.

    They step in turn, as in a training: each goes on from the rate that the others left.
    """
    by_epoch = [schedule.by_epoch for schedule in schedules]
    length = iterations / epochs if epochs and not all(by_epoch) else 1  # of an epoch
    done = 0
    for iteration in range(1, (epochs if all(by_epoch) else iterations) + 1):
        ends = done < epochs and iteration >= round((done + 1) * length)
        done += ends
        for schedule in schedules:
            if ends or not schedule.by_epoch:
                schedule.step()


def idle_updates(runner: Any) -> Iterator[str]:
    """A line about each optimiser whose learning rate is 0 for the rest of a run, from some iteration on."""
    loop = runner.train_loop
    for key, wrapper in runner.optim_wrapper.items():
        last = _last_that_trains(wrapper.optimizer, (runner.param_schedulers or {}).get(key, ()), loop)
        if last < loop.max_iters:
            shorter = (f'max_epochs={math.ceil(last / loop.epoch_length)}' if loop.by_epoch else f'max_iters={last}')
            yield (f'the learning rate of {key} is 0 from iteration {last + 1} on: {loop.max_iters - last} of '
                   f'{loop.max_iters} iterations train nothing with it. Lengthen param_scheduler or raise '
                   f'optim_wrapper.{key}.optimizer.lr' + (f', or type train_cfg.{shorter}' if last else ''))


def _last_that_trains(optimizer: Optimizer, schedules: Sequence[_ParamScheduler], loop: Any) -> int:
    """The last iteration of a run in which the learning rate of ``optimizer`` is not 0; nothing is changed."""
    if not schedules:
        return loop.max_iters if any(group['lr'] for group in optimizer.param_groups) else loop.iter
    if len(schedules) == 1 and isinstance(schedules[0], ClosedFormLR) and not schedules[0].begin:
        return _found_last(schedules[0], loop)
    return _stepped_to_last(optimizer, schedules, loop)


def _found_last(schedule: ClosedFormLR, loop: Any) -> int:
    """Without the steps, of which a run may have a million: its rate depends on their number alone and never rises."""
    def is_idle(done: int) -> bool:
        there = copy.copy(schedule)
        steps = (loop.epoch_iter + done) // loop.epoch_length if schedule.by_epoch else done
        there.last_step = min(schedule.last_step + steps, schedule.end - 1)
        return not any(there._get_value())
    return loop.iter + bisect.bisect_left(range(loop.max_iters - loop.iter), True, key=is_idle)


def _stepped_to_last(optimizer: Optimizer, schedules: Sequence[_ParamScheduler], loop: Any) -> int:
    """Of schedules of any kind."""
    groups = [{**group} for group in optimizer.param_groups]
    stand_in: Any = SimpleNamespace(param_groups=groups, step=SimpleNamespace(_with_counter=True), _global_step=0)
    copies = [copy.copy(schedule) for schedule in schedules]
    for schedule in copies:
        schedule.optimizer, schedule.verbose = stand_in, False
    last, epoch_iter = loop.iter, loop.epoch_iter
    for iteration in range(loop.iter + 1, loop.max_iters + 1):
        if any(group['lr'] for group in groups):
            last = iteration
        epoch_iter = (epoch_iter + 1) % loop.epoch_length
        for schedule in copies:
            if not schedule.by_epoch or not epoch_iter:
                schedule.step()
    return last


PROGRESS = ('last_step', 'schedule', '_global_step', '_last_value', 'best', 'num_bad_epochs', 'cooldown_counter')


def scheduler_state(scheduler: _ParamScheduler) -> dict[str, Any]:
    """How far a schedule is, without its settings: a resumed run with a longer plan follows the new plan."""
    return {key: value for key, value in scheduler.state_dict().items() if key in PROGRESS}
