"""The whole-config check: every mistake of a config at once, with its path and the nearest name, before anything is built."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner as MMEngineRunner

from ..errors import ConfigError, did_you_mean
from ..methods.base import Method
from ..registry import (
    DATA_SAMPLERS,
    DATASETS,
    FUNCTIONS,
    HOOKS,
    LOOPS,
    METHODS,
    METRICS,
    NORMS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    VISBACKENDS,
    VISUALIZERS,
    check_arguments,
    find,
    known_names,
    registries_of,
)
from .optim import KEYS as OPTIMIZER_KEYS
from .runner import DEFAULT_HOOKS

REQUIRED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
SETTINGS = {'data_root', 'custom_imports', 'compile', 'find_unused_parameters', 'sync_bn', 'model_wrapper_cfg',
            'activation_checkpointing', 'efficient_conv_bn_eval'}
TOP_LEVEL = SETTINGS | set(inspect.signature(MMEngineRunner.__init__).parameters) - {'self', 'cfg'}
LOADER_KEYS = {'dataset', 'sampler', 'batch_sampler', 'batch_size', 'num_workers', 'collate_fn', 'persistent_workers',
               'pin_memory', 'prefetch_factor', 'drop_last', 'timeout', 'worker_init_fn', 'multiprocessing_context',
               'num_batch_per_epoch'}
# Arguments that no config gives: the builder of the part supplies them.
GIVEN = {
    NORMS.name: ('channels',),
    OPTIMIZERS.name: ('params',),
    PARAM_SCHEDULERS.name: ('optimizer', 'epoch_length', 'param_name'),
    DATA_SAMPLERS.name: ('dataset', 'seed'),
    FUNCTIONS.name: ('samples', 'data_batch'),
    LOOPS.name: ('runner', 'dataloader', 'evaluator'),
}


def check_config(cfg: Config) -> list[str]:
    """All mistakes of a completed config; an empty list when it is well formed.

    Names that start with an underscore are the config's own variables and are not checked.
    """
    problems = [*_imports(cfg)]
    if problems:
        return problems
    problems += [f'{key}: unknown top-level key.{did_you_mean(key, TOP_LEVEL)}' for key in cfg
                 if key not in TOP_LEVEL and not key.startswith('_')]
    problems += [f'{key}: required and missing.' for key in REQUIRED if cfg.get(key) is None]
    for check in (_model, _optimizers, _schedules, _loaders, _loops, _hooks, _evaluators, _visualizer):
        problems += check(cfg)
    return problems


def _imports(cfg: Config) -> Iterator[str]:
    imports = cfg.get('custom_imports') or {}
    for name in imports.get('imports', ()):
        try:
            importlib.import_module(name)
        except ImportError as error:
            yield (f'custom_imports: cannot import {name!r}: {error}. Is its folder on PYTHONPATH? '
                   f'Type: PYTHONPATH=folder python tools/train.py ...')


def _part(cfg: Any, registry: Registry, where: str) -> Iterator[str]:
    """Mistakes of one ``dict(type=...)`` and of all configs within its arguments."""
    if not isinstance(cfg, Mapping):
        yield f'{where}: expected dict(type=...) of a {registry.name}, found {cfg!r}.'
        return
    args = dict(cfg)
    if 'type' not in args:
        yield f"{where}: 'type' is missing, found {sorted(args)}.{did_you_mean('', known_names(registry))}"
        return
    try:
        cls = find(registry, args.pop('type'), where)
    except ConfigError as error:
        yield str(error)
        return
    args.pop('_scope_', None)
    yield from check_arguments(cls, args, where, GIVEN.get(registry.name, ()))
    for name, inner in registries_of(cls).items():
        if args.get(name) is None:
            continue
        if isinstance(args[name], (list, tuple)):
            for i, item in enumerate(args[name]):
                yield from _part(item, inner, f'{where}.{name}.{i}')
        else:
            yield from _part(args[name], inner, f'{where}.{name}')


def _model(cfg: Config) -> Iterator[str]:
    if cfg.get('model') is not None:
        yield from _part(cfg.model, METHODS, 'model')


def _method(cfg: Config) -> type[Method] | None:
    try:
        cls = find(METHODS, cfg.model['type'], 'model')
    except (ConfigError, KeyError, TypeError):
        return None
    return cls if inspect.isclass(cls) and issubclass(cls, Method) else None


def _optimizers(cfg: Config) -> Iterator[str]:
    wrapper, method = cfg.get('optim_wrapper'), _method(cfg)
    if not isinstance(wrapper, Mapping) or method is None or 'constructor' in wrapper:
        return
    keys = {phase.optimizer for phase in method.schedule}
    for key in keys - set(wrapper):
        yield f'optim_wrapper.{key}: {method.__name__} updates with this optimiser and it is missing.'
    for key, part in wrapper.items():
        if key == 'amp':
            continue
        if key not in keys:
            yield f'optim_wrapper.{key}: {method.__name__} has no such phase.{did_you_mean(key, keys | {"amp"})}'
        elif not isinstance(part, Mapping):
            yield f'optim_wrapper.{key}: expected dict(nets=..., optimizer=...), found {part!r}.'
        else:
            yield from _optimizer(part, method, f'optim_wrapper.{key}')


def _optimizer(part: Mapping[str, Any], method: type[Method], where: str) -> Iterator[str]:
    networks = method.network_names()
    for key in part:
        if key not in OPTIMIZER_KEYS:
            yield f'{where}.{key}: unknown.{did_you_mean(key, OPTIMIZER_KEYS)}'
    for key in ('nets', 'optimizer'):
        if key not in part:
            yield f'{where}.{key}: required and missing.'
    nets = part.get('nets', ())
    for name in (nets,) if isinstance(nets, str) else nets:
        if name not in networks:
            yield f'{where}.nets: {method.__name__} has no network {name!r}.{did_you_mean(name, networks)}'
    for name in part.get('lr_mult') or ():
        if name not in networks:
            yield f'{where}.lr_mult: {method.__name__} has no network {name!r}.{did_you_mean(name, networks)}'
    if 'optimizer' in part:
        yield from _part(part['optimizer'], OPTIMIZERS, f'{where}.optimizer')


def _schedules(cfg: Config) -> Iterator[str]:
    schedules = cfg.get('param_scheduler')
    if schedules is None:
        return
    groups = {'': schedules}
    if isinstance(schedules, Mapping) and 'type' not in schedules:
        groups = schedules
        known = [key for key in cfg.get('optim_wrapper') or () if key != 'amp']
        for key in groups:
            if key not in known:
                yield f'param_scheduler.{key}: there is no such optimiser.{did_you_mean(key, known)}'
        for key in known:
            if key not in groups:
                yield f'param_scheduler.{key}: missing; each optimiser needs one when they are given by name ([] for none).'
    for key, group in groups.items():
        where = f'param_scheduler.{key}' if key else 'param_scheduler'
        for i, schedule in enumerate(group if isinstance(group, (list, tuple)) else [group]):
            at = f'{where}.{i}' if isinstance(group, (list, tuple)) else where
            yield from _part(schedule, PARAM_SCHEDULERS, at)


def _loaders(cfg: Config) -> Iterator[str]:
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(key)
        if loader is None or (key == 'test_dataloader' and loader == cfg.get('val_dataloader')):
            continue
        if not isinstance(loader, Mapping):
            yield f'{key}: expected dict(dataset=..., batch_size=...), found {loader!r}.'
            continue
        for name in loader:
            if name not in LOADER_KEYS:
                yield f'{key}.{name}: unknown.{did_you_mean(name, LOADER_KEYS)}'
        for name, least in (('batch_size', 1), ('num_workers', 0)):
            value = loader.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                yield f'{key}.{name}: expected a whole number >= {least}, found {value!r}.'
        if 'dataset' not in loader:
            yield f'{key}.dataset: required and missing.'
        else:
            yield from _part(loader['dataset'], DATASETS, f'{key}.dataset')
        yield from _part(loader['sampler'], DATA_SAMPLERS, f'{key}.sampler')
        yield from _part(loader['collate_fn'], FUNCTIONS, f'{key}.collate_fn')


def _loops(cfg: Config) -> Iterator[str]:
    for key, default in (('train_cfg', 'TrainLoop'), ('val_cfg', 'ValLoop'), ('test_cfg', 'TestLoop')):
        loop = cfg.get(key)
        if loop is not None:
            yield from _part({'type': default, **loop} if isinstance(loop, Mapping) else loop, LOOPS, key)
    train = cfg.get('train_cfg')
    if isinstance(train, Mapping) and ('max_iters' in train) == ('max_epochs' in train):
        yield f'train_cfg: give exactly one of max_iters and max_epochs, found {dict(train)}.'


def _hooks(cfg: Config) -> Iterator[str]:
    defaults = cfg.get('default_hooks') or {}
    for name, hook in defaults.items():
        if name not in DEFAULT_HOOKS:
            yield f'default_hooks.{name}: unknown (further hooks go to custom_hooks).{did_you_mean(name, DEFAULT_HOOKS)}'
        elif hook is not None:
            yield from _hook(hook, f'default_hooks.{name}')
    for i, hook in enumerate(cfg.get('custom_hooks') or ()):
        yield from _hook(hook, f'custom_hooks.{i}')


def _hook(hook: Any, where: str) -> Iterator[str]:
    if isinstance(hook, Mapping):
        hook = {k: v for k, v in hook.items() if k != 'priority'}
    yield from _part(hook, HOOKS, where)


def _evaluators(cfg: Config) -> Iterator[str]:
    for stage in ('val', 'test'):
        metrics, key = cfg.get(f'{stage}_evaluator'), f'{stage}_evaluator'
        if metrics is None:
            if cfg.get(f'{stage}_dataloader') is not None:
                yield f'{key}: required by {stage}_dataloader and missing ([] shows samples without scores).'
            continue
        if stage == 'test' and metrics == cfg.get('val_evaluator'):
            continue
        for i, metric in enumerate(metrics if isinstance(metrics, (list, tuple)) else [metrics]):
            yield from _part(metric, METRICS, f'{key}.{i}' if isinstance(metrics, (list, tuple)) else key)


def _visualizer(cfg: Config) -> Iterator[str]:
    visualizer = cfg.get('visualizer')
    if visualizer is not None:
        yield from _part(visualizer, VISUALIZERS, 'visualizer')
        for i, backend in enumerate(visualizer.get('vis_backends') or ()):
            yield from _part(backend, VISBACKENDS, f'visualizer.vis_backends.{i}')

