"""The generator of StarGAN: a residual network conditioned on the labels that the output should have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..layers.convs import ConvNormReLU, ResidualBlock
from ..norms import AFFINE_INSTANCE_NORM, make_norm
from ..registry import BACKBONES, Blocks, Count, Norm


@BACKBONES.register_module()
class StarGANGenerator(nn.Module):
    """Label-conditioned residual generator (StarGAN, table 4).

    Images ``(N, in_channels, H, W)`` and labels ``(N, labels)`` to images ``(N, out_channels, H, W)`` in [-1, 1]; H and
    W multiples of 4. The labels are joined to the image as constant maps. All padding is zero: the authors note that
    constant maps have no effect with reflection padding and instance norm.

    Args:
        in_channels: channels of the input images.
        out_channels: channels of the output.
        labels: length of the label vector.
        base_channels: width of the first layer; the blocks are four times as wide.
        blocks: number of residual blocks.
        norm: config of the norm after every convolution but the last. The authors' layers track running statistics but
            are never put in evaluation mode, so that the image's own statistics are used, as here.

    Raises:
        ConfigError: an invalid argument, or images or labels that do not fit.
    """

    size_divisor = 4
    smallest_size = 4

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, labels: Count = 5, base_channels: Count = 64,
                 blocks: Blocks = 6, norm: Norm = AFFINE_INSTANCE_NORM) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.labels = in_channels, out_channels, labels
        make, c = make_norm(norm), base_channels
        self.stem = ConvNormReLU(nn.Conv2d(in_channels + labels, c, 7, padding=3, bias=False), make(c))
        self.down = nn.Sequential(*(
            ConvNormReLU(nn.Conv2d(n, 2 * n, 4, stride=2, padding=1, bias=False), make(2 * n)) for n in (c, 2 * c)))
        self.blocks = nn.Sequential(*(ResidualBlock(4 * c, make, 'zero', 0.0, bias=False) for _ in range(blocks)))
        self.up = nn.Sequential(*(
            ConvNormReLU(nn.ConvTranspose2d(2 * n, n, 4, stride=2, padding=1, bias=False), make(n))
            for n in (2 * c, c)))
        self.head = nn.Conv2d(c, out_channels, 7, padding=3, bias=False)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        if c.shape != (x.shape[0], self.labels):
            raise ConfigError(f'StarGANGenerator: expected labels {(len(x), self.labels)}, found {tuple(c.shape)}.')
        maps = c.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return torch.tanh(self.head(self.up(self.blocks(self.down(self.stem(torch.cat([x, maps], 1)))))))
