"""The residual generator of WGAN-GP (Gulrajani et al., NeurIPS 2017, appendix C)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.conditions import LabelledVector
from ..layers.preactivation import PreActivationBlock
from ..layers.trunks import SMALLEST, Doubled, doublings, width_at
from ..moved import moved_names
from ..norms import BATCH_NORM, make_norm
from ..registry import BACKBONES, Count, Natural, Norm

__getattr__ = moved_names(__name__, dict.fromkeys(('conv3', 'RESAMPLE'), 'layers.preactivation'))


@BACKBONES.register_module()
class ResnetGANGenerator(nn.Module):
    """A linear layer to 4x4, residual blocks that double the side, a 3x3 convolution and tanh.

    z ``(N, z_dim)`` to images ``(N, out_channels, size, size)``. For CIFAR-10 (``size=32``) all layers have 128
    channels; for 64x64 the blocks have 512, 256, 128 and 64 (``doubling=True``).

    Args:
        z_dim: length of z.
        out_channels: channels of the images.
        base_channels: channels at the output size.
        size: side of the images: 8, 16, 32, ...
        doubling: double the channels inwards, up to 8x.
        norm: config of the norm in the blocks and before the last layer.
        classes: number of classes of the label input, joined to z as a one-hot vector; 0: no labels.
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
