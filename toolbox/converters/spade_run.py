"""Official files of a run of SPADE -> the contents of one of our checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.semantics import UNKNOWN, UNKNOWN_NUMBER, class_table
from ..errors import CheckpointError
from ..files.foreign import load_state_dict
from . import spade
from .base import convert, without_prefix
from .options import FILE, files_of_epoch, read_options

GENERATORS = {'spade': 'SPADEGenerator', 'pix2pixhd': 'Pix2PixHDGenerator'}
# Their data sets -> our tables of classes. Their ADE20K has the numbers of its files as ids, 0 for unknown pixels.
TABLES = {'coco': 'coco_stuff', 'ade20k': 'ade20k_raw', 'cityscapes': 'cityscapes', 'facades': 'facades'}


def read_run(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of ``<epoch>_net_G.pth``, and E and D where they are, with the ``opt.txt`` beside them.

    Args:
        family: 'spade'.
        src: the file of G, or the folder of a run.
        epoch: which files of a folder: 'latest', '50', ...

    Returns:
        ``dict(config, state_dict, networks, files)``, and ``unknown_numbers`` where there are unknown pixels: in files
        they are 255, as in the authors' data sets, or have their id.

    Raises:
        CheckpointError: files are missing, unreadable or of another architecture.
    """
    files = _files(src, epoch)
    opt = read_options(src if src.is_dir() else src.parent)
    if (kind := opt.get('netG', 'spade')) not in GENERATORS:
        raise CheckpointError(f'{src}: netG {kind!r} in opt.txt; known are {", ".join(GENERATORS)}.')
    parts = {'G': GENERATORS[kind], 'D': 'MultiscaleDiscriminator'}
    if opt.get('use_vae'):
        parts['E'] = 'ConvEncoder'
    # The distance of training, whose network would be larger than many of these, has no use here.
    model: dict[str, Any] = {'type': 'GauGAN', 'perceptual': None, **labels_of(opt), **_weights(opt)}
    opt['no_ganFeat_loss'] = False  # of D, only whether the features are kept
    weights: dict[str, Any] = {}
    for net, cls in parts.items():
        recipe = spade.RECIPES[cls]
        model[net] = spade.CONFIGS[cls](recipe.complete(opt, f'{src}: opt.txt'))
        if net in files:
            state = without_prefix(load_state_dict(files[net]), 'module.')
            own = convert(recipe, opt, state, f'{files[net]} ({cls})').state_dict()
            weights |= {f'{net}.{key}': value for key, value in own.items()}
    unknown = {'unknown_numbers': [UNKNOWN_NUMBER, len(model['classes'])]} if model['unknown'] else {}
    return {'config': {'model': model}, 'state_dict': weights, 'networks': sorted(set(files) & set(parts)),
            'files': sorted(path.name for path in files.values()), **unknown}


def _files(src: Path, epoch: str) -> dict[str, Path]:
    """Official network -> file."""
    if src.is_file():
        match = FILE.fullmatch(src.name)
        return {match['net'] if match else 'G': src}
    return files_of_epoch(src, epoch)


def _weights(opt: dict[str, Any]) -> dict[str, float]:
    """Weights of the losses."""
    return {'w_feat': 0.0 if opt.get('no_ganFeat_loss') else float(opt.get('lambda_feat', 10.0)),
            'w_vgg': 0.0 if opt.get('no_vgg_loss') else float(opt.get('lambda_vgg', 10.0)),
            'w_kl': float(opt.get('lambda_kld', 0.05))}


def labels_of(opt: dict[str, Any]) -> dict[str, Any]:
    """Names, colours, unknown pixels and maps of objects of the data."""
    count, unknown = int(opt.get('label_nc', 182)), bool(opt.get('contain_dontcare_label'))
    facts: dict[str, Any] = {'unknown': unknown, 'instances': not opt.get('no_instance')}
    if name := TABLES.get(opt.get('dataset_mode', '')):
        table, as_class = class_table(name), name == 'ade20k_raw' and unknown
        if len(table.names) == count + as_class:
            facts['unknown'] = unknown and not as_class
            colours = [*table.colours, *([UNKNOWN] if facts['unknown'] else [])]
            return {'classes': list(table.names), 'palette': [list(colour) for colour in colours], **facts}
    return {'classes': [f'class_{i}' for i in range(count)], **facts}
