"""Every registry of the toolbox on one page, and :func:`build`, which explains what is wrong with a config.

Methods hang under MMEngine's ``MODELS`` so that a ``Runner`` can build them. MMEngine allows one child per parent and
scope, so the parts of a method (backbones, discriminators, norms, losses) have registries of their own.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from .errors import ConfigError, UserError, did_you_mean

SCOPE = 'toolbox'


def _child(name: str, parent: Registry | None, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope=SCOPE, locations=[f'toolbox.{where}' for where in locations])


METHODS = _child('method', mmengine_registry.MODELS, 'methods')
BACKBONES = _child('backbone', None, 'backbones')
DISCRIMINATORS = _child('discriminator', None, 'discriminators')
NORMS = _child('norm', None, 'norms')
LOSSES = _child('loss', None, 'losses')
FEATURES = _child('feature network', None, 'features')

DATASETS = _child('dataset', mmengine_registry.DATASETS, 'data')
TRANSFORMS = _child('transform', mmengine_registry.TRANSFORMS, 'data')
DATA_SAMPLERS = _child('data sampler', mmengine_registry.DATA_SAMPLERS, 'data')
FUNCTIONS = _child('function', mmengine_registry.FUNCTIONS, 'data')
METRICS = _child('metric', mmengine_registry.METRICS, 'metrics')
HOOKS = _child('hook', mmengine_registry.HOOKS, 'hooks')
LOOPS = _child('loop', mmengine_registry.LOOPS, 'engine')
MODEL_WRAPPERS = _child('model wrapper', mmengine_registry.MODEL_WRAPPERS, 'engine')
RUNNERS = _child('runner', mmengine_registry.RUNNERS, 'engine')
OPTIMIZERS = _child('optimizer', mmengine_registry.OPTIMIZERS, 'engine')
OPTIM_WRAPPERS = _child('optimizer wrapper', mmengine_registry.OPTIM_WRAPPERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'optimizer constructor', mmengine_registry.OPTIM_WRAPPER_CONSTRUCTORS, 'engine')
PARAM_SCHEDULERS = _child('parameter scheduler', mmengine_registry.PARAM_SCHEDULERS, 'engine')
VISUALIZERS = _child('visualizer', mmengine_registry.VISUALIZERS, 'engine')
VISBACKENDS = _child('visualizer backend', mmengine_registry.VISBACKENDS, 'engine')

# MMEngine's parts of these kinds follow other contracts: they can be named, but are not suggested.
OWN_KIND = {METHODS.name, DATASETS.name, TRANSFORMS.name, METRICS.name, DATA_SAMPLERS.name, FUNCTIONS.name, LOOPS.name}

IMPORT_IT = "Parts of your own: custom_imports=dict(imports=['MODULE']) in the config."

# An argument annotated with one of these is a config that the named registry builds: this is how the whole-config
# check knows what may stand there, and how a method states which of its arguments are networks.
Backbone = Annotated[dict, BACKBONES]
Discriminator = Annotated[dict, DISCRIMINATORS]
Norm = Annotated[dict, NORMS]
Loss = Annotated[dict, LOSSES]
Feature = Annotated[dict, FEATURES]
Transform = Annotated[dict, TRANSFORMS]
Data = Annotated[dict, DATASETS]
Score = Annotated[dict, METRICS]


def known_names(registry: Registry) -> list[str]:
    """Names that can be used as ``type`` in ``registry``, those of MMEngine's parent included."""
    if registry.parent is not None:
        import mmengine.runner  # noqa: F401  (its parts register themselves on import)
    names: set[str] = set()
    for node in _lineage(registry):
        node.import_from_location()
        names |= set(node.module_dict)
    return sorted(names)


def find(registry: Registry, name: str | Callable, where: str) -> Callable:
    """The class (or function) registered as ``name``; a class object is returned as it is.

    A dotted name stands for a class of the registry's kind in a module that is imported already. Nothing is imported
    because of a name, and nothing else than such a class is accepted, so that a config cannot call what it likes.

    Raises:
        ConfigError: there is no such part; the message lists the nearest and all known names.
    """
    if not name or not (isinstance(name, str) or callable(name)):
        raise ConfigError(f'{where}.type: expected the name of a {registry.name}, found {name!r}.')
    known = known_names(registry)
    if name in known:
        return registry.get(name)
    if isinstance(name, str) and '.' not in name:
        if registry.name in OWN_KIND:
            known = [n for n in known if n in registry.module_dict]
        raise ConfigError(f'{where}.type: no {registry.name} is called {name!r}.{did_you_mean(name, known)}')
    found = (_with_scope(registry, name) or imported(name)) if isinstance(name, str) else name
    if found is None:
        raise ConfigError(f'{where}.type: {not_imported(name)} {IMPORT_IT}')
    if not _is_part(found, registry) and (isinstance(name, str) or registry.name in base_classes()):
        raise ConfigError(f'{where}.type: {name!r} is no {registry.name}. It is not called.')
    return found


def imported(name: str) -> Any:
    """What a dotted name stands for if its module is imported already, else None; nothing is imported or called."""
    module, _, attribute = name.rpartition('.')
    outer = sys.modules.get(module) or (imported(module) if '.' in module else None)
    return vars(outer).get(attribute) if isinstance(outer, (types.ModuleType, type)) else None


def not_imported(name: str) -> str:
    """Why :func:`imported` gives None for ``name``."""
    module, _, attribute = name.rpartition('.')
    if module in sys.modules:
        return f'the module {module!r} has no {attribute!r}.'
    return f'{name!r} is in no module that is imported, and a name with dots imports none.'


def _lineage(registry: Registry) -> Iterator[Registry]:
    node: Registry | None = registry
    while node is not None:
        yield node
        node = node.parent


def _with_scope(registry: Registry, name: str) -> Callable | None:
    """``toolbox.Name`` or ``mmengine.Name``."""
    scope, _, rest = name.partition('.')
    return next((node.module_dict[rest] for node in _lineage(registry)
                 if node.scope == scope and rest in node.module_dict), None)


def _is_part(found: Any, registry: Registry) -> bool:
    """Whether ``found`` is registered, or derived from what all parts of this kind are derived from."""
    if any(found is part for node in _lineage(registry) for part in node.module_dict.values()):
        return True
    return isinstance(found, type) and issubclass(found, base_classes().get(registry.name, ()))


@functools.cache
def base_classes() -> dict[str, type]:
    """Base class of every kind of part that has one. Transforms and functions have none and must be registered."""
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


def parameters(cls: Callable) -> tuple[dict[str, inspect.Parameter], bool]:
    """Named arguments of a constructor, and whether any other name is accepted too.

    ``**kwargs`` are followed up the base classes, so that a typo is not swallowed on its way to ``super().__init__``.
    """
    targets = [cls]
    if inspect.isclass(cls):
        targets = [k.__init__ for k in cls.__mro__ if '__init__' in vars(k) and k is not object]
    found: dict[str, inspect.Parameter] = {}
    for function in targets:
        try:
            params = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return found, True
        if inspect.isclass(cls):
            params = params[1:]
        for p in params:
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                found.setdefault(p.name, p)
        if not any(p.kind is p.VAR_KEYWORD for p in params):
            return found, False
    return found, True


def registries_of(cls: Callable) -> dict[str, Registry]:
    """Which arguments of ``cls`` are configs (or lists of configs) of which registry, read from its annotations."""
    found: dict[str, Registry] = {}
    for name, hint in _hints(cls).items():
        for option in (hint, *typing.get_args(hint)):
            for mark in getattr(option, '__metadata__', ()):
                if isinstance(mark, Registry):
                    found[name] = mark
    return found


def check_arguments(cls: Callable, args: dict[str, Any], where: str, given: Iterable[str] = ()) -> list[str]:
    """Messages about unknown, missing and wrongly typed arguments of ``cls``; empty when ``args`` fit.

    Args:
        cls: class or function.
        args: what the config gives.
        where: path of ``args`` in the config.
        given: arguments that somebody else supplies.
    """
    params, any_name = parameters(cls)
    name = getattr(cls, '__name__', str(cls))
    known = params.keys() - set(given)
    problems = []
    if not any_name:
        problems += [f'{where}.{key}: {name} takes no such argument.{did_you_mean(key, known)}'
                     for key in args if key not in params]
    problems += [f'{where}.{key}: required by {name} and missing.'
                 for key, p in params.items() if p.default is p.empty and key not in args and key not in given]
    hints = _hints(cls)
    problems += [f'{where}.{key}: expected {_hint_name(hints[key])}, found {value!r}.'
                 for key, value in args.items() if key in hints and not _fits(value, hints[key])]
    return problems


def _hints(cls: Callable) -> dict[str, Any]:
    """Type hints of all constructor arguments, those passed on to base classes included."""
    functions = [cls]
    if inspect.isclass(cls):
        functions = [k.__init__ for k in reversed(cls.__mro__) if '__init__' in vars(k) and k is not object]
    found: dict[str, Any] = {}
    for function in functions:
        try:
            found.update(typing.get_type_hints(function, include_extras=True))
        except (NameError, TypeError):
            continue
    return found


def _fits(value: Any, hint: Any) -> bool:
    """Whether ``value`` fits ``hint``; only plain numbers, strings, flags and None (and unions of them) are judged."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    plain = {bool: (bool,), int: (int,), float: (int, float), str: (str,), type(None): (type(None),)}
    if any(option not in plain for option in options):
        return True
    return any(isinstance(value, plain[o]) and (o is bool or not isinstance(value, bool)) for o in options)


def _hint_name(hint: Any) -> str:
    return getattr(hint, '__name__', None) or str(hint)


def build(cfg: dict | Any, registry: Registry, where: str = 'cfg', **defaults: Any) -> Any:
    """Build what ``cfg`` describes; an object that is already built is returned unchanged.

    Args:
        cfg: ``dict(type=..., **arguments)`` or a finished object.
        registry: where ``type`` is looked up.
        where: path of ``cfg`` in the user's config, for messages (``model.G_AB``).
        **defaults: arguments used where ``cfg`` does not give them.

    Raises:
        ConfigError: ``type`` is missing or unknown, or arguments do not fit; says where and what is allowed.
    """
    if not isinstance(cfg, dict):
        if cfg is None or isinstance(cfg, (str, int, float, list, tuple)):
            raise ConfigError(f'{where}: expected dict(type=...) of a {registry.name}, found {cfg!r}.'
                              f' Known: {", ".join(known_names(registry))}.')
        return cfg
    args = {**defaults, **cfg}
    if 'type' not in args:
        raise ConfigError(f"{where}: 'type' is missing (found {sorted(cfg)}).{did_you_mean('', known_names(registry))}")
    cls = find(registry, args.pop('type'), where)
    problems = check_arguments(cls, args, where)
    if problems:
        raise ConfigError('\n'.join(problems))
    try:
        return cls(**args)
    except ConfigError as error:
        if where == 'cfg' or str(error).startswith(where):
            raise
        raise ConfigError(f'{where}: {error}') from error
    except UserError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{where}: {getattr(cls, "__name__", cls)} refuses its arguments: {error}') from error
