"""A look at a pickle before it is read: names that take for ever to compare."""

from __future__ import annotations

import io
import itertools
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import CheckpointError

SLACK = 1_000_000
OLD_PICKLES = 5  # at the beginning of a file that is no zip file
MARK = object()


def refuse_endless_names(path: Path) -> None:
    """Refuse tuples of shared tuples: as the name of an entry, each is compared as often as it occurs, 2**60 times.

    Raises:
        CheckpointError: names the file.
    """
    most = SLACK + 10 * path.stat().st_size
    try:
        endless = any(total > most for total in itertools.accumulate(_sizes_of_tuples(path)))
    except (ValueError, IndexError, EOFError, UnicodeError):  # no pickle: torch says what is wrong
        return
    if endless:
        raise CheckpointError(f'{path}: tuples that it holds unfold to more than is in the file: refused.')


def _sizes_of_tuples(path: Path) -> Iterator[int]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            for name in file.namelist():
                if name.endswith('.pkl'):
                    yield from _sizes(io.BytesIO(file.read(name)))
    else:
        with path.open('rb') as file:
            for _ in range(OLD_PICKLES):
                yield from _sizes(file)


def _sizes(pickle: BinaryIO) -> Iterator[int]:
    """Entries of each tuple, nested ones included, wherever it is made or taken again."""
    stack: list[Any] = []
    memo: dict[Any, int] = {}
    for code, argument, _ in pickletools.genops(pickle):
        taken = _pop(stack, code)
        size = 1
        if 'TUPLE' in code.name:
            size += sum(taken)
        elif 'GET' in code.name:
            size = memo.get(argument, 1)
        elif 'PUT' in code.name:
            memo[argument] = stack[-1]
        elif code.name == 'MEMOIZE':
            memo[len(memo)] = stack[-1]
        stack += [MARK if kind is pickletools.markobject else size for kind in code.stack_after]
        if size > 1:
            yield size


def _pop(stack: list[Any], code: pickletools.OpcodeInfo) -> list[int]:
    """What an operation takes from the stack."""
    taken, count = [], len(code.stack_before)
    if pickletools.markobject in code.stack_before:
        count = code.stack_before.index(pickletools.markobject)
        while (top := stack.pop()) is not MARK:
            taken.append(top)
    for _ in range(count):
        taken.append(stack.pop())
    return taken
