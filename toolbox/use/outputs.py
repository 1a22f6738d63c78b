"""Which files a command reads and which it writes."""

from __future__ import annotations

import glob
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..data.io import ANY_NUMBERS, READABLE, WRITABLE_SUFFIXES, list_images, natural_key, select_images, warn_left_out
from ..errors import DataError, did_you_mean


@dataclass
class Summary:
    """What became of the files of one call.

    Attributes:
        destination: folder of the results.
        done: results written.
        kept: results that were already there and were left alone.
        failed: sources that could not be translated, and why.
        clipped: share of the numbers of a source that were outside the model's value range and cut off.
    """

    destination: Path
    done: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    clipped: dict[Path, float] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """For a command line tool: 0, or 1 when a file failed."""
        return 1 if self.failed else 0

    def __str__(self) -> str:
        lines = [f'{len(self.done)} translated into {self.destination}']
        if self.kept:
            lines.append(f'{len(self.kept)} already there and kept; --overwrite makes them again')
        if self.clipped:
            lines.append(f'{len(self.clipped)} with numbers outside the value range of the model, which were cut off '
                         f'(at most {max(self.clipped.values()):.2%} of an image)')
        if self.failed:
            lines.append(f'{len(self.failed)} failed:')
        return '\n'.join([*lines, *(f'  {reason}' for reason in self.failed.values())])


def plan_outputs(
    sources: Iterable[str | Path], destination: Path, root: str | Path | None, suffix: str | Callable[[Path], str]
) -> dict[Path, Path]:
    """Which source becomes which file, in order; ``suffix`` may be a function of the source.

    Raises:
        DataError: the suffix is unknown, two sources share a result, or a result would replace a source.
    """
    writable = dict.fromkeys((*WRITABLE_SUFFIXES, *ANY_NUMBERS))
    if not callable(suffix) and suffix != 'same' and suffix not in writable:
        raise DataError(f"suffix {suffix!r}: expected 'same' or one of images.{did_you_mean(suffix, writable)}")
    plan: dict[Path, Path] = {}
    owner: dict[Path, Path] = {}
    for source in map(Path, sources):
        name = source.relative_to(root) if root is not None else Path(source.name)
        target = destination / (name if suffix == 'same' else name.with_suffix(
            suffix(source) if callable(suffix) else suffix))
        other = owner.setdefault(target, source)
        if other != source:
            raise DataError(f'{other} and {source} would both become {target}. Pass --suffix same to keep the suffixes,'
                            ' or translate them into two folders.')
        if target.resolve() == source.resolve():
            raise DataError(f'{target}: the result would replace its source. Give another output folder.')
        plan[source] = target
    return plan


def find_sources(pattern: str | Path) -> tuple[list[Path], Path]:
    """Image files that a file, folder or glob pattern (``**`` is any depth) means, and the folder they are named from.

    Raises:
        DataError: nothing is there.
    """
    path = Path(pattern)
    if path.is_file():
        return [path], path.parent
    if path.is_dir():
        return list_images(path), path
    images, others = select_images(p for p in map(Path, glob.glob(str(pattern), recursive=True)) if p.is_file())
    files = sorted(images, key=natural_key)
    if not files:
        raise DataError(f'{pattern}: no image file, folder or pattern that matches an image. '
                        f'Images end in {", ".join(READABLE)}.')
    warn_left_out(pattern, others)
    fixed = itertools.takewhile(lambda part: not glob.has_magic(part), path.parts[:-1])
    return files, Path(*fixed)


def partner_of(source: Path, root: str | Path | None, place: Path) -> Path:
    """The file of another input that belongs to ``source``: ``place`` itself, or in a folder the one of the same name.

    Sub-folders below ``root`` are repeated in the folder; suffixes may differ.

    Raises:
        DataError: there is none, or more than one.
    """
    if place.is_file():
        return place
    if not place.is_dir():
        raise DataError(f'{place}: no such file or folder.')
    name = source.relative_to(root) if root is not None else Path(source.name)
    found = [path for path in sorted((place / name.parent).glob(f'{glob.escape(name.stem)}.*'))
             if path.suffix.lower() in READABLE]
    if len(found) != 1:
        names = ', '.join(path.name for path in found) or 'none'
        raise DataError(f'{source}: expected one file {name.with_suffix(".*")} in {place}, found {names}.')
    return found[0]
