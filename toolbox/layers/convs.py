"""Convolution-norm-activation layers, residual blocks of two of them, and upsampling convolutions."""

from __future__ import annotations

from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ..norms import NormFactory

PADDING_MODES: dict[str, Literal['zeros', 'reflect', 'replicate', 'circular']] = {  # ours -> torch's
    'reflect': 'reflect', 'replicate': 'replicate', 'zero': 'zeros'}


class ConvNormReLU(nn.Module):
    """``relu(norm(conv(x)))``. Not in place: the norm's backward pass reads its own output (less memory traffic)."""

    def __init__(self, conv: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class ConvNormLeaky(nn.Module):
    """``leaky_relu(norm(conv(x)), slope)``."""

    def __init__(self, conv: nn.Module, norm: nn.Module, slope: float = 0.2) -> None:
        super().__init__()
        self.conv, self.norm, self.slope = conv, norm, slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), self.slope)


class ResidualBlock(nn.Module):
    """``x + norm(conv(dropout(relu(norm(conv(x))))))``, without an activation after the sum.

    ``rates`` are the dilations of the two convolutions.
    """

    def __init__(self, channels: int, norm: NormFactory, padding: str, dropout: float, bias: bool,
                 rates: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        common: dict[str, Any] = dict(padding_mode=PADDING_MODES[padding], bias=bias)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=rates[0], dilation=rates[0], **common)
        self.norm1 = norm(channels)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=rates[1], dilation=rates[1], **common)
        self.norm2 = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(F.relu(self.norm1(self.conv1(x))))
        return x + self.norm2(self.conv2(y))


class StyledResidualBlock(ResidualBlock):
    """A residual block whose norms take a condition; without one it is the plain block."""

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        y = self.dropout(F.relu(self.norm1(self.conv1(x), cond)))
        return x + self.norm2(self.conv2(y), cond)


def upsampling_conv(in_channels: int, out_channels: int, mode: str, bias: bool) -> nn.Module:
    """A convolution that doubles the size: transposed, after resizing ('nearest', 'bilinear') or before a pixel
    shuffle."""
    if mode == 'deconv':
        return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=bias)
    if mode in ('nearest', 'bilinear'):
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode='reflect', bias=bias)
        return nn.Sequential(nn.Upsample(scale_factor=2, mode=mode), conv)
    conv = nn.Conv2d(in_channels, 4 * out_channels, 3, padding=1, padding_mode='reflect', bias=bias)
    return nn.Sequential(conv, nn.PixelShuffle(2))


def halved(x: Tensor) -> Tensor:
    """Images of half the size, rounded up, by overlapping means; the border counts only what is inside."""
    return F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
