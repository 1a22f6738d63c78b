"""Networks of yunjey/stargan."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe

# The authors' layers have running statistics, which their code never uses: it never calls eval().
TRACKING_IN = {'type': 'IN', 'affine': True, 'track_running_stats': True}


def generator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Generator."""
    return {'type': 'StarGANGenerator', 'base_channels': args['conv_dim'], 'labels': args['c_dim'],
            'blocks': args['repeat_num']}


def _generator(args: dict[str, Any]) -> nn.Module:
    return build({**generator_config(args), 'norm': TRACKING_IN}, BACKBONES)


def generator_modules(args: dict[str, Any]) -> dict[str, str]:
    """One flat Sequential."""
    n = args['repeat_num']
    layers = {0: 'stem', 3: 'down.0', 6: 'down.1', 9 + n: 'up.0', 12 + n: 'up.1'}
    table = {f'main.{15 + n}': 'head'}
    for index, ours in layers.items():
        table |= {f'main.{index}': f'{ours}.conv', f'main.{index + 1}': f'{ours}.norm'}
    inside = {0: 'conv1', 1: 'norm1', 3: 'conv2', 4: 'norm2'}
    for block in range(n):
        table |= {f'main.{9 + block}.main.{i}': f'blocks.{block}.{ours}' for i, ours in inside.items()}
    return table


def discriminator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Discriminator."""
    return {'type': 'StarGANDiscriminator', 'size': args['image_size'], 'base_channels': args['conv_dim'],
            'labels': args['c_dim'], 'layers': args['repeat_num']}


def discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Convolutions and activations alternate."""
    trunk = {f'main.{2 * i}': f'trunk.{2 * i}' for i in range(args['repeat_num'])}
    return {'conv1': 'source', 'conv2': 'domain', **trunk}


RECIPES = {
    'Generator': Recipe(_generator, generator_modules, (), {'conv_dim': 64, 'c_dim': 5, 'repeat_num': 6}),
    'Discriminator': Recipe(lambda args: build(discriminator_config(args), DISCRIMINATORS), discriminator_modules, (),
                            {'image_size': 128, 'conv_dim': 64, 'c_dim': 5, 'repeat_num': 6}),
}
