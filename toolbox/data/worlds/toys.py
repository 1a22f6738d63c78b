"""Toys: one scene in several hues, with or without stripes and an outline. The world of many domains and attributes.

A scene is a rounded blob on a gray ground. Its looks are independent of its shape, so that every translation has a
known answer, and :func:`looks_of` tells the looks of any picture of the scene, a generated one too.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .drawing import Mask, blend, blob_points, grid, hue_colour, to_bytes

HUES = {'red': 0.0, 'green': 1 / 3, 'blue': 2 / 3}
ATTRIBUTES = (*HUES, 'striped', 'outlined')
DOMAINS = ('plain', 'striped', 'outlined')
_PERIOD, _DARK_STRIPE = 0.22, 0.5  # of the image side; brightness of a dark stripe
_LINE, _INK = 0.07, (24, 24, 28)


@dataclass(frozen=True)
class Looks:
    """How a scene is painted; ``hue`` in [0, 1)."""

    hue: float
    striped: bool = False
    outlined: bool = False

    @classmethod
    def of_attributes(cls, attributes: np.ndarray) -> Looks:
        """From 0 and 1 in the order of ``ATTRIBUTES``."""
        return cls([*HUES.values()][int(np.argmax(attributes[:3]))], bool(attributes[3]), bool(attributes[4]))

    @classmethod
    def of_domain(cls, domain: str, hue: float) -> Looks:
        """One of ``DOMAINS``; the hue is its style."""
        return cls(hue, domain == 'striped', domain == 'outlined')

    def attributes(self) -> np.ndarray:
        """0 and 1 in the order of ``ATTRIBUTES``, float32; the hue is the nearest named one."""
        nearest = int(np.argmin([hue_distance(self.hue, hue) for hue in HUES.values()]))
        return np.array([nearest == 0, nearest == 1, nearest == 2, self.striped, self.outlined], np.float32)

    def domain(self) -> str:
        """The one of ``DOMAINS``, '' for none of them."""
        return {(False, False): 'plain', (True, False): 'striped', (False, True): 'outlined'}.get(
            (self.striped, self.outlined), '')


class Toy:
    """A scene, drawn from ``rng``: ground, place and shape."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        x, y = grid(size)
        level, slope = rng.uniform(150, 215), rng.uniform(-30, 30, 2)
        self.ground = np.repeat((level + slope[0] * (x - 0.5) + slope[1] * (y - 0.5))[:, :, None], 3,
                                2).astype(np.float32)
        self.outline = blob_points(rng, (0.27, 0.34), 0.08)
        self.size = size
        self.top = float(self.outline[:, 1].min())
        self.mask = Mask(size).polygon(self.outline).alpha()

    def paint(self, looks: Looks) -> np.ndarray:
        """The picture, uint8 ``(size, size, 3)``."""
        picture = self.ground.copy()
        colour = np.broadcast_to(colour_of(looks.hue), (self.size, self.size, 3)).copy()
        if looks.striped:
            phase = (grid(self.size)[1] - self.top) / _PERIOD
            bands = np.cos(2 * np.pi * phase) > 0
            colour *= np.where(bands, _DARK_STRIPE, 1.0)[:, :, None].astype(np.float32)
        blend(picture, self.mask, colour)
        if looks.outlined:
            blend(picture, self.mask - self.mask * _inside(self.mask), _INK)
        return to_bytes(picture)


def _inside(mask: np.ndarray) -> np.ndarray:
    """Coverage of what lies further than a line's width within the mask."""
    width = max(2, round(_LINE * len(mask)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    return cv2.erode(mask, kernel)


def colour_of(hue: float) -> np.ndarray:
    """RGB in 0..255, float32."""
    return (230 * hue_colour(6 * hue, 0.8)).astype(np.float32)


def hue_distance(a: float, b: float) -> float:
    """Around the circle, at most 0.5."""
    d = abs(a - b) % 1
    return min(d, 1 - d)


def looks_of(picture: np.ndarray, mask: np.ndarray) -> Looks:
    """The looks of a picture, told from the pixels within the scene's mask alone.

    The hue is that of the mean colour. There are stripes where brightness oscillates with their period by more than
    half as much as in drawn ones, and an outline where the rim is less than 60 % as bright as what it surrounds.

    Args:
        picture: ``(H, H, 3)`` uint8.
        mask: coverage of the object, ``(H, H)`` in [0, 1].
    """
    pixels, size = picture.astype(np.float64), len(mask)
    inner = _inside(mask) > 0.5
    rim = (mask > 0.9) & ~inner
    light = pixels.max(2)
    y = np.broadcast_to(grid(size)[1], (size, size))[inner]
    wave = np.exp(-2j * np.pi * y / _PERIOD)
    values = light[inner] - light[inner].mean()
    amplitude = 2 * abs((values * (wave - wave.mean())).mean()) / max(light[inner].mean(), 1.0)
    return Looks(_hue(pixels[inner].mean(0)), bool(amplitude > 0.21),
                 bool(light[rim].mean() < 0.6 * light[inner].mean()))


def _hue(rgb: np.ndarray) -> float:
    """Hue in [0, 1) as the angle in the plane across the gray axis; 0 for gray."""
    red, green, blue = rgb
    return float(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * np.pi) % 1)
