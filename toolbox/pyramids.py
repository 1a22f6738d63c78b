"""The pyramid of one image: how many scales it has, their sizes, and how images go from one to the next (SinGAN)."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from .errors import ConfigError
from .resampling import Border, resized_shape, taps

Size = tuple[int, int]
Rounding = Literal['up', 'down', 'down by width']


@dataclass(frozen=True)
class Pyramid:
    """Sizes of the scales, and the resizing between them.

    Attributes:
        sizes: (height, width) of every scale, the coarsest first.
        factor: side of a scale / side of the next finer one, at most 1.
        scale: side of the finest / side of the image as it was stored.
        border: of :func:`toolbox.resampling.taps`: 'mirror', or 'singan' for what the authors' code does on x86-64.
        truncate: levels are cut to whole numbers of 0..255 before each resizing, as in the authors' code.
    """

    sizes: tuple[Size, ...]
    factor: float
    scale: float = 1.0
    border: Border = 'mirror'
    truncate: bool = False

    @classmethod
    def of_image(cls, size: Size, min_size: int = 25, max_size: int = 250, factor: float = 0.75,
                 rounding: Rounding = 'up', border: Border = 'mirror', truncate: bool = False) -> Pyramid:
        """The pyramid of an image, by the rules of SinGAN's authors.

        The finest scale has a longer side of at most ``max_size``, the coarsest a shorter one of about ``min_size``.
        The number of scales follows from ``factor``, which then becomes what fits both ends.

        Args:
            size: (height, width) of the image.
            min_size: shorter side of the coarsest scale.
            max_size: longer side of the finest scale.
            factor: about the side of a scale / side of the next finer one.
            rounding: of the number of scales: 'up'; 'down' for the pyramid of super-resolution; 'down by width' for
                what the authors' code of it does to portraits, whose width it takes for the longer side.
            border: see :class:`Pyramid`.
            truncate: see :class:`Pyramid`.

        Raises:
            ConfigError: the image, or what is left of it at ``max_size``, has no room for two scales.
        """
        shorter, longer = min(size), max(size)
        whole = math.ceil if rounding == 'up' else int
        steps = whole(math.log(min_size / shorter, factor)) + 1
        skipped = whole(math.log(min(max_size, longer) / (size[1] if rounding == 'down by width' else longer), factor))
        scale = min(max_size / longer, 1)
        finest = resized_shape(*size, scale)
        if steps - skipped < 1 or min(finest) < min_size:
            raise ConfigError(_no_room(size, finest, min_size, max_size))
        fitted = (min_size / min(finest)) ** (1 / (steps - skipped))
        sizes = tuple(resized_shape(*finest, fitted ** (steps - skipped - n)) for n in range(steps - skipped + 1))
        return cls(sizes, fitted, scale, border, truncate)

    @classmethod
    def of(cls, value: Pyramid | Mapping[str, Any]) -> Pyramid:
        """From plain data, such as a config holds."""
        if isinstance(value, Pyramid):
            return value
        try:
            return cls(**{**value, 'sizes': tuple((int(height), int(width)) for height, width in value['sizes'])})
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError('pyramid: expected dict(sizes=[(height, width), ...], factor=...), which a data set of '
                              f'one image states; found {value!r}.') from error

    def as_dict(self) -> dict[str, Any]:
        """Plain data for :meth:`of`."""
        return {**asdict(self), 'sizes': [list(size) for size in self.sizes]}

    def reduced(self, image: Tensor) -> Tensor:
        """A stored image ``(N, C, H, W)`` in [-1, 1] at the size of the finest scale."""
        return self.resized(image, self.scale, self.sizes[-1])

    def images(self, finest: Tensor) -> list[Tensor]:
        """An image at the finest size -> the same at all sizes, the coarsest first; one of another size is fitted."""
        fits = tuple(finest.shape[-2:]) == self.sizes[-1]
        return [self.resized(finest, self.factor ** (len(self.sizes) - 1 - n) if fits else None, size)
                for n, size in enumerate(self.sizes)]

    def enlarged(self, image: Tensor, scale: int) -> Tensor:
        """An image ``(N, C, h, w)`` of the scale below ``scale`` at the size of ``scale``."""
        return self.resized(image, 1 / self.factor, self.sizes[scale])

    def resized(self, image: Tensor, scale: float | None, size: Size) -> Tensor:
        """Cubic resizing of images ``(N, C, H, W)`` in [-1, 1]; what goes beyond is cut off. No gradients pass.

        Args:
            image: to resize.
            scale: new side / old side, by which pixels find their places; None: as ``size`` gives it, along each axis.
            size: (height, width) of the result; rows and columns beyond it on the right and below are left out.
        """
        x = image.detach()
        if self.truncate:  # exact sums of whole numbers
            x = x.add(1).div(2).clamp(0, 1).mul(255).to(torch.uint8).double()
        elif tuple(x.shape[-2:]) == size and scale in (None, 1):
            return x.clamp(-1, 1)
        rows, columns = (_matrix(old, new, scale or new / old, self.border, x.dtype, x.device)
                         for old, new in zip(x.shape[-2:], size, strict=True))
        x = rows @ x @ columns.T
        if self.truncate:  # in these steps, whose rounding decides where the next cut falls
            x = x.div(255).to(image.dtype).sub(0.5).mul(2)
        return x.clamp(-1, 1)


@functools.lru_cache(maxsize=128)
def _matrix(length: int, new_length: int, scale: float, border: Border, dtype: torch.dtype,
            device: torch.device) -> Tensor:
    """``(new_length, length)``: the weights of :func:`toolbox.resampling.taps` as a product."""
    places, weights = taps(length, new_length, scale, border=border)
    table = np.zeros((new_length, length))
    np.add.at(table, (np.arange(new_length)[:, None], places), weights)
    return torch.from_numpy(table).to(device, dtype)


def _no_room(size: Size, finest: Sequence[int], min_size: int, max_size: int) -> str:
    height, width = size
    if min(size) < min_size:
        return (f'an image of {width}x{height} is smaller than min_size={min_size}, the shorter side of the coarsest '
                f'scale: take a larger image, or min_size={max(11, min(size) // 2)} if the networks are to see so '
                'little.')
    needed = math.ceil(1.4 * min_size * max(size) / min(size))
    return (f'an image of {width}x{height} becomes {finest[1]}x{finest[0]} at max_size={max_size}, which leaves no '
            f'room for two scales: its shorter side must be above min_size={min_size}. Set max_size={needed} or more, '
            'or cut the image to a less elongated one.')
