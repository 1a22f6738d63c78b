"""The discriminators of SinGAN (Rott Shaham, Dekel, Michaeli, ICCV 2019), one per scale of an image."""

from __future__ import annotations

from torch import Tensor, nn

from ..checks import require_image
from ..layers.trunks import unpadded_body, widths_of_scales
from ..norms import BATCH_NORM, make_norm
from ..registry import DISCRIMINATORS, Count, Depth, Norm, OddCount


@DISCRIMINATORS.register_module()
class SinGANDiscriminator(nn.Module):
    """A critic of small patches for each scale: convolutions without padding, LeakyReLU, no activation at the end.

    ``D(x, scale)``: images ``(N, in_channels, H, W)`` to scores ``(N, 1, H - 2 border, W - 2 border)``, one for each
    patch of side ``2 border + 1`` (11 with five 3x3 convolutions) that lies in the image.

    Args:
        scales: how many; the data set says it.
        in_channels: channels of the images.
        base_channels: width of the coarsest scale; doubled every ``every`` scales.
        min_channels: least width of a layer (see :class:`~toolbox.backbones.singan.SinGANGenerator`).
        max_channels: greatest width.
        every: see ``base_channels``.
        layers: convolutions of a scale.
        kernel: their size.
        norm: config of the norm after every layer but the last.
    """

    def __init__(self, scales: Count = 11, in_channels: Count = 3, base_channels: Count = 32,
                 min_channels: Count | None = None, max_channels: Count = 128, every: Count = 4, layers: Depth = 5,
                 kernel: OddCount = 3, norm: Norm = BATCH_NORM) -> None:
        super().__init__()
        self.in_channels, self.border = in_channels, (kernel - 1) * layers // 2
        make = make_norm(norm)
        self.widths = widths_of_scales(scales, base_channels, every, max_channels)
        least = widths_of_scales(scales, min_channels or base_channels, every, max_channels)
        self.scales = nn.ModuleList()
        for width, lowest in zip(self.widths, least, strict=True):
            body, channels = unpadded_body(in_channels, width, lowest, layers - 1, kernel, make)
            self.scales.append(nn.Sequential(body, nn.Conv2d(channels, 1, kernel)))

    def forward(self, x: Tensor, scale: int = 0) -> Tensor:
        require_image(x, self.in_channels, 2 * self.border + 1, type(self).__name__)
        return self.scales[scale](x)
