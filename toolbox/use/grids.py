"""Pictures of what a model with several domains or styles can do: grids, and ways from one style to another."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor

from ..captions import captioned
from ..data.transforms import resize
from ..errors import ConfigError, DataError
from ..files.replacing import replacing
from ..methods.directions import Image, Port
from ..pictures import arrange, as_rgb
from .beside import picture_of
from .given import ImageLike
from .inputs import from_tensor
from .translator import Translator
from .video_files import CODECS, VideoFile, closing

USUAL_SIDE = 256  # of images, where a checkpoint does not say what it was trained with
LARGEST = 2**26  # pixels
FASTEST_GIF = 50  # frames per second: viewers show shorter frames slowly
Given = ImageLike | Mapping[str, ImageLike]
Cell = Tensor | np.ndarray | None


class Scene(NamedTuple):
    """What a row of a grid shows.

    Attributes:
        tensors: the inputs as the networks take them, by name.
        picture: of the first one: an image ``(1, C, H, W)`` in [-1, 1], or a map as RGB uint8 ``(H, W, 3)``.
    """

    tensors: dict[str, Tensor]
    picture: Tensor | np.ndarray


def scene(translator: Translator, given: Given, direction: str | None = None) -> Scene:
    """The inputs of a direction (the translator's when None), resized, in their own shape, to fit into the size that
    images had in the evaluation of the run; maps by the nearest pixel.

    Args:
        translator: knows how.
        given: the first input, or a dict of them by name.
        direction: that takes them.
    """
    name = direction or translator.direction
    arrays = {key: resize(array if array.ndim == 3 else array.astype(np.int32), *fitted(translator, *array.shape[:2]))
              for key, array in translator.read(given, name).items()}
    tensors, first = translator.tensors(arrays, name), translator.asked[name].maps[0]
    if isinstance(first, Image):
        return Scene(tensors, tensors[first.name])
    return Scene(tensors, as_rgb(picture_of(first, arrays[first.name])))


def shown(translator: Translator, image: ImageLike) -> Tensor:
    """An image as the networks take it, ``(1, C, H, W)``, resized like a :func:`scene`."""
    return translator.tensor(image, lambda array: resize(array, *fitted(translator, *array.shape[:2])))


def fitted(translator: Translator, height: int, width: int) -> tuple[int, int]:
    """The height and width that an input of this size is shown in."""
    rows, columns = evaluated_size(translator, height, width)
    if not 0 < rows * columns <= LARGEST:
        raise ConfigError(f'{translator.path}: its config gives {rows}x{columns} pixels to an image of '
                          f'{height}x{width}; at most {LARGEST:,} can be shown.')
    scale = min(rows / height, columns / width)
    return max(1, round(scale * height)), max(1, round(scale * width))


def evaluated_size(translator: Translator, height: int, width: int) -> tuple[int, int]:
    """What the evaluation of the run makes of this height and width."""
    side = next((port.side for port in translator.model.needs if isinstance(port, Image) and port.side), USUAL_SIDE)
    return translator.prepare.size(height, width) or (side, side)


def domain_grid(translator: Translator, inputs: Sequence[Given]) -> np.ndarray:
    """One row per scene: its first input, and what each direction makes of it that takes inputs of the same kinds as
    the translator's; RGB uint8 ``(H, W, 3)``."""
    kinds = _kinds(translator, translator.direction)
    names = [name for name in translator.directions if _kinds(translator, name) == kinds]
    scenes = [scene(translator, given) for given in inputs]
    return join([[x.picture, *(made(translator, x, name, **translator.guide_of(name)) for name in names)]
                 for x in scenes], ['input', *names])


def _kinds(translator: Translator, direction: str) -> list[type[Port]]:
    return [type(port) for port in translator.asked[direction].takes]


def latent_grid(translator: Translator, inputs: Sequence[Given], seeds: Sequence[int]) -> np.ndarray:
    """One row per scene: its first input, and its translation in the style of each seed."""
    return join(_rows(translator, inputs, seeds))


def reference_grid(translator: Translator, inputs: Sequence[Given], references: Sequence[ImageLike]) -> np.ndarray:
    """References in the first row, scenes in the first column, and each scene in the style of each reference."""
    return join([[None, *(shown(translator, reference) for reference in references)],
                 *_rows(translator, inputs, references)])


def swap_grid(translator: Translator, inputs: Sequence[ImageLike], references: Sequence[ImageLike] = ()) -> np.ndarray:
    """Each image in the style of each: contents from row to row, styles from column to column, own styles on the
    diagonal; RGB uint8 ``(H, W, 3)``. The images themselves are the first column and the first row.

    Args:
        translator: of a method with styles; its direction says what the images are.
        inputs: images that the direction takes.
        references: images like those that it makes. Contents and styles of both kinds are swapped, each by the
            direction that leads from the kind of the content to that of the style.

    Raises:
        ConfigError: the method has no such direction, or no styles.
    """
    source, target = _kinds_of(translator, translator.direction)
    images = [*((source, x) for x in inputs), *((target, x) for x in references)]
    ways = {_kinds_of(translator, name): name for name in (*translator.directions, translator.direction)}
    for way in itertools.product(dict.fromkeys(kind for kind, _ in images), repeat=2):
        if way not in ways:
            raise ConfigError(f'{translator.path}: {type(translator.model).__name__} has no direction from {way[0]!r} '
                              f'to {way[1]!r}, so that not every content can be shown in every style; '
                              '--kind references shows those of one direction.')

    @functools.cache
    def guide(place: int, direction: str) -> dict[str, Any]:
        return _guide(translator, images[place][1], direction)

    contents = [scene(translator, x, ways[kind, kind]) for kind, x in images]
    rows: list[list[Cell]] = [[None, *(content.picture for content in contents)]]
    for (kind, _), content in zip(images, contents, strict=True):
        row = [ways[kind, other] for other, _ in images]
        rows.append([content.picture, *(made(translator, content, way, **guide(place, way))
                                        for place, way in enumerate(row))])
    return join(rows)


def _kinds_of(translator: Translator, direction: str) -> tuple[str, str]:
    """The names of the picture that a direction takes, and of those that its result is like."""
    asked = translator.asked[direction]
    return asked.takes[0].name, translator.model.pictures[asked.gives].like


def interpolation(translator: Translator, inputs: Sequence[Given], stops: Sequence[int | ImageLike],
                  steps: int) -> list[np.ndarray]:
    """Frames on the way from style to style, ``steps`` from one to the next; the results are side by side.

    Args:
        translator: of a method with styles.
        inputs: what is translated.
        stops: at least two seeds or references.
        steps: frames from one stop to the next, without its last one.

    Returns:
        RGB uint8 ``(H, W, 3)`` each; styles are mixed linearly (Choi et al. 2020).
    """
    if len(stops) < 2 or steps < 1:
        raise ConfigError(f'an interpolation needs at least two styles and one step, found {len(stops)} and {steps}.')
    scenes = [scene(translator, given) for given in inputs]
    styles = [style(translator, stop) for stop in stops]
    path = [torch.lerp(a, b, i / steps) for a, b in itertools.pairwise(styles) for i in range(steps)]
    return [join([[made(translator, x, translator.direction, style=s) for x in scenes]]) for s in (*path, styles[-1])]


def _rows(translator: Translator, inputs: Sequence[Given], stops: Sequence[int | ImageLike]) -> list[list[Cell]]:
    """Each scene, and its translations in some styles."""
    guides, scenes = [_guide(translator, stop) for stop in stops], [scene(translator, given) for given in inputs]
    return [[x.picture, *(made(translator, x, translator.direction, **guide) for guide in guides)] for x in scenes]


def made(translator: Translator, x: Scene, direction: str, **options: Any) -> Tensor:
    """What a direction that takes inputs of these kinds makes of a scene, ``(1, C, H, W)``."""
    names = (port.name for port in translator.asked[direction].takes)
    return translator.make(dict(zip(names, x.tensors.values(), strict=True)), direction, **options)


def _guide(translator: Translator, stop: int | ImageLike, direction: str | None = None) -> dict[str, Any]:
    """The options that ask for the style of a seed or a reference, in a direction (the translator's when None)."""
    options = translator.asked[direction or translator.direction].options
    if 'style' in options:  # found once for all scenes
        return dict(style=style(translator, stop, direction))
    name = 'seed' if isinstance(stop, int) else 'reference'
    if name not in options:
        raise _no_style(translator, name, direction)
    return {name: stop if isinstance(stop, int) else translator.tensor(stop, direction=direction)}


@torch.inference_mode()
def style(translator: Translator, stop: int | ImageLike, direction: str | None = None) -> Tensor:
    """The style of a seed or of a reference in a direction (the translator's when None); :class:`ConfigError` for a
    method without styles."""
    name = direction or translator.direction
    if 'style' not in translator.asked[name].options:
        raise _no_style(translator, 'style', name)
    guide = dict(seed=stop) if isinstance(stop, int) else dict(reference=translator.tensor(stop, direction=name))
    with translator.model.evaluating():
        return translator.model.style_of(name, **guide)


def _no_style(translator: Translator, name: str, direction: str | None) -> ConfigError:
    source = {'style': ' that could be mixed', 'seed': ' from seeds', 'reference': ' from references'}[name]
    return ConfigError(f'{translator.path}: {type(translator.model).__name__} has no styles{source} in direction '
                       f'{direction or translator.direction!r}; a grid of directions is possible with every method: '
                       '--kind domains.')


def join(rows: Sequence[Sequence[Cell]], captions: Sequence[str] = ()) -> np.ndarray:
    """Images ``(1, C, H, W)`` in [-1, 1] and pictures ``(H, W, C)`` as one, RGB uint8 ``(H, W, 3)``; None leaves a cell
    empty. Under captions pictures are enlarged to sizes that people can see."""
    cells = [[from_tensor(x[0], np.dtype(np.uint8)) if isinstance(x, Tensor) else x for x in row] for row in rows]
    return captioned(cells, captions) if captions else arrange(cells)


def write_video(path: str | Path, frames: Sequence[np.ndarray], rate: int = 24) -> Path:
    """Write frames, RGB uint8 ``(H, W, 3)``, as ``.gif``, or as a video of OpenCV (:class:`VideoFile`).

    Args:
        path: its suffix decides about the format.
        frames: of one size.
        rate: frames per second.

    Raises:
        DataError: another suffix, a rate that a GIF has not, or this OpenCV cannot write the format.
    """
    path = Path(path)
    require_video(path, rate)
    with replacing(path, suffix=path.suffix) as new:
        if path.suffix == '.gif':
            first, *rest = (Picture.fromarray(frame) for frame in frames)
            first.save(new, save_all=True, append_images=rest, duration=durations(len(frames), rate), loop=0)
            return path
        with closing(VideoFile(new, rate)) as video:
            for frame in frames:
                video.write(frame)
        video.verify()
    return path


def durations(count: int, rate: int) -> list[int]:
    """Milliseconds of each frame of a GIF, which counts in hundredths of a second: on the whole they keep the rate."""
    ends = [round(100 * frame / rate) for frame in range(count + 1)]
    return [10 * (end - start) for start, end in itertools.pairwise(ends)]


def require_video(path: Path, rate: int) -> None:
    """Raise :class:`DataError` unless :func:`write_video` can write a file of this name at this rate."""
    if path.suffix == '.gif' and rate > FASTEST_GIF:
        raise DataError(f'{path}: a GIF shows at most {FASTEST_GIF} frames per second, found {rate}. Choose a lower '
                        'rate, or another format, such as .mp4.')
    if path.suffix not in ('.gif', *CODECS):
        raise DataError(f'{path}: a video ends in .gif, {", ".join(CODECS)}.')
