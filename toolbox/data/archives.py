"""Sets of images in one file: read at random places, by name, in any process."""

from __future__ import annotations

import itertools
import os
import re
import stat
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from . import index
from .names import Names, decoded, encoded

MAX_ENTRY = 2**30  # bytes of one file
_MAX_RATIO, _ALLOWANCE = 20, 2**26  # an entry that unpacks to more than this is a bomb: images hardly compress
_LOCAL, _START = b'PK\x03\x04', 30  # of the header before the data of an entry, which repeats its name
_NOT_PLAIN = 0x1 | 0x20 | 0x40  # flags of an entry: encrypted, a patch, strongly encrypted
_NO_PATH = re.compile(r'(^|/)\.{0,2}(/|$)|[\0\\]')
_DATA = 'data.mdb'


class Archive:
    """Files in a file. Their names are sorted by bytes; what is found in a large archive is kept (see :mod:`~.index`).

    Attributes:
        kind: in the name of its index.
        bare: whether names without a suffix are those of images.
        names: of all files.
    """

    kind: str
    bare = False

    def __init__(self, path: Path) -> None:
        started, self.path = time.time(), path
        self.signature = self._signature()
        known = index.load(self.kind, path)
        if known is None or not np.array_equal(known.pop('signature'), self.signature):
            known = self._checked()
            if np.count_nonzero(known['text'] == 0) >= index.WORTH and index.settled(self.signature, started):
                index.store(self.kind, path, {**known, 'signature': self.signature})
        self.names = Names.of_text(known.pop('text'))
        self.entries = known

    @property
    def changed(self) -> bool:
        """Whether the file is another one by now."""
        try:
            return not np.array_equal(self._signature(), self.signature)
        except OSError:
            return True

    def below(self, folder: str) -> range:
        """Places of the files below a folder of the archive, '' for all."""
        if not folder:
            return range(len(self.names))
        return range(*map(self.names.first_from, (encoded(f'{folder}/'), encoded(f'{folder}0'))))  # '0' follows '/'

    def find(self, name: str) -> int | None:
        """The place of a file."""
        place = self.names.first_from(encoded(name))
        return place if place < len(self.names) and self.names.raw(place) == encoded(name) else None

    def subfolders(self, folder: str) -> Iterator[str]:
        """Names of the folders in a folder."""
        places, start = self.below(folder), len(encoded(folder)) + bool(folder)
        at = places.start
        while at < places.stop:
            name, slash, _ = self.names.raw(at)[start:].partition(b'/')
            if slash:
                yield decoded(name)
                at = self.below(f'{folder}/{decoded(name)}'.lstrip('/')).stop
            else:
                at += 1

    def read(self, place: int) -> bytes:
        """The content of a file.

        Raises:
            DataError: it is damaged; names archive and file.
        """
        raise NotImplementedError

    def fault(self, name: str, what: str) -> DataError:
        """The error for one file."""
        return DataError(f'Cannot read the archive {str(self.path)!r}: the entry {name!r} {what}.')

    def _signature(self) -> np.ndarray:
        return index.file_signature(self.path)

    def _list(self) -> tuple[list[str], dict[str, np.ndarray]]:
        """Names, and arrays with an entry for each."""
        raise NotImplementedError

    def _checked(self) -> dict[str, np.ndarray]:
        """What an index holds: names in order, none of which leads out of the archive or is there twice."""
        names, arrays = self._list()
        for name in filter(_NO_PATH.search, names):
            raise self.fault(name, 'has a name that is no path inside of it ("..", an absolute path, "\\", an empty '
                                   'part or a NUL): refused')
        order = sorted(range(len(names)), key=lambda place: encoded(names[place]))
        for one, other in itertools.pairwise(order):
            if names[one] == names[other]:
                raise self.fault(names[one], 'is there twice: which one is meant? Write the archive again')
        return {'text': Names.of(names[place] for place in order).text(),
                **{key: array[order] for key, array in arrays.items()}}


class ZipArchive(Archive):
    """A zip file. Its directory is read by the standard library, and checked; one system call reads an entry."""

    kind = 'zip'

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, 'O_BINARY', 0))
        self._lock = threading.Lock()

    def __del__(self) -> None:
        if hasattr(self, '_descriptor'):
            os.close(self._descriptor)

    def read(self, place: int) -> bytes:
        name = self.names[place]
        at, stored, size, checksum, method = (int(self.entries[key][place]) for key in (
            'at', 'stored', 'size', 'checksum', 'method'))
        start = self._at(at, _START)
        if len(start) < _START or start[:4] != _LOCAL:
            raise self.fault(name, 'is cut off, or the archive was changed while it was in use')
        data = self._at(at + _START + int.from_bytes(start[26:28], 'little') + int.from_bytes(start[28:30], 'little'),
                        stored)
        if method == zipfile.ZIP_DEFLATED:
            try:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
            except zlib.error as error:
                raise self.fault(name, f'is damaged ({error})') from error
        if len(data) != size or zlib.crc32(data) != checksum:
            raise self.fault(name, f'is damaged: {len(data)} bytes of {size}, or another checksum')
        return data

    def _at(self, offset: int, count: int) -> bytes:
        """Bytes of the file. No position is moved that another thread or process (a forked one) has, too."""
        if hasattr(os, 'pread'):
            return os.pread(self._descriptor, count, offset)
        with self._lock:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, count)

    def _list(self) -> tuple[list[str], dict[str, np.ndarray]]:
        try:
            with zipfile.ZipFile(self.path) as file:
                infos = [info for info in file.infolist() if not info.is_dir()]
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise DataError(f'Cannot read the archive {str(self.path)!r} ({self.signature[-1]} bytes): {error}. It is '
                            'cut short, or no zip file.') from error
        for info in infos:
            self._refuse(info)
        rows = [(info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type)
                for info in infos]
        columns = np.array(rows, np.int64).reshape(-1, 5).T
        return ([info.filename for info in infos],
                dict(zip(('at', 'stored', 'size', 'checksum', 'method'), columns, strict=True)))

    def _refuse(self, info: zipfile.ZipInfo) -> None:
        """What no program writes for a set of images, or cannot be read at random."""
        if info.flag_bits & _NOT_PLAIN:
            raise self.fault(info.filename, 'is encrypted: unpack it with its password, and pack it without')
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise self.fault(info.filename, 'is a link or a device: refused')
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.fault(info.filename, f'is compressed by method {info.compress_type}; stored or deflated ones '
                                            'are read (best without compression: zip -0 -r set.zip FOLDER)')
        if info.file_size > min(MAX_ENTRY, _MAX_RATIO * info.compress_size + _ALLOWANCE):
            raise self.fault(info.filename, f'unpacks from {info.compress_size:,} bytes to {info.file_size:,}, as '
                                            'no image does: refused')


class LmdbArchive(Archive):
    """An LMDB whose keys are names, as LSUN is published: a folder with data.mdb, or a file ending in .mdb or .lmdb."""

    kind = 'lmdb'
    bare = True

    def __init__(self, path: Path) -> None:
        self._opened: tuple[int, Any] = (0, None)
        self._lock = threading.Lock()
        super().__init__(path)

    def read(self, place: int) -> bytes:
        try:
            with self._environment().begin(buffers=False) as view:
                data: bytes | None = view.get(self.names.raw(place))
        except import_lmdb().Error as error:
            raise self.fault(self.names[place], f'cannot be read ({error})') from error
        if data is None:
            raise self.fault(self.names[place], 'is gone: the archive was changed while it was in use')
        return data

    def _signature(self) -> np.ndarray:
        return index.file_signature(self.path / _DATA if self.path.is_dir() else self.path)

    def _environment(self) -> Any:
        """Of this process: one that was opened before a fork must not be used after it."""
        with self._lock:
            process, environment = self._opened
            if process != os.getpid():
                if environment is not None:
                    environment.close()
                self._opened = os.getpid(), import_lmdb().open(
                    str(self.path), subdir=self.path.is_dir(), readonly=True, lock=False, readahead=False)
            return self._opened[1]

    def _list(self) -> tuple[list[str], dict[str, np.ndarray]]:
        lmdb = import_lmdb()
        try:
            environment = self._environment()
            whole = (environment.info()['last_pgno'] + 1) * environment.stat()['psize']
            if self.signature[-1] < whole:
                raise DataError(f'Cannot read the archive {str(self.path)!r}: it is cut short, {self.signature[-1]} '
                                f'bytes of {whole}.')
            with environment.begin() as view:
                return [decoded(key) for key in view.cursor().iternext(values=False)], {}
        except lmdb.Error as error:
            raise DataError(f'Cannot read the archive {str(self.path)!r}: no readable LMDB ({error}).') from error


def import_lmdb() -> Any:
    """The package, or a DataError that says how to install it."""
    try:
        import lmdb
    except ImportError as error:
        raise DataError("sets in LMDB need the package lmdb:\n    pip install lmdb      (or the extra: pip install "
                        "'gan-toolbox[lmdb]')") from error
    return lmdb


def archive_kind(path: str) -> type[Archive] | None:
    """What a file or folder is, by its name and content; None for all others."""
    lower = path.lower()
    if lower.endswith('.zip') and os.path.isfile(path):
        return ZipArchive
    single = lower.endswith(('.mdb', '.lmdb')) and os.path.isfile(path)
    return LmdbArchive if single or os.path.isfile(os.path.join(path, _DATA)) else None
