"""The idx files of MNIST and of sets in its format (Fashion-MNIST, KMNIST, ...)."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...registry import DATASETS, Channels, Count, File, Transform
from .classes import LabelledArrays
from .datasets import check_root

PREFIX = {'train': 'train', 'test': 't10k'}
UINT8 = 8  # the code of unsigned bytes in the magic number, which is followed by the number of dimensions
MAX_BYTES = 2**31
MAX_RATIO, ALLOWANCE = 100, 2**26  # of unpacked to packed bytes, and in any case: images hardly compress


@DATASETS.register_module()
class IdxImages(LabelledArrays):
    """Images and labels in two idx files, packed (.gz) or not, as 'img' and 'label'.

    Args:
        data_root: folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
            ``t10k-labels-idx1-ubyte``.
        split: 'train', 'test' (the files ``t10k``), or another prefix of the files' names.
        channels: 1, 3 or 4.
        pipeline: transforms.
        max_samples: use only the first so many images.

    Raises:
        DataError: a file is missing, damaged or of another format.
    """

    def __init__(self, data_root: File | None = None, split: str = 'train', channels: Channels = 1,
                 pipeline: Sequence[Transform] = (), max_samples: Count | None = None) -> None:
        root, prefix = check_root(data_root, 'IdxImages'), PREFIX.get(split, split)
        images = read_idx(_find(root, f'{prefix}-images-idx3-ubyte'), 3)
        labels = read_idx(_find(root, f'{prefix}-labels-idx1-ubyte'), 1)
        super().__init__(f'{root}/{split}', images[..., None], labels, channels, pipeline, max_samples)


def _find(root: Path, name: str) -> Path:
    for path in (root / name, root / f'{name}.gz'):
        if path.is_file():
            return path
    there = sorted(p.name for p in root.iterdir())[:8] if root.is_dir() else 'no such folder'
    raise DataError(f'{str(root / name)!r}: no such file, nor one that ends in .gz. Found: {there}. '
                    'toolbox prepare fashion_mnist and toolbox prepare mnist_5k make such files of packages. '
                    'To start without any data: use the config configs/<method>/synthetic.py.')


def read_idx(path: str | Path, dimensions: int) -> np.ndarray:
    """The array of unsigned bytes in an idx file.

    Args:
        path: file; ``.gz`` is unpacked in memory.
        dimensions: how many the array must have.

    Raises:
        DataError: the header is another one, or the file does not have the length that the header says.
    """
    path = Path(path)
    header, packed = 4 + 4 * dimensions, path.suffix == '.gz'
    try:
        with (gzip.open if packed else open)(path, 'rb') as file:
            start = file.read(header)
            if len(start) < header or start[:4] != bytes((0, 0, UINT8, dimensions)):
                raise DataError(f'{str(path)!r}: no idx file of bytes with {dimensions} dimension(s); it starts with '
                                f'{start[:4].hex() or "nothing"}.')
            shape = [int.from_bytes(start[at:at + 4], 'big') for at in range(4, header, 4)]
            size = math.prod(shape)
            there = path.stat().st_size
            if packed and size > there * MAX_RATIO + ALLOWANCE:
                raise DataError(f'{str(path)!r}: its header says {"x".join(map(str, shape))} bytes, too many for a '
                                f'packed file of {there}. Unpack it if it is right.')
            data = file.read(min(size, size if packed else there, MAX_BYTES) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f'{str(path)!r}: cannot be read ({error}).') from error
    if len(data) != size or not size:
        raise DataError(f'{str(path)!r}: its header says {"x".join(map(str, shape))} bytes, '
                        f'{"more" if len(data) > size else len(data)} are there. Fetch the file again.')
    return np.frombuffer(data, np.uint8).reshape(shape)
