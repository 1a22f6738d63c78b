"""From a checkpoint back to the method that it describes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from torch import nn

from .data.io import natural_key
from .engine.checkpoint import POINTER, load_weights, newest_checkpoint, read_checkpoint
from .errors import CheckpointError, ConfigError, did_you_mean
from .registry import METHODS, SCOPE, build


def find_checkpoint(run: str | Path, which: str = 'last') -> Path:
    """The checkpoint file that is meant.

    Args:
        run: work directory of a training run, or a checkpoint file.
        which: of a work directory: ``'last'``, ``'best'`` (the newest ``best_*.pth``), or a file name in it.

    Raises:
        CheckpointError: there is none; lists those that are there.
    """
    run = Path(run)
    if run.is_file():
        return run
    if not run.is_dir():
        raise CheckpointError(f'{run}: neither a work directory nor a checkpoint file.')
    there = sorted(run.glob('*.pth'), key=natural_key)
    best = [path for path in there if path.name.startswith('best')]
    found = {'last': newest_checkpoint(run), 'best': max(best, key=lambda path: path.stat().st_mtime, default=None)}
    path = found.get(which, run / which)
    if path is None or not path.is_file():
        wanted = {'last': f"'{POINTER}' names none", 'best': 'no best_*.pth'}.get(which, f'no {which!r}')
        names = [path.name for path in there]
        raise CheckpointError(f'{run}: {wanted} in this work directory.'
                              f'{did_you_mean(which, names) if names else " It holds no .pth file."}')
    return path


def load_method(path: Path) -> tuple[Any, tuple[str, ...]]:
    """The method that a checkpoint describes, with its weights, and the directions in which it can translate.

    Moving averages (``ema``) replace the weights of the networks they belong to. Only networks are loaded: image pools
    and the like matter to training alone.

    Raises:
        CheckpointError: the config is missing or names code that is no network, or weights do not fit.
        ConfigError: a plugin cannot be imported, or the model's config is wrong.
    """
    checkpoint = read_checkpoint(path)
    config, meta = checkpoint.get('config') or {}, checkpoint.get('meta') or {}
    if 'model' not in config:
        raise CheckpointError(f"{path}: holds no 'config.model', so the networks cannot be built. Give a checkpoint "
                              'that a training run or toolbox.converters.convert_checkpoint wrote.')
    import_plugins(config.get('custom_imports'), path)
    refuse_foreign_types(config['model'], path)
    model = build(config['model'], METHODS, 'model')
    networks = tuple(meta.get('networks') or model.network_names())
    directions = tuple(name for name, net in model.translators.items() if net in networks)
    if not directions:
        raise CheckpointError(f'{path}: {type(model).__name__} with the networks {", ".join(networks)} '
                              'has no generator to translate images with.')
    for direction in directions:
        _check_generator(model, model.translators[direction])
    load_weights(model, checkpoint['state_dict'], str(path), networks)
    for name, state in (checkpoint.get('ema') or {}).items():
        if name in networks:
            load_weights(model, {f'{name}.{key}': value for key, value in state.items()}, f'{path} (ema)', (name,))
    return model, directions


def import_plugins(custom_imports: dict | list | str | None, path: Path) -> None:
    """Import the modules that registered the parts of a run from outside the toolbox (``custom_imports``).

    Raises:
        ConfigError: one cannot be imported; says what to set.
    """
    names = custom_imports.get('imports', []) if isinstance(custom_imports, dict) else custom_imports
    for name in [names] if isinstance(names, str) else names or []:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(f'{path}: its parts come from the module {name!r} (config: custom_imports), which cannot '
                              f'be imported: {error}. Type PYTHONPATH=<folder that holds {name.split(".")[0]}> before '
                              'the command.') from error


def refuse_foreign_types(config: Any, path: Path, where: str = 'model') -> None:
    """A dotted ``type`` names any code on this machine; from a checkpoint, only classes of networks are taken.

    Raises:
        CheckpointError: a ``type`` names something else; says where.
    """
    if isinstance(config, dict):
        name = config.get('type')
        if isinstance(name, str) and '.' in name.removeprefix(f'{SCOPE}.') and not _is_network(name):
            raise CheckpointError(f'{path}: {where}.type is {name!r}, which is no network class. A checkpoint may only '
                                  'name registered parts and subclasses of torch.nn.Module.')
        for key, value in config.items():
            refuse_foreign_types(value, path, f'{where}.{key}')
    elif isinstance(config, (list, tuple)):
        for index, value in enumerate(config):
            refuse_foreign_types(value, path, f'{where}[{index}]')


def _check_generator(model: nn.Module, name: str) -> None:
    net = getattr(model, name)
    missing = [fact for fact in ('in_channels', 'out_channels', 'size_divisor') if not hasattr(net, fact)]
    if missing:
        raise ConfigError(f'model.{name}: {type(net).__name__} does not state {", ".join(missing)}; a generator sets '
                          'these attributes to whole numbers, so that images can be fitted to it.')


def _is_network(name: str) -> bool:
    module, _, attribute = name.rpartition('.')
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except (ImportError, ValueError):
        return False
    return isinstance(found, type) and issubclass(found, nn.Module)
