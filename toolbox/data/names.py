"""Lists of a million files in a few arrays that processes share; a list of as many objects is copied to each."""

from __future__ import annotations

import bisect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from torch import Tensor

R = TypeVar('R')
Selection = slice | np.ndarray
_ODD_BYTES = sys.getfilesystemencodeerrors()


def encoded(text: str) -> bytes:
    """UTF-8, with the odd bytes that names of files may hold."""
    return text.encode('utf-8', _ODD_BYTES)


def decoded(text: bytes) -> str:
    """Its inverse."""
    return text.decode('utf-8', _ODD_BYTES)


class Names(Sequence[str]):
    """Strings in one block of bytes, which forked processes share; others do, too, if they get it as they get tensors.

    Args:
        text: uint8, UTF-8.
        starts: int64 ``(N,)``, where each string begins in ``text``.
        ends: int64 ``(N,)``.
    """

    def __init__(self, text: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        self._text, self._starts, self._ends = text, starts, ends
        self._sent: tuple[Tensor, ...] | None = None

    def __getstate__(self) -> tuple[Tensor, ...]:
        self._sent = self._sent or tuple(map(torch.from_numpy, (self._text, self._starts, self._ends)))
        return self._sent

    def __setstate__(self, sent: tuple[Tensor, ...]) -> None:
        self._text, self._starts, self._ends = (tensor.numpy() for tensor in sent)
        self._sent = None

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """From strings without NUL."""
        return cls.of_text(np.frombuffer(encoded(''.join(f'{name}\0' for name in names)), np.uint8))

    @classmethod
    def of_text(cls, text: np.ndarray) -> Names:
        """From bytes in which each string is followed by a NUL."""
        ends = np.flatnonzero(text == 0)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])[:len(ends)]
        return cls(text.copy(), starts, ends)

    def text(self) -> np.ndarray:
        """What :meth:`of_text` takes."""
        return np.frombuffer(self._block(), np.uint8)

    def _block(self) -> bytes:
        if not len(self):
            return b''
        if np.array_equal(self._starts[1:], self._ends[:-1] + 1):
            return self._text[self._starts[0]:self._ends[-1] + 1].tobytes()
        return b''.join(self.raw(i) + b'\0' for i in range(len(self)))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: Selection) -> Names: ...
    def __getitem__(self, place: int | Selection) -> str | Names:
        if not isinstance(place, (slice, np.ndarray)):
            return decoded(self.raw(place))
        chosen = np.arange(len(self))[place]
        if len(chosen) < len(self) // 2:
            return Names.of(self[int(i)] for i in chosen)
        return Names(self._text, self._starts[chosen], self._ends[chosen])

    def __iter__(self) -> Iterator[str]:
        return iter(decoded(self._block()).split('\0')[:-1])

    def raw(self, place: int) -> bytes:
        """One string as bytes."""
        if not -len(self) <= place < len(self):
            raise IndexError(f'{len(self)} names, asked for {place}.')
        return self._text[self._starts[place]:self._ends[place]].tobytes()

    def first_from(self, name: bytes) -> int:
        """In names that are sorted by their bytes, the place of the first that is not before ``name``."""
        return bisect.bisect_left(range(len(self)), name, key=self.raw)


class Files(Sequence[Path]):
    """Files below a folder, by their names in it."""

    def __init__(self, root: Path, names: Iterable[str] | Names) -> None:
        self.root, self.names = root, names if isinstance(names, Names) else Names.of(names)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> Path: ...
    @overload
    def __getitem__(self, place: Selection) -> Files: ...
    def __getitem__(self, place: int | Selection) -> Path | Files:
        if isinstance(place, (slice, np.ndarray)):
            return Files(self.root, self.names[place])
        return Path(self.root, self.names[place])

    def __iter__(self) -> Iterator[Path]:
        return (Path(self.root, name) for name in self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(Path.__eq__, self, other))


class Rows(Sequence[R]):
    """Rows of a table of columns, each made when it is asked for.

    Args:
        make: a row from an entry of each column.
        columns: of one length, each an array, a tensor, :class:`Files`, or of a class like it.
    """

    def __init__(self, make: Callable[..., R], *columns: Any) -> None:
        self.make, self.columns = make, columns

    def __len__(self) -> int:
        return len(self.columns[0])

    @overload
    def __getitem__(self, place: int) -> R: ...
    @overload
    def __getitem__(self, place: Selection) -> Rows[R]: ...
    def __getitem__(self, place: int | Selection) -> R | Rows[R]:
        entries = (column[place] for column in self.columns)
        return Rows(self.make, *entries) if isinstance(place, (slice, np.ndarray)) else self.make(*entries)


def number_key(text: str) -> str:
    """Sorts the numbers in a text as numbers: what is between them ends before any character, a shorter one first."""
    return re.sub(r'\d+', _comparable, text.lower())


def _comparable(found: re.Match[str]) -> str:
    digits = found[0].lstrip('0') if found[0].isascii() else str(int(found[0]))
    return f'\0{chr(len(digits))}{digits}'


def natural(names: Iterable[str]) -> list[str]:
    """Names in natural order, ``2`` before ``10``; the plain text breaks ties (``1.png`` and ``01.png``)."""
    return sorted(sorted(names), key=number_key)
