"""CIFAR-10 in its published forms: binary or Python batches, unpacked or in their archive. No pickle is executed."""

from __future__ import annotations

import contextlib
import gzip
import io
import logging
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from mmengine.logging import print_log

from ...errors import DataError
from ...registry import DATASETS, Channels, Count, File, Transform
from .classes import LabelledArrays
from .datasets import check_root
from .pickles import read_pickle

CLASSES = ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')
IMAGES = {'train': 50_000, 'test': 10_000}
BATCHES = {'train': tuple(f'data_batch_{i}' for i in range(1, 6)), 'test': ('test_batch',)}
PIXELS = 3 * 32 * 32
MAX_BATCH, MAX_ARCHIVE = 2**26, 2**28  # bytes when unpacked; the published ones have about half of that


@DATASETS.register_module()
class CIFAR10(LabelledArrays):
    """50,000 training and 10,000 test images of 32x32 in ten classes (Krizhevsky 2009), as 'img' and 'label'.

    Args:
        data_root: a folder that holds ``cifar-10-batches-bin/`` or ``cifar-10-batches-py/``, or the archive
            ``cifar-10-binary.tar.gz`` or ``cifar-10-python.tar.gz``; or such a folder or archive itself.
        split: 'train' or 'test'.
        channels: 1, 3 or 4.
        pipeline: transforms.
        max_samples: use only the first so many images.

    Raises:
        DataError: nothing of this kind is there, or a file is damaged.
    """

    classes = CLASSES

    def __init__(self, data_root: File | None = None, split: Literal['train', 'test'] = 'train', channels: Channels = 3,
                 pipeline: Sequence[Transform] = (), max_samples: Count | None = None) -> None:
        root = check_root(data_root, 'CIFAR10')
        found = dict(_batches(root, BATCHES[split]))
        if missing := [name for name in BATCHES[split] if name not in found]:
            raise DataError(f'{str(root)!r}: {", ".join(missing)} of CIFAR-10 not found. Expected there:\n    '
                            'cifar-10-batches-bin/*.bin\n  or\n    cifar-10-batches-py/*\n  or\n    '
                            'cifar-10-binary.tar.gz\n  or\n    cifar-10-python.tar.gz')
        parts = [found[name] for name in BATCHES[split]]
        images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
        if len(images) != IMAGES[split]:
            print_log(f'{root}: {len(images)} images in the batches of {split!r}; those of the published set hold '
                      f'{IMAGES[split]}.', logger='current', level=logging.WARNING)
        super().__init__(f'{root}/{split}', images, labels, channels, pipeline, max_samples)


def _batches(root: Path, wanted: Sequence[str]) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """(name, images and labels) of the wanted batches, from the first form that is there."""
    folders = [root / 'cifar-10-batches-bin', root / 'cifar-10-batches-py', root]
    for folder in folders:
        paths = [path for name in wanted for path in (folder / f'{name}.bin', folder / name) if path.is_file()]
        if paths:
            yield from ((path.stem, read_batch(_content(path), str(path))) for path in paths)
            return
    for archive in (root / 'cifar-10-binary.tar.gz', root / 'cifar-10-python.tar.gz', root):
        if archive.is_file():
            yield from _archived(archive, wanted)
            return


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BATCH:
            raise DataError(f'{path}: {path.stat().st_size} bytes are more than any batch of CIFAR-10 has.')
        return path.read_bytes()
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror or error}).') from error


def _archived(archive: Path, wanted: Sequence[str]) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    left = set(wanted)
    try:
        with _unpacked(archive) as stream, tarfile.open(fileobj=stream, mode='r|') as file:
            for member in file:
                name = PurePosixPath(member.name).name.removesuffix('.bin')
                if name in left and member.isreg() and member.size <= MAX_BATCH and (
                        data := file.extractfile(member)) is not None:
                    left.remove(name)
                    yield name, read_batch(data.read(), f'{archive}: {member.name}')
                if not left:
                    return
    except (tarfile.TarError, OSError, EOFError, zlib.error, RecursionError) as error:
        raise DataError(f'{str(archive)!r}: cannot be read ({error}). Fetch the file again.') from error


@contextlib.contextmanager
def _unpacked(archive: Path) -> Iterator[_Bounded]:
    with archive.open('rb') as file:
        packed = file.read(2) == b'\x1f\x8b'
        file.seek(0)
        yield _Bounded(gzip.GzipFile(fileobj=file) if packed else file)


class _Bounded(io.RawIOBase):
    """Reads no more than ``MAX_ARCHIVE`` bytes, whatever the headers in an archive claim."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self.stream, self.left = stream, MAX_ARCHIVE

    def read(self, size: int = -1) -> bytes:
        self.left -= size
        if size < 0 or self.left < 0:
            raise OSError(f'it unpacks to more than {MAX_ARCHIVE >> 20} MB')
        return self.stream.read(size)


def read_batch(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(N, 32, 32, 3)`` uint8 and labels ``(N,)`` of a batch file of either form.

    Args:
        data: the file's content.
        where: its name, for messages.

    Raises:
        DataError: it is not such a file.
    """
    if data[:1] == b'\x80':
        pixels, labels = _unpickle(data, where)
    elif data and len(data) % (PIXELS + 1) == 0:
        records = np.frombuffer(data, np.uint8).reshape(-1, PIXELS + 1)
        pixels, labels = records[:, 1:], records[:, 0]
    else:
        raise DataError(f'{where}: {len(data)} bytes are not a whole number of records of {PIXELS + 1} bytes. '
                        'Fetch it again.')
    if pixels.shape != (len(labels), PIXELS) or max(labels, default=len(CLASSES)) >= len(CLASSES):
        raise DataError(f'{where}: labels and images do not fit each other; this is not a batch of CIFAR-10.')
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.asarray(labels, np.int64)


def _unpickle(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = read_pickle(data)
        pixels, labels = (batch.get(key.encode(), batch.get(key)) for key in ('data', 'labels'))
        if type(labels) is not list or not all(type(label) is int and 0 <= label < len(CLASSES) for label in labels):
            raise ValueError(f"'labels' must be a list of whole numbers from 0 to {len(CLASSES) - 1}")
        return pixels.bytes_array(), np.array(labels, np.int64)
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f'{where}: no batch of CIFAR-10 ({error}).') from error
