"""The generator of SRGAN (Ledig et al., CVPR 2017)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ..layers.enlarging import Enlarger, PixelShuffleUp
from ..layers.intervals import Interval
from ..norms import BATCH_NORM, NO_NORM, NormFactory, make_norm
from ..registry import BACKBONES, Blocks, Count, Norm

FACTORS: dict[int, tuple[int, ...]] = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}  # of the pixel shuffles


class PReLUBlock(nn.Module):
    """``x + norm(conv(prelu(norm(conv(x)))))``."""

    def __init__(self, channels: int, norm: NormFactory, bias: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.norm1 = norm(channels)
        self.act = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.norm2 = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))


@BACKBONES.register_module()
class SRResNet(Enlarger):
    """Residual blocks at the size of the input, then pixel shuffles (SRGAN, figure 4).

    Images ``(N, in_channels, H, W)`` to ``(N, out_channels, scale H, scale W)`` in [-1, 1], of any size. As in the
    paper (section 3.2), the first layer sees the input in [0, 1] and the last one gives [-1, 1], without an activation.
    Each PReLU has one parameter.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        base_channels: width of all layers.
        blocks: number of residual blocks.
        scale: side of the output / side of the input; 3 is one shuffle, 8 are three.
        norm: config of the norm in the blocks and behind them.
        upsample_norm: config of a norm in front of each pixel shuffle, which the paper has not.
        bias: give the convolutions before a norm a bias; None: as :func:`toolbox.norms.make_norm` says of the norm.
        images: interval of the images that are given and returned: 'signed' is [-1, 1], that of the toolbox.
        reads: interval that the first layer sees: 'signed', 'unit' ([0, 1]) or 'imagenet' (mean and deviation).
        writes: interval that the last layer gives.
        output: 'linear' as in the paper, 'tanh', or 'clamp' to the interval.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 64, blocks: Blocks = 16,
                 scale: Literal[1, 2, 3, 4, 8] = 4, norm: Norm = BATCH_NORM, upsample_norm: Norm = NO_NORM,
                 bias: bool | None = None, images: Interval = 'signed', reads: Interval = 'unit',
                 writes: Interval = 'signed', output: Literal['linear', 'tanh', 'clamp'] = 'linear') -> None:
        super().__init__(in_channels, out_channels, scale, images, reads, writes, output)
        make, before_shuffle = make_norm(norm), make_norm(upsample_norm, 'upsample_norm')
        bias = make.conv_bias if bias is None else bias
        c = base_channels
        self.stem, self.act = nn.Conv2d(in_channels, c, 9, padding=4), nn.PReLU()
        self.blocks = nn.Sequential(*(PReLUBlock(c, make, bias) for _ in range(blocks)))
        self.fuse, self.fuse_norm = nn.Conv2d(c, c, 3, padding=1, bias=bias), make(c)
        self.up = nn.Sequential(*(PixelShuffleUp(c, factor, before_shuffle) for factor in FACTORS[scale]))
        self.head = nn.Conv2d(c, out_channels, 9, padding=4)

    def enlarge(self, x: Tensor) -> Tensor:
        first = self.act(self.stem(x))
        return self.head(self.up(first + self.fuse_norm(self.fuse(self.blocks(first)))))
