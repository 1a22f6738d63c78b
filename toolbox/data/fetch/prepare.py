"""From the name of a published set to folders that the datasets read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import ConfigError, DataError, did_you_mean
from ..listing import scan
from .download import download, extract, record_of, verify
from .packaged import PACKAGED, PackagedSet, write_licence
from .packages import opened
from .published import SETS, PublishedSet


def prepare(name: str, root: str | os.PathLike[str] = 'data', url: str | None = None,
            sha256: str | None = None, packages: Sequence[str | os.PathLike[str]] = ()) -> Path:
    """Download, verify, unpack and check a set, or make it of installed packages; what is there already is used.

    Args:
        name: key of ``toolbox.data.fetch.published.SETS`` or ``toolbox.data.fetch.packaged.PACKAGED``.
        root: folder that gets ``<root>/<name>`` and the archive.
        url: other source of the archive (``http``, ``https`` or ``file``).
        sha256: expected checksum of the archive.
        packages: where the packages of a set lie, folders or files; found by themselves where they are installed or
            downloaded into the working folder or ``root``.

    Returns:
        The folder of the set.

    Raises:
        DataError: unknown or undistributable set, no connection, wrong checksum, unsafe or incomplete archive, a
            package that is not there.
        ConfigError: ``url`` or ``sha256`` for a set of packages, or ``packages`` for another one.
    """
    if name in PACKAGED:
        if url or sha256:
            raise ConfigError(f'--url, --sha256: {name} is made of packages, which their managers download and check. '
                              'Say where they lie by --package PATH.')
        return from_packages(name, Path(root), packages)
    published = find_set(name)
    if packages:
        raise ConfigError(f'--package: {name} is no set of packages but an archive; give it by --url '
                          f'file:///path/to/{published.archive}. Sets of packages: {", ".join(PACKAGED)}.')
    target = Path(root) / name
    if target.exists():
        report(target, check_layout(target, published))
        return target
    archive = Path(root) / f'{name}{_suffix(published.archive)}'
    if archive.exists():
        print(f'Using {archive}')
    else:
        address = url or published.url
        print(f'Downloading {address}')
        download(address, archive)
    checksum = verify(archive, sha256 or published.sha256)
    print(f'SHA-256 {checksum}  {archive.name}')
    counts = _unpack(archive, target, published)
    record_of(archive).write_text(f'{checksum}  {archive.name}\n')
    report(target, counts)
    return target


def from_packages(name: str, root: Path, packages: Sequence[str | os.PathLike[str]] = ()) -> Path:
    """Make ``<root>/<name>`` of packages, with its licence, completely or not at all."""
    made, target = PACKAGED[name], root / name
    if not target.exists():
        root.mkdir(parents=True, exist_ok=True)
        with opened(made.packages, packages, root, name) as homes, tempfile.TemporaryDirectory(
                prefix=f'.{name}-', dir=root) as scratch:
            new = Path(scratch) / name
            new.mkdir()
            try:
                made.build(homes, new)
            except OSError as e:
                raise DataError(f'{name}: {e.strerror}: {e.filename!r}. The package is of another version or not '
                                'complete: install it again.') from e
            write_licence(made, homes, new)
            _check_parts(new, made)
            os.replace(new, target)
    print(f'{target}: {", ".join(_check_parts(target, made))}; licence: {target / "LICENSE.txt"}')
    return target


def _check_parts(folder: Path, made: PackagedSet) -> list[str]:
    """Each part of a set of packages with its number of images.

    Raises:
        DataError: one is missing or empty.
    """
    try:
        return [part if (folder / part).is_file() else f'{part} {len(scan(folder / part)[0])} images'
                for part in made.parts]
    except DataError as e:
        raise DataError(f'{str(folder)!r} is not complete: {e} Expected are {", ".join(made.parts)}. '
                        f'Remove {str(folder)!r} and run the same command again.') from e


def find_set(name: str) -> PublishedSet:
    """A set that can be downloaded, by name."""
    published = SETS.get(name)
    if published is None:
        raise DataError(f'No set is called {name!r}.{did_you_mean(name, (*SETS, *PACKAGED))}')
    if not published.url:
        raise DataError(f'{name} cannot be downloaded from here. {published.note}')
    return published


def check_layout(folder: Path, published: PublishedSet) -> dict[str, int]:
    """Images per expected folder.

    Raises:
        DataError: a folder is missing or empty.
    """
    try:
        return {part: len(scan(folder / part)[0]) for part in published.folders}
    except DataError as e:
        expected = ', '.join(published.folders)
        raise DataError(f'{str(folder)!r} is not complete: {e} Expected are the folders {expected}. '
                        f'Remove {str(folder)!r} and run the same command again.') from e


def report(folder: Path, counts: Mapping[str, int]) -> None:
    """Print what a set holds, and where that differs from the published numbers."""
    print(f'{folder}: ' + ', '.join(f'{part} {count} images' for part, count in counts.items()))
    for part, expected in SETS[folder.name].folders.items():
        if expected is not None and counts[part] != expected:
            print(f'Note: {part} was published with {expected} images.')


def _suffix(archive: str) -> str:
    return '.tar.gz' if archive.endswith('.tar.gz') else Path(archive).suffix


def _unpack(archive: Path, target: Path, published: PublishedSet) -> dict[str, int]:
    """Unpack beside the target and rename: ``target`` is complete or not there."""
    with tempfile.TemporaryDirectory(prefix=f'.{target.name}-', dir=target.parent) as scratch:
        inside = Path(scratch) / 'set'
        inside.mkdir()
        extract(archive, inside)
        shutil.rmtree(inside / '__MACOSX', ignore_errors=True)
        top = next((place for place in (inside, *sorted(path for path in inside.rglob('*') if path.is_dir()))
                    if all((place / part).is_dir() for part in published.folders)), inside)
        try:
            counts = check_layout(top, published)
        except DataError as error:
            raise DataError(f'{str(archive)!r} is no complete {target.name}: expected are the folders '
                            f'{", ".join(published.folders)} with images. Delete it and run the same command again, or '
                            'give another one by --url.') from error
        os.replace(top, target)
    return counts
