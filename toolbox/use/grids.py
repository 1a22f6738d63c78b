"""Pictures of what a model with several domains or styles can do: grids, and ways from one style to another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor

from ..data.transforms import resize
from ..errors import ConfigError, DataError
from ..methods.directions import Image
from ..pictures import arrange
from .inputs import ImageLike, from_tensor
from .translator import Translator

USUAL_SIDE = 256  # of images, where a checkpoint does not say what it was trained with
LARGEST = 2**26  # pixels
VIDEOS = {'.mp4': 'mp4v', '.avi': 'MJPG'}


def shown(translator: Translator, image: ImageLike) -> Tensor:
    """An image as the networks take it, ``(1, C, H, W)``: resized, in its own shape, to fit into the size that images
    had in the evaluation of the run."""
    return translator.tensor(image, lambda array: resize(array, *_fitted(translator, *array.shape[:2])))


def _fitted(translator: Translator, height: int, width: int) -> tuple[int, int]:
    side = next((port.side for port in translator.model.needs if isinstance(port, Image) and port.side), USUAL_SIDE)
    rows, columns = translator.prepare.size(height, width) or (side, side)
    if not 0 < rows * columns <= LARGEST:
        raise ConfigError(f'{translator.path}: its config gives {rows}x{columns} pixels to an image of '
                          f'{height}x{width}; at most {LARGEST:,} can be shown.')
    scale = min(rows / height, columns / width)
    return max(1, round(scale * height)), max(1, round(scale * width))


def shown_directions(translator: Translator) -> list[str]:
    """The directions that a grid of images can show: those of one image and nothing else.

    Raises:
        ConfigError: there is none.
    """
    names = [name for name, asked in translator.asked.items() if len(asked.takes) == 1 and asked.first(Image)]
    if not names:
        raise ConfigError(f'{translator.path}: a grid shows directions that take one image, but those of '
                          f'{type(translator.model).__name__} take label maps, masks or several inputs.')
    return names


def domain_grid(translator: Translator, images: Sequence[ImageLike]) -> np.ndarray:
    """One row per image: the image, and what every direction of one image makes of it; RGB uint8 ``(H, W, 3)``."""
    names = shown_directions(translator)
    inputs = [shown(translator, image) for image in images]
    return join([[x, *(made(translator, x, name, **translator.guide_of(name)) for name in names)] for x in inputs])


def latent_grid(translator: Translator, images: Sequence[ImageLike], seeds: Sequence[int]) -> np.ndarray:
    """One row per image: the image, and its translation in the style of each seed."""
    styles = [style(translator, seed) for seed in seeds]
    return join([styled(translator, shown(translator, image), styles) for image in images])


def reference_grid(translator: Translator, images: Sequence[ImageLike], references: Sequence[ImageLike]) -> np.ndarray:
    """References in the first row, images in the first column, and each image in the style of each reference."""
    styles = [style(translator, translator.tensor(reference)) for reference in references]
    return join([[None, *(shown(translator, reference) for reference in references)],
                 *(styled(translator, shown(translator, image), styles) for image in images)])


def interpolation(translator: Translator, images: Sequence[ImageLike], stops: Sequence[int | ImageLike],
                  steps: int) -> list[np.ndarray]:
    """Frames on the way from style to style, ``steps`` from one to the next; the images are side by side.

    Args:
        translator: of a method with styles.
        images: what is translated.
        stops: at least two seeds or references.
        steps: frames from one stop to the next, without its last one.

    Returns:
        RGB uint8 ``(H, W, 3)`` each; styles are mixed linearly (Choi et al. 2020).
    """
    if len(stops) < 2 or steps < 1:
        raise ConfigError(f'an interpolation needs at least two styles and one step, found {len(stops)} and {steps}.')
    inputs = [shown(translator, image) for image in images]
    styles = [style(translator, stop if isinstance(stop, int) else translator.tensor(stop)) for stop in stops]
    path = [torch.lerp(a, b, i / steps) for a, b in pairwise(styles) for i in range(steps)]
    return [join([[made(translator, x, translator.direction, style=s) for x in inputs]]) for s in (*path, styles[-1])]


def styled(translator: Translator, x: Tensor, styles: Sequence[Tensor]) -> list[Tensor]:
    """An image, and its translations in some styles."""
    return [x, *(made(translator, x, translator.direction, style=s) for s in styles)]


def made(translator: Translator, x: Tensor, direction: str, **options: Any) -> Tensor:
    """What a direction of one image makes of ``(1, C, H, W)``."""
    return translator.make({translator.asked[direction].takes[0].name: x}, direction, **options)


@torch.inference_mode()
def style(translator: Translator, stop: int | Tensor) -> Tensor:
    """The style of a seed or of a reference ``(1, C, H, W)``; :class:`ConfigError` for a method without styles."""
    model = translator.model
    if translator.direction not in shown_directions(translator):
        raise ConfigError(f'{translator.path}: a grid translates images, but {translator.direction!r} takes more or '
                          'other inputs.')
    if 'style' not in translator.asked[translator.direction].options:
        raise ConfigError(f'{translator.path}: {type(model).__name__} has no styles; a grid of directions is possible '
                          'with every method: --kind domains.')
    guide = dict(seed=stop) if isinstance(stop, int) else dict(reference=stop)
    with model.evaluating():
        return model.style_of(translator.direction, **guide)


def join(rows: Sequence[Sequence[Tensor | None]]) -> np.ndarray:
    """Images ``(1, C, H, W)`` in [-1, 1] as one picture, RGB uint8 ``(H, W, 3)``; None leaves a cell empty."""
    return arrange([[None if x is None else from_tensor(x[0], np.dtype(np.uint8)) for x in row] for row in rows])


def write_video(path: str | Path, frames: Sequence[np.ndarray], rate: int = 24) -> Path:
    """Write frames, RGB uint8 ``(H, W, 3)``, as ``.gif``, ``.mp4`` or ``.avi``.

    Args:
        path: its suffix decides about the format.
        frames: of one size.
        rate: frames per second.

    Raises:
        DataError: another suffix, or this OpenCV cannot write the format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.gif':
        first, *rest = (Picture.fromarray(frame) for frame in frames)
        first.save(path, save_all=True, append_images=rest, duration=round(1000 / rate), loop=0)
        return path
    if path.suffix not in VIDEOS:
        raise DataError(f'{path}: a video ends in .gif, {" or ".join(VIDEOS)}.')
    height, width = (side - side % 2 for side in frames[0].shape[:2])  # many players refuse odd sides
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*VIDEOS[path.suffix]), rate, (width, height))
    if not writer.isOpened():
        raise DataError(f'{path}: this OpenCV cannot write {path.suffix}; .gif always works.')
    for frame in frames:
        writer.write(frame[:height, :width, ::-1])
    writer.release()
    return path
