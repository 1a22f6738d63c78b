"""Bags: the paired world 'edges', a small cousin of edges2handbags.

Black outlines on white and the shaded, coloured bag. The colour belongs to the kind of bag, which the outlines show.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .drawing import Mask, Point, blend, ellipse_points, grid, to_bytes

_LINE = 0.014
_SHADOW, _METAL = (205, 205, 210), (232, 196, 92)
Points = np.ndarray | list[Point]


@dataclass
class Part:
    """A filled shape, or an open line (``width`` > 0), with its colour."""

    points: Points
    colour: tuple[int, int, int]
    width: float = 0.0
    shaded: bool = True


@dataclass
class Bag:
    """Parts from back to front, and the frame (left, top, right, bottom) that shading is relative to."""

    frame: tuple[float, float, float, float]
    parts: list[Part] = field(default_factory=list)


def draw_bag(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    """One bag as 'edges' and 'photo', uint8 ``(size, size, 3)``."""
    kind = (_tote, _satchel, _purse, _bucket)[rng.integers(4)]
    width, height = rng.uniform(0.56, 0.78), rng.uniform(0.4, 0.52)
    left, top = 0.5 - width / 2 + rng.uniform(-0.05, 0.05), 0.9 - height - rng.uniform(0, 0.05)
    bag = kind(rng, left, top, left + width, top + height)
    edges = np.full((size, size, 3), 255, np.float32)
    picture = np.full((size, size, 3), 250, np.float32)
    frame_left, _, right, bottom = bag.frame
    floor = Mask(size).ellipse(((frame_left + right) / 2, bottom), ((right - frame_left) * 0.55, 0.035))
    blend(picture, floor.alpha(), _SHADOW)
    shade = _shade(size, bag.frame)
    for part in bag.parts:
        _paint(part, edges, picture, shade)
    return {'edges': to_bytes(edges), 'photo': to_bytes(picture)}


def _paint(part: Part, edges: np.ndarray, picture: np.ndarray, shade: np.ndarray) -> None:
    size = len(picture)
    colour = np.array(part.colour, np.float32) * (shade if part.shaded else np.float32(1))
    if part.width:
        outside, fill, inside = (Mask(size).outline(part.points, part.width + extra, closed=False).alpha()
                                 for extra in (_LINE, 0, -_LINE))
        blend(edges, outside, (0, 0, 0))
        blend(edges, inside, (255, 255, 255))
    else:
        fill = Mask(size).polygon(part.points).alpha()
        blend(edges, fill, (255, 255, 255))
        blend(edges, Mask(size).outline(part.points, _LINE).alpha(), (0, 0, 0))
    blend(picture, fill, colour)


def _shade(size: int, frame: tuple[float, float, float, float]) -> np.ndarray:
    """Light from the upper left, with a soft highlight, ``(size, size, 1)``."""
    left, top, right, bottom = frame
    x, y = grid(size)
    u, v = (x - left) / (right - left), (y - top) / (bottom - top)
    highlight = 0.3 * np.exp(-((u - 0.3) ** 2 + (v - 0.35) ** 2) / 0.05)
    return (1.08 - 0.28 * u - 0.22 * v + highlight)[:, :, None].astype(np.float32)


def _arc(left: float, right: float, base: float, height: float) -> np.ndarray:
    return ellipse_points(((left + right) / 2, base), ((right - left) / 2, height), np.pi, 2 * np.pi)


def _rounded(left: float, top: float, right: float, bottom: float, radius: float) -> np.ndarray:
    corners = [((right - radius, bottom - radius), 0.0), ((left + radius, bottom - radius), np.pi / 2),
               ((left + radius, top + radius), np.pi), ((right - radius, top + radius), 1.5 * np.pi)]
    return np.concatenate([ellipse_points(c, (radius, radius), a, a + np.pi / 2) for c, a in corners])


def _tote(rng: np.random.Generator, left: float, top: float, right: float, bottom: float) -> Bag:
    width, flare = right - left, rng.uniform(0.03, 0.08)
    handle = rng.uniform(0.2, 0.28)
    inner = (left + 0.25 * width, right - 0.25 * width)
    body = [(left - flare, top), (right + flare, top), (right, bottom), (left, bottom)]
    band = top + rng.uniform(0.08, 0.12)
    return Bag((left, top, right, bottom), [
        Part(_arc(*inner, top + 0.01, handle), (120, 30, 34), 0.06),
        Part(body, (206, 58, 56)),
        Part([(left - flare, top), (right + flare, top), (right + 0.8 * flare, band), (left - 0.8 * flare, band)],
             (150, 36, 40))])


def _satchel(rng: np.random.Generator, left: float, top: float, right: float, bottom: float) -> Bag:
    middle, flap = (left + right) / 2, top + (bottom - top) * rng.uniform(0.5, 0.66)
    strap = rng.uniform(0.14, 0.2)
    return Bag((left, top, right, bottom), [
        Part(_arc(left + 0.06, right - 0.06, top + 0.03, strap), (96, 58, 30), 0.05),
        Part(_rounded(left, top, right, bottom, 0.05), (164, 104, 56)),
        Part([(left, top + 0.01), (right, top + 0.01), (right - 0.03, flap), (left + 0.03, flap)], (132, 80, 42)),
        Part(_rounded(middle - 0.05, flap - 0.05, middle + 0.05, flap + 0.05, 0.015), _METAL, shaded=False)])


def _purse(rng: np.random.Generator, left: float, top: float, right: float, bottom: float) -> Bag:
    middle, center = (left + right) / 2, (top + bottom) / 2 + 0.03
    half, drop = (right - left) / 2, (bottom - top) / 2
    chain = rng.uniform(0.22, 0.3)
    return Bag((left, top, right, bottom), [
        Part(_arc(middle - 0.6 * half, middle + 0.6 * half, center - 0.6 * drop, chain), _METAL, 0.042),
        Part(ellipse_points((middle, center), (half, drop)), (62, 98, 178)),
        Part(_rounded(middle - 0.66 * half, center - 1.02 * drop, middle + 0.66 * half, center - 0.68 * drop, 0.03),
             _METAL),
        Part(ellipse_points((middle, center - 1.02 * drop), (0.035, 0.035)), (40, 60, 120))])


def _bucket(rng: np.random.Generator, left: float, top: float, right: float, bottom: float) -> Bag:
    middle, half = (left + right) / 2, (right - left) / 2 * 0.86
    rim = rng.uniform(0.05, 0.075)
    taper, handle = rng.uniform(0.7, 0.85), rng.uniform(0.26, 0.34)
    wall = np.concatenate([ellipse_points((middle, bottom - rim * taper), (half * taper, rim * taper), 0, np.pi),
                           [(middle - half, top + rim), (middle + half, top + rim)]])
    return Bag((middle - half, top, middle + half, bottom), [
        Part(wall, (70, 140, 92)),
        Part(ellipse_points((middle, top + rim), (half, rim)), (34, 76, 52)),
        Part(_arc(middle - half * 0.94, middle + half * 0.94, top + rim, handle), (52, 104, 70), 0.05)])
