"""From the name of a published set to folders that the datasets read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...errors import DataError, did_you_mean
from ..io import scan
from .download import download, extract, verify
from .published import SETS, PublishedSet


def prepare(name: str, root: str | os.PathLike[str] = 'data', url: str | None = None,
            sha256: str | None = None) -> Path:
    """Download, verify, unpack and check a set; what is there already is used.

    Args:
        name: key of ``toolbox.data.fetch.published.SETS``.
        root: folder that gets ``<root>/<name>`` and the archive.
        url: other source of the archive (``http``, ``https`` or ``file``).
        sha256: expected checksum of the archive.

    Returns:
        The folder of the set.

    Raises:
        DataError: unknown or undistributable set, no connection, wrong checksum, unsafe or incomplete archive.
    """
    published = find_set(name)
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
    print(f'SHA-256 {verify(archive, sha256 or published.sha256)}  {archive.name}')
    report(target, _unpack(archive, target, published))
    return target


def find_set(name: str) -> PublishedSet:
    """A set that can be downloaded, by name."""
    published = SETS.get(name)
    if published is None:
        raise DataError(f'No set is called {name!r}.{did_you_mean(name, SETS)}')
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
        entries = list(inside.iterdir())
        top = entries[0] if len(entries) == 1 and entries[0].name not in published.folders else inside
        counts = check_layout(top, published)
        os.replace(top, target)
    return counts
