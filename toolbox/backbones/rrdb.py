"""The generator of ESRGAN (Wang et al., ECCV workshops 2018), and of Real-ESRGAN (Wang et al., ICCV workshops 2021)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.enlarging import Enlarger
from ..layers.intervals import Interval
from ..registry import BACKBONES, Above, Blocks, Count


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees the results of all before it; their sum is added to the input, scaled.

    The weights start as a tenth of Kaiming's normal ones (as in the authors' code; the paper: a smaller variance).
    """

    def __init__(self, channels: int, growth: int, residual: float) -> None:
        super().__init__()
        self.residual = residual
        widths = [growth] * 4 + [channels]
        self.convs = nn.ModuleList(nn.Conv2d(channels + i * growth, width, 3, padding=1)
                                   for i, width in enumerate(widths))
        with torch.no_grad():
            for conv in self.convs:
                assert isinstance(conv, nn.Conv2d) and conv.bias is not None
                nn.init.kaiming_normal_(conv.weight).mul_(0.1)
                nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in self.convs[:-1]:
            seen = torch.cat([seen, F.leaky_relu(conv(seen), 0.2)], 1)
        return x + self.residual * self.convs[-1](seen)


class RRDB(nn.Module):
    """A residual block of three dense blocks (ESRGAN, figure 4)."""

    def __init__(self, channels: int, growth: int, residual: float) -> None:
        super().__init__()
        self.residual = residual
        self.dense = nn.Sequential(*(DenseBlock(channels, growth, residual) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual * self.dense(x)


@BACKBONES.register_module()
class RRDBNet(Enlarger):
    """Residual-in-residual dense blocks without norms, then nearest-neighbour upsampling by 4 (ESRGAN, section 3.1).

    Images ``(N, in_channels, H, W)`` to ``(N, out_channels, scale H, scale W)`` in [-1, 1]; the layers work on [0, 1].
    For scales 1 and 2 each pixel of the first layer holds 4x4 or 2x2 of the image (as in Real-ESRGAN), and H and W are
    multiples of 4 or 2.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        base_channels: width of all layers but those inside the dense blocks.
        blocks: number of residual-in-residual blocks, of three dense blocks each.
        growth: channels that each convolution of a dense block adds.
        scale: side of the output / side of the input.
        residual: by which residuals are multiplied.
        images: interval of the images that are given and returned: 'signed' is [-1, 1], that of the toolbox.
        reads: interval that the first layer sees: 'unit' ([0, 1]) or 'signed', or 'imagenet' (mean and deviation).
        writes: interval that the last layer gives.
        output: 'linear' as in the authors' code, 'tanh', or 'clamp' to the interval.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 64, blocks: Blocks = 23,
                 growth: Count = 32, scale: Literal[1, 2, 4] = 4, residual: Annotated[float, Above(0)] = 0.2,
                 images: Interval = 'signed', reads: Interval = 'unit', writes: Interval = 'unit',
                 output: Literal['linear', 'tanh', 'clamp'] = 'linear') -> None:
        super().__init__(in_channels, out_channels, scale, images, reads, writes, output)
        c, self.size_divisor = base_channels, 4 // scale
        self.stem = nn.Conv2d(in_channels * self.size_divisor ** 2, c, 3, padding=1)
        self.blocks = nn.Sequential(*(RRDB(c, growth, residual) for _ in range(blocks)))
        self.fuse = nn.Conv2d(c, c, 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in range(2))
        self.refine = nn.Conv2d(c, c, 3, padding=1)
        self.head = nn.Conv2d(c, out_channels, 3, padding=1)

    def enlarge(self, x: Tensor) -> Tensor:
        first = self.stem(F.pixel_unshuffle(x, self.size_divisor))
        y = first + self.fuse(self.blocks(first))
        for conv in self.up:
            y = F.leaky_relu(conv(F.interpolate(y, scale_factor=2, mode='nearest')), 0.2)
        return self.head(F.leaky_relu(self.refine(y), 0.2))
