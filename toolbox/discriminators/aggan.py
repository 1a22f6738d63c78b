"""The discriminator of AGGAN, whose norms can be skipped."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..norms import AFFINE_INSTANCE_NORM, make_norm
from ..registry import DISCRIMINATORS, Count, Depth, Norm


@DISCRIMINATORS.register_module()
class AGGANDiscriminator(nn.Module):
    """PatchGAN with zero padding of 2 in every layer, and a norm after the first convolution too.

    Images ``(N, in_channels, H, W)`` to logits ``(N, 1, h, w)``; 256x256 to 35x35 with three layers.

    Args:
        in_channels: channels of the input.
        base_channels: width of the first layer; it doubles per layer, up to 8x.
        layers: number of convolutions of stride 2.
        norm: config of the norm after every convolution but the last.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    smallest_size = 8

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, layers: Depth = 3,
                 norm: Norm = AFFINE_INSTANCE_NORM) -> None:
        super().__init__()
        self.in_channels = in_channels
        make = make_norm(norm)
        widths = [in_channels, *(base_channels * min(2 ** level, 8) for level in range(layers + 1))]
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride, padding=2)
            for before, after, stride in zip(widths, widths[1:], [2] * layers + [1], strict=False))
        self.norms = nn.ModuleList(make(width) for width in widths[1:])
        self.head = nn.Conv2d(widths[-1], 1, 4, padding=2)

    def forward(self, x: Tensor, norm: bool = True) -> Tensor:
        """``norm=False`` skips the norms: the statistics of masked images would be those of the mask."""
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__)
        for conv, normalise in zip(self.convs, self.norms, strict=True):
            x = conv(x)
            x = F.leaky_relu(normalise(x) if norm else x, 0.2)
        return self.head(x)
