"""Whether generated pictures have the style that they were to have, and how many styles there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError
from ..registry import METRICS, Feature
from .base import Sample
from .labels import LabelMetric
from .lpips import Diversity

Record = tuple[np.ndarray, np.ndarray]  # style found, style wanted


class WantedStyle(LabelMetric):
    """Base: the style read off each picture, and the one that it should have.

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


@METRICS.register_module()
class StyleCorrelation(WantedStyle):
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

    @property
    def result_names(self) -> tuple[str, ...]:
        return self.name, f'{self.name}_*'

    def compute_metrics(self, results: list[Record]) -> dict[str, float]:
        """The coefficients, and their mean."""
        found, wanted = (np.stack(rows).astype(np.float64) for rows in zip(*results, strict=True))
        each = [_correlation(a, b) for a, b in zip(found.T, wanted.T, strict=True)]
        return {self.name: float(np.mean(each)), **{f'{self.name}_{i}': value for i, value in enumerate(each)}}


@METRICS.register_module()
class StyleMatch(WantedStyle):
    """How often a picture is nearer to its own reference than to that of another picture, in style; higher is better.

    The share of all pairs of a picture and another one's reference, from 0 to 1; 1/2 for pictures that ignore their
    references. Distances are those between the numbers that ``features`` reads, and ties count as half.

    Args:
        features: what reads the style, ``dict(type='PaletteReader')``.
        pred: key of the generated pictures.
        target: key in the data set's samples of the references (pictures), or of the numbers of their styles.
        output: which of the outputs of ``features``.
        prefix: put before the result's name.
    """

    def compute_metrics(self, results: list[Record]) -> dict[str, float]:
        """The share over the whole set."""
        found, wanted = (np.stack(rows).astype(np.float64) for rows in zip(*results, strict=True))
        if len(found) < 2:
            raise ConfigError(f'{self._place()}: one picture alone was measured; others are needed whose references '
                              'could be nearer.')
        distances = np.stack([np.linalg.norm(wanted - style, axis=1) for style in found])
        own = np.diag(distances)[:, None]
        nearer = (own < distances) + 0.5 * (own == distances)
        return {self.name: float(nearer[~np.eye(len(found), dtype=bool)].mean())}


@METRICS.register_module()
class StyleDiversity(Diversity):
    """Mean distance between the styles of all pairs of outputs for one input, mean over the inputs, higher is better.

    The outputs are the images of a sample whose key is ``pred``, or ``pred`` and a number: ``fake``, ``fake_1``, ...

    Args:
        features: what reads the style, ``dict(type='PaletteReader')``.
        pred: what their keys begin with.
        output: which of the outputs of ``features``.
        prefix: put before the result's name.
    """

    network_output = 'style'

    def __init__(self, features: Feature, pred: str | None = None, output: str | None = None,
                 prefix: str | None = None) -> None:
        super().__init__(pred, features, output, prefix)

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Of two lists of numbers."""
        return float(np.linalg.norm(a.astype(np.float64) - b))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else 0.0
