"""The encoders and the generators of DRIT, each one network for both domains."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..layers.convs import ConvNormLeaky, ConvNormReLU, ResidualBlock
from ..norms import INSTANCE_NORM, NormFactory, make_norm
from ..registry import BACKBONES, Count, Norm

Domain = Literal['A', 'B']
LAYER_NORM: dict[str, Any] = {'type': 'LN'}
REFLECT: dict[str, Any] = {'padding_mode': 'reflect'}


def per_domain(A: nn.Module, B: nn.Module) -> nn.ModuleDict:
    return nn.ModuleDict({'A': A, 'B': B})


def inner(channels: int, norm: NormFactory) -> ResidualBlock:
    return ResidualBlock(channels, norm, 'reflect', 0.0, bias=True)


def mapped(z: Tensor, x: Tensor) -> Tensor:
    """Features ``x`` with a code ``(N, nz)`` as ``nz`` further constant channels."""
    return torch.cat([x, z[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


@BACKBONES.register_module()
class DRITContentEncoder(nn.Module):
    """What the domains have in common: a stem for each domain, and an end with the same weights for both.

    Images ``(N, in_channels, H, W)`` and their domain to contents ``(N, 4 base_channels, H/4, W/4)``; H and W are
    multiples of ``size_divisor``. The noise that the authors' last layer adds in training is added by the method, of
    which each sample has its own. Source: Lee et al. 2018, section 3.1, and the authors' code.

    Args:
        in_channels: channels of the images of domain A.
        in_channels_B: of domain B; None: as many.
        base_channels: width of the first layer, 64 in the paper.
        blocks: residual blocks of each stem.
        norm: config of the norm; the first convolution has none.

    Raises:
        ConfigError: an invalid argument, or images that do not fit.
    """

    def __init__(self, in_channels: Count = 3, in_channels_B: Count | None = None, base_channels: Count = 64,
                 blocks: Count = 3, norm: Norm = INSTANCE_NORM) -> None:
        super().__init__()
        self.channels = {'A': in_channels, 'B': in_channels_B or in_channels}
        self.in_channels, self.content_channels, self.size_divisor = in_channels, 4 * base_channels, 4
        make = make_norm(norm)

        def stem(channels: int) -> nn.Sequential:
            first = nn.Conv2d(channels, base_channels, 7, padding=3, **REFLECT)
            halving = [ConvNormReLU(nn.Conv2d(width, 2 * width, 3, 2, 1, **REFLECT), make(2 * width))
                       for width in (base_channels, 2 * base_channels)]
            return nn.Sequential(ConvNormLeaky(first, nn.Identity(), 0.01), *halving,
                                 *(inner(self.content_channels, make) for _ in range(blocks)))
        self.stems = per_domain(*map(stem, self.channels.values()))
        self.shared = inner(self.content_channels, make)

    def forward(self, x: Tensor, domain: Domain) -> Tensor:
        # Reflection needs two pixels at a quarter of the size.
        require_image(x, self.channels[domain], 8, f'{type(self).__name__} {domain}', self.size_divisor)
        return self.shared(self.stems[domain](x))


class AttributeEncoder(nn.Module):
    """Base of the two attribute encoders: ``(N, C, H, W)`` of at least 16 pixels a side, and the domain."""

    variational: bool
    trunks: nn.ModuleDict

    def __init__(self, in_channels: int, in_channels_B: int | None, style: int) -> None:
        super().__init__()
        self.channels = {'A': in_channels, 'B': in_channels_B or in_channels}
        self.in_channels, self.style = in_channels, style

    def features(self, x: Tensor, domain: Domain) -> Tensor:
        """The mean over height and width of what the trunk finds, ``(N, C)``."""
        require_image(x, self.channels[domain], 16, f'{type(self).__name__} {domain}')
        return self.trunks[domain](x).mean((2, 3))


@BACKBONES.register_module()
class DRITAttributeEncoder(AttributeEncoder):
    """The attributes of an image as one code, in the feature-wise variant: no norm, a trunk for each domain.

    Images ``(N, in_channels, H, W)`` and their domain to codes ``(N, style)``.

    Args:
        in_channels: channels of the images of domain A.
        in_channels_B: of domain B; None: as many.
        style: length of a code, 8 in the paper.
        base_channels: width of the first layer, 64 in the paper.

    Raises:
        ConfigError: an invalid argument, or images that do not fit.
    """

    variational = False

    def __init__(self, in_channels: Count = 3, in_channels_B: Count | None = None, style: Count = 8,
                 base_channels: Count = 64) -> None:
        super().__init__(in_channels, in_channels_B, style)
        widths = [base_channels * factor for factor in (1, 2, 4, 4, 4)]

        def trunk(channels: int) -> nn.Sequential:
            layers = nn.Sequential(nn.Conv2d(channels, base_channels, 7, padding=3, **REFLECT), nn.ReLU())
            for before, width in pairwise(widths):
                layers.extend((nn.Conv2d(before, width, 4, 2, 1, **REFLECT), nn.ReLU()))
            return layers
        self.trunks = per_domain(*map(trunk, self.channels.values()))
        self.heads = per_domain(*(nn.Conv2d(widths[-1], style, 1) for _ in 'AB'))

    def forward(self, x: Tensor, domain: Domain) -> Tensor:
        return self.heads[domain](self.features(x, domain)[:, :, None, None]).flatten(1)


class MeanBlock(nn.Module):
    """``pool(conv(lrelu(conv(lrelu(x))))) + conv1x1(pool(x))``: half the size."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, inside, 3, padding=1, **REFLECT)
        self.conv2 = nn.Conv2d(inside, outside, 3, padding=1, **REFLECT)
        self.shortcut = nn.Conv2d(inside, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, 0.2)), 0.2))
        return F.avg_pool2d(y, 2) + self.shortcut(F.avg_pool2d(x, 2))


@BACKBONES.register_module()
class DRITConcatAttributeEncoder(AttributeEncoder):
    """The attributes of an image as a normal distribution of codes, in the concat variant: no norm, a trunk per domain.

    Images ``(N, in_channels, H, W)`` and their domain to ``(N, 2 style)``: mu, then log sigma^2.

    Args:
        in_channels: channels of the images of domain A.
        in_channels_B: of domain B; None: as many.
        style: length of a code, 8 in the paper.
        base_channels: width of the first layer, 64 in the paper.

    Raises:
        ConfigError: an invalid argument, or images that do not fit.
    """

    variational = True

    def __init__(self, in_channels: Count = 3, in_channels_B: Count | None = None, style: Count = 8,
                 base_channels: Count = 64) -> None:
        super().__init__(in_channels, in_channels_B, style)
        widths = [base_channels * factor for factor in (1, 2, 3, 4)]

        def trunk(channels: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(channels, base_channels, 4, 2, 1, **REFLECT),
                                 *(MeanBlock(*pair) for pair in pairwise(widths)), nn.LeakyReLU(0.2))
        self.trunks = per_domain(*map(trunk, self.channels.values()))
        self.means, self.log_variances = (per_domain(*(nn.Linear(widths[-1], style) for _ in 'AB')) for _ in range(2))

    def forward(self, x: Tensor, domain: Domain) -> Tensor:
        found = self.features(x, domain)
        return torch.cat([self.means[domain](found), self.log_variances[domain](found)], 1)


def enlarging(inside: int, outside: int, norm: NormFactory) -> ConvNormReLU:
    return ConvNormReLU(nn.ConvTranspose2d(inside, outside, 3, 2, 1, output_padding=1), norm(outside))


class Generator(nn.Module):
    """Base of the two generators: what they state of themselves."""

    def __init__(self, out_channels: int, out_channels_B: int | None, base_channels: int, style: int) -> None:
        super().__init__()
        self.channels = {'A': out_channels, 'B': out_channels_B or out_channels}
        self.out_channels, self.content_channels, self.scale, self.style = out_channels, 4 * base_channels, 4, style


@BACKBONES.register_module()
class DRITConcatGenerator(Generator):
    """Contents and a code, which is concatenated to the features of every level, to images of a domain.

    Contents ``(N, 4 base_channels, h, w)``, codes ``(N, style)`` and the domain to images ``(N, C, 4h, 4w)`` in
    [-1, 1]; the first block serves both domains. Source: Lee et al. 2018, and the authors' code.

    Args:
        out_channels: channels of the images of domain A.
        out_channels_B: of domain B; None: as many.
        base_channels: width of the content encoder's first layer, 64 in the paper.
        style: length of a code, 8 in the paper.
        blocks: residual blocks of each domain.
        norm: config of the norm of the residual blocks.
        up_norm: config of the norm of the layers that enlarge.

    Raises:
        ConfigError: an invalid argument.
    """

    def __init__(self, out_channels: Count = 3, out_channels_B: Count | None = None, base_channels: Count = 64,
                 style: Count = 8, blocks: Count = 3, norm: Norm = INSTANCE_NORM, up_norm: Norm = LAYER_NORM) -> None:
        super().__init__(out_channels, out_channels_B, base_channels, style)
        make, make_up, width = make_norm(norm), make_norm(up_norm, 'up_norm'), self.content_channels + style
        half, quarter = (width + style) // 2, ((width + style) // 2 + style) // 2
        self.shared = inner(self.content_channels, make)

        def decoder(channels: int) -> nn.ModuleList:
            return nn.ModuleList([nn.Sequential(*(inner(width, make) for _ in range(blocks))),
                                  enlarging(width + style, half, make_up), enlarging(half + style, quarter, make_up),
                                  nn.ConvTranspose2d(quarter + style, channels, 1)])
        self.decoders = per_domain(*map(decoder, self.channels.values()))

    def forward(self, content: Tensor, z: Tensor, domain: Domain) -> Tensor:
        x = self.shared(content)
        for layer in self.decoders[domain].children():
            x = layer(mapped(z, x))
        return x.tanh()


class TransformedBlock(nn.Module):
    """A residual block that transforms its features by a code after each of its two convolutions 3x3."""

    def __init__(self, channels: int, norm: NormFactory) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1, **REFLECT) for _ in range(2))
        self.norm1, self.norm2 = norm(channels), norm(channels)
        self.transform1, self.transform2 = (nn.Sequential(
            nn.Conv2d(2 * channels, 2 * channels, 1), nn.ReLU(), nn.Conv2d(2 * channels, channels, 1), nn.ReLU())
            for _ in range(2))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        y = self.transform1(mapped(z, self.norm1(self.conv1(x))))
        return x + self.transform2(mapped(z, self.norm2(self.conv2(y))))


class TransformingDecoder(nn.Module):
    """The generator of one domain: a perceptron makes a code per block of the one that is given."""

    def __init__(self, width: int, channels: int, style: int, blocks: int, norm: NormFactory,
                 up_norm: NormFactory) -> None:
        super().__init__()
        self.codes = nn.Sequential(nn.Linear(style, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                                   nn.Linear(width, blocks * width))
        self.blocks = nn.ModuleList(TransformedBlock(width, norm) for _ in range(blocks))
        self.up = nn.Sequential(enlarging(width, width // 2, up_norm), enlarging(width // 2, width // 4, up_norm),
                                nn.ConvTranspose2d(width // 4, channels, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        for block, code in zip(self.blocks, self.codes(z).chunk(len(self.blocks), 1), strict=True):
            x = block(x, code)
        return self.up(x).tanh()


@BACKBONES.register_module()
class DRITGenerator(Generator):
    """Contents, transformed by a code in every residual block (the paper's feature-wise transform), to images of a
    domain; nothing is shared between the domains.

    Contents ``(N, 4 base_channels, h, w)``, codes ``(N, style)`` and the domain to images ``(N, C, 4h, 4w)`` in
    [-1, 1]. Source: Lee et al. 2018, and the authors' code (its option ``concat 0``, for changes of shape).

    Args:
        out_channels: channels of the images of domain A.
        out_channels_B: of domain B; None: as many.
        base_channels: width of the content encoder's first layer, 64 in the paper.
        style: length of a code, 8 in the paper.
        blocks: residual blocks of each domain.
        norm: config of the norm of the residual blocks.
        up_norm: config of the norm of the layers that enlarge.

    Raises:
        ConfigError: an invalid argument.
    """

    def __init__(self, out_channels: Count = 3, out_channels_B: Count | None = None, base_channels: Count = 64,
                 style: Count = 8, blocks: Count = 4, norm: Norm = INSTANCE_NORM, up_norm: Norm = LAYER_NORM) -> None:
        super().__init__(out_channels, out_channels_B, base_channels, style)
        make, make_up = make_norm(norm), make_norm(up_norm, 'up_norm')
        self.decoders = per_domain(*(TransformingDecoder(self.content_channels, channels, style, blocks, make, make_up)
                                     for channels in self.channels.values()))

    def forward(self, content: Tensor, z: Tensor, domain: Domain) -> Tensor:
        return self.decoders[domain](content, z)
