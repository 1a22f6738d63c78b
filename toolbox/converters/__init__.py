"""Official checkpoints -> our networks and checkpoints.

A family is one module with a table ``RECIPES`` (official class name -> :class:`~.base.Recipe`); a family whose files
can be converted as a whole also has a reader in ``READERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..errors import CheckpointError, did_you_mean
from ..files.checkpoint import write_checkpoint
from ..files.fit import loading
from . import (
    aggan,
    cyclegan,
    drit,
    drit_run,
    esrgan,
    munit,
    munit_run,
    pix2pixhd,
    singan,
    spade,
    srgan,
    stargan,
    starganv2,
    ugatit,
    wgan,
)
from .base import Recipe, convert
from .cyclegan_run import read_run
from .pix2pixhd_run import read_run as read_pix2pixhd
from .spade_run import read_run as read_spade
from .stargan_run import name_labels, read_stargan, read_starganv2

FAMILIES: dict[str, dict[str, Recipe]] = {
    'aggan': aggan.RECIPES, 'cyclegan': cyclegan.RECIPES, 'drit': drit.RECIPES, 'esrgan': esrgan.RECIPES,
    'munit': munit.RECIPES, 'pix2pix': cyclegan.RECIPES, 'pix2pixhd': pix2pixhd.RECIPES, 'singan': singan.RECIPES,
    'spade': spade.RECIPES, 'srgan': srgan.RECIPES, 'stargan': stargan.RECIPES, 'starganv2': starganv2.RECIPES,
    'ugatit': ugatit.RECIPES, 'unit': munit.RECIPES, 'wgan': wgan.RECIPES}
READERS: dict[str, Callable[[str, Path, str], dict[str, Any]]] = {
    'cyclegan': read_run, 'drit': drit_run.read_run, 'esrgan': esrgan.read_file, 'munit': munit_run.read_run,
    'pix2pix': read_run, 'pix2pixhd': read_pix2pixhd, 'singan': singan.read_run, 'spade': read_spade,
    'srgan': srgan.read_file, 'stargan': read_stargan, 'starganv2': read_starganv2, 'ugatit': ugatit.read_run,
    'unit': munit_run.read_run}

__all__ = ['FAMILIES', 'READERS', 'convert_checkpoint', 'from_official']


def from_official(family: str, cls: str, args: dict[str, Any], state_dict: dict[str, Tensor]) -> nn.Module:
    """Our network with the weights of an official one.

    Args:
        family: 'aggan', 'cyclegan' (or 'pix2pix'), 'drit', 'esrgan', 'munit', 'pix2pixhd', 'singan', 'spade', 'srgan',
            'stargan', 'starganv2', 'ugatit', 'unit', 'wgan'.
        cls: name of the official class, e.g. 'ResnetGenerator'.
        args: arguments of its constructor under their official names; the official defaults fill in the others.
        state_dict: its weights under their official names; a prefix ``module.`` (DataParallel) is dropped, and so are
            the unused running statistics of old instance norms.

    Returns:
        The network in training mode, with the same inputs in the same order and the same outputs.

    Raises:
        CheckpointError: unknown family, class or argument; or the weights do not fit (lists the differing keys).
    """
    if family not in FAMILIES:
        raise CheckpointError(f'unknown family {family!r}.{did_you_mean(family, FAMILIES)}')
    recipes = FAMILIES[family]
    if cls not in recipes:
        raise CheckpointError(f'{family}: unknown class {cls!r}.{did_you_mean(cls, recipes)}')
    return convert(recipes[cls], args, state_dict, f'{family} {cls}')


def convert_checkpoint(family: str, src: str | Path, dst: str | Path, epoch: str = 'latest',
                       names: Sequence[str] = ()) -> Path:
    """Write official files as one checkpoint that the toolbox's ``Translator`` loads.

    The architecture is inferred from the weights. The result is ``dict(toolbox=<version>, config=dict(model=...),
    meta=dict(iter=0, source=..., files=[...]), state_dict=...)``; if weights of some networks are missing,
    ``meta['networks']`` lists those present. Where files hold other numbers than ids, ``facts`` says what they mean.

    Args:
        family: 'cyclegan', 'drit', 'esrgan', 'munit', 'pix2pix', 'pix2pixhd', 'singan', 'spade', 'srgan', 'stargan',
            'starganv2', 'ugatit' or 'unit'.
        src: an official generator file (``latest_net_G.pth``, ``latest_net_G_A.pth``), a file of U-GAT-IT
            (``selfie2anime_params_0100000.pt``), MUNIT or UNIT (``gen_01000000.pt``, ``edges2shoes.pt``), DRIT
            (``00599.pth``), ESRGAN (``RRDB_ESRGAN_x4.pth``) or SRGAN, or the folder of a run.
        dst: file to write; it appears complete or not at all.
        epoch: which files of a folder: 'latest', '200', 'iter_10000', ...
        names: attributes, domains or classes in the order of their labels, which the files do not contain.

    Returns:
        ``dst``.

    Raises:
        CheckpointError: unknown family; files missing, unreadable, unsafe or of an unknown architecture.
    """
    if family not in READERS:
        raise CheckpointError(f'files of the family {family!r} cannot be converted.{did_you_mean(family, READERS)}')
    src, dst = Path(src), Path(dst)
    with loading(f'{src}: as a file of {family!r} it'):
        run = READERS[family](family, src, epoch)
    if names:
        name_labels(run['config']['model'], tuple(names))
    meta = {'iter': 0, 'source': str(src), 'files': run['files']}
    everything = {key for key, part in run['config']['model'].items() if isinstance(part, dict) and 'type' in part}
    if set(run['networks']) != everything:
        meta['networks'] = run['networks']
    checkpoint = {'config': run['config'], 'meta': meta, 'state_dict': run['state_dict']}
    if numbers := run.get('unknown_numbers'):
        model = run['config']['model']
        known = {key: model[key] for key in ('classes', 'palette', 'unknown') if key in model}
        checkpoint['facts'] = {**known, 'unknown_numbers': numbers}
    write_checkpoint(checkpoint, dst)
    return dst
