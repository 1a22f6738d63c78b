"""What SinGAN does with what people paint: soft masks, and the colours of the training image for a painting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, DataError

SOFT = 5.0  # standard deviation of the blurred edge of a mask, in pixels
ITERATIONS, STARTS = 300, 10  # of k-means


@dataclass(frozen=True)
class Simplification:
    """The scale that paintings are put into, and the number of their colours."""

    scale: int
    colours: int


def simplification_of(value: Mapping[str, Any] | None, scales: int) -> Simplification | None:
    """From a config; :class:`ConfigError` if it names no scale above the coarsest, or fewer than two colours."""
    if value is None:
        return None
    scale, colours = value.get('scale', 0), value.get('colours', 0)
    if value.keys() != {'scale', 'colours'} or scale not in range(1, scales) or colours not in range(2, 257):
        raise ConfigError(f'model.quantize: expected dict(scale=1..{scales - 1}, colours=2..256), found {dict(value)}.')
    return Simplification(scale, colours)


def require_trained(reached: int, scale: int) -> None:
    """Raise :class:`ConfigError` if a scale is to be trained again that was not trained."""
    if reached <= scale:
        raise ConfigError(f'model.quantize: trains scale {scale} again, but the model has {reached} trained scales. '
                          'Give a finished model of the same image: load_from=work_dirs/singan/image/iter_N.pth.')


def soft_mask(mask: Tensor, radius: int, sigma: float = SOFT) -> Tensor:
    """A mask grown by a disk, with a Gaussian edge, from 0 to 1.

    Args:
        mask: ``(N, 1, H, W)``, above 0 inside.
        radius: of the disk, in pixels.
        sigma: of the Gaussian.

    Raises:
        DataError: nothing is inside.
    """
    from scipy import ndimage  # slow to import, and seldom asked for
    y, x = np.ogrid[-radius:radius + 1, -radius:radius + 1]
    found = []
    for inside in mask[:, 0].cpu().numpy() > 0:
        if not inside.any():
            raise DataError('mask: is black all over; expected white where the image was changed.')
        blurred = ndimage.gaussian_filter(ndimage.binary_dilation(inside, x * x + y * y <= radius ** 2).astype(float),
                                          sigma, mode='nearest')
        low, high = blurred.min(), blurred.max()
        found.append((blurred - low) / (high - low) if high > low else np.ones_like(blurred))
    return torch.from_numpy(np.stack(found))[:, None].to(mask.device, torch.get_default_dtype())


def palette_of(image: Tensor, colours: int) -> np.ndarray:
    """The colours that are nearest to those of an image ``(1, C, H, W)``, ``(colours, C)``: the best of some k-means.

    Raises:
        ConfigError: the image has fewer colours, or ``colours`` is no whole number from 2.
    """
    points = pixels_of(image)
    different = np.unique(points, axis=0)
    if not isinstance(colours, int) or not 2 <= colours <= len(different):
        raise ConfigError(f'quantize: expected a number of colours from 2 to {len(different)}, those of the training '
                          f'image at this scale; found {colours!r}.')
    random = np.random.default_rng(0)
    starts = [random.choice(different, colours, replace=False) for _ in range(STARTS)]
    return min((k_means(points, start) for start in starts), key=lambda found: found[2])[0]


def quantized(image: Tensor, palette: np.ndarray) -> Tensor:
    """An image ``(N, C, H, W)`` in the colours of a palette ``(colours, C)``.

    Each pixel gets a class by k-means that starts from the palette and follows the image, so that a painting in other
    colours than the palette's can use all of them; then each class gets the colour that it started from.
    """
    found = []
    for one in image.split(1):
        _, classes, _ = k_means(pixels_of(one), palette.astype(float))
        found.append(torch.from_numpy(palette[classes]).to(image).unflatten(0, one.shape[-2:]).permute(2, 0, 1))
    return torch.stack(found)


def pixels_of(image: Tensor) -> np.ndarray:
    """``(1, C, H, W)`` -> ``(pixels, C)`` of float64."""
    return image[0].permute(1, 2, 0).flatten(0, 1).cpu().double().numpy()


def k_means(points: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Lloyd's algorithm until nothing changes; a class without points keeps its mean.

    Args:
        points: ``(N, D)``.
        means: where it starts, ``(K, D)``.

    Returns:
        Means ``(K, D)``, the class of every point ``(N,)``, and the sum of squared distances.
    """
    from scipy.cluster.vq import vq
    for _ in range(ITERATIONS):
        classes, distances = vq(points, means)
        counts = np.bincount(classes, minlength=len(means))[:, None]
        sums = np.stack([np.bincount(classes, column, len(means)) for column in points.T], axis=1)
        moved = np.where(counts > 0, sums / np.maximum(counts, 1), means)
        if np.array_equal(moved, means):
            break
        means = moved
    return means, classes, float(np.square(distances).sum())
