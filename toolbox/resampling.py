"""MATLAB's ``imresize``, from which super-resolution takes its small images, SinGAN's form of it, and Pillow's.

The first two are sums of products with weights from one table (:func:`taps`): Keys' cubic with a = -0.5, made wider
when an image becomes smaller, so that nothing aliases. Pillow and ``torch.nn.functional.interpolate(antialias=True)``
agree with it inside the image only: at the border they leave out what is missing, MATLAB mirrors the image.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .errors import ConfigError

SUPPORT = 4  # of the cubic, in pixels
Border = Literal['mirror', 'singan']
Array = TypeVar('Array', np.ndarray, Tensor)


class Taps(NamedTuple):
    """Where each pixel of a resized line comes from: ``places`` int64 and ``weights`` float64, both (new length, K)."""

    places: np.ndarray
    weights: np.ndarray


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel (1981, equation 15) with a = -0.5; 0 beyond a distance of 2."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@functools.lru_cache(maxsize=256)
def taps(length: int, new_length: int, scale: float, antialias: bool = True, border: Border = 'mirror') -> Taps:
    """The table of one axis.

    Args:
        length: of the line.
        new_length: of the result; pixel i of it lies at ``(i + 0.5) / scale - 0.5``.
        scale: new pixels for one old pixel. Not always ``new_length / length``, which has been rounded up.
        antialias: widen the kernel by ``1 / scale`` when the line becomes shorter.
        border: 'mirror' as MATLAB at both ends; 'singan' leaves out what lies before the start (its authors' code, by
            an overflow), and mirrors at the end.
    """
    shrink = min(scale, 1.0) if antialias else 1.0
    width = SUPPORT / shrink
    centres = (np.arange(1, new_length + 1) / scale + 0.5 * (1 - 1 / scale))[:, None]  # counted from 1
    places = np.floor(centres - width / 2).astype(np.int64) + np.arange(math.ceil(width) + 2)
    weights = shrink * cubic(shrink * (centres - places))
    places = places - 1
    if border == 'singan':
        weights = np.where(places < 0, 0.0, weights)
    weights = weights / weights.sum(1, keepdims=True)
    used = (weights != 0).any(0)
    folded = places[:, used] % (2 * length)
    return Taps(np.where(folded < length, folded, 2 * length - 1 - folded), weights[:, used])


def resized_shape(height: int, width: int, scale: float) -> tuple[int, int]:
    """``ceil(scale * side)`` of both sides."""
    return math.ceil(height * scale), math.ceil(width * scale)


def imresize(image: np.ndarray, scale: float | None = None, size: tuple[int, int] | None = None,
             antialias: bool = True, border: Border = 'mirror') -> np.ndarray:
    """Resize ``(H, W)`` or ``(H, W, C)`` as MATLAB does.

    Args:
        image: whole numbers come back in their type, rounded and clipped to what it holds; floats are not clipped, and
            the cubic overshoots.
        scale: both sides become ``ceil(scale * side)``.
        size: (height, width) in its place; with both, ``scale`` says where pixels lie.
        antialias: see :func:`taps`.
        border: see :func:`taps`.

    Raises:
        ConfigError: neither ``scale`` nor ``size``, or one that leaves no pixel.
    """
    exact = image.astype(np.float64)
    for axis, found in enumerate(_tables(image.shape[0], image.shape[1], scale, size, antialias, border)):
        exact = _along(exact, axis, found, np.take, lambda values, like: values)
    if image.dtype.kind == 'f':
        return exact.astype(image.dtype)
    limits = np.iinfo(image.dtype)
    return np.floor(exact + 0.5).clip(limits.min, limits.max).astype(image.dtype)


def imresize_tensor(images: Tensor, scale: float | None = None, size: tuple[int, int] | None = None,
                    antialias: bool = True, border: Border = 'mirror') -> Tensor:
    """The same for floating images ``(N, C, H, W)`` on their device, in their precision; gradients pass.

    Raises:
        ConfigError: as :func:`imresize`.
    """
    height, width = images.shape[-2:]
    for axis, found in zip((-2, -1), _tables(height, width, scale, size, antialias, border), strict=True):
        images = _along(images, axis, found, _select, lambda values, like: torch.as_tensor(values).to(like))
    return images


def _select(images: Tensor, places: np.ndarray, axis: int) -> Tensor:
    return images.index_select(axis, torch.from_numpy(places.copy()).to(images.device))


def _tables(height: int, width: int, scale: float | None, size: tuple[int, int] | None, antialias: bool,
            border: Border) -> list[Taps]:
    if (scale is None and size is None) or (scale is not None and not scale > 0) or (size and min(size) < 1):
        raise ConfigError(f'imresize: a scale above 0 or a size (height, width) of 1 or more, found scale={scale}, '
                          f'size={size}.')
    new = size or resized_shape(height, width, scale or 1)
    return [taps(old, side, scale or side / old, antialias, border)
            for old, side in zip((height, width), new, strict=True)]


def _along(image: Array, axis: int, found: Taps, take: Callable[..., Array],
           convert: Callable[[np.ndarray, Array], Any]) -> Array:
    """The weighted sum of the pixels of every tap along one axis."""
    shape = [1] * image.ndim
    shape[axis] = -1
    total = None
    for places, weights in zip(found.places.T, found.weights.T, strict=True):
        part = take(image, places, axis=axis) * convert(weights.reshape(shape), image)
        total = part if total is None else total + part
    assert total is not None
    return total


def pillow_resize(image: Image.Image, height: int, width: int, resampling: Image.Resampling) -> Image.Image:
    """Pillow's antialiased resizing with the pixels of its versions before 13: along the width, then along the height.

    The first pass is rounded to the image's type, so the order counts: where an image loses more than twice as much
    height as width, version 13 takes the height first, and pixels differ by up to 22 levels.
    """
    return image.resize((width, image.height), resampling).resize((width, height), resampling)
