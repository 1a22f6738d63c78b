"""Transforms of a dict of images: one random draw per call, shared by every entry (a pair stays a pair).

An image is ``(H, W, C)`` of the numbers in its file (uint8, uint16; others with a value range), a label map ``(H, W)``
int32. Images are resized by Pillow's antialiased bicubic filter, as in the authors' code, and label maps by the exact
nearest neighbour. Draws come from Python's ``random``, in the order of the authors' ``get_params``: x, y, flip.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import ClassVar, Literal

import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from ..errors import ConfigError, DataError
from ..registry import TRANSFORMS, Count, Positive, Probability, Size
from ..resampling import pillow_resize

Images = dict[str, np.ndarray]
Filter = Literal['bicubic', 'bilinear', 'fast']
# Pillow's modes of 8-bit images; in CMYK, four channels do not weigh each other, as colours and alpha in RGBA would.
PICTURES = {1: 'L', 3: 'RGB', 4: 'CMYK'}
CV2_TYPES = ('uint8', 'uint16', 'float32')  # in which OpenCV computes
# What a transform changes; one that says nothing changes values. Only those are repeated when a trained model is used.
VALUES, GEOMETRY, AUGMENTATION = 'values', 'geometry', 'augmentation'
FILTERS = {name: getattr(Image.Resampling, name.upper())
           for name in ('bicubic', 'bilinear', 'box', 'hamming', 'lanczos', 'nearest')}


def resize(image: np.ndarray, height: int, width: int, filter: str = 'bicubic') -> np.ndarray:
    """Resize an image (antialiased, ``filter`` is a key of ``FILTERS`` or 'fast') or a label map (nearest)."""
    if image.shape[:2] == (height, width):
        return image
    if image.ndim == 2:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    if image.dtype != np.uint8 or image.shape[2] not in PICTURES:
        return (_fast_planes if filter == 'fast' else _planes)(image, height, width, filter)
    return (_fast_picture if filter == 'fast' else _picture)(image, height, width, filter)


def _picture(image: np.ndarray, height: int, width: int, filter: str) -> np.ndarray:
    mode = PICTURES[image.shape[2]]
    picture = Image.frombuffer(mode, image.shape[1::-1], np.ascontiguousarray(image), 'raw', mode, 0, 1)
    return np.asarray(pillow_resize(picture, height, width, FILTERS[filter])).reshape(height, width, -1)


def _planes(image: np.ndarray, height: int, width: int, filter: str) -> np.ndarray:
    """For what Pillow knows no picture of: channel by channel in float32; the filter's overshoot of integers is
    clipped."""
    planes = [np.asarray(pillow_resize(Image.fromarray(image[:, :, c].astype(np.float32)), height, width,
                                       FILTERS[filter])) for c in range(image.shape[2])]
    return _as_type(np.stack(planes, axis=2), image.dtype)


def _fast_picture(image: np.ndarray, height: int, width: int, filter: str) -> np.ndarray:
    """torch's antialiased bicubic, whose weights have 16 bits: 1 pixel in 100 is a level off Pillow's, few are two."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).movedim(2, 0)[None]
    resized = functional.interpolate(pixels, (height, width), mode='bicubic', antialias=True)
    return resized[0].movedim(0, 2).numpy()


def _fast_planes(image: np.ndarray, height: int, width: int, filter: str) -> np.ndarray:
    """OpenCV's: means of areas where an image shrinks, and its own bicubic where a side grows."""
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    pixels = image if image.dtype.name in CV2_TYPES else image.astype(np.float32)
    parts = [cv2.resize(pixels[:, :, at:at + 4], (width, height),  # it knows up to four channels
                        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC).reshape(height, width, -1)
             for at in range(0, image.shape[2], 4)]
    return _as_type(np.concatenate(parts, 2) if len(parts) > 1 else parts[0], image.dtype)


def _as_type(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers in the type of the files; of whole ones the nearest."""
    if dtype.kind == 'f' or image.dtype == dtype:
        return image.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return image.astype(np.float64).round().clip(limits.min, limits.max).astype(dtype)


class Geometry:
    """Base of the transforms that move pixels and leave their values alone."""

    changes: ClassVar[str] = GEOMETRY

    def target(self, height: int, width: int) -> tuple[int, int]:
        """The size of what comes out, for images of this size."""
        return height, width


class _ResizeTo(Geometry):
    """Base of the resizing transforms: every entry goes to a size computed from its own."""

    filter = 'bicubic'

    def __call__(self, images: Images) -> Images:
        return {key: resize(image, *self.target(*image.shape[:2]), self.filter) for key, image in images.items()}


@TRANSFORMS.register_module()
class Resize(_ResizeTo):
    """To a fixed size, whatever the aspect ratio (the authors' 'resize').

    Args:
        size: side of a square, or ``(height, width)``.
        filter: 'bicubic', 'bilinear' (the authors of StarGAN, StarGAN v2, UNIT and MUNIT), or 'fast': 8-bit
            pixels mostly equal to the authors', the others by up to 2 levels off, in a quarter of the time (torch's
            bicubic); images of other types or numbers of channels by OpenCV, further off.
    """

    def __init__(self, size: Size, filter: Filter = 'bicubic') -> None:
        self.size, self.filter = _pair(size), filter

    def target(self, height: int, width: int) -> tuple[int, int]:
        return self.size


@TRANSFORMS.register_module()
class ResizeShort(_ResizeTo):
    """The shorter side to ``size``, keeping the aspect ratio; ``filter`` as of :class:`Resize`."""

    def __init__(self, size: Count, filter: Filter = 'bicubic') -> None:
        self.size, self.filter = size, filter

    def target(self, height: int, width: int) -> tuple[int, int]:
        short = min(height, width)
        return self.size * height // short, self.size * width // short


@TRANSFORMS.register_module()
class ScaleWidth(_ResizeTo):
    """The width to ``width``, keeping the aspect ratio (the authors' 'scale_width').

    Args:
        width: new width.
        min_height: the image is stretched where it would become lower than this (their crop size).
    """

    def __init__(self, width: Count, min_height: Count = 1) -> None:
        self.width, self.min_height = width, min_height

    def target(self, height: int, width: int) -> tuple[int, int]:
        return int(max(self.width * height / width, self.min_height)), self.width


@TRANSFORMS.register_module()
class MakeDivisible(_ResizeTo):
    """To the nearest size whose sides are multiples of ``divisor`` (the authors' preprocess 'none', divisor 4)."""

    def __init__(self, divisor: Count = 4) -> None:
        self.divisor = divisor

    def target(self, height: int, width: int) -> tuple[int, int]:
        return self._nearest(height), self._nearest(width)

    def _nearest(self, side: int) -> int:
        return max(round(side / self.divisor), 1) * self.divisor


class _Crop(Geometry):
    """Base of the transforms whose results have one size."""

    size: tuple[int, int]

    def target(self, height: int, width: int) -> tuple[int, int]:
        return self.size


@TRANSFORMS.register_module()
class RandomCrop(_Crop):
    """Cut out a window of ``size`` (side or ``(height, width)``) at a uniformly drawn place.

    Raises:
        DataError: an image is smaller than the window, or the images of a pair differ in size.
    """

    def __init__(self, size: Size) -> None:
        self.size = _pair(size)

    def __call__(self, images: Images) -> Images:
        height, width = _common_size(images, self)
        x = random.randint(0, max(0, width - self.size[1]))
        y = random.randint(0, max(0, height - self.size[0]))
        return _crop(images, y, x, self.size)


@TRANSFORMS.register_module()
class RandomResizedCrop(_Crop):
    """With probability ``p`` cut out a window of random area and shape, and resize it; else leave the image alone.

    The window is drawn as torchvision does: its share of the area uniformly from ``scale``, its aspect ratio uniformly
    in the logarithm from ``ratio``; after ten windows that do not fit, the largest one in the middle that does.

    Args:
        size: side or ``(height, width)`` of the result.
        scale: smallest and largest share of the area.
        ratio: smallest and largest width / height.
        p: probability; the authors of StarGAN v2 have 0.5, and resize all images afterwards.
        filter: 'bicubic', 'bilinear' or 'fast', as :class:`Resize` has it.
    """

    def __init__(self, size: Size, scale: tuple[Positive, Positive] = (0.8, 1.0),
                 ratio: tuple[Positive, Positive] = (0.9, 1.1), p: Probability = 1.0,
                 filter: Filter = 'bilinear') -> None:
        self.size, self.filter = _pair(size), filter
        for name, (low, high) in (('scale', scale), ('ratio', ratio)):
            if low > high:
                raise ConfigError(f'RandomResizedCrop.{name}: (low, high) with 0 < low <= high, found {(low, high)}.')
        self.scale, self.ratio, self.p = scale, ratio, p

    def __call__(self, images: Images) -> Images:
        height, width = _common_size(images, self, (1, 1))
        if random.random() >= self.p:
            return images
        cropped = _crop(images, *self._window(height, width))
        return {key: resize(image, *self.size, self.filter) for key, image in cropped.items()}

    def _window(self, height: int, width: int) -> tuple[int, int, tuple[int, int]]:
        """Top, left and (height, width)."""
        for _ in range(10):
            area = height * width * random.uniform(*self.scale)
            ratio = math.exp(random.uniform(*map(math.log, self.ratio)))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                return random.randint(0, height - h), random.randint(0, width - w), (h, w)
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
        return (height - h) // 2, (width - w) // 2, (h, w)


@TRANSFORMS.register_module()
class CenterCrop(_Crop):
    """Cut out the window of ``size`` in the middle. Raises as :class:`RandomCrop`."""

    def __init__(self, size: Size) -> None:
        self.size = _pair(size)

    def __call__(self, images: Images) -> Images:
        height, width = _common_size(images, self)
        return _crop(images, (height - self.size[0]) // 2, (width - self.size[1]) // 2, self.size)


@TRANSFORMS.register_module()
class RandomFlip(Geometry):
    """Mirror left-right with probability ``p``."""

    def __init__(self, p: Probability = 0.5) -> None:
        self.p = p

    def __call__(self, images: Images) -> Images:
        # The comparison is the authors' "random() > 0.5"; it must not become "random() < p".
        if random.random() > 1 - self.p:
            return {key: image[:, ::-1] for key, image in images.items()}
        return images


@TRANSFORMS.register_module()
class RandomTurn(Geometry):
    """Turn by 0, 90, 180 or 270 degrees, each as likely; crop to a square first, or sizes differ in a batch."""

    def __call__(self, images: Images) -> Images:
        quarters = random.randint(0, 3)
        return {key: np.rot90(image, quarters) for key, image in images.items()}


@TRANSFORMS.register_module()
class Pad(Geometry):
    """Extend images smaller than ``size`` equally on both sides; larger ones are left alone.

    Args:
        size: side or ``(height, width)`` to reach.
        mode: 'reflect', 'edge' or 'constant'.
        value: of the new pixels of images in mode 'constant', in the image's own units.
        label_value: the same for label maps (255: ignored by most evaluations).
    """

    def __init__(self, size: Size, mode: Literal['reflect', 'edge', 'constant'] = 'reflect', value: int = 0,
                 label_value: int = 255) -> None:
        self.size = _pair(size)
        self.mode = mode
        self.value = value
        self.label_value = label_value

    def target(self, height: int, width: int) -> tuple[int, int]:
        return max(height, self.size[0]), max(width, self.size[1])

    def __call__(self, images: Images) -> Images:
        return {key: self._pad(image) for key, image in images.items()}

    def _pad(self, image: np.ndarray) -> np.ndarray:
        missing = [max(0, want - have) for want, have in zip(self.size, image.shape, strict=False)]
        if not any(missing):
            return image
        widths = [(m // 2, m - m // 2) for m in missing] + [(0, 0)] * (image.ndim - 2)
        if self.mode != 'constant':
            return np.pad(image, widths, mode=self.mode)
        return np.pad(image, widths, constant_values=self.label_value if image.ndim == 2 else self.value)


def compose(transforms: list[Callable[[Images], Images]], images: Images) -> Images:
    """Apply transforms one after the other."""
    for transform in transforms:
        images = transform(images)
    return images


def _crop(images: Images, y: int, x: int, size: tuple[int, int]) -> Images:
    return {key: image[y:y + size[0], x:x + size[1]] for key, image in images.items()}


def _common_size(images: Images, crop: _Crop,
                 window: tuple[int, int] | None = None) -> tuple[int, int]:
    """The one size of all entries, which the window must fit."""
    sizes = {key: image.shape[:2] for key, image in images.items()}
    height, width = next(iter(sizes.values()))
    name, (wanted_height, wanted_width) = type(crop).__name__, window or crop.size
    if any(size != (height, width) for size in sizes.values()):
        listed = ', '.join(f'{key} {w}x{h}' for key, (h, w) in sizes.items())
        raise DataError(f'{name}: the images of one sample differ in size ({listed}; width x height). '
                        "Put dict(type='Resize', size=...) before it, or take ScaledCrop in super-resolution.")
    if height < wanted_height or width < wanted_width:
        raise DataError(f'{name}: the image is {width}x{height} (width x height), smaller than the window '
                        f'{wanted_width}x{wanted_height}. Put Resize, ScaleWidth or Pad before it.')
    return height, width


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
