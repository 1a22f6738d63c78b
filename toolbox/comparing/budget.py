"""One length for configs that were written for different ones: their schedules and stages are stretched with it.

What a config plans in steps is stretched in proportion: a decay that begins halfway begins halfway. It is then counted
in iterations, since a short training may have fewer iterations than the config has epochs. Other numbers of a config
(rates, decays of averages, sizes of pools) are left as they are.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from mmengine.config import Config

from ..data.loader import build_dataset
from ..errors import ConfigError
from ..methods.schedule import Stage
from ..registry import METHODS, PARAM_SCHEDULERS, find, parameters

# Arguments of schedules that are numbers of steps, in MMEngine's classes and ours.
STEPS = ('constant', 'decay', 'every', 'T_max', 'periods', 'milestones', 'total_steps', 'step_size', 'begin', 'end')
FORM = ('begin', 'end')  # where a schedule holds, without saying how fast it goes
VALIDATION = ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader', 'test_evaluator', 'test_cfg')


@dataclass(frozen=True)
class Length:
    """What a config was written for.

    Attributes:
        iters: iterations of its training.
        epoch: iterations of one epoch.
    """

    iters: int
    epoch: int

    def stretch(self, iters: int, by_epoch: bool) -> Fraction:
        """What a number of steps, iterations or epochs, is multiplied with for a training of ``iters`` iterations."""
        return Fraction(iters * (self.epoch if by_epoch else 1), self.iters)


def length_of(cfg: Config) -> Length:
    """The length of a completed config; reads its training set, whose size is that of an epoch.

    Raises:
        ConfigError: the config gives no length that could be changed.
        DataError: the training set cannot be read.
    """
    epoch = math.ceil(len(build_dataset(cfg.train_dataloader.dataset)) / cfg.train_dataloader.batch_size)
    iters, epochs = cfg.train_cfg.get('max_iters'), cfg.train_cfg.get('max_epochs')
    if not isinstance(iters or epochs, int):
        raise ConfigError(f'train_cfg: {dict(cfg.train_cfg)}; a comparison gives every config the same number of '
                          'iterations, and this one has no max_iters=NUMBER or max_epochs=NUMBER that it could change.')
    return Length(iters or epochs * epoch, epoch)


def with_budget(cfg: Config, iters: int, own: Length) -> tuple[Config, list[str]]:
    """The config with ``iters`` iterations, schedules in proportion, no validation; and what was left as it is."""
    cfg = copy.deepcopy(cfg)
    notes: list[str] = []
    rest = {key: value for key, value in cfg.train_cfg.items() if key == 'type'}
    cfg.train_cfg = dict(max_iters=iters, **rest)
    for key in VALIDATION:
        cfg[key] = None
    if iters != own.iters:
        cfg.param_scheduler = stretched(cfg.get('param_scheduler'), iters, own, notes)
        notes += _counters(cfg.model)
    hooks = dict(cfg.get('default_hooks') or {})
    hooks |= dict(checkpoint=dict(type='CheckpointHook', interval=max(1, min(500, iters // 10)), keep=2), samples=None)
    cfg.default_hooks = hooks
    return cfg, notes


def stretched(part: Any, iters: int, own: Length, notes: list[str]) -> Any:
    """``param_scheduler``, whatever its form, for another length; appends to ``notes`` what cannot be stretched."""
    if isinstance(part, (list, tuple)):
        return [stretched(one, iters, own, notes) for one in part]
    if not isinstance(part, Mapping):
        return part
    if 'type' not in part:  # by optimiser
        return {key: stretched(one, iters, own, notes) for key, one in part.items()}
    steps = {key: part[key] for key in STEPS if part.get(key) is not None}
    if not steps.keys() - {*FORM}:
        notes.append(f'param_scheduler: {part["type"]} has no length, and is left as it is')
        return part
    factor = own.stretch(iters, part.get('by_epoch', _counts_epochs(part['type'])))
    rest = {key: value for key, value in part.items() if key != 'convert_to_iter_based'}
    return {**rest, **{key: _times(value, factor) for key, value in steps.items()}, 'by_epoch': False}


def _counts_epochs(kind: Any) -> bool:
    """Whether a schedule counts epochs if its config does not say; MMEngine's do."""
    known = parameters(find(PARAM_SCHEDULERS, kind, 'param_scheduler'))[0].get('by_epoch')
    return known is None or bool(known.default)


def stretched_stages(stages: Sequence[Stage], iters: int, own: Length) -> tuple[Stage, ...]:
    """The stages of a method in proportion, in iterations; as they are where the config keeps its length."""
    if iters == own.iters:
        return tuple(stages)
    return tuple(stage if stage.length is None else replace(
        stage, epochs=None, iters=_times(stage.length, own.stretch(iters, stage.epochs is not None)))
        for stage in stages)


def _times(value: Any, factor: Fraction) -> Any:
    """Rounded up: a decay does not end before the training."""
    if isinstance(value, (list, tuple)):
        return [_times(one, factor) for one in value]
    return value if math.isinf(value) else math.ceil(value * factor)


def _counters(model: Mapping[str, Any]) -> list[str]:
    """Notes about arguments of a method that count iterations or epochs and are no stages."""
    known = parameters(find(METHODS, model['type'], 'model'))[0]
    values = {name: model.get(name, known[name].default) for name in known if re.search('_(iters|epochs)$', name)}
    return [f'model.{name}={value} is left as it is, unless it is the length of a stage'
            for name, value in values.items() if isinstance(value, int) and value]
