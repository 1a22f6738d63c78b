"""A small network with random weights, for tests, and to compare runs where no weight file is available."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import FEATURES, AtLeast, Count
from .base import FeatureNetwork
from .resize import bilinear
from .weights import RANDOM, WeightFile, fill


class SmallNet(nn.Module):
    """Four strided convolutions, global average pooling, and a linear layer."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        widths = (3, channels // 4, channels // 2, channels, channels)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.fc = nn.Linear(channels, classes, bias=False)

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        for conv in self.convs:
            x = F.relu(conv(x))
        pool = x.mean((2, 3))
        out = {'spatial': x, 'pool': pool, 'logits_unbiased': self.fc(pool)}
        return {name: out[name] for name in names}


@FEATURES.register_module()
class RandomFeatures(FeatureNetwork):
    """A small convolutional network with random weights, the same on every machine.

    Distances between its features show whether two sets of images differ, but not by how much to the human eye.
    Outputs: ``'pool'`` ``(N, channels)``, ``'logits_unbiased'`` ``(N, classes)``,
    ``'spatial'`` ``(N, channels, h, w)``.

    Args:
        outputs: what :meth:`extract` returns by default.
        channels: channels of the features, a multiple of 4.
        classes: number of logits.
        size: side that images are resized to.
        seed: seed of the weights.
    """

    images_at_once = 64

    def __init__(self, outputs: str | Sequence[str] = ('pool', 'logits_unbiased'),
                 channels: Annotated[int, AtLeast(4)] = 64, classes: Count = 10, size: Count = 64,
                 seed: int = 0) -> None:
        with torch.device('meta'):
            net = SmallNet(channels, classes)
        load = partial(fill, weights=RANDOM, file=WeightFile(''), where='RandomFeatures.weights', seed=seed)
        super().__init__(net, load, ('spatial', 'pool', 'logits_unbiased'), outputs,
                         f'{channels} channels, torch bilinear to {size}, x / 127.5 - 1')
        self.size = size

    def preprocess(self, images: Tensor) -> Tensor:
        return bilinear(images / 127.5 - 1, self.size)
