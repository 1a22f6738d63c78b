"""The generator of Pix2PixHD++, the baseline of SPADE."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..layers.maps import MapCondition
from ..layers.spectral import spectral_norm
from ..norms import NormFactory, make_map_norm
from ..norms.spade import added_channels, resize_map
from ..registry import BACKBONES, Blocks, Count, Depth, Norm

SYNC_BATCH_NORM: dict[str, Any] = {'type': 'SyncBN'}


class ConvNorm(nn.Module):
    """``norm(conv(x))``, the norm with the condition of ``x``'s size if it reads one."""

    def __init__(self, conv: nn.Module, norm: nn.Module, spectral: bool) -> None:
        super().__init__()
        self.conv, self.norm = spectral_norm(conv) if spectral else conv, norm

    def forward(self, x: Tensor, cond: MapCondition) -> Tensor:
        x = self.conv(x)
        return self.norm(x, cond.at(x))


class MapBlock(nn.Module):
    """``x + norm(conv(relu(norm(conv(x)))))``; with ``planes`` > 0, the map is laid beside the input of the first
    convolution."""

    def __init__(self, channels: int, make: NormFactory, spectral: bool, planes: int) -> None:
        super().__init__()
        self.planes = planes
        self.first, self.second = (ConvNorm(
            nn.Conv2d(width, channels, 3, padding=1, padding_mode='reflect', bias=False), make(channels), spectral)
            for width in (channels + planes, channels))

    def forward(self, x: Tensor, cond: MapCondition) -> Tensor:
        y = torch.cat([x, resize_map(cond.planes, tuple(x.shape[2:])).to(x.dtype)], 1) if self.planes else x
        return x + self.second(F.relu(self.first(y, cond)), cond)


@BACKBONES.register_module()
class Pix2PixHDPlusGenerator(nn.Module):
    """Pix2PixHD++: the global generator of Pix2PixHD with spectral normalisation, synchronised batch norm and no bias
    before a norm (Park et al. 2019, section 4, with its two variants in table 3).

    Maps ``(N, in_channels, H, W)`` to images ``(N, out_channels, H, W)`` in [-1, 1]; H and W multiples of
    ``2 ** downs``.

    Args:
        in_channels: channels of the map.
        out_channels: channels of the images.
        base_channels: width of the first layer; it doubles per downsampling.
        downs: number of downsampling layers.
        blocks: number of residual blocks.
        norm: config of the norm after every convolution but the last. With SPADE, which reads the map, this is the
            variant '++ with SPADE'.
        concat: lay the map beside the input of every residual block: '++ with concat'.
        spectral: spectral normalisation of every convolution but the last.

    Raises:
        ConfigError: an invalid argument, or a map that does not fit.
    """

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 64, downs: Depth = 4,
                 blocks: Blocks = 9, norm: Norm = SYNC_BATCH_NORM, concat: bool = False, spectral: bool = True) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.size_divisor = 2 ** downs
        self.smallest_size = max(4, 2 ** (downs + 1))  # reflection padding: of 3 at the input, of 1 in the blocks
        make = make_map_norm(norm, in_channels)
        self.takes_map = make.takes_map
        c = [base_channels * 2 ** level for level in range(downs + 1)]
        self.stem = ConvNorm(
            nn.Conv2d(in_channels, c[0], 7, padding=3, padding_mode='reflect', bias=False), make(c[0]), spectral)
        if added_channels(self.stem.norm):
            raise ConfigError(f'norm.type: {norm["type"]!r} adds channels, and a residual block adds its output to its '
                              'input. Use concat=True, which lays the map beside the input of each block.')
        self.down = nn.ModuleList(ConvNorm(
            nn.Conv2d(n, 2 * n, 3, stride=2, padding=1, bias=False), make(2 * n), spectral) for n in c[:-1])
        self.blocks = nn.ModuleList(MapBlock(c[-1], make, spectral, in_channels if concat else 0)
                                    for _ in range(blocks))
        self.up = nn.ModuleList(ConvNorm(
            nn.ConvTranspose2d(2 * n, n, 3, stride=2, padding=1, output_padding=1, bias=False), make(n), spectral)
            for n in reversed(c[:-1]))
        self.head = nn.Conv2d(c[0], out_channels, 7, padding=3, padding_mode='reflect')

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        cond = MapCondition(x, self.takes_map)
        y = F.relu(self.stem(x, cond))
        for down in self.down:
            y = F.relu(down(y, cond))
        for block in self.blocks:
            y = block(y, cond)
        for up in self.up:
            y = F.relu(up(y, cond))
        return torch.tanh(self.head(y))
