"""A bright shape on a dark ground: six classes, and the analytic classifier that tells them apart."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from .drawing import Mask, blend, ellipse_points, grid, hue_colour, pose_matrix, to_bytes

CLASSES = ('disc', 'square', 'triangle', 'cross', 'ring', 'star')
RADIUS = (0.24, 0.36)  # smallest and largest, of the circle around the shape, in image sides
TURN = 0.25  # radians to either side
_GOLD, _NIGHT = np.array([226, 178, 60], np.float32), np.array([36, 40, 72], np.float32)


def draw_shape(rng: np.random.Generator, size: int, label: int | None = None) -> tuple[np.ndarray, int]:
    """An image ``(size, size, 3)`` uint8 and the number of its class in ``CLASSES``, drawn uniformly if not given."""
    drawn = int(rng.integers(len(CLASSES)))
    label = drawn if label is None else label
    pose = pose_matrix(rng.uniform(*RADIUS), rng.uniform(-TURN, TURN), tuple(rng.uniform(-0.1, 0.1, 2)), mirror=False)
    bright = hue_colour(rng.uniform(0, 6), rng.uniform(0.5, 0.9)) * rng.uniform(190, 250)
    image = np.empty((size, size, 3), np.float32)
    image[:] = rng.uniform(15, 55, 3) + 15 * rng.uniform(-1, 1) * (grid(size)[1][..., None] - 0.5)
    blend(image, _coverage(label, size, pose), bright)
    return to_bytes(image), label


def draw_shapes(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    """One scene with each of the shapes, uint8 ``(size, size, 3)``.

    Place, size and ground are the same; nothing is turned, and all scenes share their colours (which instance norms
    forget). So the shape is all that a translation has to change, and every picture determines the others.
    """
    pose = pose_matrix(rng.uniform(*RADIUS), 0.0, tuple(rng.uniform(-0.1, 0.1, 2)), mirror=False)
    ground = np.empty((size, size, 3), np.float32)
    ground[:] = _NIGHT + 30 * rng.uniform(-1, 1) * (grid(size)[1][..., None] - 0.5)
    views = {name: ground.copy() for name in CLASSES}
    for label, view in enumerate(views.values()):
        blend(view, _coverage(label, size, pose), _GOLD)
    return {name: to_bytes(view) for name, view in views.items()}


def classify_shapes(images: np.ndarray) -> np.ndarray:
    """Classes of images by the best match with drawn templates.

    The shape is what differs from the border's median colour. It is moved to the middle by its centre of mass and
    correlated with every class in five sizes and five turns; the highest coefficient wins.

    Args:
        images: ``(N, H, H, 3)`` uint8.

    Returns:
        ``(N,)`` int64, places in ``CLASSES``. An image without any structure gets class 0.
    """
    size = images.shape[1]
    bank, labels = _templates(size)
    shapes = np.stack([_standardise(_centred(_difference(image))) for image in images])
    return labels[(shapes @ bank.T).argmax(1)]


def _difference(image: np.ndarray) -> np.ndarray:
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.linalg.norm(image.astype(np.float32) - np.median(border, 0), axis=2)


def _centred(mask: np.ndarray) -> np.ndarray:
    size = len(mask)
    weight = mask * (mask > 0.5 * np.quantile(mask, 0.95))
    total = weight.sum()
    if not total:
        return mask
    place = np.arange(size, dtype=np.float32)
    x, y = (weight.sum(0) * place).sum() / total, (weight.sum(1) * place).sum() / total
    middle = (size - 1) / 2
    return cv2.warpAffine(mask, np.array([[1, 0, middle - x], [0, 1, middle - y]], np.float32), (size, size))


def _standardise(mask: np.ndarray) -> np.ndarray:
    flat = mask.ravel() - mask.mean()
    return flat / (np.linalg.norm(flat) + 1e-9)


@functools.cache
def _templates(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Standardised masks ``(K, size * size)`` and their classes ``(K,)``."""
    masks, labels = [], []
    for label in range(len(CLASSES)):
        for radius in np.linspace(*RADIUS, 5):
            for turn in np.linspace(-TURN, TURN, 5):
                mask = _coverage(label, size, pose_matrix(radius, turn, (0, 0), mirror=False))
                masks.append(_standardise(_centred(mask)))
                labels.append(label)
    return np.stack(masks).astype(np.float32), np.array(labels)


def _coverage(label: int, size: int, pose: np.ndarray) -> np.ndarray:
    """Coverage ``(size, size)``; shapes are drawn about the middle of the unit square with radius 1."""
    name = CLASSES[label]
    if name == 'ring':
        outer, inner = (Mask(size, pose).polygon(ellipse_points((0.5, 0.5), (r, r))).alpha() for r in (1.0, 0.5))
        return outer - inner
    if name == 'cross':
        return Mask(size, pose).rectangle(-0.5, 0.2, 1.5, 0.8).rectangle(0.2, -0.5, 0.8, 1.5).alpha()
    return Mask(size, pose).polygon(_outline(name)).alpha()


def _outline(name: str) -> np.ndarray:
    if name == 'disc':
        return ellipse_points((0.5, 0.5), (1, 1))
    corners, inner = {'square': (4, None), 'triangle': (3, None), 'star': (5, 0.4)}[name]
    count = corners * (1 if inner is None else 2)
    angle = 2 * np.pi * np.arange(count) / count - np.pi / (4 if name == 'square' else 2)
    radius = np.ones(count) if inner is None else np.where(np.arange(count) % 2, inner, 1.0)
    return 0.5 + np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
