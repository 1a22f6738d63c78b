"""Label maps with photographs, and with maps of the objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import ConfigError, DataError
from ...registry import DATASETS, Bands, Count, File, Natural, Probability, Transform
from ..facts import Facts
from ..frames import hint_on_turned
from ..io import read_numbers
from ..ranges import LOOKED_AT, AskedRange
from ..semantics import Coded, LabelCode, class_tables
from ..showing import Pixels
from .datasets import ImageDataset, OnBad, check_root, describe
from .label_files import Entry, find_label_maps

if TYPE_CHECKING:
    Table = str
else:  # a Literal of names that are listed elsewhere is nothing for a type checker
    Table = Literal[tuple(class_tables())]
Classes = Table | Count | Sequence[str]
Colours = Sequence[Sequence[Natural]]
LABELS = ('classes', 'palette', 'unknown', 'numbers', 'unknown_numbers')
_ASPECT = 0.02  # by how much the shape of a photograph may differ from that of its label map


@DATASETS.register_module()
class SemanticDataset(ImageDataset):
    """Label maps ('label_map') and photographs ('img') of the same scenes, with maps of the objects ('instance_map').

    Ids are places in ``classes``, and ``len(classes)`` where a pixel has no class and ``unknown`` allows for it. Files
    are matched by their names. These layouts are recognised (see docs/data.md):
        ``<split>_label``, ``<split>_img``, ``<split>_inst``; or ``<split>/label``, ...: SPADE, pix2pixHD.
        ``gtFine/<split>``, ``leftImg8bit/<split>``: Cityscapes, of which ``*_labelIds`` and ``*_instanceIds`` are read.
        ``annotations/<split>``, ``images/<split>``: ADE20K, COCO-Stuff.
        ``base/*.png`` and ``base/*.jpg`` in one folder: CMP Facades, with ``extended`` for the split 'val'.

    Args:
        data_root: folder of the set.
        split: 'train', 'val', ...
        classes: 'cityscapes', 'ade20k' or another table of ``toolbox.data.semantics``, a list of names, or how many.
        palette: (red, green, blue) of each class, and of unknown pixels; those of the table when None, or drawn up.
        unknown: whether there are pixels of unknown class; when None, as the table says, or where their numbers are
            given, else no.
        instances: read the maps of objects; None reads them if they are there.
        numbers: of each class in the files; those of the table when None, or 0, 1, 2, ...
        unknown_numbers: of unknown pixels in the files; those of the table when None, or 255.
        coded: label maps hold 'numbers' (gray or with a palette), or the 'colours' of ``palette``.
        label: folder of the label maps in place of the standard names, with or without the field ``{split}``.
        img: the same for photographs.
        inst: the same for the maps of objects.
        channels: 1, 3, 4 or the number of bands, of the photographs.
        pipeline: transforms, with the same draws for all; ids are resized to the nearest pixel.
        on_bad_pair: 'error' refuses the set when a file has no partner; 'skip' leaves such files out and logs which.
        max_samples: use only the first so many.
        on_bad_image: 'error' or 'skip' (see :class:`ImageDataset`); a sample is skipped as a whole.
        max_bad: share of the samples that may be skipped.
        value_range: of the photographs (see :class:`ImageDataset`).
        pixels: 'shown' or 'stored' (see :class:`ImageDataset`); label maps are turned as photographs are.

    Raises:
        DataError: nothing is found, files have no partner, or one of the first label maps that are looked at has an id
            beyond ``classes``: the error names file, id and classes. Others are looked at when they are read.
        ConfigError: ``classes`` is missing or no table, or a palette does not fit.

    Attributes:
        code: what the numbers in label maps mean.
        skipped: one line per file left out.
    """

    groups = (('label_map', 'instance_map', 'img'),)
    maps = ('label_map', 'instance_map')
    channels: int
    pixels: Pixels

    def __init__(self, data_root: File | None = None, split: str = 'train', classes: Classes | None = None,
                 palette: Colours | None = None, unknown: bool | None = None, instances: bool | None = None,
                 numbers: Sequence[Natural] | None = None,
                 unknown_numbers: Sequence[Natural] | None = None, coded: Coded = 'numbers',
                 label: str | None = None, img: str | None = None, inst: str | None = None, channels: Bands = 3,
                 pipeline: Sequence[Transform] = (), on_bad_pair: OnBad = 'error', max_samples: Count | None = None,
                 on_bad_image: OnBad = 'error', max_bad: Probability = 0.01,
                 value_range: AskedRange | None = None, pixels: Pixels = 'shown') -> None:
        super().__init__(pipeline, on_bad_image, max_bad, pixels)
        root = check_root(data_root, 'SemanticDataset')
        self.code = LabelCode.of(classes, palette, unknown, numbers, unknown_numbers, 'SemanticDataset')
        self.classes, self.coded, self.channels = list(self.code.names), coded, channels
        folders = {'label_map': label, 'instance_map': inst, 'img': img}
        files, self.skipped = find_label_maps(root, split, folders, instances, skip_bad=on_bad_pair == 'skip')
        self.files = files[:max_samples]
        self.instances = 'instance_map' in self.files[0]
        self._look_at_labels()
        self.settle_ranges(value_range, {'img': self.files.columns[-1]})

    def __len__(self) -> int:
        return len(self.files)

    @classmethod
    def stated(cls, cfg: Mapping[str, Any]) -> Facts:
        settings: dict[str, Any] = {name: cfg.get(name) for name in LABELS}
        try:
            return LabelCode.of(**settings).facts()
        except (ConfigError, TypeError):  # the check says so
            return {}

    def facts(self) -> Facts:
        """Also colours, whether pixels may be unknown and objects are told apart, and what files hold."""
        return {**super().facts(), **self.code.facts(), 'instances': self.instances}

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        for entry in self.files:
            yield from ((path, partial(self.read, path, key)) for key, path in entry.items())

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        entry, images = self.first_readable(self.files, index, self._read)
        return images, describe(entry, images)

    def read(self, file: Path, key: str) -> np.ndarray:
        """A photograph as files hold it, ids of a label map, or numbers of objects, both int32 ``(H, W)``."""
        if key == 'img':
            return super().read(file, key)
        if key == 'label_map':
            return self.code.read(file, self.coded, self.pixels)
        return read_numbers(file, self.pixels).astype(np.int32)

    def _read(self, entry: Entry) -> dict[str, np.ndarray]:
        images = {key: self.read(path, key) for key, path in entry.items()}
        height, width = images['label_map'].shape
        for key, image in images.items():
            h, w = image.shape[:2]
            if abs(h * width - w * height) > _ASPECT * w * height or (key in self.maps and (h, w) != (height, width)):
                raise DataError(f'{str(entry[key])!r} is {w}x{h} (width x height), but {str(entry["label_map"])!r} is '
                                f'{width}x{height}. A map of objects must have the size of its label map, and a '
                                f'photograph its shape.{hint_on_turned(entry.values(), self.pixels)}')
        return images

    def _look_at_labels(self) -> None:
        """Wrong classes are said before the training: some label maps, spread over the set."""
        if self.on_bad_image == 'skip':
            return
        for number in range(count := min(LOOKED_AT, len(self.files))):
            self.read(self.files[number * len(self.files) // count]['label_map'], 'label_map')
