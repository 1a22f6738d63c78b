"""Check of one part of a config, ``dict(type=...)``: its name, its arguments, the parts within it, a trial."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.registry import Registry
from mmengine.runner.priority import get_priority
from torch import nn
from torch.nn.modules import module as torch_modules

from ..errors import ConfigError, did_you_mean, shown
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
    takes_several,
)
from .habits import other_argument

# Arguments that no config gives: the builder of the part supplies them.
GIVEN = {
    NORMS.name: ('channels', 'cond_channels'),
    OPTIMIZERS.name: ('params',),
    PARAM_SCHEDULERS.name: ('optimizer', 'epoch_length', 'param_name'),
    DATA_SAMPLERS.name: ('dataset', 'seed'),
    FUNCTIONS.name: ('samples', 'data_batch'),
    MODEL_WRAPPERS.name: ('module', 'device_ids'),
    LOOPS.name: ('runner', 'dataloader', 'evaluator'),
    VISUALIZERS.name: ('name', 'save_dir'),
    VISBACKENDS.name: ('save_dir',),
}
# Constructors that are cheap and touch nothing outside: tried, so that values they refuse are listed with the rest.
ON_META = {METHODS.name, BACKBONES.name, DISCRIMINATORS.name, LOSSES.name, TRANSFORMS.name}
TRIED = ON_META - {METHODS.name} | {OPTIMIZERS.name, PARAM_SCHEDULERS.name}
TRIED_OF_OURS = {HOOKS.name, METRICS.name, VISBACKENDS.name}  # those of plugins may open files
OURS = ('toolbox.', 'mmengine.', 'torch.')
MOST_TENSORS = 5_000  # of a network; far more than any has


def part_problems(cfg: Any, registry: Registry, where: str) -> Iterator[str]:
    """Mistakes of one ``dict(type=...)`` and of all configs within its arguments."""
    if not isinstance(cfg, Mapping):
        yield f'{where}: expected dict(type=...) of a {registry.name}, found {shown(cfg)}.'
        return
    args = dict(cfg)
    if 'type' not in args:
        yield (f"{where}: 'type' is missing, found {sorted(map(str, args))}."
               f'{did_you_mean("", known_names(registry))}')
        return
    try:
        cls = find(registry, args.pop('type'), where)
    except ConfigError as error:
        yield str(error)
        return
    args.pop('_scope_', None)
    problems = [_in_our_words(problem, cls, where)
                for problem in check_arguments(cls, args, where, GIVEN.get(registry.name, ()))]
    problems += [*_inner_problems(cls, args, registry, where)]
    if not problems and _is_tried(cls, registry):
        problems += tried(dict(args, type=cls), registry, where)[1]
    yield from problems


def _in_our_words(problem: str, cls: Callable[..., Any], where: str) -> str:
    """The message about an argument that another family of configs has, with what is written here."""
    argument = problem.removeprefix(f'{where}.').partition(':')[0]
    word = other_argument(getattr(cls, '__name__', ''), argument)
    return f'{where}.{argument}: {word}' if word else problem


def _inner_problems(cls: Callable[..., Any], args: Mapping[str, Any], registry: Registry, where: str) -> Iterator[str]:
    inner = {**({'pipeline': TRANSFORMS} if registry is DATASETS else {}), **registries_of(cls)}
    for name in inner.keys() & args.keys():
        value, at = args[name], f'{where}.{name}'
        if isinstance(value, (list, tuple)) and (name == 'pipeline' or takes_several(cls, name)):
            for i, item in enumerate(value):
                yield from part_problems(item, inner[name], f'{at}.{i}')
        elif value is not None:
            yield from part_problems(value, inner[name], at)


def hook_problems(hook: Any, where: str) -> Iterator[str]:
    if isinstance(hook, Mapping) and 'priority' in hook:
        try:
            get_priority(hook['priority'])
        except (TypeError, ValueError, KeyError):
            yield f"{where}.priority: expected a name such as 'NORMAL' or 0 to 100, found {shown(hook['priority'])}."
        hook = {k: v for k, v in hook.items() if k != 'priority'}
    yield from part_problems(hook, HOOKS, where)


def _is_tried(cls: Callable[..., Any], registry: Registry) -> bool:
    return registry.name in TRIED or (registry.name in TRIED_OF_OURS and _is_ours(cls))


def _is_ours(cls: Any) -> bool:
    return getattr(cls, '__module__', '').startswith(OURS)


def tried(cfg: Mapping[str, Any], registry: Registry, where: str) -> tuple[Any, list[str]]:
    """The part of ``cfg``, built without memory for its weights, or what its constructor has against the values.

    Data sets that it has of its own are left out: a config can be checked where its images are not.
    """
    cfg = _without_data(cfg, registry, where)
    make = {OPTIMIZERS.name: _try_optimizer, PARAM_SCHEDULERS.name: _try_schedule}.get(registry.name)
    own = {'save_dir': '.'} if registry is VISBACKENDS else {}
    try:
        with preserve_rng(), _weightless(where) if registry.name in ON_META else preserve_rng():
            return make(dict(cfg)) if make else build(dict(cfg), registry, where, **own), []
    except ConfigError as error:
        lines = str(error).split('\n')
        if all(line.startswith(where) for line in lines):
            return None, lines
        return None, [f'{where}: {error}']
    except Exception as error:
        cls = cfg.get('type')
        if not _is_ours(find(registry, cls, where) if isinstance(cls, str) else cls):
            return None, []  # a plugin that needs real tensors is judged when it is really built
        reason = str(error).partition('\n')[0] or type(error).__name__
        return None, [f'{where}: {getattr(cls, "__name__", cls)} rejects its arguments: {reason}']


def _without_data(cfg: Mapping[str, Any], registry: Registry, where: str) -> dict[str, Any]:
    kinds = registries_of(find(registry, cfg['type'], where))
    return {key: value for key, value in cfg.items() if kinds.get(key) is not DATASETS}


@contextmanager
def _weightless(where: str) -> Iterator[None]:
    """Inside, networks take no memory, and ones that no machine could hold are refused as they grow."""
    tensors, size, most, thread = 0, 0, _memory(), threading.get_ident()

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, size
        if parameter is None or threading.get_ident() != thread:
            return
        tensors, size = tensors + 1, size + parameter.numel() * parameter.element_size()
        if tensors > MOST_TENSORS:
            raise ConfigError(f'{where}: has more than {MOST_TENSORS} weight tensors; make it less deep.')
        if size > most:
            raise ConfigError(f'{where}: its weights take more than the {most / 1e9:.0f} GB of this machine; make it '
                              'smaller.')

    handle = torch_modules.register_module_parameter_registration_hook(count)
    try:
        with torch.device('meta'):
            yield
    finally:
        handle.remove()


def _memory() -> int:
    """Bytes of the machine, or of its GPUs where they have more."""
    host = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    devices = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    return max(host, sum(torch.cuda.get_device_properties(i).total_memory for i in devices))


def _dummy() -> list[nn.Parameter]:
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.zeros(2, 2)
    return [weight]


def _try_optimizer(cfg: dict[str, Any]) -> Any:
    """Build it and take a step: some need more than gradients, and say so then."""
    cls = find(OPTIMIZERS, cfg.pop('type'), 'type')
    optimizer = cls(_dummy(), **cfg)
    if not (cfg.get('capturable') or cfg.get('fused')):  # these ask for the device of the training
        optimizer.step()
    return optimizer


def _try_schedule(cfg: dict[str, Any]) -> Any:
    cls = find(PARAM_SCHEDULERS, cfg.pop('type'), 'type')
    by_epoch = cfg.pop('convert_to_iter_based', False) and cfg.get('by_epoch', True)
    optimizer = torch.optim.SGD(_dummy(), lr=1.0, momentum=0.5)
    return cls.build_iter_from_epoch(optimizer, epoch_length=1, **cfg) if by_epoch else cls(optimizer, **cfg)
