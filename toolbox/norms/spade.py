"""Norms that take a label map: SPADE, with a scale and an offset per pixel, and the map laid beside the features."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import NORMS, Count, OddCount
from .batch import BatchNorm, SyncBatchNorm
from .instance import InstanceNorm, widen

Base = Literal['SyncBN', 'BN', 'IN', 'SyncBN-clamped']
BASES: dict[str, Callable[..., nn.Module]] = {'BN': BatchNorm, 'IN': InstanceNorm, 'SyncBN': SyncBatchNorm,
                                              'SyncBN-clamped': partial(SyncBatchNorm, clamp=True)}


def resize_map(planes: Tensor, size: tuple[int, ...]) -> Tensor:
    """Planes ``(N, C, H, W)`` in another size, by nearest neighbour."""
    return planes if planes.shape[2:] == size else F.interpolate(planes, size=size, mode='nearest')


def map_for(x: Tensor, cond: Tensor | None, channels: int, norm: str) -> Tensor:
    """The map ``(N, channels, h, w)`` in the size and the type of ``x``, by nearest neighbour.

    Raises:
        ConfigError: the condition is no such map.
    """
    if cond is None or cond.dim() != 4 or cond.shape[:2] != (x.shape[0], channels):
        found = 'none' if cond is None else f'one of shape {tuple(cond.shape)}'
        raise ConfigError(f'{norm}: expected a map of shape ({x.shape[0]}, {channels}, h, w), found {found}.')
    return resize_map(cond.to(x.dtype), x.shape[2:])


@NORMS.register_module(name='SPADE')
class SPADE(nn.Module):
    """Spatially adaptive normalisation, ``(1 + gamma(map)) * norm(x) + beta(map)`` (Park et al. 2019, eq. 1).

    The map is resized to the size of ``x`` by nearest neighbour; gamma and beta are convolutions of a shared layer.

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        cond_channels: number of channels of the map ``(N, cond_channels, h, w)``, any h and w.
        base: the parameter-free norm: 'SyncBN', 'BN' or 'IN'; 'SyncBN-clamped' is the authors' formula for several
            processes (see :class:`~.batch.SyncBatchNorm`).
        hidden: channels of the shared layer.
        kernel_size: of all three convolutions; odd.

    Raises:
        ConfigError: an invalid argument, or a condition that is not such a map.
    """

    conv_bias = True
    needs_cond = True
    takes_map = True

    def __init__(self, channels: Count, cond_channels: Count, base: Base = 'SyncBN', hidden: Count = 128,
                 kernel_size: OddCount = 3) -> None:
        super().__init__()
        pad = kernel_size // 2
        self.cond_channels = cond_channels
        self.base = BASES[base](channels, affine=False)
        self.shared = nn.Conv2d(cond_channels, hidden, kernel_size, padding=pad)
        self.gamma = nn.Conv2d(hidden, channels, kernel_size, padding=pad)
        self.beta = nn.Conv2d(hidden, channels, kernel_size, padding=pad)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        features = F.relu(self.shared(map_for(x, cond, self.cond_channels, 'SPADE')))
        gamma, beta = self._both(features).chunk(2, 1)
        return ((1 + widen(gamma)) * self.base(x) + widen(beta)).to(x.dtype)

    def _both(self, features: Tensor) -> Tensor:
        """gamma and beta by one convolution, whose backward pass is faster than that of two: ``(N, 2C, h, w)``."""
        weight, bias = (torch.cat([getattr(self.gamma, name), getattr(self.beta, name)]) for name in ('weight', 'bias'))
        return F.conv2d(features, weight, bias, padding=self.gamma.padding)


@NORMS.register_module(name='Concat')
class Concat(nn.Module):
    """A norm with learned scale and offset, and the map as further channels: the baseline 'concat' of SPADE's table 3.

    Its output has ``added_channels`` more channels than its input; a network that uses it makes its convolutions so
    wide.

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        cond_channels: number of channels of the map ``(N, cond_channels, h, w)``, any h and w.
        base: 'SyncBN', 'BN' or 'IN', as of :class:`SPADE`.

    Raises:
        ConfigError: an invalid argument, or a condition that is not such a map.
    """

    conv_bias = True
    needs_cond = True
    takes_map = True

    def __init__(self, channels: Count, cond_channels: Count, base: Base = 'SyncBN') -> None:
        super().__init__()
        self.added_channels = cond_channels
        self.base = BASES[base](channels, affine=True)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return torch.cat([self.base(x), map_for(x, cond, self.added_channels, 'Concat')], dim=1)


def added_channels(norm: nn.Module) -> int:
    """How many more channels the output of a norm has than its input."""
    return int(getattr(norm, 'added_channels', 0))
