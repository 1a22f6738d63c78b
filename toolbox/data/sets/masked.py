"""Images with a mask of their own for each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError
from ...registry import DATASETS, Bands, Count, File, Probability, Transform
from ..frames import hint_on_turned
from ..listing import list_images
from ..masks import read_mask
from ..names import Files, Rows
from ..ranges import AskedRange
from ..showing import Pixels
from .classes import ImageFolder
from .datasets import OnBad, check_root, describe
from .pairs import stems


class Masked(NamedTuple):
    """Files of an image and its mask."""

    image: Path
    mask: Path


@DATASETS.register_module()
class MaskedImages(ImageFolder):
    """Every image below a folder, as 'img', and the mask of the same name, as 'mask': white where pixels are missing.

    Both go through the pipeline with the same draws.

    Args:
        data_root: folder of the set.
        masks: folder of the masks (relative to ``data_root``, or absolute), with the same sub-folders and names; an
            image without a mask of its suffix has that of another one. Masks have any bit depth, and the size of their
            image.
        split: sub-folder of the images; empty for all of them.
        channels: 1, 3, 4 or the number of bands, of the images.
        pipeline: transforms.
        max_samples: use only the first so many images.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`).
        max_bad: share of the images that may be skipped.
        value_range: of the images (see :class:`~.datasets.ImageDataset`).
        pixels: see :class:`~.datasets.ImageDataset`; masks are turned as images are.

    Raises:
        DataError: a folder is missing or empty, images have no mask, or two differ in their suffix alone; names them.
    """

    groups = (('img', 'mask'),)
    maps = ('mask',)
    pixels: Pixels

    def __init__(self, data_root: File | None = None, masks: File = 'masks', split: str = 'images',
                 channels: Bands = 3, pipeline: Sequence[Transform] = (), max_samples: Count | None = None,
                 on_bad_image: OnBad = 'error', max_bad: Probability = 0.01,
                 value_range: AskedRange | None = None, pixels: Pixels = 'shown') -> None:
        super().__init__(data_root, split, channels, pipeline, max_samples, on_bad_image, max_bad, value_range,
                         pixels=pixels)
        root = check_root(data_root, 'MaskedImages')
        folder = root / masks
        own = _masks_of(self.files, list_images(folder))
        masks_of = [name for name in own if name is not None]
        if missing := len(own) - len(masks_of):
            raise DataError(f'MaskedImages: {missing} of {len(own)} images have no mask in {str(folder)!r}, such as '
                            f'{str(self.files[own.index(None)])!r}. A mask has the name of its '
                            "image; for masks of other names draw them in the pipeline of an ImageFolder: "
                            "dict(type='MasksFromFolder', folder=...).")
        self.masks = Files(folder, masks_of)
        self.rows = Rows(Masked, self.files, self.masks)

    def files_and_readers(self) -> Iterator[tuple[Path, Any]]:
        yield from super().files_and_readers()
        yield from ((path, partial(read_mask, path, self.pixels)) for path in self.masks)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        (path, mask), images = self.first_readable(self.rows, index, self._read_both)
        return images, describe({'img': path, 'mask': mask}, images)

    def _read_both(self, files: Masked) -> dict[str, np.ndarray]:
        image, mask = self.read(files.image, 'img'), read_mask(files.mask, self.pixels)
        if image.shape[:2] != mask.shape[:2]:
            raise DataError(f'{str(files.mask)!r} is {mask.shape[1]}x{mask.shape[0]} (width x height), but its '
                            f'image {str(files.image)!r} is {image.shape[1]}x{image.shape[0]}. Save the mask at the '
                            f'size of its image.{hint_on_turned(files, self.pixels)}')
        return {'img': image, 'mask': mask}


def _masks_of(images: Files, masks: Files) -> list[str | None]:
    """The name of each image's mask: its own, else with another suffix."""
    exact = {*images.names} & {*masks.names}
    others, _ = (stems(Files(files.root, [name for name in files.names if name not in exact]))
                 for files in (masks, images))
    return [name if name in exact else others.get(os.path.splitext(name)[0]) for name in images.names]
