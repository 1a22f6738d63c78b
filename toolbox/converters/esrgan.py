"""Networks of xinntao/ESRGAN and of its successors BasicSR and Real-ESRGAN, under any of their three sets of names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..errors import CheckpointError
from ..files.foreign import load_state_dict
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe, convert, without_prefix
from .srgan import alone, counted

# Names of the first code (a Sequential, for scale 4), of ESRGAN's, and of BasicSR's.
FIRST = {'model.0': 'conv_first', 'model.3': 'conv_up1', 'model.6': 'conv_up2', 'model.8': 'conv_hr',
         'model.10': 'conv_last'}
SECOND = {'trunk_conv': 'conv_body', 'upconv1': 'conv_up1', 'upconv2': 'conv_up2', 'HRconv': 'conv_hr'}
DENSE = re.compile(r'(?:model\.1\.sub|RRDB_trunk|body)\.(\d+)\.(?:RDB|rdb)(\d)\.conv(\d)(?:\.0)?')
PIXELS = {4: 1, 2: 4, 1: 16}  # scale -> pixels of an image in one pixel of the first layer


def newest_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of BasicSR."""
    return {_newest(key): value for key, value in state.items()}


def _newest(key: str) -> str:
    module, _, leaf = key.rpartition('.')
    if match := DENSE.fullmatch(module):
        return 'body.{}.rdb{}.conv{}.{}'.format(*match.groups(), leaf)
    if re.fullmatch(r'model\.1\.sub\.\d+', module):  # behind the last block
        return f'conv_body.{leaf}'
    return f'{(FIRST | SECOND).get(module, module)}.{leaf}'


def generator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official RRDBNet."""
    return {'type': 'RRDBNet', 'in_channels': args['num_in_ch'], 'out_channels': args['num_out_ch'],
            'base_channels': args['num_feat'], 'blocks': args['num_block'], 'growth': args['num_grow_ch'],
            'scale': args['scale'], 'reads': 'unit', 'writes': 'unit'}


def _generator(args: dict[str, Any]) -> nn.Module:
    return build({**generator_config(args), 'images': 'unit'}, BACKBONES)


def _generator_modules(args: dict[str, Any]) -> dict[str, str]:
    table = {'conv_first': 'stem', 'conv_body': 'fuse', 'conv_up1': 'up.0', 'conv_up2': 'up.1', 'conv_hr': 'refine',
             'conv_last': 'head'}
    return table | {f'body.{block}.rdb{i + 1}.conv{j + 1}': f'blocks.{block}.dense.{i}.convs.{j}'
                    for block in range(args['num_block']) for i in range(3) for j in range(5)}


def _levels(args: dict[str, Any]) -> int:
    return 5 if args['input_size'] == 128 else 6


def _discriminator(args: dict[str, Any]) -> nn.Module:
    return build({'type': 'SRGANDiscriminator', 'in_channels': args['num_in_ch'], 'base_channels': args['num_feat'],
                  'size': args['input_size'], 'levels': _levels(args), 'kernel': 4, 'hidden': 100}, DISCRIMINATORS)


def _discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    table = {'conv0_0': 'body.0.conv', 'linear1': 'hidden', 'linear2': 'logit'}
    places = [(level, i) for level in range(_levels(args)) for i in range(2)][1:]
    for level, i in places:
        table |= {f'{theirs}{level}_{i}': f'body.{2 * level + i}.{ours}' for theirs, ours in
                  (('conv', 'conv'), ('bn', 'norm'))}
    return table


RECIPES = {
    'RRDBNet': Recipe(
        _generator, _generator_modules, ('num_in_ch', 'num_out_ch'),
        {'num_feat': 64, 'num_block': 23, 'num_grow_ch': 32, 'scale': 4}, read=newest_names,
        aliases={'in_nc': 'num_in_ch', 'out_nc': 'num_out_ch', 'nf': 'num_feat', 'nb': 'num_block',
                 'gc': 'num_grow_ch'}),
    'VGGStyleDiscriminator': Recipe(_discriminator, _discriminator_modules, ('num_in_ch', 'num_feat'),
                                    {'input_size': 128})}


def read_file(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of an official file (``RRDB_ESRGAN_x4.pth``, ``RealESRGAN_x2plus.pth``).

    Args:
        family: 'esrgan'.
        src: the file.
        epoch: ignored.

    Returns:
        ``dict(config, state_dict, networks, files)``.

    Raises:
        CheckpointError: the file is missing, unreadable or of another architecture.
    """
    state = newest_names(without_prefix(load_state_dict(src, ('params_ema', 'params')), 'module.'))
    args = infer(state, str(src))
    return alone(generator_config(args), convert(RECIPES['RRDBNet'], args, state, f'{src} (RRDBNet)'), src)


def infer(state: dict[str, Tensor], where: str) -> dict[str, Any]:
    """Arguments of the RRDBNet that these weights, under BasicSR's names, belong to.

    Raises:
        CheckpointError: layers are missing.
    """
    try:
        num_feat, inputs = state['conv_first.weight'].shape[:2]
        channels = state['conv_last.weight'].shape[0]
        scale = next((scale for scale, pixels in PIXELS.items() if inputs == channels * pixels), None)
        if scale is None:
            raise CheckpointError(f'{where}: its first layer takes {inputs} channels and its last one gives '
                                  f'{channels}; no scale of Real-ESRGAN (1, 2, 4) has these.')
        return {'num_in_ch': channels, 'num_out_ch': channels, 'num_feat': num_feat, 'scale': scale,
                'num_block': counted(state, r'body\.(\d+)\.'),
                'num_grow_ch': state['body.0.rdb1.conv1.weight'].shape[0]}
    except KeyError as error:
        raise CheckpointError(f'{where}: not an RRDBNet of ESRGAN, BasicSR or Real-ESRGAN: it has no layer {error}.'
                              ) from error
