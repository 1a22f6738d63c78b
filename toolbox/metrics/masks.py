"""How well drawn masks agree with true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from ..errors import ConfigError, DataError
from ..registry import METRICS, Probability
from .base import Metric, Sample, describe

LUMA = np.array([0.299, 0.587, 0.114])  # of ITU-R 601, as gray images are made of colours everywhere here
ROUNDING = 1e-9  # of a luma; gray in three channels is gray


class Counts(NamedTuple):
    """Pixels of the foreground: found rightly, found wrongly, and missed."""

    hits: int
    false: int
    missed: int


def mask_counts(found: np.ndarray, there: np.ndarray) -> Counts:
    """Pixels of two foregrounds of the same shape, both bool."""
    return Counts(*(int(np.count_nonzero(pixels)) for pixels in (found & there, found & ~there, ~found & there)))


def mask_scores(counts: Counts) -> dict[str, float]:
    """Shares in [0, 1] of pixel counts.

    Returns:
        ``MaskIoU``: intersection / union of the two foregrounds.
        ``MaskPrecision``: share of what was found that is right.
        ``MaskRecall``: share of what is there that was found.
        ``MaskF1``: their harmonic mean, which is the Dice coefficient.

        Two empty foregrounds agree: all four are 1. If only one is empty, all are 0.
    """
    hits, false, missed = map(int, counts)
    if not hits:
        return dict.fromkeys(('MaskIoU', 'MaskPrecision', 'MaskRecall', 'MaskF1'), float(not false and not missed))
    return dict(MaskIoU=hits / (hits + false + missed), MaskPrecision=hits / (hits + false),
                MaskRecall=hits / (hits + missed), MaskF1=2 * hits / (2 * hits + false + missed))


@METRICS.register_module()
class MaskIoU(Metric):
    """Agreement of a drawn mask with the true one, both cut to black and white at a threshold.

    States ``MaskIoU``, ``MaskPrecision``, ``MaskRecall`` and ``MaskF1`` (see :func:`mask_scores`), all higher is
    better. Masks may differ in depth and channels; of colours the luma of ITU-R 601 counts. Pixels are white above
    ``threshold``, which also removes what JPEG adds around the edges of a mask.

    Args:
        pred: key of the masks to score.
        target: key of the true masks.
        threshold: between black (0) and white (1).
        foreground: which of the two is the thing that is marked. Of a rare thing the foreground must be the thing: the
            IoU of the rest is near 1 for an empty mask.
        average: 'pooled' scores the pixels of all images together, so that large things count more and images
            without any only by what is wrongly found there; 'images' is the mean of the images' scores.
        prefix: put before the results' names.
    """

    def __init__(self, pred: str | None = None, target: str | None = None, threshold: Probability = 0.5,
                 foreground: Literal['white', 'black'] = 'white', average: Literal['pooled', 'images'] = 'pooled',
                 prefix: str | None = None) -> None:
        super().__init__(pred, target, prefix)
        self.threshold, self.foreground, self.average = threshold, foreground, average

    @property
    def result_names(self) -> tuple[str, ...]:
        return 'MaskIoU', 'MaskPrecision', 'MaskRecall', 'MaskF1'

    @property
    def protocol(self) -> str:
        return f'{super().protocol}, {self.foreground} of threshold {self.threshold:g}, {self.average}'

    def measure(self, samples: Sequence[Sample]) -> list[Counts]:
        """The counts of each image."""
        return [self.count(sample) for sample in samples]

    def count(self, sample: Sample) -> Counts:
        """Pixels of one image.

        Raises:
            DataError: the two masks differ in size; names the file.
        """
        found, there = (self.mask(sample, key, name) for key, name in ((self.pred, 'pred'), (self.target, 'target')))
        if found.shape != there.shape:
            raise DataError(f'{self._place()}: {self.pred!r} is {found.shape} and {self.target!r} is {there.shape} '
                            f'(H, W) in {describe(sample)}; masks of one size are needed.')
        return mask_counts(found, there)

    def mask(self, sample: Sample, key: str | None, argument: str) -> np.ndarray:
        """The foreground of the image ``key``: bool ``(H, W)``."""
        levels = self.exact(sample, key, argument).astype(np.float64)
        if len(levels) not in (1, 3):
            raise ConfigError(f'{self._place()}.{argument}: {key!r} has {len(levels)} channels; a mask is gray or RGB.')
        luma = levels[0] if len(levels) == 1 else np.tensordot(LUMA, levels, 1)
        white = luma > 255 * self.threshold + ROUNDING
        return white if self.foreground == 'white' else ~white

    def reduce(self, records: list[Counts]) -> list[Counts]:
        """One sum, unless each image has a score of its own."""
        return [pooled(records)] if self.average == 'pooled' and records else records

    def compute_metrics(self, results: list[Counts]) -> dict[str, float]:
        """Scores of the summed pixels, or the mean of the images' scores."""
        if self.average == 'pooled':
            return mask_scores(pooled(results))
        scores = [mask_scores(counts) for counts in results]
        return {name: float(np.mean([score[name] for score in scores])) for name in self.result_names}


def pooled(records: Sequence[Counts]) -> Counts:
    """The sum over the images."""
    return Counts(*(sum(numbers) for numbers in zip(*records, strict=True)))
