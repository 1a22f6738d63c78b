"""The discriminators of pix2pix and CycleGAN: one logit per patch, or per pixel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..layers.convs import ConvNormLeaky
from ..layers.spectral import spectral_norm
from ..norms import INSTANCE_NORM, make_norm
from ..registry import DISCRIMINATORS, Count, Depth, Norm


@DISCRIMINATORS.register_module()
class PatchDiscriminator(nn.Module):
    """PatchGAN: a logit for every overlapping patch (pix2pix, section 3.2.2 and appendix 6.1.2).

    Images ``(N, in_channels, H, W)`` to logits ``(N, 1, h, w)``; 256x256 to 30x30 with three layers. The patch (the
    receptive field) of 1 to 5 layers is 16, 34, 70, 142, 286 pixels wide.

    Args:
        in_channels: channels of the input; a conditional method passes the condition and the image concatenated.
        base_channels: width of the first layer; it doubles per layer, up to 8x.
        layers: number of convolutions of stride 2.
        norm: config of the norm; the first and the last convolution have none.
        bias: give the convolutions before a norm a bias. None: the authors' rule (only with instance norm).
        spectral: apply spectral normalisation to every convolution.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, layers: Depth = 3, norm: Norm = INSTANCE_NORM,
                 bias: bool | None = None, spectral: bool = False) -> None:
        super().__init__()
        self.in_channels = in_channels
        # The stride-1 convolution loses one row, and the last one needs two.
        self.smallest_size = 3 * 2 ** layers
        make = make_norm(norm)
        bias = make.conv_bias if bias is None else bias
        widths = [base_channels * min(2 ** level, 8) for level in range(layers + 1)]
        self.stem = nn.Conv2d(in_channels, widths[0], 4, stride=2, padding=1)
        self.blocks = nn.Sequential()
        for level in range(1, layers + 1):
            stride = 2 if level < layers else 1
            conv = nn.Conv2d(widths[level - 1], widths[level], 4, stride, padding=1, bias=bias)
            self.blocks.append(ConvNormLeaky(conv, make(widths[level])))
        self.head = nn.Conv2d(widths[-1], 1, 4, padding=1)
        if spectral:
            spectral_norm(self)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__)
        return self.head(self.blocks(F.leaky_relu(self.stem(x), 0.2)))


@DISCRIMINATORS.register_module()
class PixelDiscriminator(nn.Module):
    """A logit for every pixel from that pixel alone (pix2pix, appendix 6.1.2: the 1x1 PixelGAN).

    Images ``(N, in_channels, H, W)`` to logits ``(N, 1, H, W)``.

    Args:
        in_channels: channels of the input.
        base_channels: width of the first layer; the second has twice as many.
        norm: config of the norm after the second convolution.
        bias: give the second and the last convolution a bias. None: the authors' rule (only with instance norm).
        spectral: apply spectral normalisation to every convolution.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, norm: Norm = INSTANCE_NORM,
                 bias: bool | None = None, spectral: bool = False) -> None:
        super().__init__()
        self.in_channels = in_channels
        make = make_norm(norm)
        bias = make.conv_bias if bias is None else bias
        self.stem = nn.Conv2d(in_channels, base_channels, 1)
        self.block = ConvNormLeaky(nn.Conv2d(base_channels, 2 * base_channels, 1, bias=bias), make(2 * base_channels))
        self.head = nn.Conv2d(2 * base_channels, 1, 1, bias=bias)
        if spectral:
            spectral_norm(self)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, 1, type(self).__name__)
        return self.head(self.block(F.leaky_relu(self.stem(x), 0.2)))
