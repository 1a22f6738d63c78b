"""DRN-D, which segments Cityscapes images in the evaluation of SPADE."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import FEATURES, AtLeast, Count, File
from .base import FeatureNetwork
from .labels import label_outputs
from .weights import WeightFile, fill

# Statistics of the Cityscapes training images in [0, 1] (the authors' info.json).
MEAN, STD = (0.290101, 0.328081, 0.286964), (0.182954, 0.186566, 0.184475)
BLOCKS = {54: (3, 4, 6, 3), 105: (3, 4, 23, 3)}


class Bottleneck(nn.Module):
    """Residual block of 1x1, 3x3 and 1x1 convolutions; the last one has four times the channels."""

    def __init__(self, channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(channels, 4 * width, 1, stride, bias=False),
                                            nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


def _convs(channels: int, width: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(nn.Conv2d(channels, width, kernel, stride, padding, dilation, bias=False),
                         nn.BatchNorm2d(width), nn.ReLU())


def _level(channels: int, width: int, count: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    first = Bottleneck(channels, width, stride, dilation)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, dilation=dilation) for _ in range(count - 1)))


class DilatedResidualNet(nn.Module):
    """DRN-D (Yu et al. 2017) with a per-pixel classifier at output stride 8; modules named as in the authors' files.

    Args:
        depth: 54 or 105.
        classes: number of labels.
        size: height and width of the labels; those of the image when None.
    """

    def __init__(self, depth: int, classes: int, size: tuple[int, int] | None) -> None:
        super().__init__()
        self.size = size
        a, b, c, d = BLOCKS[depth]
        self.base = nn.Sequential(
            _convs(3, 16, 7), _convs(16, 16), _convs(16, 32, stride=2),
            _level(32, 64, a, stride=2), _level(256, 128, b, stride=2),
            _level(512, 256, c, dilation=2), _level(1024, 512, d, dilation=4),
            _convs(2048, 512, dilation=2), _convs(512, 512))
        self.seg = nn.Conv2d(512, classes, 1)
        self.up = nn.ConvTranspose2d(classes, classes, 16, stride=8, padding=4, groups=classes, bias=False)

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        height, width = x.shape[2:]
        # The stride-8 map is rounded up, so the enlarged scores are cropped to the image.
        scores = self.up(self.seg(self.base(x)))[..., :height, :width]
        return label_outputs(scores, self.size or (height, width), names)


@FEATURES.register_module()
class DRNSegmenter(FeatureNetwork):
    """DRN-D-105, which segments Cityscapes images in the evaluation of SPADE: ``'labels'`` int64 ``(N, H, W)``.

    The labels are train ids (0 to 18 with the authors' weights), the argmax of ``'scores'`` ``(N, classes, H, W)``.
    SPADE's evaluation code was never published; this follows GAN Compression (Li et al. 2020): the image is not
    resized, and its scores are enlarged to the size of the labels.

    Args:
        classes: number of labels.
        size: (height, width) of the labels, for Cityscapes (1024, 2048); the size of the image when None.
        depth: 105 or 54.
        weights: path of a file, None for the authors' file in the cache, or ``'random'``.
        seed: seed of random weights.
    """

    images_at_once = 2

    def __init__(self, classes: Annotated[int, AtLeast(2)] = 19, size: tuple[Count, Count] | None = None,
                 depth: Literal[105, 54] = 105, weights: File | None = None, seed: int = 0) -> None:
        size = None if size is None else (size[0], size[1])
        with torch.device('meta'):
            net = DilatedResidualNet(depth, classes, size)
        file = WeightFile(f'drn-d-{depth}_ms_cityscapes.pth', page="the page 'Semantic Image Segmentation' of "
                          'https://github.com/fyu/drn')
        load = partial(fill, weights=weights, file=file, where='DRNSegmenter.weights', seed=seed)
        super().__init__(net, load, ('labels', 'scores'), ('labels',),
                         'not resized, mean and deviation of Cityscapes, labels of '
                         + ('the same size' if size is None else f'{size[0]}x{size[1]}'))

    def preprocess(self, images: Tensor) -> Tensor:
        x = images / 255
        mean, std = (x.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        return (x - mean) / std
