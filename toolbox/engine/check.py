"""The whole-config check: every mistake at once, with its path and the nearest name, before any data is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import Registry

from ..errors import ConfigError, did_you_mean
from ..methods.base import Method
from ..methods.schedule import Phase, Stage, schedule_problems
from ..randomness.state import preserve_rng
from ..registry import (
    BACKBONES,
    DATA_SAMPLERS,
    DATASETS,
    DISCRIMINATORS,
    FUNCTIONS,
    HOOKS,
    LOOPS,
    LOSSES,
    METHODS,
    METRICS,
    MODEL_WRAPPERS,
    NORMS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
    build,
    check_arguments,
    find,
    known_names,
    registries_of,
)
from ..registry.trust import foreign_parts
from .facts import name_problems
from .optim import KEYS as OPTIMIZER_KEYS
from .optim import PhaseOptimizer, clipping_problems
from .settings import DEFAULT_HOOKS, TOP_LEVEL, import_custom, wrong_kinds
from .sharding import FullyShard, sharding_problems

REQUIRED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
LOADER_KEYS = {'dataset', 'sampler', 'batch_size', 'num_workers', 'collate_fn', 'persistent_workers',
               'pin_memory', 'prefetch_factor', 'drop_last', 'timeout', 'worker_init_fn', 'multiprocessing_context',
               'num_batch_per_epoch'}
# Arguments that no config gives: the builder of the part supplies them.
GIVEN = {
    NORMS.name: ('channels',),
    OPTIMIZERS.name: ('params',),
    PARAM_SCHEDULERS.name: ('optimizer', 'epoch_length', 'param_name'),
    DATA_SAMPLERS.name: ('dataset', 'seed'),
    FUNCTIONS.name: ('samples', 'data_batch'),
    MODEL_WRAPPERS.name: ('module', 'device_ids'),
    LOOPS.name: ('runner', 'dataloader', 'evaluator'),
}
# Constructors that are cheap and touch nothing outside: tried, so that values they refuse are listed with the rest.
TRIED = {BACKBONES.name, DISCRIMINATORS.name, LOSSES.name, TRANSFORMS.name}


def check_config(cfg: Config) -> list[str]:
    """All mistakes of a completed config; an empty list when it is well formed.

    Names that start with an underscore are the config's own variables and are not checked.
    """
    wrong = list(wrong_kinds(cfg))
    required = [f'{key}: required and missing.' for key in REQUIRED if cfg.get(key) is None]
    cfg = ConfigDict({key: value for key, value in cfg.items() if key not in dict(wrong)})
    problems = [message for _, message in wrong]
    if failed := [*import_custom(cfg)] or foreign_parts(cfg):
        return problems + failed
    problems += required
    problems += [f'{key}: unknown top-level key.{did_you_mean(key, TOP_LEVEL)}' for key in cfg
                 if key not in TOP_LEVEL and not key.startswith('_')]
    found = [*_model(cfg)]
    problems += found
    method, refused = (None, []) if found else _draft(cfg)
    problems += [*refused, *_optimizers(cfg, method)]
    for check in (_accumulation, _schedules, _loaders, _loops, _hooks, _evaluators, _visualizer,
                  _wrapper):
        problems += check(cfg)
    return problems


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
    problems = check_arguments(cls, args, where, GIVEN.get(registry.name, ()))
    inner = {**({'pipeline': TRANSFORMS} if registry is DATASETS else {}), **registries_of(cls)}
    for name in inner.keys() & args.keys():
        several = isinstance(args[name], (list, tuple))
        for i, item in enumerate(args[name] if several else [args[name]]):
            if item is not None:
                problems += _part(item, inner[name], f'{where}.{name}.{i}' if several else f'{where}.{name}')
    if not problems and registry.name in TRIED:
        problems += _tried(dict(args, type=cls), registry, where)[1]
    yield from problems


def _tried(cfg: Mapping[str, Any], registry: Registry, where: str) -> tuple[Any, list[str]]:
    """The part of ``cfg``, built without memory for its weights, or what its constructor has against the values."""
    try:
        with preserve_rng(), torch.device('meta'):
            part = build(dict(cfg), registry, where)
            if isinstance(part, Method):
                part.init_weights()
    except ConfigError as error:
        text = str(error)
        return None, [text if text.startswith(where) else f'{where}: {text}']
    except Exception:  # a plugin that needs real tensors is judged when it is really built
        return None, []
    return part, []


def _model(cfg: ConfigDict) -> Iterator[str]:
    if cfg.get('model') is not None:
        yield from _part(cfg.model, METHODS, 'model')
        yield from name_problems(cfg)


def _accumulation(cfg: ConfigDict) -> Iterator[str]:
    model, loader = cfg.get('model'), cfg.get('train_dataloader')
    if isinstance(model, Mapping) and isinstance(loader, Mapping):
        parts, batch = model.get('accumulate', 1), loader.get('batch_size')
        if isinstance(parts, int) and isinstance(batch, int) and parts > 0 and batch % parts:
            yield (f'model.accumulate: a batch of {batch} cannot be split into {parts} equal parts; choose '
                   f'train_dataloader.batch_size as a multiple of {parts}.')


def _draft(cfg: ConfigDict) -> tuple[Method | None, list[str]]:
    """The method of the config without memory for its weights, and what is wrong with it."""
    if cfg.get('model') is None:
        return None, []
    method, problems = _tried(cfg.model, METHODS, 'model')
    if not isinstance(method, Method):
        return None, problems
    problems += [f'model: {problem}' for problem in schedule_problems(method.schedule, method.stages)]
    owners: tuple[Phase | Stage, ...] = (*method.schedule, *method.stages)
    for path in dict.fromkeys(path for owner in owners for path in owner.paths):
        try:
            method.part(path)
        except ConfigError as error:
            problems.append(f'model: {error}')
    return method, problems


def _method(cfg: ConfigDict, draft: Method | None) -> tuple[str, Sequence[Phase], Sequence[str]] | None:
    """Name, schedule and networks of the method; as far as its class tells where the config has mistakes."""
    if draft is not None:
        return type(draft).__name__, draft.schedule, draft.network_names()
    try:
        cls = find(METHODS, cfg.model['type'], 'model')
    except (ConfigError, KeyError, TypeError):
        return None
    return (cls.__name__, cls.schedule, cls.network_arguments()) if issubclass(cls, Method) else None


def _optimizers(cfg: ConfigDict, draft: Method | None) -> Iterator[str]:
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
            yield f'optim_wrapper.{key}: expected dict(nets=..., optimizer=...), found {part!r}.'
        else:
            yield from _optimizer(part, name, networks, trained[key], f'optim_wrapper.{key}')


def _optimizer(part: Mapping[str, Any], method: str, networks: Sequence[str], trained: set[str],
               where: str) -> Iterator[str]:
    for key in part:
        if key not in OPTIMIZER_KEYS:
            yield f'{where}.{key}: unknown.{did_you_mean(key, OPTIMIZER_KEYS)}'
    for key in ('nets', 'optimizer'):
        if key not in part:
            yield f'{where}.{key}: required and missing.'
    nets = part.get('nets', ())
    if not isinstance(nets, (str, list, tuple)):
        yield f'{where}.nets: expected names of networks, found {nets!r}.'
        nets = ()
    nets = (nets,) if isinstance(nets, str) else nets
    for name in sorted(trained - set(nets)) if set(nets) <= set(networks) else ():
        yield (f'{where}.nets: {name!r} is missing, so that nothing would train it (to keep a network as it is: '
               f'lr_mult=dict({name}=0)).')
    for name in nets:
        if name not in networks:
            yield f'{where}.nets: {method} has no network {name!r}.{did_you_mean(name, networks)}'
    multipliers = part.get('lr_mult') or {}
    if not isinstance(multipliers, Mapping):
        yield f'{where}.lr_mult: expected dict(NETWORK=FACTOR), found {multipliers!r}.'
        multipliers = {}
    for name in multipliers:
        if name not in nets:
            yield f'{where}.lr_mult: {name!r} is not among the nets of this optimiser.{did_you_mean(name, nets)}'
    if part.get('clip_grad') is not None:
        yield from clipping_problems(part['clip_grad'], f'{where}.clip_grad')
    if 'optimizer' in part:
        yield from _part(part['optimizer'], OPTIMIZERS, f'{where}.optimizer')


def _schedules(cfg: ConfigDict) -> Iterator[str]:
    schedules = cfg.get('param_scheduler')
    if schedules is None:
        return
    groups: Mapping[str, Any] = {'': schedules}
    if isinstance(schedules, Mapping) and 'type' not in schedules:
        groups = schedules
        known = [key for key in cfg.get('optim_wrapper') or () if key != 'amp']
        for key in groups:
            if key not in known:
                yield f'param_scheduler.{key}: there is no such optimiser.{did_you_mean(key, known)}'
        for key in known:
            if key not in groups:
                yield (f'param_scheduler.{key}: missing; each optimiser needs one when they are given by name ([] for '
                       'none).')
    for key, group in groups.items():
        where = f'param_scheduler.{key}' if key else 'param_scheduler'
        for i, schedule in enumerate(group if isinstance(group, (list, tuple)) else [group]):
            at = f'{where}.{i}' if isinstance(group, (list, tuple)) else where
            yield from _part(schedule, PARAM_SCHEDULERS, at)


def _loaders(cfg: ConfigDict) -> Iterator[str]:
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


def _loops(cfg: ConfigDict) -> Iterator[str]:
    for key, default in (('train_cfg', 'TrainLoop'), ('val_cfg', 'ValLoop'), ('test_cfg', 'TestLoop')):
        loop = cfg.get(key)
        if loop is not None:
            yield from _part({'type': default, **loop} if isinstance(loop, Mapping) else loop, LOOPS, key)
    train = cfg.get('train_cfg')
    if isinstance(train, Mapping) and (train.get('max_iters') is None) == (train.get('max_epochs') is None):
        yield (f'train_cfg: give exactly one of max_iters and max_epochs, found {dict(train)}. To change the unit of a '
               'base config: train_cfg.max_epochs=None train_cfg.max_iters=NUMBER.')
    for key in ('max_iters', 'max_epochs'):
        if isinstance(train, Mapping) and isinstance(length := train.get(key), int) and length < 1:
            yield f'train_cfg.{key}: expected a whole number >= 1, found {length!r}.'


def _hooks(cfg: ConfigDict) -> Iterator[str]:
    defaults = cfg.get('default_hooks') or {}
    for name, hook in defaults.items():
        if name not in DEFAULT_HOOKS:
            yield (f'default_hooks.{name}: unknown (further hooks go to custom_hooks).'
                   f'{did_you_mean(name, DEFAULT_HOOKS)}')
        elif hook is not None:
            yield from _hook(hook, f'default_hooks.{name}')
    for i, hook in enumerate(cfg.get('custom_hooks') or ()):
        yield from _hook(hook, f'custom_hooks.{i}')


def _hook(hook: Any, where: str) -> Iterator[str]:
    if isinstance(hook, Mapping):
        hook = {k: v for k, v in hook.items() if k != 'priority'}
    yield from _part(hook, HOOKS, where)


def _evaluators(cfg: ConfigDict) -> Iterator[str]:
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


def _visualizer(cfg: ConfigDict) -> Iterator[str]:
    visualizer = cfg.get('visualizer')
    if visualizer is not None:
        yield from _part(visualizer, VISUALIZERS, 'visualizer')
        for i, backend in enumerate(visualizer.get('vis_backends') or ()):
            yield from _part(backend, VISBACKENDS, f'visualizer.vis_backends.{i}')


def _wrapper(cfg: ConfigDict) -> Iterator[str]:
    wrapper = cfg.get('model_wrapper_cfg')
    if wrapper is not None:
        yield from _part(wrapper, MODEL_WRAPPERS, 'model_wrapper_cfg')
        if wrapper.get('type') == FullyShard.__name__:
            yield from sharding_problems(cfg)
