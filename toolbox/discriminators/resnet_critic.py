"""The residual critics of WGAN-GP (Gulrajani et al., NeurIPS 2017, appendix C)."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..layers.preactivation import PreActivationBlock, conv3
from ..layers.trunks import SMALLEST, Doubled, doublings, width_at
from ..norms import NO_NORM, NormFactory, make_norm
from ..registry import DISCRIMINATORS, Count, Norm

LAYER_NORM = {'type': 'LN'}


class FirstBlock(nn.Module):
    """The first block of the critic for CIFAR-10: on pixels, so without a leading ReLU (or norm)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv3(in_channels, out_channels), conv3(out_channels, out_channels)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x)))
        return F.avg_pool2d(y, 2) + self.shortcut(F.avg_pool2d(x, 2))


@DISCRIMINATORS.register_module()
class ResnetCritic(nn.Module):
    """Residual blocks with mean pooling, two plain ones, a global mean: the critic for CIFAR-10.

    Images ``(N, in_channels, H, W)`` to ``(N, 1)``.

    Args:
        in_channels: channels of the images.
        base_channels: channels of all layers.
        norm: config of the norm; the paper has none, since batch norm would couple samples that the penalty treats
            independently.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 128, norm: Norm = NO_NORM) -> None:
        super().__init__()
        self.in_channels = in_channels
        make: NormFactory = make_norm(norm)
        self.blocks = nn.Sequential(FirstBlock(in_channels, base_channels), *(
            PreActivationBlock(base_channels, base_channels, resample, make) for resample in ('down', 'none', 'none')))
        self.head = nn.Linear(base_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, 8, type(self).__name__)
        return self.head(F.relu(self.blocks(x)).mean((2, 3)))


@DISCRIMINATORS.register_module()
class DeepResnetCritic(nn.Module):
    """A convolution, residual blocks down to 4x4 with up to 8x the channels, a linear layer: the critic for 64x64.

    Images ``(N, in_channels, size, size)`` to ``(N, 1)``.

    Args:
        in_channels: channels of the images.
        base_channels: channels at the image size.
        size: side of the images: 8, 16, 32, ...
        norm: config of the norm in the blocks; layer norm in the paper.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, size: Doubled = 64,
                 norm: Norm = LAYER_NORM) -> None:
        super().__init__()
        self.in_channels, self.size = in_channels, size
        make = make_norm(norm)
        widths = [width_at(size // 2 ** n, size, base_channels, doubling=True) for n in range(doublings(size) + 1)]
        self.stem = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.blocks = nn.Sequential(*(PreActivationBlock(a, b, 'down', make) for a, b in pairwise(widths)))
        self.head = nn.Linear(widths[-1] * SMALLEST ** 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size, type(self).__name__, exactly=True)
        return self.head(self.blocks(self.stem(x)).flatten(1))
