"""Which code a config may name: parts that are registered, and classes of their kinds in modules that are imported.

A config file is the user's own code, and the modules of its ``custom_imports`` are imported. The config in a checkpoint
is somebody's data: nothing is imported for it, see :mod:`toolbox.restore`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.registry import Registry

from . import registry as registries
from .errors import ConfigError
from .registry import (
    DATA_SAMPLERS,
    FUNCTIONS,
    MODEL_WRAPPERS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    RUNNERS,
    base_classes,
    find,
    imported,
    not_imported,
)

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def foreign_parts(cfg: Mapping[str, Any]) -> list[str]:
    """Messages about all that MMEngine would import or call, and that is no part, in a whole config.

    Names that start with an underscore are the config's own variables.
    """
    return [message for key, value in cfg.items() if not key.startswith('_') for message in foreign_types(value, key)
            ] or [*_unchecked_names(cfg)]


def foreign_types(config: Any, where: str) -> Iterator[str]:
    """Messages about every ``type`` with dots, at any depth, that is no part of any kind; nothing is imported or called."""
    if isinstance(config, Mapping):
        name = config.get('type')
        if isinstance(name, str) and '.' in name and not _with_scope(name):
            found = imported(name)
            if found is None:
                yield f'{where}.type: {not_imported(name)}'
            elif not _is_part(found):
                yield f'{where}.type: {name!r} is no part of a training. It is not called.'
        for key, value in config.items():
            yield from foreign_types(value, f'{where}.{key}')
    elif isinstance(config, (list, tuple)):
        for index, value in enumerate(config):
            yield from foreign_types(value, f'{where}.{index}')


def _all_registries() -> Iterator[Registry]:
    for registry in vars(registries).values():
        while isinstance(registry, Registry):
            yield registry
            registry = registry.parent


def _with_scope(name: str) -> bool:
    scope, _, rest = name.partition('.')
    return any(registry.scope == scope and rest in registry.module_dict for registry in _all_registries())


def _is_part(found: Any) -> bool:
    if any(found is part for registry in _all_registries() for part in registry.module_dict.values()):
        return True
    return isinstance(found, type) and issubclass(found, tuple(base_classes().values()))


def _unchecked_names(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Names that MMEngine looks up by itself; it would import a module of that name."""
    named = [(cfg.get('model_wrapper_cfg'), 'type', MODEL_WRAPPERS, 'model_wrapper_cfg'),
             (cfg.get('optim_wrapper'), 'constructor', OPTIM_WRAPPER_CONSTRUCTORS, 'optim_wrapper.constructor'),
             (cfg, 'runner_type', RUNNERS, 'runner_type')]
    for key in LOADERS:
        loader = cfg.get(key)
        if isinstance(loader, Mapping):
            named += [(loader.get('worker_init_fn'), 'type', FUNCTIONS, f'{key}.worker_init_fn'),
                      (loader.get('batch_sampler'), 'type', DATA_SAMPLERS, f'{key}.batch_sampler')]
    for part, key, registry, where in named:
        if isinstance(part, Mapping) and part.get(key) is not None:
            try:
                find(registry, part[key], where)
            except ConfigError as error:
                yield str(error)
