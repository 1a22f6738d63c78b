"""Networks of clovaai/stargan-v2."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..features.landmarks import SIDE, LandmarkNet, official_layers
from ..features.resize import bilinear
from ..layers.preactivation import ResBlock, StyledBlock
from ..norms import ADAIN, AFFINE_INSTANCE_NORM, make_norm
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe

SIZES = {'img_size': 256, 'max_conv_dim': 512, 'dim_in': None}  # dim_in is computed by the authors: 2 ** 14 // img_size


class HeatAndMasks(nn.Module):
    """The detector of landmarks with the input and the outputs of the official one: heat maps, then the two masks."""

    def __init__(self) -> None:
        super().__init__()
        self.net = LandmarkNet()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heat, outer, inner = self.net.eval()(bilinear(x, SIDE)).values()
        return heat, outer, inner


def _sized(args: dict[str, Any]) -> dict[str, Any]:
    return {'size': args['img_size'], 'max_channels': args['max_conv_dim'], 'base_channels': args['dim_in']}


def generator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Generator."""
    return {'type': 'StarGANv2Generator', 'style': args['style_dim'], 'high_pass': args['w_hpf'], **_sized(args)}


def mapping_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official MappingNetwork."""
    return {'type': 'MappingNetwork', 'latent': args['latent_dim'], 'style': args['style_dim'],
            'domains': args['num_domains'], 'hidden': args['hidden_dim']}


def encoder_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official StyleEncoder."""
    return {'type': 'StyleEncoder', 'style': args['style_dim'], 'domains': args['num_domains'], **_sized(args)}


def discriminator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Discriminator."""
    return {'type': 'StarGANv2Discriminator', 'domains': args['num_domains'], **_sized(args)}


def _block(official: str, ours: str, styled: bool = False) -> dict[str, str]:
    """The layers of one residual block; absent ones are never looked up."""
    leaf = ('.fc', '.style.linear') if styled else ('', '')
    names = {'conv1': 'conv1', 'conv2': 'conv2', 'conv1x1': 'shortcut',
             **{f'norm{i}{leaf[0]}': f'norm{i}{leaf[1]}' for i in (1, 2)}}
    return {f'{official}{theirs}': f'{ours}{mine}' for theirs, mine in names.items()}


def generator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Encoder and decoder have the same number of blocks."""
    table = {'from_rgb': 'stem', 'to_rgb.0': 'head_norm', 'to_rgb.2': 'head', 'hpf': 'high_pass'}
    for i in range(_levels(args) + 3):
        table |= _block(f'encode.{i}.', f'encode.{i}.') | _block(f'decode.{i}.', f'decode.{i}.', styled=True)
    return table


def mapping_modules(args: dict[str, Any]) -> dict[str, str]:
    """Linear layers at even indices."""
    layers = range(0, 8, 2)
    return {**{f'shared.{i}': f'shared.{i}' for i in layers},
            **{f'unshared.{d}.{i}': f'branches.{d}.{i}' for d in range(args['num_domains']) for i in layers}}


def _trunk(args: dict[str, Any], official: str) -> dict[str, str]:
    last = _levels(args) + 3  # blocks at 1 ... levels + 2, then an activation and the last convolution
    table = {f'{official}.0': 'trunk.0', f'{official}.{last + 1}': f'trunk.{last + 1}'}
    for i in range(1, last):
        table |= _block(f'{official}.{i}.', f'trunk.{i}.')
    return table


def encoder_modules(args: dict[str, Any]) -> dict[str, str]:
    """The trunk, and a linear layer per domain."""
    return _trunk(args, 'shared') | {f'unshared.{d}': f'branches.{d}' for d in range(args['num_domains'])}


def discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    """The trunk, and a 1x1 convolution."""
    return _trunk(args, 'main') | {f'main.{_levels(args) + 6}': 'head'}


def _levels(args: dict[str, Any]) -> int:
    return args['img_size'].bit_length() - 5 + (args.get('w_hpf', 0) > 0)


def _residual_block(args: dict[str, Any]) -> nn.Module:
    norm = make_norm(AFFINE_INSTANCE_NORM) if args['normalize'] else None
    return ResBlock(args['dim_in'], args['dim_out'], norm, args['downsample'])


def _styled_block(args: dict[str, Any]) -> nn.Module:
    norm = make_norm({**ADAIN, 'cond_channels': args['style_dim']}, conditional=True)
    return StyledBlock(args['dim_in'], args['dim_out'], norm, args['upsample'], not args['w_hpf'])


def _is_unused(key: str, args: dict[str, Any]) -> bool:
    """With the high-pass skip the official blocks of the decoder keep shortcuts that they never use."""
    return args['w_hpf'] > 0 and key.endswith('conv1x1.weight') and not key.startswith('encode')


RECIPES = {
    'ResBlk': Recipe(_residual_block, lambda args: _block('', ''), ('dim_in', 'dim_out'),
                     {'normalize': False, 'downsample': False}),
    'AdainResBlk': Recipe(_styled_block, lambda args: _block('', '', styled=True), ('dim_in', 'dim_out'),
                          {'style_dim': 64, 'w_hpf': 0, 'upsample': False}, _is_unused),
    'Generator': Recipe(lambda args: build(generator_config(args), BACKBONES), generator_modules, (),
                        {**SIZES, 'style_dim': 64, 'w_hpf': 1}, _is_unused),
    'MappingNetwork': Recipe(lambda args: build(mapping_config(args), BACKBONES), mapping_modules, (),
                             {'latent_dim': 16, 'style_dim': 64, 'num_domains': 2, 'hidden_dim': 512}),
    'StyleEncoder': Recipe(lambda args: build(encoder_config(args), BACKBONES), encoder_modules, (),
                           {**SIZES, 'style_dim': 64, 'num_domains': 2}),
    'FAN': Recipe(lambda args: HeatAndMasks(),
                  lambda args: {theirs: f'net.{ours}' for theirs, ours in official_layers().items()}, (),
                  {'num_modules': 1, 'end_relu': False, 'num_landmarks': 98}),
    'Discriminator': Recipe(lambda args: build(discriminator_config(args), DISCRIMINATORS), discriminator_modules, (),
                            {**SIZES, 'num_domains': 2}),
}
