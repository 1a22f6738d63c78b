"""Scenes: the world of label maps. A picture follows from label map, objects and a style that no map tells.

Every class has a hue of its own; brightness, saturation and a common turn of all hues are free. Those three are the
style of a scene: daylight, vividness and season. Objects of one class differ in brightness and a little in hue. So
:func:`read_scenes` tells classes and style of any such picture, a generated one too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .drawing import Mask, grid, to_bytes

CLASSES = ('sky', 'hill', 'field', 'grass', 'road', 'house', 'tree', 'car')
PALETTE = ((70, 130, 180), (102, 102, 156), (220, 200, 90), (107, 200, 35), (128, 64, 128), (200, 90, 40),
           (20, 100, 50), (0, 0, 142))
STYLE = ('daylight', 'season', 'vividness')
OBJECTS = ('house', 'tree', 'car')
PER_CLASS = 1000  # object number k of class c is c * PER_CLASS + k; all else has the number of its class

_HUES = np.array([225, 270, 90, 135, 315, 45, 180, 0], np.float32)  # degrees, of each class; 45 apart
_SPACING = 45.0
_BRIGHTNESS = np.array([120, 95, 120, 110, 85, 100, 85, 95], np.float32)
_STRIPES = np.array([0.5, 0, 14, 20, 0, 16, 0, 0], np.float32)  # waves of brightness over the height
_IS_STUFF = np.array([name not in OBJECTS for name in CLASSES])
_DAYLIGHT, _TURN, _SATURATION, _VIVIDNESS, _RIPPLE = 0.25, 15.0, 0.5, 0.35, 0.05
_RED = np.array([2, -1, -1], np.float32) / np.sqrt(6)  # with _GREEN, a base of the plane across the gray axis
_GREEN = np.array([0, 1, -1], np.float32) / np.sqrt(2)


@dataclass
class Scene:
    """What is where: ``labels`` and ``objects``, int32 ``(size, size)``; and by object, its brightness and hue."""

    labels: np.ndarray
    objects: np.ndarray
    looks: dict[int, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def uniform(cls, size: int, label: int) -> Scene:
        """One class over the whole map."""
        labels = np.full((size, size), label, np.int32)
        return cls(labels, labels.copy())

    def put(self, name: str, where: np.ndarray) -> None:
        """A surface of a class on the pixels ``where``."""
        self.labels[where] = self.objects[where] = CLASSES.index(name)

    def add(self, rng: np.random.Generator, name: str, mask: Mask) -> None:
        """Another object of a class, with looks of its own."""
        where, label = mask.alpha() > 0.5, CLASSES.index(name)
        number = label * PER_CLASS + sum(known // PER_CLASS == label for known in self.looks)
        self.looks[number] = rng.uniform(0.7, 1.3), rng.uniform(-7, 7)
        self.labels[where], self.objects[where] = label, number

    def paint(self, style: np.ndarray) -> np.ndarray:
        """The picture in a style (three numbers in [-1, 1]), uint8 ``(size, size, 3)``."""
        daylight, season, vividness = style
        light, hue = _BRIGHTNESS[self.labels], _HUES[self.labels] + np.float32(_TURN * season)
        for number, (brightness, turn) in self.looks.items():
            where = self.objects == number
            light[where] *= brightness
            hue[where] += turn
        light *= (1 + _DAYLIGHT * daylight) * _ripples(self.labels)
        colour = light * np.float32(_SATURATION * (1 + _VIVIDNESS * vividness))
        angle = np.deg2rad(hue)
        return to_bytes(light[..., None] + (colour * np.cos(angle))[..., None] * _RED
                        + (colour * np.sin(angle))[..., None] * _GREEN)


def _ripples(labels: np.ndarray) -> np.ndarray:
    """The pattern of each class, a factor of brightness."""
    height = (np.arange(len(labels), dtype=np.float32)[:, None] + 0.5) / len(labels)
    return 1 + _RIPPLE * np.cos(2 * np.pi * _STRIPES[labels] * height)


def draw_style(rng: np.random.Generator) -> np.ndarray:
    """Daylight, season and vividness, each uniformly in [-1, 1], float32 ``(3,)``."""
    return rng.uniform(-1, 1, len(STYLE)).astype(np.float32)


def draw_scene(rng: np.random.Generator, size: int) -> Scene:
    """Hills, fields and a road, with houses, trees and cars: several of each, some of them hidden."""
    scene = Scene.uniform(size, CLASSES.index('sky'))
    x, y = grid(size)
    horizon = rng.uniform(0.36, 0.5)
    waves = (rng.uniform(0.01, 0.05) * np.sin(k * x + rng.uniform(0, 2 * np.pi)) for k in (3, 7))
    scene.put('hill', y > horizon - rng.uniform(0.06, 0.12) - sum(waves, np.zeros_like(x)))
    scene.put('field', np.broadcast_to(y > horizon, (size, size)))
    meadow = horizon + rng.uniform(0.08, 0.14)
    scene.put('grass', y > meadow + rng.uniform(-0.06, 0.06) * (x - 0.5))
    for _ in range(rng.integers(2, 5)):
        _tree(scene, rng, rng.uniform(0.05, 0.95), meadow + rng.uniform(-0.04, 0.02))
    for _ in range(rng.integers(1, 4)):
        _house(scene, rng, rng.uniform(0.1, 0.9), meadow + rng.uniform(0.0, 0.06))
    middle, slope, width = rng.uniform(0.76, 0.86), rng.uniform(-0.08, 0.08), rng.uniform(0.07, 0.1)
    scene.put('road', abs(y - middle - slope * (x - 0.5)) < width)
    for _ in range(rng.integers(1, 4)):
        place = rng.uniform(0.1, 0.9)
        _car(scene, rng, place, middle + slope * (place - 0.5) + rng.uniform(-0.03, 0.05))
    return scene


def _house(scene: Scene, rng: np.random.Generator, x: float, base: float) -> None:
    width, height = rng.uniform(0.08, 0.13), rng.uniform(0.1, 0.17)
    mask = Mask(len(scene.labels)).rectangle(x - width, base - height, x + width, base)
    roof = [(x - width - 0.02, base - height), (x, base - height - rng.uniform(0.06, 0.11)),
            (x + width + 0.02, base - height)]
    scene.add(rng, 'house', mask.polygon(roof))


def _tree(scene: Scene, rng: np.random.Generator, x: float, base: float) -> None:
    height = rng.uniform(0.16, 0.28)
    mask = Mask(len(scene.labels)).rectangle(x - 0.02, base - 0.6 * height, x + 0.02, base)
    scene.add(rng, 'tree', mask.ellipse((x, base - 0.65 * height), (0.3 * height, 0.38 * height)))


def _car(scene: Scene, rng: np.random.Generator, x: float, base: float) -> None:
    length = rng.uniform(0.07, 0.1)
    mask = Mask(len(scene.labels)).rectangle(x - length, base - 0.07, x + length, base)
    scene.add(rng, 'car', mask.rectangle(x - 0.55 * length, base - 0.12, x + 0.6 * length, base))


def read_scenes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes and styles, told from the pixels alone.

    The turn that all hues have in common is the one that brings most colour next to the hues of the classes; then the
    nearest hue is the class of a pixel. Brightness counts where there are no objects, whose own brightness varies.

    Args:
        images: ``(N, H, W, 3)`` uint8.

    Returns:
        ids ``(N, H, W)`` int64, and styles ``(N, 3)`` float32, about [-1, 1] for pictures of this world.
    """
    found = [_read(image.astype(np.float32)) for image in images]
    return np.stack([labels for labels, _ in found]), np.stack([style for _, style in found])


def _read(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    light = image.mean(2)
    colour = image @ _RED + 1j * (image @ _GREEN)
    strength = abs(colour) + 1e-6
    steps = 360 / _SPACING
    turn = np.rad2deg(np.angle((strength * (colour / strength) ** steps).sum())) / steps
    places = np.rint((np.rad2deg(np.angle(colour)) - turn) / _SPACING).astype(np.int64) % round(steps)
    labels = np.argsort(_HUES)[places]
    stuff = _IS_STUFF[labels] if _IS_STUFF[labels].any() else np.ones_like(labels, bool)
    daylight = (light / _BRIGHTNESS[labels] / _ripples(labels))[stuff].mean() - 1
    vividness = strength.sum() / max(light.sum(), 1.0) / _SATURATION - 1
    return labels, np.array([daylight / _DAYLIGHT, turn / _TURN, vividness / _VIVIDNESS], np.float32)
