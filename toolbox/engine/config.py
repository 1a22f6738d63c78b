"""From a config file and command line options to a complete, checked config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict

from ..errors import ConfigError
from .check import check_config
from .config_text import merge_options, parse_options, read_config
from .facts import fill_facts
from .pixels import fill_pixels
from .settings import DEFAULT_HOOKS

__all__ = ['complete', 'load_config', 'parse_options']

LOADERS = {'train_dataloader': 'InfiniteSampler', 'val_dataloader': 'EvalSampler', 'test_dataloader': 'EvalSampler'}


def load_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read, override, complete and check a config file.

    Args:
        path: a Python config in text style (``_base_``, ``type='Name'``), or the name of one (``cyclegan/synthetic``).
        options: ``{'model.pool_size': 0, ...}`` as given with ``--cfg-options``.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong; all mistakes are listed at once.
    """
    cfg = read_config(path)
    merge_options(cfg, options or {}, str(path))
    complete(cfg)
    problems = check_config(cfg)
    if problems:
        listed = '\n'.join(f'- {p}' for p in problems)
        raise ConfigError(f'{path}: {len(problems)} mistake(s)\n{listed}')
    return cfg


def complete(cfg: Config) -> None:
    """Fill in what a config need not say: scope, samplers, collation, data root, loops, hooks, tests, seed, folder."""
    cfg.setdefault('default_scope', 'toolbox')
    cfg.setdefault('randomness', {})
    if isinstance(cfg.randomness, dict):
        cfg.randomness.setdefault('seed', 0)
    if 'val_dataloader' in cfg and cfg.val_dataloader is not None:
        cfg.setdefault('val_cfg', {})
        cfg.setdefault('test_dataloader', cfg.val_dataloader)
    if cfg.get('test_dataloader') is not None:
        cfg.setdefault('test_cfg', {})
    if cfg.get('val_evaluator') is not None:
        cfg.setdefault('test_evaluator', cfg.val_evaluator)
    for key, sampler in LOADERS.items():
        if isinstance(cfg.get(key), Mapping):
            _complete_loader(cfg[key], sampler, cfg.get('data_root'))
    for stage in ('val', 'test'):
        _complete_evaluator(cfg.get(f'{stage}_evaluator'), cfg.get('data_root'))
    if cfg.get('work_dir') is None and cfg.filename and Path(cfg.filename).is_file():  # not of a config as text
        file = Path(cfg.filename).resolve()
        cfg.work_dir = str(Path('work_dirs', file.parent.name, file.stem))
    fill_pixels(cfg)
    fill_facts(cfg)
    hooks = cfg.get('default_hooks')
    for name, hook in hooks.items() if isinstance(hooks, Mapping) else ():
        if name in DEFAULT_HOOKS and isinstance(hook, dict):
            hook.setdefault('type', DEFAULT_HOOKS[name]['type'])


def _complete_loader(loader: ConfigDict, sampler: str, data_root: str | None) -> None:
    loader.setdefault('sampler', dict(type=sampler))
    loader.setdefault('collate_fn', dict(type='stack_samples'))
    loader.setdefault('batch_size', 1)
    loader.setdefault('num_workers', 0)
    loader.setdefault('pin_memory', torch.cuda.is_available())
    if isinstance(loader.num_workers, int) and loader.num_workers > 0:
        loader.setdefault('persistent_workers', True)
    if data_root is not None and isinstance(loader.get('dataset'), Mapping):
        loader.dataset.setdefault('data_root', data_root)


def _complete_evaluator(metrics: Any, data_root: str | None) -> None:
    for metric in metrics if isinstance(metrics, (list, tuple)) else [metrics]:
        if data_root is not None and isinstance(metric, Mapping) and isinstance(metric.get('real'), dict):
            metric['real'].setdefault('data_root', data_root)
