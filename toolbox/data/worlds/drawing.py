"""Antialiased drawing in unit coordinates: x to the right, y down, the image is the unit square."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Point = tuple[float, float]
_SHIFT = 4  # cv2 takes coordinates in 1/16 pixel
_OVERSAMPLING = 2
_UNIT_STEPS = np.linspace(0, 1, 40)


class Mask:
    """Coverage of a set of shapes; shapes added to one mask are united.

    Args:
        size: side of the image in pixels.
        matrix: 2x3 affine map applied to all coordinates (a pose), None for none.
    """

    def __init__(self, size: int, matrix: np.ndarray | None = None) -> None:
        self.size = size
        self._fine = size * _OVERSAMPLING
        self._matrix = matrix
        self._scale = 1.0 if matrix is None else abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]) ** 0.5
        self._pixels = np.zeros((self._fine, self._fine), np.uint8)

    def polygon(self, points: Sequence[Point] | np.ndarray) -> Mask:
        cv2.fillPoly(self._pixels, [self._fixed(points)], 255, cv2.LINE_AA, _SHIFT)
        return self

    def ellipse(self, center: Point, axes: Point) -> Mask:
        """Half axes along x and y."""
        return self.polygon(ellipse_points(center, axes))

    def outline(self, points: Sequence[Point] | np.ndarray, width: float, closed: bool = True) -> Mask:
        """A line of constant width through points."""
        thickness = max(1, round(width * self._fine * self._scale))
        cv2.polylines(self._pixels, [self._fixed(points)], closed, 255, thickness, cv2.LINE_AA, _SHIFT)
        return self

    def rectangle(self, left: float, top: float, right: float, bottom: float) -> Mask:
        return self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)])

    def stroke(self, points: Sequence[Point], widths: Sequence[float]) -> Mask:
        """A line through points whose width changes from point to point, with round joints."""
        for a, b, wa, wb in zip(points, points[1:], widths, widths[1:], strict=False):
            direction = np.subtract(b, a)
            normal = np.array([-direction[1], direction[0]]) / (np.hypot(*direction) + 1e-9) / 2
            self.polygon([a + normal * wa, b + normal * wb, b - normal * wb, a - normal * wa])
        for point, width in zip(points, widths, strict=True):
            self.dot(point, width / 2)
        return self

    def dot(self, center: Point, radius: float) -> Mask:
        x, y = self._fixed([center])[0]
        unit = self._fine * 2 ** _SHIFT * self._scale
        cv2.circle(self._pixels, (int(x), int(y)), max(1, round(radius * unit)), 255, -1, cv2.LINE_AA, _SHIFT)
        return self

    def alpha(self) -> np.ndarray:
        """Coverage in [0, 1], float32 ``(size, size)``."""
        coarse = cv2.resize(self._pixels, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return coarse.astype(np.float32) / 255

    def _fixed(self, points: Sequence[Point] | np.ndarray) -> np.ndarray:
        p = np.asarray(points, np.float64)
        if self._matrix is not None:
            p = p @ self._matrix[:, :2].T + self._matrix[:, 2]
        # Pixel centres of cv2 are integers, hence the half pixel.
        return np.round((p * self._fine - 0.5) * 2 ** _SHIFT).astype(np.int32)


def ellipse_points(center: Point, axes: Point, start: float = 0.0, end: float = 2 * np.pi) -> np.ndarray:
    """Points of an ellipse (or of an arc from ``start`` to ``end``, radians, clockwise from the right), ``(40, 2)``."""
    t = start + _UNIT_STEPS * (end - start)
    return np.stack([center[0] + axes[0] * np.cos(t), center[1] + axes[1] * np.sin(t)], axis=1)


def blob_points(rng: np.random.Generator, radius: Point, shift: float) -> np.ndarray:
    """A closed line whose distance from its centre varies smoothly, ``(64, 2)``.

    Args:
        rng: what it is drawn from.
        radius: smallest and largest mean distance.
        shift: of the centre from the middle of the image along x and y, at most.
    """
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    size = rng.uniform(*radius)
    waves = (rng.uniform(0, 0.12) * np.cos(k * t + rng.uniform(0, 2 * np.pi)) for k in (2, 3))
    distance = size * (1 + sum(waves, np.zeros_like(t)))
    centre = 0.5 + rng.uniform(-shift, shift, 2)
    return centre + distance[:, None] * np.stack([np.cos(t), np.sin(t)], 1)


def blend(image: np.ndarray, alpha: np.ndarray, colour: np.ndarray | Sequence[float]) -> None:
    """Paint ``colour`` (one colour or an image) over a float image ``(H, W, 3)``, in place."""
    image += alpha[:, :, None] * (np.asarray(colour, np.float32) - image)


def hue_colour(hue: float, saturation: float) -> np.ndarray:
    """RGB in [0, 1] of a hue in [0, 6) at full value."""
    ramp = np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    return 1 - saturation * (1 - np.clip(ramp, 0, 1))


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x ``(1, size)`` and y ``(size, 1)`` of the pixel centres."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    return centres[None, :], centres[:, None]


def smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def value_noise(rng: np.random.Generator, size: int, cells: tuple[int, int]) -> np.ndarray:
    """Smooth noise in [0, 1] with about ``cells`` = (rows, columns) bumps over the image."""
    coarse = rng.random(cells, dtype=np.float32)
    return np.clip(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)


def pose_matrix(scale: float, angle: float, shift: Point, mirror: bool) -> np.ndarray:
    """2x3 affine map about the centre of the unit square: mirror, scale, turn (radians), then shift."""
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1.0 if mirror else 1.0, 1.0])
    offset = np.array([0.5, 0.5]) + np.asarray(shift) - linear @ np.array([0.5, 0.5])
    return np.concatenate([linear, offset[:, None]], axis=1)


def inverse_grid(size: int, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates before the pose of every pixel: x and y, each ``(size, size)`` float32."""
    x, y = grid(size)
    inverse = np.linalg.inv(matrix[:, :2]).astype(np.float32)
    dx, dy = x - np.float32(matrix[0, 2]), y - np.float32(matrix[1, 2])
    return inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Float image in 0..255 -> uint8, rounded and clipped."""
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)
