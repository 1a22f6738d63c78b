"""Official files of StarGAN and StarGAN v2 -> the contents of one of our checkpoints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from ..files.foreign import load_state_dict, load_state_dicts
from . import stargan, starganv2
from .base import TRACKED, convert, without_prefix

HAIR = ('Black_Hair', 'Blond_Hair', 'Brown_Hair', 'Gray_Hair')  # mutually exclusive in the authors' code
V2_NAMES = {'G': ('generator', 'Generator', starganv2.generator_config),
            'F': ('mapping_network', 'MappingNetwork', starganv2.mapping_config),
            'E': ('style_encoder', 'StyleEncoder', starganv2.encoder_config),
            'D': ('discriminator', 'Discriminator', starganv2.discriminator_config)}


def read_stargan(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of ``<iteration>-G.ckpt`` and, if present, ``<iteration>-D.ckpt``.

    The labels are assumed to be binary attributes, as in the released models; the files do not say. Running statistics
    are dropped: the authors' code never uses them.

    Args:
        family: 'stargan'.
        src: the file of G, or the folder of a run.
        epoch: which files of a folder: 'latest', or the iteration.

    Returns:
        ``dict(config, state_dict, networks, files)``.

    Raises:
        CheckpointError: files are missing, unreadable or of another architecture.
    """
    files = _stargan_files(src, epoch)
    args: dict[str, dict[str, Any]] = {}
    weights: dict[str, Any] = {}
    for net, path in files.items():
        state = without_prefix(load_state_dict(path), 'module.')
        recipe = stargan.RECIPES['Generator' if net == 'G' else 'Discriminator']
        args[net] = recipe.complete(_infer(net, state, path), net)
        own = convert(recipe, args[net], state, str(path)).state_dict()
        weights |= {f'{net}.{key}': value for key, value in own.items() if key.rpartition('.')[2] not in TRACKED}
    labels = args['G']['c_dim']
    if 'D' in args and args['D']['c_dim'] != labels:
        raise CheckpointError(f'{src}: G has {labels} labels and D {args["D"]["c_dim"]}: models trained on two label '
                              'sets cannot be converted, because the files do not say which label belongs to which.')
    D = stargan.discriminator_config(args['D']) if 'D' in args else {'type': 'StarGANDiscriminator'}
    model = {'type': 'StarGAN', 'G': stargan.generator_config(args['G']), 'D': D,
             'attributes': [f'attribute_{i}' for i in range(labels)]}
    return {'config': {'model': model}, 'state_dict': weights, 'networks': sorted(files),
            'files': sorted(path.name for path in files.values())}


def _stargan_files(src: Path, epoch: str) -> dict[str, Path]:
    if src.is_file():
        pair = {'G': src, 'D': src.with_name(src.name.replace('-G.', '-D.'))}
        return {net: path for net, path in pair.items() if path.is_file() and (net == 'G' or path != src)}
    there = {int(m[1]): path for path in (src.iterdir() if src.is_dir() else ())
             if (m := re.fullmatch(r'(\d+)-G\.ckpt', path.name))}
    chosen = max(there, default=None) if epoch == 'latest' else int(epoch) if epoch.isdigit() else None
    if chosen not in there:
        raise CheckpointError(f'{src}: holds no {epoch if epoch != "latest" else "<iteration>"}-G.ckpt. Iterations '
                              f'there: {", ".join(map(str, sorted(there))) or "none"}.')
    return _stargan_files(there[chosen], epoch)


def _infer(net: str, state: dict[str, Tensor], path: Path) -> dict[str, Any]:
    try:
        width, channels = state['main.0.weight'].shape[:2]
        if net == 'G':
            return {'conv_dim': width, 'c_dim': channels - 3,
                    'repeat_num': len({key.split('.')[1] for key in state if re.match(r'main\.\d+\.main', key)})}
        layers = sum(key.startswith('main.') and key.endswith('.weight') for key in state)
        return {'conv_dim': width, 'c_dim': state['conv2.weight'].shape[0], 'repeat_num': layers,
                'image_size': state['conv2.weight'].shape[2] * 2 ** layers}
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(f'{path}: not {net} of StarGAN: {error} is missing.') from error


def name_labels(model: dict[str, Any], names: tuple[str, ...]) -> None:
    """Name the labels of a converted model, in place.

    Raises:
        CheckpointError: the number of names is wrong, or the model has no labels.
    """
    key = next((key for key in ('domains', 'attributes', 'classes') if key in model), None)
    count = len(model[key]) if key else 0
    if key is None or len(names) != count:
        raise CheckpointError(f'names: the model has {count} labels, found {len(names)} names: {", ".join(names)}.')
    model[key] = list(names)
    hair = [name for name in names if name in HAIR]
    if key == 'attributes' and len(hair) > 1:
        model['exclusive'] = [hair]


def read_starganv2(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of ``<iteration>_nets_ema.ckpt`` (G, F, E) or ``<iteration>_nets.ckpt`` (D too).

    The detector of landmarks ('fan'), which some of the files hold, is no part of the result: where it is needed, its
    weights are read from a file of their own, which may be this one (see :class:`~toolbox.features.LandmarkMasks`).

    Args:
        family: 'starganv2'.
        src: the file, or its folder, where ``_nets_ema.ckpt`` is preferred.
        epoch: which file of a folder: 'latest', or the iteration.

    Returns:
        ``dict(config, state_dict, networks, files)``.

    Raises:
        CheckpointError: the file is missing, unreadable or of another architecture.
    """
    path = _v2_file(src, epoch)
    states = load_state_dicts(path, [official for official, *_ in V2_NAMES.values()], optional=('discriminator', 'fan'))
    states = {name: without_prefix(state, 'module.') for name, state in states.items()}
    args, weights = _infer_v2(states, path), dict[str, Any]()
    model: dict[str, Any] = {'type': 'StarGANv2'}
    model['domains'] = [f'domain_{i}' for i in range(args['num_domains'])]
    nets = [net for net, (official, *_) in V2_NAMES.items() if official in states]
    for net, (official, cls, config) in V2_NAMES.items():
        recipe = starganv2.RECIPES[cls]
        own = recipe.complete({key: value for key, value in args.items() if key in recipe.defaults}, cls)
        model[net] = config(own)
        if net in nets:
            state = convert(recipe, own, states[official], f'{path} ({official})').state_dict()
            weights |= {f'{net}.{key}': value for key, value in state.items()}
    if 'fan' in states:
        model['G']['masks'] = {'type': 'LandmarkMasks'}
    return {'config': {'model': model}, 'state_dict': weights, 'networks': nets, 'files': [path.name]}


def _v2_file(src: Path, epoch: str) -> Path:
    if src.is_file():
        return src
    there = {(int(m[1]), bool(m[2])): path for path in (src.iterdir() if src.is_dir() else ())
             if (m := re.fullmatch(r'(\d+)_nets(_ema)?\.ckpt', path.name))}
    found = {key: path for key, path in there.items() if epoch == 'latest' or str(key[0]) == epoch.lstrip('0')}
    if not found:
        raise CheckpointError(f'{src}: holds no <iteration>_nets_ema.ckpt of {epoch}. Iterations there: '
                              f'{", ".join(str(i) for i in sorted({i for i, _ in there})) or "none"}.')
    return found[max(found)]


def _infer_v2(states: dict[str, dict[str, Tensor]], path: Path) -> dict[str, Any]:
    G, F, E = (states[name] for name in ('generator', 'mapping_network', 'style_encoder'))
    try:
        blocks = len({key.split('.')[1] for key in E if key.endswith('.conv1.weight')})
        hidden, latent = F['shared.0.weight'].shape
        return {'img_size': 2 ** (blocks + 2), 'dim_in': G['from_rgb.weight'].shape[0],
                'max_conv_dim': max(G[key].shape[0] for key in G if key.endswith('.conv2.weight')),
                'style_dim': E['unshared.0.weight'].shape[0], 'latent_dim': latent, 'hidden_dim': hidden,
                'num_domains': len({key.split('.')[1] for key in E if key.startswith('unshared.')}),
                'w_hpf': 8 / float(G['hpf.filter'].flatten()[4]) if 'hpf.filter' in G else 0}
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(f'{path}: not the networks of StarGAN v2: {error} is missing.') from error
