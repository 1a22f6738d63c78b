"""SRResNets of the known implementations; there is no official code. Names and layers are those of their classes.

- ``GeneratorResNet`` of eriklindernoren/PyTorch-GAN, which works on images less ImageNet's mean, over its deviation;
- ``SRResNet`` and ``Discriminator`` of Lornatang/SRGAN-PyTorch, which work on [0, 1].
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..backbones.srresnet import FACTORS
from ..errors import CheckpointError
from ..files.foreign import load_state_dict
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe, convert, without_prefix

# A BatchNorm2d(channels, 0.8), whose second argument is taken for the momentum there.
BN_OF_PYTORCH_GAN = {'type': 'BN', 'eps': 0.8}


def pytorch_gan_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of a GeneratorResNet."""
    return {'type': 'SRResNet', 'in_channels': args['in_channels'], 'out_channels': args['out_channels'],
            'base_channels': 64, 'blocks': args['n_residual_blocks'], 'norm': BN_OF_PYTORCH_GAN,
            'upsample_norm': {'type': 'BN'}, 'bias': True, 'reads': 'imagenet', 'writes': 'imagenet', 'output': 'tanh'}


def _pytorch_gan_modules(args: dict[str, Any]) -> dict[str, str]:
    table = {'conv1.0': 'stem', 'conv1.1': 'act', 'conv2.0': 'fuse', 'conv2.1': 'fuse_norm', 'conv3.0': 'head'}
    table |= _blocks(args['n_residual_blocks'], 'res_blocks.{}.conv_block.{}')
    for i in range(2):
        table |= {f'upsampling.{4 * i + j}': f'up.{i}.{ours}' for j, ours in ((0, 'conv'), (1, 'norm'), (3, 'act'))}
    return table


def lornatang_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an SRResNet."""
    return {'type': 'SRResNet', 'in_channels': args['in_channels'], 'out_channels': args['out_channels'],
            'base_channels': args['channels'], 'blocks': args['num_rcb'], 'scale': args['upscale_factor'],
            'norm': {'type': 'BN'}, 'reads': 'unit', 'writes': 'unit', 'output': 'clamp'}


def _lornatang_modules(args: dict[str, Any]) -> dict[str, str]:
    table = {'conv1.0': 'stem', 'conv1.1': 'act', 'conv2.0': 'fuse', 'conv2.1': 'fuse_norm', 'conv3': 'head'}
    table |= _blocks(args['num_rcb'], 'trunk.{}.rcb.{}')
    for i in range(len(FACTORS[args['upscale_factor']])):
        table |= {f'upsampling.{i}.upsample_block.0': f'up.{i}.conv', f'upsampling.{i}.upsample_block.2': f'up.{i}.act'}
    return table


def _blocks(count: int, official: str) -> dict[str, str]:
    return {official.format(block, i): f'blocks.{block}.{ours}' for block in range(count)
            for i, ours in enumerate(('conv1', 'norm1', 'act', 'conv2', 'norm2'))}


def _first_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Lornatang's first version called its outer layers conv_block1 to conv_block3."""
    return {key.replace('conv_block', 'conv', 1) if key.startswith('conv_block') else key: value
            for key, value in state.items()}


def _discriminator(args: dict[str, Any]) -> nn.Module:
    return build({'type': 'SRGANDiscriminator'}, DISCRIMINATORS)


def _discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    table = {'features.0': 'body.0.conv', 'classifier.0': 'hidden', 'classifier.2': 'logit'}
    for i in range(1, 8):
        table |= {f'features.{3 * i - 1}': f'body.{i}.conv', f'features.{3 * i}': f'body.{i}.norm'}
    return table


def _raw(config: dict[str, Any]) -> nn.Module:
    """Without a change of intervals: the network takes and gives the numbers of the official one."""
    return build({**config, 'images': config['reads']}, BACKBONES)


CONFIGS = {'GeneratorResNet': pytorch_gan_config, 'SRResNet': lornatang_config}
RECIPES = {
    'GeneratorResNet': Recipe(lambda args: _raw(pytorch_gan_config(args)), _pytorch_gan_modules, (),
                              {'in_channels': 3, 'out_channels': 3, 'n_residual_blocks': 16}),
    'SRResNet': Recipe(lambda args: _raw(lornatang_config(args)), _lornatang_modules, (),
                       {'in_channels': 3, 'out_channels': 3, 'channels': 64, 'num_rcb': 16, 'upscale_factor': 4},
                       read=_first_names),
    'Discriminator': Recipe(_discriminator, _discriminator_modules, ())}


def read_file(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of a file with an SRResNet; which one is inferred from the weights.

    Args:
        family: 'srgan'.
        src: the file; of a checkpoint with more in it, the averaged weights if there are some.
        epoch: ignored.

    Returns:
        ``dict(config, state_dict, networks, files)``.

    Raises:
        CheckpointError: the file is missing, unreadable or of another architecture.
    """
    state = _first_names(without_prefix(load_state_dict(src, ('ema_state_dict', 'state_dict')), 'module.'))
    cls, args = infer(state, str(src))
    net = convert(RECIPES[cls], args, state, f'{src} ({cls})')
    return alone(CONFIGS[cls](args), net, src)


def alone(config: dict[str, Any], G: nn.Module, src: Path) -> dict[str, Any]:
    """A generator as a checkpoint of SRGAN without a discriminator."""
    model = {'type': 'SRGAN', 'G': config, 'w_rec': 1.0, 'w_content': 0.0}
    return {'config': {'model': model}, 'state_dict': {f'G.{key}': value for key, value in G.state_dict().items()},
            'networks': ['G'], 'files': [src.name]}


def infer(state: dict[str, Tensor], where: str) -> tuple[str, dict[str, Any]]:
    """Class and arguments of the network that these weights belong to.

    Raises:
        CheckpointError: layers are missing.
    """
    try:
        channels, in_channels = state['conv1.0.weight'].shape[:2]
        if blocks := counted(state, r'res_blocks\.(\d+)\.'):
            return 'GeneratorResNet', {'in_channels': in_channels, 'out_channels': state['conv3.0.weight'].shape[0],
                                       'n_residual_blocks': blocks}
        shuffles = counted(state, r'upsampling\.(\d+)\.')
        scale = 3 if shuffles == 1 and len(state['upsampling.0.upsample_block.0.weight']) == 9 * channels else (
            2 ** shuffles)
        return 'SRResNet', {'in_channels': in_channels, 'out_channels': state['conv3.weight'].shape[0],
                            'channels': channels, 'num_rcb': counted(state, r'trunk\.(\d+)\.'),
                            'upscale_factor': scale}
    except KeyError as error:
        raise CheckpointError(f'{where}: neither a GeneratorResNet of PyTorch-GAN nor an SRResNet of Lornatang: it has '
                              f'no layer {error}.') from error


def counted(state: dict[str, Tensor], pattern: str) -> int:
    """How many different numbers the keys have in a place."""
    return len({match[1] for key in state if (match := re.match(pattern, key))})
