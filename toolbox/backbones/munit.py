"""Encoders and decoders of MUNIT (Huang et al., ECCV 2018) and of UNIT (Liu et al., NIPS 2017, in the authors' later
code, which is that of MUNIT)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..layers.convs import ConvNormReLU, ResidualBlock, StyledResidualBlock
from ..norms import INSTANCE_NORM, NO_NORM, NormFactory, make_norm
from ..registry import BACKBONES, Blocks, Count, Norm

ADAIN: dict[str, Any] = {'type': 'AdaIN', 'residual': False}
LAYER_NORM: dict[str, Any] = {'type': 'LN', 'form': 'munit'}


def _conv(inside: int, outside: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, kernel, stride, (kernel - 1) // 2, padding_mode='reflect')


@BACKBONES.register_module()
class MUNITContentEncoder(nn.Module):
    """What is where in an image, without its style: instance norm takes the style away (appendix B.2 of MUNIT).

    Images ``(N, in_channels, H, W)`` to maps ``(N, content_channels, H / 2^downs, W / 2^downs)``, with
    ``content_channels = base_channels 2^downs``. In UNIT these are the mean of the latent code.

    Args:
        in_channels: channels of the images.
        base_channels: width of the first layer; it doubles per convolution of stride 2.
        downs: convolutions of stride 2.
        blocks: residual blocks.
        norm: config of the norm.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, downs: Blocks = 2, blocks: Blocks = 4,
                 norm: Norm = INSTANCE_NORM) -> None:
        super().__init__()
        self.in_channels, self.content_channels = in_channels, base_channels * 2 ** downs
        self.size_divisor = 2 ** downs
        self.smallest_size = max(4, 2 * self.size_divisor)  # reflection, by 3 pixels and by 1 within the blocks
        make = make_norm(norm)
        self.per_sample = make.per_sample
        self.stem = ConvNormReLU(_conv(in_channels, base_channels, 7), make(base_channels))
        widths = [base_channels * 2 ** level for level in range(downs)]
        self.down = nn.Sequential(*(ConvNormReLU(_conv(n, 2 * n, 4, 2), make(2 * n)) for n in widths))
        self.blocks = nn.Sequential(*(
            ResidualBlock(self.content_channels, make, 'reflect', 0.0, True) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        return self.blocks(self.down(self.stem(x)))


@BACKBONES.register_module()
class MUNITStyleEncoder(nn.Module):
    """How an image looks, without what is where: averages over the image of features without a norm, which would take
    the style away (appendix B.2).

    Images ``(N, in_channels, H, W)`` of any size from ``smallest_size`` on to styles ``(N, style)``.

    Args:
        in_channels: channels of the images.
        base_channels: width of the first layer; it doubles at the first two convolutions of stride 2.
        style: length of a style.
        downs: convolutions of stride 2.
        norm: config of the norm, 'none' in the paper.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, style: Count = 8, downs: Blocks = 4,
                 norm: Norm = NO_NORM) -> None:
        super().__init__()
        self.in_channels, self.style = in_channels, style
        self.smallest_size = max(4, 2 ** downs)
        make = make_norm(norm)
        self.per_sample = make.per_sample
        widths = [base_channels * 2 ** min(level, 2) for level in range(downs + 1)]
        self.convs = nn.Sequential(ConvNormReLU(_conv(in_channels, base_channels, 7), make(base_channels)))
        for before, width in pairwise(widths):
            self.convs.append(ConvNormReLU(_conv(before, width, 4, 2), make(width)))
        self.head = nn.Conv2d(widths[-1], style, 1)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__)
        return self.head(F.adaptive_avg_pool2d(self.convs(x), 1)).flatten(1)


class _Decoder(nn.Module):
    """Residual blocks, convolutions 5x5 that double the size after nearest upsampling, and one of 7x7 to the image."""

    def __init__(self, out_channels: int, base_channels: int, ups: int, blocks: int, norm: NormFactory,
                 up_norm: Norm) -> None:
        super().__init__()
        self.out_channels, self.content_channels, self.scale = out_channels, base_channels * 2 ** ups, 2 ** ups
        up = make_norm(up_norm, 'up_norm')
        self.per_sample = norm.per_sample and up.per_sample
        self.blocks = nn.ModuleList(
            StyledResidualBlock(self.content_channels, norm, 'reflect', 0.0, True) for _ in range(blocks))
        widths = [base_channels * 2 ** level for level in reversed(range(ups))]
        self.up = nn.Sequential(*(
            ConvNormReLU(nn.Sequential(nn.Upsample(scale_factor=2, mode='nearest'), _conv(2 * n, n, 5)), up(n))
            for n in widths))
        self.head = _conv(base_channels, out_channels, 7)

    def decode(self, content: Tensor, cond: Tensor | None) -> Tensor:
        if content.dim() != 4 or content.shape[1] != self.content_channels:
            raise ConfigError(f'{type(self).__name__} expects contents (N, {self.content_channels}, h, w), found '
                              f'{tuple(content.shape)}. Give encoder and decoder the same base_channels, and as many '
                              'ups as downs.')
        for block in self.blocks:
            content = block(content, cond)
        return torch.tanh(self.head(self.up(content)))


@BACKBONES.register_module()
class UNITDecoder(_Decoder):
    """Latent codes to images: ``(N, content_channels, h, w)`` to ``(N, out_channels, 2^ups h, 2^ups w)`` in [-1, 1],
    with ``content_channels = base_channels 2^ups``.

    Args:
        out_channels: channels of the images.
        base_channels: width of the last layer but one; it doubles per upsampling inwards.
        ups: how often the size is doubled.
        blocks: residual blocks before that.
        norm: config of the norm of these blocks.
        up_norm: config of the norm after each upsampling; its scale begins at random, as the authors' does.

    Raises:
        ConfigError: an invalid argument, or a code that does not fit.
    """

    def __init__(self, out_channels: Count = 3, base_channels: Count = 64, ups: Blocks = 2, blocks: Blocks = 4,
                 norm: Norm = INSTANCE_NORM, up_norm: Norm = LAYER_NORM) -> None:
        super().__init__(out_channels, base_channels, ups, blocks, make_norm(norm), up_norm)

    def forward(self, content: Tensor) -> Tensor:
        return self.decode(content, None)


@BACKBONES.register_module()
class MUNITDecoder(_Decoder):
    """A content in a style: ``(N, content_channels, h, w)`` and ``(N, style)`` to images
    ``(N, out_channels, 2^ups h, 2^ups w)`` in [-1, 1] (section 4.1, eq. 7).

    Two linear layers turn the style into features; one more for each norm of the residual blocks turns these into its
    scale and offset. (The authors' code has the layers of all norms in one, and the offset in front.)

    Args:
        out_channels: channels of the images.
        base_channels: width of the last layer but one; it doubles per upsampling inwards.
        ups: how often the size is doubled.
        blocks: residual blocks before that.
        style: length of a style.
        hidden: width of the two linear layers.
        norm: config of the norm of the residual blocks, one that takes a style.
        up_norm: config of the norm after each upsampling; its scale begins at random, as the authors' does.

    Raises:
        ConfigError: an invalid argument, or a content or style that does not fit.
    """

    def __init__(self, out_channels: Count = 3, base_channels: Count = 64, ups: Blocks = 2, blocks: Blocks = 4,
                 style: Count = 8, hidden: Count = 256, norm: Norm = ADAIN, up_norm: Norm = LAYER_NORM) -> None:
        make = make_norm(norm, conditional=True)
        if getattr(make.cls, 'needs_cond', False):
            make = NormFactory(make.cls, {'cond_channels': hidden, **make.args})
        super().__init__(out_channels, base_channels, ups, blocks, make, up_norm)
        self.style = style
        self.mlp = nn.Sequential(nn.Linear(style, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        if style.shape != (content.shape[0], self.style):
            raise ConfigError(f'{type(self).__name__} expects styles ({len(content)}, {self.style}), found '
                              f'{tuple(style.shape)}.')
        return self.decode(content, self.mlp(style))
