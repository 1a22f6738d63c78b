"""Images with a table of binary attributes, and two data sets as one."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.utils.data import Dataset

from ...errors import ConfigError, DataError, did_you_mean
from ...randomness.keys import SampleKey, as_key, hash_seed
from ...registry import DATASETS, Bands, Count, File, Natural, Probability, Transform, build
from ..facts import Facts, facts_of
from ..io import has_images
from ..ranges import AskedRange
from .datasets import ImageDataset, OnBad, Sample, check_root, describe
from .folders import missing_images

VALUES = {'1': 1.0, '0': 0.0, '-1': 0.0, 'true': 1.0, 'false': 0.0}


@DATASETS.register_module()
class AttributeImages(ImageDataset):
    """Images with a table of attributes, in the form of CelebA's ``list_attr_celeba.txt`` or as CSV.

    A sample holds 'img', 'attributes' (float32 of 0 and 1, in the order of ``attributes``), and 'target_attributes',
    those of another image drawn at random. (The authors of StarGAN exchange the attributes within a batch.)

    Args:
        attributes: names of the columns to use.
        data_root: folder of the set.
        split: 'train' or 'test'.
        images: folder of the images, relative to ``data_root``.
        ann_file: the table, relative to ``data_root``. CelebA: a line with the number of images, one with the names of
            the attributes, then ``<file> <1 or -1> ...``. CSV: a header whose first column is the file; values 0, 1 or
            -1.
        test_size: images of the split 'test', the first ones after shuffling as the authors of StarGAN do.
        channels: 1, 3, 4 or the number of bands.
        pipeline: transforms.
        max_samples: use only the first so many images of the split.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`).
        max_bad: share of the files that may be skipped.
        value_range: see :class:`~.datasets.ImageDataset`.

    Raises:
        DataError: images or the table are missing, or a line of the table cannot be read; names file and line.
        ConfigError: the table has no such attribute.
    """

    groups = (('img',),)

    def __init__(self, attributes: Sequence[str], data_root: File | None = None,
                 split: Literal['train', 'test'] = 'train', images: str = 'images',
                 ann_file: str = 'list_attr_celeba.txt', test_size: Natural = 1999,
                 channels: Bands = 3, pipeline: Sequence[Transform] = (), max_samples: Count | None = None,
                 on_bad_image: OnBad = 'error', max_bad: Probability = 0.01,
                 value_range: AskedRange | None = None) -> None:
        super().__init__(pipeline, on_bad_image, max_bad)
        root = check_root(data_root, 'AttributeImages')
        if not has_images(root / images) or not (root / ann_file).is_file():
            raise missing_images(root, [[f'{root / images}/*.jpg', str(root / ann_file)]])
        rows = read_table(root / ann_file, attributes)
        random.Random(1234).shuffle(rows)
        rows = rows[test_size:] if split == 'train' else rows[:test_size]
        if not rows:
            raise DataError(f'{root / ann_file}: no images are left for the split {split!r}; test_size is {test_size}.')
        self.rows = [(root / images / name, values) for name, values in rows[:max_samples]]
        self.attributes = tuple(attributes)
        self.channels = channels
        self.settle_ranges(value_range, {'img': [path for path, _ in self.rows]})

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        (path, values), image = self.first_readable(self.rows, index, self._read)
        target = self.rows[random.randrange(len(self.rows))][1]
        return ({'img': image, 'attributes': values, 'target_attributes': target},
                describe({'img': path}, {'img': image}))

    def _read(self, row: tuple[Path, np.ndarray]) -> np.ndarray:
        return self.read(row[0], 'img')


def read_table(path: Path, attributes: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """(file, values of these attributes as float32 of 0 and 1) for every line.

    Raises:
        DataError: the table is empty, or a line does not fit the header.
        ConfigError: it has no such attribute.
    """
    with path.open(newline='', encoding='utf-8') as file:
        if path.suffix == '.csv':
            lines = list(csv.reader(file))
            header, first = (lines[0][1:] if lines else []), 1
        else:
            lines = [line.split() for line in file]
            header, first = (lines[1] if len(lines) > 1 else []), 2
    for name in attributes:
        if name not in header:
            raise ConfigError(f'AttributeImages.attributes: {path} has no column {name!r}.{did_you_mean(name, header)}')
    places = [header.index(name) for name in attributes]
    rows = []
    for number, line in enumerate(lines[first:], first + 1):
        if line:
            rows.append((line[0], _values(line[1:], places, len(header), f'{path}, line {number}')))
    return rows


def _values(cells: Sequence[str], places: Sequence[int], width: int, where: str) -> np.ndarray:
    if len(cells) != width:
        raise DataError(f'{where}: {len(cells)} values for {width} attributes.')
    chosen = [cells[place].strip().lower() for place in places]
    for cell in chosen:
        if cell not in VALUES:
            raise DataError(f'{where}: the value {cell!r} is none of {", ".join(VALUES)}.')
    return np.array([VALUES[cell] for cell in chosen], np.float32)


@DATASETS.register_module()
class JoinedDatasets(Dataset[dict[str, Any]]):
    """Two data sets that train one model together: a sample of the first and one of the second.

    The second sample is drawn at random and its image is called 'img2'; all other keys of the two differ. Give each set
    its own ``data_root``.

    Args:
        first: config of a data set; it sets the length.
        second: config of the other one.
        data_root: used for both where they have none.
    """

    def __init__(self, first: Mapping[str, Any], second: Mapping[str, Any], data_root: File | None = None) -> None:
        shared = {} if data_root is None else {'data_root': data_root}
        self.parts = [build(dict(cfg), DATASETS, f'dataset.{name}', **shared)
                      for name, cfg in (('first', first), ('second', second))]

    def __len__(self) -> int:
        return len(self.parts[0])

    def facts(self) -> Facts:
        """Those of both; the images of the second are called 'img2'."""
        first, second = map(facts_of, self.parts)
        facts = {**second, **first}
        for name in ('channels', 'value_range'):
            own, other = first.get(name, {}), second.get(name, {})
            if own or other:
                facts[name] = {**own, **({'img2': other['img']} if 'img' in other else {})}
        return facts

    @property
    def remarks(self) -> list[str]:
        """Those of both."""
        return [remark for part in self.parts for remark in getattr(part, 'remarks', ())]

    @property
    def on_bad_image(self) -> str:
        """What an evaluation asks of every set."""
        return next((p.on_bad_image for p in self.parts if p.on_bad_image != 'error'), 'error')

    def __getitem__(self, key: SampleKey | int) -> Sample:
        index, seed = as_key(key)
        first, second = self.parts
        other = hash_seed(seed, 1)
        a, b = first[SampleKey(index, seed)], second[SampleKey(other % len(second), other)]
        meta = {**{key.replace('img', 'img2'): value for key, value in b['meta'].items()}, **a['meta']}
        facts = {key: value for key, value in b.items() if key not in ('img', 'meta')}
        return {**a, 'img2': b['img'], **facts, 'meta': meta}
