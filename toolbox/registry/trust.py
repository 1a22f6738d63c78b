"""Which code a config may name: registered parts, and classes of their kinds in imported modules.

A config file is the user's own code, and the modules of its ``custom_imports`` are imported. The config in a checkpoint
is untrusted data: nothing is imported for it, see :mod:`toolbox.use.load`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.registry import Registry

from ..errors import ConfigError
from . import (
    FUNCTIONS,
    IMPORT_IT,
    MODEL_WRAPPERS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    RUNNERS,
    base_classes,
    find,
    imported,
    not_imported,
)
from . import parts as registries

TRUST_IT = 'If you trust its module, pass --plugins MODULE.'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def foreign_parts(cfg: Mapping[str, Any]) -> list[str]:
    """Messages about everything in a whole config that MMEngine would import or call and that is not a part.

    Names that start with an underscore are the config's own variables.
    """
    return [message for key, value in cfg.items() if not key.startswith('_') for message in foreign_types(value, key)
            ] or [*_unchecked_names(cfg)]


def foreign_types(config: Any, where: str, modules: Sequence[str] | None = None) -> Iterator[str]:
    """Messages about every dotted ``type``, at any depth, that is not a part; nothing is imported or called.

    Args:
        config: dicts, lists and values.
        where: its path, for messages.
        modules: accept only registered classes and those in these modules and below; all when None.
    """
    if isinstance(config, Mapping):
        name = config.get('type')
        if isinstance(name, str) and '.' in name and not _with_scope(name):
            found = imported(name)
            if found is None:
                yield f'{where}.type: {not_imported(name)} {IMPORT_IT if modules is None else TRUST_IT}'
            elif not _is_registered(found) and not (_is_class_of_a_part(found) and _is_below(name, modules)):
                yield f'{where}.type: {name!r} is not a registered part; it was not called.'
        for key, value in config.items():
            yield from foreign_types(value, f'{where}.{key}', modules)
    elif isinstance(config, (list, tuple)):
        for index, value in enumerate(config):
            yield from foreign_types(value, f'{where}.{index}', modules)


def _all_registries() -> Iterator[Registry]:
    for registry in vars(registries).values():
        while isinstance(registry, Registry):
            registry.import_from_location()
            yield registry
            registry = registry.parent


def _with_scope(name: str) -> bool:
    scope, _, rest = name.partition('.')
    return any(registry.scope == scope and rest in registry.module_dict for registry in _all_registries())


def _is_registered(found: Any) -> bool:
    return any(found is part for registry in _all_registries() for part in registry.module_dict.values())


def _is_class_of_a_part(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, tuple(base_classes().values()))


def _is_below(name: str, modules: Sequence[str] | None) -> bool:
    return modules is None or any(name.startswith(f'{module}.') for module in modules)


def _unchecked_names(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Messages about names that MMEngine looks up itself, importing a module of that name."""
    wrapper = cfg.get('optim_wrapper')
    wrapper = wrapper if isinstance(wrapper, Mapping) and 'constructor' in wrapper else {}
    named = [(cfg.get('model_wrapper_cfg'), 'type', MODEL_WRAPPERS, 'model_wrapper_cfg'),
             (wrapper, 'type', OPTIM_WRAPPERS, 'optim_wrapper'),
             (wrapper.get('optimizer'), 'type', OPTIMIZERS, 'optim_wrapper.optimizer'),
             (wrapper, 'constructor', OPTIM_WRAPPER_CONSTRUCTORS, 'optim_wrapper.constructor'),
             (cfg, 'runner_type', RUNNERS, 'runner_type')]
    for key in LOADERS:
        loader = cfg.get(key)
        if isinstance(loader, Mapping):
            named.append((loader.get('worker_init_fn'), 'type', FUNCTIONS, f'{key}.worker_init_fn'))
    for part, key, registry, where in named:
        if isinstance(part, Mapping) and part.get(key) is not None:
            try:
                find(registry, part[key], where)
            except ConfigError as error:
                yield str(error)
