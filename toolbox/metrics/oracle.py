"""A score against the known answer of a synthetic world."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import ConfigError
from ..methods.directions import Shown
from ..registry import METRICS
from .base import Metric, Sample, absolute_difference


@METRICS.register_module()
class OracleScore(Metric):
    """How much of the way from the source to the true answer a translation has gone.

    ``1 - sum |pred - target| / sum |source - target|``, both sums over every value of every image of the set: 0 for a
    network that changes nothing, 1 for the exact answer, negative for one that does more harm than good. Copying the
    source cannot raise it, which PSNR and L1 would reward wherever most of the picture stays as it is.

    Args:
        pred: key of the translated images.
        source: key of the images they were translated from; the method says it when None.
        target: key of the true answers; 'oracle_<name>' when None, as in the synthetic data sets: the name is what
            follows the underscore in ``pred`` ('oracle_B' for a translation to B), else the picture that ``pred``
            should resemble.
        prefix: put before the result's name.
    """

    def __init__(
        self, pred: str | None = None, source: str | None = None, target: str | None = None, prefix: str | None = None
    ) -> None:
        super().__init__(pred, target, prefix)
        self.source = source

    def bind(self, pictures: Mapping[str, Shown]) -> None:
        target = self.target
        super().bind(pictures)
        if target is None and self.pred is not None:
            name = self.pred.partition('_')[2] or self.target
            self.target = name and f'oracle_{name}'
        if self.source is None and self.pred is not None and self.pred in pictures:
            self.source = pictures[self.pred].of or None

    def measure(self, samples: Sequence[Sample]) -> list[tuple[int, int]]:
        """Distances to the answer, after and before the translation, in grey levels summed over the image."""
        return [(distance(*self.pair(sample, self.pred, self.target, ('pred', 'target'))),
                 distance(*self.pair(sample, self.source, self.target, ('source', 'target')))) for sample in samples]

    def reduce(self, records: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Two whole numbers are all that a process has to tell."""
        return [(sum(after for after, _ in records), sum(before for _, before in records))]

    def compute_metrics(self, results: list[tuple[int, int]]) -> dict[str, float]:
        """The score of the pooled distances."""
        after, before = (math.fsum(column) for column in zip(*results, strict=True))
        if not before:
            raise ConfigError(f'{self._place()}: source {self.source!r} equals target {self.target!r} in every image, '
                              'so there is no distance to measure against.')
        return {self.name: 1 - after / before}


def distance(a: np.ndarray, b: np.ndarray) -> int:
    """Sum of the absolute differences of two uint8 images."""
    return int(absolute_difference(a, b).sum(dtype=np.int64))
