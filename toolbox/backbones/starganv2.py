"""The generator, the mapping network and the style encoder of StarGAN v2."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..layers.conditions import pick
from ..layers.preactivation import ResBlock, StyledBlock
from ..layers.trunks import Side, convolutional_trunk, widths_of
from ..norms import ADAIN, AFFINE_INSTANCE_NORM, make_norm
from ..registry import BACKBONES, FEATURES, Count, Feature, Norm, Weight, build

HIGH_PASS_SIZES = {32: 0, 64: 1, 128: 1}  # map size -> index of the mask


class HighPass(nn.Module):
    """Laplacian filter of each channel, divided by ``weight``."""

    filter: Tensor

    def __init__(self, weight: float) -> None:
        super().__init__()
        kernel = torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]) / weight
        self.register_buffer('filter', kernel)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.filter.to(x.dtype).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


@BACKBONES.register_module()
class StarGANv2Generator(nn.Module):
    """Encoder, and a decoder whose norms take a style (StarGAN v2, table 5).

    Images ``(N, 3, H, W)`` and styles ``(N, style)`` to images ``(N, 3, H, W)``, near [-1, 1] but unbounded. H and W
    are multiples of ``size_divisor``.

    Args:
        in_channels: channels of the input images.
        out_channels: channels of the output.
        size: side of the training images, a power of two from 8; it sets the depth, ``log2(size) - 4`` halvings.
        style: length of the style.
        base_channels: width of the first layer; None: ``2 ** 14 / size``.
        max_channels: cap on the doubling.
        high_pass: weight of the skip that carries fine structure past the network, where the masks say so; the
            authors use 1 for faces and 0 (no skip) for animals. With it the network halves once more and its decoder
            has no shortcuts.
        masks: feature network (``LandmarkMasks``) from images to the two masks that say where the skip acts; without
            it the skip has no effect.
        norm: config of the norm of the encoder and the last layer.
        style_norm: config of the norm of the decoder, which takes the style.

    Raises:
        ConfigError: an invalid argument, or images that do not fit.
    """

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, size: Side = 256, style: Count = 64,
                 base_channels: Count | None = None, max_channels: Count = 512, high_pass: Weight = 0.0,
                 masks: Feature | None = None, norm: Norm = AFFINE_INSTANCE_NORM, style_norm: Norm = ADAIN) -> None:
        super().__init__()
        levels = max(0, size.bit_length() - 5) + (high_pass > 0)
        widths = widths_of(size, base_channels, max_channels, levels)
        self.in_channels, self.out_channels, self.style = in_channels, out_channels, style
        self.size_divisor = 2 ** levels
        make, make_styled = make_norm(norm), make_norm({'cond_channels': style, **style_norm}, 'style_norm', True)
        pairs, last = list(pairwise(widths)), widths[-1]
        self.stem = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.encode = nn.ModuleList([ResBlock(a, b, make, down=True) for a, b in pairs]
                                    + [ResBlock(last, last, make) for _ in range(2)])
        self.decode = nn.ModuleList([StyledBlock(last, last, make_styled, False, not high_pass) for _ in range(2)]
                                    + [StyledBlock(b, a, make_styled, True, not high_pass) for a, b in reversed(pairs)])
        self.head_norm, self.head = make(widths[0]), nn.Conv2d(widths[0], out_channels, 1)
        self.high_pass = HighPass(high_pass) if high_pass else None
        self.masks = build(masks, FEATURES, 'masks') if masks else None
        if self.masks is not None and self.high_pass is None:
            raise ConfigError('masks: no effect without high_pass; set high_pass=1.0, or remove them.')

    def forward(self, x: Tensor, s: Tensor, masks: Sequence[Tensor] | None = None) -> Tensor:
        """The image ``x`` in style ``s``; ``masks``: two ``(N, 1, h, w)`` in [0, 1] that replace the network's own."""
        require_image(x, self.in_channels, self.size_divisor, type(self).__name__, self.size_divisor)
        if masks is not None and self.high_pass is None:
            raise ConfigError('masks: no effect without high_pass; set high_pass=1.0, or leave them out.')
        if masks is None and self.masks is not None:
            masks = self.masks(x)
        x = self.stem(x)
        kept: dict[int, Tensor] = {}
        for block in self.encode:
            if masks is not None and self.high_pass is not None and x.shape[2] in HIGH_PASS_SIZES:
                mask = F.interpolate(masks[HIGH_PASS_SIZES[x.shape[2]]], size=x.shape[2:], mode='bilinear',
                                     align_corners=False)
                kept[x.shape[2]] = self.high_pass(mask * x)
            x = block(x)
        for block in self.decode:
            x = block(x, s)
            if kept and x.shape[2] in kept:
                x = x + kept[x.shape[2]]
        return self.head(F.leaky_relu(self.head_norm(x), 0.2))


@BACKBONES.register_module()
class MappingNetwork(nn.Module):
    """Latents to styles, one branch per domain (StarGAN v2, table 6).

    Latents ``(N, latent)`` and domains ``(N,)`` to styles ``(N, style)``.

    Args:
        domains: number of domains.
        latent: length of the latents.
        style: length of the styles.
        hidden: width of the hidden layers (the authors' code uses 512 whatever its option says).
    """

    def __init__(self, domains: Count = 2, latent: Count = 16, style: Count = 64, hidden: Count = 512) -> None:
        super().__init__()
        self.latent, self.style = latent, style
        self.shared = nn.Sequential(*_layers([latent, *[hidden] * 4]))
        self.branches = nn.ModuleList(nn.Sequential(*_layers([hidden] * 4), nn.Linear(hidden, style))
                                      for _ in range(domains))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        h = self.shared(z)
        return pick(torch.stack([branch(h) for branch in self.branches], dim=1), y)


def _layers(widths: Sequence[int]) -> list[nn.Module]:
    return [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]


@BACKBONES.register_module()
class StyleEncoder(nn.Module):
    """The style of an image, one branch per domain (StarGAN v2, table 7).

    Images ``(N, in_channels, size, size)`` and domains ``(N,)`` to styles ``(N, style)``.

    Args:
        in_channels: channels of the images.
        domains: number of domains.
        size: side of the images, a power of two.
        style: length of the styles.
        base_channels: width of the first layer; None: ``2 ** 14 / size``.
        max_channels: cap on the doubling.
    """

    def __init__(self, in_channels: Count = 3, domains: Count = 2, size: Side = 256, style: Count = 64,
                 base_channels: Count | None = None, max_channels: Count = 512) -> None:
        super().__init__()
        self.in_channels, self.size, self.style = in_channels, size, style
        self.trunk, width = convolutional_trunk(in_channels, size, base_channels, max_channels)
        self.branches = nn.ModuleList(nn.Linear(width, style) for _ in range(domains))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size, type(self).__name__, exactly=True)
        h = self.trunk(x).flatten(1)
        return pick(torch.stack([branch(h) for branch in self.branches], dim=1), y)
