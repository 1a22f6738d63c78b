"""Networks of NVIDIA/pix2pixHD: arguments, key names, and recognising the network of a file."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, nn

from ..errors import CheckpointError
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe
from .cyclegan import is_instance_statistic, norm_of

MULTISCALE = {'ndf': 64, 'n_layers': 3, 'norm': 'batch', 'use_sigmoid': False, 'getIntermFeat': False}


def _common(args: dict[str, Any]) -> dict[str, Any]:
    return {'in_channels': args['input_nc'], 'out_channels': args['output_nc'], 'base_channels': args['ngf'],
            'norm': norm_of(args)}


def global_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official GlobalGenerator."""
    return {'type': 'Pix2PixHDGenerator', **_common(args), 'downs': args['n_downsampling'], 'blocks': args['n_blocks'],
            'padding': args['padding_type']}


def local_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official LocalEnhancer."""
    return {'type': 'Pix2PixHDGenerator', **_common(args), 'downs': args['n_downsample_global'],
            'blocks': args['n_blocks_global'], 'enhancers': args['n_local_enhancers'],
            'enhancer_blocks': args['n_blocks_local'], 'padding': args['padding_type']}


def encoder_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Encoder."""
    return {'type': 'InstanceEncoder', **_common(args), 'downs': args['n_downsampling']}


def _layers(official: str, ours: str) -> dict[str, str]:
    """A convolution and its norm, the module after it."""
    prefix, _, number = official.rpartition('.')
    return {official: f'{ours}.conv', f'{prefix}.{int(number) + 1}': f'{ours}.norm'}


def _blocks(official: str, first: int, ours: str, count: int, padding: str) -> dict[str, str]:
    """Residual blocks; with zero padding they have no layers of their own for it."""
    pad = 0 if padding == 'zero' else 1
    inside = {pad: 'conv1', pad + 1: 'norm1', 2 * pad + 3: 'conv2', 2 * pad + 4: 'norm2'}
    return {f'{official}.{first + block}.conv_block.{i}': f'{ours}.{block}.{layer}' for block in range(count)
            for i, layer in inside.items()}


def _trunk(ours: str, downs: int, blocks: int, padding: str) -> tuple[dict[str, str], int]:
    """One flat Sequential without its last convolution, and the number of the latter."""
    first = 4 + 3 * downs
    table = _layers('model.1', f'{ours}.stem') | _blocks('model', first, f'{ours}.blocks', blocks, padding)
    for i in range(downs):
        table |= _layers(f'model.{4 + 3 * i}', f'{ours}.down.{i}')
        table |= _layers(f'model.{first + blocks + 3 * i}', f'{ours}.up.{i}')
    return table, first + blocks + 3 * downs + 1


def global_modules(args: dict[str, Any]) -> dict[str, str]:
    """The trunk and the last convolution."""
    table, last = _trunk('coarse', args['n_downsampling'], args['n_blocks'], args['padding_type'])
    return {**table, f'model.{last}': 'head'}


def local_modules(args: dict[str, Any]) -> dict[str, str]:
    """The trunk, and two Sequentials per enhancer, the coarsest first; that of the finest ends in the last convolution.
    """
    padding, blocks, count = args['padding_type'], args['n_blocks_local'], args['n_local_enhancers']
    table, _ = _trunk('coarse', args['n_downsample_global'], args['n_blocks_global'], padding)
    for i in range(count):
        official, ours = f'model{i + 1}', f'enhancers.{i}'
        table |= _layers(f'{official}_1.1', f'{ours}.stem') | _layers(f'{official}_1.4', f'{ours}.down')
        table |= _blocks(f'{official}_2', 0, f'{ours}.blocks', blocks, padding)
        table |= _layers(f'{official}_2.{blocks}', f'{ours}.up')
    return {**table, f'model{count}_2.{blocks + 4}': 'head'}


def encoder_modules(args: dict[str, Any]) -> dict[str, str]:
    """A trunk without residual blocks, and the last convolution."""
    table, last = _trunk('trunk', args['n_downsampling'], 0, 'reflect')
    return {**table, f'model.{last}': 'head'}


def discriminator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official MultiscaleDiscriminator, or of its part for one scale."""
    return {'type': 'MultiscaleDiscriminator', 'in_channels': args['input_nc'], 'base_channels': args['ndf'],
            'scales': args.get('num_D', 1), 'layers': args['n_layers'], 'norm': norm_of(args)}


class OfficialOutput(nn.Module):
    """Our discriminator with the outputs of the authors'.

    Args:
        net: ours.
        features: give those of every layer, and not the logits alone.
        sigmoid: give probabilities. (The authors' code leaves the sigmoid out where it gives features.)
        several: lists of scales, and not what a single scale gives.
    """

    def __init__(self, net: nn.Module, features: bool, sigmoid: bool, several: bool) -> None:
        super().__init__()
        self.net, self.features, self.several = net, features, several
        self.activation = nn.Sigmoid() if sigmoid and not features else nn.Identity()

    def forward(self, x: Tensor) -> Any:
        scales: list[list[Tensor]] = self.net(x)
        if not self.features:
            scales = [[self.activation(layers[-1])] for layers in scales]
        return scales if self.several else scales[0] if self.features else scales[0][0]


def _discriminator(args: dict[str, Any]) -> nn.Module:
    net = build(discriminator_config(args), DISCRIMINATORS)
    return OfficialOutput(net, args['getIntermFeat'], args['use_sigmoid'], 'num_D' in args)


def discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Per scale, the coarsest first, a Sequential of all layers, or with features one per layer."""
    table: dict[str, str] = {}
    last, scales = args['n_layers'] + 1, args.get('num_D', 1)
    for scale in range(scales):
        ours = f'net.scales.{scales - 1 - scale}'
        flat, layer = ((f'layer{scale}', f'scale{scale}_layer') if 'num_D' in args else ('model', 'model'))
        for i in range(last + 1):
            conv = f'{layer}{i}.0' if args['getIntermFeat'] else f'{flat}.{max(0, 3 * i - 1)}'
            table |= _layers(conv, f'{ours}.{i}') if 0 < i < last else {conv: f'{ours}.{i}{".conv" * (i == 0)}'}
    return table


CONFIGS = {'GlobalGenerator': global_config, 'LocalEnhancer': local_config, 'Encoder': encoder_config,
           'MultiscaleDiscriminator': discriminator_config, 'NLayerDiscriminator': discriminator_config}
RECIPES = {
    'GlobalGenerator': Recipe(
        lambda args: build(global_config(args), BACKBONES), global_modules, ('input_nc', 'output_nc'),
        {'ngf': 64, 'n_downsampling': 3, 'n_blocks': 9, 'norm': 'batch', 'padding_type': 'reflect'},
        is_instance_statistic),
    'LocalEnhancer': Recipe(
        lambda args: build(local_config(args), BACKBONES), local_modules, ('input_nc', 'output_nc'),
        {'ngf': 32, 'n_downsample_global': 3, 'n_blocks_global': 9, 'n_local_enhancers': 1, 'n_blocks_local': 3,
         'norm': 'batch', 'padding_type': 'reflect'}, is_instance_statistic),
    'Encoder': Recipe(
        lambda args: build(encoder_config(args), BACKBONES), encoder_modules, ('input_nc', 'output_nc'),
        {'ngf': 32, 'n_downsampling': 4, 'norm': 'batch'}, is_instance_statistic),
    'MultiscaleDiscriminator': Recipe(_discriminator, discriminator_modules, ('input_nc',),
                                      {**MULTISCALE, 'num_D': 3}, is_instance_statistic),
    'NLayerDiscriminator': Recipe(_discriminator, discriminator_modules, ('input_nc',), MULTISCALE,
                                  is_instance_statistic),
}


def infer(net: str, state: dict[str, Tensor], where: str) -> tuple[str, dict[str, Any]]:
    """Class and arguments of the official network that the weights of a file belong to.

    Weights do not tell reflection from replication padding in the residual blocks (assumed: reflection, the default).

    Args:
        net: 'G', 'D' or 'E', from the name of the file.
        state: its weights.
        where: for messages.

    Raises:
        CheckpointError: layers are missing.
    """
    try:
        return {'G': _infer_generator, 'E': _infer_encoder, 'D': _infer_discriminator}[net](state)
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(f'{where}: not a net{net} of pix2pixHD: layers are missing ({error}); the first keys are '
                              f'{", ".join(list(state)[:3]) or "none at all"}.') from error


def _infer_generator(state: dict[str, Tensor]) -> tuple[str, dict[str, Any]]:
    enhancers = len(_numbers(state, r'model(\d+)_1\.1\.weight'))
    convs, blocks = _numbers(state, r'model\.(\d+)\.weight'), len(_numbers(state, r'model\.(\d+)\.conv_block'))
    width, planes = state['model.1.weight'].shape[:2]
    args = {'input_nc': planes, 'norm': _norm(state, 'model.2'),
            'padding_type': 'zero' if any('conv_block.0.weight' in key for key in state) else 'reflect'}
    downs = (len(convs) - 1) // 2
    if not enhancers:
        return 'GlobalGenerator', {**args, 'output_nc': len(state[f'model.{convs[-1]}.weight']), 'ngf': width,
                                   'n_downsampling': downs, 'n_blocks': blocks}
    local_blocks = len(_numbers(state, r'model1_2\.(\d+)\.conv_block'))
    last = f'model{enhancers}_2.{local_blocks + 4}.weight'
    return 'LocalEnhancer', {
        **args, 'output_nc': len(state[last]), 'ngf': width // 2 ** enhancers, 'n_downsample_global': downs,
        'n_blocks_global': blocks, 'n_local_enhancers': enhancers, 'n_blocks_local': local_blocks}


def _infer_encoder(state: dict[str, Tensor]) -> tuple[str, dict[str, Any]]:
    convs = _numbers(state, r'model\.(\d+)\.weight')
    width, channels = state['model.1.weight'].shape[:2]
    return 'Encoder', {'input_nc': channels, 'output_nc': len(state[f'model.{convs[-1]}.weight']), 'ngf': width,
                       'n_downsampling': len(convs) // 2 - 1, 'norm': _norm(state, 'model.2')}


def _infer_discriminator(state: dict[str, Tensor]) -> tuple[str, dict[str, Any]]:
    features = 'scale0_layer0.0.weight' in state
    width, channels = state['scale0_layer0.0.weight' if features else 'layer0.0.weight'].shape[:2]
    convs = _numbers(state, r'scale0_layer(\d+)\.0\.weight' if features else r'layer0\.(\d+)\.weight')
    scales = _numbers(state, r'scale(\d+)_layer0\.0' if features else r'layer(\d+)\.0\.')
    return 'MultiscaleDiscriminator', {
        'input_nc': channels, 'ndf': width, 'n_layers': len(convs) - 2, 'num_D': len(scales), 'getIntermFeat': features,
        'norm': _norm(state, 'scale0_layer1.1' if features else 'layer0.3')}


def _numbers(state: dict[str, Tensor], pattern: str) -> list[int]:
    """The numbers in the names of weights of convolutions that match, ascending."""
    found = {int(match[1]) for key, x in state.items() if x.dim() == 4 and (match := re.match(pattern, key))}
    return sorted(found)


def _norm(state: dict[str, Tensor], key: str) -> str:
    return 'batch' if f'{key}.weight' in state else 'instance'
