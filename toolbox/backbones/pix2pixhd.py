"""The networks of Pix2PixHD: a global generator with any number of local enhancers, and the encoder of objects."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..checks import require_image
from ..layers.convs import ConvNormReLU, ResidualBlock, halved, upsampling_conv
from ..layers.maps import instance_means
from ..norms import INSTANCE_NORM, NormFactory, make_norm
from ..registry import BACKBONES, Blocks, Count, Depth, Natural, Norm

Upsampling = Literal['deconv', 'nearest', 'pixelshuffle']


class _Layers(nn.Module):
    """Makes the layers of this file, by the same norm, upsampling and bias."""

    def __init__(self, make: NormFactory, upsample: str, bias: bool) -> None:
        super().__init__()
        self.make, self.upsample, self.bias = make, upsample, bias

    def first(self, inside: int, outside: int) -> ConvNormReLU:
        conv = nn.Conv2d(inside, outside, 7, padding=3, padding_mode='reflect', bias=self.bias)
        return ConvNormReLU(conv, self.make(outside))

    def halving(self, width: int) -> ConvNormReLU:
        return ConvNormReLU(nn.Conv2d(width, 2 * width, 3, 2, 1, bias=self.bias), self.make(2 * width))

    def doubling(self, width: int) -> ConvNormReLU:
        return ConvNormReLU(upsampling_conv(2 * width, width, self.upsample, self.bias), self.make(width))


class _Trunk(_Layers):
    """A 7x7 convolution, downsampling, residual blocks and upsampling: ``(N, in_channels, H, W)`` to ``(N, width, H,
    W)``."""

    def __init__(self, in_channels: int, width: int, downs: int, blocks: int, make: NormFactory, padding: str,
                 upsample: str, bias: bool) -> None:
        super().__init__(make, upsample, bias)
        widths = [width * 2 ** level for level in range(downs)]
        self.stem = self.first(in_channels, width)
        self.down = nn.Sequential(*map(self.halving, widths))
        self.blocks = nn.Sequential(*(
            ResidualBlock(width * 2 ** downs, make, padding, 0.0, bias) for _ in range(blocks)))
        self.up = nn.Sequential(*map(self.doubling, reversed(widths)))

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.blocks(self.down(self.stem(x))))


class _Enhancer(_Layers):
    """Adds what it sees at twice the size to the features of the coarser part: ``(N, in_channels, H, W)`` and ``(N, 2
    width, H / 2, W / 2)`` to ``(N, width, H, W)``."""

    def __init__(self, in_channels: int, width: int, blocks: int, make: NormFactory, padding: str, upsample: str,
                 bias: bool) -> None:
        super().__init__(make, upsample, bias)
        self.stem, self.down = self.first(in_channels, width), self.halving(width)
        self.blocks = nn.Sequential(*(ResidualBlock(2 * width, make, padding, 0.0, bias) for _ in range(blocks)))
        self.up = self.doubling(width)

    def forward(self, x: Tensor, coarse: Tensor) -> Tensor:
        return self.up(self.blocks(self.down(self.stem(x)) + coarse))


@BACKBONES.register_module()
class Pix2PixHDGenerator(nn.Module):
    """The coarse-to-fine generator (Wang et al. 2018, section 3.1): a global generator, and enhancers around it, each
    of which doubles the size.

    Maps ``(N, in_channels, H, W)`` to images ``(N, out_channels, H, W)`` in [-1, 1]; H and W multiples of
    ``2 ** (downs + enhancers)``. Parts: ``coarse``, ``enhancers.0`` (of the lowest resolution), ..., ``head``.

    Args:
        in_channels: channels of the input: planes of the label map, and features of the objects.
        out_channels: channels of the output.
        base_channels: width at full size; it doubles per downsampling. With one enhancer, 32 makes the global generator
            that 64 makes without.
        downs: downsampling layers of the global generator.
        blocks: its residual blocks.
        enhancers: how many there are; 0 for 512 pixels and 1 for 1024 in the paper.
        enhancer_blocks: residual blocks of each.
        norm: config of the norm after every convolution but the last.
        padding: padding of the residual blocks: 'reflect', 'replicate' or 'zero'.
        upsample: 'deconv' as in the paper; 'nearest' or 'pixelshuffle' avoid the checkerboard pattern.
        bias: give the convolutions before a norm a bias, as the authors do whatever the norm.

    Raises:
        ConfigError: an invalid argument, or a map that does not fit.
    """

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 64, downs: Depth = 4,
                 blocks: Blocks = 9, enhancers: Natural = 0, enhancer_blocks: Blocks = 3, norm: Norm = INSTANCE_NORM,
                 padding: Literal['reflect', 'replicate', 'zero'] = 'reflect', upsample: Upsampling = 'deconv',
                 bias: bool = True) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.size_divisor = 2 ** (downs + enhancers)
        self.smallest_size = 2 * self.size_divisor  # reflection padding in the blocks needs two pixels
        make = make_norm(norm)
        self.per_sample = make.per_sample
        width = base_channels * 2 ** enhancers
        self.coarse = _Trunk(in_channels, width, downs, blocks, make, padding, upsample, bias)
        self.enhancers = nn.ModuleList(
            _Enhancer(in_channels, width // 2 ** level, enhancer_blocks, make, padding, upsample, bias)
            for level in range(1, enhancers + 1))
        self.head = nn.Conv2d(base_channels, out_channels, 7, padding=3, padding_mode='reflect')

    @property
    def coarse_parts(self) -> tuple[str, ...]:
        """What is below the finest enhancer; nothing without enhancers."""
        finest = len(self.enhancers) - 1
        return ('coarse', *(f'enhancers.{i}' for i in range(finest))) if len(self.enhancers) else ()

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        sizes = [x]
        for _ in self.enhancers:
            sizes.append(halved(sizes[-1]))
        y = self.coarse(sizes.pop())
        for enhance in self.enhancers:
            y = enhance(sizes.pop(), y)
        return torch.tanh(self.head(y))


@BACKBONES.register_module()
class InstanceEncoder(nn.Module):
    """The feature encoder (Wang et al. 2018, section 3.4): what an image looks like, a few numbers per object.

    Images ``(N, in_channels, H, W)`` and numbers of objects ``(N, H, W)`` int64 to features ``(N, out_channels, H, W)``
    in [-1, 1], each the mean over its object; H and W multiples of ``2 ** downs``.

    Args:
        in_channels: channels of the images.
        out_channels: number of features.
        base_channels: width of the first layer; it doubles per downsampling.
        downs: downsampling layers.
        norm: config of the norm after every convolution but the last.
        upsample: as of :class:`Pix2PixHDGenerator`.
        bias: as of :class:`Pix2PixHDGenerator`.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 16, downs: Depth = 4,
                 norm: Norm = INSTANCE_NORM, upsample: Upsampling = 'deconv', bias: bool = True) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.size_divisor, self.smallest_size = 2 ** downs, 2 ** (downs + 1)
        self.trunk = _Trunk(in_channels, base_channels, downs, 0, make_norm(norm), 'reflect', upsample, bias)
        self.head = nn.Conv2d(base_channels, out_channels, 7, padding=3, padding_mode='reflect')

    def forward(self, x: Tensor, instances: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        return instance_means(torch.tanh(self.head(self.trunk(x))), instances)
