"""The discriminators of U-GAT-IT: PatchGANs with attention."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..layers.cam import CAM, CamWeight
from ..layers.spectral import spectral_norm
from ..registry import DISCRIMINATORS, Count, Depth


@DISCRIMINATORS.register_module()
class UGATITDiscriminator(nn.Module):
    """A patch discriminator with spectral normalisation and attention (figure 1): global with 5 layers, local with 3.

    Images ``(N, in_channels, H, W)`` to a tuple of patch logits ``(N, 1, h, w)``, the logits ``(N, 2)`` of the
    auxiliary classifier (:class:`~toolbox.layers.cam.CAM`) and its heat map ``(N, 1, h + 1, w + 1)``. 256x256 images
    give 6x6 patches with 5 layers and 30x30 with 3.

    Args:
        in_channels: channels of the input.
        base_channels: width of the first layer; it doubles per layer, without a cap.
        layers: number of convolutions of stride 2; the authors' ``n_layers`` 7 and 5 are 5 and 3 here.
        cam_weight: 'raw' or 'normalised', see :class:`~toolbox.layers.cam.CAM`.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, layers: Depth = 5,
                 cam_weight: CamWeight = 'raw') -> None:
        super().__init__()
        self.in_channels = in_channels
        # The stride-1 convolution loses one row, and the reflection padding of the last one needs two.
        self.smallest_size = 3 * 2 ** layers
        widths = [in_channels, *(base_channels * 2 ** level for level in range(layers + 1))]
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 4, stride, padding=1, padding_mode='reflect'))
            for before, after, stride in zip(widths, widths[1:], [2] * layers + [1], strict=False))
        self.cam = CAM(widths[-1], slope=0.2, spectral=True, weight=cam_weight)
        self.head = spectral_norm(nn.Conv2d(widths[-1], 1, 4, padding=1, padding_mode='reflect', bias=False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2)
        x, logits, heat = self.cam(x)
        return self.head(x), logits, heat
