"""Residual blocks with norm and activation before each convolution: those of WGAN-GP and StarGAN v2."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from ..norms import NO_NORM, NormFactory, make_norm


def _upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode='nearest')


def _pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def _same(x: Tensor) -> Tensor:
    return x


RESAMPLE: dict[str, Callable[[Tensor], Tensor]] = {'up': _upsample, 'down': _pool, 'none': _same}


class _ReLUConv(nn.Conv2d):
    init_gain = 2 ** 0.5


def conv3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution before or after a ReLU, which the authors initialise with twice the variance."""
    return _ReLUConv(in_channels, out_channels, 3, padding=1)


class PreActivationBlock(nn.Module):
    """``shortcut(x) + conv(relu(norm(conv(relu(norm(x))))))``, with nearest upsampling or mean pooling in both paths.

    Upsampling comes before the first convolution, pooling after the second; the shortcut is a 1x1 convolution (after
    the upsampling, before the pooling), or the identity where the shape is unchanged.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        resample: 'up', 'down' or 'none'.
        norm: makes both norms.
    """

    def __init__(self, in_channels: int, out_channels: int, resample: str, norm: NormFactory) -> None:
        super().__init__()
        inner = out_channels if resample == 'up' else in_channels
        self.up = RESAMPLE['up' if resample == 'up' else 'none']
        self.down = RESAMPLE['down' if resample == 'down' else 'none']
        self.norm1, self.conv1 = norm(in_channels), conv3(in_channels, inner)
        self.norm2, self.conv2 = norm(inner), conv3(inner, out_channels)
        plain = resample == 'none' and in_channels == out_channels
        self.shortcut = nn.Identity() if plain else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.up(F.relu(self.norm1(x))))
        y = self.conv2(F.relu(self.norm2(y)))
        return self.down(y) + self.down(self.shortcut(self.up(x)))


class ResBlock(nn.Module):
    """Pre-activation residual block with two convolutions; the sum is divided by sqrt(2) to keep the variance."""

    def __init__(self, inside: int, outside: int, norm: NormFactory | None = None, down: bool = False) -> None:
        super().__init__()
        make = norm or make_norm(NO_NORM)
        self.norm1, self.norm2 = make(inside), make(inside)
        self.conv1 = nn.Conv2d(inside, inside, 3, padding=1)
        self.conv2 = nn.Conv2d(inside, outside, 3, padding=1)
        self.shortcut = nn.Conv2d(inside, outside, 1, bias=False) if inside != outside else nn.Identity()
        self.down = nn.AvgPool2d(2) if down else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(self.conv1(F.leaky_relu(self.norm1(x), 0.2)))
        y = self.conv2(F.leaky_relu(self.norm2(y), 0.2))
        return (self.down(self.shortcut(x)) + y) / math.sqrt(2)


class StyledBlock(nn.Module):
    """:class:`ResBlock` with norms that take a style. It has no shortcut if the generator has its high-pass skip."""

    def __init__(self, inside: int, outside: int, norm: NormFactory, up: bool = False, shortcut: bool = True) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(inside), norm(outside)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2, mode='nearest') if up else nn.Identity()
        self.shortcut: nn.Module | None = None
        if shortcut:
            self.shortcut = nn.Conv2d(inside, outside, 1, bias=False) if inside != outside else nn.Identity()

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        y = self.conv1(self.up(F.leaky_relu(self.norm1(x, s), 0.2)))
        y = self.conv2(F.leaky_relu(self.norm2(y, s), 0.2))
        return y if self.shortcut is None else (self.shortcut(self.up(x)) + y) / math.sqrt(2)
