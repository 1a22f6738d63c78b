"""All registries of the toolbox.

Methods are a child of MMEngine's ``MODELS`` so that a ``Runner`` can build them. MMEngine allows one child per parent
and scope, so the parts of a method (backbones, discriminators, norms, losses) have registries of their own.
"""

from __future__ import annotations

from typing import Annotated, Any

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from ..errors import ConfigError
from .arguments import checked

SCOPE = 'toolbox'


class PartRegistry(Registry):
    """A registry whose classes check their arguments when they are built, from a config or directly in Python.

    Names are unique: a part of the user's may not be called like one of the toolbox.
    """

    def _register_module(self, module: Any, module_name: str | list[str] | None = None, force: bool = False) -> None:
        if not module.__module__.startswith(f'{SCOPE}.'):
            self.import_from_location()  # so that the user's part is told, and not the toolbox's
        names = [module_name] if isinstance(module_name, str) else module_name or [module.__name__]
        for name in names:
            if name in self.module_dict and not force:
                raise ConfigError(f'a {self.name} called {name!r} is there already, in '
                                  f'{self.module_dict[name].__module__}. Give the one in {module.__module__} another '
                                  f"name, e.g. @register_module('My{name}').")
        super()._register_module(checked(module) if isinstance(module, type) else module, names, force)


def _child(name: str, parent: Registry | None, *locations: str) -> Registry:
    return PartRegistry(name, parent=parent, scope=SCOPE, locations=[f'toolbox.{where}' for where in locations])


METHODS = _child('method', mmengine_registry.MODELS, 'methods')
BACKBONES = _child('backbone', None, 'backbones')
DISCRIMINATORS = _child('discriminator', None, 'discriminators')
NORMS = _child('norm', None, 'norms')
LOSSES = _child('loss', None, 'losses')
FEATURES = _child('feature network', None, 'features')

DATASETS = _child('dataset', mmengine_registry.DATASETS, 'data.parts')
TRANSFORMS = _child('transform', mmengine_registry.TRANSFORMS, 'data.parts')
DATA_SAMPLERS = _child('data sampler', mmengine_registry.DATA_SAMPLERS, 'data.parts')
FUNCTIONS = _child('function', mmengine_registry.FUNCTIONS, 'data.parts')
METRICS = _child('metric', mmengine_registry.METRICS, 'metrics')
HOOKS = _child('hook', mmengine_registry.HOOKS, 'hooks')
LOOPS = _child('loop', mmengine_registry.LOOPS, 'engine.loops', 'engine.evaluation')
MODEL_WRAPPERS = _child('model wrapper', mmengine_registry.MODEL_WRAPPERS, 'engine.sharding')
RUNNERS = _child('runner', mmengine_registry.RUNNERS, 'engine.runner')
OPTIMIZERS = _child('optimizer', mmengine_registry.OPTIMIZERS, 'engine.optim')
OPTIM_WRAPPERS = _child('optimizer wrapper', mmengine_registry.OPTIM_WRAPPERS, 'engine.optim')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'optimizer constructor', mmengine_registry.OPTIM_WRAPPER_CONSTRUCTORS, 'engine.optim')
PARAM_SCHEDULERS = _child('parameter scheduler', mmengine_registry.PARAM_SCHEDULERS, 'engine.schedules')
VISUALIZERS = _child('visualizer', mmengine_registry.VISUALIZERS)
VISBACKENDS = _child('visualizer backend', mmengine_registry.VISBACKENDS)

# MMEngine's parts of these kinds follow other contracts: they can be used, but are not suggested.
OWN_KIND = {METHODS.name, DATASETS.name, TRANSFORMS.name, METRICS.name, DATA_SAMPLERS.name, FUNCTIONS.name, LOOPS.name}


# An argument annotated with one of these is a config that the named registry builds: this is how the whole-config
# check knows what is allowed there, and how a method declares which of its arguments are networks. A finished part will
# do in its place, hence Any.
Backbone = Annotated[Any, BACKBONES]
Discriminator = Annotated[Any, DISCRIMINATORS]
Norm = Annotated[Any, NORMS]
Loss = Annotated[Any, LOSSES]
Feature = Annotated[Any, FEATURES]
Transform = Annotated[Any, TRANSFORMS]
Data = Annotated[Any, DATASETS]
Score = Annotated[Any, METRICS]
Schedule = Annotated[Any, PARAM_SCHEDULERS]
