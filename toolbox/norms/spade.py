"""SPADE: a scale and an offset per pixel, from a label map."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import NORMS, Count, OddCount
from .batch import BatchNorm, SyncBatchNorm
from .instance import InstanceNorm, widen

BASES = {'BN': BatchNorm, 'IN': InstanceNorm, 'SyncBN': SyncBatchNorm}


@NORMS.register_module(name='SPADE')
class SPADE(nn.Module):
    """Spatially adaptive normalisation, ``(1 + gamma(map)) * norm(x) + beta(map)`` (Park et al. 2019, eq. 1).

    The map is resized to the size of ``x`` by nearest neighbour; gamma and beta are convolutions of a shared layer.

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        cond_channels: number of channels of the map ``(N, cond_channels, h, w)``, any h and w.
        base: the parameter-free norm: 'SyncBN', 'BN' or 'IN'.
        hidden: channels of the shared layer.
        kernel_size: of all three convolutions; odd.

    Raises:
        ConfigError: an invalid argument, or a condition that is not such a map.
    """

    conv_bias = True
    needs_cond = True

    def __init__(self, channels: Count, cond_channels: Count, base: Literal['SyncBN', 'BN', 'IN'] = 'SyncBN',
                 hidden: Count = 128, kernel_size: OddCount = 3) -> None:
        super().__init__()
        pad = kernel_size // 2
        self.cond_channels = cond_channels
        self.base = BASES[base](channels, affine=False)
        self.shared = nn.Conv2d(cond_channels, hidden, kernel_size, padding=pad)
        self.gamma = nn.Conv2d(hidden, channels, kernel_size, padding=pad)
        self.beta = nn.Conv2d(hidden, channels, kernel_size, padding=pad)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        if cond is None or cond.dim() != 4 or cond.shape[:2] != (x.shape[0], self.cond_channels):
            found = 'none' if cond is None else f'one of shape {tuple(cond.shape)}'
            raise ConfigError(f'SPADE: expected a map of shape ({x.shape[0]}, {self.cond_channels}, h, w), found'
                              f' {found}.')
        resized = F.interpolate(cond.to(x.dtype), size=x.shape[2:], mode='nearest')
        features = F.relu(self.shared(resized))
        return ((1 + widen(self.gamma(features))) * self.base(x) + widen(self.beta(features))).to(x.dtype)
