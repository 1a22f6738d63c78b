"""The discriminator of SRGAN (Ledig et al., CVPR 2017), in the form of ESRGAN, too."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..layers.convs import ConvNormLeaky
from ..norms import BATCH_NORM, make_norm
from ..registry import DISCRIMINATORS, Count, Depth, Norm


@DISCRIMINATORS.register_module()
class SRGANDiscriminator(nn.Module):
    """Levels of two convolutions, of which the second halves the size, then two layers to a logit (SRGAN, figure 4).

    Images ``(N, in_channels, H, W)`` to logits ``(N, 1)``, or ``(N, 1, h, w)`` for ``head='patch'``. The widths are 1,
    2, 4, 8, 8, ... times ``base_channels``, and the first convolution has no norm. ESRGAN's are ``size=128, levels=5,
    kernel=4, hidden=100``.

    Args:
        in_channels: channels of the images.
        base_channels: width of the first level.
        size: side of the images, the only one that the dense head takes; the others ignore it.
        levels: how many; each halves the size.
        kernel: of the convolutions that halve the size.
        hidden: features before the logit.
        norm: config of the norm.
        head: 'dense' as in the paper: every place has weights of its own. For images of any size: 'pooled', of the mean
            over all places; 'patch', a logit for each of ``ceil(H / 2^levels)`` x ``ceil(W / 2^levels)`` overlapping
            patches (with ``kernel=4``: rounded down).

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, size: Count = 96, levels: Depth = 4,
                 kernel: Literal[3, 4] = 3, hidden: Count = 1024, norm: Norm = BATCH_NORM,
                 head: Literal['dense', 'pooled', 'patch'] = 'dense') -> None:
        super().__init__()
        self.in_channels, self.head = in_channels, head
        self.size = size if head == 'dense' else None
        self.smallest_size = size if head == 'dense' else 2 ** levels
        make = make_norm(norm)
        self.body, channels, side = nn.Sequential(), in_channels, size
        for level in range(levels):
            width = base_channels * min(2 ** level, 8)
            bias = make.conv_bias or not level
            self.body.append(ConvNormLeaky(nn.Conv2d(channels, width, 3, padding=1, bias=bias),
                                           make(width) if level else nn.Identity()))
            halving = nn.Conv2d(width, width, kernel, stride=2, padding=1, bias=make.conv_bias)
            self.body.append(ConvNormLeaky(halving, make(width)))
            channels, side = width, (side + 2 - kernel) // 2 + 1
        if side < 1:
            raise ConfigError(f'SRGANDiscriminator: images of side {size} vanish in {levels} levels. Use fewer.')
        places = side ** 2 if head == 'dense' else 1
        self.hidden, self.logit = nn.Linear(channels * places, hidden), nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, exactly=self.head == 'dense')
        y = self.body(x)
        if self.head == 'patch':
            return self._logit(y.movedim(1, -1)).movedim(-1, 1)
        return self._logit(y.flatten(1) if self.head == 'dense' else y.mean((2, 3)))

    def _logit(self, features: Tensor) -> Tensor:
        return self.logit(nn.functional.leaky_relu(self.hidden(features), 0.2))
