"""The residual generator of CycleGAN (after Johnson et al. 2016), with dilated convolutions on request."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Literal

import torch
from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..layers.convs import ConvNormReLU, ResidualBlock, upsampling_conv
from ..norms import INSTANCE_NORM, make_norm
from ..registry import BACKBONES, Blocks, Count, Fraction, Norm


@BACKBONES.register_module()
class ResnetGenerator(nn.Module):
    """Two downsampling convolutions, residual blocks, two upsampling convolutions (CycleGAN, appendix 7.2).

    Images ``(N, in_channels, H, W)`` to images ``(N, out_channels, H, W)`` in [-1, 1]; H and W multiples of 4.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        base_channels: width of the first layer; the blocks are four times as wide.
        blocks: number of residual blocks; the paper uses 9 for 256x256 and 6 for 128x128.
        norm: config of the norm after every convolution but the last.
        padding: padding of the residual blocks: 'reflect', 'replicate' or 'zero'. The 7x7 convolutions always use
            reflection and the downsampling ones zeros, as in the authors' code.
        dropout: probability inside each residual block; the authors use 0 or 0.5.
        upsample: 'deconv' as in the paper; 'nearest', 'bilinear' (both resize before a convolution) or 'pixelshuffle'
            avoid the checkerboard pattern.
        bias: give the convolutions before a norm a bias. None: the authors' rule (only with instance norm). The
            last convolution always has one.
        dilations: rates of the dilated convolution of the first, second, ... block, again from the start where there
            are more blocks: (2, 4, 8) lets the network see far. Rates need as many pixels beside a border as they are
            large, unless ``padding`` is 'zero' or 'replicate'.
        dilated: which convolution of a block has this rate, 'first' or 'second'.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    size_divisor = 4
    smallest_size = 8  # reflection padding in the blocks needs two pixels

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 64, blocks: Blocks = 9,
                 norm: Norm = INSTANCE_NORM, padding: Literal['reflect', 'replicate', 'zero'] = 'reflect',
                 dropout: Fraction = 0.0, upsample: Literal['deconv', 'nearest', 'bilinear', 'pixelshuffle'] = 'deconv',
                 bias: bool | None = None, dilations: Sequence[Count] = (),
                 dilated: Literal['first', 'second'] = 'first') -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        make = make_norm(norm)
        bias = make.conv_bias if bias is None else bias
        # If set, a method may join several batches in one forward pass: the results are the same.
        self.per_sample = make.per_sample and not dropout
        c, rates = base_channels, list(dilations) or [1]
        if len(rates) > max(blocks, 1):
            raise ConfigError(f'dilations: {len(rates)} rates, but there are {blocks} blocks. Give at most one rate '
                              'per block.')
        if padding == 'reflect':
            self.smallest_size = self.size_divisor * (max(rates) + 1)
        pairs = [(rate, 1) if dilated == 'first' else (1, rate) for rate in islice(cycle(rates), blocks)]
        self.stem = ConvNormReLU(
            nn.Conv2d(in_channels, c, 7, padding=3, padding_mode='reflect', bias=bias), make(c))
        self.down = nn.Sequential(*(
            ConvNormReLU(nn.Conv2d(n, 2 * n, 3, stride=2, padding=1, bias=bias), make(2 * n)) for n in (c, 2 * c)))
        self.blocks = nn.Sequential(*(ResidualBlock(4 * c, make, padding, dropout, bias, pair) for pair in pairs))
        self.up = nn.Sequential(*(
            ConvNormReLU(upsampling_conv(2 * n, n, upsample, bias), make(n)) for n in (2 * c, c)))
        self.head = nn.Conv2d(c, out_channels, 7, padding=3, padding_mode='reflect')

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        return torch.tanh(self.head(self.up(self.blocks(self.down(self.stem(x))))))
