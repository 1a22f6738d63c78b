"""Networks of martinarjovsky/WassersteinGAN (models/dcgan.py)."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..layers.trunks import doublings
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe


def _generator(args: dict[str, Any]) -> nn.Module:
    return build({'type': 'DCGANGenerator', 'z_dim': args['nz'], 'out_channels': args['nc'],
                  'base_channels': args['ngf'], 'size': args['isize'], 'extra_layers': args['n_extra_layers']},
                 BACKBONES)


def _critic(args: dict[str, Any]) -> nn.Module:
    return build({'type': 'DCGANDiscriminator', 'in_channels': args['nc'], 'base_channels': args['ndf'],
                  'size': args['isize'], 'extra_layers': args['n_extra_layers']}, DISCRIMINATORS)


def _extra(args: dict[str, Any], width: int) -> list[tuple[str, str]]:
    return [(f'extra-layers-{i}:{width}:conv', f'extra-layers-{i}:{width}:batchnorm')
            for i in range(args['n_extra_layers'])]


def _modules(layers: list[tuple[str, str]], final: str) -> dict[str, str]:
    """The official names contain the widths; ours are indices in ``body``."""
    named = {final: 'head'}
    for i, (conv, norm) in enumerate(layers):
        named |= {conv: f'body.{i}.conv', norm: f'body.{i}.norm'}
    return {f'main.{name}': ours for name, ours in named.items() if name}


def _generator_modules(args: dict[str, Any]) -> dict[str, str]:
    width = args['ngf'] * 2 ** (doublings(args['isize']) - 1)
    layers = [(f'initial:{args["nz"]}-{width}:convt', f'initial:{width}:batchnorm')]
    while width > args['ngf']:
        layers.append((f'pyramid:{width}-{width // 2}:convt', f'pyramid:{width // 2}:batchnorm'))
        width //= 2
    return _modules(layers + _extra(args, width), f'final:{width}-{args["nc"]}:convt')


def _critic_modules(args: dict[str, Any]) -> dict[str, str]:
    width = args['ndf']
    layers = [(f'initial:{args["nc"]}-{width}:conv', ''), *_extra(args, width)]
    for _ in range(doublings(args['isize']) - 1):
        layers.append((f'pyramid:{width}-{2 * width}:conv', f'pyramid:{2 * width}:batchnorm'))
        width *= 2
    return _modules(layers, f'final:{width}-1:conv')


_SHARED = ('isize', 'nz', 'nc')
RECIPES = {
    'DCGAN_G': Recipe(_generator, _generator_modules, (*_SHARED, 'ngf'), dict(ngpu=1, n_extra_layers=0)),
    'DCGAN_D': Recipe(_critic, _critic_modules, (*_SHARED, 'ndf'), dict(ngpu=1, n_extra_layers=0))}
