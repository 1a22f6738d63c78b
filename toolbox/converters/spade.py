"""Networks of NVlabs/SPADE: arguments (the options of a run, ``opt``) and key names."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, nn

from ..backbones.spade import SPADEBlock
from ..errors import CheckpointError
from ..norms import NormFactory, make_map_norm
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import TRACKED, Recipe

BASES = {'syncbatch': 'SyncBN', 'batch': 'BN', 'instance': 'IN'}
NORMS = {'sync_batch': 'SyncBN', 'batch': 'BN', 'instance': 'IN', 'none': 'none', '': 'none'}
UPSAMPLINGS = {'normal': 5, 'more': 6, 'most': 7}
LAYER = {'param_free_norm': 'base', 'mlp_shared.0': 'shared', 'mlp_gamma': 'gamma', 'mlp_beta': 'beta'}
PARTS = {'conv_0': 'conv1', 'conv_1': 'conv2', 'conv_s': 'conv_s'}
BLOCKS = ('head_0', 'G_middle_0', 'G_middle_1', 'up_0', 'up_1', 'up_2', 'up_3', 'up_4')


def spade_norm(text: str, name: str) -> dict[str, Any]:
    """Our config of ``spade<norm><k>x<k>``; raises :class:`CheckpointError` for another text."""
    match = re.fullmatch(r'spade(syncbatch|batch|instance)(\d+)x(\d+)', text)
    if match is None or match[2] != match[3]:
        raise CheckpointError(f"{name}: expected spade{{{'|'.join(BASES)}}}{{k}}x{{k}}, found {text!r}.")
    return {'type': 'SPADE', 'base': BASES[match[1]], 'kernel_size': int(match[2])}


def plain_norm(text: str, name: str) -> dict[str, Any]:
    """Our config of ``spectral<norm>``; without the prefix the authors' code fails."""
    if (kind := text.removeprefix('spectral')) not in NORMS or kind == text:
        allowed = ', '.join(f'spectral{kind}' for kind in NORMS)
        raise CheckpointError(f'{name}: expected one of {allowed}, found {text!r}.')
    return {'type': NORMS[kind]}


def planes(args: dict[str, Any]) -> int:
    """Channels of the map."""
    if args['semantic_nc'] is not None:
        return int(args['semantic_nc'])
    return int(args['label_nc']) + bool(args['contain_dontcare_label']) + (not args['no_instance'])


def _layer(args: dict[str, Any]) -> Any:
    make = make_map_norm(spade_norm(args['config_text'], 'config_text'), args['label_nc'])
    return make(args['norm_nc'])


def _block_norm(args: dict[str, Any]) -> tuple[NormFactory, bool]:
    """The norm of SPADE's blocks, and whether their convolutions are normalised spectrally."""
    text = args['norm_G']
    norm = spade_norm(text.replace('spectral', ''), 'norm_G')
    return make_map_norm(norm, planes(args)), 'spectral' in text


def block_modules(prefix: str = '', ours: str = '') -> dict[str, str]:
    """A residual block; one without a change of width has no ``conv_s`` and ``norm_s``."""
    table = {f'{prefix}{official}': f'{ours}{own}' for official, own in PARTS.items()}
    for norm, own in {'norm_0': 'norm1', 'norm_1': 'norm2', 'norm_s': 'norm_s'}.items():
        table |= {f'{prefix}{norm}.{official}': f'{ours}{own}.{leaf}' for official, leaf in LAYER.items()}
    return table


def generator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official SPADEGenerator."""
    levels = args['num_upsampling_layers']
    if levels not in UPSAMPLINGS:
        raise CheckpointError(f'num_upsampling_layers: expected one of {", ".join(UPSAMPLINGS)}, found {levels!r}.')
    factor = 2 ** UPSAMPLINGS[levels]
    width = args['crop_size'] // factor
    size = [factor * round(width / args['aspect_ratio']), factor * width]
    return {'type': 'SPADEGenerator', 'in_channels': planes(args), 'out_channels': 3, 'base_channels': args['ngf'],
            'upsamplings': UPSAMPLINGS[levels], 'z_dim': args['z_dim'] if args['use_vae'] else 0, 'size': size,
            'norm': spade_norm(args['norm_G'].replace('spectral', ''), 'norm_G'),
            'spectral': 'spectral' in args['norm_G']}


def generator_modules(args: dict[str, Any]) -> dict[str, str]:
    """The blocks by their names, and the first and the last layer."""
    table = {'fc': 'start', 'conv_img': 'head'}
    for number, name in enumerate(BLOCKS):
        table |= block_modules(f'{name}.', f'blocks.{number}.')
    return table


def encoder_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official ConvEncoder, whose codes have 256 numbers whatever ``z_dim`` says."""
    return {'type': 'SPADEEncoder', 'in_channels': 3, 'base_channels': args['ngf'], 'z_dim': 256, 'size': 256,
            'norm': plain_norm(args['norm_E'], 'norm_E')}


def encoder_modules(args: dict[str, Any]) -> dict[str, str]:
    """Six convolutions with their norms, and two linear layers."""
    table = {'fc_mu': 'mu', 'fc_var': 'logvar'}
    conv = '' if _is_bare(args['norm_E']) else '.0'
    for i in range(6):
        table |= {f'layer{i + 1}{conv}': f'convs.{i}', f'layer{i + 1}.1': f'norms.{i}'}
    return table


def plus_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Pix2PixHDGenerator."""
    norm, sizes = plain_norm(args['norm_G'], 'norm_G'), {'resnet_kernel_size': 3, 'resnet_initial_kernel_size': 7}
    if norm['type'] == 'none':
        raise CheckpointError(f'norm_G: {args["norm_G"]!r}, a generator without norms, has no counterpart here.')
    for name, size in sizes.items():
        if args[name] != size:
            raise CheckpointError(f'{name}: {args[name]} has no counterpart here, only {size}.')
    return {'type': 'Pix2PixHDPlusGenerator', 'in_channels': planes(args), 'out_channels': args['output_nc'],
            'base_channels': args['ngf'], 'downs': args['resnet_n_downsample'], 'blocks': args['resnet_n_blocks'],
            'norm': norm}


def plus_modules(args: dict[str, Any]) -> dict[str, str]:
    """One flat Sequential of pairs (convolution, norm), activations, blocks and paddings."""
    downs, blocks = args['resnet_n_downsample'], args['resnet_n_blocks']
    first = 3 + 2 * downs
    pairs = {'model.1': 'stem', **{f'model.{3 + 2 * i}': f'down.{i}' for i in range(downs)},
             **{f'model.{first + blocks + 2 * i}': f'up.{i}' for i in range(downs)}}
    for i in range(blocks):
        pairs |= {f'model.{first + i}.conv_block.1': f'blocks.{i}.first',
                  f'model.{first + i}.conv_block.4': f'blocks.{i}.second'}
    table = {f'model.{first + blocks + 2 * downs + 1}': 'head'}
    for official, ours in pairs.items():
        table |= {f'{official}.0': f'{ours}.conv', f'{official}.1': f'{ours}.norm'}
    return table


class LogitsAlone(nn.Module):
    """A discriminator of several scales as the authors' without feature matching: lists of one tensor."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        return [scale[-1:] for scale in self.net(x)]


def discriminator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official MultiscaleDiscriminator."""
    if args['netD_subarch'] != 'n_layer':
        raise CheckpointError(f"netD_subarch: expected 'n_layer', found {args['netD_subarch']!r}.")
    channels = planes(args) + args['output_nc'] if args['D_input_nc'] is None else args['D_input_nc']
    return {'type': 'MultiscaleDiscriminator', 'in_channels': channels, 'base_channels': args['ndf'],
            'scales': args['num_D'], 'layers': args['n_layers_D'] - 1, 'norm': plain_norm(args['norm_D'], 'norm_D'),
            'spectral': True, 'bias': _is_bare(args['norm_D'])}


def discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    """By scale, one Sequential per layer, in which a norm is in a Sequential with its convolution."""
    table, last = {}, args['n_layers_D']
    prefix, conv, norm = 'net.' * args['no_ganFeat_loss'], '.0' if _is_bare(args['norm_D']) else '.0.0', '.0.1'
    for scale in range(args['num_D']):
        official, ours = f'discriminator_{scale}.model', f'{prefix}scales.{scale}.'
        table |= {f'{official}0.0': f'{ours}0.conv', f'{official}{last}.0': f'{ours}{last}'}
        for i in range(1, last):
            table |= {f'{official}{i}{conv}': f'{ours}{i}.conv', f'{official}{i}{norm}': f'{ours}{i}.norm'}
    return table


def _discriminator(args: dict[str, Any]) -> nn.Module:
    net: nn.Module = build(discriminator_config(args), DISCRIMINATORS)
    return LogitsAlone(net) if args['no_ganFeat_loss'] else net


def _is_bare(text: str) -> bool:
    """Whether convolutions have no norm, and so keep their bias."""
    return text.removeprefix('spectral') in ('', 'none')


def _has_no_statistics(key: str, args: dict[str, Any]) -> bool:
    """Instance norms of old files may have statistics, which were never used."""
    text = args.get('config_text') or args.get('norm_G', '')
    return 'spadeinstance' in text and '.param_free_norm.' in f'.{key}' and key.rpartition('.')[2] in TRACKED


# The official defaults of all options that say something about a network.
LABELS = {'label_nc': 182, 'contain_dontcare_label': False, 'no_instance': False, 'semantic_nc': None, 'output_nc': 3}
SPADES = {'ngf': 64, 'norm_G': 'spectralspadesyncbatch3x3'}
RECIPES = {
    'SPADE': Recipe(_layer, lambda args: LAYER, ('config_text', 'norm_nc', 'label_nc'), ignore=_has_no_statistics),
    'SPADEResnetBlock': Recipe(
        lambda args: SPADEBlock(args['fin'], args['fout'], *_block_norm(args)), lambda args: block_modules(),
        ('fin', 'fout'), {**LABELS, **SPADES}, _has_no_statistics, options=True),
    'SPADEGenerator': Recipe(
        lambda args: build(generator_config(args), BACKBONES), generator_modules, (),
        {**LABELS, **SPADES, 'num_upsampling_layers': 'normal', 'crop_size': 256, 'aspect_ratio': 1.0, 'use_vae': False,
         'z_dim': 256}, _has_no_statistics, options=True),
    'ConvEncoder': Recipe(lambda args: build(encoder_config(args), BACKBONES), encoder_modules, (),
                          {'ngf': 64, 'norm_E': 'spectralinstance'}, options=True),
    'Pix2PixHDGenerator': Recipe(
        lambda args: build(plus_config(args), BACKBONES), plus_modules, (),
        {**LABELS, 'ngf': 64, 'norm_G': 'spectralinstance', 'resnet_n_downsample': 4, 'resnet_n_blocks': 9,
         'resnet_kernel_size': 3, 'resnet_initial_kernel_size': 7}, options=True),
    'MultiscaleDiscriminator': Recipe(
        _discriminator, discriminator_modules, (),
        {**LABELS, 'D_input_nc': None, 'ndf': 64, 'num_D': 2, 'n_layers_D': 4, 'norm_D': 'spectralinstance',
         'netD_subarch': 'n_layer', 'no_ganFeat_loss': False}, options=True),
}
CONFIGS = {'SPADEGenerator': generator_config, 'ConvEncoder': encoder_config, 'Pix2PixHDGenerator': plus_config,
           'MultiscaleDiscriminator': discriminator_config}
