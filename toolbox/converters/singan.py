"""Networks of tamarott/SinGAN, and the folders that its training leaves (``TrainedModels/<image>/<settings>``)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..files.foreign import load_state_dict
from ..files.torch_file import read_torch_file
from ..layers.trunks import widths_of_scales
from ..pyramids import Pyramid, Size
from ..registry import BACKBONES, DISCRIMINATORS, build
from ..resampling import resized_shape
from .base import Recipe, convert, without_prefix

GENERATOR, CRITIC = 'GeneratorConcatSkip2CleanAdd', 'WDiscriminator'
LISTS = 'reals.pth', 'Zs.pth', 'NoiseAmp.pth'
EVERY, WIDEST = 4, 128  # of the authors' code: widths double after so many scales, up to this


def _config(args: dict[str, Any], cls: str) -> dict[str, Any]:
    """Our config of the network of one scale."""
    if args['padd_size'] or args['stride'] != 1:
        raise CheckpointError(f'{cls}: padd_size=0 and stride=1 are those of all trainings of the authors, found '
                              f'padd_size={args["padd_size"]}, stride={args["stride"]}; nothing else is supported.')
    common = {'scales': 1, 'in_channels': args['nc_im'], 'base_channels': args['nfc'], 'min_channels': args['min_nfc'],
              'max_channels': args['nfc'], 'layers': args['num_layer'], 'kernel': args['ker_size']}
    return ({'type': 'SinGANGenerator', 'out_channels': args['nc_im'], **common} if cls == GENERATOR
            else {'type': 'SinGANDiscriminator', **common})


def _modules(args: dict[str, Any], tail: str, head: str) -> dict[str, str]:
    layers = ['head', *(f'body.block{i + 1}' for i in range(args['num_layer'] - 2))]
    return {tail: head} | {f'{official}.{part}': f'{_BODY[tail]}.{i}.{part}'
                           for i, official in enumerate(layers) for part in ('conv', 'norm')}


_BODY = {'tail.0': 'body', 'tail': '0'}
_ARGS: dict[str, Any] = dict(required=('nfc', 'min_nfc', 'ker_size', 'num_layer', 'nc_im'),
                             defaults={'padd_size': 0, 'stride': 1}, options=True)
RECIPES = {
    GENERATOR: Recipe(lambda args: build(_config(args, GENERATOR), BACKBONES).scales[0],
                      lambda args: _modules(args, 'tail.0', 'head'), **_ARGS),
    CRITIC: Recipe(lambda args: build(_config(args, CRITIC), DISCRIMINATORS).scales[0],
                   lambda args: _modules(args, 'tail', '1'), **_ARGS)}


def read_run(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of a folder with ``<scale>/netG.pth``, ``netD.pth`` if there, ``Zs.pth``, ``NoiseAmp.pth`` and
    ``reals.pth``. The lists of pickled modules (``Gs.pth``) are not needed, and not opened.

    Args:
        family: 'singan'.
        src: the folder of one training.
        epoch: has no meaning here: the authors' code keeps the last weights only.

    Returns:
        ``dict(config, state_dict, networks, files)``; samples are resized as in the authors' code.

    Raises:
        CheckpointError: files are missing, unreadable or do not belong together, or the training was not finished.
    """
    reals, noise, amplitudes = (_tensors(src / name) for name in LISTS)
    count = len(reals)
    if not len(noise) == len(amplitudes) == count:
        raise CheckpointError(f'{src}: reals.pth is of {count} scales, Zs.pth of {len(noise)} and NoiseAmp.pth of '
                              f'{len(amplitudes)}. This training was not finished, and its last scale makes the image.')
    nets = {'G': GENERATOR, 'D': CRITIC}
    if not (src / '0/netD.pth').is_file():
        del nets['D']
    model: dict[str, Any] = {'type': 'SinGAN', 'D': {'type': 'SinGANDiscriminator'}}
    weights: dict[str, Any] = {}
    for net, cls in nets.items():
        paths = [src / str(n) / f'net{net}.pth' for n in range(count)]
        if missing := [str(path) for path in paths if not path.is_file()]:
            raise CheckpointError(f'{missing[0]}: is missing; reals.pth is of {count} scales, and each has networks.')
        states = [without_prefix(load_state_dict(path), 'module.') for path in paths]
        args = [infer(state, str(path)) for state, path in zip(states, paths, strict=True)]
        model[net] = all_scales(args, cls, src)
        for n, state in enumerate(states):
            own = convert(RECIPES[cls], args[n], state, f'{paths[n]} ({cls})').state_dict()
            weights |= {f'{net}.scales.{n}.{key}': value for key, value in own.items()}
    pyramid = Pyramid(tuple((real.shape[2], real.shape[3]) for real in reals), factor_between(reals, src),
                      border='singan', truncate=True)
    z0, padding = _first_noise(noise[0], pyramid.sizes[0], args[0], src)
    weights |= {f'real_{n}': real for n, real in enumerate(reals)}
    weights |= {'z0': z0, 'amplitudes': torch.stack([x.float().reshape(()) for x in amplitudes]),
                'reached': torch.tensor(count)}
    return {'config': {'model': {**model, 'pyramid': pyramid.as_dict(), 'padding': padding}}, 'state_dict': weights,
            'networks': sorted(nets), 'files': [*LISTS, *(f'{n}/net{net}.pth' for net in nets for n in range(count))]}


def _tensors(path: Path) -> list[Tensor]:
    """The tensors of a list; numbers count as such."""
    if not path.is_file():
        raise CheckpointError(f'{path}: is missing. The folder of one training is needed: TrainedModels/<image>/'
                              'scale_factor=0.750000,alpha=10, with <scale>/netG.pth in it.')
    found = read_torch_file(path)
    if not isinstance(found, list) or not found or not all(isinstance(x, (Tensor, int, float)) for x in found):
        raise CheckpointError(f'{path}: expected a list of tensors, one for each scale, found {type(found).__name__}.')
    tensors = [torch.as_tensor(x) for x in found]
    shape = (1, tensors[0].shape[1]) if tensors[0].ndim == 4 else ()
    if not all(tuple(x.shape[:2]) == shape and (x.ndim == 4 or x.numel() == 1) and x.isfinite().all() for x in tensors):
        raise CheckpointError(f'{path}: expected finite numbers or tensors (1, C, H, W) with equal C, found shapes '
                              f'{[tuple(x.shape) for x in tensors]}.')
    return tensors


def infer(state: dict[str, Tensor], where: str) -> dict[str, Any]:
    """Arguments of the network of one scale.

    Raises:
        CheckpointError: layers are missing.
    """
    blocks = [m for key in state if (m := re.fullmatch(r'body\.block(\d+)\.conv\.weight', key))]
    try:
        first, last = state['head.conv.weight'], state[f'body.block{len(blocks)}.conv.weight']
        return {'nfc': first.shape[0], 'min_nfc': last.shape[0], 'ker_size': first.shape[2],
                'num_layer': len(blocks) + 2, 'nc_im': first.shape[1], 'padd_size': 0, 'stride': 1}
    except (KeyError, IndexError) as error:
        raise CheckpointError(f'{where}: not a network of SinGAN: it has no layer {error}.') from error


def all_scales(args: Sequence[dict[str, Any]], cls: str, src: Path) -> dict[str, Any]:
    """Our config of the networks of all scales.

    Raises:
        CheckpointError: their widths do not grow as in the authors' code.
    """
    width, least = args[0]['nfc'], args[0]['min_nfc']
    expected = [{**args[0], 'nfc': nfc, 'min_nfc': min_nfc} for nfc, min_nfc in zip(
        *(widths_of_scales(len(args), start, EVERY, WIDEST) for start in (width, least)), strict=True)]
    if list(args) != expected:
        n = next(n for n, pair in enumerate(zip(args, expected, strict=True)) if pair[0] != pair[1])
        raise CheckpointError(f'{src}: scale {n} is of {args[n]}, but after {width} channels at scale 0, doubled every '
                              f'{EVERY} scales up to {WIDEST}, it should be of {expected[n]}.')
    found = {**_config(args[0], cls), 'max_channels': WIDEST}
    return {key: value for key, value in found.items() if key != 'scales'}


def factor_between(reals: Sequence[Tensor], src: Path) -> float:
    """Side of a scale / side of the next finer one, which no file holds.

    It is fitted to a whole shorter side at the coarsest scale (25 by default). If no such side gives the sizes, the
    factor is the middle of all that give them.
    """
    sizes = [(real.shape[2], real.shape[3]) for real in reals]
    steps, shorter = len(sizes) - 1, min(sizes[-1])
    if not steps:
        raise CheckpointError(f'{src}: reals.pth is of one scale; a model has two or more.')
    for side in (min(sizes[0]), min(sizes[0]) - 1):  # rounding up may have added a pixel
        factor = (side / shorter) ** (1 / steps)
        if [_reduced(sizes[-1], factor, steps - n) for n in range(steps + 1)] == sizes:
            return float(factor)
    pairs = [(old, new, steps - n) for n, size in enumerate(sizes[:-1])
             for old, new in zip(sizes[-1], size, strict=True)]
    low, high = (pick(((new - less) / old) ** (1 / power) for old, new, power in pairs)
                 for pick, less in ((max, 1), (min, 0)))
    if not low < high < 1:
        raise CheckpointError(f'{src}: reals.pth is of the sizes {sizes}, which are those of no pyramid.')
    return math.sqrt(low * high)


def _reduced(size: Size, factor: float, steps: int) -> Size:
    return resized_shape(*size, factor ** steps)


def _first_noise(z: Tensor, size: Size, args: dict[str, Any], src: Path) -> tuple[Tensor, str]:
    """z* of the coarsest scale without padding of zeros, and what its padding is."""
    pad = (args['ker_size'] - 1) * args['num_layer'] // 2
    if tuple(z.shape[2:]) != (size[0] + 2 * pad, size[1] + 2 * pad) or not z.eq(z[:, :1]).all():
        raise CheckpointError(f'{src}: the first tensor of Zs.pth must be ({size[0]} + {2 * pad}, {size[1]} + '
                              f'{2 * pad}) (H, W), the same in all channels; found {tuple(z.shape)}.')
    z = z[:, :1].float()
    inner = z[:, :, pad:pad + size[0], pad:pad + size[1]]
    return (inner.clone(), 'zero') if z.count_nonzero() == inner.count_nonzero() else (z, 'noise')
