"""What can be read off pictures of the world 'scenes', as if a network did it."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from ..data.worlds.scenes import read_scenes
from ..registry import FEATURES
from .base import FeatureNetwork
from .weights import Source


class _Reader(nn.Module):
    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        labels, style = read_scenes(x.permute(0, 2, 3, 1).cpu().numpy())
        out = {'labels': torch.from_numpy(labels), 'style': torch.from_numpy(style)}
        return {name: out[name].to(x.device) for name in names}


@FEATURES.register_module()
class SceneReader(FeatureNetwork):
    """Classes and style of pictures of ``SyntheticScenes``, computed without any weights.

    Outputs: ``'labels'`` int64 ``(N, H, W)``, for ``SegmentationScore``; ``'style'`` ``(N, 3)`` (daylight, season,
    vividness), for ``StyleCorrelation``. On the world's own pictures both are as good as exact.
    """

    def __init__(self) -> None:
        super().__init__(_Reader(), lambda net: Source('no weights', 'scenes 1'), ('labels', 'style'), ('labels',),
                         'not resized')

    def preprocess(self, images: Tensor) -> Tensor:
        return images
