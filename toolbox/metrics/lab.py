"""How far colours are from the true ones, whatever the lightness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.preprocessor import DataPreprocessor
from ..errors import ConfigError
from ..layers.lab import srgb_to_lab
from ..methods.directions import Shown
from ..registry import DATASETS, METRICS, Data, build
from .base import ImageMetric, Sample, describe_data


@METRICS.register_module()
class LabError(ImageMetric):
    """Mean distance of (a*, b*) to those of the true photograph, in units of CIE L*a*b*, mean over the images.

    0 is perfect, lower is better; a difference of 2 is just seen. A gray picture scores the mean chroma of the
    photographs, which is what a colourisation must beat: ``dict(type='LabError', pred='gray', prefix='gray')``. The
    other baseline is one colour for all pixels: with ``real`` the metric scores the mean (a*, b*) of a data set, in
    place of ``pred``.

    Args:
        pred: key of the images to score.
        target: key of the true photographs.
        real: data set of the photographs whose mean colour is scored (``max_samples`` keeps it short).
        prefix: put before the result's name.
    """

    higher_is_better = False

    def __init__(self, pred: str | None = None, target: str | None = None, real: Data | None = None,
                 prefix: str | None = None) -> None:
        super().__init__(pred, target, prefix)
        self.real = None if real is None else build(real, DATASETS, f'{self._place()}.real')
        self._real_name = describe_data(real) if isinstance(real, Mapping) else type(real).__name__
        self._mean: Tensor | None = None

    def bind(self, pictures: Mapping[str, Shown]) -> None:
        super().bind(pictures)
        if self.target is None and self.pred is not None and self.pred in pictures:  # lightness resembles nothing
            self.target = pictures[self.pred].of or None

    @property
    def protocol(self) -> str:
        made = super().protocol
        return made if self.real is None else f'mean colour of {self._real_name}; in place of {made}'

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """One distance per image."""
        if self.real is not None and self._mean is None:
            self._mean = mean_colour(self.real, self.given(self.target, 'target'))
        return super().measure(samples)

    def score(self, pred: np.ndarray, target: np.ndarray) -> float:
        """``mean |ab(pred) - ab(target)|``."""
        if len(pred) != 3:
            raise ConfigError(f'{self._place()}: colours of RGB images are compared, found {len(pred)} channel(s).')
        made = colours_of(pred) if self._mean is None else self._mean[:, None, None]
        return float((made - colours_of(target)).norm(dim=0).mean())


def colours_of(image: np.ndarray) -> Tensor:
    """a* and b* ``(2, H, W)`` float64 of levels from 0 to 255, ``(3, H, W)``."""
    return srgb_to_lab(torch.from_numpy(image.astype(np.float64) / 255))[1:]


def mean_colour(photographs: Sequence[Sample], key: str) -> Tensor:
    """Mean a* and b* ``(2,)`` float64 of all photographs of a data set, each of equal weight."""
    preprocess = DataPreprocessor()
    total = torch.zeros(2, dtype=torch.float64)
    for i in range(len(photographs)):
        img = preprocess({key: photographs[i][key][None]})[key]
        total += srgb_to_lab((img[0].double() + 1) / 2)[1:].mean((1, 2))
    return total / len(photographs)
