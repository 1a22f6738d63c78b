"""The discriminator of StarGAN v2: one logit per domain."""

from __future__ import annotations

from torch import Tensor, nn

from ..checks import require_image
from ..layers.conditions import pick
from ..layers.trunks import Side, convolutional_trunk
from ..registry import DISCRIMINATORS, Count


@DISCRIMINATORS.register_module()
class StarGANv2Discriminator(nn.Module):
    """Multi-task discriminator (StarGAN v2, table 8): is the image a real one from its domain?

    Images ``(N, in_channels, size, size)`` and domains ``(N,)`` to logits ``(N,)``.

    Args:
        in_channels: channels of the images.
        domains: number of domains.
        size: side of the images, a power of two.
        base_channels: width of the first layer; None: ``2 ** 14 / size``.
        max_channels: cap on the doubling.
    """

    def __init__(self, in_channels: Count = 3, domains: Count = 2, size: Side = 256,
                 base_channels: Count | None = None, max_channels: Count = 512) -> None:
        super().__init__()
        self.in_channels, self.size = in_channels, size
        self.trunk, width = convolutional_trunk(in_channels, size, base_channels, max_channels)
        self.head = nn.Conv2d(width, domains, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size, type(self).__name__, exactly=True)
        return pick(self.head(self.trunk(x)).flatten(1), y)
