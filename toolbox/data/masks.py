"""Masks of missing pixels: how files mean them, and transforms that draw them. White is missing.

As a picture of a sample a mask is ``(H, W, 1)`` uint8 of 0 and 255, so that crops, flips and resizing treat it as they
treat the image.
"""

from __future__ import annotations

import math
import random
from typing import Annotated, ClassVar, Literal, TypeVar

import cv2
import numpy as np

from ..errors import ConfigError, DataError
from ..registry import TRANSFORMS, Between, Count, File, Natural
from .io import read_stored
from .listing import list_images
from .places import Source
from .showing import Pixels
from .transforms import AUGMENTATION, Images

Share = Annotated[float, Between(0, 1, '(]')]
Shares = Share | tuple[Share, Share]  # one number, or the smallest and the largest
MOST_STROKES = 100
N = TypeVar('N', int, float)


def is_missing(numbers: np.ndarray, name: str) -> np.ndarray:
    """Which pixels a mask means, ``(H, W)`` bool: those in the upper half of what its numbers can be.

    Args:
        numbers: ``(H, W)`` flags or whole numbers: 0 and 1, or gray levels of any bit depth. Gray levels with further
            equal channels are one; alpha is not looked at.
        name: of the file, for messages.

    Raises:
        DataError: it is no mask.
    """
    if numbers.ndim == 3 and numbers.shape[2] in (2, 4):
        numbers = numbers[:, :, :-1]
    if numbers.ndim == 3 and (numbers == numbers[:, :, :1]).all():
        numbers = numbers[:, :, 0]
    if numbers.ndim != 2 or not numbers.size or numbers.dtype.kind not in 'bui' or numbers.min() < 0:
        raise DataError(f'{name}: expected a mask, white where pixels are missing and black elsewhere: gray levels or '
                        f'flags (H, W), found {numbers.dtype} of shape {numbers.shape}'
                        f'{" with colours" if numbers.ndim == 3 else ""}. Save it as a gray picture.')
    if numbers.dtype == bool:
        return numbers
    highest = int(numbers.max())
    full = next(full for full in (1, 255, 65535, np.iinfo(numbers.dtype).max) if highest <= full)
    return numbers > full // 2


def read_mask(path: Source, pixels: Pixels = 'stored') -> np.ndarray:
    """The mask in a file as a picture, ``(H, W, 1)`` uint8 of 0 and 255; 'shown' turns it by its orientation tag.

    Raises:
        DataError: the file cannot be read, or is no mask.
    """
    stored = read_stored(path, pixels)
    numbers = stored.numbers
    if stored.palette is not None:  # its numbers have no order, its colours have
        numbers = stored.palette.astype(np.uint8)[numbers]
    return as_picture(is_missing(numbers, str(path)))


def as_picture(missing: np.ndarray) -> np.ndarray:
    """``(H, W)`` bool -> ``(H, W, 1)`` uint8 of 0 and 255."""
    return np.where(missing, np.uint8(255), np.uint8(0))[:, :, None]


class Holes:
    """Base of the transforms that draw a mask as 'mask'; where there is one already, the holes are added to it."""

    changes: ClassVar[str] = AUGMENTATION

    def __call__(self, images: Images) -> Images:
        height, width = next(iter(images.values())).shape[:2]
        mask = as_picture(self.draw(height, width))
        return {**images, 'mask': np.maximum(images['mask'], mask) if 'mask' in images else mask}

    def draw(self, height: int, width: int) -> np.ndarray:
        """Which pixels are missing, ``(height, width)`` bool."""
        raise NotImplementedError


@TRANSFORMS.register_module()
class RectangleHoles(Holes):
    """One or several rectangles.

    Args:
        share: height and width of a hole / those of the image, each drawn uniformly where two numbers are given:
            (0.25, 0.5); 0.5 is a quarter of the area.
        place: 'center', or 'random': anywhere within the image.
        count: number of rectangles, or the smallest and the largest; they may overlap.
    """

    def __init__(self, share: Shares = 0.5, place: Literal['center', 'random'] = 'random',
                 count: Count | tuple[Natural, Count] = 1) -> None:
        self.share = ends(share, 'RectangleHoles.share')
        self.count = ends(count, 'RectangleHoles.count')
        self.place = place

    def draw(self, height: int, width: int) -> np.ndarray:
        missing = np.zeros((height, width), bool)
        for _ in range(random.randint(*self.count)):
            h, w = (max(1, round(side * random.uniform(*self.share))) for side in (height, width))
            if self.place == 'center':
                top, left = (height - h) // 2, (width - w) // 2
            else:
                top, left = random.randint(0, height - h), random.randint(0, width - w)
            missing[top:top + h, left:left + w] = True
        return missing


@TRANSFORMS.register_module()
class StrokeHoles(Holes):
    """Strokes of a brush, until a drawn share of the image is missing; the last stroke may go a little beyond.

    A stroke is a chain of straight lines with round ends; from line to line it turns by up to a right angle.

    Args:
        area: missing pixels / all pixels, drawn uniformly where two numbers are given.
        width: of a brush / shorter side of the image, drawn for each stroke.
        length: of a line / shorter side of the image, drawn for each line.
        lines: most lines of a stroke.
    """

    def __init__(self, area: Shares = (0.1, 0.3), width: Shares = (0.05, 0.15), length: Shares = (0.1, 0.4),
                 lines: Count = 6) -> None:
        self.area, self.width, self.length = (ends(value, f'StrokeHoles.{name}') for name, value in (
            ('area', area), ('width', width), ('length', length)))
        self.lines = lines

    def draw(self, height: int, width: int) -> np.ndarray:
        missing, side = np.zeros((height, width), np.uint8), min(height, width)
        wanted = random.uniform(*self.area) * missing.size
        for _ in range(MOST_STROKES):
            x, y, angle = random.uniform(0, width), random.uniform(0, height), random.uniform(0, 2 * math.pi)
            brush = max(1, round(side * random.uniform(*self.width)))
            for _ in range(random.randint(1, self.lines)):
                step = side * random.uniform(*self.length)
                end = x + step * math.cos(angle), y + step * math.sin(angle)
                cv2.line(missing, (round(x), round(y)), (round(end[0]), round(end[1])), 1, brush)
                if missing.sum() >= wanted:
                    return missing.astype(bool)
                x, y = min(max(end[0], 0), width), min(max(end[1], 0), height)
                angle += random.uniform(-math.pi / 2, math.pi / 2)
        return missing.astype(bool)


@TRANSFORMS.register_module()
class MasksFromFolder(Holes):
    """A mask drawn from those of a folder, whatever their names, at the size of the image (nearest pixels).

    A mask of its own for each image is what the data set :class:`~toolbox.data.sets.masked.MaskedImages` reads.

    Args:
        folder: of masks, white where pixels are missing, of any size and bit depth.
    """

    def __init__(self, folder: File) -> None:
        self.files = list_images(folder)

    def draw(self, height: int, width: int) -> np.ndarray:
        mask = read_mask(random.choice(self.files))
        return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT) > 0


def ends(value: N | tuple[N, N], place: str) -> tuple[N, N]:
    """The smallest and the largest of what is one number or two.

    Raises:
        ConfigError: the first is larger than the second.
    """
    low, high = value if isinstance(value, (tuple, list)) else (value, value)
    if low > high:
        raise ConfigError(f'{place}: expected the smallest and the largest, found {value!r}.')
    return low, high
