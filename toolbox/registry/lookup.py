"""From the name of a part to its class; looking up a name imports and calls nothing."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.registry import Registry

from ..errors import ConfigError, did_you_mean
from .parts import (
    BACKBONES,
    DATA_SAMPLERS,
    DATASETS,
    DISCRIMINATORS,
    FEATURES,
    HOOKS,
    LOOPS,
    LOSSES,
    METHODS,
    METRICS,
    MODEL_WRAPPERS,
    NORMS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    OWN_KIND,
    PARAM_SCHEDULERS,
    RUNNERS,
    VISBACKENDS,
    VISUALIZERS,
)

IMPORT_IT = "For your own parts, set custom_imports=dict(imports=['MODULE']) in the config."


def known_names(registry: Registry) -> list[str]:
    """Names that can be used as ``type`` in ``registry``, including those of MMEngine's parent."""
    if registry.parent is not None:
        import mmengine.runner  # noqa: F401  (its parts register themselves on import)
    names: set[str] = set()
    for node in _lineage(registry):
        node.import_from_location()
        names |= set(node.module_dict)
    return sorted(names)


def find(registry: Registry, name: Any, where: str) -> Any:
    """The class (or function) registered as ``name``; a class object is returned unchanged.

    A dotted name means a class of the registry's kind in a module that is already imported. A lookup imports nothing
    and accepts nothing but such a class, so that a config cannot call arbitrary code.

    Raises:
        ConfigError: no such part; lists the nearest and all known names.
    """
    if not name or not (isinstance(name, str) or callable(name)):
        raise ConfigError(f'{where}.type: expected the name of a {registry.name}, found {name!r}.')
    registry.import_from_location()
    if name in registry.module_dict:  # as most are; the parts of MMEngine take half a second to import
        return registry.module_dict[name]
    known = known_names(registry)
    if name in known:
        return registry.get(name)
    if isinstance(name, str) and '.' not in name:
        if registry.name in OWN_KIND:
            known = [n for n in known if n in registry.module_dict]
        raise ConfigError(f'{where}.type: unknown {registry.name} {name!r}.{did_you_mean(name, known)}')
    found = (_with_scope(registry, name) or imported(name)) if isinstance(name, str) else name
    if found is None:
        raise ConfigError(f'{where}.type: {not_imported(name)} {IMPORT_IT}')
    if not _is_part(found, registry) and (isinstance(name, str) or registry.name in base_classes()):
        raise ConfigError(f'{where}.type: {name!r} is not a registered {registry.name}; it was not called.')
    return found


def imported(name: str) -> Any:
    """The object of a dotted name if its module is already imported, else None; nothing is imported or called."""
    module, _, attribute = name.rpartition('.')
    outer = sys.modules.get(module) or (imported(module) if '.' in module else None)
    return vars(outer).get(attribute) if isinstance(outer, (types.ModuleType, type)) else None


def not_imported(name: str) -> str:
    """Why :func:`imported` returns None for ``name``."""
    module, _, attribute = name.rpartition('.')
    if module in sys.modules:
        return f'the module {module!r} has no {attribute!r}.'
    return f'{name!r} is not in an imported module, and a dotted name does not import one.'


def _lineage(registry: Registry) -> Iterator[Registry]:
    node: Registry | None = registry
    while node is not None:
        yield node
        node = node.parent


def _with_scope(registry: Registry, name: str) -> Callable[..., Any] | None:
    """``toolbox.Name`` or ``mmengine.Name``."""
    scope, _, rest = name.partition('.')
    return next((node.module_dict[rest] for node in _lineage(registry)
                 if node.scope == scope and rest in node.module_dict), None)


def _is_part(found: Any, registry: Registry) -> bool:
    """Whether ``found`` is registered, or derived from the base class of its kind."""
    if any(found is part for node in _lineage(registry) for part in node.module_dict.values()):
        return True
    return isinstance(found, type) and issubclass(found, base_classes().get(registry.name, ()))


@functools.cache
def base_classes() -> dict[str, type]:
    """Base class of each kind of part, if it has one. Transforms and functions have none and must be registered."""
    import torch
    from mmengine.evaluator import BaseMetric
    from mmengine.hooks import Hook
    from mmengine.model import BaseModel
    from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper, _ParamScheduler
    from mmengine.runner import BaseLoop, Runner
    from mmengine.visualization import BaseVisBackend, Visualizer
    parts = {METHODS: BaseModel, DATASETS: torch.utils.data.Dataset, DATA_SAMPLERS: torch.utils.data.Sampler,
             METRICS: BaseMetric, HOOKS: Hook, LOOPS: BaseLoop, RUNNERS: Runner, OPTIMIZERS: torch.optim.Optimizer,
             OPTIM_WRAPPERS: OptimWrapper, OPTIM_WRAPPER_CONSTRUCTORS: DefaultOptimWrapperConstructor,
             PARAM_SCHEDULERS: _ParamScheduler, VISUALIZERS: Visualizer, VISBACKENDS: BaseVisBackend,
             **dict.fromkeys((BACKBONES, DISCRIMINATORS, NORMS, LOSSES, FEATURES, MODEL_WRAPPERS),
                             torch.nn.Module)}
    return {registry.name: cls for registry, cls in parts.items()}
