"""Holds part of a set out, where a set has nothing to validate on."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import ConfigError, DataError, did_you_mean
from ...registry import Count, Natural
from ...registry.arguments import checked
from ..listing import natural_key
from ..places import located, read_bytes, size_of


class Parts(NamedTuple):
    """Places in a list of files: to train on, and held out. Some are in neither part."""

    kept: list[int]
    held: list[int]


@checked
class HoldOut:
    """Which files are held out: every ``every``-th block of ``block`` neighbours in the order of their names.

    The images of a recording are numbered in its order and hardly differ from their neighbours, so that single files
    drawn at random would be scored against what was learnt by heart. For the same reason ``gap`` files on both sides
    of a block are not used at all, nor are files elsewhere whose bytes are those of a file that is held out.

    Args:
        block: files in a block; 1 where the order of the names means nothing.
        every: 5 holds out a fifth.
        gap: files left out on both sides of a held-out block.
    """

    def __init__(self, block: Count = 20, every: Count = 5, gap: Natural = 0) -> None:
        if every < 2:
            raise ConfigError(f'hold_out.every={every} holds everything out; 2 or more are allowed.')
        self.block, self.every, self.gap = block, every, gap

    @classmethod
    def of(cls, cfg: Mapping[str, Any]) -> HoldOut:
        """From a config ``dict(block=..., every=..., gap=...)``."""
        known = list(inspect.signature(cls).parameters)
        for name in cfg:
            if name not in known:
                raise ConfigError(f'hold_out.{name}: no such setting.{did_you_mean(name, known)}')
        return cls(**cfg)

    def divide(self, files: Sequence[Path]) -> Parts:
        """Places in a list of files in the order of their names.

        Raises:
            DataError: one of the two parts would be empty.
        """
        numbers = range(len(files))
        held = [i for i in numbers if i // self.block % self.every == self.every - 1]
        near = {i + step for i in held for step in range(-self.gap, self.gap + 1)}
        equal = same_bytes(files, held)
        kept = [i for i in numbers if i not in near and i not in equal]
        if not held or not kept:
            raise DataError(f'hold_out: {self} leaves {len(kept)} of {len(files)} pairs to train on and holds '
                            f'{len(held)} out. Choose a smaller block: hold_out.block=1 works from {self.every} pairs '
                            'on if gap is 0.')
        return Parts(kept, held)

    def __str__(self) -> str:
        return f'dict(block={self.block}, every={self.every}, gap={self.gap})'


def same_bytes(files: Sequence[Path], places: Sequence[int]) -> set[int]:
    """The places of all files whose content is that of a file at one of these ``places``."""
    sizes = [size_of(located(path)) for path in files]
    asked = {sizes[i] for i in places}
    digests = {i: hashlib.sha256(read_bytes(files[i]) or b'').digest()
               for i, size in enumerate(sizes) if size in asked}
    wanted = {digests[i] for i in places}
    return {i for i, digest in digests.items() if digest in wanted}


def part_of(files: Sequence[Path], cfg: Mapping[str, Any] | None, held_out: bool) -> Sequence[int]:
    """The places of the files that a data set with these settings uses, in the order of ``files``.

    A list can be in any order: blocks are those of the names in natural order.

    Raises:
        ConfigError: ``held_out`` without ``hold_out``, or a wrong setting.
        DataError: there are too few files.
    """
    if cfg is None and held_out:
        raise ConfigError('held_out=True: which ones? Give hold_out=dict(block=20, every=5, gap=2) here and in '
                          'train_dataloader.dataset.')
    if cfg is None:
        return range(len(files))
    order = sorted(range(len(files)), key=lambda place: natural_key(files[place]))
    parts = HoldOut.of(cfg).divide([files[place] for place in order])
    return sorted(order[place] for place in (parts.held if held_out else parts.kept))
