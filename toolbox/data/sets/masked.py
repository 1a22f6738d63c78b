"""Images with a mask of their own for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...registry import DATASETS, Bands, Count, File, Probability, Transform
from ..frames import hint_on_turned
from ..io import list_images
from ..masks import read_mask
from ..ranges import AskedRange
from ..showing import Pixels
from .classes import ImageFolder
from .datasets import OnBad, check_root, describe


@DATASETS.register_module()
class MaskedImages(ImageFolder):
    """Every image below a folder, as 'img', and the mask of the same name, as 'mask': white where pixels are missing.

    Both go through the pipeline with the same draws.

    Args:
        data_root: folder of the set.
        masks: folder of the masks (relative to ``data_root``, or absolute), with the same sub-folders and names;
            suffixes may differ. Masks have any bit depth, and the size of their image.
        split: sub-folder of the images; empty for all of them.
        channels: 1, 3, 4 or the number of bands, of the images.
        pipeline: transforms.
        max_samples: use only the first so many images.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`).
        max_bad: share of the images that may be skipped.
        value_range: of the images (see :class:`~.datasets.ImageDataset`).
        pixels: see :class:`~.datasets.ImageDataset`; masks are turned as images are.

    Raises:
        DataError: a folder is missing or empty, or images have no mask; names them.
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
        images, folder = root / split, root / masks
        there = {path.relative_to(folder).with_suffix(''): path for path in list_images(folder)}
        names = {path: path.relative_to(images).with_suffix('') for path in self.files}
        if missing := [str(path) for path, name in names.items() if name not in there]:
            raise DataError(f'MaskedImages: {len(missing)} of {len(self.files)} images have no mask in '
                            f'{str(folder)!r}, such as {missing[0]!r}. A mask has the name of its image; for masks of '
                            "other names draw them in the pipeline of an ImageFolder: dict(type='MasksFromFolder', "
                            'folder=...).')
        self.masks = {path: there[name] for path, name in names.items()}

    def files_and_readers(self) -> Iterator[tuple[Path, Any]]:
        yield from super().files_and_readers()
        yield from ((path, partial(read_mask, path, self.pixels)) for path in self.masks.values())

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        path, images = self.first_readable(self.files, index, self._read_both)
        return images, describe({'img': path, 'mask': self.masks[path]}, images)

    def _read_both(self, path: Path) -> dict[str, np.ndarray]:
        image, mask = self.read(path, 'img'), read_mask(self.masks[path], self.pixels)
        if image.shape[:2] != mask.shape[:2]:
            raise DataError(f'{str(self.masks[path])!r} is {mask.shape[1]}x{mask.shape[0]} (width x height), but its '
                            f'image {str(path)!r} is {image.shape[1]}x{image.shape[0]}. Save the mask at the size of '
                            f'its image.{hint_on_turned((path, self.masks[path]), self.pixels)}')
        return {'img': image, 'mask': mask}
