"""Measures of random samples of one image: how different they are, and whether their patches are those of the image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import ConfigError, DataError
from ..registry import METRICS, AtLeast, Count
from .base import Metric, Sample, describe, outputs_of
from .image import BT601
from .store import digest
from .swd import PATCH, SMALLEST, laplacian_pyramid


@dataclass
class Spread:
    """Sums of the intensities ``(H, W)`` of all samples of one image, and the standard deviation of its own."""

    count: int
    total: np.ndarray
    squares: np.ndarray
    deviation: float

    def __add__(self, other: Spread) -> Spread:
        return Spread(self.count + other.count, self.total + other.total, self.squares + other.squares, self.deviation)

    @property
    def diversity(self) -> float:
        """NaN for an image of one intensity."""
        variance = self.squares / self.count - (self.total / self.count) ** 2
        return float(np.sqrt(variance.clip(0)).mean() / self.deviation) if self.deviation else float('nan')


Spreads = dict[bytes, Spread]  # by the digest of the image


@METRICS.register_module()
class PixelDiversity(Metric):
    """Diversity of random samples of an image (Rott Shaham et al. 2019, section 4), higher is better.

    The standard deviation of a pixel's intensity (luma of BT.601) over the samples, averaged over the pixels, divided
    by the standard deviation of the intensities of the image; of several images the mean. The paper takes 100 samples
    and reports 0.5 for samples from the coarsest scale on, 0.35 from the second. Samples of an image are those with an
    equal target, and the outputs ``fake``, ``fake_1``, ... of one sample. Noise is diverse, too: look at
    :class:`PatchDistance` or ``SIFID`` beside it.

    Args:
        pred: what the keys of the samples begin with.
        target: key of the image that they imitate.
        prefix: put before the result's name.
    """

    def measure(self, samples: Sequence[Sample]) -> list[Spreads]:
        """Sums of one sample by its image."""
        return [self._spread(sample) for sample in samples]

    def _spread(self, sample: Sample) -> Spreads:
        pred, target = self.given(self.pred, 'pred'), self.image(sample, self.target, 'target')
        found = [_intensity(self.image(sample, key, 'pred')) for key in outputs_of(sample, pred) or [pred]]
        if any(x.shape != target.shape[1:] for x in found):
            raise DataError(f'{self._place()}: {pred!r} is {found[0].shape} and {self.target!r} {target.shape[1:]} '
                            f'(H, W) in {describe(sample)}; a pixel can be compared in images of one size.')
        total, squares = (np.sum([x ** power for x in found], axis=0) for power in (1, 2))
        return {digest(target): Spread(len(found), total, squares, float(_intensity(target).std()))}

    def reduce(self, records: list[Spreads]) -> list[Spreads]:
        """One record: the sums of each image."""
        return [_joined(records)] if records else []

    @property
    def protocol(self) -> str:
        return f'{self._images} samples {self.pred} in all, intensity is the luma of BT.601; image {self.target}'

    def compute_metrics(self, results: list[Spreads]) -> dict[str, float]:
        """Mean over the images."""
        spreads = _joined(results).values()
        if any(spread.count < 2 for spread in spreads):
            raise ConfigError(f'{self._place()}: two or more samples of each image are needed; set the length of the '
                              'data set of the evaluation.')
        return {self.name: float(np.mean([spread.diversity for spread in spreads]))}


def _joined(records: Iterable[Mapping[bytes, Spread]]) -> Spreads:
    found: Spreads = {}
    for record in records:
        for key, spread in record.items():
            found[key] = found[key] + spread if key in found else spread
    return found


def _intensity(image: np.ndarray) -> np.ndarray:
    """Luma ``(H, W)`` of a uint8 image ``(C, H, W)``, gray or with three or more channels."""
    pixels = image.astype(np.float64)
    return pixels[0] if len(image) < 3 else np.tensordot(BT601, pixels[:3], 1)


def patch_distance(a: np.ndarray, b: np.ndarray, directions: int = 64, seed: int = 0) -> float:
    """Sliced Wasserstein distance of the 7x7 patches of two uint8 images ``(3, H, W)``, which may differ in size.

    Patches are those at all places of each level of the Laplacian pyramids. A level's distance is in units of the
    standard deviation that its channels have in ``b``; the result is the mean over the levels that both have.
    """
    a, b = (x.transpose(1, 2, 0).astype(np.float32) for x in (a, b))
    first = laplacian_pyramid(a)
    second = laplacian_pyramid(b, len(first))
    if len(second) < len(first):  # its last level is no difference: both must end at the same
        first = laplacian_pyramid(a, len(second))
    random = torch.Generator().manual_seed(seed)
    axes = torch.randn(directions, 3, PATCH, PATCH, generator=random)
    axes /= axes.flatten(1).norm(dim=1)[:, None, None, None]
    return float(np.mean([_between(x, y, axes) for x, y in zip(first, second, strict=True)]))


def _between(a: np.ndarray, b: np.ndarray, axes: torch.Tensor) -> float:
    scale = b.std((0, 1))
    rows = []
    for level in (a, b):
        pixels = (level - b.mean((0, 1))) / np.where(scale > 0, scale, 1)
        found = F.conv2d(torch.from_numpy(pixels.transpose(2, 0, 1))[None], axes)
        rows.append(found.flatten(2).sort(dim=2).values)
    if rows[0].shape != rows[1].shape:  # the same quantiles of both
        length = min(x.shape[2] for x in rows)
        rows = [F.interpolate(x, length, mode='linear', align_corners=True) for x in rows]
    return float((rows[0] - rows[1]).abs().mean())


def shuffled(image: np.ndarray, tile: int, seed: int = 0) -> np.ndarray:
    """The square tiles of an image ``(C, H, W)`` in random order; what is left over at its end is cut off."""
    channels, rows, columns = len(image), *(side // tile for side in image.shape[1:])
    tiles = image[:, :rows * tile, :columns * tile].reshape(channels, rows, tile, columns, tile)
    tiles = tiles.transpose(1, 3, 0, 2, 4).reshape(rows * columns, channels, tile, tile)
    tiles = tiles[np.random.RandomState(seed).permutation(len(tiles))].reshape(rows, columns, channels, tile, tile)
    return tiles.transpose(2, 0, 3, 1, 4).reshape(channels, rows * tile, columns * tile)


@METRICS.register_module()
class PatchDistance(Metric):
    """Distance of the patches of an image's samples from its own, mean over the samples, lower is better.

    The sliced Wasserstein distance (Rabin et al. 2011; see :func:`patch_distance`) of 7x7 patches at every place and
    level of the pyramid: it compares textures and structures from one pixel to the whole image, but not where they
    are, and needs no network. A sample may have another size than the image. What the numbers mean tells the image
    itself: ``PatchDistance_shuffled`` is the distance of the image whose tiles were put in random order, which has all
    its small patches and none of its large structures.

    Args:
        pred: key of the samples.
        target: key of the image that they imitate.
        tile: side of the tiles.
        directions: that patches are projected on.
        seed: of tiles and directions.
        prefix: put before the results' names.
    """

    higher_is_better = False

    def __init__(self, pred: str | None = None, target: str | None = None, tile: Annotated[int, AtLeast(2)] = 8,
                 directions: Count = 64, seed: int = 0, prefix: str | None = None) -> None:
        super().__init__(pred, target, prefix)
        self.tile, self.directions, self.seed = tile, directions, seed
        self._shuffled: tuple[bytes, float] | None = None  # of the last image

    @property
    def protocol(self) -> str:
        return (f'{super().protocol}; {PATCH}x{PATCH} patches, levels down to {SMALLEST} pixels, {self.directions} '
                f'directions, tiles of {self.tile}, seed {self.seed}')

    def measure(self, samples: Sequence[Sample]) -> list[tuple[float, float]]:
        """Distances of each sample, and of its image with shuffled tiles."""
        return [self._distances(*(self._rgb(sample, *key) for key in ((self.pred, 'pred'), (self.target, 'target'))))
                for sample in samples]

    def _rgb(self, sample: Sample, key: str | None, argument: str) -> np.ndarray:
        image, least = self.image(sample, key, argument), max(SMALLEST, self.tile)
        if min(image.shape[1:]) < least or len(image) not in (1, 3):
            raise DataError(f'{self._place()}: gray or RGB images of at least {least}x{least} are needed, {key!r} of '
                            f'{describe(sample)} is {image.shape} (C, H, W).')
        return np.broadcast_to(image, (3, *image.shape[1:]))

    def _distances(self, fake: np.ndarray, real: np.ndarray) -> tuple[float, float]:
        name = digest(real)
        if self._shuffled is None or self._shuffled[0] != name:
            other = shuffled(real, self.tile, self.seed)
            if min(other.shape[1:]) < SMALLEST:
                raise DataError(f'{self._place()}.tile: tiles of {self.tile} leave {other.shape[1:]} (H, W) of an '
                                f'image of {real.shape[1:]}; at least {SMALLEST}x{SMALLEST} are needed: smaller tiles.')
            self._shuffled = name, patch_distance(other, real, self.directions, self.seed)
        return patch_distance(fake, real, self.directions, self.seed), self._shuffled[1]

    @property
    def result_names(self) -> tuple[str, ...]:
        return self.name, f'{self.name}_shuffled'

    def compute_metrics(self, results: list[tuple[float, float]]) -> dict[str, float]:
        """Means over the samples."""
        return dict(zip(self.result_names, np.mean(results, 0).tolist(), strict=True))
