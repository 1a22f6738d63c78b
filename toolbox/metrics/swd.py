"""Sliced Wasserstein distance between the patches of two sets of images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..errors import ConfigError, DataError
from ..registry import METRICS, Count
from .base import Sample, describe
from .sets import Column, ComparesSets, Scores
from .store import digest

PATCH, SMALLEST = 7, 16  # sides of a patch and of the coarsest level


def laplacian_pyramid(image: np.ndarray, count: int | None = None) -> list[np.ndarray]:
    """Levels of ``(H, W, 3)`` float32, finest first, halved while both sides stay >= 16, but at most ``count``; the
    last one is not a difference.

    Burt & Adelson's 5x5 kernel with mirrored borders, as in the authors' code and in OpenCV.
    """
    levels: list[np.ndarray] = []
    while min(image.shape[:2]) >= 2 * SMALLEST and len(levels) + 1 != count:
        coarse = cv2.pyrDown(image)
        levels.append(image - cv2.pyrUp(coarse, dstsize=image.shape[1::-1]))
        image = coarse
    return [*levels, image]


def cut_patches(images: np.ndarray, count: int, rng: np.random.RandomState) -> np.ndarray:
    """``count`` random 7x7 patches of each of ``(N, 3, H, W)``: ``(N * count, 3, 7, 7)``.

    Columns are drawn first, and come before the rows in a patch, as in the authors' code.
    """
    number, _, height, width = images.shape
    half = PATCH // 2
    x, y = (rng.randint(half, side - half, size=(number * count, 1, 1)) for side in (width, height))
    around = np.arange(-half, half + 1)
    which = np.repeat(np.arange(number), count)[:, None, None]
    return images[which, :, y + around, x + around[:, None]].transpose(0, 3, 1, 2)


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, rng: np.random.RandomState, repeats: int = 4,
                       directions: int = 128) -> float:
    """Mean distance of the sorted projections of two sets of patches ``(n, 3, 7, 7)``, each channel normalised first.

    Karras et al. 2018, appendix; the deviation is that of the population.
    """
    first, second = (_normalised(patches) for patches in (a, b))
    distances = []
    for _ in range(repeats):
        axes = rng.randn(first.shape[1], directions)
        axes = (axes / np.sqrt((axes * axes).sum(0))).astype(np.float32)
        projections = (np.sort(rows @ axes, axis=0) for rows in (first, second))
        distances.append(np.abs(np.subtract(*projections)).mean())
    return float(np.mean(distances))


def _normalised(patches: np.ndarray) -> np.ndarray:
    patches = patches - patches.mean((0, 2, 3), keepdims=True)
    deviation = patches.std((0, 2, 3), keepdims=True)
    return (patches / np.where(deviation > 0, deviation, 1)).reshape(len(patches), -1)


Patches = dict[tuple[int, int], np.ndarray]  # of one image, by (height, width) of the level


@METRICS.register_module()
class SWD(ComparesSets):
    """Sliced Wasserstein distance (Karras et al. 2018), times 1000, lower is better: ``SWD`` and ``SWD_<side>`` per
    level.

    Needs no network: it compares textures at each scale, not contents. Patches are cut where the image itself decides,
    so that neither batches nor processes matter. The authors compare 8,192 images of each set; of sets of unequal size,
    the first of the larger one are taken. All images must have one size of 16 pixels or more. Takes 75 kB per image and
    level.

    Args:
        pred: key of the generated images.
        target: key of the real images.
        patches: per image and level.
        seed: of patches and directions.
        prefix: put before the results' names.
    """

    higher_is_better = False

    def __init__(self, pred: str | None = None, target: str | None = None, patches: Count = 128, seed: int = 0,
                 prefix: str | None = None) -> None:
        super().__init__(pred, target, prefix)
        self.patches, self.seed = patches, seed

    @property
    def protocol(self) -> str:
        generated, real = self._counts
        return (f'{generated} generated images {self.pred} against {real} real images {self.target}, the first '
                f'{min(self._counts)} of each; {self.patches} patches per image and level, seed {self.seed}'
                f'{self.of_sources}')

    def look(self, samples: Sequence[Sample], key: str | None, argument: str, places: Sequence[int],
             stored: bool) -> dict[int, Patches]:
        return {i: self.cut(samples[i], key, argument) for i in places}

    def fits(self, source: tuple[int, ...], pred: tuple[int, ...]) -> bool:
        return super().fits(source, pred) and source[1:] == pred[1:]

    def cut(self, sample: Sample, key: str | None, argument: str) -> Patches:
        """Patches of one image by (height, width) of the level."""
        image = self.image(sample, key, argument)
        if min(image.shape[1:]) < SMALLEST or len(image) not in (1, 3):
            raise DataError(f'{self._place()}: gray or RGB images of at least {SMALLEST}x{SMALLEST} are needed, '
                            f'{key!r} of {describe(sample)} is {image.shape} (C, H, W).')
        pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0).astype(np.float32)
        rng = np.random.RandomState([self.seed, *digest(image)])
        return {(level.shape[0], level.shape[1]): cut_patches(level.transpose(2, 0, 1)[None], self.patches, rng)
                for level in laplacian_pyramid(pixels)}

    @property
    def result_names(self) -> tuple[str, ...]:
        return self.name, f'{self.name}_*'

    def between(self, fake: Column, real: Column) -> Scores:
        """Distance per level and their mean."""
        fake, real = ([item for item in column if item is not None] for column in (fake, real))
        self._counts = (len(fake), len(real))
        count = min(self._counts)
        if not count:
            raise ConfigError(f'{self._place()}: found {len(fake)} generated and {len(real)} real images.')
        sizes = {tuple(item) for item in (*fake, *real)}
        if len(sizes) > 1:
            raise DataError(f'{self._place()}: all images must have one size, found '
                            f'{", ".join(f"{h}x{w}" for (h, w), *_ in sorted(sizes))} (height x width).')
        rng = np.random.RandomState(self.seed)
        values = {size: 1000 * sliced_wasserstein(np.concatenate([item[size] for item in fake[:count]]),
                                                  np.concatenate([item[size] for item in real[:count]]), rng)
                  for size in fake[0]}
        levels = {f'{self.name}_{min(size)}': value for size, value in values.items()}
        return {self.name: float(np.mean(list(levels.values()))), **levels, f'{self.name}_images': len(fake)}
