"""Import paths of version 0.1.0: they still work, with a warning that names the new place."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Old module -> new modules; where one was divided, each name is taken from the first that has it.
MOVED: dict[str, tuple[str, ...]] = {
    'rng': ('randomness.state',), 'noise': ('randomness.noise',), 'data.seeding': ('randomness.keys',),
    'conditions': ('layers.conditions',), 'norms.checks': ('checks',), 'norms.spectral': ('layers.spectral',),
    'backbones.init': ('layers.init',), 'backbones.attention': ('layers.cam',),
    'backbones.landmarks': ('features.landmarks',), 'losses.image_pool': ('methods.image_pool',),
    'inference': ('use.translator', 'use.inputs', 'use.outputs'), 'sampling': ('use.sampler',), 'grids': ('use.grids',),
    'restore': ('use.load',), 'weights': ('use.export',), 'padding': ('use.padding',), 'report': ('use.report',),
    'trust': ('registry.trust',), 'metrics.readings': ('metrics.ugatit_kid',),
    'engine.tensor_file': ('files.tensor_file',), 'engine.work_dir': ('files.work_dir',),
    'engine.checkpoint': ('files.checkpoint', 'engine.state'), 'converters.files': ('files.foreign',),
    **{f'data.{name}': (f'data.sets.{name}',) for name in (
        'attributes', 'cifar', 'classes', 'datasets', 'domains', 'folders', 'idx', 'pairs', 'synthetic', 'toys')},
    **{f'data.{name}': (f'data.fetch.{name}',) for name in ('download', 'prepare', 'published')}}
PACKAGE = __name__.partition('.')[0]


class MovedModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules under their old names, after all other finders have failed."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        known = fullname.startswith(f'{PACKAGE}.') and fullname.removeprefix(f'{PACKAGE}.') in MOVED
        return importlib.util.spec_from_loader(fullname, self) if known else None

    def exec_module(self, module: ModuleType) -> None:
        places = MOVED[module.__name__.removeprefix(f'{PACKAGE}.')]
        _warn(module.__name__, ' or '.join(f'{PACKAGE}.{place}' for place in places))
        vars(module)['__getattr__'] = _looking_in(module.__name__, places)


def moved_names(module: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package from which some names moved to other modules."""
    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f'module {module!r} has no attribute {name!r}')
        _warn(f'{module}.{name}', f'{PACKAGE}.{places[name]}.{name}')
        return getattr(importlib.import_module(f'{PACKAGE}.{places[name]}'), name)
    return get


def _looking_in(old: str, places: Sequence[str]) -> Callable[[str], Any]:
    def get(name: str) -> Any:
        for place in places:
            module = importlib.import_module(f'{PACKAGE}.{place}')
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f'module {old!r} has no attribute {name!r}')
    return get


def _warn(old: str, new: str) -> None:
    warnings.warn(f'{old} has moved to {new}; the old path goes with version 0.2.', DeprecationWarning, stacklevel=2)


def install() -> None:
    """Let the old paths be imported; once."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
