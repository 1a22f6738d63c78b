"""CIFAR-10 in its published forms: binary or Python batches, unpacked or in their archive. No pickle is executed."""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from ...errors import DataError
from ...registry import DATASETS, Channels, Count, File, Transform
from .classes import LabelledArrays
from .datasets import check_root

CLASSES = ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')
BATCHES = {'train': tuple(f'data_batch_{i}' for i in range(1, 6)), 'test': ('test_batch',)}
PIXELS = 3 * 32 * 32
MAX_BATCH = 2**26  # bytes; the published ones have half of that


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
        super().__init__(f'{root}/{split}', images, labels, channels, pipeline, max_samples)


def _batches(root: Path, wanted: Sequence[str]) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """(name, images and labels) of the wanted batches, from the first form that is there."""
    folders = [root / 'cifar-10-batches-bin', root / 'cifar-10-batches-py', root]
    for folder in folders:
        paths = [path for name in wanted for path in (folder / f'{name}.bin', folder / name) if path.is_file()]
        if paths:
            yield from ((path.stem, read_batch(path.read_bytes(), str(path))) for path in paths)
            return
    for archive in (root / 'cifar-10-binary.tar.gz', root / 'cifar-10-python.tar.gz', root):
        if archive.is_file():
            yield from _archived(archive, wanted)
            return


def _archived(archive: Path, wanted: Sequence[str]) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    try:
        with tarfile.open(archive) as file:
            for member in file:
                name = PurePosixPath(member.name).name.removesuffix('.bin')
                if name in wanted and member.isreg() and member.size <= MAX_BATCH and (
                        data := file.extractfile(member)) is not None:
                    yield name, read_batch(data.read(), f'{archive}: {member.name}')
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f'{str(archive)!r}: cannot be read ({error}). Fetch the file again.') from error


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
        batch = _BatchReader(io.BytesIO(data), encoding='bytes').load()
        labels = np.array(batch[b'labels'], np.uint8)
        return batch[b'data'].pixels(), labels
    except Exception as error:  # a damaged pickle raises anything
        raise DataError(f'{where}: no batch of CIFAR-10 ({type(error).__name__}: {error}).') from error


class _Array:
    """Stands for a NumPy array in a pickle: it keeps what it is given and does nothing."""

    def __init__(self, *args: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def pixels(self) -> np.ndarray:
        """``(N, 3072)``: the state is (version, shape, type, column order, bytes)."""
        return np.frombuffer(self.state[4], np.uint8).reshape(self.state[1])


class _BatchReader(pickle.Unpickler):
    """Reads the pickles of CIFAR-10 and nothing else: no name in a file leads to anything but :class:`_Array`."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split('.')[0] == 'numpy' and name in ('_reconstruct', 'ndarray', 'dtype'):
            return _Array
        if (module, name) == ('_codecs', 'encode'):  # how Python 3 writes bytes into a pickle of protocol 2
            return lambda text, encoding: text.encode('latin1')
        raise pickle.UnpicklingError(f'it names {module}.{name}, which is refused')
