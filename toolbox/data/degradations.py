"""What makes a small, blurred or noisy image of a good one, and the crop that both share: for super-resolution.

Each takes 8 and 16 bits; levels are those of 8 bits, a 257th of those of 16. What is random is drawn anew for each
sample, from its seed.
"""

from __future__ import annotations

import random
from typing import ClassVar, Literal, get_args

import cv2
import numpy as np

from ..errors import ConfigError, DataError
from ..registry import TRANSFORMS, Count, NonNegative, Size
from ..resampling import imresize
from .transforms import AUGMENTATION, FILTERS, GEOMETRY, Geometry, Images, resize

CV2 = {'cv2_nearest': cv2.INTER_NEAREST, 'cv2_linear': cv2.INTER_LINEAR, 'cv2_cubic': cv2.INTER_CUBIC,
       'cv2_area': cv2.INTER_AREA, 'cv2_lanczos': cv2.INTER_LANCZOS4}
By = Literal['matlab', 'pillow_nearest', 'pillow_box', 'pillow_bilinear', 'pillow_hamming', 'pillow_bicubic',
             'pillow_lanczos', 'cv2_nearest', 'cv2_linear', 'cv2_cubic', 'cv2_area', 'cv2_lanczos']
Drawn = tuple[NonNegative, NonNegative]
LEVEL = {'uint8': 1, 'uint16': 257}  # one grey level of 8 bits


@TRANSFORMS.register_module()
class Downscale:
    """Every side to a ``scale``-th of it.

    Args:
        by: 'matlab' is MATLAB's ``imresize`` (bicubic with antialiasing), which made the published small images of
            Set5, Set14, BSD and DIV2K. Pillow's filters have antialiasing, too, and differ at the border; of OpenCV's
            'area' alone has it.
        scale: None in the data set, which knows it.

    Raises:
        DataError: a side is no multiple of ``scale``.
    """

    changes: ClassVar[str] = GEOMETRY

    def __init__(self, by: By = 'matlab', scale: Count | None = None) -> None:
        self.by, self.scale = by, scale

    def target(self, height: int, width: int) -> tuple[int, int]:
        """The size of what comes out, for images of this size."""
        if self.scale is None:
            raise ConfigError("Downscale: outside a data set of super-resolution say by how much: scale=4.")
        if height % self.scale or width % self.scale:
            raise DataError(f'Downscale: {width}x{height} (width x height) cannot be divided by the scale '
                            f'{self.scale}. Cut it to a multiple first.')
        return height // self.scale, width // self.scale

    def __call__(self, images: Images) -> Images:
        return {key: self._shrink(image, *self.target(*image.shape[:2])) for key, image in images.items()}

    def _shrink(self, image: np.ndarray, height: int, width: int) -> np.ndarray:
        if self.by == 'matlab':
            return imresize(image, size=(height, width))
        if self.by in CV2:
            small = cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=CV2[self.by])
            return small.reshape(height, width, -1)
        return resize(image, height, width, self.by.removeprefix('pillow_'))


@TRANSFORMS.register_module()
class ScaledCrop(Geometry):
    """Cut one window out of images of a scene whose sizes are multiples of the smallest, at a drawn place.

    Args:
        size: side or ``(height, width)`` of the window in the largest image, a multiple of the factor between them.

    Raises:
        DataError: the images are smaller than the window, or their sizes are no multiples.
        ConfigError: ``size`` is no multiple.
    """

    def __init__(self, size: Size) -> None:
        self.size = (size, size) if isinstance(size, int) else (size[0], size[1])

    def target(self, height: int, width: int) -> tuple[int, int]:
        return self.size

    def __call__(self, images: Images) -> Images:
        (height, width), factors = _multiples(images)
        largest = max(factors.values())
        if self.size[0] % largest or self.size[1] % largest:
            raise ConfigError(f'ScaledCrop.size={self.size}: a multiple of {largest} is needed, by which the images '
                              'of one sample differ in size.')
        h, w = self.size[0] // largest, self.size[1] // largest
        if height < h or width < w:
            raise DataError(f'ScaledCrop: the image is {width * largest}x{height * largest} (width x height), smaller '
                            f'than the window {self.size[1]}x{self.size[0]}. Leave such files out, or enlarge them.')
        x, y = random.randint(0, width - w), random.randint(0, height - h)
        return {key: image[y * k:(y + h) * k, x * k:(x + w) * k]
                for (key, image), k in zip(images.items(), factors.values(), strict=True)}


def _multiples(images: Images) -> tuple[tuple[int, int], dict[str, int]]:
    """The size of the smallest image, and how many pixels of each lie along one of it."""
    sizes = {key: image.shape[:2] for key, image in images.items()}
    height, width = min(sizes.values())
    factors = {key: h // height for key, (h, _) in sizes.items()}
    if any((height * factors[key], width * factors[key]) != size for key, size in sizes.items()):
        listed = ', '.join(f'{key} {w}x{h}' for key, (h, w) in sizes.items())
        raise DataError(f'ScaledCrop: the sizes of the images of one sample are no multiples of the smallest '
                        f'({listed}; width x height).')
    return (height, width), factors


class _Spoils:
    """Base of the transforms that make an image worse: a trained network is asked without them."""

    changes: ClassVar[str] = AUGMENTATION

    def __call__(self, images: Images) -> Images:
        return {key: self.spoil(image) for key, image in images.items()}

    def spoil(self, image: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@TRANSFORMS.register_module()
class GaussianBlur(_Spoils):
    """Blur whose standard deviation in pixels is drawn uniformly from ``sigma``; the border is mirrored."""

    def __init__(self, sigma: Drawn = (0.2, 2.0)) -> None:
        self.sigma = _ordered(sigma, 'GaussianBlur.sigma')

    def spoil(self, image: np.ndarray) -> np.ndarray:
        sigma = random.uniform(*self.sigma)
        if not sigma:
            return image
        side = 2 * int(np.ceil(4 * sigma)) + 1
        return cv2.GaussianBlur(image, (side, side), sigma, borderType=cv2.BORDER_REFLECT).reshape(image.shape)


@TRANSFORMS.register_module()
class GaussianNoise(_Spoils):
    """Noise whose standard deviation, in grey levels of 8 bits, is drawn uniformly from ``sigma``."""

    def __init__(self, sigma: Drawn = (0.0, 25.0)) -> None:
        self.sigma = _ordered(sigma, 'GaussianNoise.sigma')

    def spoil(self, image: np.ndarray) -> np.ndarray:
        level = _level(image, 'GaussianNoise')
        noisy = image + np.random.normal(0, random.uniform(*self.sigma) * level, image.shape)
        return np.rint(noisy).clip(0, np.iinfo(image.dtype).max).astype(image.dtype)


@TRANSFORMS.register_module()
class JPEG(_Spoils):
    """What JPEG leaves of gray or RGB images; its quality (1..100) is drawn from the whole numbers of ``quality``.

    Of 16 bits it leaves 8.
    """

    def __init__(self, quality: tuple[Count, Count] = (30, 95)) -> None:
        low, high = _ordered(quality, 'JPEG.quality')
        if high > 100:
            raise ConfigError(f'JPEG.quality: from 1 to 100, found {quality}.')
        self.quality = int(low), int(high)

    def spoil(self, image: np.ndarray) -> np.ndarray:
        level = _level(image, 'JPEG')
        if image.shape[2] not in (1, 3):
            raise DataError(f'JPEG: gray or RGB images, found {image.shape[2]} channels.')
        pixels = np.rint(image / level).astype(np.uint8)[:, :, ::-1]
        packed = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, random.randint(*self.quality)])[1]
        unpacked = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED)
        assert unpacked is not None, 'it was packed a line ago'
        return unpacked.reshape(image.shape)[:, :, ::-1].astype(image.dtype) * image.dtype.type(level)


def _ordered(limits: tuple[float, float], place: str) -> tuple[float, float]:
    low, high = limits
    if low > high:
        raise ConfigError(f'{place}: (smallest, largest), found {(low, high)}.')
    return low, high


def _level(image: np.ndarray, name: str) -> int:
    if image.dtype.name not in LEVEL:
        raise DataError(f'{name}: images of 8 or 16 bits without sign, found {image.dtype}.')
    return LEVEL[image.dtype.name]


assert set(get_args(By)) == {'matlab', *CV2, *(f'pillow_{name}' for name in FILTERS)}
