"""An official file of DRIT -> the contents of one of our checkpoints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from ..files.foreign import load_state_dicts
from .base import convert, without_prefix
from .drit import CONFIGS, NAMES, RECIPES

JUDGES = tuple(name for name in NAMES if name.startswith('dis'))


def read_run(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of ``<epoch>.pth``, which holds all networks; the architecture is inferred from the weights.

    Args:
        family: 'drit'.
        src: the file, or its folder.
        epoch: which file of a folder: 'latest' (``last.pth``, or the last epoch), or the epoch.

    Returns:
        ``dict(config, state_dict, networks, files)``.

    Raises:
        CheckpointError: the file is missing, unreadable or of another architecture.
    """
    path = _file(src, epoch)
    states = {name: without_prefix(state, 'module.') for name, state in
              load_state_dicts(path, NAMES, optional=JUDGES).items()}
    model: dict[str, Any] = {'type': 'DRIT'}
    weights: dict[str, Tensor] = {}
    for official, state in states.items():
        cls, args = infer(official, state, f'{path}: {official}')
        recipe, name = RECIPES[cls], NAMES[official]
        net = convert(recipe, args, state, f'{path}: {official} ({cls})')
        model[name] = CONFIGS[cls](recipe.complete({**recipe.infer(state), **args}, official))
        weights |= {f'{name}.{key.removeprefix("net.")}': value for key, value in net.state_dict().items()}
    for official in set(JUDGES) - states.keys():
        model[NAMES[official]] = {'type': 'MultiscaleLogits', 'slope': 0.01} if official != 'disContent' else {
            'type': 'ContentDiscriminator', 'in_channels': 4 * model['content']['base_channels']}
    return {'config': {'model': model}, 'state_dict': weights, 'networks': sorted(NAMES[name] for name in states),
            'files': [path.name]}


def _file(src: Path, epoch: str) -> Path:
    if src.is_file():
        return src
    found = sorted((int(m[1]), path) for path in (src.iterdir() if src.is_dir() else ())
                   if (m := re.fullmatch(r'(\d+)\.pth', path.name)))
    chosen = [path for number, path in found if epoch == 'latest' or str(number) == (epoch.lstrip('0') or '0')]
    if epoch == 'latest' and (src / 'last.pth').is_file():
        chosen.append(src / 'last.pth')
    if not chosen:
        epochs = ', '.join(str(number) for number, _ in found) or 'none'
        raise CheckpointError(f'{src}: holds no <epoch>.pth of epoch {epoch!r}. Epochs there: {epochs}.')
    return chosen[-1]


def infer(name: str, state: dict[str, Tensor], where: str) -> tuple[str, dict[str, Any]]:
    """Class and arguments of the official network of this name that these weights belong to.

    Raises:
        CheckpointError: layers are missing.
    """
    try:
        return _infer(name, state)
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(f'{where}: not a network of DRIT: it has no layer {error}.') from error


def _infer(name: str, state: dict[str, Tensor]) -> tuple[str, dict[str, Any]]:
    shapes = {key: value.shape for key, value in state.items()}

    def images(kind: str, first: str, axis: int) -> dict[str, Any]:
        return {f'{kind}put_dim_{d.lower()}': shapes[first.format(d=d, low=d.lower())][axis] for d in 'AB'}

    if name == 'enc_c':
        return 'E_content', {**images('in', 'conv{d}.0.model.1.weight', 1), 'ch': shapes['convA.0.model.1.weight'][0]}
    if name == 'enc_a':
        concat = 'fc_A.0.weight' in shapes
        first = 'conv_{d}.1.weight' if concat else 'model_{low}.1.weight'
        last = 'fc_A.0.weight' if concat else 'model_a.16.weight'
        return 'E_attr_concat' if concat else 'E_attr', {
            **images('in', first, 1), 'output_nc': shapes[last][0], 'ch': shapes[first.format(d='A', low='a')][0]}
    if name == 'gen' and 'mlpA.0.weight' in shapes:
        return 'G', {**images('out', 'dec{d}5.2.weight', 1), 'nz': shapes['mlpA.0.weight'][1],
                     'ch': shapes['decA1.conv1.0.1.weight'][0] // 4}
    if name == 'gen':
        width = shapes['dec_share.0.model.1.weight'][0]
        return 'G_concat', {**images('out', 'dec{d}4.0.weight', 1), 'nz': shapes['decA1.0.model.1.weight'][0] - width,
                            'ch': width // 4}
    if name == 'disContent':
        return 'Dis_content', {'ch': shapes['model.0.model.1.weight'][0] // 4}
    several = any(key.startswith('Diss.') for key in shapes)
    first = 'Diss.0.0.model.1.weight' if several else 'model.0.model.1.weight'
    spectral = f'{first}_orig' in shapes
    width, channels = shapes[f'{first}_orig' if spectral else first][:2]
    args = {'input_dim': channels, 'ch': width, 'sn': spectral}
    if not several:
        return 'Dis', args
    places = {tuple(key.split('.')[1:3]) for key in shapes}
    scales = len({scale for scale, _ in places})
    return 'MultiScaleDis', {**args, 'n_scale': scales, 'n_layer': len(places) // scales - 1}
