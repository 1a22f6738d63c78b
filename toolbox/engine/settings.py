"""Entries of a config that the Runner takes, default hooks, plugins."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.runner import Runner as MMEngineRunner

from ..errors import ConfigError
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
    names = imports.get('imports') or ()
    if not isinstance(names, (str, list, tuple)) or not all(isinstance(name, str) for name in names):
        return  # the check says so
    for message in import_plugins(names):
        if imports.get('allow_failed_imports') is not True:
            yield f'custom_imports: {message}'
