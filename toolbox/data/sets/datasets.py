"""Datasets of image files, and the base that turns loaded arrays into a sample."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch.utils.data import Dataset

from ...errors import ConfigError, DataError
from ...randomness.keys import SampleKey, as_key, seeded
from ...registry import DATASETS, TRANSFORMS, Bands, Count, File, Probability, Transform, build
from ..facts import Facts, named
from ..frames import hint_on_turned, remarks_on
from ..io import read_image
from ..places import file_of
from ..preprocessor import to_tensor
from ..ranges import PLAIN, AskedRange, ValueRange, as_meta, require_within, settle, to_networks
from ..showing import Pixels
from ..transforms import compose
from .folders import find_domains, list_domain
from .hold_out import part_of
from .pairs import Layout, Pair, find_pairs, shape_of

Sample = dict[str, Any]
OnBad = Literal['error', 'skip']
OnGray = Literal['keep', 'bad']
PairChannels = Bands | dict[str, Bands]
T = TypeVar('T')
R = TypeVar('R')


class ImageDataset(Dataset[Sample]):
    """Base: seeds the sample's randomness, runs the pipeline and converts arrays to tensors.

    A subclass says how many samples there are (``__len__``) and loads one (``load``). Entries that show the same
    scene are named together in ``groups`` and share every random draw of the pipeline; groups draw on their own.

    Args:
        pipeline: configs of transforms, applied in this order.
        on_bad_image: 'error' stops at a file that cannot be read; 'skip' takes the next file of its list in its place
            (training only), and ``work_dir/skipped_images.txt`` names it.
        max_bad: the share of a list's files that may be skipped.
        pixels: 'shown' reads files as viewers show them: turned by the orientation tag, and 8-bit colours with an ICC
            profile converted to sRGB; 'stored' takes the numbers in them. None where a set reads no files.

    Files of other numbers than 8 or 16 bits without sign need a ``value_range``: the numbers (low, high) that become -1
    and 1 for the networks; ``'measured'``, the smallest and the largest number of the set; ``'percentiles'``, those
    below which 0.5 % and 99.5 % of them are; or a dict of these by key. It serves for 12 bits in 16, too.

    Attributes:
        ranges: what :meth:`settle_ranges` found out, by key; empty for 8 and 16 bits that need none.
        remarks: for the user, on the numbers in the files.
        maps: keys of label maps, whose numbers are ids: they have no channels.
        gray: 'bad' makes a photograph without any colour a bad image (a method that learns colours would learn gray).
    """

    channels: int | dict[str, int]
    ranges: dict[str, ValueRange] | None = None
    gray: OnGray = 'keep'
    remarks: Sequence[str] = ()
    groups: tuple[tuple[str, ...], ...] = (('A', 'B'),)
    maps: tuple[str, ...] = ()

    def __init__(self, pipeline: Sequence[Transform] = (), on_bad_image: OnBad = 'error',
                 max_bad: Probability = 0.01, pixels: Pixels | None = None) -> None:
        name = type(self).__name__
        self.on_bad_image, self.max_bad, self.pixels = on_bad_image, max_bad, pixels
        self._skipped: list[tuple[str, str, int]] = []
        self.transforms = [build(cfg, TRANSFORMS, where=f'{name}.pipeline[{i}]') for i, cfg in enumerate(pipeline)]

    def __len__(self) -> int:
        raise NotImplementedError

    def facts(self) -> Facts:
        """What the method that learns from this set must know: ``domains``, ``classes`` or ``attributes`` (names in the
        order of their labels), and ``channels`` of the images by key. The names are attributes of the set."""
        channels = getattr(self, 'channels', {})
        if isinstance(channels, int):
            channels = dict.fromkeys((key for group in self.groups for key in group if key not in self.maps), channels)
        ranges = {key: list(known) for key, known in (self.ranges or {}).items()}
        return {**named(self), **({'channels': channels} if channels else {}),
                **({'value_range': ranges} if ranges else {}), **({'pixels': self.pixels} if self.pixels else {})}

    @classmethod
    def stated(cls, cfg: Mapping[str, Any]) -> Facts:
        """Facts that the config of such a set tells without its files, beside names that it lists."""
        return {}

    def settle_ranges(self, asked: AskedRange | None, files: Mapping[str, Sequence[T]],
                      read: Callable[[T, str], np.ndarray] | None = None) -> None:
        """Look at some files to find out which numbers they hold; a constructor calls this when it has its files.

        Args:
            asked: ``value_range`` of the config.
            files: the list of each key.
            read: an image from an entry of its list; :meth:`read` when None.
        """
        self.ranges, remarks = settle(asked, files, read or self.read, type(self).__name__)
        lists = {id(listed): listed for listed in files.values()}.values()  # of pairs both keys have one
        channels = {self._channels_of(key) for key in files}
        self.remarks = [*remarks, *remarks_on(lists, channels, self.pixels or 'shown')]

    def read(self, file: Any, key: str) -> np.ndarray:
        """The image of a file, with the channels of its key and the numbers in it."""
        image = read_image(file, self._channels_of(key), self.pixels or 'shown')
        if self.gray == 'bad' and is_gray(image):
            raise DataError(f"{str(file)!r}: a gray photograph: its channels are equal in all pixels, so that it "
                            "teaches gray. Remove it, or leave such ones out by on_bad_image='skip'.")
        return image if self.ranges is None else require_within(image, self.ranges.get(key), key, str(file))

    def _channels_of(self, key: str) -> int:
        return self.channels if isinstance(self.channels, int) else self.channels[key]

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The arrays of a sample by key, and its meta; may draw from the global generators.

        Numbers ('label') and vectors ('attributes') pass the pipeline by.
        """
        raise NotImplementedError

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        """Every file of the set, and what reads it; none where a set holds its images in memory."""
        yield from ()

    def __getitem__(self, key: SampleKey | int) -> Sample:
        """Sample as a function of (index, seed): uint8 / uint16 ``(C, H, W)``, or floats in [-1, 1] where there is a
        range; int64 ``(H, W)`` for labels; 'meta'."""
        index, seed = as_key(key)
        if not 0 <= index < len(self):
            raise IndexError(f'{type(self).__name__} has {len(self)} samples, asked for {index}.')
        with seeded(seed):
            arrays, images, meta = self.drawn(index)
        facts = {key: torch.as_tensor(value) for key, value in arrays.items() if np.ndim(value) < 2}
        ranges = self._ranges_of(images)
        meta = {**meta, **as_meta(ranges), 'index': index, 'seed': seed,
                **({'skipped': self._skipped} if self._skipped else {})}
        tensors = {key: to_networks(image, ranges[key]) if key in (self.ranges or ()) and image.ndim == 3
                   else to_tensor(image) for key, image in images.items()}
        return {**tensors, **facts, 'meta': meta}

    def drawn(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any]]:
        """What :meth:`load` gives, its images after the pipeline, and the meta; draws from the global generators."""
        self._skipped = []
        arrays, meta = self.load(index)
        return arrays, self._transform(arrays, meta), meta

    def _ranges_of(self, images: dict[str, np.ndarray]) -> dict[str, ValueRange]:
        """Of all images but those of 8 bits without a stated range."""
        deep = {key: PLAIN['uint16'] for key, image in images.items() if image.dtype == np.uint16}
        return {**deep, **{key: known for key, known in (self.ranges or {}).items() if key in images}}

    def first_readable(self, files: Sequence[T], number: int, read: Callable[[T], R]) -> tuple[T, R]:
        """``files[number]`` and what ``read`` makes of it, or of the next one, as ``on_bad_image`` says."""
        for step in range(len(files)):
            file = files[(number + step) % len(files)]
            try:
                return file, read(file)
            except DataError as e:
                if self.on_bad_image == 'error':
                    raise
                self._skipped.append((file_of(file), str(e), max(1, int(self.max_bad * len(files)))))
        raise DataError(f'None of the {len(files)} files can be read; the last error: {self._skipped[-1][1]}')

    def _transform(self, images: dict[str, np.ndarray], meta: dict[str, Any]) -> dict[str, np.ndarray]:
        done = {}
        for group in self.groups:
            part = {key: images[key] for key in group if key in images}
            try:
                done.update(compose(self.transforms, part))
            except DataError as e:
                paths = dict.fromkeys(meta[f'{k}_path'] for k in part if f'{k}_path' in meta)
                names = ', '.join(map(repr, paths)) or f'sample {meta}'
                raise DataError(f'{names}: {e}{hint_on_turned(paths, self.pixels)}') from e
        return done


@DATASETS.register_module()
class UnpairedDataset(ImageDataset):
    """Two folders of images without correspondence: ``<split>A`` / ``<split>B``, or ``<split>/A`` / ``<split>/B``.

    The length is the larger of the two; A is ``index mod |A|`` and its partner from B is drawn at random, as in the
    CycleGAN authors' code. A and B go through the pipeline separately, each with draws of its own. ``meta['repeated']``
    lists the domains of which all images have been there before, so that an evaluation can count each once.

    Args:
        data_root: folder of the set.
        split: 'train', 'test', ...
        A: folder of domain A (relative to ``data_root``, or absolute) in place of the standard names; ``{split}`` in it
            stands for the split (``'{split}/google'``).
        B: the same for domain B.
        channels: 1, 3, 4 or the number of bands, for both, or ``dict(A=3, B=1)``.
        pipeline: transforms.
        serial: B is ``index mod |B|`` instead of random. None: random in the split 'train', serial elsewhere.
        max_samples: use only the first so many files of each domain.
        on_bad_image: 'error' or 'skip' (see :class:`ImageDataset`).
        max_bad: share of a domain's files that may be skipped.
        value_range: of both, or ``dict(A=..., B=...)`` (see :class:`ImageDataset`).
        pixels: 'shown' or 'stored' (see :class:`ImageDataset`).

    Raises:
        DataError: a folder is missing or empty; shows the expected tree.
    """

    groups = (('A',), ('B',))

    def __init__(self, data_root: File | None = None, split: str = 'train', A: str | None = None, B: str | None = None,
                 channels: PairChannels = 3, pipeline: Sequence[Transform] = (), serial: bool | None = None,
                 max_samples: Count | None = None, on_bad_image: OnBad = 'error', max_bad: Probability = 0.01,
                 value_range: AskedRange | None = None, pixels: Pixels = 'shown') -> None:
        super().__init__(pipeline, on_bad_image, max_bad, pixels)
        root = check_root(data_root, 'UnpairedDataset')
        folders = find_domains(root, split, {'A': A, 'B': B}, ('{split}{domain}', '{split}/{domain}'))
        self.files = {key: list_domain(folder, max_samples) for key, folder in folders.items()}
        self.channels = channels_of(channels, 'UnpairedDataset')
        self.serial = split != 'train' if serial is None else serial
        self.settle_ranges(value_range, self.files)

    def __len__(self) -> int:
        return max(map(len, self.files.values()))

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        yield from ((path, partial(self.read, path, key)) for key, files in self.files.items() for path in files)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        a, b = self.files['A'], self.files['B']
        partner = index % len(b) if self.serial else random.randint(0, len(b) - 1)
        paths, images = {}, {}
        for key, files, number in (('A', a, index % len(a)), ('B', b, partner)):
            paths[key], images[key] = self.first_readable(files, number, partial(self.read, key=key))
        repeated = [key for key, files in self.files.items() if index >= len(files)]
        return images, {**describe(paths, images), **({'repeated': repeated} if repeated else {})}


@DATASETS.register_module()
class PairedDataset(ImageDataset):
    """Pairs (A, B) of one scene; every draw of the pipeline is shared by the two.

    Layouts (``layout='auto'`` finds out which one is there; see docs/data.md):
        'side_by_side': files in ``<split>/`` with A in the left half and B in the right one, cut at ``width // 2``.
        'folders': two folders (``<split>A`` / ``<split>B``, ``A/<split>``, ``<split>/A`` ...) matched by file stem.
        'list': a CSV or JSON file (``ann_file``) with the columns A and B.

    Args:
        data_root: folder of the set.
        split: 'train', 'val', 'test', ...
        layout: as above.
        A: name of the first domain in folder names.
        B: name of the second domain.
        ann_file: list of pairs, relative to ``data_root``.
        swap: exchange A and B (the authors' direction BtoA); ``channels`` means the names after the exchange.
        channels: 1, 3, 4 or the number of bands, for both, or ``dict(A=1, B=3)``.
        pipeline: transforms.
        on_bad_pair: 'error' refuses the set when a file has no partner, cannot be read or (side by side) has an
            aspect ratio more than 25 % off the median; 'skip' leaves such files out and logs which.
        hold_out: ``dict(block=20, every=5, gap=0)`` divides the pairs into two parts (see :class:`HoldOut`), where a
            set has none to validate on; write the same in both data sets.
        held_out: use the part that is held out, not the other one.
        max_samples: use only the first so many pairs.
        on_bad_image: 'error' or 'skip' (see :class:`ImageDataset`); a pair is skipped as a whole.
        max_bad: share of the pairs that may be skipped.
        value_range: of both, or ``dict(A=..., B=...)`` (see :class:`ImageDataset`).
        pixels: 'shown' or 'stored' (see :class:`ImageDataset`).

    Attributes:
        skipped: one line per pair left out.
    """

    channels: dict[str, int]
    pixels: Pixels

    def __init__(self, data_root: File | None = None, split: str = 'train', layout: Layout = 'auto', A: str = 'A',
                 B: str = 'B', ann_file: str | None = None, swap: bool = False, channels: PairChannels = 3,
                 pipeline: Sequence[Transform] = (), on_bad_pair: OnBad = 'error', max_samples: Count | None = None,
                 on_bad_image: OnBad = 'error', max_bad: Probability = 0.01, value_range: AskedRange | None = None,
                 hold_out: dict[str, int] | None = None, held_out: bool = False, pixels: Pixels = 'shown') -> None:
        super().__init__(pipeline, on_bad_image, max_bad, pixels)
        root = check_root(data_root, 'PairedDataset')
        pairs, self.skipped = find_pairs(root, split, layout, (A, B), ann_file, on_bad_pair == 'skip', pixels)
        used = part_of(pairs.columns[0], hold_out, held_out)
        self.pairs = pairs[np.asarray(used, np.int64)][:max_samples]
        self.hold_out = None if hold_out is None else dict(hold_out)
        self.swap = swap
        self.channels = channels_of(channels, 'PairedDataset')
        self.settle_ranges(value_range, dict.fromkeys(self._keys(), self.pairs),
                           lambda pair, key: self._read(pair)[key])

    def __len__(self) -> int:
        return len(self.pairs)

    def facts(self) -> Facts:
        """Also how pairs are stored, the shape of their images and what is held out: another split must be like it."""
        shape = shape_of(self.pairs, self.pixels)
        return {**super().facts(), **({'pairs': dict(zip(('stored', 'aspect'), shape, strict=True))} if shape else {}),
                **({'hold_out': self.hold_out} if self.hold_out else {})}

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        for pair in self.pairs:
            yield from ((path, partial(self.read, path, key))
                        for path, key in zip(pair, self._keys(), strict=True) if path is not None)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        (first, second), images = self.first_readable(self.pairs, index, self._read)
        keys = self._keys()
        return images, describe({keys[0]: first, keys[1]: second or first}, images)

    def _keys(self) -> tuple[str, str]:
        return ('B', 'A') if self.swap else ('A', 'B')

    def _read(self, pair: Pair) -> dict[str, np.ndarray]:
        if pair.second is None:
            return self._halves(pair.first, self._keys())
        return {key: self.read(path, key) for key, path in zip(self._keys(), pair, strict=True)}

    def _halves(self, path: Path, keys: tuple[str, str]) -> dict[str, np.ndarray]:
        left, right = (self.channels[key] for key in keys)
        image = self.read(path, keys[0])
        other = image if left == right else self.read(path, keys[1])
        middle = image.shape[1] // 2
        return {keys[0]: image[:, :middle], keys[1]: other[:, middle:]}


def describe(paths: dict[str, Path], images: dict[str, np.ndarray]) -> dict[str, Any]:
    """The meta entries of loaded images: path and (height, width) of each."""
    meta: dict[str, Any] = {f'{key}_path': str(path) for key, path in paths.items()}
    return meta | {f'{key}_size': tuple(image.shape[:2]) for key, image in images.items()}


def channels_of(channels: int | Mapping[str, int], name: str) -> dict[str, int]:
    """Channels per domain from one number or a dict."""
    found = {'A': channels, 'B': channels} if isinstance(channels, int) else dict(channels)
    if set(found) != {'A', 'B'}:
        raise ConfigError(f'{name}.channels: expected a number or dict(A=..., B=...), found {channels!r}.')
    return found


def is_gray(image: np.ndarray) -> bool:
    """Whether the colour channels of ``(H, W, 3 | 4)`` are equal everywhere."""
    return bool((image[:, :, :2] == image[:, :, 1:3]).all())


def check_gray(gray: OnGray, channels: int, name: str) -> OnGray:
    """What to do with gray photographs; 'bad' is refused where there are no colours."""
    if gray == 'bad' and channels not in (3, 4):
        raise ConfigError(f"{name}.gray='bad' finds photographs without colours: it needs channels=3, found "
                          f'{channels}.')
    return gray


def check_root(data_root: File | None, name: str) -> Path:
    """The folder of a set as a path; None is refused in words."""
    if not data_root:
        raise ConfigError(f"{name}.data_root is not set. Write data_root = 'path/to/the/set' in the config, or give "
                          'it on the command line: --cfg-options data_root=path/to/the/set.')
    return Path(data_root).expanduser()
