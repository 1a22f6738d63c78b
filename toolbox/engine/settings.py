"""The top-level entries of a config: which there are, of what kind they must be, default hooks, plugins."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner as MMEngineRunner

from ..errors import ConfigError, did_you_mean
from ..files.work_dir import folder_problem
from ..registry import SCOPE, check_arguments
from ..registry.plugins import import_plugins

DEFAULT_HOOKS = dict(status=dict(type='StatusHook'), param_scheduler=dict(type='ParamSchedulerHook'),
                     samples=dict(type='SampleHook'), checkpoint=dict(type='CheckpointHook'),
                     signals=dict(type='SignalHook'), bad_images=dict(type='BadImageHook'),
                     health=dict(type='HealthHook'), diagnosis=dict(type='DiagnosisHook'),
                     results=dict(type='ResultsHook'))
# What MMEngine's Runner takes, by the names that its signature gives.
ENTRIES = tuple(name for name in inspect.signature(MMEngineRunner.__init__).parameters if name not in ('self', 'cfg'))
TOGETHER = (('train_dataloader', 'train_cfg', 'optim_wrapper'), ('val_dataloader', 'val_cfg', 'val_evaluator'),
            ('test_dataloader', 'test_cfg', 'test_evaluator'))
SETTINGS = {'data_root', 'custom_imports', 'compile', 'find_unused_parameters', 'sync_bn', 'model_wrapper_cfg'}
# A method has its own preprocessor, and the hooks that read a log processor are not in use.
TOP_LEVEL = SETTINGS | set(ENTRIES) - {'data_preprocessor', 'log_processor'}
KINDS: dict[str, Any] = {  # for isinstance
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
            yield key, f'{key}: unknown value {value!r}.{did_you_mean(value, CHOICES[key])}'
    if isinstance(folder := cfg.get('work_dir'), str) and (problem := folder_problem(folder)):
        yield 'work_dir', problem
    if isinstance(randomness := cfg.get('randomness'), Mapping):
        for problem in check_arguments(MMEngineRunner.set_randomness, randomness, 'randomness', given=('self',)):
            yield 'randomness', problem
        if randomness.get('diff_rank_seed'):
            yield 'randomness', ('randomness.diff_rank_seed: each process has its own data and noise already, derived '
                                 'from the one seed; remove it.')


def loop_of(cfg: Any, default: str) -> Any:
    """The config of a loop, which need not say its type."""
    return {'type': default, **cfg} if isinstance(cfg, Mapping) else cfg


def require_whole_groups(entries: Mapping[str, Any]) -> None:
    """Raise :class:`ConfigError` where only a part of the entries that one loop needs is given."""
    for group in TOGETHER:
        missing = [key for key in group if entries.get(key) is None]
        if missing and len(missing) < len(group):
            raise ConfigError(f'{", ".join(group)}: give all of them or none; missing: {", ".join(missing)}.')


def import_custom(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Import the modules of ``custom_imports``, which register parts; messages about those that fail."""
    imports = cfg.get('custom_imports') or {}
    for key in imports:
        if key not in ('imports', 'allow_failed_imports'):
            yield f"custom_imports.{key}: unknown.{did_you_mean(key, ('imports', 'allow_failed_imports'))}"
    for message in import_plugins(imports.get('imports', ())):
        if not imports.get('allow_failed_imports'):
            yield f'custom_imports: {message}'
