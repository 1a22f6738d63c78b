"""The discriminator of patch-based inpainting: of whole pictures and of patches, with shared first layers."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..layers.convs import ConvNormLeaky
from ..norms import BATCH_NORM, NormFactory, make_norm
from ..registry import DISCRIMINATORS, Count, Depth, Norm


@DISCRIMINATORS.register_module()
class PGGANDiscriminator(nn.Module):
    """One trunk, two opinions (Demir and Unal 2018): is the picture real, and is each patch.

    Images ``(N, in_channels, H, W)`` to a logit ``(N, 1)`` for the whole picture, and logits ``(N, 1, h, w)`` of
    patches, ``h = H / 2 ** layers``. The global branch ends in a fully connected layer, for which its last maps are
    averaged to ``grid`` x ``grid``: any size can be judged, and at the size at which they have that side anyway (256
    with the default values) nothing is averaged. The tables of layers are reconstructed, see docs/inpainting.md.

    Args:
        in_channels: channels of the images.
        base_channels: width of the first layer; it doubles per layer, up to 8x.
        layers: number of shared convolutions of stride 2.
        global_layers: number of further ones in the global branch.
        grid: side of the maps before the fully connected layer.
        norm: config of the norm after every convolution but the first and the last.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, layers: Depth = 3, global_layers: Depth = 2,
                 grid: Count = 8, norm: Norm = BATCH_NORM) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.smallest_size = 2 ** (layers + global_layers + 1)  # norms need more than one pixel
        make = make_norm(norm)
        widths = [base_channels * min(2 ** level, 8) for level in range(layers + global_layers)]
        self.stem = nn.Conv2d(in_channels, widths[0], 4, stride=2, padding=1)
        self.trunk = _strided(widths[:layers], make)
        middle = widths[layers - 1]
        wide = min(2 * middle, 8 * base_channels)
        self.patch = nn.Sequential(
            ConvNormLeaky(nn.Conv2d(middle, wide, 3, padding=1, bias=make.conv_bias), make(wide)),
            nn.Conv2d(wide, 1, 3, padding=1))
        self.whole = _strided(widths[layers - 1:], make)
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.verdict = nn.Linear(widths[-1] * grid ** 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__)
        shared = self.trunk(F.leaky_relu(self.stem(x), 0.2))
        return self.verdict(self.pool(self.whole(shared)).flatten(1)), self.patch(shared)


def _strided(widths: list[int], norm: NormFactory) -> nn.Sequential:
    """Convolutions of stride 2 from each width to the next."""
    return nn.Sequential(*(ConvNormLeaky(nn.Conv2d(a, b, 4, 2, padding=1, bias=norm.conv_bias), norm(b))
                           for a, b in pairwise(widths)))
