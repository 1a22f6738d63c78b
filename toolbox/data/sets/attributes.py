"""Images with a table of binary attributes, and two data sets as one."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import Dataset

from ...errors import ConfigError, DataError, did_you_mean
from ...randomness.keys import SampleKey, as_key, hash_seed
from ...registry import DATASETS, Bands, Count, File, Natural, Probability, Transform, build
from ..facts import Facts, facts_of
from ..listing import has_images
from ..names import Files, Rows
from ..places import is_file
from ..ranges import AskedRange
from ..showing import Pixels
from .datasets import ImageDataset, OnBad, Sample, check_root, describe
from .folders import missing_images
from .tables import FILE_WORDS, Lookup, Row, Table, is_index, read_csv, read_text

VALUES = {'1': 1, '0': 0, '-1': 0, '1.0': 1, '0.0': 0, '-1.0': 0, 'true': 1, 'false': 0}
_SHOWN = 10
FORMS = ("A table is a CSV file with the header 'file,NAME,NAME,...', or a text file in the form of CelebA: a line "
         "with the number of images, one with the names, then lines '<file> <1 or -1> ...'.")


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
        ann_file: the table in UTF-8, relative to ``data_root``. CelebA: a line with the number of images (which may be
            left out), one with the names of the attributes, then ``<file> <1 or -1> ...``. CSV: a header whose first
            column is the file; values 0, 1 or -1. Names of files may lack their suffix.
        test_size: images of the split 'test', the first ones after shuffling as the authors of StarGAN do.
        channels: 1, 3, 4 or the number of bands.
        pipeline: transforms.
        max_samples: use only the first so many images of the split.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`).
        max_bad: share of the files that may be skipped.
        value_range: see :class:`~.datasets.ImageDataset`.
        pixels: see :class:`~.datasets.ImageDataset`.

    Raises:
        DataError: images or the table are missing, a line of the table cannot be read, or names an image that is not
            there or has other values elsewhere; names file and line.
        ConfigError: the table has no such attribute.
    """

    groups = (('img',),)

    def __init__(self, attributes: Sequence[str], data_root: File | None = None,
                 split: Literal['train', 'test'] = 'train', images: str = 'images',
                 ann_file: str = 'list_attr_celeba.txt', test_size: Natural = 1999,
                 channels: Bands = 3, pipeline: Sequence[Transform] = (), max_samples: Count | None = None,
                 on_bad_image: OnBad = 'error', max_bad: Probability = 0.01,
                 value_range: AskedRange | None = None, pixels: Pixels = 'shown') -> None:
        super().__init__(pipeline, on_bad_image, max_bad, pixels)
        root = check_root(data_root, 'AttributeImages')
        if not has_images(root / images) or not is_file(root / ann_file):
            raise missing_images(root, [[f'{root / images}/*.jpg', str(root / ann_file)]])
        table = read_table(root / ann_file, attributes)
        names = _located(root / ann_file, root / images, table, on_bad_image)
        order = list(range(len(names)))
        random.Random(1234).shuffle(order)
        order = (order[test_size:] if split == 'train' else order[:test_size])[:max_samples]
        if not order:
            raise DataError(f'{root / ann_file}: no images are left for the split {split!r}; test_size is {test_size}.')
        self.files = Files(root / images, [names[place] for place in order])
        self.values = torch.from_numpy(table.values[order])
        self.attributes = tuple(attributes)
        self.channels = channels
        self.settle_ranges(value_range, {'img': self.files})

    @property
    def rows(self) -> Rows[tuple[Path, np.ndarray]]:
        """File, and float32 of 0 and 1, of each image."""
        return Rows(_row, self.files, self.values)

    def __len__(self) -> int:
        return len(self.files)

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        yield from ((path, partial(self.read, path, 'img')) for path in self.files)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        (path, values), image = self.first_readable(self.rows, index, self._read)
        target = self.rows[random.randrange(len(self.rows))][1]
        return ({'img': image, 'attributes': values, 'target_attributes': target},
                describe({'img': path}, {'img': image}))

    def _read(self, row: tuple[Path, np.ndarray]) -> np.ndarray:
        return self.read(row[0], 'img')


def _row(path: Path, values: Tensor) -> tuple[Path, np.ndarray]:
    return path, values.numpy().astype(np.float32)


class Attributes(NamedTuple):
    """Lines of a table, the names of the files there, and uint8 of 0 and 1, ``(files, attributes)``."""

    lines: list[int]
    names: list[str]
    values: np.ndarray


def read_table(path: Path, attributes: Sequence[str]) -> Attributes:
    """The values of these attributes in every row.

    Raises:
        DataError: the table is empty or not UTF-8, a line does not fit the header, or a file has two lines that differ.
        ConfigError: it has no such attribute, or two.
    """
    text = read_text(path)
    is_csv = path.suffix.lower() in ('.csv', '.tsv') or ',' in text.partition('\n')[0]
    table = _without_files(read_csv(path, text)) if is_csv else _celeba(path, text)
    names = table.columns
    for name in attributes:
        if (count := names.count(name)) != 1:
            raise ConfigError(f'AttributeImages.attributes: {path} has {count or "no"} column {name!r}.'
                              f'{did_you_mean(name, names)} {FORMS}')
    places = [names.index(name) + 1 for name in attributes]
    values = [[_value(row.cells[place], table, row) for place in places] for row in table.rows]
    found = Attributes([row.line for row in table.rows], [row.cells[0] for row in table.rows],
                       np.array(values, np.uint8).reshape(-1, len(places)))
    _refuse_contradictions(path, found)
    return found


def _without_files(table: Table) -> Table:
    """The names of the attributes alone; every row still begins with the file.

    Raises:
        DataError: the first column may be the index of a table that was filtered or shuffled, or names without suffix.
    """
    if table.rows and is_index(table.columns[0], table.rows):
        raise DataError(f'{table.path}: the first column has numbers ({table.rows[0].cells[0]}, ...) and no name: the '
                        "index of a table, or the files? Name it 'file' if the files are called so; else leave it out "
                        f'(pandas: to_csv(index=False)), or name the second column {table.columns[1]!r} file.')
    return table._replace(columns=table.columns[1:])


def _celeba(path: Path, text: str) -> Table:
    """Rows of file and values. The file may hold spaces, and the line with the number of images may be missing."""
    lines = [(number, line) for number, line in enumerate(text.split('\n'), 1) if line.strip()]
    count = int(lines.pop(0)[1]) if lines and lines[0][1].strip().isdecimal() and len(lines[0][1]) < 19 else None
    if len(lines) < 2:
        raise DataError(f'{path}: it holds no rows. {FORMS}')
    columns = lines[0][1].split()
    if columns[0].lower() in FILE_WORDS:
        columns = columns[1:]
    rows = [Row(number, line.strip().rsplit(None, len(columns))) for number, line in lines[1:]]
    for row in rows:
        if len(row.cells) != len(columns) + 1:
            raise DataError(f'{path}, line {row.line}: {len(row.cells) - 1} values for {len(columns)} attributes. '
                            f'{FORMS}')
    if count not in (None, len(rows)):
        print_log(f'{path}: its first line says {count} images, {len(rows)} rows follow. Was it cut short?',
                  logger='current', level=logging.WARNING)
    return Table(path, columns, rows)


def _value(cell: str, table: Table, row: Row) -> int:
    value = VALUES.get(cell)
    if value is None and (value := VALUES.get(cell.lower())) is None:
        raise DataError(f'{table.where(row)}: the value {cell.lower()!r} is none of {", ".join(VALUES)}. {FORMS}')
    return value


def _refuse_contradictions(path: Path, table: Attributes) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(table.names):
        first = seen.setdefault(name, number)
        if first != number and not np.array_equal(table.values[first], table.values[number]):
            raise DataError(f'{path}: line {table.lines[first]} and line {table.lines[number]} give different values '
                            f'to {name!r}. Remove one.')


def _located(table: Path, folder: Path, rows: Attributes, on_bad_image: OnBad) -> list[str]:
    """Names of files that exist; with 'skip', a missing file is left to the reading of images."""
    lookup = Lookup(folder)
    found = [lookup.find(name) for name in rows.names]
    missing = [place for place, there in enumerate(found) if there is None]
    if missing and on_bad_image == 'error':
        lines = [f'line {rows.lines[place]}: {rows.names[place]!r}{lookup.near(rows.names[place])}'
                 for place in missing[:_SHOWN]]
        more = f'\n  ... and {len(missing) - _SHOWN} more' if len(missing) > _SHOWN else ''
        raise DataError(f'{table}: {len(missing)} of {len(found)} rows name a file that is not in {str(folder)!r}:\n  '
                        + '\n  '.join(lines) + f'{more}\nThe first column must be the file. Correct or '
                        'remove these rows; to train without them, train_dataloader.dataset.on_bad_image=skip.')
    if unused := lookup.unused(name for name in found if name is not None):
        print_log(f'left out of {str(folder)!r}: {len(unused)} image(s) without a row in {table}, such as '
                  f'{Path(unused[0]).name!r}.', logger='current', level=logging.WARNING)
    return [name or rows.names[place] for place, name in enumerate(found)]


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

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        """Those of both."""
        for part in self.parts:
            yield from getattr(part, 'files_and_readers', tuple)()

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
