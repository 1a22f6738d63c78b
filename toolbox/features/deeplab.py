"""DeepLabV2, which segments COCO-Stuff images in the evaluation of SPADE."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..registry import FEATURES, AtLeast, Count, File
from .base import FeatureNetwork
from .labels import label_outputs
from .resize import pillow
from .weights import WeightFile, fill

MEAN_BGR = (104.008, 116.669, 122.675)
BLOCKS = (3, 4, 23, 3)
RATES = (6, 12, 18, 24)
SCALES = (0.5, 0.75)


def _conv(channels: int, width: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels, width, kernel, stride, dilation * (kernel // 2), dilation, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, bn=nn.BatchNorm2d(width)))


class Bottleneck(nn.Module):
    """Residual block with the stride in the first 1x1 convolution, as in the original ResNet."""

    def __init__(self, channels: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.reduce = _conv(channels, width // 4, stride=stride)
        self.conv3x3 = _conv(width // 4, width // 4, 3, dilation=dilation)
        self.increase = _conv(width // 4, width)
        self.shortcut = nn.Identity() if channels == width else _conv(channels, width, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.conv3x3(F.relu(self.reduce(x))))
        return F.relu(self.increase(y) + self.shortcut(x))


def _level(channels: int, width: int, count: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    blocks = {'block1': Bottleneck(channels, width, stride, dilation)}
    blocks.update({f'block{i}': Bottleneck(width, width, 1, dilation) for i in range(2, count + 1)})
    return nn.Sequential(OrderedDict(blocks))


class DilatedResNet(nn.Module):
    """A ResNet of output stride 8, and the sum of four dilated convolutions (ASPP)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.layer1 = nn.Sequential(OrderedDict(conv1=_conv(3, 64, 7, stride=2), relu=nn.ReLU(), pool=pool))
        self.layer2 = _level(64, 256, BLOCKS[0])
        self.layer3 = _level(256, 512, BLOCKS[1], stride=2)
        self.layer4 = _level(512, 1024, BLOCKS[2], dilation=2)
        self.layer5 = _level(1024, 2048, BLOCKS[3], dilation=4)
        self.aspp = nn.ModuleDict({f'c{i}': nn.Conv2d(2048, classes, 3, padding=rate, dilation=rate)
                                   for i, rate in enumerate(RATES)})

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer5(self.layer4(self.layer3(self.layer2(self.layer1(x)))))
        return sum(conv(x) for conv in self.aspp.values())


class DeepLabV2(nn.Module):
    """Chen et al. 2018: the maximum of the scores at three scales, with the module names of kazuto1011's files."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.base = DilatedResNet(classes)

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        scores = self.base(x)
        for scale in SCALES:
            smaller = self.base(F.interpolate(x, scale_factor=scale, mode='bilinear', align_corners=False))
            smaller = F.interpolate(smaller, scores.shape[2:], mode='bilinear', align_corners=False)
            scores = torch.maximum(scores, smaller)
        return label_outputs(scores, (x.shape[2], x.shape[3]), names)


@FEATURES.register_module()
class DeepLabSegmenter(FeatureNetwork):
    """DeepLabV2-ResNet101 of COCO-Stuff 164k, for SPADE's mIoU: ``'labels'`` int64 ``(N, H, W)``, 0 to 181.

    The labels are the argmax of ``'scores'`` ``(N, classes, H, W)``. SPADE's evaluation code was never published; this
    follows GAN Compression (Li et al. 2020): the image is first enlarged to the size of the labels.

    Args:
        classes: number of labels.
        size: (height, width) of the labels, to which images are resized; the size of the image when None.
        weights: path of a file, None for the one of kazuto1011/deeplab-pytorch in the cache, or ``'random'``.
        seed: seed of random weights.
    """

    images_at_once = 2

    def __init__(self, classes: Annotated[int, AtLeast(2)] = 182, size: tuple[Count, Count] | None = None,
                 weights: File | None = None, seed: int = 0) -> None:
        with torch.device('meta'):
            net = DeepLabV2(classes)
        file = WeightFile('deeplabv2_resnet101_msc-cocostuff164k-100000.pth',
                          page='https://github.com/kazuto1011/deeplab-pytorch')
        load = partial(fill, weights=weights, file=file, where='DeepLabSegmenter.weights', seed=seed)
        resized = f'Pillow bicubic to {size[0]}x{size[1]}' if size else 'not resized'
        super().__init__(net, load, ('labels', 'scores'), ('labels',), f'{resized}, BGR less its mean, 3 scales')
        self.size = size

    def preprocess(self, images: Tensor) -> Tensor:
        if self.size is not None:
            images = pillow(images, *self.size, Image.Resampling.BICUBIC)
        x = images.flip(1).float()
        return x - x.new_tensor(MEAN_BGR).view(3, 1, 1)
