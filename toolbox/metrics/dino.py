"""Metrics on features that were learnt without labels: FD-DINOv2, and the structure distance of translations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import DataError
from ..methods.directions import Shown, source_of
from ..registry import METRICS
from .base import Sample, describe
from .features import FeatureMetric
from .frechet import FID


@METRICS.register_module()
class FDDINOv2(FID):
    """FD-DINOv2 (Stein et al., NeurIPS 2023), lower is better: the Frechet distance of DINOv2's class tokens.

    It agrees better with people than FID does, above all on images unlike ImageNet's. Features are those of ViT-L/14
    at 224 x 224, resized with Pillow's bicubic filter; ``features=dict(type='DINOv2', preprocess='edm2')`` is the
    protocol of EDM2. Of few images, the KID of the same features is ``FDDINOv2_KID``, as for :class:`FID`.

    Args:
        pred: key of the generated images.
        target: key of the real images.
        features: the network, by default ``dict(type='DINOv2')``.
        output: which of its outputs, by default ``'cls'``, 1024 numbers.
        prefix: put before the result's name.
    """

    network_cfg = dict(type='DINOv2')
    network_output = 'cls'


def self_similarity(tokens: np.ndarray) -> np.ndarray:
    """Cosines of all pairs of tokens ``(T, C)``: ``(T, T)``, float64; 0 for tokens that are 0."""
    rows = tokens.astype(np.float64)
    products, norms = rows @ rows.T, np.linalg.norm(rows, axis=1)
    return products / np.maximum(np.outer(norms, norms), 1e-8)


@METRICS.register_module()
class StructureDistance(FeatureMetric):
    """Structure distance (Tumanyan et al., CVPR 2022), mean over the images, lower is better; 0 for equal images.

    Whether a translation keeps the layout and the shapes of what was translated: the mean squared difference of the
    self-similarities (cosines of all pairs of tokens, that of the class among them) of the keys in the last block of
    DINO's ViT-B/8, whatever the colours are. Papers often state it times 1000. An image that is not translated at all
    has distance 0, so that it says something only beside a metric such as FID.

    Args:
        pred: key of the translations.
        target: key of the images that they were made from; None for what the method says.
        features: the network, by default ``dict(type='DINO')``.
        output: which of its outputs, tokens ``(T, C)``; by default ``'keys11'``.
        prefix: put before the result's name.
    """

    higher_is_better = False
    network_cfg = dict(type='DINO')
    network_output = 'keys11'

    def bind(self, pictures: Mapping[str, Shown]) -> None:
        if self.pred is None:
            self.pred = next((key for key, shown in pictures.items() if shown.is_made), None)
        if self.target is None and self.pred is not None and self.pred in pictures:
            self.target = source_of(self.pred, pictures) or None

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """Distance of each translation.

        Raises:
            DataError: a translation has another shape than its source.
        """
        places = range(len(samples))
        made, sources = (self.rows(samples, *key, places) for key in ((self.pred, 'pred'), (self.target, 'target')))
        return [self._distance(sample, made[i], sources[i]) for i, sample in enumerate(samples)]

    def _distance(self, sample: Sample, made: np.ndarray, source: np.ndarray) -> float:
        if made.ndim != 2 or made.shape != source.shape:
            raise DataError(f'{self._place()}: {self.pred!r} gives {made.shape} and {self.target!r} {source.shape} of '
                            f'{self.output!r} for {describe(sample)}; equal numbers of tokens (T, C) are needed.')
        return float(np.square(self_similarity(made) - self_similarity(source)).mean())

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Mean over the images."""
        return {self.name: math.fsum(results) / len(results)}
