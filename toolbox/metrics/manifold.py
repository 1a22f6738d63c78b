"""How two sets of feature vectors cover each other: precision, recall, density and coverage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from ..registry import METRICS, Count, Feature
from .features import SetMetric

ROWS = 512  # of the distance matrix that are in memory at a time


def precision_and_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al. 2019).

    A set's manifold is the union of the balls around its vectors that reach to their k-th nearest neighbour in the set.
    Precision is the share of ``fake`` within the manifold of ``real``, recall the share of ``real`` within that of
    ``fake``; the border of a ball belongs to it. Features that are not finite give NaN.

    Args:
        real: ``(n, d)``, n > k.
        fake: ``(m, d)``, m > k.
        k: number of the neighbour, not counting the vector itself.
    """
    if not (np.isfinite(real).all() and np.isfinite(fake).all()):
        return float('nan'), float('nan')
    inside = np.zeros(len(fake), bool)
    radii_real, radii_fake = radii(real, k), radii(fake, k)
    covered = []
    for rows, distances in _distances(real, fake):
        inside |= (distances <= radii_real[rows, None]).any(0)
        covered.append((distances <= radii_fake).any(1))
    return float(inside.mean()), float(np.concatenate(covered).mean())


def density_and_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> tuple[float, float]:
    """Density and coverage (Naeem et al. 2020): how many real balls a fake lies in, and which real balls hold a fake.

    Density is ``1 / (k m)`` times the number of pairs with the fake inside the ball of the real vector, and can exceed
    1; coverage is the share of real balls with a fake inside. The border of a ball does not belong to it, as in the
    authors' code. Features that are not finite give NaN.

    Args:
        real: ``(n, d)``, n > k.
        fake: ``(m, d)``.
        k: number of the neighbour that a ball reaches to.
    """
    if not (np.isfinite(real).all() and np.isfinite(fake).all()):
        return float('nan'), float('nan')
    size, pairs, covered = radii(real, k), 0, 0
    for rows, distances in _distances(real, fake):
        inside = distances < size[rows, None]
        pairs += int(inside.sum())
        covered += int(inside.any(1).sum())
    return pairs / (k * len(fake)), covered / len(real)


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """``(n,)``, squared distance of each vector to its k-th nearest other one."""
    parts = []
    for rows, distances in _distances(x, x):
        # before all others
        distances[np.arange(len(distances)), np.arange(rows.start, rows.start + len(distances))] = -1
        parts.append(np.partition(distances, k, axis=1)[:, k])
    return np.concatenate(parts)


def _distances(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared distances of rows of ``x`` to all of ``y``, block by block; 0 where they are but rounding errors."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    norm_x, norm_y = (x * x).sum(1), (y * y).sum(1)
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        norms = norm_x[rows, None] + norm_y
        distances = norms - 2 * (x[rows] @ y.T)
        distances[distances < 1e-13 * norms] = 0
        yield rows, distances


class _Manifold(SetMetric):
    network_cfg = dict(type='VGG16')
    network_output = 'fc2'

    neighbour: ClassVar[int]

    def __init__(self, pred: str | None = None, target: str | None = None, k: Count | None = None,
                 features: Feature | None = None, output: str | None = None, prefix: str | None = None) -> None:
        super().__init__(pred, target, features, output, prefix)
        self.k = self.neighbour if k is None else k
        self.least = self.k + 1

    @property
    def protocol(self) -> str:
        return f'{super().protocol}; k = {self.k}'

    def compare(self, fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
        if min(len(fake), len(real)) < 5000:
            self.warn(f'{len(fake)} generated and {len(real)} real images are few: balls are large, and only results '
                      'of equal numbers compare.')
        return self.shares(fake, real)

    def shares(self, fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
        raise NotImplementedError


@METRICS.register_module()
class PrecisionRecall(_Manifold):
    """``precision`` (are generated images like real ones?) and ``recall`` (are all kinds of real ones generated?).

    Improved precision and recall of Kynkaanniemi et al. 2019, higher is better.

    Args:
        pred: key of the generated images.
        target: key of the real images.
        k: balls reach to the k-th nearest neighbour, by default the 3rd.
        features: the network, by default ``VGG16``.
        output: which of its outputs, by default ``'fc2'`` (4096 numbers after the ReLU).
        prefix: put before the results' names.
    """

    neighbour = 3

    @property
    def result_names(self) -> tuple[str, ...]:
        return 'precision', 'recall'

    def shares(self, fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
        precision, recall = precision_and_recall(real, fake, self.k)
        return {'precision': precision, 'recall': recall}


@METRICS.register_module()
class DensityCoverage(_Manifold):
    """``density`` and ``coverage`` (Naeem et al. 2020), higher is better; they are less moved by single odd images.

    Args:
        pred: key of the generated images.
        target: key of the real images.
        k: balls reach to the k-th nearest neighbour, by default the 5th.
        features: the network, by default ``VGG16``.
        output: which of its outputs, by default ``'fc2'`` (4096 numbers after the ReLU).
        prefix: put before the results' names.
    """

    neighbour = 5

    @property
    def result_names(self) -> tuple[str, ...]:
        return 'density', 'coverage'

    def shares(self, fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
        density, coverage = density_and_coverage(real, fake, self.k)
        return {'density': density, 'coverage': coverage}
