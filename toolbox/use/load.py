"""From a checkpoint back to the method that it describes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..data.listing import natural_key
from ..engine.facts import facts_in
from ..engine.state import check_fit, load_weights, used_state
from ..errors import CheckpointError, ConfigError, did_you_mean
from ..files.checkpoint import POINTER, newest_checkpoint, read_checkpoint
from ..files.draft import limited_to
from ..files.hub import fetch, is_address
from ..methods.base import Method
from ..registry import METHODS, build, find
from ..registry.plugins import import_plugins
from ..registry.trust import foreign_types

LARGEST = 10_000  # that a network's config may hold, unless it is a size of its weights


def find_checkpoint(run: str | Path, which: str = 'last') -> Path:
    """The checkpoint file that is meant.

    Args:
        run: work directory of a training run, a checkpoint file, or the address of one (:mod:`~toolbox.files.hub`).
        which: of a work directory: ``'last'``, ``'best'`` (the newest ``best_*.pth``), or a file name in it.

    Raises:
        CheckpointError: there is none; lists those that are there.
        ConfigError: it is no address, or the package that fetches it is missing.
    """
    if is_address(run):
        if which != 'last':
            raise ConfigError(f'{run}: one file is there, so that {which!r} means nothing. Another state of it: '
                              'hf://user/name@REVISION.')
        return fetch(str(run))
    run = Path(run)
    if run.is_file():
        return run
    if not run.is_dir():
        raise CheckpointError(f'{run}: neither a work directory nor a checkpoint file.')
    there = sorted(filter(Path.is_file, run.glob('*.pth')), key=natural_key)
    best = [path for path in there if path.name.startswith('best')]
    found = {'last': newest_checkpoint(run), 'best': max(best, key=lambda path: path.stat().st_mtime, default=None)}
    path = found.get(which, run / which)
    if path is None or not path.is_file():
        wanted = {'last': f"'{POINTER}' names none", 'best': 'no best_*.pth'}.get(which, f'no {which!r}')
        names = [path.name for path in there]
        raise CheckpointError(f'{run}: {wanted} in this work directory.'
                              f'{did_you_mean(which, names) if names else " It holds no .pth file."}')
    return path


def load_method(path: Path, plugins: Sequence[str] = (), content: dict[str, Any] | None = None
                ) -> tuple[Method, tuple[str, ...]]:
    """The method that a checkpoint describes, with its weights, and the names of the directions that it offers.

    A direction is offered if all networks that it needs are in the file. Moving averages (``ema``) replace the weights
    of the networks they belong to. Networks and the method's own buffers are loaded
    (:func:`toolbox.engine.state.used_state`); image pools and the like matter to training alone. The config in the file
    is data: its ``custom_imports`` are not imported. Only registered parts are built, and classes of networks in
    ``torch.nn`` and in the plugins.

    Args:
        path: a checkpoint file.
        plugins: modules that the user trusts; they are imported.
        content: of the file, where it was read before.

    Raises:
        CheckpointError: the config is missing or names something that is not a part, or weights do not fit.
        ConfigError: the model's config is wrong, or needs a plugin that is not imported.
    """
    for problem in import_plugins(plugins):
        raise ConfigError(f'plugins: {problem}')
    checkpoint = content or read_checkpoint(path)
    model = _build(checkpoint, path, plugins)
    networks = _networks(model, checkpoint)
    load_weights(model, checkpoint.get('state_dict', {}), str(path), used_state(model, networks))
    model.present, model.run_config = frozenset(networks), checkpoint.get('config', {})
    model.run_facts = facts_in(checkpoint, path)
    model.noise_rule = model.run_facts['noise']
    for name, state in checkpoint.get('ema', {}).items():
        if name in networks:
            load_weights(model, {f'{name}.{key}': value for key, value in state.items()}, f'{path} (ema)', (name,))
    return model, tuple(model.offered(networks))


def _build(checkpoint: Mapping[str, Any], path: Path, plugins: Sequence[str]) -> Method:
    """The method that the config in a checkpoint describes, as far as it may."""
    config = checkpoint.get('config', {})
    if 'model' not in config:
        raise CheckpointError(f"{path}: holds no 'config.model', so the networks cannot be built. Give a checkpoint "
                              'that a training run or toolbox.converters.convert_checkpoint wrote.')
    try:
        for problem in foreign_types(config['model'], 'model', ('torch.nn', *plugins)):
            raise CheckpointError(f'{path}: {problem}{plugins_of(config)}')
        _refuse_what_is_no_method(config['model'], path)
        _refuse_large_numbers(config['model'], checkpoint, path)
        return _limited_build(config['model'], checkpoint, path)
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}{plugins_of(config)}') from error
    except CheckpointError:
        raise
    except Exception as error:  # layers that do not go together fail in many ways
        raise CheckpointError(f'{path}: the networks of its config cannot be built: '
                              f'{type(error).__name__}: {error}') from error


def _networks(model: Method, checkpoint: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the networks that the checkpoint has weights of."""
    return tuple(checkpoint.get('meta', {}).get('networks') or model.network_names())


def _refuse_what_is_no_method(config: Any, path: Path) -> None:
    """Models of MMEngine, which can be named too, build their parts without our checks."""
    cls = find(METHODS, config.get('type') if isinstance(config, Mapping) else None, 'model')
    if not (isinstance(cls, type) and issubclass(cls, Method)):
        raise CheckpointError(f'{path}: model.type: {cls.__name__} is not a method of this toolbox.')


def _refuse_large_numbers(config: Mapping[str, Any], checkpoint: Mapping[str, Any], path: Path) -> None:
    """A number of layers that the weights cannot fill is not even counted to; widths are sizes of weights."""
    weights = [value for value in checkpoint.get('state_dict', {}).values() if isinstance(value, torch.Tensor)]
    sizes = {size for value in weights if value.numel() for size in value.shape}
    networks = find(METHODS, config['type'], 'model').network_arguments()
    for where, value in _whole_numbers({name: config.get(name) for name in networks}, 'model'):
        if abs(value) > LARGEST and value not in sizes:
            raise CheckpointError(f'{path}: config.{where} is {value}: above {LARGEST}, and no weights in this file '
                                  'have this size.')


def _whole_numbers(config: Any, where: str) -> Iterator[tuple[str, int]]:
    if isinstance(config, int):
        yield where, config
    for key, value in config.items() if isinstance(config, Mapping) else enumerate(
            config if isinstance(config, (list, tuple)) else ()):
        yield from _whole_numbers(value, f'{where}.{key}')


def _limited_build(config: Any, checkpoint: Mapping[str, Any], path: Path) -> Method:
    """The method, compared with the weights before it takes memory: a config can ask for any amount."""
    state = checkpoint.get('state_dict', {})
    try:
        with limited_to(state, str(path)):
            draft = build(config, METHODS, 'model')
    except RuntimeError:  # a plugin that needs real tensors is compared when it is loaded
        with limited_to(state, str(path), draft=False):
            return build(config, METHODS, 'model')
    check_fit(draft, state, str(path), used_state(draft, _networks(draft, checkpoint)))
    return build(config, METHODS, 'model')


def plugins_of(config: Mapping[str, Any]) -> str:
    """What to type if parts are missing because their modules are not imported."""
    imports = config.get('custom_imports')
    names = imports.get('imports') if isinstance(imports, Mapping) else imports
    names = [names] if isinstance(names, str) else names if isinstance(names, (list, tuple)) else []
    missing = [str(name) for name in names if name not in sys.modules]
    if not missing:
        return ''
    return (f'\nThe run took parts from {", ".join(missing)} (custom_imports). A checkpoint imports nothing, because '
            f'that runs code. If you trust these modules: --plugins {" ".join(missing)} (in Python: '
            f'plugins={missing}).')
