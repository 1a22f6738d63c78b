"""What networks share whose output is a multiple of the size of their input (super-resolution)."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..norms import NormFactory
from .intervals import Interval, converted


class PixelShuffleUp(nn.Module):
    """``prelu(shuffle(norm(conv(x))))``: ``factor`` times the size, with the same channels (Shi et al. 2016)."""

    def __init__(self, channels: int, factor: int, norm: NormFactory) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(channels, channels * factor ** 2, 3, padding=1)
        self.norm = norm(channels * factor ** 2)
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(F.pixel_shuffle(self.norm(self.conv(x)), self.factor))


class Enlarger(nn.Module):
    """Images ``(N, in_channels, H, W)`` to ``(N, out_channels, scale H, scale W)``, both in the interval ``images``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        scale: side of the output / side of the input.
        images: interval of the images that are given and returned; 'signed' is that of the toolbox.
        reads: interval that the layers see.
        writes: interval that the layers give.
        output: of the last layer: 'linear', 'tanh', or 'clamp' to the interval (which passes no gradient beyond it).

    Raises:
        ConfigError: other than three channels with 'imagenet', 'clamp' without a bounded interval, or 'tanh' in
            'unit'.
    """

    size_divisor = 1

    def __init__(self, in_channels: int, out_channels: int, scale: int, images: Interval, reads: Interval,
                 writes: Interval, output: Literal['linear', 'tanh', 'clamp']) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.scale = in_channels, out_channels, scale
        self.images, self.reads, self.writes, self.output = images, reads, writes, output
        name = type(self).__name__
        if 'imagenet' in (images, reads, writes) and (in_channels, out_channels) != (3, 3):
            raise ConfigError(f"{name}: 'imagenet' is an interval of images with 3 channels, found {in_channels} and "
                              f"{out_channels}. Use 'unit' or 'signed'.")
        if output == 'tanh' and writes == 'unit':
            raise ConfigError(f"{name}.output: 'tanh' gives -1 to 1, but writes='unit' takes it for 0 to 1; write "
                              "writes='signed'.")
        if output == 'clamp' and writes == 'imagenet':
            raise ConfigError(f"{name}.output: 'clamp' needs writes='unit' or 'signed', 'imagenet' has no bounds.")

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size_divisor, type(self).__name__, self.size_divisor)
        return converted(self._bounded(self.enlarge(converted(x, self.images, self.reads))), self.writes, self.images)

    def enlarge(self, x: Tensor) -> Tensor:
        """The layers: from the interval ``reads`` to ``writes``."""
        raise NotImplementedError(f'{type(self).__name__} must define enlarge()')

    def _bounded(self, y: Tensor) -> Tensor:
        if self.output == 'linear':
            return y
        return y.tanh() if self.output == 'tanh' else y.clamp(0.0 if self.writes == 'unit' else -1.0, 1.0)
