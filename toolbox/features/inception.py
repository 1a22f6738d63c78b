"""Inception v3 (Szegedy et al. 2016) in the two forms that FID is measured with.

The modules are named as in the published files, which load unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..layers.intervals import IMAGENET_MEAN, IMAGENET_STD
from ..registry import FEATURES, File
from .base import FeatureNetwork
from .resize import antialiased_bicubic, bilinear, pillow, tensorflow1_bilinear
from .weights import WeightFile, fill

SIZE = 299
POOL_3 = partial(F.max_pool2d, kernel_size=3, stride=2)
# An output, and the modules between the previous one and it. Those called pool... are means over all pixels.
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ('spatial_64', ('Conv2d_1a_3x3', 'Conv2d_2a_3x3', 'Conv2d_2b_3x3')),
    ('pool_64', ('maxpool',)),
    ('spatial_192', ('Conv2d_3b_1x1', 'Conv2d_4a_3x3')),
    ('pool_192', ('maxpool',)),
    ('pool_768', ('Mixed_5b', 'Mixed_5c', 'Mixed_5d', 'Mixed_6a', 'Mixed_6b', 'Mixed_6c', 'Mixed_6d', 'Mixed_6e')),
    ('pool', ('Mixed_7a', 'Mixed_7b', 'Mixed_7c')))
LOGITS = ('logits_unbiased', 'logits')
OUTPUTS = (*(name for name, _ in SECTIONS), *LOGITS)

# A step is (channels, kernel[, stride]), or a list of two parallel steps.
Step = tuple[Any, ...] | list[Any]


class ConvNormReLU(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, channels: int, out_channels: int, kernel: int | tuple[int, int], stride: int = 1,
                 padding: int | tuple[int, int] = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Mixed(nn.Module):
    """Parallel chains of convolutions, concatenated along the channels; ``branch_pool`` starts with ``pool``."""

    def __init__(self, channels: int, pool: Any, **branches: list[Step]) -> None:
        super().__init__()
        self.pool = pool
        self.branches: list[tuple[str, list[list[str]]]] = []
        for branch, steps in branches.items():
            width, chain = channels, []
            for number, step in enumerate(steps, start=1):
                name = f'{branch}_{number}' if len(steps) > 1 else branch
                convs = {f'{name}a': step[0], f'{name}b': step[1]} if isinstance(step, list) else {name: step}
                for key, (out_channels, kernel, *stride) in convs.items():
                    self.add_module(key, self._conv(width, out_channels, kernel, *stride))
                width = sum(conv[0] for conv in convs.values())
                chain.append(list(convs))
            self.branches.append((branch, chain))

    @staticmethod
    def _conv(channels: int, out_channels: int, kernel: int | tuple[int, int], stride: int = 1) -> ConvNormReLU:
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if stride == 1 else 0
        return ConvNormReLU(channels, out_channels, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        outs = []
        for branch, chain in self.branches:
            y = self.pool(x) if branch == 'branch_pool' else x
            for names in chain:
                y = torch.cat([self.get_submodule(name)(y) for name in names], 1)
            outs.append(y)
        return torch.cat(outs, 1)


def _mixed_5(channels: int, pool: Any, width: int) -> Mixed:
    return Mixed(channels, pool, branch1x1=[(64, 1)], branch5x5=[(48, 1), (64, 5)],
                 branch3x3dbl=[(64, 1), (96, 3), (96, 3)], branch_pool=[(width, 1)])


def _mixed_6(pool: Any, width: int) -> Mixed:
    row, column, w = (1, 7), (7, 1), width
    return Mixed(768, pool, branch1x1=[(192, 1)], branch7x7=[(w, 1), (w, row), (192, column)],
                 branch7x7dbl=[(w, 1), (w, column), (w, row), (w, column), (192, row)], branch_pool=[(192, 1)])


def _mixed_7(channels: int, pool: Any) -> Mixed:
    fork: Step = [(384, (1, 3)), (384, (3, 1))]
    return Mixed(channels, pool, branch1x1=[(320, 1)], branch3x3=[(384, 1), fork],
                 branch3x3dbl=[(448, 1), (384, 3), fork], branch_pool=[(192, 1)])


class InceptionV3(nn.Module):
    """The network, from normalised images ``(N, 3, H, W)`` to its named outputs.

    Args:
        classes: outputs of the last layer.
        tensorflow: pool as TensorFlow's graph of 2015-12-05 does: averages exclude the padding, and the last block
            takes the maximum. torchvision averages in all blocks, with the padding counted as zeros.
    """

    def __init__(self, classes: int, tensorflow: bool) -> None:
        super().__init__()
        average = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=not tensorflow)
        last = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1) if tensorflow else average
        self.Conv2d_1a_3x3 = ConvNormReLU(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = ConvNormReLU(32, 32, 3)
        self.Conv2d_2b_3x3 = ConvNormReLU(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = ConvNormReLU(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvNormReLU(80, 192, 3)
        self.maxpool = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = _mixed_5(192, average, 32)
        self.Mixed_5c = _mixed_5(256, average, 64)
        self.Mixed_5d = _mixed_5(288, average, 64)
        self.Mixed_6a = Mixed(288, POOL_3, branch3x3=[(384, 3, 2)], branch3x3dbl=[(64, 1), (96, 3), (96, 3, 2)],
                              branch_pool=[])
        self.Mixed_6b = _mixed_6(average, 128)
        self.Mixed_6c = _mixed_6(average, 160)
        self.Mixed_6d = _mixed_6(average, 160)
        self.Mixed_6e = _mixed_6(average, 192)
        self.Mixed_7a = Mixed(768, POOL_3, branch3x3=[(192, 1), (320, 3, 2)],
                              branch7x7x3=[(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2)], branch_pool=[])
        self.Mixed_7b = _mixed_7(1280, average)
        self.Mixed_7c = _mixed_7(2048, last)
        self.fc = nn.Linear(2048, classes)

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """The outputs ``names``; later layers are not computed."""
        out: dict[str, Tensor] = {}
        for name, modules in SECTIONS:
            for module in modules:
                x = self.get_submodule(module)(x)
            if name in names:
                out[name] = x.mean((2, 3)) if name.startswith('pool') else x
            if len(out) == len(names):
                return out
        unbiased = F.linear(x.mean((2, 3)), self.fc.weight)
        return {**out, 'logits_unbiased': unbiased, 'logits': unbiased + self.fc.bias}


FID_FILE = WeightFile('pt_inception-2015-12-05-6726825d.pth', '6726825d',
                      'https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/'
                      'pt_inception-2015-12-05-6726825d.pth')
FID_PREPROCESSING = {
    'tf_legacy': f'TensorFlow 1 bilinear to {SIZE}, (x - 128) / 128',
    'pytorch_fid': f'torch bilinear to {SIZE}, x / 127.5 - 1',
    'clean': f'Pillow bicubic to {SIZE}, antialiased, not rounded, (x - 128) / 128',
    'none': 'not resized, x / 127.5 - 1'}


@FEATURES.register_module()
class FIDInception(FeatureNetwork):
    """The Inception of FID, KID and the Inception Score: TensorFlow's graph inception-2015-12-05, 1008 classes.

    Outputs: ``'pool'`` ``(N, 2048)``, ``'logits_unbiased'`` and ``'logits'`` ``(N, 1008)`` without and with the last
    bias, ``'pool_64'``, ``'pool_192'``, ``'pool_768'``, and for SIFID the maps ``'spatial_64'`` and ``'spatial_192'``
    before the two max-pools.

    Args:
        outputs: what :meth:`extract` returns by default.
        preprocess: ``'tf_legacy'`` as in the original, torch-fidelity and torchmetrics without antialiasing;
            ``'pytorch_fid'``, the most cited port; ``'clean'`` (Parmar et al. 2022); ``'none'`` for SIFID.
        weights: path of a file, None for the published one, or ``'random'``.
        seed: seed of random weights.
    """

    def __init__(self, outputs: str | Sequence[str] = ('pool', 'logits_unbiased'),
                 preprocess: Literal['tf_legacy', 'pytorch_fid', 'clean', 'none'] = 'tf_legacy',
                 weights: File | None = None, seed: int = 0) -> None:
        with torch.device('meta'):
            net = InceptionV3(1008, tensorflow=True)
        load = partial(fill, weights=weights, file=FID_FILE, where='FIDInception.weights', seed=seed)
        super().__init__(net, load, OUTPUTS, outputs, FID_PREPROCESSING[preprocess])
        self.recipe = preprocess

    def preprocess(self, images: Tensor) -> Tensor:
        x = images.float()
        if self.recipe == 'tf_legacy':
            return (tensorflow1_bilinear(x, SIZE) - 128) / 128
        if self.recipe == 'clean':
            return (antialiased_bicubic(x, SIZE) - 128) / 128
        x = x / 255
        return 2 * (bilinear(x, SIZE) if self.recipe == 'pytorch_fid' else x) - 1


IMAGENET_FILE = WeightFile('inception_v3_google-0cc3c7bd.pth', '0cc3c7bd',
                           'https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth')
IMAGENET_PREPROCESSING = {
    'stargan_v2': f'Pillow bilinear to {SIZE}, ImageNet mean and deviation',
    'none': 'not resized, x / 127.5 - 1'}


@FEATURES.register_module()
class ImageNetInception(FeatureNetwork):
    """torchvision's Inception v3 (1000 classes), used by StarGAN v2 for FID and by SinGAN for SIFID.

    Its numbers are not comparable with those of :class:`FIDInception`.

    Args:
        outputs: as in :class:`FIDInception`, with 1000 logits.
        preprocess: ``'stargan_v2'``, or ``'none'`` for SIFID.
        weights: path of a file, None for the published one, or ``'random'``.
        seed: seed of random weights.
    """

    def __init__(self, outputs: str | Sequence[str] = ('pool',),
                 preprocess: Literal['stargan_v2', 'none'] = 'stargan_v2', weights: File | None = None,
                 seed: int = 0) -> None:
        with torch.device('meta'):
            net = InceptionV3(1000, tensorflow=False)
        load = partial(fill, weights=weights, file=IMAGENET_FILE, where='ImageNetInception.weights', seed=seed,
                       unused=('AuxLogits.',))
        super().__init__(net, load, OUTPUTS, outputs, IMAGENET_PREPROCESSING[preprocess])
        self.recipe = preprocess

    def preprocess(self, images: Tensor) -> Tensor:
        if self.recipe == 'none':
            return images / 127.5 - 1
        x = pillow(images, SIZE, SIZE, Image.Resampling.BILINEAR) / 255
        return (x - x.new_tensor(IMAGENET_MEAN).view(3, 1, 1)) / x.new_tensor(IMAGENET_STD).view(3, 1, 1)
