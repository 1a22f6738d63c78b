"""Inner products and distances of all pairs of two sets of feature vectors, as fast as a processor multiplies."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import numpy as np

from .store import digest

ROWS = 256  # of a matrix of pairs that are worked on at a time
SINGLE = 10**10  # multiplications from which on products are float32: half the time
HELD = 2**26  # pairs within one set up to which all products are in memory, and each is computed once for two pairs
KEPT = 8

P = ParamSpec('P')
R = TypeVar('R')


@dataclass(frozen=True)
class Pair:
    """Two sets of vectors, seen from their common mean, in units that leave all numbers below 1.

    Small sets are float64; large ones (``SINGLE``) float32, whose rounding errors are then relative to the differences
    between vectors.

    Attributes:
        x: ``(n, d)``, the first set, ``(x - centre) / scale``.
        y: ``(m, d)``, the second one.
        centre: ``(d,)``, float64.
        scale: the unit, a power of 2.
    """

    x: np.ndarray
    y: np.ndarray
    centre: np.ndarray
    scale: float

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> Pair:
        kind = np.float32 if len(x) * len(y) * x.shape[1] > SINGLE else np.float64
        centre = ((x.mean(0, dtype=np.float64) + y.mean(0, dtype=np.float64)) / 2).astype(kind)
        a, b = (rows.astype(kind, copy=False) - centre for rows in (x, y))
        scale = 2.0 ** math.frexp(max(float(np.abs(rows).max()) for rows in (a, b)))[1]
        return cls(a / kind(scale), b / kind(scale), centre.astype(np.float64), scale)

    @property
    def unit(self) -> float:
        """Largest relative error of one rounding."""
        return float(np.finfo(self.x.dtype).eps) / 2


def products(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows of ``(n, d)``, and their inner products with all of ``(m, d)``."""
    held = a @ a.T if a is b and len(a) ** 2 <= HELD else None  # NumPy computes one half
    for start in range(0, len(a), ROWS):
        rows = slice(start, start + ROWS)
        yield rows, a[rows] @ b.T if held is None else held[rows]


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """The same for equal arguments, among them arrays, computed once: metrics of one network ask for the same."""
    known: dict[object, R] = {}

    @functools.wraps(function)
    def once(*args: P.args, **kwargs: P.kwargs) -> R:
        key = tuple((digest(arg), arg.dtype.str) if isinstance(arg, np.ndarray) else arg
                    for arg in (*args, *sorted(kwargs.items())))
        if key not in known:
            if len(known) >= KEPT:
                del known[next(iter(known))]
            known[key] = function(*args, **kwargs)
        return known[key]

    return once
