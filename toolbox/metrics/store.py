"""Features of real images on disk, found again by what the images show."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from mmengine.logging import print_log

from ..files.cache import cache_dir

HEADER = 512  # bytes in front of the records, a line of JSON


def digest(image: np.ndarray) -> bytes:
    """16 bytes that identify the pixels and the shape of an image."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16, key=str(image.shape).encode()).digest()


class FeatureStore:
    """Feature vectors by :func:`digest`, kept in one file per network and set of images.

    A set is recognised by its first image, so that a file never needs to be named; every further image is looked up by
    its own pixels, and one that has changed is simply not found. The file is a header and one record per image (digest,
    CRC-32, float32 vector) and grows by whole records. It is not a pickle. A file of which anything is wrong is removed
    and made again. Vectors are read from the file when they are asked for, so that memory does not grow with the set.

    Args:
        key: identifies network, weights and preprocessing.
        output: which of the network's outputs the vectors are.
    """

    def __init__(self, key: str, output: str) -> None:
        self._identity = dict(format=1, key=key, output=output)
        self._path: Path | None = None  # of the set that is being evaluated
        self._places: dict[bytes, int] = {}
        self._record = _record(0)
        self._usable = True

    def get(self, name: bytes) -> np.ndarray | None:
        """The vector of the image with this digest."""
        if self._path is None:
            self._open(name)
        if name not in self._places:
            return None
        try:
            with self._file.open('rb') as file:
                file.seek(HEADER + self._places[name] * self._record.itemsize)
                return self._next(file)['features']
        except (OSError, ValueError):  # it was whole when the evaluation began
            return None

    def put(self, name: bytes, features: np.ndarray) -> None:
        """Append the vector of an image; without a disk to write to, features are computed each time."""
        if not self._usable:
            return
        record = np.zeros((), _record(len(features)))
        record['digest'], record['features'] = np.void(name), features
        record['crc'] = _crc(record)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open('ab', buffering=0) as file:
                if not file.tell():
                    header = json.dumps({**self._identity, 'dim': len(features)}).encode()
                    file.write(header.ljust(HEADER - 1) + b'\n')
                file.write(record.tobytes())
        except OSError as error:
            self._give_up(error)

    def finish(self) -> None:
        """The evaluation is over: the next one may be of another set."""
        self._path, self._places = None, {}

    @property
    def _file(self) -> Path:
        assert self._path is not None, 'get() opens the file of a set'
        return self._path

    def _open(self, first: bytes) -> None:
        name = hashlib.sha256(json.dumps(self._identity).encode() + first).hexdigest()[:32]
        self._path = cache_dir() / 'features' / f'{name}.bin'
        try:
            self._places = self._read()
        except FileNotFoundError:
            return
        except OSError as error:
            self._give_up(error)
        except (ValueError, KeyError, TypeError) as error:
            print_log(f'{self._path}: {error}. The file is removed; these features are computed again.', 'current',
                      logging.WARNING)
            self._remove()

    def _read(self) -> dict[bytes, int]:
        with self._file.open('rb') as file:
            header = json.loads(file.read(HEADER))
            self._record = _record(header.pop('dim'))
            if header != self._identity:
                raise ValueError('its header is another one')
            count, rest = divmod(os.fstat(file.fileno()).st_size - HEADER, self._record.itemsize)
            if rest:
                raise ValueError('it ends within a record')
            return {self._next(file)['digest'].tobytes(): place for place in range(count)}

    def _next(self, file: BinaryIO) -> np.ndarray:
        record = np.frombuffer(file.read(self._record.itemsize), self._record, 1)[0]
        if record['crc'] != _crc(record):
            raise ValueError('a record is damaged')
        return record

    def _remove(self) -> None:
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._usable = False
        print_log(f'{self._path}: {error.strerror}. Features of real images are computed at every evaluation.',
                  'current',
                  logging.WARNING)


def _record(dim: int) -> np.dtype:
    return np.dtype([('digest', 'V16'), ('crc', '<u4'), ('features', '<f4', (dim,))])


def _crc(record: np.ndarray) -> int:
    return zlib.crc32(record['features'].tobytes(), zlib.crc32(record['digest'].tobytes()))
