"""Images without a partner: a folder of them, or a folder per class. The base of sets that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np

from ...errors import ConfigError, DataError, did_you_mean
from ...registry import DATASETS, Bands, Channels, Count, File, Probability, Transform
from ..io import convert_channels
from ..listing import has_images, list_images, natural_key, scan, warn_left_out
from ..names import Rows
from ..places import is_folder, subfolders
from ..ranges import AskedRange
from ..showing import Pixels
from .datasets import ImageDataset, OnBad, OnGray, check_gray, check_root, describe
from .folders import missing_images
from .labels import LABELS, read_labels

GROUPS: tuple[tuple[str, ...], ...] = (('img',),)


@DATASETS.register_module()
class ImageFolder(ImageDataset):
    """Every image below a folder, as 'img'.

    Args:
        data_root: folder of the set.
        split: sub-folder; empty for the whole set.
        channels: 1, 3, 4 or the number of bands.
        pipeline: transforms.
        max_samples: use only the first so many files.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`).
        max_bad: share of the files that may be skipped.
        value_range: see :class:`~.datasets.ImageDataset`.
        gray: 'bad': a photograph without any colour is a bad image; see :class:`~.datasets.ImageDataset`.
        pixels: see :class:`~.datasets.ImageDataset`.

    Raises:
        DataError: the folder is missing or empty; shows the expected tree.
    """

    groups = GROUPS

    def __init__(self, data_root: File | None = None, split: str = '', channels: Bands = 3,
                 pipeline: Sequence[Transform] = (), max_samples: Count | None = None, on_bad_image: OnBad = 'error',
                 max_bad: Probability = 0.01, value_range: AskedRange | None = None, gray: OnGray = 'keep',
                 pixels: Pixels = 'shown') -> None:
        super().__init__(pipeline, on_bad_image, max_bad, pixels)
        root = check_root(data_root, 'ImageFolder')
        if not has_images(root / split):
            raise missing_images(root, [[f'{root / split}/*.jpg']], split)
        self.files = list_images(root / split)[:max_samples]
        self.channels = channels
        self.settle_ranges(value_range, {'img': self.files})
        self.gray = check_gray(gray, channels, 'ImageFolder')

    def __len__(self) -> int:
        return len(self.files)

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        yield from ((path, partial(self.read, path, 'img')) for path in self.files)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        path, image = self.first_readable(self.files, index, partial(self.read, key='img'))
        return {'img': image}, describe({'img': path}, {'img': image})


@DATASETS.register_module()
class ClassFolders(ImageDataset):
    """A folder of images per class: ``<split>/<class>/*``, or ``<class>/*`` when ``split`` is empty.

    With a ``dataset.json`` beside the images (StyleGAN's layout, in a zip mostly) classes are the numbers in it, and
    folders mean nothing: ``{"labels": [["00000/1.png", 6], ...]}``.

    A sample holds 'img' and 'label', the number of its class (an int64 scalar). Classes are numbered in the natural
    order of their folders' names, or as ``classes`` lists them.

    Args:
        data_root: folder of the set.
        split: 'train', 'test', ...; empty if the folders of the classes are in ``data_root`` itself.
        classes: names of the folders to use, in the order of their labels; all when None.
        channels: 1, 3, 4 or the number of bands.
        pipeline: transforms.
        max_samples: use only the first so many files of each class.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`); the next file of the same class is
            taken.
        max_bad: share of a class's files that may be skipped.
        value_range: see :class:`~.datasets.ImageDataset`.
        gray: 'bad': a photograph without any colour is a bad image; see :class:`~.datasets.ImageDataset`.
        pixels: see :class:`~.datasets.ImageDataset`.

    Attributes:
        classes: names of the classes; the label is the place in this list.

    Raises:
        DataError: a folder is missing or empty; shows the expected tree.
        ConfigError: ``classes`` names one twice, or one that does not exist; ``gray='bad'`` without colours.
    """

    groups = GROUPS
    naming = 'ClassFolders.classes'

    def __init__(self, data_root: File | None = None, split: str = 'train', classes: Sequence[str] | None = None,
                 channels: Bands = 3, pipeline: Sequence[Transform] = (), max_samples: Count | None = None,
                 on_bad_image: OnBad = 'error', max_bad: Probability = 0.01,
                 value_range: AskedRange | None = None, gray: OnGray = 'keep', pixels: Pixels = 'shown') -> None:
        super().__init__(pipeline, on_bad_image, max_bad, pixels)
        folder = check_root(data_root, 'ClassFolders') / split
        listed = read_labels(folder)
        if listed is None:
            self.classes = find_classes(folder, classes, self.naming, split)
            found = [scan(folder / name) for name in self.classes]
            warn_left_out(folder, (path for _, others in found for path in others))
            listed = dict(zip(self.classes, (images for images, _ in found), strict=True))
        else:
            self.classes = chosen(list(listed), classes, self.naming, str(folder / LABELS))
        self.files = [listed[name][:max_samples] for name in self.classes]
        self.places = Places([len(files) for files in self.files])
        self.channels = channels
        self.settle_ranges(value_range, {'img': Rows(self._file, self.places)})
        self.gray = check_gray(gray, channels, 'ClassFolders')

    def __len__(self) -> int:
        return len(self.places)

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        yield from ((path, partial(self.read, path, 'img')) for files in self.files for path in files)

    def _file(self, place: tuple[int, int]) -> Path:
        return self.files[place[0]][place[1]]

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        label, number = self.places[index]
        path, image = self.first_readable(self.files[label], number, partial(self.read, key='img'))
        return {'img': image, 'label': np.int64(label)}, describe({'img': path}, {'img': image})


class Places(Sequence[tuple[int, int]]):
    """(label, number) of the files of all classes, one class after the other, from how many each has."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, place: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[int, int]]: ...
    def __getitem__(self, place: int | slice) -> tuple[int, int] | Sequence[tuple[int, int]]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(f'{len(self)} files, asked for {place}.')
        label = int(np.searchsorted(self._ends, place, 'right'))
        return label, place - (int(self._ends[label - 1]) if label else 0)


def find_classes(folder: Path, names: Sequence[str] | None, argument: str, split: str) -> list[str]:
    """Names of the sub-folders that hold images, or ``names`` after a check that each of them does.

    Args:
        folder: of the split.
        names: as the config lists them.
        argument: what lists them, for messages.
        split: the part of the set.

    Raises:
        DataError: there is none, or one without images that ``names`` does not leave out.
        ConfigError: ``names`` has one twice, or one that does not exist.
    """
    there = sorted(subfolders(folder), key=natural_key) if is_folder(folder) else []
    there = [p for p in there if not p.name.startswith('.') and p.name != '__MACOSX']
    found = [p.name for p in there if has_images(p)]
    if not found:
        raise missing_images(folder, [[f'{folder}/{name}/*.jpg' for name in names or ('CLASS_1', 'CLASS_2', '...')]],
                             split)
    if not names and (stray := [p for p in there if p.name not in found]):
        raise DataError(f'{str(stray[0])!r}: a folder without images among the folders of {argument.split(".")[1]} '
                        f'{found}. Fill it, remove it, or name those to use: '
                        f'{argument.split(".")[1]}={found[:4]}{" ..." if len(found) > 4 else ""}.')
    return chosen(found, names, argument, str(folder))


def chosen(found: Sequence[str], names: Sequence[str] | None, argument: str, place: str) -> list[str]:
    """``names``, or all that are found.

    Raises:
        ConfigError: ``names`` has one twice, or one that is not there.
    """
    for name in names or ():
        if name not in found:
            raise ConfigError(f'{argument}: no images of {name!r} in {place!r}.{did_you_mean(name, found)}')
    if names and len(set(names)) < len(names):
        raise ConfigError(f'{argument}: a class is named twice: {list(names)}.')
    return list(names or found)


class LabelledArrays(ImageDataset):
    """Base of labelled sets that fit into memory: 'img' and 'label', as in :class:`ClassFolders`.

    Args:
        source: name of the set in messages and file names.
        images: ``(N, H, W, C)`` uint8.
        labels: ``(N,)``.
        channels: 1, 3 or 4.
        pipeline: transforms.
        max_samples: use only the first so many images.
    """

    groups = GROUPS
    channels: int

    def __init__(self, source: str, images: np.ndarray, labels: np.ndarray, channels: Channels,
                 pipeline: Sequence[Transform], max_samples: Count | None) -> None:
        super().__init__(pipeline)
        if len(images) != len(labels):
            raise DataError(f'{source}: {len(images)} images, but {len(labels)} labels.')
        self.source, self.images, self.labels = source, images[:max_samples], labels[:max_samples]
        self.channels = channels

    def __len__(self) -> int:
        return len(self.images)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        image = convert_channels(self.images[index], self.channels)
        meta = describe({'img': Path(self.source, f'{index:05d}.png')}, {'img': image})
        return {'img': image, 'label': np.int64(self.labels[index])}, meta
