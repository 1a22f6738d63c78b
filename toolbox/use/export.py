"""Weights out of a run, in a file that holds nothing else and works alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ..engine.state import plain_state_dict, used_state
from ..errors import ConfigError, did_you_mean
from ..files.checkpoint import read_checkpoint
from ..files.tensor_file import EXTRA, SUFFIX, write_tensor_file
from ..version import __version__
from .load import find_checkpoint, load_method


def export_weights(run: str | Path, destination: str | Path, networks: Sequence[str] | None = None,
                   which: str = 'last', plugins: Sequence[str] = (),
                   config: Mapping[str, Any] | None = None) -> Path:
    """Write networks of a run to a safetensors file, from which ``Translator`` works and runs can start.

    Moving averages are written for the networks that have them. The config goes with the weights, as JSON.

    Args:
        run: work directory or checkpoint file.
        destination: file to write, ``*.safetensors``.
        networks: names of networks; when None, all that a direction of the method needs or can use.
        which: checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        plugins: modules with parts of the run, see :class:`toolbox.Translator`.
        config: to write in place of the run's.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be used.
        ConfigError: there is no such network, or the destination has another suffix.
    """
    destination = Path(destination)
    if destination.suffix != SUFFIX:
        raise ConfigError(f'{destination}: expected a file name that ends in {SUFFIX}.')
    path = find_checkpoint(run, which)
    checkpoint = read_checkpoint(path)
    model, directions = load_method(path, plugins, checkpoint)
    asked = [model.directions[name] for name in directions]
    needed = dict.fromkeys(net for direction in asked for net in (*direction.nets, *direction.also))
    present = model.present or frozenset()
    chosen = tuple(networks or (net for net in model.network_names() if net in needed and net in present))
    for name in chosen:
        if name not in present:
            raise ConfigError(f'{path}: holds no network {name!r}.{did_you_mean(name, present)}')
    own = used_state(model, chosen)
    state = {key: value for key, value in plain_state_dict(model).items() if key.split('.')[0] in own}
    extra = {key: value for key, value in state.items() if not isinstance(value, Tensor)}
    write_tensor_file(destination, {key: state[key] for key in state.keys() - extra.keys()}, toolbox=__version__,
                      config=config or checkpoint['config'], meta={**checkpoint.get('meta', {}), 'networks': chosen},
                      **{EXTRA: extra} if extra else {}, **{k: checkpoint[k] for k in ('facts',) if k in checkpoint})
    return destination
