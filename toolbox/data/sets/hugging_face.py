"""Data sets of the package ``datasets`` (Hugging Face), from a folder or by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError, did_you_mean
from ...registry import DATASETS, Bands, Count, File, Probability, Transform
from ..names import natural
from ..places import Content
from ..ranges import AskedRange
from ..showing import Pixels
from .datasets import ImageDataset, OnBad, describe

IMG: Mapping[str, str] = {'img': 'image'}


@DATASETS.register_module()
class HuggingFaceDataset(ImageDataset):
    """Images of a table of ``datasets``, read as files are, with a label or without.

    Several columns are images of one scene: ``images=dict(A='sketch', B='photo')`` makes pairs, which share every draw.

    Args:
        data_root: folder that ``save_to_disk`` wrote, or a name on the Hub (``'user/set'``; downloaded once, into the
            cache of that package).
        split: 'train', 'test', ...; not used for a folder that holds one table.
        images: key of a sample -> column of images.
        label: column of the classes; its names, or its values in natural order, become ``classes``. None: no label.
        channels: 1, 3, 4 or the number of bands.
        pipeline: transforms.
        max_samples: use only the first so many rows.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`).
        max_bad: share of the rows that may be skipped.
        value_range: see :class:`~.datasets.ImageDataset`.
        pixels: see :class:`~.datasets.ImageDataset`.

    Attributes:
        classes: names of the classes; the label is the place in this list.

    Raises:
        DataError: there is no such set or split, or the package is missing; says what to install.
        ConfigError: there is no such column, or it holds no images.
    """

    channels: int

    def __init__(self, data_root: File | None = None, split: str = 'train', images: Mapping[str, str] = IMG,
                 label: str | None = None, channels: Bands = 3, pipeline: Sequence[Transform] = (),
                 max_samples: Count | None = None, on_bad_image: OnBad = 'error', max_bad: Probability = 0.01,
                 value_range: AskedRange | None = None, pixels: Pixels = 'shown') -> None:
        super().__init__(pipeline, on_bad_image, max_bad, pixels)
        if not data_root:
            raise ConfigError('HuggingFaceDataset.data_root is not set: a folder that save_to_disk wrote, or a name on '
                              'the Hub.')
        datasets = import_datasets()
        self.source, self.images, self.label = str(data_root), dict(images), label
        table = _load(datasets, self.source, split)
        self._check_columns(datasets, table)
        for column in self.images.values():
            table = table.cast_column(column, datasets.Image(decode=False))
        self.table = table.select_columns([*self.images.values(), *([label] if label else [])])
        self.groups, self.channels = (tuple(self.images),), channels
        if label is not None:
            self._settle_classes(label)
        self.length = min(len(table), max_samples or len(table))
        rows = range(self.length)
        self.settle_ranges(value_range, dict.fromkeys(self.images, rows))

    def __len__(self) -> int:
        return self.length

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        yield from ((self._path(row), partial(self._read, row)) for row in range(self.length))

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        row, images = self.first_readable(range(self.length), index, self._read)
        label = {} if self.label is None else {'label': self._label(self.table[row][self.label])}
        return {**images, **label}, describe(dict.fromkeys(images, self._path(row)), images)

    def read(self, file: int, key: str) -> np.ndarray:
        """The image ``key`` of a row."""
        cell = self.table[file][self.images[key]]
        name = f'{self._path(file)} ({self.images[key]})'
        if cell is None or (cell['bytes'] is None and not cell['path']):
            raise DataError(f'{name}: this row has no image.')
        return super().read(cell['path'] if cell['bytes'] is None else Content(cell['bytes'], name), key)

    def _read(self, row: int) -> dict[str, np.ndarray]:
        return {key: self.read(row, key) for key in self.images}

    def _path(self, row: int) -> Path:
        return Path(self.source, f'{row:08d}.png')

    def _check_columns(self, datasets: Any, table: Any) -> None:
        for argument, column in (*((f'images.{key}', name) for key, name in self.images.items()),
                                 *([('label', self.label)] if self.label is not None else [])):
            if column not in table.features:
                raise ConfigError(f'HuggingFaceDataset.{argument}: {self.source!r} has no column {column!r}.'
                                  f'{did_you_mean(column, table.features)}')
            if argument != 'label' and not isinstance(table.features[column], datasets.Image):
                pictures = [name for name, kind in table.features.items() if isinstance(kind, datasets.Image)]
                raise ConfigError(f'HuggingFaceDataset.{argument}: the column {column!r} of {self.source!r} holds no '
                                  f'images but {table.features[column]}; columns of images: {pictures}.')

    def _settle_classes(self, label: str) -> None:
        """Labels with names are numbers already; others are numbered in the order of their texts."""
        named = getattr(self.table.features[label], 'names', None)
        self.classes = list(named) if named else natural(map(str, self.table.unique(label)))
        self._numbers = None if named else {name: number for number, name in enumerate(self.classes)}

    def _label(self, value: Any) -> np.ndarray:
        number = value if self._numbers is None else self._numbers[str(value)]
        if number is None or not 0 <= number < len(self.classes):
            raise DataError(f'{self.source!r}: a row has the label {value!r}; the classes are numbered from 0 to '
                            f'{len(self.classes) - 1}. Leave such rows out: table.filter(...).save_to_disk(...).')
        return np.asarray(number, np.int64)


def import_datasets() -> Any:
    """The package, or a DataError that says how to install it."""
    try:
        import datasets
    except ImportError as error:
        raise DataError("HuggingFaceDataset needs the package datasets:\n    pip install datasets      (or the extra: "
                        "pip install 'gan-toolbox[hf]')") from error
    return datasets


def _load(datasets: Any, source: str, split: str) -> Any:
    try:
        found = datasets.load_from_disk(source) if Path(source).is_dir() else datasets.load_dataset(source, split=split)
    except Exception as error:  # of many kinds: no such name, no connection, another form, a damaged table
        raise DataError(f'Cannot load the data set {source!r} (split {split!r}): {type(error).__name__}: {error}. '
                        'Expected a folder that save_to_disk wrote, or a name on the Hub and an internet connection.'
                        ) from error
    if isinstance(found, datasets.DatasetDict):
        if split not in found:
            raise DataError(f'{source!r} has no split {split!r}.{did_you_mean(split, found)}')
        found = found[split]
    if not len(found):
        raise DataError(f'{source!r} (split {split!r}) has no rows.')
    return found
