"""What the content of any file must be: a tree of bounded depth and size, with tensors that hold their own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError

DEEPEST = 100
# A list or tensor may occur in several places (tied weights, settings of two groups), but not so often that the whole
# is of another order of size than the file.
MOST_REPEATED = 4
SLACK = 10_000
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool)


def refuse_tricks(content: Any, path: Path) -> None:
    """Refuse content on which a program would hang, fill the memory or fail without a word.

    Lists and dicts that contain themselves, are nested too deep or unfold to more than the file holds; tensors that
    are no plain arrays of numbers, or ask for more memory than the file has.

    Raises:
        CheckpointError: names the file and the entry.
    """
    walk = _Walk(path.stat().st_size)
    try:
        walk.visit(content)
    except _Refused as problem:
        where = '.'.join([*map(_name, walk.trail[:8]), *(['...'] if walk.trail[8:] else [])]) or 'its content'
        raise CheckpointError(f'{path}: {where}: {problem}: refused.') from None


class _Refused(Exception):
    """The entry at the end of the trail cannot be used."""


class _Walk:
    """One visit of every container and tensor, however often it occurs."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.trail: list[Any] = []
        self.open: set[int] = set()
        self.unfolded: dict[int, tuple[int, int]] = {}  # by container or tensor: entries, and bytes of tensors, in it
        self.found = 0  # entries, each counted once

    def visit(self, node: Any) -> tuple[int, int]:
        if isinstance(node, Tensor):
            return self._once(node, lambda: (1, _bytes_of(node)))
        if not isinstance(node, (Mapping, list, tuple, Set)):
            return 1, 0
        if id(node) in self.open:
            raise _Refused('contains itself')
        if len(self.open) == DEEPEST:
            raise _Refused(f'is nested more than {DEEPEST} levels deep')
        return self._once(node, lambda: self._sum(node))

    def _once(self, node: Any, measure: Callable[[], tuple[int, int]]) -> tuple[int, int]:
        if id(node) not in self.unfolded:
            self.unfolded[id(node)] = measure()
        return self.unfolded[id(node)]

    def _sum(self, node: Any) -> tuple[int, int]:
        self.open.add(id(node))
        entries, space = 1, 0
        for key, value in _items(node):
            self.trail.append(key)
            more = self.visit(value)
            entries, space = entries + more[0], space + more[1]
            self.found += 1
            if entries > MOST_REPEATED * self.found + SLACK:
                raise _Refused(f'unfolds to {entries} entries and more, of which the file holds {self.found}')
            if space > MOST_REPEATED * self.size + SLACK:
                raise _Refused(f'asks for {space} bytes of memory, and the file has {self.size}')
            self.trail.pop()
        self.open.remove(id(node))
        return entries, space


def _items(node: Any) -> Iterable[tuple[Any, Any]]:
    return node.items() if isinstance(node, Mapping) else enumerate(node)


def _name(key: Any) -> str:
    return key[:80] if isinstance(key, str) else f'{key!r:.80}'


def _bytes_of(tensor: Tensor) -> int:
    """Memory that a tensor takes once it is copied."""
    if type(tensor) not in (Tensor, nn.Parameter) or tensor.is_nested or tensor.layout != torch.strided:
        layout = 'nested' if tensor.is_nested else str(tensor.layout)
        raise _Refused(f'is not a plain tensor but {type(tensor).__name__}, {layout}')
    if tensor.device.type != 'cpu':
        raise _Refused(f'has no numbers (device {tensor.device})')
    if tensor.dtype not in DTYPES:
        raise _Refused(f'is of the type {tensor.dtype}, which no network here has')
    if vars(tensor):
        raise _Refused(f'has attributes ({", ".join(map(_name, vars(tensor)))})')
    if _overlaps(tensor):
        raise _Refused(f'of the shape {tuple(tensor.shape)} repeats numbers (strides {tensor.stride()})')
    return tensor.numel() * tensor.element_size()


def _overlaps(tensor: Tensor) -> bool:
    """Whether elements may lie in one place of the memory, as those of an expanded tensor do."""
    reach = 0
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)) if tensor.numel() else ():
        if size > 1 and stride <= reach:
            return True
        reach += stride * (size - 1)
    return False
