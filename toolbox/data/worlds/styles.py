"""Styles: layouts of blobs, painted flat or striped, in any colours: the unpaired world with many styles.

A layout can be painted in both domains, and in each in a continuum of styles: the hues of object and ground. So layout
and style are independent of each other, and :func:`read_styles` tells both of any such picture, a generated one too.
"""

from __future__ import annotations

import numpy as np

from .drawing import Mask, blend, blob_points, grid, hue_colour, to_bytes

DOMAINS = ('flat', 'striped')
STYLE = ('object red', 'object green', 'object blue', 'ground red', 'ground green', 'ground blue')
_OBJECT, _GROUND = 0.85, 0.35  # saturations
_BRIGHT, _LIGHT, _DARK = 235, 240, 70  # largest channel of an object, of a light ground (flat) and of a dark one
_GRAY = 110  # of a flat object without colours, on the light ground
_PERIOD, _STRIPE = 0.2, 0.6  # of the image side; brightness of a dark stripe
_DIFFERENT = 24  # levels; nothing drawn is nearer to its ground
Hues = tuple[float, float] | None  # of object and ground, in [0, 1); or a picture in grays


def draw_layout(rng: np.random.Generator, size: int) -> np.ndarray:
    """Coverage of a large and a small blob on the ground, float32 ``(size, size)`` in [0, 1]."""
    mask = Mask(size)
    for radius, shift in (((0.18, 0.27), 0.12), ((0.08, 0.12), 0.3)):
        mask.polygon(blob_points(rng, radius, shift))
    return mask.alpha()


def draw_hues(rng: np.random.Generator) -> Hues:
    """A style: any hue of the object on any of the ground."""
    return float(rng.random()), float(rng.random())


def paint(layout: np.ndarray, domain: str, hues: Hues) -> np.ndarray:
    """The picture, uint8 ``(size, size, 3)``: an object of one colour on a light ground ('flat'), or with horizontal
    stripes on a dark one ('striped')."""
    size = len(layout)
    colour, ground = _colours(domain, hues)
    picture = np.broadcast_to(ground, (size, size, 3)).copy()
    bands = np.cos(2 * np.pi * grid(size)[1] / _PERIOD) < 0
    dark = np.where(bands & (domain == 'striped'), _STRIPE, 1.0)[..., None]
    blend(picture, layout, (colour * dark).astype(np.float32))
    return to_bytes(picture)


def style_of(domain: str, hues: Hues) -> np.ndarray:
    """The numbers that :func:`read_styles` reads off pictures in this style, float32 ``(6,)``."""
    colour, ground = _colours(domain, hues)
    return np.concatenate([colour * (1 + _STRIPE) / 2 if domain == 'striped' else colour, ground]) / np.float32(255)


def _colours(domain: str, hues: Hues) -> tuple[np.ndarray, np.ndarray]:
    level = _LIGHT if domain == 'flat' else _DARK
    if hues is None:
        return np.full(3, _GRAY, np.float32), np.full(3, level, np.float32)
    pairs = zip(hues, (_OBJECT, _GROUND), (_BRIGHT, level), strict=True)
    colour, ground = ((hue_colour(6 * hue, saturation) * light).astype(np.float32) for hue, saturation, light in pairs)
    return colour, ground


def read_styles(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Layouts and styles, told from the pixels alone.

    The ground is the border's median colour. What differs from it by 0.3 times the largest difference (of the 98th
    percentile; and by 24 levels) is surely the object, and so is what differs by half as much as the duller third of
    that: the edge of a blurred object is where it was. The colour of the object is the mean.

    Args:
        images: ``(N, H, W, 3)`` uint8, of any domain.

    Returns:
        layouts ``(N, H, W)`` int64, 1 on the object; and styles ``(N, 6)`` float32: mean colours of object and ground
        in [0, 1]. Where nothing is seen, the object has the colour of the ground.
    """
    layouts, styles = zip(*(_read(image.astype(np.float32)) for image in images), strict=True)
    return np.stack(layouts), np.stack(styles)


def _read(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ground = np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]), 0)
    contrast = np.linalg.norm(image - ground, axis=2)
    clear = contrast[contrast > max(_DIFFERENT, 0.3 * np.quantile(contrast, 0.98))]
    layout = contrast > (np.quantile(clear, 0.35) / 2 if clear.size else np.inf)
    colour = image[layout].mean(0) if layout.any() else ground
    return layout.astype(np.int64), (np.concatenate([colour, ground]) / 255).astype(np.float32)
