"""Weight initialisation, by the rule of CycleGAN and pix2pix that most of the family follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ..registry import Positive, checked
from .spectral import is_spectral, raw_weight, refresh_spectral_norm

FILL: dict[str, Callable[[Tensor, float], Tensor]] = {
    'normal': lambda weight, gain: nn.init.normal_(weight, 0.0, gain),
    'xavier': lambda weight, gain: nn.init.xavier_normal_(weight, gain=gain),
    'kaiming': lambda weight, gain: nn.init.kaiming_normal_(weight, a=0, mode='fan_in'),
    'orthogonal': lambda weight, gain: nn.init.orthogonal_(weight, gain=gain),
    'xavier_uniform': lambda weight, gain: nn.init.xavier_uniform_(weight, gain=gain),
    'uniform': lambda weight, gain: nn.init.uniform_(weight, -gain, gain),
    'truncated': lambda weight, gain: nn.init.trunc_normal_(weight, 0.0, gain, -2 * gain, 2 * gain),
}
Kind = Literal['normal', 'xavier', 'kaiming', 'orthogonal', 'xavier_uniform', 'uniform', 'truncated', 'default']


@torch.no_grad()
@checked
def init_weights(module: nn.Module, type: Kind = 'normal', gain: Positive = 0.02,
                 spectral: Literal['filled', 'kept'] = 'filled') -> nn.Module:
    """Fill the weights of a network in place, and return it.

    Convolutions and linear layers: weight by ``type``, bias 0. Batch norms: weight N(1, gain), bias 0. Everything else
    (instance norms, rho of U-GAT-IT, frozen layers, ...) keeps its constructor's values.

    Args:
        module: network or layer; in spectrally normalised layers the underlying weight is filled and the singular
            vectors are re-estimated.
        type: 'normal' N(0, gain), 'xavier' (normal), 'kaiming' (normal, fan-in; ignores ``gain``), 'orthogonal',
            'xavier_uniform', 'uniform' U(-gain, gain), 'truncated' (normal, redrawn beyond 2 gain), or 'default'
            (torch's own initialisation).
        gain: standard deviation, gain or bound. A layer's attribute ``init_gain`` multiplies it.
        spectral: 'kept': weights of spectrally normalised layers stay torch's own, and only their bias becomes 0. The
            code of SPADE does so on a GPU, where its initialisation misses them; on a CPU it fills them.

    Raises:
        ConfigError: unknown ``type``, or ``gain`` is not positive.
    """
    if type == 'default':
        return module
    for layer in module.modules():
        if not any(p.requires_grad for p in layer.parameters()):
            continue
        if isinstance(layer, (_ConvNd, nn.Linear)):
            if spectral == 'filled' or not is_spectral(layer):
                FILL[type](raw_weight(layer), gain * getattr(layer, 'init_gain', 1.0))
                refresh_spectral_norm(layer)
            _zero(layer.bias)
        elif isinstance(layer, _BatchNorm) and layer.weight is not None:
            nn.init.normal_(layer.weight, 1.0, gain)
            _zero(layer.bias)
    return module


def _zero(bias: Tensor | None) -> None:
    if bias is not None:
        nn.init.zeros_(bias)


@torch.no_grad()
def take_over(module: nn.Module, other: nn.Module) -> None:
    """Copy weights and statistics of another module in place, if all have the same shapes."""
    mine, others = module.state_dict(), other.state_dict()
    if all(mine[key].shape == value.shape for key, value in others.items()):
        for key, value in others.items():
            mine[key].copy_(value)
