"""The files of an official run of MUNIT or UNIT: ``gen_<iteration>.pt`` and ``dis_<iteration>.pt``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from ..files.foreign import load_state_dicts
from .base import convert, without_prefix
from .munit import (
    ADAIN_GEN,
    DIS,
    GEN,
    RECIPES,
    content_config,
    decoder_config,
    discriminator_config,
    flat,
    style_config,
)

# family -> official class, its defaults, the encoder's name in it, and (ours, part of the converted network, config)
GENERATORS: dict[str, tuple[str, dict[str, Any], str, tuple[tuple[str, str, Any], ...]]] = {
    'munit': ('AdaINGen', ADAIN_GEN, 'enc_content', (
        ('content', 'content', content_config), ('style', 'style', style_config), ('G', 'decoder', decoder_config))),
    'unit': ('VAEGen', GEN, 'enc', (('E', 'encoder', content_config), ('G', 'decoder', decoder_config)))}


def read_run(family: str, src: Path, epoch: str) -> dict[str, Any]:
    """Config and weights of an official run; the architecture is inferred from the weights.

    Args:
        family: 'munit' or 'unit'.
        src: a file of generators, such as the released ``edges2shoes.pt`` (of PyTorch 0.3, with running statistics that
            were never used), or the folder of a run, whose discriminators are converted, too.
        epoch: which files of a folder: 'latest' or the iteration.

    Returns:
        ``dict(config, state_dict, networks, files)``.

    Raises:
        CheckpointError: the files are missing, unreadable or of another architecture.
    """
    cls, defaults, _, parts = GENERATORS[family]
    files = _files(src, epoch)
    model: dict[str, Any] = {'type': family.upper()}
    weights: dict[str, Tensor] = {}
    networks: list[str] = []
    for domain, state in _domains(files[0]).items():
        args, where = infer_generator(family, state, f'{files[0]}: {domain}'), f'{files[0]}: {domain} ({cls})'
        net = convert(RECIPES[cls], args, state, where)
        for ours, part, config in parts:
            name = f'{ours}_{domain.upper()}'
            model[name] = config(flat(args, defaults))
            weights |= {f'{name}.{key}': value for key, value in net.get_submodule(part).state_dict().items()}
            networks.append(name)
        model[f'D_{domain.upper()}'] = discriminator_config(flat({**args, 'params': {}}, DIS))
    for domain, state in _domains(files[1]).items() if len(files) > 1 else ():
        args, name = infer_discriminator(state, f'{files[1]}: {domain}'), f'D_{domain.upper()}'
        net = convert(RECIPES['MsImageDis'], args, state, f'{files[1]}: {domain} (MsImageDis)')
        model[name] = discriminator_config(flat(args, DIS))
        weights |= {f'{name}.{key}': value for key, value in net.get_submodule('net').state_dict().items()}
        networks.append(name)
    return {'config': {'model': model}, 'state_dict': weights, 'networks': sorted(networks),
            'files': [path.name for path in files]}


def _domains(path: Path) -> dict[str, dict[str, Tensor]]:
    return {domain: without_prefix(state, 'module.') for domain, state in load_state_dicts(path, ('a', 'b')).items()}


def _files(src: Path, epoch: str) -> list[Path]:
    """The generators' file, and the discriminators' where it is in the same folder."""
    if src.is_file():
        return [src]
    found = {int(m[1]): path for path in (src.iterdir() if src.is_dir() else ())
             if (m := re.fullmatch(r'gen_(\d+)\.pt', path.name))}
    chosen = max((step for step in found if epoch in ('latest', str(step)) or epoch == f'{step:08d}'), default=None)
    if chosen is None:
        steps = ', '.join(map(str, sorted(found))) or 'none'
        raise CheckpointError(f'{src}: no gen_<iteration>.pt of iteration {epoch!r} there. Iterations found: {steps}.')
    dis = found[chosen].with_name(found[chosen].name.replace('gen_', 'dis_'))
    return [found[chosen], *([dis] if dis.is_file() else [])]


def infer_generator(family: str, state: dict[str, Tensor], where: str) -> dict[str, Any]:
    """Arguments of the official AdaINGen or VAEGen that these weights belong to.

    Raises:
        CheckpointError: layers are missing.
    """
    cls, _, encoder, _ = GENERATORS[family]
    try:
        dim, channels = state[f'{encoder}.model.0.conv.weight'].shape[:2]
        params = {'dim': dim, 'n_downsample': len(_numbers(state, rf'{encoder}\.model\.(\d+)\.conv\.weight')) - 1,
                  'n_res': len(_numbers(state, r'dec\.model\.0\.model\.(\d+)\.'))}
        if family == 'munit':
            params['mlp_dim'], params['style_dim'] = state['mlp.model.0.fc.weight'].shape
    except (KeyError, ValueError) as error:
        raise CheckpointError(f'{where}: not an {cls} of {family.upper()}: {error} is missing. For the files of '
                              f'{"UNIT" if family == "munit" else "MUNIT"} type the other family.') from error
    return {'input_dim': channels, 'params': params}


def infer_discriminator(state: dict[str, Tensor], where: str) -> dict[str, Any]:
    """Arguments of the official MsImageDis that these weights belong to.

    Raises:
        CheckpointError: layers are missing.
    """
    try:
        dim, channels = state['cnns.0.0.conv.weight'].shape[:2]
    except (KeyError, ValueError) as error:
        raise CheckpointError(f'{where}: not an MsImageDis: {error} is missing.') from error
    leaves = {key.partition('.1.')[2] for key in state if key.startswith('cnns.0.1.')}
    norm = next((name for name, leaf in (('sn', 'conv.module.weight_bar'), ('ln', 'norm.gamma'), ('bn', 'norm.weight'))
                 if leaf in leaves), 'in' if 'norm.running_mean' in leaves else 'none')
    return {'input_dim': channels, 'params': {
        'dim': dim, 'norm': norm, 'n_layer': len(_numbers(state, r'cnns\.0\.(\d+)\.conv\.')),
        'num_scales': len(_numbers(state, r'cnns\.(\d+)\.'))}}


def _numbers(state: dict[str, Tensor], pattern: str) -> set[str]:
    return {match[1] for key in state if (match := re.match(pattern, key))}
