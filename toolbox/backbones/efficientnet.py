"""EfficientNet-Lite0 (Tan and Le, ICML 2019), and a U-Net that begins with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..norms import INSTANCE_NORM, FrozenBatchNorm, NormFactory, make_norm
from ..registry import BACKBONES, Count, Feature, Norm

# Table 1 of the paper, without squeeze and excitation: blocks, kernel, stride of the first one, expansion, channels.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))
STEM, HEAD, CLASSES = 32, 1280, 1000
OUTPUTS = (*(f'stage{i + 1}' for i in range(len(STAGES))), 'head', 'pool', 'logits')
LITE0: dict[str, Any] = {'type': 'EfficientNetLite0'}


class SameConv(nn.Conv2d):
    """A convolution padded as in TensorFlow: ``ceil(side / stride)`` outputs, the odd pixel right and below."""

    def forward(self, x: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        sides: list[int] = []
        for side in (x.shape[3], x.shape[2]):
            whole = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            sides += [whole // 2, whole - whole // 2]
        return super().forward(F.pad(x, sides) if any(sides) else x)


class ConvNorm(nn.Module):
    """A convolution and its norm, with ReLU6 unless it is linear."""

    def __init__(self, inside: int, outside: int, kernel: int = 1, stride: int = 1, groups: int = 1,
                 linear: bool = False) -> None:
        super().__init__()
        self.conv = SameConv(inside, outside, kernel, stride, groups=groups, bias=False)
        self.norm = FrozenBatchNorm(outside, eps=1e-3)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return x if self.linear else F.relu6(x)


class InvertedBlock(nn.Module):
    """Wider by a 1x1 convolution, a depthwise one, narrow again without activation; with a shortcut where shapes allow
    (Sandler et al. 2018)."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expand = ConvNorm(inside, wide) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(wide, wide, kernel, stride, groups=wide)
        self.project = ConvNorm(wide, outside, linear=True)
        self.shortcut = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class EfficientNetLite(nn.Module):
    """Images ``(N, 3, H, W)`` as (x - 127) / 128 to ``'stage1'`` ... ``'stage7'``, ``'head'`` (all maps), ``'pool'``
    ``(N, 1280)`` and ``'logits'`` ``(N, 1000)``.

    ``stages``: only the first ones, and nothing after them.
    """

    def __init__(self, stages: int | None = None) -> None:
        super().__init__()
        self.stem, width = ConvNorm(3, STEM, 3, 2), STEM
        self.stages = nn.ModuleList()
        for count, kernel, stride, expansion, outside in STAGES[:stages]:
            blocks = [InvertedBlock(width if i == 0 else outside, outside, kernel, stride if i == 0 else 1, expansion)
                      for i in range(count)]
            self.stages.append(nn.Sequential(*blocks))
            width = outside
        if stages is None:
            self.head = ConvNorm(width, HEAD)
            self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.classifier = nn.Linear(HEAD, CLASSES)

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """The outputs ``names``; later layers are not computed."""
        out: dict[str, Tensor] = {}
        x = self.stem(x)
        after = (getattr(self, name) for name in ('head', 'pool', 'classifier') if hasattr(self, name))
        for name, layer in zip(OUTPUTS, [*self.stages, *after], strict=False):
            x = layer(x)
            if name in names:
                out[name] = x
            if len(out) == len(set(names)):
                break
        return out


class Join(nn.Module):
    """Twice the size, joined with the encoder's map of that size, and ``count`` times ``relu(norm(conv(x)))``."""

    def __init__(self, inside: int, skip: int, outside: int, norm: NormFactory, count: int = 2) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (inside + skip, *[outside] * (count - 1)):
            layers += [nn.Conv2d(width, outside, 3, padding=1, bias=norm.conv_bias), norm(outside), nn.ReLU()]
        self.net = nn.Sequential(*layers)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.net(torch.cat([F.interpolate(x, scale_factor=2, mode='nearest'), skip], 1))


SKIPS = ('stage1', 'stage2', 'stage3')  # 16, 24 and 40 channels at a half, a quarter and an eighth of the size
DEEPEST = 'stage5'  # 112 channels at a 16th


@BACKBONES.register_module()
class EfficientNetUnet(nn.Module):
    """A U-Net whose encoder knows photographs already: ImageNet's. For sets of few pairs.

    Images ``(N, 3, H, W)`` to images ``(N, out_channels, H, W)`` in [-1, 1]; H and W multiples of 16. The encoder is
    EfficientNet-Lite0 as far as a 16th of the size (0.7 million weights, which train on; the statistics of its norms
    stay), the decoder two convolutions at each size, and one at the full size, where the skip is a convolution of the
    image. Begun with pretrained encoders, U-Nets learn from fewer pairs (Iglovikov and Shvets, TernausNet, 2018).

    Args:
        in_channels: 3, what the encoder was trained on.
        out_channels: channels of the output.
        base_channels: width of the decoder at the full and half size; twice as many below.
        norm: config of the decoder's norm.
        pretrained: the network in FEATURES from which a training begins; ``dict(type='EfficientNetLite0',
            weights='random')`` for one that knows nothing. To use a trained generator it is not needed.

    Raises:
        ConfigError: other input channels, or an image that does not fit.
    """

    size_divisor = 16

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 32,
                 norm: Norm = INSTANCE_NORM, pretrained: Feature = LITE0) -> None:
        super().__init__()
        if in_channels != 3:
            raise ConfigError(f'EfficientNetUnet.in_channels: its encoder was trained on RGB images (3), found '
                              f'{in_channels}. Read the images with channels=3, or take UnetGenerator.')
        self.in_channels, self.out_channels = in_channels, out_channels
        make, width, half = make_norm(norm), base_channels, max(1, base_channels // 2)
        self.per_sample = make.per_sample
        self.published = {'encoder': pretrained}
        self.encoder = EfficientNetLite(stages=OUTPUTS.index(DEEPEST) + 1)
        self.full = nn.Sequential(nn.Conv2d(3, half, 3, padding=1, bias=make.conv_bias), make(half), nn.ReLU())
        self.up = nn.ModuleList([Join(112, 40, 2 * width, make), Join(2 * width, 24, 2 * width, make),
                                 Join(2 * width, 16, width, make), Join(width, half, width, make, count=1)])
        self.out = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size_divisor, type(self).__name__, self.size_divisor)
        maps = self.encoder((127.5 * x + 0.5) / 128, (*SKIPS, DEEPEST))
        y = maps[DEEPEST]
        for up, skip in zip(self.up, (*(maps[name] for name in reversed(SKIPS)), self.full(x)), strict=True):
            y = up(y, skip)
        return torch.tanh(self.out(y))
