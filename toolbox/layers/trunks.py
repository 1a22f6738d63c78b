"""Downsampling trunks of encoders and discriminators, and the widths of their layers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

from torch import nn

from ..norms import NormFactory
from ..registry import Between, PowerOfTwo
from .convs import ConvNormLeaky
from .preactivation import ResBlock

SMALLEST = 4  # side of the innermost feature maps
Doubled = Literal[8, 16, 32, 64, 128, 256, 512, 1024]  # SMALLEST doubled at least once
Side = Annotated[int, Between(8, 2 ** 14), PowerOfTwo()]


def doublings(size: int) -> int:
    """How many times 4 is doubled to reach ``size``."""
    return round(math.log2(size // SMALLEST))


def strided_body(in_channels: int, base_channels: int, size: int, norm: NormFactory,
                 extra_layers: int = 0) -> nn.Sequential:
    """Images of side ``size`` to features of side 4: stride-2 convolutions that double the channels, LeakyReLU.

    The first has no norm. ``extra_layers`` of stride 1 follow it (as in the WGAN authors' code). No convolution has
    a bias.
    """
    body = nn.Sequential(ConvNormLeaky(nn.Conv2d(in_channels, base_channels, 4, 2, 1, bias=False), nn.Identity()))
    for _ in range(extra_layers):
        body.append(ConvNormLeaky(nn.Conv2d(base_channels, base_channels, 3, 1, 1, bias=False), norm(base_channels)))
    for level in range(doublings(size) - 1):
        width = base_channels * 2 ** level
        body.append(ConvNormLeaky(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), norm(2 * width)))
    return body


def width_at(side: int, size: int, base_channels: int, doubling: bool) -> int:
    """Channels of feature maps of one side: doubled from the image inwards, up to 8x, or the same everywhere."""
    return base_channels * min(size // side, 8) if doubling else base_channels


def widths_of(size: int, base_channels: int | None, max_channels: int, levels: int) -> list[int]:
    """Channels before each level and after the last one: doubled per level up to a maximum.

    ``base_channels=None`` starts with ``2 ** 14 / size`` channels (64 at 256 pixels), as the authors do.
    """
    first = base_channels or 2 ** 14 // size
    # The first width is not capped, as in the authors' code.
    return [first, *(min(first * 2 ** level, max_channels) for level in range(1, levels + 1))]


def convolutional_trunk(in_channels: int, size: int, base_channels: int | None, max_channels: int) -> tuple[
        nn.Sequential, int]:
    """Trunk of the style encoder and D, ``(N, in_channels, size, size)`` to ``(N, width, 1, 1)``, and its width."""
    widths = widths_of(size, base_channels, max_channels, size.bit_length() - 3)
    blocks = [ResBlock(a, b, down=True) for a, b in pairwise(widths)]
    trunk = nn.Sequential(nn.Conv2d(in_channels, widths[0], 3, padding=1), *blocks, nn.LeakyReLU(0.2),
                          nn.Conv2d(widths[-1], widths[-1], 4), nn.LeakyReLU(0.2))
    return trunk, widths[-1]


def unpadded_body(in_channels: int, width: int, least: int, layers: int, kernel: int, norm: NormFactory
                  ) -> tuple[nn.Sequential, int]:
    """``layers`` convolutions without padding, each with a norm and LeakyReLU, and the width of the last.

    The first has ``width`` channels, and each further one half as many as the one before, but at least ``least``.
    """
    body, channels = nn.Sequential(), in_channels
    for layer in range(layers):
        out = width if not layer else max(width // 2 ** layer, least)
        body.append(ConvNormLeaky(nn.Conv2d(channels, out, kernel), norm(out)))
        channels = out
    return body, channels


def widths_of_scales(scales: int, base_channels: int, every: int, max_channels: int) -> list[int]:
    """Doubled every so many scales, from the coarsest on, up to a maximum."""
    return [min(base_channels * 2 ** (scale // every), max_channels) for scale in range(scales)]
