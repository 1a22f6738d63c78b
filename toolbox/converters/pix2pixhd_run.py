"""Official files of a run of pix2pixHD -> the contents of one of our checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.semantics import class_table
from ..errors import CheckpointError
from ..files.foreign import load_state_dict
from ..methods.feature_bank import FeatureBank
from .base import convert, without_prefix
from .options import FILE, files_of_epoch, read_options
from .pix2pixhd import CONFIGS, RECIPES, infer

CITYSCAPES = 35  # labels, the default of the authors' code


def read_run(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of ``<epoch>_net_G.pth``, and D and E where they are.

    The architecture is inferred from the weights. They do not tell labels from the plane of borders: ``opt.txt`` does,
    which the authors' code writes beside them; without it, the last plane is that of borders, its default. The clusters
    of an encoder's features (a pickle) are not read: choose looks by a reference.

    Args:
        family: 'pix2pixhd'.
        src: the file of G, or the folder of a run.
        epoch: which files of a folder: 'latest', '200', ...

    Returns:
        ``dict(config, state_dict, networks, files)``.

    Raises:
        CheckpointError: files are missing, unreadable or of another architecture.
    """
    files = _files(src, epoch)
    folder = src if src.is_dir() else src.parent
    opt = read_options(folder) if (folder / 'opt.txt').is_file() else {}
    networks: dict[str, dict[str, Any]] = {}
    weights: dict[str, Any] = {}
    for net, path in files.items():
        state = without_prefix(load_state_dict(path), 'module.')
        cls, args = infer(net, state, str(path))
        own = convert(RECIPES[cls], args, state, f'{path} ({cls})').state_dict()
        networks[net] = CONFIGS[cls](RECIPES[cls].complete(args, cls))
        weights |= {f'{net}.{key.removeprefix("net.")}': value for key, value in own.items()}
    features = networks['E']['out_channels'] if 'E' in networks else _features(opt)
    planes = networks['G']['in_channels'] - features
    if features and 'E' not in networks:
        networks['E'] = {'type': 'InstanceEncoder', 'in_channels': networks['G']['out_channels'],
                         'out_channels': features}
    networks.setdefault('D', {'type': 'MultiscaleDiscriminator',
                              'in_channels': planes + networks['G']['out_channels']})
    # The distance of training, whose network would be larger than many of these, has no use here.
    model = {'type': 'Pix2PixHD', **networks, 'perceptual': None, **_labels(opt, planes, src)}
    if features:
        bank = FeatureBank(len(model['classes']), features)
        weights |= {f'bank.{key}': value for key, value in bank.state_dict().items()}
    return {'config': {'model': model}, 'state_dict': weights, 'networks': sorted(files),
            'files': sorted(path.name for path in files.values())}


def _files(src: Path, epoch: str) -> dict[str, Path]:
    """Official network -> file, the generator among them."""
    if src.is_file():
        match = FILE.fullmatch(src.name)
        if match and match['net'] != 'G':
            raise CheckpointError(f'{src}: the file of net{match["net"]} makes no pictures alone. Convert '
                                  f'{match["epoch"]}_net_G.pth, or the folder with both.')
        return {'G': src}
    if not src.is_dir():
        raise CheckpointError(f'{src}: no such file or folder.')
    return files_of_epoch(src, epoch)


def _features(opt: dict[str, Any]) -> int:
    """Numbers per object, of a run whose encoder is not there."""
    return int(opt.get('feat_num', 3)) if opt.get('instance_feat') or opt.get('label_feat') else 0


def _labels(opt: dict[str, Any], planes: int, src: Path) -> dict[str, Any]:
    """The classes, and whether objects have borders."""
    instances = not opt.get('no_instance', False)
    count = int(opt.get('label_nc', planes - instances))
    if count == 0 or count + instances != planes:
        raise CheckpointError(f'{src}: G takes {planes} planes, but opt.txt says {count} labels'
                              f'{" and borders" * instances}. Pictures as inputs (label_nc 0) are not supported.')
    facts: dict[str, Any] = {'instances': instances}
    if count == CITYSCAPES:
        table = class_table('cityscapes')
        return {'classes': list(table.names), 'palette': [list(colour) for colour in table.colours], **facts}
    return {'classes': [f'class_{i}' for i in range(count)], **facts}
