"""What can be asked of a trained SinGAN (Rott Shaham, Dekel, Michaeli, ICCV 2019, section 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from torch import Tensor

from ..pyramids import Pyramid
from .base import Method
from .batch import Batch
from .contracts import ScaleNetwork
from .directions import Direction, Image, Latent, Mask, Size
from .singan_generate import (
    Draw,
    home_of,
    inject,
    inject_within,
    last_scale,
    noise_shapes,
    require_scale,
    sample,
    upscale,
    upscaled_size,
    zoom_to,
)
from .singan_paint import Simplification, palette_of, quantized

HARMONIZE, EDIT = 7, 20  # pixels by which a mask grows
FACTOR = 4.0  # of super-resolution where none is asked for


class SinGANUses(Method):
    """The uses of a pyramid of generators as directions; :class:`~.singan.SinGAN` trains it.

    ======================  ===================================================  =============================
    direction               makes                                                looks at the options
    ======================  ===================================================  =============================
    sample                  random images, from codes                            size, start
    upscale                 an image ``factor`` times as large                   factor, seed
    paint                   a painting with the details of the training image    start, seed, size, quantize
    harmonize               the training image with something pasted into it,    start, seed
                            in its style within the mask
    edit                    the training image with parts that were moved,       start, seed
                            without their seams within the mask
    ======================  ===================================================  =============================

    Options: ``size`` (height, width) of the result; ``start`` first scale with noise, for a painting the one that it is
    put into; ``seed`` of the noise; ``factor`` above 1; ``quantize`` the painting first to so many colours of the
    training image.
    """

    pyramid: Pyramid
    amplitudes: Tensor
    z0: Tensor
    reached: Tensor
    pad: int
    padding: Literal['zero', 'noise']
    quantize: Simplification | None = None
    _palette: np.ndarray | None = None  # of the scale that sees few colours
    G: ScaleNetwork

    @property
    def reals(self) -> Sequence[Tensor]:
        """The training image at each scale, ``(1, C, h, w)``, the coarsest first."""
        raise NotImplementedError

    def noise_shape(self, scale: int, size: Size | None = None) -> tuple[int, int, int]:
        """Channels, height and width of the noise of a scale, at its size or at that of another image."""
        raise NotImplementedError

    def uses(self) -> dict[str, Direction]:
        """The directions, once the scales are known."""
        image, mask = Image('img', self.reals[0].shape[1]), Mask('mask')
        code = Latent('z', self._numbers((1, 1)))
        return {'sample': Direction(('G',), (code,), 'fake', options=('size', 'start')),
                'upscale': self._of(image, options=('seed', 'factor')),
                'paint': self._of(image, options=('seed', 'start', 'size', 'quantize')),
                'harmonize': self._of(image, mask, options=('seed', 'start')),
                'edit': self._of(image, mask, options=('seed', 'start'))}

    @staticmethod
    def _of(*takes: Image | Mask, options: tuple[str, ...]) -> Direction:
        return Direction(('G',), takes, 'fake', own_size=True, options=options)

    def _numbers(self, zoom: tuple[float, float]) -> tuple[int]:
        return (sum(map(math.prod, noise_shapes(self, zoom))),)

    def code_shape(self, direction: str, size: Size | None = None, **options: Any) -> tuple[int, ...]:
        return self._numbers(zoom_to(self, size))

    def seen(self, scale: int, image: Tensor) -> Tensor:
        """What a scale sees of the enlarged image of the scale below: of one trained for paintings in few colours."""
        if self.quantize is None or scale != self.quantize.scale:
            return image
        if self._palette is None:
            self._palette = palette_of(self.reals[scale], self.quantize.colours)
        return quantized(image, self._palette)

    def home(self, direction: str) -> Tensor:
        return home_of(self)[0]

    def size_of(self, direction: str, height: int, width: int, size: Size | None = None, factor: float = FACTOR,
                **options: Any) -> Size:
        if direction == 'upscale':
            return upscaled_size(height, width, factor)
        return size or self.pyramid.sizes[-1]

    def answer(  # type: ignore[override]  # each direction lists its options
        self, direction: str, b: Batch, size: Size | None = None, start: int | None = None, seed: int | None = None,
        factor: float = FACTOR, quantize: int | None = None
    ) -> Tensor:
        draw = self._draw(direction, self.test_cfg['seed'] if seed is None else seed)
        if direction == 'sample':
            return sample(self, b.z, zoom_to(self, size), start or 0)
        if direction == 'upscale':
            return upscale(self, b.img, factor, draw)
        if direction == 'paint':
            if self.quantize is not None:
                start = self.quantize.scale if start is None else start
                quantize = quantize or self.quantize.colours
            start = 1 if start is None else start
            return inject(self, self.simplified(b.img, start, quantize), start, draw, zoom_to(self, size))
        if direction == 'harmonize':
            start = max(1, (last_scale(self) + 1) // 2) if start is None else start
            return inject_within(self, b.img, b.mask, start, draw, HARMONIZE)
        return inject_within(self, b.img, b.mask, 1 if start is None else start, draw, EDIT)

    def simplified(self, painting: Tensor, start: int, colours: int | None) -> Tensor:
        """A painting in so many colours of the training image at scale ``start``; as it is for None."""
        if colours is None:
            return painting
        finest = self.pyramid.sizes[-1]
        if tuple(painting.shape[-2:]) != finest:
            painting = self.pyramid.resized(painting, None, finest)
        return quantized(painting, palette_of(self.reals[require_scale(self, start, lowest=1)], colours))

    def _draw(self, direction: str, seed: int) -> Draw:
        def draw(n: int, shape: tuple[int, int, int]) -> Tensor:
            return self.noise_of([seed], f'{direction} {n}', shape, device=self.amplitudes.device).to(self.amplitudes)
        return draw
