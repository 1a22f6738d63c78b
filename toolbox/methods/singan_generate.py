"""What is made with a trained SinGAN: Rott Shaham, Dekel, Michaeli, ICCV 2019, section 4 and the authors' programs.

All of it is one loop over the scales (:func:`generate`). The uses differ in the noise, in the image that the first of
the scales starts from, and in which scales take part. Images are ``(N, C, H, W)`` in [-1, 1]; what networks make may go
a little beyond.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import ConfigError
from ..pyramids import Pyramid
from ..resampling import resized_shape
from .directions import Size
from .singan_paint import soft_mask

Zoom = tuple[float, float]  # height and width of a result / those of the training image
Draw = Callable[[int, tuple[int, int, int]], Tensor]  # (scale or step, shape) -> noise (N, *shape)


class Scales(Protocol):
    """A trained model, as far as this is about it.

    Attributes:
        G: ``(noise + image, image, scale)``, both with a border of ``pad`` pixels, to the image of that scale.
        pyramid: sizes of the scales, and resizing between them.
        reals: the training image at every scale, ``(1, C, h, w)``.
        amplitudes: of the noise of every scale, ``(scales,)``.
        z0: the noise of the coarsest scale, ``(1, 1, h, w)``, from which the training image is made again.
        reached: how many scales were trained; of the others nothing is used.
        pad: width of the border.
        padding: what is in the border of noise: 'zero' or 'noise'.
    """

    G: Any
    pyramid: Pyramid
    amplitudes: Tensor
    z0: Tensor
    reached: Tensor
    pad: int
    padding: Literal['zero', 'noise']

    @property
    def reals(self) -> Sequence[Tensor]: ...

    def noise_shape(self, scale: int, size: Size) -> tuple[int, int, int]: ...

    def seen(self, scale: int, image: Tensor) -> Tensor: ...


# Sizes and noise


def sizes(model: Scales, zoom: Zoom = (1, 1)) -> list[Size]:
    """Height and width of every scale."""
    return [(round(zoom[0] * height), round(zoom[1] * width)) for height, width in model.pyramid.sizes]


def zoom_to(model: Scales, size: Size | None) -> Zoom:
    """The zoom for results of this (height, width); None: those of the training image.

    Raises:
        ConfigError: a side would have no pixel on the coarsest scale.
    """
    if size is None:
        return 1, 1
    coarsest, finest = model.pyramid.sizes[0], model.pyramid.sizes[-1]
    least = [math.ceil(0.51 * last / first) for first, last in zip(coarsest, finest, strict=True)]
    if len(size) != 2 or any(side < smallest for side, smallest in zip(size, least, strict=True)):
        raise ConfigError(f'size: expected (height, width) of at least {least[0]}x{least[1]} pixels, so that the '
                          f'coarsest scale has some; found {"x".join(map(str, size))}.')
    return size[0] / finest[0], size[1] / finest[1]


def noise_shapes(model: Scales, zoom: Zoom = (1, 1)) -> list[tuple[int, int, int]]:
    """(channels, height, width) of the noise of every scale; on the coarsest one all channels have the same."""
    return [model.noise_shape(n, size) for n, size in enumerate(sizes(model, zoom))]


def noises_of(model: Scales, codes: Tensor, zoom: Zoom = (1, 1)) -> list[Tensor]:
    """Codes ``(N, numbers)`` as the noise of every scale, ``(N, channels, h, w)`` each."""
    shapes = noise_shapes(model, zoom)
    parts = codes.split([math.prod(shape) for shape in shapes], 1)
    return [part.unflatten(1, shape) for part, shape in zip(parts, shapes, strict=True)]


def home_of(model: Scales) -> Tensor:
    """The code ``(1, numbers)`` from which the training image is made again."""
    _, *others = noise_shapes(model)
    return torch.cat([model.z0.flatten(1), model.z0.new_zeros(1, sum(map(math.prod, others)))], 1)


def last_scale(model: Scales) -> int:
    """The finest scale that was trained."""
    return max(int(model.reached), 1) - 1


def require_scale(model: Scales, scale: int, lowest: int) -> int:
    """``scale``; :class:`ConfigError` if the model has none of that number, or it is below ``lowest``."""
    highest = len(model.reals) - 1
    if not isinstance(scale, int) or not lowest <= scale <= highest:
        raise ConfigError(f'start: expected a scale from {lowest} to {highest}, the finest one of this model; found '
                          f'{scale!r}.')
    return scale


# From noise


def generate(model: Scales, noises: Sequence[Tensor], zoom: Zoom = (1, 1), first: int = 0,
             image: Tensor | None = None) -> Tensor:
    """An image of the finest scale; scales that were not trained add nothing.

    Args:
        model: the pyramid.
        noises: of scale ``first`` and all above, ``(N, channels, h, w)`` each.
        zoom: of the result.
        first: scale to begin with.
        image: what that scale starts from, of its size; None: nothing.
    """
    shapes = sizes(model, zoom)
    for n, noise in enumerate(noises[:max(0, last_scale(model) + 1 - first)], first):
        if image is None:
            image = noise.new_zeros(len(noise), model.reals[0].shape[1], *shapes[n])
        elif n > first:
            image = model.seen(n, rescaled(model, image, 1 / model.pyramid.factor, shapes[n]))
        image = one_scale(model, n, noise, image)
    assert image is not None, 'there is at least one scale'
    finished = tuple(image.shape[-2:]) == shapes[-1]
    return image if finished else model.pyramid.resized(image, None, shapes[-1])


def one_scale(model: Scales, n: int, noise: Tensor, image: Tensor) -> Tensor:
    """What scale ``n`` makes of an image. One that is smaller than its noise is stretched, with its border."""
    if model.padding == 'zero':
        noise = F.pad(noise, [model.pad] * 4)
    height, width = noise.shape[-2:]
    image = F.pad(image, [model.pad] * 4)[..., :height, :width]
    if image.shape[-2:] != (height, width):
        image = F.interpolate(image, size=(height, width), mode='bilinear', align_corners=True)
    made: Tensor = model.G(model.amplitudes[n] * noise + image, image, n)
    return made


def rescaled(model: Scales, image: Tensor, scale: float, most: Size | None = None) -> Tensor:
    """Sides times ``scale``, rounded up; pixels beyond ``most`` are left out on the right and below."""
    height, width = resized_shape(image.shape[-2], image.shape[-1], scale)
    return model.pyramid.resized(image, scale, (min(height, most[0]), min(width, most[1])) if most else (height, width))


def sample(model: Scales, codes: Tensor, zoom: Zoom = (1, 1), start: int = 0) -> Tensor:
    """Random images of any size.

    Args:
        model: the pyramid.
        codes: ``(N, numbers)``, for images of this zoom (:func:`noise_shapes`).
        zoom: of the result.
        start: first scale with noise. Those below make the training image again; at another size, scale ``start``
            starts from the training image stretched to it.
    """
    require_scale(model, start, lowest=0)
    noises = noises_of(model, codes, zoom)
    if start and zoom != (1, 1):
        image = injected(model, model.reals[-1].expand(len(codes), -1, -1, -1), start, zoom)
        return generate(model, noises[start:], zoom, start, image)
    home = noises_of(model, home_of(model))
    return generate(model, [*(z.expand(len(codes), -1, -1, -1) for z in home[:start]), *noises[start:]], zoom)


# From an image


def injected(model: Scales, image: Tensor, start: int, zoom: Zoom = (1, 1)) -> Tensor:
    """What scale ``start`` starts from instead of an image made by the scales below: ``image`` without its details.

    Args:
        model: the pyramid.
        image: of any size and shape, stretched to that of the result.
        start: from 1.
        zoom: of the result.
    """
    shapes = sizes(model, zoom)
    if tuple(image.shape[-2:]) != shapes[-1]:
        image = model.pyramid.resized(image, None, shapes[-1])
    small = rescaled(model, image, model.pyramid.factor ** (len(shapes) - start), shapes[start - 1])
    return rescaled(model, small, 1 / model.pyramid.factor, shapes[start])


def inject(model: Scales, image: Tensor, start: int, draw: Draw, zoom: Zoom = (1, 1)) -> Tensor:
    """The details that the scales from ``start`` on give to an image (paint-to-image).

    Args:
        model: the pyramid.
        image: of any size.
        start: from 1; the lower, the more of the image is made anew.
        draw: noise by scale.
        zoom: of the result.
    """
    shapes = noise_shapes(model, zoom)[require_scale(model, start, lowest=1):]
    noises = [draw(n, shape).expand(len(image), *shape) for n, shape in enumerate(shapes, start)]
    return generate(model, noises, zoom, start, injected(model, image, start, zoom))


def inject_within(model: Scales, image: Tensor, mask: Tensor, start: int, draw: Draw, radius: int) -> Tensor:
    """:func:`inject` within a mask, and around it the training image (harmonisation, editing).

    Args:
        model: the pyramid.
        image: the training image with something pasted into it or moved, of any size.
        mask: ``(N, 1, H, W)``, above 0 where that is; of any size.
        start: as above.
        draw: as above.
        radius: pixels by which the mask grows before its edge is blurred.
    """
    made, real = inject(model, image, start, draw), model.reals[-1]
    soft = soft_mask(F.interpolate((mask > 0).to(real), size=tuple(real.shape[-2:]), mode='area'), radius)
    return (1 - soft) * real + soft * made


def upscale(model: Scales, image: Tensor, factor: float, draw: Draw) -> Tensor:
    """Super-resolution: the finest scale again and again, on an image that grows step by step.

    The number of steps is the one with which a step is nearest to that between two scales of the model.

    Args:
        model: the pyramid, trained on this image; best with a step that ``factor`` is a power of (docs/singan_uses.md).
        image: of any size.
        factor: side of the result / side of the image, above 1.
        draw: noise by step.

    Returns:
        ``(N, C, H', W')``: sides times ``factor``, rounded down.
    """
    rows, columns = upscaled_size(image.shape[-2], image.shape[-1], factor)
    steps = max(1, round(math.log(factor) / -math.log(model.pyramid.factor)))
    step, last = factor ** (1 / steps), last_scale(model)
    for k in range(steps):
        image = rescaled(model, image, step)
        height, width = image.shape[-2:]
        shape = model.noise_shape(last if k else 0, (height, width))  # of one channel at first, as the authors draw it
        image = one_scale(model, last, draw(k, shape).expand(len(image), *shape), image)
    return image[..., :rows, :columns]


def upscaled_size(height: int, width: int, factor: float) -> Size:
    """Sides times ``factor``, rounded down; :class:`ConfigError` if that is no number above 1."""
    if not isinstance(factor, (int, float)) or not 1 < factor < math.inf:
        raise ConfigError(f'factor: expected a number above 1, found {factor!r}.')
    return int(factor * height), int(factor * width)
