"""Check of what trains: optimisers, their schedules, loops and data loaders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import ConfigDict

from ..errors import ConfigError, did_you_mean, shown
from ..methods.base import Method
from ..methods.schedule import Phase, network_of
from ..registry import (
    DATA_SAMPLERS,
    DATASETS,
    FUNCTIONS,
    LOOPS,
    METHODS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    check_arguments,
    find,
)
from .check_parts import part_problems
from .optim import PhaseOptimizer, clipping_problems
from .sections import LOADERS, PhaseEntry, section_problems


def accumulation_problems(cfg: ConfigDict) -> Iterator[str]:
    model, loader = cfg.get('model'), cfg.get('train_dataloader')
    if isinstance(model, Mapping) and isinstance(loader, Mapping):
        parts, batch = model.get('accumulate', 1), loader.get('batch_size')
        if isinstance(parts, int) and isinstance(batch, int) and parts > 0 and batch % parts:
            yield (f'model.accumulate: a batch of {batch} cannot be split into {parts} equal parts; choose '
                   f'train_dataloader.batch_size as a multiple of {parts}.')


def _method(cfg: ConfigDict, draft: Method | None) -> tuple[str, Sequence[Phase], Sequence[str]] | None:
    """Name, schedule and networks of the method; where the config has mistakes, as far as its class tells: some methods
    make their schedule from their arguments."""
    if draft is not None:
        return type(draft).__name__, draft.schedule, draft.network_names()
    try:
        cls = find(METHODS, cfg.model['type'], 'model')
    except (ConfigError, KeyError, TypeError, AttributeError):
        return None
    known = issubclass(cls, Method) and cls.schedule
    return (cls.__name__, cls.schedule, cls.network_arguments()) if known else None


def optimizer_problems(cfg: ConfigDict, draft: Method | None) -> Iterator[str]:
    wrapper, method = cfg.get('optim_wrapper'), _method(cfg, draft)
    if not isinstance(wrapper, Mapping) or method is None:
        return
    name, schedule, networks = method
    yield from check_arguments(PhaseOptimizer, {'amp': wrapper.get('amp')}, 'optim_wrapper', given=('optimizer',))
    if 'constructor' in wrapper:
        if 'amp' in wrapper:
            yield (f"optim_wrapper.amp: has no effect with constructor {wrapper['constructor']!r}. Remove it (on the "
                   'command line: --amp), and let the constructor build wrappers with autocast.')
        return
    trained: dict[str, set[str]] = {}
    for phase in schedule:
        trained.setdefault(phase.optimizer, set()).update(phase.networks)
    keys = trained.keys()
    for key in keys - set(wrapper):
        yield f'optim_wrapper.{key}: {name} updates with this optimiser and it is missing.'
    for key, part in wrapper.items():
        if key == 'amp':
            continue
        if key not in keys:
            yield f'optim_wrapper.{key}: {name} has no such phase.{did_you_mean(key, keys | {"amp"})}'
        elif not isinstance(part, Mapping):
            yield f'optim_wrapper.{key}: expected dict(nets=..., optimizer=...), found {shown(part)}.'
        else:
            yield from _entry_problems(part, name, networks, trained[key], f'optim_wrapper.{key}')
            yield from _part_problems(part.get('lr_mult'), draft, f'optim_wrapper.{key}.lr_mult')


def _entry_problems(part: Mapping[str, Any], method: str, networks: Sequence[str], trained: set[str],
                    where: str) -> Iterator[str]:
    problems = check_arguments(PhaseEntry, part, where, is_section=True)
    yield from problems
    if not any(problem.startswith((f'{where}.nets', f'{where}.lr_mult')) for problem in problems):
        yield from _network_problems(part, method, networks, trained, where)
    if part.get('clip_grad') is not None:
        yield from clipping_problems(part['clip_grad'], f'{where}.clip_grad')
    if 'optimizer' in part:
        yield from part_problems(part['optimizer'], OPTIMIZERS, f'{where}.optimizer')


def _network_problems(part: Mapping[str, Any], method: str, networks: Sequence[str], trained: set[str],
                      where: str) -> Iterator[str]:
    nets = part['nets']
    nets = (nets,) if isinstance(nets, str) else nets
    for name in sorted(trained - set(nets)) if set(nets) <= set(networks) else ():
        yield (f'{where}.nets: {name!r} is missing, so that nothing would train it (to keep a network as it is: '
               f'lr_mult=dict({name}=0)).')
    for i, name in enumerate(nets):
        if name not in networks:
            yield f'{where}.nets: {method} has no network {name!r}.{did_you_mean(name, networks)}'
        elif name in nets[:i]:
            yield f'{where}.nets: {name!r} is there twice.'
    for name in part.get('lr_mult') or ():
        if network_of(name) not in nets:
            yield f'{where}.lr_mult: {name!r} is not among the nets of this optimiser.{did_you_mean(name, nets)}'


def _part_problems(factors: Any, draft: Method | None, where: str) -> Iterator[str]:
    if draft is None or not isinstance(factors, Mapping):
        return
    for path in factors:
        if isinstance(path, str) and '.' in path and network_of(path) in draft.network_names():
            try:
                draft.part(path)
            except ConfigError as error:
                yield f'{where}: {error}'


def schedule_problems(cfg: ConfigDict) -> Iterator[str]:
    schedules = cfg.get('param_scheduler')
    if schedules is None:
        return
    groups: Mapping[str, Any] = {'': schedules}
    if isinstance(schedules, Mapping) and 'type' not in schedules:
        groups = schedules
        wrapper = cfg.get('optim_wrapper')
        known = [key for key in wrapper if key != 'amp'] if isinstance(wrapper, Mapping) else []
        for key in groups:
            if key not in known:
                yield f'param_scheduler.{key}: there is no such optimiser.{did_you_mean(key, known)}'
        for key in known:
            if key not in groups:
                yield (f'param_scheduler.{key}: missing; each optimiser needs one when they are given by name ([] for '
                       'none).')
    for at, schedule in each_schedule(groups):
        yield from _schedule_problems(schedule, at)


def each_schedule(groups: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Place and config of every schedule, in groups by optimiser (by '' for all)."""
    for key, group in groups.items():
        where = f'param_scheduler.{key}' if key else 'param_scheduler'
        if isinstance(group, (list, tuple)):
            yield from ((f'{where}.{i}', schedule) for i, schedule in enumerate(group))
        else:
            yield where, group


def _schedule_problems(schedule: Any, where: str) -> Iterator[str]:
    is_steered = isinstance(schedule, Mapping) and str(schedule.get('type')).startswith('ReduceOnPlateau')
    if is_steered and not schedule.get('by_epoch', True):
        yield (f'{where}.by_epoch: {schedule["type"]} looks at the scores of a validation, so that it steps after '
               'each of them (patience counts validations), whatever the unit of the training. Remove by_epoch.')
        return
    yield from part_problems(schedule, PARAM_SCHEDULERS, where)


def loader_problems(cfg: ConfigDict) -> Iterator[str]:
    for key in LOADERS:
        loader = cfg.get(key)
        if not isinstance(loader, Mapping) or (key == 'test_dataloader' and loader == cfg.get('val_dataloader')):
            continue
        if 'dataset' not in loader:
            hint = (' What is written here is not merged with val_dataloader: give the whole of it, or change '
                    'val_dataloader, which is tested on where test_dataloader is left out.'
                    ) if key == 'test_dataloader' else ''
            yield f'{key}.dataset: required and missing.{hint}'
        problems = [problem for problem in section_problems(cfg, key) if not problem.startswith(f'{key}.dataset: req')]
        yield from problems
        for name, registry in (('dataset', DATASETS), ('sampler', DATA_SAMPLERS), ('collate_fn', FUNCTIONS),
                               ('worker_init_fn', FUNCTIONS)):
            if isinstance(loader.get(name), Mapping):
                yield from part_problems(loader[name], registry, f'{key}.{name}')


def loop_problems(cfg: ConfigDict) -> Iterator[str]:
    for key, default in (('train_cfg', 'TrainLoop'), ('val_cfg', 'ValLoop'), ('test_cfg', 'TestLoop')):
        loop = cfg.get(key)
        if isinstance(loop, Mapping):
            yield from part_problems({'type': default, **loop}, LOOPS, key)
    train = cfg.get('train_cfg')
    if isinstance(train, Mapping) and (train.get('max_iters') is None) == (train.get('max_epochs') is None):
        yield (f'train_cfg: give exactly one of max_iters and max_epochs, found {dict(train)}. To change the unit of a '
               'base config: train_cfg.max_epochs=None train_cfg.max_iters=NUMBER.')
