"""The discriminator of StarGAN: real or fake, and which labels."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..registry import DISCRIMINATORS, Count, Depth


@DISCRIMINATORS.register_module()
class StarGANDiscriminator(nn.Module):
    """Strided convolutions with two heads (StarGAN, table 5).

    Images ``(N, in_channels, size, size)`` to patch scores ``(N, 1, h, h)``, ``h = size / 2 ** layers``, and label
    logits ``(N, labels)``.

    Args:
        in_channels: channels of the images.
        labels: number of label logits.
        size: side of the images; the label head spans the whole last map.
        base_channels: width of the first layer; it doubles per layer.
        layers: number of convolutions of stride 2; 6 for 128x128 and 256x256 in the paper.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, labels: Count = 5, size: Count = 128, base_channels: Count = 64,
                 layers: Depth = 6) -> None:
        super().__init__()
        if size % 2 ** layers:
            raise ConfigError(f'size: {layers} layers need a multiple of {2 ** layers} pixels, found {size}.')
        self.in_channels, self.labels, self.size = in_channels, labels, size
        widths = [in_channels, *(base_channels * 2 ** level for level in range(layers))]
        self.trunk = nn.Sequential()
        for inside, outside in pairwise(widths):
            self.trunk.extend([nn.Conv2d(inside, outside, 4, stride=2, padding=1), nn.LeakyReLU(0.01)])
        self.source = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.domain = nn.Conv2d(widths[-1], labels, size // 2 ** layers, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        require_image(x, self.in_channels, self.size, type(self).__name__, exactly=True)
        features = self.trunk(x)
        return self.source(features), self.domain(features).flatten(1)
