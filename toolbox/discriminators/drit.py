"""DRIT's discriminator of contents, and its discriminator of images on one scale."""

from __future__ import annotations

from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..layers.convs import ConvNormLeaky
from ..layers.spectral import spectral_norm
from ..registry import DISCRIMINATORS, Count, Depth, OddCount


@DISCRIMINATORS.register_module()
class ContentDiscriminator(nn.Module):
    """Tells from a content which domain it was taken from (Lee et al. 2018, section 3.1, and the authors' code).

    Contents ``(N, in_channels, h, w)`` of at least ``size`` to logits ``(N, 1, h', w')``, one for the whole content if
    it has this size. Strided convolutions with reflection padding, one that covers what is left, and one 1x1; no norm
    (the authors ask for instance norm, but compare with the wrong name).

    Args:
        in_channels: channels of a content.
        size: side of the contents of a training, a quarter of the images': 54 for images of 216.
        layers: convolutions of stride 2.
        kernel: their size, 7 in the paper.

    Raises:
        ConfigError: an invalid argument, or contents that do not fit.
    """

    def __init__(self, in_channels: Count = 256, size: Count = 54, layers: Depth = 3, kernel: OddCount = 7) -> None:
        super().__init__()
        self.in_channels, self.size = in_channels, size
        self.convs = nn.Sequential()
        left = size
        for _ in range(layers):
            if left < max(2, kernel - 1):  # reflection needs two pixels
                raise ConfigError(f'{type(self).__name__}: contents of {size}x{size} are too small for {layers} layers '
                                  f'with a kernel of {kernel}. Set size to a quarter of the images, and kernel to 3 or '
                                  'layers to fewer if they are small.')
            conv = nn.Conv2d(in_channels, in_channels, kernel, 2, 1, padding_mode='reflect')
            self.convs.append(ConvNormLeaky(conv, nn.Identity(), 0.01))
            left = (left + 2 - kernel) // 2 + 1
        self.convs.append(ConvNormLeaky(nn.Conv2d(in_channels, in_channels, left), nn.Identity(), 0.01))
        self.head = nn.Conv2d(in_channels, 1, 1)

    def forward(self, content: Tensor) -> Tensor:
        require_image(content, self.in_channels, self.size, type(self).__name__)
        return self.head(self.convs(content))


@DISCRIMINATORS.register_module()
class StridedDiscriminator(nn.Module):
    """Convolutions 3x3 of stride 2, and a 1x1 one: DRIT's discriminator of images on one scale (``dis_scale 1``).

    Images ``(N, in_channels, H, W)`` to logits ``(N, 1, h, w)``, with the default 6 layers a pixel for 64 of the image.

    Args:
        in_channels: channels of the images.
        base_channels: width of the first layer; it doubles per layer.
        layers: convolutions of stride 2.
        spectral: apply spectral normalisation to every convolution.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, layers: Depth = 6,
                 spectral: bool = False) -> None:
        super().__init__()
        self.in_channels, self.smallest_size = in_channels, 2 ** (layers - 1) + 1
        self.convs = nn.Sequential()
        width = base_channels
        for level in range(layers):
            before, width = (width, 2 * width) if level else (in_channels, base_channels)
            conv = nn.Conv2d(before, width, 3, 2, 1, padding_mode='reflect')
            self.convs.append(ConvNormLeaky(conv, nn.Identity(), 0.01))
        self.head = nn.Conv2d(width, 1, 1)
        if spectral:
            spectral_norm(self)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__)
        return self.head(self.convs(x))
