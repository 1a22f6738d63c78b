"""The residual generator of WGAN-GP (Gulrajani et al., NeurIPS 2017, appendix C), and the blocks that its critic shares."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.conditions import LabelledVector
from ..norms import BATCH_NORM, NormFactory, make_norm
from ..registry import BACKBONES, Count, Natural, Norm
from .dcgan import SMALLEST, Doubled, doublings


def _upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode='nearest')


def _pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def _same(x: Tensor) -> Tensor:
    return x


RESAMPLE: dict[str, Callable[[Tensor], Tensor]] = {'up': _upsample, 'down': _pool, 'none': _same}


def conv3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution in front of or behind a ReLU, which the authors initialise with twice the variance."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    conv.init_gain = 2 ** 0.5
    return conv


class PreActivationBlock(nn.Module):
    """``shortcut(x) + conv(relu(norm(conv(relu(norm(x))))))``, with nearest upsampling or mean pooling in both branches.

    Upsampling comes before the first convolution, pooling after the second; the shortcut is a 1x1 convolution (after the
    upsampling, before the pooling), or nothing where the shape stays.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        resample: 'up', 'down' or 'none'.
        norm: of both norms.
    """

    def __init__(self, in_channels: int, out_channels: int, resample: str, norm: NormFactory) -> None:
        super().__init__()
        inner = out_channels if resample == 'up' else in_channels
        self.up = RESAMPLE['up' if resample == 'up' else 'none']
        self.down = RESAMPLE['down' if resample == 'down' else 'none']
        self.norm1, self.conv1 = norm(in_channels), conv3(in_channels, inner)
        self.norm2, self.conv2 = norm(inner), conv3(inner, out_channels)
        plain = resample == 'none' and in_channels == out_channels
        self.shortcut = nn.Identity() if plain else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.up(F.relu(self.norm1(x))))
        y = self.conv2(F.relu(self.norm2(y)))
        return self.down(y) + self.down(self.shortcut(self.up(x)))


def width_at(side: int, size: int, base_channels: int, doubling: bool) -> int:
    """Channels at one side of features: doubled from the image inwards up to eight times, or the same everywhere."""
    return base_channels * min(size // side, 8) if doubling else base_channels


@BACKBONES.register_module()
class ResnetGANGenerator(nn.Module):
    """A linear layer to 4x4, residual blocks that double the side, a 3x3 convolution and tanh.

    z ``(N, z_dim)`` to images ``(N, out_channels, size, size)``. For CIFAR-10 (``size=32``) all layers have 128 channels;
    for 64x64 the blocks have 512, 256, 128 and 64 (``doubling=True``).

    Args:
        z_dim: length of z.
        out_channels: channels of the images.
        base_channels: channels at the output's side.
        size: side of the images, 8, 16, 32, ...
        doubling: double the channels inwards, up to eight times.
        norm: config of the norm in the blocks and before the last layer.
        classes: number of classes of the labels that the network takes beside z, joined as one-hot vectors; 0 for none.
    """

    activation = 'tanh'

    def __init__(self, z_dim: Count = 128, out_channels: Count = 3, base_channels: Count = 128, size: Doubled = 32,
                 doubling: bool = False, norm: Norm = BATCH_NORM, classes: Natural = 0) -> None:
        super().__init__()
        self.z_dim, self.out_channels, self.size, self.classes = z_dim, out_channels, size, classes
        make = make_norm(norm)
        widths = [width_at(SMALLEST * 2 ** n, size, base_channels, doubling) for n in range(doublings(size) + 1)]
        self.inputs = LabelledVector(z_dim, classes)
        self.stem = nn.Linear(self.inputs.out_features, widths[0] * SMALLEST ** 2)
        self.blocks = nn.Sequential(*(PreActivationBlock(a, b, 'up', make) for a, b in pairwise(widths)))
        self.norm = make(widths[-1])
        self.head = nn.Conv2d(widths[-1], out_channels, 3, padding=1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.stem(self.inputs(z, label)).view(len(z), -1, SMALLEST, SMALLEST)
        return torch.tanh(self.head(F.relu(self.norm(self.blocks(x)))))
