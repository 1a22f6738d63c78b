"""Networks of junyanz/pytorch-CycleGAN-and-pix2pix: arguments, key names, and recognising the network of a file."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from ..errors import CheckpointError, nearest
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import TRACKED, Recipe

NORM_TYPES = {'instance': 'IN', 'batch': 'BN', 'none': 'none'}


def norm_of(args: dict[str, Any]) -> dict[str, str]:
    """Our config of an official norm."""
    if args['norm'] not in NORM_TYPES:
        raise CheckpointError(f"norm: expected one of {', '.join(map(repr, NORM_TYPES))}, found {args['norm']!r}."
                              f"{nearest(args['norm'], NORM_TYPES)}")
    return {'type': NORM_TYPES[args['norm']]}


def _dropout(args: dict[str, Any]) -> float:
    return 0.5 if args['use_dropout'] else 0.0


def is_instance_statistic(key: str, args: dict[str, Any]) -> bool:
    """Files of 2017 hold the running statistics of instance norms, which were never used."""
    return args['norm'] == 'instance' and key.rpartition('.')[2] in TRACKED


def resnet_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official ResnetGenerator."""
    return {'type': 'ResnetGenerator', 'in_channels': args['input_nc'], 'out_channels': args['output_nc'],
            'base_channels': args['ngf'], 'blocks': args['n_blocks'], 'norm': norm_of(args),
            'padding': args['padding_type'], 'dropout': _dropout(args)}


def resnet_modules(args: dict[str, Any]) -> dict[str, str]:
    """One flat Sequential; inside a block, zero padding and no dropout each remove a module."""
    n = args['n_blocks']
    tops = {1: 'stem', 4: 'down.0', 7: 'down.1', 10 + n: 'up.0', 13 + n: 'up.1'}
    table = {f'model.{17 + n}': 'head'}
    for index, ours in tops.items():
        table |= {f'model.{index}': f'{ours}.conv', f'model.{index + 1}': f'{ours}.norm'}
    pad = 0 if args['padding_type'] == 'zero' else 1
    second = pad + 3 + bool(args['use_dropout']) + pad
    inside = {pad: 'conv1', pad + 1: 'norm1', second: 'conv2', second + 1: 'norm2'}
    for block in range(n):
        table |= {f'model.{10 + block}.conv_block.{i}': f'blocks.{block}.{ours}' for i, ours in inside.items()}
    return table


def unet_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official UnetGenerator."""
    return {'type': 'UnetGenerator', 'in_channels': args['input_nc'], 'out_channels': args['output_nc'],
            'downs': args['num_downs'], 'base_channels': args['ngf'], 'norm': norm_of(args), 'dropout': _dropout(args)}


def unet_level(level: int) -> str:
    """Path of the Sequential of one level; every level is nested in the next outer one."""
    return 'model.model' + '.1.model' * (level > 0) + '.3.model' * (level - 1)


def unet_modules(args: dict[str, Any]) -> dict[str, str]:
    """The levels from the outermost to the innermost."""
    last = args['num_downs'] - 1
    table = {'model.model.0': 'down.0.conv', 'model.model.3': 'up.0.conv'}
    for level in range(1, last):
        at = unet_level(level)
        table |= {f'{at}.1': f'down.{level}.conv', f'{at}.2': f'down.{level}.norm',
                  f'{at}.5': f'up.{level}.conv', f'{at}.6': f'up.{level}.norm'}
    at = unet_level(last)
    return table | {f'{at}.1': f'down.{last}.conv', f'{at}.3': f'up.{last}.conv', f'{at}.4': f'up.{last}.norm'}


def patch_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official NLayerDiscriminator."""
    return {'type': 'PatchDiscriminator', 'in_channels': args['input_nc'], 'base_channels': args['ndf'],
            'layers': args['n_layers'], 'norm': norm_of(args)}


def patch_modules(args: dict[str, Any]) -> dict[str, str]:
    """Convolutions at 0, 2, 5, 8, ..., each but the first and the last followed by its norm."""
    n = args['n_layers']
    table = {'model.0': 'stem', f'model.{3 * n + 2}': 'head'}
    for block in range(n):
        table |= {f'model.{3 * block + 2}': f'blocks.{block}.conv', f'model.{3 * block + 3}': f'blocks.{block}.norm'}
    return table


def pixel_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official PixelDiscriminator."""
    return {'type': 'PixelDiscriminator', 'in_channels': args['input_nc'], 'base_channels': args['ndf'],
            'norm': norm_of(args)}


def pixel_modules(args: dict[str, Any]) -> dict[str, str]:
    """Four modules with weights."""
    return {'net.0': 'stem', 'net.2': 'block.conv', 'net.3': 'block.norm', 'net.5': 'head'}


CONFIGS = {'ResnetGenerator': resnet_config, 'UnetGenerator': unet_config, 'NLayerDiscriminator': patch_config,
           'PixelDiscriminator': pixel_config}
RECIPES = {
    'ResnetGenerator': Recipe(
        lambda args: build(resnet_config(args), BACKBONES), resnet_modules, ('input_nc', 'output_nc'),
        {'ngf': 64, 'norm': 'batch', 'use_dropout': False, 'n_blocks': 6, 'padding_type': 'reflect'},
        is_instance_statistic),
    'UnetGenerator': Recipe(
        lambda args: build(unet_config(args), BACKBONES), unet_modules, ('input_nc', 'output_nc', 'num_downs'),
        {'ngf': 64, 'norm': 'batch', 'use_dropout': False}, is_instance_statistic),
    'NLayerDiscriminator': Recipe(
        lambda args: build(patch_config(args), DISCRIMINATORS), patch_modules, ('input_nc',),
        {'ndf': 64, 'n_layers': 3, 'norm': 'batch'}, is_instance_statistic),
    'PixelDiscriminator': Recipe(
        lambda args: build(pixel_config(args), DISCRIMINATORS), pixel_modules, ('input_nc',),
        {'ndf': 64, 'norm': 'batch'}, is_instance_statistic),
}


def config_of(cls: str, args: dict[str, Any]) -> dict[str, Any]:
    """Our config of a network that :func:`infer` recognised."""
    return CONFIGS[cls](RECIPES[cls].complete(args, cls))


def infer(state_dict: dict[str, Tensor], where: str, unet_dropout: bool = False) -> tuple[str, dict[str, Any]]:
    """Class and arguments of the official network that these weights belong to.

    The weights do not tell reflection from replication padding in the residual blocks (assumed: reflection, the
    default), nor whether a U-Net was trained with dropout (assumed: ``unet_dropout``).

    Raises:
        CheckpointError: the keys match none of the four networks.
    """
    try:
        if 'model.model.0.weight' in state_dict:
            return 'UnetGenerator', _infer_unet(state_dict, unet_dropout)
        if any('.conv_block.' in key for key in state_dict):
            return 'ResnetGenerator', _infer_resnet(state_dict)
        if 'net.0.weight' in state_dict:
            return 'PixelDiscriminator', _infer_pixel(state_dict)
        if 'model.0.weight' in state_dict:
            return 'NLayerDiscriminator', _infer_patch(state_dict)
    except (KeyError, IndexError) as error:
        raise CheckpointError(f'{where}: layers of the network are missing ({error}).') from error
    raise CheckpointError(f'{where}: not a network of CycleGAN or pix2pix; the first keys are'
                          f' {", ".join(list(state_dict)[:3]) or "none at all"}. Known: {", ".join(RECIPES)}.')


def _infer_norm(state_dict: dict[str, Tensor], conv: str, norm: str) -> str:
    """Batch norm has a weight; otherwise, only convolutions before instance norm have a bias."""
    if f'{norm}.weight' in state_dict:
        return 'batch'
    return 'instance' if f'{conv}.bias' in state_dict else 'none'


def _infer_unet(sd: dict[str, Tensor], dropout: bool) -> dict[str, Any]:
    levels = [0, *(level for level in range(1, 32) if f'{unet_level(level)}.1.weight' in sd)]
    ngf, input_nc = sd['model.model.0.weight'].shape[:2]
    norm = _infer_norm(sd, f'{unet_level(1)}.1', f'{unet_level(1)}.{2 if len(levels) > 2 else 4}')
    return {'input_nc': input_nc, 'output_nc': sd['model.model.3.weight'].shape[1], 'num_downs': len(levels),
            'ngf': ngf, 'norm': norm, 'use_dropout': dropout}


def _infer_resnet(sd: dict[str, Tensor]) -> dict[str, Any]:
    found = [re.fullmatch(r'model\.(\d+)\.conv_block\.(\d+)\.weight', key) for key in sd]
    n_blocks = len({m[1] for m in found if m})
    inside = sorted({int(m[2]) for m in found if m and sd[m[0]].dim() == 4})
    ngf, input_nc = sd['model.1.weight'].shape[:2]
    padded = inside[0] == 1
    return {'input_nc': input_nc, 'output_nc': sd[f'model.{17 + n_blocks}.weight'].shape[0], 'ngf': ngf,
            'norm': _infer_norm(sd, 'model.1', 'model.2'), 'use_dropout': inside[1] == (6 if padded else 4),
            'n_blocks': n_blocks, 'padding_type': 'reflect' if padded else 'zero'}


def _infer_patch(sd: dict[str, Tensor]) -> dict[str, Any]:
    convs = [key for key, value in sd.items() if value.dim() == 4]
    ndf, input_nc = sd['model.0.weight'].shape[:2]
    return {'input_nc': input_nc, 'ndf': ndf, 'n_layers': len(convs) - 2,
            'norm': _infer_norm(sd, 'model.2', 'model.3')}


def _infer_pixel(sd: dict[str, Tensor]) -> dict[str, Any]:
    ndf, input_nc = sd['net.0.weight'].shape[:2]
    return {'input_nc': input_nc, 'ndf': ndf, 'norm': _infer_norm(sd, 'net.2', 'net.3')}
