"""Official files of a CycleGAN or pix2pix run -> the contents of one of our checkpoints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..files.foreign import load_state_dict
from .base import Recipe, convert, without_prefix
from .cyclegan import RECIPES, config_of, infer

# The official G_A translates A to B and D_A judges domain B; ours are named after what they make and judge.
CYCLEGAN_NAMES = {'G_A': 'G_AB', 'G_B': 'G_BA', 'D_A': 'D_B', 'D_B': 'D_A'}
PIX2PIX_NAMES = {'G': 'G', 'D': 'D'}
LIGHTNESS_TO_COLOURS = (1, 2)  # channels of G in `--model colorization`, which nothing else has
OFFICIAL_SIDE = 256  # of the photographs that these networks were trained on
FILE = re.compile(r'(?P<epoch>.+)_net_(?P<net>[GD](_[AB])?)\.pth')


def read_run(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config, networks and their weights of an official file or folder.

    Args:
        family: 'cyclegan' or 'pix2pix'; it decides how a single generator (``latest_net_G.pth``) is read.
        src: one ``*_net_G*.pth``, or the folder of a run.
        epoch: which files of the folder: 'latest', '200', 'iter_10000', ...

    Returns:
        ``dict(config, state_dict, networks, files)``; ``networks`` lists those with weights.

    Raises:
        CheckpointError: files are missing, unreadable or of another architecture.
    """
    files = _files(src, epoch)
    pix2pix = set(files) == {'G', 'D'} or (set(files) == {'G'} and family == 'pix2pix')
    if set(files) == {'G'} and not pix2pix:
        files = {'G_A': files['G']}
    names = PIX2PIX_NAMES if pix2pix else CYCLEGAN_NAMES
    if not set(files) <= set(names) or not any(net.startswith('G') for net in files):
        found = ', '.join(path.name for path in files.values())
        raise CheckpointError(f'{src}: cannot make a model of {found}. Expected <epoch>_net_G_A.pth, G_B, D_A, D_B of a'
                              ' CycleGAN, or <epoch>_net_G.pth and D of a pix2pix; at least one generator.')
    networks: dict[str, dict[str, Any]] = {}
    state: dict[str, Any] = {}
    for net, path in files.items():
        networks[names[net]], weights = _convert_file(path, unet_dropout=pix2pix)
        state |= {f'{names[net]}.{key}': value for key, value in weights.items()}
    model = _complete_pix2pix(networks) if pix2pix else _complete_cyclegan(networks)
    return {'config': {'model': model}, 'state_dict': state, 'networks': sorted(networks),
            'files': sorted(path.name for path in files.values())}


def _files(src: Path, epoch: str) -> dict[str, Path]:
    """Official network name -> file."""
    if src.is_file():
        match = FILE.fullmatch(src.name)
        return {match['net'] if match else 'G': src}
    if not src.is_dir():
        raise CheckpointError(f'{src}: no such file or folder.')
    matches = [m for m in (FILE.fullmatch(path.name) for path in sorted(src.iterdir())) if m]
    found = {m['net']: src / m[0] for m in matches if m['epoch'] == epoch}
    if not found:
        epochs = ', '.join(sorted({m['epoch'] for m in matches})) or 'none'
        raise CheckpointError(f'{src}: holds no {epoch}_net_*.pth. Epochs in this folder: {epochs}.')
    return found


def _convert_file(path: Path, unet_dropout: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our config and our weights of the network in one official file."""
    state = without_prefix(load_state_dict(path), 'module.')
    cls, args = infer(state, str(path), unet_dropout)
    recipe: Recipe = RECIPES[cls]
    net = convert(recipe, args, state, f'{path} ({cls})')
    return config_of(cls, args), dict(net.state_dict())


def _discriminator(channels: int, generator: dict[str, Any]) -> dict[str, Any]:
    """The official default, for a run without files of its discriminators."""
    return {'type': 'PatchDiscriminator', 'in_channels': channels, 'base_channels': 64, 'layers': 3,
            'norm': generator['norm']}


def _complete_cyclegan(networks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Model config; networks without a file mirror those that have one."""
    forward = networks.get('G_AB') or _mirrored(networks['G_BA'])
    backward = networks.get('G_BA') or _mirrored(forward)
    missing = {'D_A': _discriminator(forward['in_channels'], forward),
               'D_B': _discriminator(forward['out_channels'], forward)}
    model: dict[str, Any] = {'type': 'CycleGAN', 'G_AB': forward, 'G_BA': backward, **missing,
             **{name: cfg for name, cfg in networks.items() if name.startswith('D')}}
    if forward['in_channels'] != forward['out_channels']:  # no identity loss between domains with different channels
        model |= {'w_identity_A': 0.0, 'w_identity_B': 0.0}
    return model


def _mirrored(generator: dict[str, Any]) -> dict[str, Any]:
    return {**generator, 'in_channels': generator['out_channels'], 'out_channels': generator['in_channels']}


def _complete_pix2pix(networks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    generator = networks['G']
    channels = generator['in_channels'] + generator['out_channels']
    model: dict[str, Any] = {'type': 'Pix2Pix', 'G': generator,
                             'D': networks.get('D') or _discriminator(channels, generator)}
    if (generator['in_channels'], generator['out_channels']) == LIGHTNESS_TO_COLOURS:
        model |= {'type': 'Colorization', 'side': OFFICIAL_SIDE}
    return model
