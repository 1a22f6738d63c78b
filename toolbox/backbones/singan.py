"""The generators of SinGAN (Rott Shaham, Dekel, Michaeli, ICCV 2019), one per scale of an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..checks import require_image
from ..layers.trunks import unpadded_body, widths_of_scales
from ..norms import BATCH_NORM, make_norm
from ..registry import BACKBONES, Count, Depth, Norm, OddCount


class ScaleGenerator(nn.Module):
    """``previous + tanh(convolutions of z)``; a larger ``previous`` is cut to its middle."""

    def __init__(self, body: nn.Sequential, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, z: Tensor, previous: Tensor) -> Tensor:
        made = torch.tanh(self.head(self.body(z)))
        top, left = ((a - b) // 2 for a, b in zip(previous.shape[2:], made.shape[2:], strict=True))
        return made + previous[:, :, top:top + made.shape[2], left:left + made.shape[3]]


@BACKBONES.register_module()
class SinGANGenerator(nn.Module):
    """A fully convolutional generator for each scale: what it makes is added to the image of the scale below.

    ``G(z, previous, scale)``: z ``(N, in_channels, H + 2 padding, W + 2 padding)`` is the sum of noise and image, with
    the padding that its convolutions use up (whoever calls chooses it: zeros, or noise all over); ``previous``
    ``(N, out_channels, H, W)`` is the image of the scale below, enlarged, or the same with padding. The result is
    ``(N, out_channels, H, W)``, in [-1, 1] but for what the sum takes beyond.

    Args:
        scales: how many; the data set says it.
        in_channels: channels of z.
        out_channels: channels of the images.
        base_channels: width of the coarsest scale; doubled every ``every`` scales.
        min_channels: least width of a layer: within a scale the widths halve down to it. It grows as the widths do;
            None: all layers of a scale are of one width, as in the paper.
        max_channels: greatest width.
        every: see ``base_channels``.
        layers: convolutions of a scale.
        kernel: their size.
        norm: config of the norm after every layer but the last.

    Attributes:
        padding: pixels on each side of z that the convolutions use up.
    """

    size_divisor = 1

    def __init__(self, scales: Count = 11, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 32,
                 min_channels: Count | None = None, max_channels: Count = 128, every: Count = 4, layers: Depth = 5,
                 kernel: OddCount = 3, norm: Norm = BATCH_NORM) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.padding = (kernel - 1) * layers // 2
        make = make_norm(norm)
        self.widths = widths_of_scales(scales, base_channels, every, max_channels)
        least = widths_of_scales(scales, min_channels or base_channels, every, max_channels)
        self.scales = nn.ModuleList()
        for width, lowest in zip(self.widths, least, strict=True):
            body, channels = unpadded_body(in_channels, width, lowest, layers - 1, kernel, make)
            self.scales.append(ScaleGenerator(body, nn.Conv2d(channels, out_channels, kernel)))

    def forward(self, z: Tensor, previous: Tensor, scale: int = 0) -> Tensor:
        require_image(z, self.in_channels, 2 * self.padding + 1, type(self).__name__)
        return self.scales[scale](z, previous)
