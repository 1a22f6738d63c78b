"""Generator and attention network of AGGAN (Mejjati et al. 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..layers.convs import ConvNormReLU, ResidualBlock
from ..norms import AFFINE_INSTANCE_NORM, make_norm
from ..registry import BACKBONES, Blocks, Count, Norm, OddCount


class SameConv2d(nn.Conv2d):
    """3x3 convolution that halves the size; zeros only at the right and the bottom, like TensorFlow's SAME padding."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)))


class SameConvTranspose2d(nn.ConvTranspose2d):
    """3x3 convolution that doubles the size: the transpose of :class:`SameConv2d`."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, stride=2)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(x, output_size)[..., :-1, :-1]


class ReLUBlock(ResidualBlock):
    """A residual block with an activation after the sum."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


@BACKBONES.register_module()
class AGGANGenerator(nn.Module):
    """CycleGAN's generator as in AGGAN's code: half the width, zero padding, ReLU after the residual sums.

    Images ``(N, in_channels, H, W)`` to images ``(N, out_channels, H, W)`` in [-1, 1]; H and W multiples of 4.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        base_channels: width of the first layer; the blocks are four times as wide.
        blocks: number of residual blocks.
        norm: config of the norm after every convolution but the last.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    size_divisor = 4
    smallest_size = 8

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 32, blocks: Blocks = 9,
                 norm: Norm = AFFINE_INSTANCE_NORM) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        make = make_norm(norm)
        self.per_sample = make.per_sample
        c = base_channels
        self.stem = ConvNormReLU(nn.Conv2d(in_channels, c, 7, padding=3), make(c))
        self.down = nn.Sequential(*(ConvNormReLU(SameConv2d(n, 2 * n), make(2 * n)) for n in (c, 2 * c)))
        self.blocks = nn.Sequential(*(ReLUBlock(4 * c, make, 'zero', 0.0, True) for _ in range(blocks)))
        self.up = nn.Sequential(*(ConvNormReLU(SameConvTranspose2d(2 * n, n), make(n)) for n in (2 * c, c)))
        self.head = nn.Conv2d(c, out_channels, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        return torch.tanh(self.head(self.up(self.blocks(self.down(self.stem(x))))))


@BACKBONES.register_module()
class AttentionNetwork(nn.Module):
    """Predicts which part of an image to translate (AGGAN, figure 2).

    Images ``(N, in_channels, H, W)`` to masks ``(N, 1, H, W)`` in (0, 1); H and W multiples of 4.

    Args:
        in_channels: channels of the input.
        base_channels: width of the first layer; the block is twice as wide.
        kernels: kernel sizes of the last three convolutions. The authors' code intends 3, 3 and 7 but passes them to
            an unused argument, so that all three are 1.
        norm: config of the norm after every convolution but the last.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    size_divisor = 4
    smallest_size = 8  # reflection padding in the block needs two pixels

    def __init__(self, in_channels: Count = 3, base_channels: Count = 32,
                 kernels: tuple[OddCount, OddCount, OddCount] = (1, 1, 1), norm: Norm = AFFINE_INSTANCE_NORM) -> None:
        super().__init__()
        self.in_channels = in_channels
        make = make_norm(norm)
        self.per_sample = make.per_sample
        c = base_channels
        self.stem = ConvNormReLU(nn.Conv2d(in_channels, c, 7, 2, padding=3, padding_mode='reflect'), make(c))
        self.down = ConvNormReLU(SameConv2d(c, 2 * c), make(2 * c))
        self.block = ReLUBlock(2 * c, make, 'reflect', 0.0, True)
        self.up = nn.ModuleList(
            ConvNormReLU(nn.Conv2d(2 * c, n, k, padding=k // 2), make(n))
            for n, k in zip((2 * c, c), kernels, strict=False))
        self.head = nn.Conv2d(c, 1, kernels[2], padding=kernels[2] // 2)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        x = self.block(self.down(self.stem(x)))
        for layer in self.up:
            x = layer(F.interpolate(x, scale_factor=2.0))
        return torch.sigmoid(self.head(x))
