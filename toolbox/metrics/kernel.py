"""KID: the squared maximum mean discrepancy of two sets of feature vectors, with a cubic kernel."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np

from ..errors import ConfigError
from ..registry import METRICS, AtLeast, Count, Feature
from .features import SetMetric
from .pairs import Pair, products, remembered

WHOLE = 9000  # up to so many vectors per set, the kernels of all pairs cost less than those of each subset again


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``(x y / d + 1)^3`` of all pairs of the rows of ``(n, d)`` and ``(m, d)``: ``(n, m)``."""
    k = x @ y.T
    k /= x.shape[1]
    k += 1
    return k * k * k


def mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased estimate of the squared MMD of ``(n, d)`` and ``(m, d)``, n, m >= 2; it can be below 0."""
    n, m = len(x), len(y)
    return float(_others(kernel(x, x)) / (n * (n - 1)) + _others(kernel(y, y)) / (m * (m - 1))
                 - 2 * kernel(x, y).mean())


def _others(k: np.ndarray) -> float:
    return k.sum() - np.trace(k)


@remembered
def kid_of_subsets(fake: np.ndarray, real: np.ndarray, subsets: int = 100, size: int = 1000,
                   seed: int = 2020) -> tuple[float, float]:
    """KID (Binkowski et al. 2018): mean and population standard deviation of the MMD of random subsets.

    Subsets are drawn without replacement, those of ``fake`` first, as torch-fidelity draws them from the same seed.

    Args:
        fake: ``(n, d)``.
        real: ``(m, d)``.
        subsets: how many pairs of subsets.
        size: vectors in a subset, 2 .. min(n, m).
        seed: of the draws.
    """
    if len(fake) == len(real) == size:
        return mmd2(fake.astype(np.float64), real.astype(np.float64)), 0.0  # there is only one subset
    rng = np.random.RandomState(seed)
    draws = [tuple(rng.choice(len(rows), size, replace=False) for rows in (fake, real)) for _ in range(subsets)]
    if max(len(fake), len(real)) > WHOLE:
        x, y = fake.astype(np.float64), real.astype(np.float64)
        values = np.array([mmd2(x[i], y[j]) for i, j in draws])
    else:
        pair = Pair.of(fake, real)
        in_x, in_y = _members([i for i, _ in draws], len(fake)), _members([j for _, j in draws], len(real))
        within = _sums(pair, pair.x, pair.x, in_x, in_x) + _sums(pair, pair.y, pair.y, in_y, in_y)
        values = within / (size * (size - 1)) - 2 * _sums(pair, pair.x, pair.y, in_x, in_y) / size**2
    return float(values.mean()), float(values.std())


def _members(draws: list[np.ndarray], count: int) -> np.ndarray:
    """``(subsets, count)``, 1 where a vector is in the subset."""
    members = np.zeros((len(draws), count))
    for row, chosen in zip(members, draws, strict=True):
        row[chosen] = 1
    return members


def _sums(pair: Pair, a: np.ndarray, b: np.ndarray, in_a: np.ndarray, in_b: np.ndarray) -> np.ndarray:
    """Per subset, the sum of the kernels of its pairs, from two sets of ``pair``; a vector is not paired with itself.
    Each kernel is computed once."""
    centre = pair.centre
    # x y = (x - c)(y - c) + (x - c) c + (y - c) c + c c
    from_a, from_b = (pair.scale * (rows @ centre) + centre @ centre / 2 for rows in (a, b))
    total = np.zeros(len(in_a))
    for rows, found in products(a, b):
        kernels = found.astype(np.float64)
        kernels *= pair.scale**2
        kernels += from_a[rows, None]
        kernels += from_b
        kernels /= len(centre)
        kernels += 1
        kernels *= kernels * kernels
        if b is a:
            number = np.arange(len(kernels))
            kernels[number, rows.start + number] = 0
        total += ((in_a[:, rows] @ kernels) * in_b).sum(1)
    return total


def kid_of_blocks(fake: np.ndarray, real: np.ndarray, block: int = 10) -> tuple[float, float]:
    """The block estimate of tensorflow_gan, which U-GAT-IT reports: mean MMD of consecutive blocks, and its standard
    error.

    Both sets are cut, in their order, into as many blocks as the larger one needs for at most ``block`` vectors each.
    The standard error of a single block is NaN.

    Args:
        fake: ``(n, d)``, in the order of the files.
        real: ``(m, d)``, in the order of the files.
        block: most vectors in a block; each block needs 2 of either set.
    """
    count = math.ceil(max(len(fake), len(real)) / block)
    parts = [np.split(rows.astype(np.float64), _cuts(len(rows), count)) for rows in (fake, real)]
    values = np.array([mmd2(x, y) for x, y in zip(*parts, strict=True)])
    error = values.std(ddof=1) / math.sqrt(count) if count > 1 else math.nan
    return float(values.mean()), float(error)


def _cuts(length: int, parts: int) -> np.ndarray:
    """Where to cut for sizes that differ by at most one, the smaller ones first."""
    small, larger = divmod(length, parts)
    return np.cumsum([small] * (parts - larger) + [small + 1] * larger)[:-1]


@METRICS.register_module()
class KID(SetMetric):
    """Kernel Inception Distance (Binkowski et al. 2018), lower is better; unbiased, so it can be slightly negative.

    ``estimator='subsets'`` is the usual one and states ``KID`` and ``KID_std``, the deviation over the subsets.
    ``estimator='blocks'`` with ``size=10, scale=100`` is what U-GAT-IT and those who compare with it print; it states
    ``KID`` and ``KID_error``, the standard error, and depends on the order of the files.

    Args:
        pred: key of the generated images.
        target: key of the real images.
        estimator: ``'subsets'`` or ``'blocks'``.
        size: images in a subset (smaller sets are used whole), or at most in a block.
        subsets: number of subsets.
        seed: of the subsets.
        scale: factor on all results.
        features: the network, by default ``FIDInception``.
        output: which of its outputs, by default ``'pool'``.
        prefix: put before the result's name.
    """

    higher_is_better = False

    def __init__(self, pred: str | None = None, target: str | None = None,
                 estimator: Literal['subsets', 'blocks'] = 'subsets', size: Annotated[int, AtLeast(2)] = 1000,
                 subsets: Count = 100, seed: int = 2020, scale: float = 1.0, features: Feature | None = None,
                 output: str | None = None, prefix: str | None = None) -> None:
        super().__init__(pred, target, features, output, prefix)
        self.estimator, self.size, self.subsets, self.seed, self.scale = estimator, size, subsets, seed, scale

    @property
    def protocol(self) -> str:
        if self.estimator == 'blocks':
            how = f'blocks of at most {self.size}'
        else:
            how = f'{self.subsets} subsets of {min(self.size, *self._counts)}, seed {self.seed}'
        return f'{super().protocol}; {how}' + (f'; times {self.scale:g}' if self.scale != 1 else '')

    @property
    def result_names(self) -> tuple[str, ...]:
        return self.name, f'{self.name}_{"error" if self.estimator == "blocks" else "std"}'

    def compare(self, fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
        fewest = min(len(fake), len(real))
        if self.estimator == 'blocks':
            self._check_blocks(fewest, max(len(fake), len(real)))
            values, spread = kid_of_blocks(fake, real, self.size), 'error'
        else:
            if fewest < self.size:
                self.warn(f'{fewest} images are fewer than a subset of {self.size}: subsets of {fewest} are used, so '
                          'that KID_std is not comparable.')
            values, spread = kid_of_subsets(fake, real, self.subsets, min(self.size, fewest), self.seed), 'std'
        return {self.name: values[0] * self.scale, f'{self.name}_{spread}': values[1] * self.scale}

    def _check_blocks(self, fewest: int, most: int) -> None:
        blocks = math.ceil(most / self.size)
        if fewest < 2 * blocks:
            raise ConfigError(f'{self._place()}.size: {most} images make {blocks} blocks of at most {self.size}, and '
                              f'{fewest} of the other set are not 2 for each. Choose a larger size.')
