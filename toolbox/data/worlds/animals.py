"""Plain and striped animals: the unpaired world, a small cousin of horse2zebra.

Every scene can be drawn in both coats. The plain coat has one colour; the stripes are a function of the place on the
body, and shading is the same in both. So either picture determines the other, and a translator can be scored
against the true answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .drawing import Mask, Point, blend, inverse_grid, pose_matrix, smoothstep, to_bytes
from .landscape import draw_landscape

_PLAIN, _PLAIN_MANE = np.array([168, 104, 52], np.float32), np.array([84, 48, 28], np.float32)
_LIGHT, _DARK = np.array([240, 236, 226], np.float32), np.array([40, 36, 40], np.float32)
_HOOF = np.array([52, 44, 42], np.float32)
_STRIPE_PERIOD = 0.115
_HIPS, _SHOULDERS = (0.26, 0.60), (0.62, 0.60)


@dataclass(frozen=True)
class Pose:
    """What differs between animals: where and how large, and how legs, neck and tail are held."""

    matrix: np.ndarray
    legs: tuple[float, float, float, float]
    head: Point
    tail: float


def draw_animal(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    """One scene in the domains 'plain' and 'striped', uint8 ``(size, size, 3)``."""
    scene = draw_landscape(rng, size)
    pose = _draw_pose(rng)
    light = np.float32(rng.uniform(0.92, 1.06))
    shadow = Mask(size, pose.matrix).ellipse((0.46, 0.935), (0.36, 0.04)).alpha()
    blend(scene, shadow * np.float32(0.45), (28, 40, 24))
    return {name: to_bytes(picture) for name, picture in _paint(scene, pose, light).items()}


def _draw_pose(rng: np.random.Generator) -> Pose:
    matrix = pose_matrix(rng.uniform(0.88, 1.0), rng.uniform(-0.05, 0.05),
                         (rng.uniform(-0.02, 0.02), rng.uniform(-0.01, 0.02)), bool(rng.random() < 0.5))
    return Pose(matrix, tuple(rng.uniform(-0.06, 0.06, 4)),
                (0.85 + rng.uniform(-0.02, 0.025), 0.185 + rng.uniform(-0.02, 0.07)), rng.uniform(-0.04, 0.05))


def _paint(scene: np.ndarray, pose: Pose, light: np.float32) -> dict[str, np.ndarray]:
    """The animal in both coats over a scene.

    Layers are composited once, as maps of how much of a pixel shows coat, dark stripe and mane (times their tone);
    the coats differ only in the colours of these.
    """
    size = len(scene)
    x, y = inverse_grid(size, pose.matrix)
    legs = _leg_stripes(y)
    layers = [(_far_legs, legs, 0.72), (_near_legs, legs, 1.0), (_tail, None, 1.0),
              (_neck, _neck_stripes(x, y, pose), 1.0), (_body, _body_stripes(x, y), 1.0), (_mane, None, 1.0)]
    cover, coat, stripe, mane = maps = np.zeros((4, size, size), np.float32)
    for shape, stripes, tone in layers:
        alpha = shape(Mask(size, pose.matrix), pose).alpha()
        maps *= 1 - alpha
        cover += alpha
        if stripes is None:
            mane += alpha
        else:
            coat += alpha * np.float32(tone)
            stripe += alpha * np.float32(tone) * stripes
    maps[1:] *= (1.14 - 0.5 * smoothstep(y, 0.3, 0.78)) * light
    rest = scene * (1 - cover)[:, :, None]
    plain = rest + coat[:, :, None] * _PLAIN + mane[:, :, None] * _PLAIN_MANE
    striped = rest + (coat - stripe)[:, :, None] * _LIGHT + (stripe + mane)[:, :, None] * _DARK
    details = _details(Mask(size, pose.matrix), pose).alpha()
    for picture in (plain, striped):
        blend(picture, details, _HOOF)
    return {'plain': plain, 'striped': striped}


def _stripes(phase: np.ndarray, sharpness: float = 0.35) -> np.ndarray:
    """1 in the dark half of every period, with a soft edge."""
    return smoothstep(np.cos(2 * np.pi * phase), -sharpness, sharpness)


def _body_stripes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    bend = np.float32(0.9) * (y - np.float32(0.5)) ** 2 * np.tanh(12 * (np.float32(0.44) - x))
    return _stripes((x - bend) / np.float32(_STRIPE_PERIOD))


def _neck_stripes(x: np.ndarray, y: np.ndarray, pose: Pose) -> np.ndarray:
    dx, dy = pose.head[0] - 0.66, pose.head[1] - 0.44
    along = ((x - 0.66) * np.float32(dx) + (y - 0.44) * np.float32(dy)) / np.float32(np.hypot(dx, dy))
    return _stripes(along / np.float32(_STRIPE_PERIOD * 0.9))


def _leg_stripes(y: np.ndarray) -> np.ndarray:
    return _stripes(y / np.float32(0.085))


def _leg(mask: Mask, top: Point, swing: float) -> Mask:
    x, y = top
    return mask.stroke([(x, y), (x + 0.5 * swing, 0.75), (x + swing, 0.92)], [0.15, 0.095, 0.08])


def _far_legs(mask: Mask, pose: Pose) -> Mask:
    return _leg(_leg(mask, (_HIPS[0] + 0.08, 0.62), pose.legs[0]), (_SHOULDERS[0] - 0.07, 0.62), pose.legs[1])


def _near_legs(mask: Mask, pose: Pose) -> Mask:
    return _leg(_leg(mask, _HIPS, pose.legs[2]), _SHOULDERS, pose.legs[3])


def _tail(mask: Mask, pose: Pose) -> Mask:
    swing = pose.tail
    return mask.stroke([(0.15, 0.4), (0.085 - swing / 2, 0.5), (0.07 - swing, 0.72)], [0.04, 0.055, 0.075])


def _neck(mask: Mask, pose: Pose) -> Mask:
    x, y = pose.head
    mask.stroke([(0.62, 0.48), (0.72, 0.36), (x - 0.03, y)], [0.3, 0.21, 0.15])
    mask.stroke([(x - 0.03, y), (x + 0.09, y + 0.11)], [0.16, 0.105])
    for dx in (-0.075, -0.02):
        mask.polygon([(x + dx - 0.025, y - 0.04), (x + dx + 0.005, y - 0.145), (x + dx + 0.04, y - 0.05)])
    return mask


def _body(mask: Mask, pose: Pose) -> Mask:
    mask.ellipse((0.43, 0.5), (0.3, 0.185))
    return mask.ellipse((0.27, 0.5), (0.165, 0.19)).ellipse((0.6, 0.52), (0.15, 0.18))


def _mane(mask: Mask, pose: Pose) -> Mask:
    x, y = pose.head
    return mask.stroke([(0.53, 0.345), (0.62, 0.27), (x - 0.1, y - 0.03)], [0.04, 0.08, 0.06])


def _details(mask: Mask, pose: Pose) -> Mask:
    """Hooves, eye and nostril: the same in both coats."""
    x, y = pose.head
    mask.dot((x + 0.005, y - 0.005), 0.02).dot((x + 0.1, y + 0.115), 0.013)
    tops = (_HIPS[0] + 0.08, _SHOULDERS[0] - 0.07, _HIPS[0], _SHOULDERS[0])
    for top, swing in zip(tops, pose.legs, strict=True):
        mask.polygon([(top + swing - 0.045, 0.915), (top + swing + 0.045, 0.915), (top + swing + 0.055, 0.96),
                      (top + swing - 0.055, 0.96)])
    return mask
