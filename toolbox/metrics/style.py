"""Whether generated pictures have the style that they were to have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError
from ..registry import METRICS, Feature
from .base import Sample
from .labels import LabelMetric

Record = tuple[np.ndarray, np.ndarray]  # style found, style wanted


@METRICS.register_module()
class StyleCorrelation(LabelMetric):
    """Correlation of the style numbers read off generated pictures with those that they should have.

    ``StyleCorrelation`` is the mean over the numbers of Pearson's coefficient over the images, and
    ``StyleCorrelation_<i>`` the coefficient of one number. 1 for pictures that follow the style, about 0 for those
    that ignore it; a number that is the same in all pictures has the coefficient 0.

    Args:
        features: what reads the style, ``dict(type='SceneReader')``.
        pred: key of the generated pictures.
        target: key in the data set's samples of the true numbers (vectors), or of pictures in the wanted style (their
            references), from which they are read as well.
        output: which of the outputs of ``features``.
        prefix: put before the result's name.
    """

    network_output = 'style'

    def __init__(self, features: Feature, pred: str | None = None, target: str = 'style', output: str | None = None,
                 prefix: str | None = None) -> None:
        super().__init__(pred, target, features, output, prefix)

    def measure(self, samples: Sequence[Sample]) -> list[Record]:
        """The style of each picture, and the one wanted."""
        found, wanted = self.outputs(samples), self._truth
        if wanted and np.ndim(wanted[0]) > 1:
            wanted = self.outputs(samples, self.target, 'target')
        if found and found[0].shape != wanted[0].shape:
            raise ConfigError(f'{self._place()}.target: {self.target!r} has {np.size(wanted[0])} numbers, the style '
                              f'that was read {np.size(found[0])}.')
        return list(zip(found, wanted, strict=True))

    @property
    def result_names(self) -> tuple[str, ...]:
        return self.name, f'{self.name}_*'

    def compute_metrics(self, results: list[Record]) -> dict[str, float]:
        """The coefficients, and their mean."""
        found, wanted = (np.stack(rows).astype(np.float64) for rows in zip(*results, strict=True))
        each = [_correlation(a, b) for a, b in zip(found.T, wanted.T, strict=True)]
        return {self.name: float(np.mean(each)), **{f'{self.name}_{i}': value for i, value in enumerate(each)}}


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else 0.0
