"""The top-level entries of a config: which there are, of what kind they must be, and the plugins they import."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner as MMEngineRunner

from ..errors import did_you_mean
from ..registry import SCOPE, check_arguments

SETTINGS = {'data_root', 'custom_imports', 'compile', 'find_unused_parameters', 'sync_bn', 'model_wrapper_cfg'}
# A method has its own preprocessor, and the hooks that read a log processor are not in use.
TOP_LEVEL = SETTINGS | set(inspect.signature(MMEngineRunner.__init__).parameters) - {
    'self', 'cfg', 'data_preprocessor', 'log_processor'}
KINDS = {
    **dict.fromkeys(('data_root', 'work_dir', 'load_from', 'experiment_name', 'launcher', 'log_level', 'default_scope',
                     'sync_bn'), str),
    **dict.fromkeys(('resume', 'find_unused_parameters'), bool),
    **dict.fromkeys(('custom_imports', 'default_hooks', 'env_cfg', 'randomness', 'visualizer', 'optim_wrapper',
                     'auto_scale_lr', 'model_wrapper_cfg'), Mapping),
    'custom_hooks': (list, tuple),
    'compile': (bool, Mapping)}
KIND_NAMES = {str: 'a string', bool: 'True or False', Mapping: 'dict(...)', (list, tuple): 'a list',
              (bool, Mapping): 'True, False or dict(...)'}
CHOICES = {'launcher': ('none', 'pytorch', 'slurm', 'mpi'), 'default_scope': (SCOPE,), 'sync_bn': ('torch',),
           'log_level': ('CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG')}


def wrong_kinds(cfg: Config) -> Iterator[tuple[str, str]]:
    """(key, message) of every top-level entry that is not of the kind it must be."""
    for key, kind in KINDS.items():
        value = cfg.get(key)
        if value is not None and not isinstance(value, kind):
            yield key, f'{key}: expected {KIND_NAMES[kind]}, found {value!r}.'
        elif value is not None and value not in CHOICES.get(key, (value,)):
            yield key, f'{key}: {value!r} is not possible.{did_you_mean(value, CHOICES[key])}'
    if isinstance(randomness := cfg.get('randomness'), Mapping):
        for problem in check_arguments(MMEngineRunner.set_randomness, randomness, 'randomness', given=('self',)):
            yield 'randomness', problem
        if randomness.get('diff_rank_seed'):
            yield 'randomness', ('randomness.diff_rank_seed: each process has its own data and noise already, derived from '
                                 'the one seed; remove it.')


def import_plugins(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Import the modules of ``custom_imports``, which register parts; messages about those that fail."""
    imports = cfg.get('custom_imports') or {}
    for key in imports:
        if key not in ('imports', 'allow_failed_imports'):
            yield f"custom_imports.{key}: unknown.{did_you_mean(key, ('imports', 'allow_failed_imports'))}"
    names = imports.get('imports', ())
    for name in (names,) if isinstance(names, str) else names:
        try:
            importlib.import_module(name)
        except Exception as error:  # a plugin is the user's own code: anything may go wrong in it
            if not imports.get('allow_failed_imports'):
                yield f'custom_imports: {_import_failure(name, error)}'


def _import_failure(name: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and f'{name}.'.startswith(f'{error.name}.'):
        return (f'cannot import {name!r}: {error}. Is its folder on PYTHONPATH? '
                'Type: PYTHONPATH=folder toolbox train ...')
    if isinstance(error, SyntaxError):
        file, line = error.filename, error.lineno
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        file, line = last.filename, last.lineno
    return f'{name!r} fails when it is imported ({file}, line {line}): {type(error).__name__}: {error}'
