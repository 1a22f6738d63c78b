"""One image, of a file or drawn, as a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from ...errors import ConfigError, DataError
from ...pyramids import Pyramid, Rounding
from ...registry import DATASETS, Bands, Between, Count, File, Seed
from ...resampling import Border
from ..arrays import is_array
from ..facts import Facts
from ..io import convert_channels, read_image
from ..listing import list_images
from ..places import is_folder, located
from ..ranges import PLAIN
from ..showing import Pixels
from ..worlds.landscape import draw_landscape
from .datasets import ImageDataset

Factor = Annotated[float, Between(0, 1, '()')]
Level = Annotated[float, Between(0, 1)]
Side = Annotated[int, Between(16, 1024)]


class _OneImage(ImageDataset):
    """Base: one image, ``length`` times, each the whole image at the size at which a pyramid of it ends.

    Args:
        image: levels ``(H, W, C)`` from 0 to 255.
        source: of the image, in messages and in the meta of samples.
        length: samples that count as one epoch, or as one evaluation.
        pyramid: of the image, as another set of it states it; None is that of ``rules``.
        pixels: how it was read (see :class:`ImageDataset`).
        rules: arguments of :meth:`toolbox.pyramids.Pyramid.of_image`.
    """

    groups = (('img',),)
    channels: int

    def __init__(self, image: np.ndarray, source: str, length: int, pyramid: dict[str, Any] | None,
                 pixels: Pixels | None = None, **rules: Any) -> None:
        super().__init__(pixels=pixels)
        self.source, self.length, self.channels = source, length, image.shape[2]
        try:
            self.pyramid = Pyramid.of(pyramid) if pyramid else Pyramid.of_image(image.shape[:2], **rules)
        except ConfigError as error:
            raise DataError(f'{source!r}: {error}') from error
        stored = torch.from_numpy(image.transpose(2, 0, 1) / 255)[None].to(torch.get_default_dtype())
        self.image = self.pyramid.reduced(stored * 2 - 1)[0].movedim(0, -1).numpy()

    def __len__(self) -> int:
        return self.length

    def facts(self) -> Facts:
        return {**super().facts(), 'pyramid': self.pyramid.as_dict()}

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {'img': self.image}, {'img_path': self.source, 'img_size': self.image.shape[:2]}


@DATASETS.register_module()
class SingleImageDataset(_OneImage):
    """One image, ``length`` times: every sample is the whole image at the size at which a pyramid of it ends.

    Samples differ in their seeds alone, from which methods draw noise. Gray images stay gray; transparent ones are
    laid over ``background``, unless ``channels`` is 4. The set states its ``pyramid``
    (:class:`toolbox.pyramids.Pyramid`), from which a method knows how many scales there are.

    Args:
        path: of the image; relative to ``data_root``, where there is one.
        data_root: folder of ``path``, or the image itself.
        length: samples that count as one epoch, or as one evaluation.
        channels: 1 or 3 (or the number of bands); None: those that the file has, without alpha.
        background: level of what shows through transparent pixels, from 0 (black) to 1 (white).
        min_size: shorter side of the coarsest scale.
        max_size: longer side of the finest scale; larger images are reduced to it.
        factor: about the side of a scale / side of the next finer one.
        rounding: of the number of scales (see :meth:`~toolbox.pyramids.Pyramid.of_image`).
        border: of the resizing: 'mirror', or 'singan' as the authors' code.
        truncate: levels are cut to whole numbers before each resizing, as in the authors' code.
        pyramid: as another set of this image states it, in place of the six arguments before; validation and test sets
            get that of the training set.
        pixels: 'shown' or 'stored' (see :class:`~.datasets.ImageDataset`).

    Batch:
        img: ``(N, C, H, W)`` in [-1, 1].

    Raises:
        DataError: the image cannot be read, or has no room for two scales.
    """

    pixels: Pixels

    def __init__(self, path: File | None = None, data_root: File | None = None, length: Count = 1,
                 channels: Bands | None = None, background: Level = 1.0, min_size: Count = 25, max_size: Count = 250,
                 factor: Factor = 0.75, rounding: Rounding = 'up', border: Border = 'mirror', truncate: bool = False,
                 pyramid: dict[str, Any] | None = None, pixels: Pixels = 'shown') -> None:
        self.path = _found(path, data_root)
        image = _levels(read_image(self.path, None, pixels), str(self.path))
        if channels != image.shape[2] and not is_array(located(self.path)):
            image = opaque(image, background)
        if channels not in (None, image.shape[2]):
            image = convert_channels(np.rint(image).astype(np.uint8), channels)
        super().__init__(image, str(self.path), length, pyramid, pixels, min_size=min_size, max_size=max_size,
                         factor=factor, rounding=rounding, border=border, truncate=truncate)

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        yield self.path, lambda: read_image(self.path, None, self.pixels)


@DATASETS.register_module()
class SyntheticSingleImage(_OneImage):
    """A drawn landscape, in the place of a file.

    Args:
        size: side of the image.
        seed: another landscape for each.
        length: samples that count as one epoch, or as one evaluation.
        min_size: shorter side of the coarsest scale.
        factor: about the side of a scale / side of the next finer one.
        pyramid: as of :class:`SingleImageDataset`.

    Batch:
        img: ``(N, 3, size, size)`` in [-1, 1].
    """

    def __init__(self, size: Side = 64, seed: Seed = 0, length: Count = 1, min_size: Count = 25, factor: Factor = 0.75,
                 pyramid: dict[str, Any] | None = None) -> None:
        image = draw_landscape(np.random.default_rng(seed), size).astype(np.float64)
        super().__init__(image, f'landscape/{seed}.png', length, pyramid, min_size=min_size, max_size=size,
                         factor=factor)


def _levels(image: np.ndarray, where: str) -> np.ndarray:
    """Levels ``(H, W, C)`` from 0 to 255 of an image of 8 or 16 bits.

    Raises:
        DataError: it holds other numbers.
    """
    if image.dtype.name not in PLAIN:
        raise DataError(f'{where}: numbers are {image.dtype}; one image is learnt from 8 or 16 bits without sign.')
    return image / (np.iinfo(image.dtype).max / 255) if image.dtype == np.uint16 else image.astype(np.float64)


def opaque(levels: np.ndarray, background: float) -> np.ndarray:
    """The levels of a picture, laid over a background if it has an alpha."""
    if levels.shape[2] not in (2, 4):
        return levels
    alpha = levels[:, :, -1:] / 255
    return np.asarray(levels[:, :, :-1] * alpha + 255 * background * (1 - alpha))


def _found(path: File | None, data_root: File | None) -> Path:
    parts = [part for part in (data_root, path) if part is not None]
    if not parts:
        raise ConfigError('SingleImageDataset: which image? Give its path, or --cfg-options data_root=photo.png.')
    found = Path(*parts).expanduser()
    if is_folder(found):
        raise DataError(_folder(found))
    return found


def _folder(folder: Path) -> str:
    files: Sequence[Path] = list_images(folder)
    names = ', '.join(repr(str(file)) for file in files[:3]) + (', ...' if len(files) > 3 else '')
    return (f'{str(folder)!r} is a folder, and a model is learnt from one image: give its path'
            + (f', one of {names}.' if files else '.')
            + f' A model for each: toolbox train CONFIG --data {folder}/*')
