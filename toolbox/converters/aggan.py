"""The graph of AlamiMejjati/Unsupervised-Attention-guided-Image-to-Image-Translation (TensorFlow)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import Recipe

NAMES = {'g_A': 'G_AB', 'g_B': 'G_BA', 'g_A_ae': 'A_A', 'g_B_ae': 'A_B', 'd_A': 'D_A', 'd_B': 'D_B'}
LEAVES = {'weights': 'weight', 'biases': 'bias', 'scale': 'weight', 'offset': 'bias'}
UNUSED = ('g_A.c6.instance_norm', 'g_B.c6.instance_norm', 'g_A_ae.c6.instance_norm', 'g_B_ae.c6.instance_norm',
          'd_A.c5.instance_norm', 'd_B.c5.instance_norm')  # variables of norms that are never applied


class Graph(nn.Module):
    """The six networks as connected in the authors' ``get_outputs``; images in TensorFlow's layout ``(N, H, W, C)``."""

    A_A: nn.Module
    A_B: nn.Module
    D_A: nn.Module
    D_B: nn.Module
    G_AB: nn.Module
    G_BA: nn.Module

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__()
        for names, type_, registry, width in ((('A_A', 'A_B'), 'AttentionNetwork', BACKBONES, args['ngf']),
                                              (('D_A', 'D_B'), 'AGGANDiscriminator', DISCRIMINATORS, args['ndf']),
                                              (('G_AB', 'G_BA'), 'AGGANGenerator', BACKBONES, args['ngf'])):
            for name in names:
                setattr(self, name, build({'type': type_, 'base_channels': width}, registry))
        self.threshold, self.norm = args['transition_rate'], args['donorm']

    def forward(self, images_a: Tensor, images_b: Tensor, fake_pool_a: Tensor, fake_pool_b: Tensor,
                fake_pool_a_mask: Tensor, fake_pool_b_mask: Tensor) -> list[Tensor]:
        """The outputs in the authors' order: logits, cycles, fakes, masks, images before blending."""
        a, b, pool_a, pool_b, pool_mask_a, pool_mask_b = (
            image.permute(0, 3, 1, 2) for image in (images_a, images_b, fake_pool_a, fake_pool_b, fake_pool_a_mask,
                                                    fake_pool_b_mask))
        fake_b, mask_a, made_b = self._attend(self.G_AB, self.A_A, a)
        fake_a, mask_b, made_a = self._attend(self.G_BA, self.A_B, b)
        cycle_a, mask_fake_b, made_cycle_a = self._attend(self.G_BA, self.A_B, fake_b)
        cycle_b, mask_fake_a, made_cycle_b = self._attend(self.G_AB, self.A_A, fake_a)
        judged = [D(x * (mask >= self.threshold), norm=self.norm) for D, x, mask in (
            (self.D_A, a, mask_a), (self.D_B, b, mask_b), (self.D_A, fake_a, mask_b), (self.D_B, fake_b, mask_a),
            (self.D_A, pool_a, pool_mask_a), (self.D_B, pool_b, pool_mask_b))]
        masks = [mask.expand(-1, 3, -1, -1) for mask in (mask_a, mask_a, mask_b, mask_fake_a, mask_fake_b)]
        images = [*judged, cycle_a, cycle_b, fake_a, fake_b, *masks, made_b, made_a, made_cycle_a, made_cycle_b]
        return [image.permute(0, 2, 3, 1) for image in images]

    @staticmethod
    def _attend(G: nn.Module, attention: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask, made = attention(x), G(x)
        return mask * made + (1 - mask) * x, mask, made


def read(variables: dict[str, Tensor]) -> dict[str, Tensor]:
    """Variables ``Model/g_A/c1/Conv/weights`` as ``g_A.c1.Conv.weight``, kernels in torch's layout."""
    state = {}
    for name, value in variables.items():
        module, _, leaf = name.removeprefix('Model/').replace('/', '.').rpartition('.')
        if value.dim() == 4:  # (h, w, in, out), transposed convolutions (h, w, out, in); torch has the reverse order
            value = value.permute(3, 2, 0, 1).contiguous()
        state[f'{module}.{LEAVES.get(leaf, leaf)}'] = value
    return state


def modules(args: dict[str, Any]) -> dict[str, str]:
    """Official modules -> ours; every layer is a scope with a convolution and an instance norm."""
    layers: dict[str, str] = {}
    for official in ('g_A', 'g_B'):
        layers |= {f'{official}.{scope}': f'{NAMES[official]}.{ours}' for scope, ours in
                   {'c1': 'stem', 'c2': 'down.0', 'c3': 'down.1', 'c4': 'up.0', 'c5': 'up.1', 'c6': 'head'}.items()}
    for official in ('g_A_ae', 'g_B_ae'):
        layers |= {f'{official}.{scope}': f'{NAMES[official]}.{ours}' for scope, ours in
                   {'c1': 'stem', 'c2': 'down', 'c4': 'up.0', 'c5': 'up.1', 'c6': 'head'}.items()}
    table: dict[str, str] = {}
    for scope, ours in layers.items():
        conv = 'Conv2d_transpose' if ours.startswith('G_') and '.up.' in ours else 'Conv'
        table |= {f'{scope}.{conv}': ours} if ours.endswith('head') else {
            f'{scope}.{conv}': f'{ours}.conv', f'{scope}.instance_norm': f'{ours}.norm'}
    blocks = {f'{g}.r{i + 1}': f'{NAMES[g]}.blocks.{i}' for g in ('g_A', 'g_B') for i in range(9)}
    blocks |= {f'{g}.r1': f'{NAMES[g]}.block' for g in ('g_A_ae', 'g_B_ae')}
    for scope, ours in blocks.items():
        for i in (1, 2):
            table |= {f'{scope}.c{i}.Conv': f'{ours}.conv{i}', f'{scope}.c{i}.instance_norm': f'{ours}.norm{i}'}
    for d in ('d_A', 'd_B'):
        table |= {f'{d}.c{i + 1}.Conv': f'{NAMES[d]}.convs.{i}' for i in range(4)}
        table |= {f'{d}.c{i + 1}.instance_norm': f'{NAMES[d]}.norms.{i}' for i in range(4)}
        table[f'{d}.c5.Conv'] = f'{NAMES[d]}.head'
    return table


RECIPES = {'get_outputs': Recipe(
    Graph, modules, (), {'ngf': 32, 'ndf': 64, 'img': 256, 'transition_rate': 0.0, 'donorm': True, 'lambda_a': 10.0,
                         'lambda_b': 10.0},
    ignore=lambda key, args: key.rpartition('.')[0] in UNUSED, read=read)}
