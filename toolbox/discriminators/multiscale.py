"""The same patch discriminator on several sizes of one image: that of Pix2PixHD and SPADE, and that of MUNIT."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from ..checks import require_image
from ..layers.convs import ConvNormLeaky, halved
from ..layers.spectral import spectral_norm
from ..norms import INSTANCE_NORM, NO_NORM, make_norm
from ..registry import DISCRIMINATORS, Count, Depth, Fraction, Norm

WIDEST = 512


class _OneScale(nn.Sequential):
    """Convolutions 4x4 with padding 2, as a list of what each of them gives."""

    def __init__(self, in_channels: int, base_channels: int, layers: int, norm: Norm, spectral: bool,
                 bias: bool) -> None:
        super().__init__(ConvNormLeaky(nn.Conv2d(in_channels, base_channels, 4, 2, 2), nn.Identity()))
        make, width = make_norm(norm), base_channels
        for level in range(1, layers + 1):
            before, width = width, min(2 * width, WIDEST)
            conv = nn.Conv2d(before, width, 4, 2 if level < layers else 1, 2, bias=bias)
            self.append(ConvNormLeaky(spectral_norm(conv) if spectral else conv, make(width)))
        self.append(nn.Conv2d(width, 1, 4, padding=2))

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for layer in self:
            x = layer(x)
            found.append(x)
        return found


@DISCRIMINATORS.register_module()
class MultiscaleDiscriminator(nn.Module):
    """Patch discriminators of one form, with weights of their own, on the image and its halves (Wang et al. 2018,
    section 3.2, appendix A; Park et al. 2019, appendix A).

    Images ``(N, in_channels, H, W)`` to one list per scale, the finest first, of the features of every layer
    ``(N, C, h, w)``, the logits ``(N, 1, h, w)`` last. An image of 256x256 gives 129, 65, 33, 34 and 35 pixels.

    The defaults are Pix2PixHD's. SPADE's is ``spectral=True``: it normalises the weights of the convolutions before a
    norm (not those of the first and the last one, unlike what the paper says), which have no bias.

    Args:
        in_channels: channels of the input: of the label map's planes and of the image.
        base_channels: width of the first layer; it doubles per layer, up to 512.
        scales: how many sizes are judged; Pix2PixHD has 2 at 512 pixels and 3 at 1024, SPADE 2.
        layers: convolutions of stride 2. SPADE's code calls the same three ``n_layers_D=4``.
        norm: config of the norm; the first and the last convolution have none.
        spectral: apply spectral normalisation to the convolutions before a norm.
        bias: give these a bias. None: the authors' rule (not with spectral normalisation).

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, scales: Depth = 2, layers: Depth = 3,
                 norm: Norm = INSTANCE_NORM, spectral: bool = False, bias: bool | None = None) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.smallest_size = 2 ** (scales - 1) + 1  # the coarsest scale has two pixels, so that each norm has some
        # If set, a method may join several batches in one forward pass: the results are the same.
        self.per_sample = make_norm(norm).per_sample and not spectral
        bias = not spectral if bias is None else bias
        self.scales = nn.ModuleList(
            _OneScale(in_channels, base_channels, layers, norm, spectral, bias) for _ in range(scales))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__)
        found = []
        for number, scale in enumerate(self.scales):
            x = halved(x) if number else x
            found.append(scale(x))
        return found


@DISCRIMINATORS.register_module()
class MultiscaleLogits(nn.Module):
    """Patch discriminators of one form, with weights of their own, on the image and its halves (Huang et al. 2018,
    appendix B.2; the same in UNIT and in DRIT).

    Images ``(N, in_channels, H, W)`` to the logits ``(N, 1, h, w)`` of each scale, the finest first. Unlike in
    :class:`MultiscaleDiscriminator` all convolutions 4x4 have stride 2 and reflection padding, the widths have no bound
    and the logits are a 1x1 convolution. An image of 256x256 gives 16, 8 and 4 pixels.

    Args:
        in_channels: channels of the image.
        base_channels: width of the first layer; it doubles per layer.
        scales: how many sizes are judged.
        layers: convolutions of stride 2.
        norm: config of the norm; the first and the last convolution have none.
        spectral: which weights are spectrally normalised: 'none', 'inner' (not those of the first and the last
            convolution, an option of MUNIT's code) or 'all' (an option of DRIT's).
        slope: of the LeakyReLU; 0.01 in DRIT.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, scales: Depth = 3, layers: Depth = 4,
                 norm: Norm = NO_NORM, spectral: Literal['none', 'inner', 'all'] = 'none',
                 slope: Fraction = 0.2) -> None:
        super().__init__()
        self.in_channels = in_channels
        # Reflection needs two pixels before the last convolution of stride 2, on the coarsest scale.
        self.smallest_size = (2 ** layers - 1) * 2 ** (scales - 1) + 1
        make = make_norm(norm)
        self.per_sample = make.per_sample and spectral == 'none'
        widths = [in_channels, *(base_channels * 2 ** level for level in range(layers))]
        self.scales = nn.ModuleList()
        for _ in range(scales):
            scale = nn.Sequential()
            for level, (before, width) in enumerate(pairwise(widths)):
                conv = nn.Conv2d(before, width, 4, 2, 1, padding_mode='reflect')
                scale.append(ConvNormLeaky(conv, make(width) if level else nn.Identity(), slope))
            scale.append(nn.Conv2d(widths[-1], 1, 1))
            if spectral != 'none':
                spectral_norm(scale if spectral == 'all' else scale[1:-1])
            self.scales.append(scale)

    def forward(self, x: Tensor) -> list[Tensor]:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__)
        found = []
        for number, scale in enumerate(self.scales):
            x = halved(x) if number else x
            found.append(scale(x))
        return found
