"""FID and SIFID: the Frechet distance between feature vectors, without a square root of a general matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.linalg import lapack

from ..errors import DataError
from ..registry import METRICS
from .base import BLOCK, Sample, describe
from .features import FeatureMetric, SetMetric
from .kernel import kid_of_subsets
from .moments import Moments
from .sets import Column, Scores

KEEP = 10_000  # images up to which feature vectors are kept, and KID is reported beside FID

LOW_RANK = 0.7  # below this ratio of vectors to dimensions the n x m route is the faster one


def frechet_distance(a: np.ndarray | Moments, b: np.ndarray | Moments) -> float:
    """``|mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))`` (Heusel et al. 2017, equation 6).

    Covariances are unbiased, as in the authors' code. Not finite features give NaN. Equal sets give 0 up to rounding;
    what rounding leaves below 0 is 0.

    Args:
        a: feature vectors ``(n, d)``, n >= 2, or their moments.
        b: feature vectors ``(m, d)``, m >= 2, or their moments.
    """
    if not (_finite(a) and _finite(b)):
        return float('nan')
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and min(len(a), len(b)) < LOW_RANK * a.shape[1]:
        a, b = a.astype(np.float64), b.astype(np.float64)
        shift = a.mean(0) - b.mean(0)
        traces = a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum()
        root = _trace_of_root_by_samples(a, b)
    else:
        a, b = (x if isinstance(x, Moments) else Moments.of(x) for x in (a, b))
        shift = a.mean - b.mean
        first, second = a.covariance, b.covariance
        traces = np.trace(first) + np.trace(second)
        # A factor of full rank needs more vectors than dimensions; the smaller set is the likelier to lack it.
        root = (_trace_of_root(first, second, a.count) if a.count >= b.count
                else _trace_of_root(second, first, b.count))
    return max(0.0, float(shift @ shift + traces - 2 * root))


def _finite(x: np.ndarray | Moments) -> bool:
    return bool(np.isfinite(x.outer if isinstance(x, Moments) else x).all())


def _trace_of_root_by_samples(a: np.ndarray, b: np.ndarray) -> float:
    """``tr (S_a S_b)^(1/2)`` is the nuclear norm of ``A B^T / sqrt((n - 1) (m - 1))``, A and B centred: n x m, not d x
    d."""
    a, b = a - a.mean(0), b - b.mean(0)
    return np.linalg.svd(a @ b.T, compute_uv=False).sum() / np.sqrt((len(a) - 1) * (len(b) - 1))


def _trace_of_root(first: np.ndarray, second: np.ndarray, count: int) -> float:
    """``tr (S_1 S_2)^(1/2)`` from the eigenvalues of the symmetric ``F^T S_2 F`` where ``S_1 = F F^T``."""
    factor = _triangular_factor(first, count)
    if factor is not None:
        # One triangle of the product, for a quarter of the work; transposed, nothing is copied for Fortran.
        product, _ = lapack.dsygst(second.T, factor.T, itype=2, lower=0, overwrite_a=1)
        product = product.T
    else:
        factor = _factor(first)
        product = factor.T @ second @ factor
    values = torch.linalg.eigvalsh(torch.from_numpy(product))  # of the lower triangle; twice as fast as NumPy's
    return float(values.clamp(min=0).sqrt().sum())


def _triangular_factor(covariance: np.ndarray, count: int) -> np.ndarray | None:
    """Cholesky's, if the covariance of ``count`` vectors has full rank."""
    if count <= len(covariance):
        return None
    factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(covariance))
    return None if failed else factor.numpy()  # of constant or linearly dependent features


def _factor(covariance: np.ndarray) -> np.ndarray:
    """``(d, rank)``, from the eigenvectors whose eigenvalues are more than rounding errors."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > max(values[-1], 0) * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])


@METRICS.register_module()
class FID(SetMetric):
    """Frechet Inception Distance (Heusel et al. 2017), lower is better.

    Biased: it falls as images are added, so that only results of equal numbers of images compare. Below 10,000 images
    of either set, the KID of the same features is reported as ``FID_KID``. Above, features are summed and not kept.

    Args:
        pred: key of the generated images.
        target: key of the real images.
        features: the network, by default ``FIDInception``.
        output: which of its outputs, by default ``'pool'``.
        prefix: put before the result's name.
    """

    higher_is_better = False

    @property
    def result_names(self) -> tuple[str, ...]:
        return self.name, f'{self.name}_KID'

    def reduce(self, records: list[Any]) -> list[Any]:
        """Up to ``KEEP`` records as they are; more become two sums."""
        if len(records) <= KEEP and not any(isinstance(x, Moments) for pair in records for x in pair):
            return records
        return [tuple(_total(column) for column in zip(*records, strict=True))]

    def between(self, fake: Column, real: Column) -> Scores:
        """FID, and KID where there are few images."""
        if len(fake) <= KEEP and not any(isinstance(x, Moments) for column in (fake, real) for x in column):
            return super().between(fake, real)
        first, second = _total(fake), _total(real)
        self.count(*(x.count if x else 0 for x in (first, second)))
        assert first is not None and second is not None
        return {self.name: frechet_distance(first, second), f'{self.name}_images': first.count}

    def compare(self, fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
        few = min(len(fake), len(real))
        self.warn(f'{len(fake)} generated and {len(real)} real images are few for {fake.shape[1]} features: it is '
                  f'biased upwards, and only results of equal numbers compare. {self.name}_KID has no such bias.')
        return {self.name: frechet_distance(fake, real),
                f'{self.name}_KID': kid_of_subsets(fake, real, size=min(few, 1000))[0]}


def _total(column: Iterable[np.ndarray | Moments | None]) -> Moments | None:
    """The moments of a column of rows, moments and gaps; None if there are only gaps."""
    column = list(column)
    rows = [x for x in column if isinstance(x, np.ndarray)]
    parts = [x for x in column if isinstance(x, Moments)]
    parts += [Moments.of(np.stack(rows[i:i + BLOCK])) for i in range(0, len(rows), BLOCK)]
    return sum(parts[1:], parts[0]) if parts else None


@METRICS.register_module()
class SIFID(FeatureMetric):
    """Single Image FID (Rott Shaham et al. 2019, section 4): FID of the positions within an image, mean over the
    pairs, lower is better.

    Two protocols go by this name. The paper takes 192 features, those before the second max-pool of Inception; the code
    released with it took 64, those before the first, until it was corrected. Their numbers do not compare. The depth is
    in :attr:`protocol`, beside every result. Both in one pass: two metrics with equal ``features``, whose ``outputs``
    are both depths.

    Args:
        pred: key of the generated images.
        target: key of the images they imitate.
        features: the network, by default the authors': torchvision's ``ImageNetInception`` without resizing.
        output: ``'spatial_192'`` or ``'spatial_64'``; of another network, one that is a map.
        prefix: put before the result's name.
    """

    higher_is_better = False
    network_cfg = dict(type='ImageNetInception', preprocess='none')
    network_output = 'spatial_192'
    least_side: ClassVar = {'spatial_64': 9, 'spatial_192': 23}  # leaves two positions along each side

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """Distance of each pair.

        Raises:
            DataError: an image is too small for two positions.
        """
        places = range(len(samples))
        fake, real = (self.rows(samples, *key, places) for key in ((self.pred, 'pred'), (self.target, 'target')))
        return [frechet_distance(*(Moments.of(x[i].reshape(len(x[i]), -1).T) for x in (fake, real))) for i in places]

    def rgb(self, sample: Sample, key: str | None, argument: str) -> np.ndarray:
        image, least = super().rgb(sample, key, argument), self.least_side.get(self.output, 1)
        if min(image.shape[1:]) < least:
            raise DataError(f'{self._place()}: {self.output!r} has two positions along each side of images of at '
                            f'least {least}x{least}, {key!r} of {describe(sample)} is {image.shape} (C, H, W).')
        return image

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Mean over the pairs."""
        return {self.name: float(np.mean(results))}
