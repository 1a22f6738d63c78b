"""What can be read off pictures of drawn worlds, as if a network did it."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import torch
from torch import Tensor, nn

from ..data.worlds.scenes import read_scenes
from ..data.worlds.styles import read_styles
from ..registry import FEATURES
from .base import FeatureNetwork
from .weights import Source


class _Reader(nn.Module):
    def __init__(self, read: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> None:
        super().__init__()
        self.read = read

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        labels, style = self.read(x.permute(0, 2, 3, 1).cpu().numpy())
        out = {'labels': torch.from_numpy(labels), 'style': torch.from_numpy(style)}
        return {name: out[name].to(x.device) for name in names}


@FEATURES.register_module()
class SceneReader(FeatureNetwork):
    """Classes and style of pictures of ``SyntheticScenes``, computed without any weights.

    Outputs: ``'labels'`` int64 ``(N, H, W)``, for ``SegmentationScore``; ``'style'`` ``(N, 3)`` (daylight, season,
    vividness), for ``StyleCorrelation``. On the world's own pictures both are as good as exact.
    """

    def __init__(self) -> None:
        super().__init__(_Reader(read_scenes), lambda net: Source('no weights', 'scenes 1'), ('labels', 'style'),
                         ('labels',), 'not resized')

    def preprocess(self, images: Tensor) -> Tensor:
        return images


@FEATURES.register_module()
class PaletteReader(FeatureNetwork):
    """Layout and colours of pictures of ``SyntheticStyles``, computed without any weights.

    Outputs: ``'labels'`` int64 ``(N, H, W)``, 1 on the object and 0 on the ground, for ``SegmentationScore``;
    ``'style'`` ``(N, 6)``, mean colours of object and ground in [0, 1], for ``StyleCorrelation``, ``StyleMatch`` and
    ``StyleDiversity``. See :func:`toolbox.data.worlds.styles.read_styles`.
    """

    def __init__(self) -> None:
        super().__init__(_Reader(read_styles), lambda net: Source('no weights', 'styles 1'), ('labels', 'style'),
                         ('style',), 'not resized')

    def preprocess(self, images: Tensor) -> Tensor:
        return images
