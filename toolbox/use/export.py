"""Weights out of a run, in a file that holds nothing else and works alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ..errors import ConfigError, did_you_mean
from ..files.checkpoint import read_checkpoint
from ..files.tensor_file import SUFFIX, write_tensor_file
from ..registry import BACKBONES, registries_of
from ..version import __version__
from .load import find_checkpoint, load_method


def export_weights(run: str | Path, destination: str | Path, networks: Sequence[str] | None = None,
                   which: str = 'last', plugins: Sequence[str] = ()) -> Path:
    """Write networks of a run to a safetensors file, from which ``Translator`` works and trainings start.

    Moving averages are written for the networks that have them. The config goes with the weights, as JSON.

    Args:
        run: work directory or checkpoint file.
        destination: file to write, ``*.safetensors``.
        networks: names of networks; when None, the generators (of a method that does not translate, all backbones).
        which: checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        plugins: modules with parts of the run, see :class:`toolbox.Translator`.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be used.
        ConfigError: there is no such network, or the destination has another suffix.
    """
    destination = Path(destination)
    if destination.suffix != SUFFIX:
        raise ConfigError(f'{destination}: expected a file name that ends in {SUFFIX}.')
    path = find_checkpoint(run, which)
    model, directions = load_method(path, plugins)
    checkpoint = read_checkpoint(path)
    held = tuple(checkpoint.get('meta', {}).get('networks') or model.network_names())
    backbones = [name for name, registry in registries_of(type(model)).items() if registry is BACKBONES]
    chosen = tuple(networks or dict.fromkeys(model.translators[direction] for direction in directions) or backbones)
    for name in chosen:
        if name not in held:
            raise ConfigError(f'{path}: holds no network {name!r}.{did_you_mean(name, held)}')
    weights = {f'{name}.{key}': value for name in chosen for key, value in getattr(model, name).state_dict().items()
               if isinstance(value, Tensor)}
    write_tensor_file(destination, weights, toolbox=__version__, config=checkpoint['config'],
                      meta={**checkpoint.get('meta', {}), 'networks': chosen})
    return destination
