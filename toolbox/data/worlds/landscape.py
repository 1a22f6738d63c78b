"""Backgrounds: sky, clouds, hills, trees and grass."""

from __future__ import annotations

import numpy as np

from .drawing import Mask, blend, grid, smoothstep, value_noise

_SKIES = np.array([[[92, 158, 226], [205, 230, 247]], [[120, 176, 222], [238, 232, 214]],
                   [[98, 132, 200], [245, 208, 190]]], np.float32)
_GRASSES = np.array([[[128, 168, 78], [70, 122, 50]], [[164, 176, 88], [104, 132, 52]],
                     [[112, 172, 96], [56, 116, 66]]], np.float32)


def draw_landscape(rng: np.random.Generator, size: int) -> np.ndarray:
    """A meadow under a sky, float32 ``(size, size, 3)`` in 0..255."""
    horizon = rng.uniform(0.34, 0.5)
    image = _sky(rng, size, horizon)
    _clouds(rng, image)
    for depth, tone in ((0.0, (126, 156, 178)), (1.0, (96, 140, 112))):
        _hills(rng, image, horizon - 0.07 + 0.04 * depth, tone)
    ground = _ground(rng, size, horizon)
    blend(image, smoothstep(grid(size)[1], horizon - 0.01, horizon + 0.01), ground)
    _trees(rng, image, horizon)
    return image


def _mix(rng: np.random.Generator, palette: np.ndarray) -> np.ndarray:
    """A random colour pair between those of a palette, slightly brighter or darker."""
    weights = rng.dirichlet(np.ones(len(palette)) * 0.6).astype(np.float32)
    return np.tensordot(weights, palette, 1) * np.float32(rng.uniform(0.92, 1.06))


def _sky(rng: np.random.Generator, size: int, horizon: float) -> np.ndarray:
    top, bottom = _mix(rng, _SKIES)
    t = np.clip(grid(size)[1] / np.float32(horizon), 0, 1)[:, :, None]
    return np.repeat(top + t * (bottom - top), size, axis=1)


def _clouds(rng: np.random.Generator, image: np.ndarray) -> None:
    size = len(image)
    mask = Mask(size)
    for _ in range(rng.integers(0, 4)):
        x, y, w = rng.uniform(0, 1), rng.uniform(0.03, 0.2), rng.uniform(0.05, 0.1)
        for dx in (-0.9, -0.2, 0.6):
            mask.ellipse((x + dx * w, y + rng.uniform(-0.15, 0.15) * w), (w, w * rng.uniform(0.3, 0.5)))
    blend(image, mask.alpha() * np.float32(0.75), (250, 250, 252))


def _hills(rng: np.random.Generator, image: np.ndarray, level: float, tone: tuple[int, int, int]) -> None:
    x, y = grid(len(image))
    phases, heights = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.01, 0.045, 2)
    ridge = level - sum(np.float32(h) * np.sin((3 + 4 * i) * x + np.float32(p))
                        for i, (p, h) in enumerate(zip(phases, heights, strict=True)))
    blend(image, smoothstep(y - ridge, 0.0, 1.5 / len(image)), np.array(tone) * rng.uniform(0.9, 1.08))


def _ground(rng: np.random.Generator, size: int, horizon: float) -> np.ndarray:
    far, near = _mix(rng, _GRASSES)
    t = np.clip((grid(size)[1] - np.float32(horizon)) / np.float32(1 - horizon), 0, 1)[:, :, None]
    tufts = value_noise(rng, size, (24, 16)) * 0.6 + value_noise(rng, size, (6, 4)) * 0.4
    return (far + t * (near - far)) * (0.88 + 0.24 * tufts)[:, :, None]


def _trees(rng: np.random.Generator, image: np.ndarray, horizon: float) -> None:
    crowns, trunks, lights = (Mask(len(image)) for _ in range(3))
    for _ in range(rng.integers(1, 6)):
        x, h = rng.uniform(0, 1), rng.uniform(0.1, 0.2)
        base = horizon + rng.uniform(0.0, 0.03)
        trunks.rectangle(x - 0.08 * h, base - 0.4 * h, x + 0.08 * h, base)
        for dx, dy in ((-0.2, 0.55), (0.2, 0.6), (0.0, 0.85)):
            crowns.ellipse((x + dx * h, base - dy * h), (0.3 * h, 0.28 * h))
        lights.ellipse((x - 0.08 * h, base - 0.85 * h), (0.18 * h, 0.15 * h))
    green = np.array([62, 108, 58]) * rng.uniform(0.85, 1.15)
    blend(image, trunks.alpha(), (96, 74, 56))
    blend(image, crowns.alpha(), green)
    blend(image, lights.alpha() * np.float32(0.5), green * 1.35)
