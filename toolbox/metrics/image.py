"""Metrics that compare each image with its target: PSNR, SSIM, MS-SSIM, L1 and L2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np

from ..data.ranges import range_in
from ..errors import ConfigError, DataError
from ..registry import METRICS, Natural, Positive
from .base import ImageMetric, Sample, absolute_difference, describe

WINDOW, SIGMA = 11, 1.5  # of SSIM, Wang et al. 2004, section III.C
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # exponents of MS-SSIM, Wang et al. 2003, section 3.2
LEVELS = 255.0
BT601 = np.array([65.481, 128.553, 24.966]) / 255  # luma of RGB in [0, 255], in the 16..235 form


class InRegion(ImageMetric):
    """A metric that compares pixel by pixel, in the whole image or where a picture of the same sample is white.

    Attributes:
        mask: key of that picture. :meth:`score` then gets the pixels ``(C, 1, K)`` that count.
    """

    mask: str | None = None

    @property
    def protocol(self) -> str:
        return f'{super().protocol}{f", where {self.mask} is white" if self.mask else ""}'

    def pair(self, sample: Sample, *args: Any, **kwargs: Any) -> tuple[np.ndarray, np.ndarray]:
        """What is compared. Raises a :class:`DataError` if the mask is white nowhere, or has another size."""
        pred, target = super().pair(sample, *args, **kwargs)
        if self.mask is None:
            return pred, target
        white = self.image(sample, self.mask, 'mask')[0] > 127
        if white.shape != pred.shape[1:] or not white.any():
            raise DataError(f'{self._place()}.mask: {self.mask!r} has {np.count_nonzero(white)} white pixels in a size '
                            f'of {white.shape} (H, W), for images of {pred.shape[1:]}, in {describe(sample)}. It must '
                            'have their size and at least one such pixel.')
        return pred[:, white][:, None], target[:, white][:, None]


class Fidelity(ImageMetric):
    """What PSNR and SSIM share: the part of the image and the channels that are compared.

    Args:
        pred: key of the images to score.
        target: key of the true images.
        data_range: largest value an image of 8 bits can take; images with a value range are scaled to 255 first.
        crop_border: pixels left out along every edge (super-resolution papers leave out as many as the scale).
        channel: ``'rgb'`` compares all channels, ``'y'`` the luma of BT.601 (16..235), not rounded.
        prefix: put before the result's name.
    """

    def __init__(
        self,
        pred: str | None = None,
        target: str | None = None,
        data_range: Positive = LEVELS,
        crop_border: Natural = 0,
        channel: Literal['rgb', 'y'] = 'rgb',
        prefix: str | None = None,
    ) -> None:
        super().__init__(pred, target, prefix)
        self.data_range = float(data_range)
        self.crop_border = crop_border
        self.channel = channel

    @property
    def protocol(self) -> str:
        parts = [*(['luma of BT.601'] if self.channel == 'y' else []),
                 *([f'without {self.crop_border} pixels along every edge'] if self.crop_border else []),
                 *([f'largest value {self.data_range:g}'] if self.data_range != LEVELS else [])]
        return ', '.join([super().protocol, *parts])

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """One score per image; images with a value range are scaled to 0..255 first."""
        if self.data_range != LEVELS and any(range_in(sample.get('meta'), self.pred) for sample in samples):
            raise ConfigError(f'{self._place()}.data_range={self.data_range:g}: these images have a value range, which '
                              'is used. Leave data_range out.')
        return super().measure(samples)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """The compared part of a ``(C, H, W)`` image as float64 ``(H, W, C)``."""
        border, (channels, height, width) = self.crop_border, image.shape
        if min(height, width) <= 2 * border:
            raise DataError(f'{self._place()}.crop_border={border} leaves nothing of an image of {height}x{width}.')
        pixels = image[:, border:height - border, border:width - border].astype(np.float64).transpose(1, 2, 0)
        if self.channel == 'rgb':
            return pixels
        if channels != 3:
            raise ConfigError(f"{self._place()}.channel='y' needs RGB images, found {channels} channel(s).")
        return (pixels @ BT601 + 16)[..., None]

    def require_size(self, image: np.ndarray, least: int) -> None:
        """Raise a DataError if a side of ``(H, W, C)`` is shorter than ``least``."""
        if min(image.shape[:2]) < least:
            raise DataError(f'{self._place()}: needs images of at least {least}x{least} pixels, '
                            f'found {image.shape[0]}x{image.shape[1]}.')


@METRICS.register_module()
class PSNR(InRegion, Fidelity):
    """Peak signal-to-noise ratio in dB, mean of the images' values (higher is better).

    The PSNR of two equal images is infinite, and so is then the mean. Give ``identical`` a number (often 100) to count
    such images with that number instead.

    Args:
        pred: key of the images to score.
        target: key of the true images.
        data_range: largest value an image of 8 bits can take; images with a value range are scaled to 255 first.
        crop_border: pixels left out along every edge.
        channel: ``'rgb'`` or ``'y'`` (luma of BT.601, 16..235).
        identical: value of an image that equals its target.
        mask: key of a picture that is white where pixels count (the holes of inpainting); all do if None.
        prefix: put before the result's name.

    Raises:
        ConfigError: both ``mask`` and ``crop_border``.
    """

    def __init__(
        self,
        pred: str | None = None,
        target: str | None = None,
        data_range: Positive = LEVELS,
        crop_border: Natural = 0,
        channel: Literal['rgb', 'y'] = 'rgb',
        identical: float = math.inf,
        prefix: str | None = None,
        mask: str | None = None,
    ) -> None:
        super().__init__(pred, target, data_range, crop_border, channel, prefix)
        self.identical, self.mask = identical, mask
        if mask and crop_border:
            raise ConfigError('PSNR.crop_border: the pixels in a mask have no border. Leave crop_border out, or mask.')

    def score(self, pred: np.ndarray, target: np.ndarray) -> float:
        """``10 log10(data_range^2 / MSE)``."""
        error = float(np.mean((self.prepare(pred) - self.prepare(target)) ** 2))
        return 10 * math.log10(self.data_range**2 / error) if error else self.identical


@METRICS.register_module()
class SSIM(Fidelity):
    """Structural similarity (Wang et al. 2004), mean over the images (at most 1, higher is better).

    Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, float64, only where the window lies inside the image,
    mean over the channels. The sides (without ``crop_border``) must be 11 pixels or more.
    """

    def score(self, pred: np.ndarray, target: np.ndarray) -> float:
        """Equation 13 of the paper, averaged over the image."""
        a, b = self.prepare(pred), self.prepare(target)
        self.require_size(a, WINDOW)
        luminance, structure = similarity(a, b, self.data_range)
        return float(np.mean(luminance * structure))


@METRICS.register_module()
class MSSSIM(Fidelity):
    """Multi-scale structural similarity (Wang et al. 2003), mean over the images (at most 1, higher is better).

    SSIM's structure at five scales, each half the one before (mean of 2x2 pixels), and its luminance at the last, with
    the paper's exponents; a scale whose mean is negative counts as 0. The window must fit at the last
    scale, so that the sides must be 176 pixels or more.
    """

    def score(self, pred: np.ndarray, target: np.ndarray) -> float:
        """Equation 7 of the paper, each scale averaged over the image first."""
        a, b = self.prepare(pred), self.prepare(target)
        self.require_size(a, WINDOW * 2 ** (len(SCALES) - 1))
        result = 1.0
        for scale, exponent in enumerate(SCALES, 1):
            luminance, structure = similarity(a, b, self.data_range)
            mean = np.mean(luminance * structure if scale == len(SCALES) else structure)
            result *= max(0.0, float(mean)) ** exponent
            a, b = halve(a), halve(b)
        return result


class PixelError(InRegion):
    """What L1 and L2 share.

    Args:
        pred: key of the images to score.
        target: key of the true images.
        prefix: put before the result's name.
        mask: key of a picture that is white where pixels count (the holes of inpainting); all do if None.
    """

    higher_is_better = False

    def __init__(self, pred: str | None = None, target: str | None = None, prefix: str | None = None,
                 mask: str | None = None) -> None:
        super().__init__(pred, target, prefix)
        self.mask = mask


@METRICS.register_module()
class L1(PixelError):
    """Mean absolute error of images in [0, 1] (0 is perfect, 1/255 is one grey level), mean over the images.

    Images with a value range are scaled to [0, 1] by it. Papers on inpainting print it in %.
    """

    def score(self, pred: np.ndarray, target: np.ndarray) -> float:
        """``mean |pred - target| / 255``."""
        return float(np.mean(absolute_difference(pred, target))) / 255


@METRICS.register_module()
class L2(PixelError):
    """Mean squared error of images in [0, 1] (lower is better), mean over the images, otherwise as :class:`L1`."""

    def score(self, pred: np.ndarray, target: np.ndarray) -> float:
        """``mean (pred - target)^2 / 255^2``."""
        return float(np.mean((pred.astype(np.float64) - target) ** 2)) / LEVELS**2


def similarity(a: np.ndarray, b: np.ndarray, data_range: float) -> tuple[np.ndarray, np.ndarray]:
    """SSIM's luminance term and the product of its contrast and structure terms, where the window fits in the image."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    covariance = smooth(a * b) - mean_a * mean_b
    return ((2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1),
            (2 * covariance + c2) / (var_a + var_b + c2))


def halve(image: np.ndarray) -> np.ndarray:
    """Mean of every 2x2 pixels of ``(H, W, C)``; an odd last row or column is left out."""
    height, width = (side // 2 * 2 for side in image.shape[:2])
    return (image[:height:2, :width:2] + image[1:height:2, :width:2]
            + image[:height:2, 1:width:2] + image[1:height:2, 1:width:2]) / 4


def smooth(image: np.ndarray) -> np.ndarray:
    """Gaussian mean of float64 ``(H, W, C)`` at every place where the window fits: ``(H - 10, W - 10, C)``."""
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    radius = WINDOW // 2
    # OpenCV drops the channel axis of gray images.
    filtered = cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel).reshape(image.shape)
    return filtered[radius:-radius, radius:-radius]
