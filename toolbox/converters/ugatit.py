"""Networks of znxlwm/UGATIT-pytorch, and its checkpoints."""

from __future__ import annotations

import glob
import math
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError
from ..files.foreign import load_state_dicts
from ..norms import ILN, AdaLIN
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe, convert, without_prefix

# The official networks -> ours.
NAMES = {'genA2B': 'G_AB', 'genB2A': 'G_BA', 'disGA': 'D_GA', 'disGB': 'D_GB', 'disLA': 'D_LA', 'disLB': 'D_LB'}


class SplitCondition(nn.Module):
    """A conditional norm with the official signature ``norm(x, gamma, beta)``, both ``(N, C)``."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return self.norm(x, torch.cat([gamma, beta], dim=1))


def _adalin(args: dict[str, Any]) -> nn.Module:
    return SplitCondition(AdaLIN(args['num_features'], eps=args['eps']))


def generator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official ResnetGenerator."""
    return {'type': 'UGATITGenerator', 'in_channels': args['input_nc'], 'out_channels': args['output_nc'],
            'base_channels': args['ngf'], 'blocks': args['n_blocks'], 'image_size': args['img_size'],
            'light': args['light']}


def generator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Two Sequentials, and single modules."""
    table = {'DownBlock.1': 'stem.conv', 'DownBlock.5': 'down.0.conv', 'DownBlock.9': 'down.1.conv',
             'gap_fc': 'cam.average', 'gmp_fc': 'cam.maximum', 'conv1x1': 'cam.merge',
             'FC.0': 'style.fc1', 'FC.2': 'style.fc2', 'gamma': 'style.gamma', 'beta': 'style.beta',
             'UpBlock2.2': 'up.0.conv.1', 'UpBlock2.3': 'up.0.norm', 'UpBlock2.7': 'up.1.conv.1',
             'UpBlock2.8': 'up.1.norm', 'UpBlock2.11': 'head'}
    for block in range(args['n_blocks']):
        table |= {f'DownBlock.{12 + block}.conv_block.{1 + 4 * i}': f'blocks.{block}.conv{1 + i}' for i in range(2)}
        table |= {f'UpBlock1_{1 + block}.{name}': f'styled.{block}.{name}'
                  for name in ('conv1', 'conv2', 'norm1', 'norm2')}
    return table


def discriminator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Discriminator."""
    return {'type': 'UGATITDiscriminator', 'in_channels': args['input_nc'], 'base_channels': args['ndf'],
            'layers': args['n_layers'] - 2}


def discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Padding, convolution and activation, repeated."""
    table = {'gap_fc': 'cam.average', 'gmp_fc': 'cam.maximum', 'conv1x1': 'cam.merge', 'conv': 'head'}
    return table | {f'model.{1 + 3 * i}': f'convs.{i}' for i in range(args['n_layers'] - 1)}


CONFIGS = {'ResnetGenerator': generator_config, 'Discriminator': discriminator_config}
RECIPES = {
    'adaILN': Recipe(_adalin, lambda args: {'': 'norm'}, ('num_features',), {'eps': 1e-5}),
    'ILN': Recipe(lambda args: ILN(args['num_features'], eps=args['eps']), lambda args: {'': ''}, ('num_features',),
                  {'eps': 1e-5}),
    'ResnetGenerator': Recipe(
        lambda args: build(generator_config(args), BACKBONES), generator_modules, ('input_nc', 'output_nc'),
        {'ngf': 64, 'n_blocks': 6, 'img_size': 256, 'light': False}),
    'Discriminator': Recipe(
        lambda args: build(discriminator_config(args), DISCRIMINATORS), discriminator_modules, ('input_nc',),
        {'ndf': 64, 'n_layers': 5}),
}


def read_run(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of an official ``<dataset>_params_<step>.pt``; the architecture is inferred from the weights.

    Args:
        family: 'ugatit'.
        src: the file, or its folder.
        epoch: which file of a folder: 'latest' or the step.

    Returns:
        ``dict(config, state_dict, networks, files)``.

    Raises:
        CheckpointError: the file is missing, unreadable or of another architecture.
    """
    path = _file(src, epoch)
    states = {name: without_prefix(state, 'module.') for name, state in load_state_dicts(path, NAMES).items()}
    model: dict[str, Any] = {'type': 'UGATIT'}
    weights: dict[str, Any] = {}
    for official, state in states.items():
        cls, args = infer(state, f'{path}: {official}')
        net = convert(RECIPES[cls], args, state, f'{path}: {official} ({cls})')
        model[NAMES[official]] = CONFIGS[cls](args)
        weights |= {f'{NAMES[official]}.{key}': value for key, value in net.state_dict().items()}
    return {'config': {'model': model}, 'state_dict': weights, 'networks': sorted(NAMES.values()), 'files': [path.name]}


def _file(src: Path, epoch: str) -> Path:
    if src.is_file():
        return src
    found = sorted((int(m[1]), path) for path in src.glob('*_params_*.pt')
                   if (m := re.fullmatch(r'.*_params_(\d+)', path.stem)))
    chosen = [path for step, path in found if epoch in ('latest', str(step))]
    chosen = chosen or sorted(src.glob(f"*_params_{glob.escape(epoch)}.pt"))  # some write a file called "latest"
    if not chosen:
        steps = ', '.join(str(step) for step, _ in found) or 'none'
        raise CheckpointError(f'{src}: no <dataset>_params_<step>.pt of step {epoch!r} there. Steps found: {steps}.')
    return chosen[-1]


def infer(state: dict[str, Tensor], where: str) -> tuple[str, dict[str, Any]]:
    """Class and arguments of the official network that these weights belong to.

    Raises:
        CheckpointError: layers are missing.
    """
    try:
        if 'FC.0.weight' in state:
            return 'ResnetGenerator', _infer_generator(state)
        convs = [key for key in state if re.fullmatch(r'model\.\d+\.weight_orig', key)]
        ndf, input_nc = state['model.1.weight_orig'].shape[:2]
        return 'Discriminator', {'input_nc': input_nc, 'ndf': ndf, 'n_layers': len(convs) + 1}
    except KeyError as error:
        raise CheckpointError(f'{where}: not a network of U-GAT-IT: it has no layer {error}.') from error


def _infer_generator(state: dict[str, Tensor]) -> dict[str, Any]:
    ngf, input_nc = state['DownBlock.1.weight'].shape[:2]
    blocks = {m[1] for key in state if (m := re.match(r'UpBlock1_(\d+)\.', key))}
    inputs = state['FC.0.weight'].shape[1] // (4 * ngf)
    light = inputs == 1
    return {'input_nc': input_nc, 'output_nc': state['UpBlock2.11.weight'].shape[0], 'ngf': ngf,
            'n_blocks': len(blocks), 'img_size': 256 if light else 4 * math.isqrt(inputs), 'light': light}
