"""Which files a command reads and which it writes."""

from __future__ import annotations

import glob
import itertools
import tempfile
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..data.io import ANY_NUMBERS
from ..data.listing import READABLE, WRITABLE_SUFFIXES, by_suffix, natural_key, scan, select_images
from ..data.places import is_folder
from ..errors import DataError, UserError, did_you_mean
from ..files.replacing import OF_THE_WHOLE_DISK
from ..files.work_dir import make_folder
from .video_files import VIDEO_SUFFIXES, is_video


@dataclass
class Summary:
    """What became of the files of one call.

    Attributes:
        destination: folder of the results.
        done: results written.
        kept: results that were already there and were left alone.
        failed: sources that could not be translated, and why.
        cut: results of videos of which frames were missing.
        clipped: share of the numbers of a source that were outside the model's value range and cut off.
        several: sources with several frames or pages, and how many; the first one was used.
        left_out: lines about files of the input that were not taken (:class:`Sources`), and inputs that were not given.
    """

    destination: Path
    done: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    cut: list[Path] = field(default_factory=list)
    clipped: dict[Path, float] = field(default_factory=dict)
    several: dict[Path, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @contextmanager
    def recording(self, source: Path, target: Path) -> Iterator[None]:
        """Note what became of one file; an error of its own does not stop the others.

        Raises:
            DataError: nothing can be written any more.
        """
        try:
            yield
        except UserError as error:
            self.failed[source] = str(error)
        except OSError as error:
            if error.errno in OF_THE_WHOLE_DISK:
                raise DataError(f'{target}: {error.strerror}. Make room, and repeat the command: what is there '
                                f'is kept.\n{self}') from error
            self.failed[source] = f'{source}: cannot write {target.name}: {error.strerror}'
        else:
            self.done.append(target)

    @property
    def exit_code(self) -> int:
        """For a command line tool: 0, or 1 when a file failed or was cut short."""
        return 1 if self.failed or self.cut else 0

    def __str__(self) -> str:
        lines = [f'{len(self.done)} translated into {self.destination}']
        if self.kept:
            lines.append(f'{len(self.kept)} already there and kept; --overwrite makes them again')
        if self.clipped:
            lines.append(f'{len(self.clipped)} with numbers outside the value range of the model, which were cut off '
                         f'(at most {max(self.clipped.values()):.2%} of an image)')
        if self.several:
            path, frames = next(iter(self.several.items()))
            lines.append(f'{len(self.several)} with several frames or pages, of which the first was used ({path.name}: '
                         f'{frames})')
        lines += self.left_out
        if self.failed:
            lines.append(f'{len(self.failed)} failed:')
        return '\n'.join([*lines, *(f'  {reason}' for reason in self.failed.values())])


def plan_outputs(sources: Iterable[str | Path], destination: Path, root: str | Path | None,
                 suffix: str | Callable[[Path], str], beside: Sequence[str] = (),
                 others: Iterable[Path] = ()) -> dict[Path, Path]:
    """Which source becomes which file, in order.

    Args:
        sources: image files.
        destination: folder of the results.
        root: sub-folders below it are repeated in ``destination``; without it only names are kept.
        suffix: of the results; ``'same'`` keeps that of each source.
        beside: endings of further files that are written for each source (:func:`side_file`).
        others: files and folders of further inputs.

    Raises:
        DataError: the suffix is unknown, two sources share a file, or a file would replace a source or another input.
    """
    if not callable(suffix):
        check_suffix(suffix)
    plan: dict[Path, Path] = {}
    names: set[Path] = set()
    for source in map(Path, sources):
        name = _name_below(source, root)
        names.add(name.with_suffix(''))
        own = suffix(source) if callable(suffix) else suffix
        plan[source] = destination / (name if own == 'same' else name.with_suffix(own))
    written = {source: [target, *(side_file(target, ending) for ending in beside)] for source, target in plan.items()}
    _refuse_shared_files(written, destination)
    _refuse_replaced_sources(written)
    _refuse_replaced_inputs(written, names, [place.resolve() for place in others])
    return plan


def check_suffix(suffix: str, more: Iterable[str] = ()) -> None:
    """Raise :class:`DataError` if nothing is written under a suffix; ``more`` are allowed beside those of images."""
    writable = dict.fromkeys((*WRITABLE_SUFFIXES, *ANY_NUMBERS, *more))
    if suffix != 'same' and suffix not in writable:
        raise DataError(f"suffix {suffix!r}: expected 'same' or one of images.{did_you_mean(suffix, writable)}")


def require_folder(folder: Path, inputs: Iterable[Path]) -> None:
    """Make the folder of the results; raises :class:`DataError` if it cannot be written to or is one of the inputs."""
    for place in inputs:
        if place.resolve() == folder.resolve():
            raise DataError(f'{folder}: results would replace inputs. Give another output folder.')
    try:
        make_folder(folder)
    except OSError as error:
        raise DataError(f'{folder}: cannot write there: {error.strerror}. Give another output folder.') from error


def side_file(target: Path, ending: str) -> Path:
    """A further file about a result, next to it."""
    return target.with_name(f'{target.stem}{ending}')


def _name_below(source: Path, root: str | Path | None) -> Path:
    if root is None:
        return Path(source.name)
    if not source.is_relative_to(root):
        raise DataError(f'{source}: is not below {root}, from which names are taken.')
    return source.relative_to(root)


def _refuse_shared_files(written: Mapping[Path, Sequence[Path]], destination: Path) -> None:
    every = [file for files in written.values() for file in files]
    alike = len(set(map(_folded, every))) < len(set(every))
    key = _folded if alike and _ignores_case(destination) else str
    owner: dict[str, Path] = {}
    for source, own in written.items():
        for file in own:
            other = owner.setdefault(key(file), source)
            if other != source:
                cures = [*(['pass --suffix same to keep the suffixes'] if source.suffix != other.suffix else []),
                         *(['leave --attention out'] if len(own) > 1 else []), 'rename one of them']
                raise DataError(f'{other} and {source} would both become {file}. To keep both, {", ".join(cures)}, or '
                                'translate them into two folders.')


def _folded(file: Path) -> str:
    """Equal for names that are one file where capitals and the composition of accents do not count."""
    return unicodedata.normalize('NFC', str(file)).casefold()


def _ignores_case(folder: Path) -> bool:
    """Whether names that differ in capitals alone are one file there; True if that cannot be found out."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix='.case') as file:
            path = Path(file.name)
            return path.with_name(path.name.swapcase()).exists()
    except OSError:
        return True


def _refuse_replaced_sources(written: Mapping[Path, Sequence[Path]]) -> None:
    originals = {source.resolve() for source in written}
    for files in written.values():
        for file in files:
            if file.resolve() in originals:
                raise DataError(f'{file}: the result would replace its source, or another one. Give another output '
                                'folder.')


def _refuse_replaced_inputs(written: Mapping[Path, Sequence[Path]], names: Collection[Path],
                            others: Sequence[Path]) -> None:
    """``others`` are files, or folders in which those of the names of the sources are used (:func:`partner_of`)."""
    for file in itertools.chain.from_iterable(written.values()):
        place = file.resolve()
        for other in others:
            if place == other or (other in place.parents and place.exists()
                                  and place.relative_to(other).with_suffix('') in names):
                raise DataError(f'{file}: the result would replace a further input. Give another output folder.')


class Sources(NamedTuple):
    """What a file, folder or glob pattern means.

    Attributes:
        files: images, in natural order.
        root: folder that they are named from.
        left_out: in words, which other files are there; one line per reason.
    """

    files: list[Path]
    root: Path
    left_out: list[str]


def find_sources(pattern: str | Path, out: str | Path | None = None) -> tuple[list[Path], Path]:
    """The files and the root of :func:`sources_of`."""
    found = sources_of(pattern, out)
    return found.files, found.root


def sources_of(pattern: str | Path, out: str | Path | None = None, videos: bool = False) -> Sources:
    """Image files that a file, folder or glob pattern (``**`` is any depth) means, and what is there beside them.

    Args:
        pattern: what the user typed.
        out: folder of the results; what is in it is not taken for a source.
        videos: whether video files are taken, too.

    Raises:
        DataError: nothing is there, or the results would lie among their sources.
    """
    path, more = Path(pattern), VIDEO_SUFFIXES if videos else ()
    if path.is_file() and not is_folder(path):
        return Sources([path], path.parent, [])
    if is_folder(path):
        if out is not None and path.resolve() == Path(out).resolve():
            raise DataError(f'{out}: is the input folder itself: a result would replace its source, or be taken for '
                            'one by the next call. Give another output folder.')
        (images, others), root = map(list, scan(path, more)), path
    else:
        (images, others), root = select_images(_matches(pattern), more), _fixed_part(path)
        images.sort(key=natural_key)
    results = _results_among(images, root, out)
    taken = [file for file in images if file not in results]
    if not taken:
        raise DataError(f'{pattern}: no image file, folder or pattern that matches an image'
                        f'{f" outside of {out}" if images else ""}. Images end in {", ".join((*READABLE, *more))}.')
    lines = []
    if others:
        lines.append(f'{len(others)} other files left out ({by_suffix(others)}); images end in '
                     f'{", ".join((*READABLE, *more))}')
    if results:
        lines.append(f'{len(results)} images in {out} left out, because results are not translated again')
    return Sources(taken, root, lines)


def _matches(pattern: str | Path) -> list[Path]:
    return [path for path in map(Path, glob.glob(str(pattern), recursive=True)) if path.is_file()]


def _fixed_part(pattern: Path) -> Path:
    """The folders of a pattern before its first wildcard."""
    return Path(*itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts[:-1]))


def _results_among(files: Iterable[Path], root: Path, out: str | Path | None) -> set[Path]:
    """Files in the folder of the results; none if that folder holds all sources."""
    folder = None if out is None else Path(out).resolve()
    if folder is None or not folder.is_dir() or root.resolve().is_relative_to(folder):
        return set()
    return {file for file in files if file.resolve().is_relative_to(folder)}


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
    name = _name_below(source, root)
    found = [path for path in sorted((place / name.parent).glob(f'{glob.escape(name.stem)}.*'))
             if path.suffix.lower() in READABLE or is_video(path)]
    if len(found) != 1:
        names = ', '.join(path.name for path in found) or 'none'
        raise DataError(f'{source}: expected one file {name.with_suffix(".*")} in {place}, found {names}.')
    return found[0]
