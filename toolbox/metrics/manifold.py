"""How two sets of feature vectors cover each other: precision, recall, density and coverage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np

from ..registry import METRICS, Count, Feature
from .features import SetMetric
from .pairs import Pair, products, remembered

CUSTOMARY = (3, 5)  # neighbours of precision and recall, and of density and coverage: one pass gives both
FEW = 64  # pairs per row that are computed one by one where float32 leaves doubt
CHUNK = 2**20  # numbers that are gathered for them at a time
Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows, columns and squared distances


class Covering(NamedTuple):
    """How two sets cover each other, for one k."""

    precision: float
    recall: float
    density: float
    coverage: float


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
    return covering(real, fake, k)[:2]


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
    return covering(real, fake, k)[2:]


def covering(real: np.ndarray, fake: np.ndarray, k: int) -> Covering:
    """All four numbers; recall is NaN where ``fake`` has no k-th neighbours."""
    if not (np.isfinite(real).all() and np.isfinite(fake).all()):
        return Covering(*[float('nan')] * 4)
    return _coverings(real, fake, tuple(sorted({k, *CUSTOMARY})))[k]


@remembered
def _coverings(real: np.ndarray, fake: np.ndarray, ks: tuple[int, ...]) -> dict[int, Covering]:
    """By k, for those for which ``real`` is large enough; radii and distances are computed once for all."""
    between = Distances(real, fake)
    of_real, of_fake = (between.within(number).radii(ks) for number in (0, 1))
    held = {k: np.zeros(len(fake), bool) for k in of_real}
    counts = {k: [0, 0, 0] for k in of_real}  # real ones in balls of fakes, pairs in balls of real ones, balls in use
    for rows, low, high in between:
        edges = [size[rows, None] for size in of_real.values()] + [size[None] for size in of_fake.values()]
        edges = [edge.astype(low.dtype) for edge in edges]
        doubt = np.zeros(low.shape, bool)
        for edge in edges:
            doubt |= (low <= edge) & (high >= edge)
        i, j, exact = between.exact(rows, doubt)
        for k, size in of_real.items():
            radius, count = size[rows], counts[k]
            closed = high <= radius[:, None].astype(high.dtype)
            open_ = closed.copy()
            closed[i, j], open_[i, j] = exact <= radius[i], exact < radius[i]
            held[k] |= closed.any(0)
            count[1] += int(open_.sum())
            count[2] += int(open_.any(1).sum())
            if k in of_fake:
                closed = high <= of_fake[k].astype(high.dtype)
                closed[i, j] = exact <= of_fake[k][j]
                count[0] += int(closed.any(1).sum())
    n, m = len(real), len(fake)
    return {k: Covering(float(held[k].mean()), a / n if k in of_fake else float('nan'), b / (k * m), c / n)
            for k, (a, b, c) in counts.items()}


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """``(n,)``, squared distance of each vector to its k-th nearest other one."""
    distances = Distances(x, x)
    return distances.radii((k,))[k] * distances.pair.scale**2


class Distances:
    """Squared distances of all pairs of two sets: fast ones that are bounded, and exact ones (float64) where they
    decide. They are in units of ``pair.scale``, squared.

    Args:
        x: ``(n, d)``.
        y: ``(m, d)``.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.sets, self.pair = (x, y), Pair.of(x, y)
        self.a, self.b = self.pair.x, self.pair.y if y is not x else self.pair.x
        self.norms = [np.einsum('ij,ij->i', rows, rows, dtype=np.float64) for rows in (self.a, self.b)]

    def within(self, number: int) -> Distances:
        """Distances within the first or the second set."""
        own = object.__new__(Distances)
        own.sets, own.pair, own.norms = (self.sets[number],) * 2, self.pair, [self.norms[number]] * 2
        own.a = own.b = (self.a, self.b)[number]
        return own

    def __iter__(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Rows, and lower and upper bounds of their distances from all of ``y``."""
        # Rounding of a product of d terms, of vectors, sums and radii; then what is too small for float32.
        share, least = (self.a.shape[1] + 16) * self.pair.unit, self.a.shape[1] * 1e-37
        for rows, found in products(self.a, self.b):
            norms = (self.norms[0][rows, None] + self.norms[1]).astype(found.dtype)
            middle = norms - 2 * found
            norms *= share
            norms += least
            yield rows, middle - norms, middle + norms

    def exact(self, rows: slice, chosen: np.ndarray) -> Found:
        """Distances of the chosen pairs of these rows; 0 where they are but rounding errors."""
        x, y = self.sets[0][rows], self.sets[1]
        i, j = chosen.nonzero()
        if len(i) > FEW * len(chosen):  # of vectors that are equal or nearly so
            x, y = x.astype(np.float64), y.astype(np.float64)
            norms = (x * x).sum(1)[:, None] + (y * y).sum(1)
            found = norms - 2 * (x @ y.T)
            found[found < 1e-13 * norms] = 0
            return i, j, found[i, j] / self.pair.scale**2
        step = max(1, CHUNK // x.shape[1])
        found = np.empty(len(i))
        for start in range(0, len(i), step):
            chunk = slice(start, start + step)
            away = x[i[chunk]].astype(np.float64) - y[j[chunk]]
            found[chunk] = np.einsum('ij,ij->i', away, away)
        return i, j, found / self.pair.scale**2

    def radii(self, ks: tuple[int, ...]) -> dict[int, np.ndarray]:
        """By k, the squared distance of each vector of one set to its k-th nearest other one; no k that is too
        large."""
        ks = tuple(k for k in ks if k < len(self.a))
        parts: dict[int, list[np.ndarray]] = {k: [] for k in ks}
        for rows, low, high in self if ks else ():
            number = np.arange(len(low))
            low[number, rows.start + number] = high[number, rows.start + number] = np.inf  # itself
            farthest = np.partition(high, ks[-1] - 1, axis=1)[:, ks[-1] - 1]  # the k-th neighbour is not beyond
            i, _, exact = self.exact(rows, low <= farthest[:, None])
            order = np.lexsort((exact, i))
            first = np.searchsorted(i[order], number)
            for k in ks:
                parts[k].append(exact[order][first + k - 1])
        return {k: np.concatenate(found) for k, found in parts.items()}


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
