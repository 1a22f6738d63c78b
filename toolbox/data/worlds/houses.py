"""Houses: the paired world 'labels', a small cousin of facades.

The picture is a function of the layout alone: colours belong to the classes, and textures are anchored to the shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .drawing import Mask, blend, grid, to_bytes

# Class -> (id, colour in the label map); ids follow the painter's order roughly from back to front.
CLASSES: dict[str, tuple[int, tuple[int, int, int]]] = {
    'sky': (0, (70, 130, 255)), 'cloud': (1, (170, 210, 255)), 'grass': (2, (60, 200, 60)),
    'path': (3, (200, 200, 120)), 'wall': (4, (0, 60, 220)), 'roof': (5, (230, 60, 40)),
    'chimney': (6, (150, 0, 90)), 'window': (7, (0, 230, 230)), 'door': (8, (255, 150, 0)),
    'crown': (9, (0, 110, 40)), 'trunk': (10, (110, 60, 20)),
}


class Box(NamedTuple):
    """Left, top, right and bottom in unit coordinates."""

    left: float
    top: float
    right: float
    bottom: float

    def inset(self, margin: float) -> Box:
        return Box(self.left + margin, self.top + margin, self.right - margin, self.bottom - margin)


class _Painter:
    """Paints every shape into label map, colour-coded map and picture at once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.x, self.y = grid(size)
        self.ids = np.zeros((size, size), np.int32)
        self.codes = np.zeros((size, size, 3), np.float32)
        self.picture = np.zeros((size, size, 3), np.float32)

    def mask(self) -> Mask:
        return Mask(self.size)

    def paint(self, name: str, mask: Mask, colour: np.ndarray | Sequence[float]) -> None:
        """Add a shape of a class; ``colour`` is what it looks like in the picture (one colour or an image)."""
        number, code = CLASSES[name]
        alpha = mask.alpha()
        self.ids[alpha > 0.5] = number
        blend(self.codes, alpha, code)
        blend(self.picture, alpha, colour)

    def decorate(self, mask: Mask, colour: Sequence[float], strength: float = 1.0) -> None:
        """Detail of the picture without a class of its own."""
        blend(self.picture, mask.alpha() * np.float32(strength), colour)

    def ramp(self, top: float, bottom: float, first: Sequence[float], last: Sequence[float]) -> np.ndarray:
        """Vertical gradient between two heights, ``(size, 1, 3)``."""
        t = np.clip((self.y - top) / (bottom - top), 0, 1)[:, :, None]
        start, end = np.array(first, np.float32), np.array(last, np.float32)
        return start + t.astype(np.float32) * (end - start)


def draw_house(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    """One scene as 'labels' (colour-coded map), 'ids' (int32 label map, see ``CLASSES``) and 'photo'."""
    painter = _Painter(size)
    horizon = rng.uniform(0.6, 0.74)
    _sky(painter, rng, horizon)
    painter.paint('grass', painter.mask().rectangle(-0.1, horizon, 1.1, 1.1),
                  painter.ramp(horizon, 1, (140, 182, 84), (66, 122, 48)))
    width = rng.uniform(0.42, 0.6)
    left = rng.uniform(0.1, 0.9 - width)
    base = horizon + rng.uniform(0.08, 0.14)
    wall = Box(left, base - rng.uniform(0.34, 0.46), left + width, base)
    _tree(painter, rng, horizon + 0.03, (0.02, wall.left - 0.02))
    _tree(painter, rng, horizon + 0.03, (wall.right + 0.02, 0.98))
    _house(painter, rng, wall)
    for _ in range(rng.integers(0, 2)):
        _tree(painter, rng, rng.uniform(0.9, 0.98), (0.04, 0.96))
    return {'labels': to_bytes(painter.codes), 'ids': painter.ids, 'photo': to_bytes(painter.picture)}


def _sky(painter: _Painter, rng: np.random.Generator, horizon: float) -> None:
    painter.paint('sky', painter.mask().rectangle(-0.1, -0.1, 1.1, 1.1),
                  painter.ramp(0, horizon, (88, 152, 224), (214, 234, 246)))
    clouds = painter.mask()
    for _ in range(rng.integers(0, 4)):
        x, y, w = rng.uniform(0, 1), rng.uniform(0.05, 0.22), rng.uniform(0.06, 0.1)
        clouds.ellipse((x - 0.7 * w, y), (w, 0.4 * w)).ellipse((x + 0.5 * w, y - 0.1 * w), (w, 0.5 * w))
    painter.paint('cloud', clouds, painter.ramp(0, 0.3, (255, 255, 255), (226, 234, 244)))


def _house(painter: _Painter, rng: np.random.Generator, wall: Box) -> None:
    pitch = rng.uniform(0.12, 0.2)
    door_width = rng.uniform(0.085, 0.11)
    columns = int(rng.integers(2, 4))
    slot = int(rng.integers(0, columns))
    if rng.random() < 0.7:
        _chimney(painter, rng, wall, pitch)
    _wall(painter, wall)
    _roof(painter, wall, pitch, ridge=rng.choice([0.0, 0.22]))
    middle = (wall.top + wall.bottom) / 2 + 0.02
    for i in range(columns):
        center = wall.left + (i + 0.5) * (wall.right - wall.left) / columns
        _window(painter, Box(center - 0.045, wall.top + 0.045, center + 0.045, middle - 0.025))
        if i == slot:
            door = Box(center - door_width / 2, middle + 0.01, center + door_width / 2, wall.bottom)
            _path(painter, door)
            _door(painter, door)
        else:
            _window(painter, Box(center - 0.045, middle + 0.025, center + 0.045, wall.bottom - 0.055))


def _wall(painter: _Painter, wall: Box) -> None:
    boards = 0.95 + 0.05 * np.cos(2 * np.pi * (painter.y - wall.top) / 0.05)
    side = 1.04 - 0.16 * (painter.x - wall.left) / (wall.right - wall.left)
    colour = (boards * side)[:, :, None].astype(np.float32) * np.array((238, 216, 176), np.float32)
    painter.paint('wall', painter.mask().rectangle(*wall), colour)
    painter.decorate(painter.mask().rectangle(wall.left, wall.top, wall.right, wall.top + 0.03), (60, 50, 60), 0.35)
    painter.decorate(painter.mask().rectangle(wall.left, wall.bottom - 0.025, wall.right, wall.bottom), (128, 124, 122))


def _roof(painter: _Painter, wall: Box, pitch: float, ridge: float) -> None:
    middle, half = (wall.left + wall.right) / 2, ridge * (wall.right - wall.left)
    top = wall.top - pitch
    tiles = 0.9 + 0.1 * np.cos(2 * np.pi * (painter.y - top) / 0.045)
    light = 1.1 - 0.25 * (painter.y - top) / pitch
    colour = np.array((188, 78, 58), np.float32) * (tiles * light)[:, :, None].astype(np.float32)
    outline = [(wall.left - 0.05, wall.top + 0.012), (middle - half, top), (middle + half, top),
               (wall.right + 0.05, wall.top + 0.012)]
    painter.paint('roof', painter.mask().polygon(outline), np.broadcast_to(colour, painter.picture.shape))


def _chimney(painter: _Painter, rng: np.random.Generator, wall: Box, pitch: float) -> None:
    x = wall.left + (wall.right - wall.left) * rng.choice([0.25, 0.72])
    box = Box(x, wall.top - pitch - 0.02, x + 0.07, wall.top)
    painter.paint('chimney', painter.mask().rectangle(*box), (150, 92, 80))
    painter.decorate(painter.mask().rectangle(box.left, box.top, box.right, box.top + 0.022), (96, 62, 58))


def _window(painter: _Painter, box: Box) -> None:
    painter.paint('window', painter.mask().rectangle(*box), (252, 250, 244))
    glass = box.inset(0.014)
    x, y = (glass.left + glass.right) / 2, (glass.top + glass.bottom) / 2
    panes = painter.mask()
    for left, right in ((glass.left, x - 0.005), (x + 0.005, glass.right)):
        panes.rectangle(left, glass.top, right, y - 0.005).rectangle(left, y + 0.005, right, glass.bottom)
    blend(painter.picture, panes.alpha(), painter.ramp(glass.top, glass.bottom, (60, 86, 120), (150, 190, 214)))


def _door(painter: _Painter, box: Box) -> None:
    painter.paint('door', painter.mask().rectangle(*box), (112, 62, 36))
    painter.decorate(painter.mask().rectangle(*box.inset(0.016)), (146, 86, 48))
    painter.decorate(painter.mask().dot((box.right - 0.026, (box.top + box.bottom) / 2), 0.011), (240, 206, 96))


def _path(painter: _Painter, door: Box) -> None:
    outline = [(door.left - 0.01, door.bottom), (door.right + 0.01, door.bottom), (door.right + 0.09, 1.05),
               (door.left - 0.09, 1.05)]
    painter.paint('path', painter.mask().polygon(outline),
                  painter.ramp(door.bottom, 1, (214, 202, 178), (176, 160, 136)))


def _tree(painter: _Painter, rng: np.random.Generator, base: float, where: tuple[float, float]) -> None:
    x, height = rng.uniform(*where), rng.uniform(0.26, 0.4)
    top = base - height
    painter.paint('trunk', painter.mask().rectangle(x - 0.018, base - 0.5 * height, x + 0.018, base), (104, 74, 50))
    crown = painter.mask().ellipse((x, top + 0.36 * height), (0.34 * height, 0.38 * height))
    crown.ellipse((x - 0.2 * height, top + 0.5 * height), (0.24 * height, 0.22 * height))
    crown.ellipse((x + 0.2 * height, top + 0.5 * height), (0.24 * height, 0.22 * height))
    distance = np.hypot(painter.x - (x - 0.12 * height), painter.y - (top + 0.22 * height)) / height
    shade = (1.3 - 0.8 * np.clip(distance, 0, 0.7))[:, :, None].astype(np.float32)
    painter.paint('crown', crown, shade * np.array((74, 132, 62), np.float32))
