"""From a config file and command line options to a complete, checked config."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
import yaml
from mmengine.config import Config, ConfigDict
from mmengine.fileio import YamlHandler, register_handler

from ..errors import ConfigError, did_you_mean
from ..files.configs import find_config
from .check import check_config
from .facts import fill_facts
from .settings import DEFAULT_HOOKS

LOADERS = {'train_dataloader': 'InfiniteSampler', 'val_dataloader': 'EvalSampler', 'test_dataloader': 'EvalSampler'}


@register_handler(['yaml', 'yml'])
class PlainYaml(YamlHandler):
    """YAML as data, in place of MMEngine's handler, which calls whatever a YAML file names."""

    def load_from_fileobj(self, file: IO[str], **_: Any) -> Any:
        return yaml.safe_load(file)


def load_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read, override, complete and check a config file.

    Args:
        path: a Python config in text style (``_base_``, ``type='Name'``), or the name of one (``cyclegan/synthetic``).
        options: ``{'model.pool_size': 0, ...}`` as given with ``--cfg-options``.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong; all mistakes are listed at once.
    """
    cfg = _read(path)
    _merge(cfg, options or {}, str(path))
    complete(cfg)
    problems = check_config(cfg)
    if problems:
        listed = '\n'.join(f'- {p}' for p in problems)
        raise ConfigError(f'{path}: {len(problems)} mistake(s)\n{listed}')
    return cfg


def parse_options(pairs: list[str] | None) -> dict[str, Any]:
    """``['model.pool_size=0', 'a.b=(1, 2)']`` -> ``{'model.pool_size': 0, 'a.b': (1, 2)}``."""
    options = {}
    for pair in pairs or []:
        key, sign, value = pair.partition('=')
        if not sign or not key:
            raise ConfigError(f'--cfg-options: expected KEY=VALUE, found {pair!r}.')
        options[key] = _value(value, pair)
    return options


def _value(text: str, pair: str) -> Any:
    """A Python literal, ``dict(a=1)``, a list of bare words (``[a,b]``) or else the text itself."""
    try:
        return _literal(ast.parse(text.strip(), mode='eval').body)
    except (SyntaxError, ValueError):
        pass
    if text[:1] in '[(' and text[-1:] in '])':
        words = [word.strip() for word in text[1:-1].split(',')]
        if all(word.isidentifier() for word in words):
            return words if text[0] == '[' else tuple(words)
    if text[:1] in tuple('[({') or text.startswith('dict('):
        raise ConfigError(f'--cfg-options: {pair!r}: the value is neither a Python literal nor dict(...). Quote it for the '
                          "shell, e.g. \"model.G_AB.norm=dict(type='BN')\".")
    return text


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict' and not node.args:
        return {str(k.arg): _literal(k.value) for k in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        return (list if isinstance(node, ast.List) else tuple)(_literal(item) for item in node.elts)
    return ast.literal_eval(node)


def complete(cfg: Config) -> None:
    """Fill in what a config need not say: scope, samplers, collation, data root, loops, hooks, tests, seed, folder."""
    cfg.setdefault('default_scope', 'toolbox')
    cfg.setdefault('randomness', {})
    if isinstance(cfg.randomness, Mapping):
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
    fill_facts(cfg)
    hooks = cfg.get('default_hooks')
    for name, hook in hooks.items() if isinstance(hooks, Mapping) else ():
        if name in DEFAULT_HOOKS and isinstance(hook, Mapping):
            hook.setdefault('type', DEFAULT_HOOKS[name]['type'])
    if cfg.get('work_dir') is None and cfg.filename:
        file = Path(cfg.filename).resolve()
        cfg.work_dir = str(Path('work_dirs', file.parent.name, file.stem))


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
        if data_root is not None and isinstance(metric, Mapping) and isinstance(metric.get('real'), Mapping):
            metric.real.setdefault('data_root', data_root)


def _read(path: str | Path) -> Config:
    file = find_config(path)
    try:
        # Plugins (custom_imports) are imported by the check, which says more when that fails.
        return Config.fromfile(str(file), import_custom_modules=False)
    except FileNotFoundError as error:
        missing = Path(error.filename or str(error).rpartition(' ')[2].strip("'\""))
        there = sorted(p.name for p in missing.parent.glob('*.py')) if missing.parent.is_dir() else []
        raise ConfigError(f"{path}: needs {str(missing)!r} (is it in _base_?), which does not exist."
                          f'{did_you_mean(missing.name, there)}') from error
    except Exception as error:  # a config is Python: anything may go wrong in it
        raise ConfigError(f'{_place(error, str(file))}: cannot be read as a config: {type(error).__name__}: '
                          f"{getattr(error, 'msg', None) or error}") from error


def _place(error: Exception, path: str) -> str:
    """File and line where reading a config failed: in ``path`` itself or in one of its bases."""
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == '<module>':
            path, line = frame.f_code.co_filename, number
        # MMEngine parses a copy, so the error itself names no file.
        elif isinstance(name := frame.f_locals.get('filename'), str) and Path(name).is_file():
            path = name
    line = getattr(error, 'lineno', line)
    return path if line is None else f'{path}, line {line}'


def _merge(cfg: Config, options: Mapping[str, Any], path: str) -> None:
    for key, value in options.items():
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, AttributeError, AssertionError) as error:
            raise ConfigError(f'{path}: --cfg-options {key}={value!r}: {_dead_end(cfg, key) or error}') from error


def _dead_end(cfg: Config, key: str) -> str:
    """Where the path ``key`` leaves the config; empty if it does not."""
    node, done = cfg, []
    for name in key.split('.'):
        here = '.'.join(done)
        if isinstance(node, (list, tuple)):
            if not name.isdigit() or int(name) >= len(node):
                return f'{here} is a list of {len(node)} entries, so that {name!r} must be a number below {len(node)}.'
            node = node[int(name)]
        elif isinstance(node, (Mapping, Config)):
            node = node.get(name, {})
        else:
            return f'{here} is {node!r} and has no {name!r}. To replace it, type {here}=VALUE.'
        done.append(name)
    return ''

