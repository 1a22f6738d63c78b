"""Networks of HsinYingLee/DRIT, and its checkpoints."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe

# The official networks -> ours.
NAMES = {'enc_c': 'content', 'enc_a': 'attribute', 'gen': 'G', 'disA': 'D_A', 'disA2': 'D_A2', 'disB': 'D_B',
         'disB2': 'D_B2', 'disContent': 'D_content'}
CONTENT = ('model.0.model.1.weight', 'model.3.model.1.weight')  # its first convolution, and that of what is left


class BothDomains(nn.Module):
    """An encoder or a generator with the official signature: what it makes for A, then for B."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *x: Tensor) -> list[Tensor]:
        if getattr(self.net, 'out_channels', None):  # a generator, of one content and one code
            return [self.net(*x, domain) for domain in 'AB']
        found = [self.net(image, domain) for image, domain in zip(x, 'AB', strict=True)]
        return [part for out in found for part in out.chunk(2, 1)] if getattr(self.net, 'variational', False) else found


class Flattened(nn.Module):
    """A discriminator with the official output: all logits of the batch in a row."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.net(x).flatten()]


def _channels(args: dict[str, Any], kind: str) -> dict[str, Any]:
    a, b = (args[f'{kind}put_dim_{domain}'] for domain in 'ab')
    return {f'{kind}_channels': a, **({f'{kind}_channels_B': b} if b != a else {}), 'base_channels': args['ch']}


def content_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official E_content."""
    return {'type': 'DRITContentEncoder', **_channels(args, 'in')}


def attribute_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official E_attr."""
    return {'type': 'DRITAttributeEncoder', 'style': args['output_nc'], **_channels(args, 'in')}


def concat_attribute_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official E_attr_concat."""
    return {**attribute_config(args), 'type': 'DRITConcatAttributeEncoder'}


def generator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official G."""
    return {'type': 'DRITGenerator', 'style': args['nz'], **_channels(args, 'out')}


def concat_generator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official G_concat."""
    return {**generator_config(args), 'type': 'DRITConcatGenerator'}


def content_discriminator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Dis_content; its file does not say for which size it was trained, but which fit."""
    kernel, size = args['kernel'], args['head']
    for _ in range(3):
        size = max(2, 2 * size - 4 + kernel)
    return {'type': 'ContentDiscriminator', 'in_channels': 4 * args['ch'], 'kernel': kernel,
            'size': 54 if (kernel, args['head']) == (7, 4) else size}


def multiscale_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official MultiScaleDis; its norm has no effect."""
    return {'type': 'MultiscaleLogits', 'in_channels': args['input_dim'], 'base_channels': args['ch'],
            'scales': args['n_scale'], 'layers': args['n_layer'], 'slope': 0.01,
            'spectral': 'all' if args['sn'] else 'none'}


def discriminator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official Dis; its norm has no effect."""
    return {'type': 'StridedDiscriminator', 'in_channels': args['input_dim'], 'base_channels': args['ch'],
            'spectral': args['sn']}


def _residual(official: str, ours: str) -> dict[str, str]:
    return {f'{official}.model.{index}': f'{ours}.conv{i}' for i, index in ((1, 1), (2, 5))}


def _enlarging(official: str, ours: str) -> dict[str, str]:
    return {f'{official}.model.0': f'{ours}.conv', f'{official}.model.1': f'{ours}.norm'}


def content_modules(args: dict[str, Any]) -> dict[str, str]:
    """Three convolutions and three blocks of each domain, and a common block."""
    table = _residual('conv_share.0', 'shared')
    for d in 'AB':
        table |= {f'conv{d}.{i}.model.1': f'stems.{d}.{i}.conv' for i in range(3)}
        for i in range(3, 6):
            table |= _residual(f'conv{d}.{i}', f'stems.{d}.{i}')
    return table


def attribute_modules(args: dict[str, Any]) -> dict[str, str]:
    """Padding, convolution and activation, repeated."""
    return {**{f'model_{d.lower()}.{1 + 3 * i}': f'trunks.{d}.{2 * i}' for d in 'AB' for i in range(5)},
            **{f'model_{d.lower()}.16': f'heads.{d}' for d in 'AB'}}


def concat_attribute_modules(args: dict[str, Any]) -> dict[str, str]:
    """A convolution, blocks, and two linear layers."""
    table: dict[str, str] = {}
    for d in 'AB':
        table |= {f'conv_{d}.1': f'trunks.{d}.0', f'fc_{d}.0': f'means.{d}', f'fcVar_{d}.0': f'log_variances.{d}'}
        table |= {f'conv_{d}.{i + 1}.{theirs}': f'trunks.{d}.{i}.{ours}' for i in range(1, 4) for theirs, ours in
                  (('conv.2', 'conv1'), ('conv.4.1', 'conv2'), ('shortcut.1', 'shortcut'))}
    return table


def concat_generator_modules(args: dict[str, Any]) -> dict[str, str]:
    """A common block; three blocks and three layers that enlarge of each domain."""
    table = _residual('dec_share.0', 'shared')
    for d in 'AB':
        for i in range(3):
            table |= _residual(f'dec{d}1.{i}', f'decoders.{d}.0.{i}')
        table |= _enlarging(f'dec{d}2.0', f'decoders.{d}.1') | _enlarging(f'dec{d}3.0', f'decoders.{d}.2')
        table[f'dec{d}4.0'] = f'decoders.{d}.3'
    return table


def generator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Four blocks, three layers that enlarge, and a perceptron, of each domain."""
    table: dict[str, str] = {}
    for d in 'AB':
        table |= {f'mlp{d}.{i}': f'decoders.{d}.codes.{i}' for i in (0, 2, 4)}
        for i in range(4):
            official, ours = f'dec{d}{i + 1}', f'decoders.{d}.blocks.{i}'
            for n in (1, 2):
                table |= {f'{official}.conv{n}.0.1': f'{ours}.conv{n}'}
                table |= {f'{official}.blk{n}.{layer}': f'{ours}.transform{n}.{layer}' for layer in (0, 2)}
        table |= _enlarging(f'dec{d}5.0', f'decoders.{d}.up.0') | _enlarging(f'dec{d}5.1', f'decoders.{d}.up.1')
        table[f'dec{d}5.2'] = f'decoders.{d}.up.2'
    return table


def content_discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Four convolutions, and a 1x1 one."""
    return {**{f'model.{i}.model.1': f'convs.{i}.conv' for i in range(4)}, 'model.4': 'head'}


def discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Six convolutions, and a 1x1 one."""
    return {**{f'model.{i}.model.1': f'convs.{i}.conv' for i in range(6)}, 'model.6': 'head'}


def multiscale_modules(args: dict[str, Any]) -> dict[str, str]:
    """A Sequential per scale."""
    scales, layers = range(args['n_scale']), range(args['n_layer'])
    return {**{f'Diss.{s}.{i}.model.1': f'scales.{s}.{i}.conv' for s in scales for i in layers},
            **{f'Diss.{s}.{args["n_layer"]}': f'scales.{s}.{args["n_layer"]}' for s in scales}}


def flat_norms(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The official layer norm keeps its scale and offset as ``(C, 1, 1)``."""
    return {key: value.flatten() if value.ndim == 3 else value for key, value in state.items()}


def with_v(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of spectrally normalised layers, the official copy of torch's old hook keeps u and the divided weight, not v.

    v is what gives this divided weight: ``W v = sigma u``.
    """
    found = dict(state)
    for key, weight in state.items():
        stem, _, leaf = key.rpartition('_')
        divided, u = state.get(stem), state.get(f'{stem}_u')
        if leaf != 'orig' or divided is None or u is None or divided.shape != weight.shape or len(u) != len(weight):
            continue
        matrix = weight.flatten(1).double()
        sigma = matrix.square().sum() / (matrix * divided.flatten(1)).sum()
        found[f'{stem}_v'] = (sigma * torch.linalg.pinv(matrix) @ u.double()).to(weight)
        del found[stem]
    return found


def kernels(state: dict[str, Tensor]) -> dict[str, Any]:
    """The sizes of kernels that no argument of Dis_content tells."""
    return {name: state[key].shape[-1] for name, key in zip(('kernel', 'head'), CONTENT, strict=True)
            if key in state and state[key].ndim == 4}


def _within(table: Any) -> Any:
    return lambda args: {theirs: f'net.{ours}' for theirs, ours in table(args).items()}


def _backbone(config: Any) -> Any:
    return lambda args: BothDomains(build(config(args), BACKBONES))


_IMAGES, _WIDTH = ('input_dim_a', 'input_dim_b'), {'ch': 64}  # the authors write widths out; ch is their 64
_JUDGE = {'norm': 'None', 'sn': False, **_WIDTH}
RECIPES = {
    'E_content': Recipe(_backbone(content_config), _within(content_modules), _IMAGES, _WIDTH),
    'E_attr': Recipe(_backbone(attribute_config), _within(attribute_modules), _IMAGES, {'output_nc': 8, **_WIDTH}),
    'E_attr_concat': Recipe(_backbone(concat_attribute_config), _within(concat_attribute_modules), _IMAGES,
                            {'output_nc': 8, 'norm_layer': None, 'nl_layer': None, **_WIDTH}),
    'G': Recipe(_backbone(generator_config), _within(generator_modules), ('output_dim_a', 'output_dim_b', 'nz'),
                _WIDTH, read=flat_norms),
    'G_concat': Recipe(_backbone(concat_generator_config), _within(concat_generator_modules),
                       ('output_dim_a', 'output_dim_b', 'nz'), _WIDTH, read=flat_norms),
    'Dis_content': Recipe(lambda args: Flattened(build(content_discriminator_config(args), DISCRIMINATORS)),
                          _within(content_discriminator_modules), (), {'kernel': 7, 'head': 4, **_WIDTH},
                          infer=kernels),
    'MultiScaleDis': Recipe(lambda args: build(multiscale_config(args), DISCRIMINATORS), multiscale_modules,
                            ('input_dim',), {'n_scale': 3, 'n_layer': 4, **_JUDGE}, read=with_v),
    'Dis': Recipe(lambda args: Flattened(build(discriminator_config(args), DISCRIMINATORS)),
                  _within(discriminator_modules), ('input_dim',), _JUDGE, read=with_v),
}
CONFIGS = {'E_content': content_config, 'E_attr': attribute_config, 'E_attr_concat': concat_attribute_config,
           'G': generator_config, 'G_concat': concat_generator_config, 'Dis_content': content_discriminator_config,
           'MultiScaleDis': multiscale_config, 'Dis': discriminator_config}
