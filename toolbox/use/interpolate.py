"""Between the weights of two runs: the network interpolation of ESRGAN (Wang et al. 2018, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError, ConfigError
from ..files.checkpoint import read_checkpoint, write_checkpoint
from ..files.fit import check_fit
from ..methods.base import Method
from ..registry import find, parameters, registries_of
from .load import find_checkpoint, load_method


def interpolate(first: str | Path, second: str | Path, alpha: float, destination: str | Path, which: str = 'last',
                plugins: Sequence[str] = ()) -> Path:
    """Write a checkpoint whose networks have the weights ``(1 - alpha) * first + alpha * second``.

    ESRGAN's two are its network trained for PSNR and the same one after the adversarial training: what lies between is
    less noisy than the second and sharper than the first. This works for networks of which one was trained from the
    other, or both from a third; between strangers lies nothing. For the same reason ``alpha`` is bounded: beyond the
    ends nothing was trained.

    Interpolated are the networks that the directions need, as they are used (moving averages where there are some).
    All else (config, discriminators) is that of ``second``. The result can be used, and can start a training
    (``load_from``), but none can be resumed from it.

    Args:
        first: a run, or a checkpoint file.
        second: another one, of the same networks.
        alpha: in [0, 1].
        destination: file to write; it appears complete or not at all.
        which: which checkpoint of a work directory: 'last', 'best', or a file name in it.
        plugins: modules that the user trusts; they are imported.

    Returns:
        ``destination``.

    Raises:
        ConfigError: ``alpha`` is not in [0, 1].
        CheckpointError: a checkpoint cannot be used, or the networks or the names of what they were trained on differ.
    """
    if not 0 <= alpha <= 1:
        raise ConfigError(f'alpha: expected a number in [0, 1], found {alpha}. 0 is the first run, 1 the second.')
    sources = [find_checkpoint(run, which) for run in (first, second)]
    checkpoint = read_checkpoint(sources[1])
    models = [load_method(sources[0], plugins)[0], load_method(sources[1], plugins, checkpoint)[0]]
    networks = _same_networks(models, sources)
    ends = [{key: value for key, value in model.state_dict().items()
             if isinstance(value, Tensor) and key.split('.')[0] in networks} for model in models]
    check_fit(ends[1], ends[0], f'{sources[0]} does not fit {sources[1]}:', str(sources[0]), 'num_batches_tracked')
    state = {key: _between(ends[0].get(key), value, alpha) for key, value in ends[1].items()}
    meta = {'iter': 0, 'source': f'{1 - alpha:g} * {sources[0]} + {alpha:g} * {sources[1]}'}
    if (present := checkpoint.get('meta', {}).get('networks')) is not None:
        meta['networks'] = present
    kept: dict[str, Any] = {key: checkpoint[key] for key in ('config', 'facts') if key in checkpoint}
    write_checkpoint({**kept, 'meta': meta, 'state_dict': {**checkpoint['state_dict'], **state}}, Path(destination))
    return Path(destination)


def _between(first: Tensor | None, second: Tensor, alpha: float) -> Tensor:
    """Weights in double precision, so that both ends are met exactly; counters are those of the second."""
    if first is None or not second.is_floating_point():
        return second
    return torch.lerp(first.double(), second.double(), alpha).to(second.dtype)


def _same_networks(models: Sequence[Method], sources: Sequence[Path]) -> set[str]:
    """The networks that make something in both; their shapes are compared later."""
    found = [_makers(model) for model in models]
    if found[0] != found[1]:
        raise CheckpointError(f'{sources[0]} makes images with {sorted(found[0])}, {sources[1]} with '
                              f'{sorted(found[1])}: only weights of the same networks can be interpolated.')
    for name in sorted(found[0]):
        ours, theirs = (_config_of(model, name) for model in models)
        if differing := sorted(key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)):
            listed = '\n'.join(f'  model.{name}.{key}: {ours.get(key)!r} and {theirs.get(key)!r}' for key in differing)
            raise CheckpointError(f'{sources[0]} and {sources[1]} have other networks:\n{listed}')
    facts = [model.run_facts for model in models]
    if wrong := sorted(key for key in facts[0].keys() & facts[1].keys() if facts[0][key] != facts[1][key]
                      and key not in ('pixels', 'noise')):
        listed = '\n'.join(f'  {key}: {facts[0][key]} and {facts[1][key]}' for key in wrong)
        raise CheckpointError(f'{sources[0]} and {sources[1]} were trained on data of other kinds:\n{listed}')
    return found[0]


def _makers(model: Method) -> set[str]:
    present = model.network_names() if model.present is None else model.present
    return {name for direction in model.offered([*present]).values()
            for name in (*direction.nets, *(set(direction.also) & set(present)))}


def _config_of(model: Method, name: str) -> dict[str, Any]:
    """Arguments of a network, with those that its config leaves out."""
    given = model.run_config['model'][name]
    known, _ = parameters(find(registries_of(type(model))[name], given['type'], f'model.{name}'))
    defaults = {key: one.default for key, one in known.items() if one.default is not Parameter.empty}
    return {**defaults, **model.network_defaults(name), **given}
