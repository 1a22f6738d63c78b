"""Downloads that can be cut and resumed, and archives that cannot escape their folder."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import stat
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from ...errors import DataError
from ...files.replacing import replacing
from ...progress import MEGABYTE, Progress, chunks

_TIMEOUT = 60
# Images hardly compress: an archive that unpacks to more than this is a bomb.
_MAX_RATIO, _ALLOWANCE = 20, 256 << 20
_MAX_ENTRIES = 2_000_000
_UNREADABLE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError, RuntimeError, NotImplementedError)


def download(url: str, target: Path) -> None:
    """Fetch ``url`` into ``target``; what an earlier attempt left in ``<target>.part`` is continued.

    Raises:
        DataError: the address cannot be reached or the connection broke; says how to go on.
    """
    partial = target.with_name(target.name + '.part')
    try:
        with replacing(target, partial=partial):
            _fetch(url, partial)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as e:
        have = partial.stat().st_size if partial.exists() else 0
        kept = f'{have} bytes are kept in {str(partial)!r}; the same command continues there.\n' if have else ''
        raise DataError(
            f'Could not download {url}: {getattr(e, "reason", None) or e}.\n{kept}Without internet access: fetch this '
            f'address on another machine, put the file at\n    {target}\nand run the same command again.') from e


def _fetch(url: str, partial: Path) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={'Range': f'bytes={have}-'} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as e:
        with e:
            if e.code == 416 and _total_size(e.headers.get('Content-Range')) == have:
                return  # the whole file was there already
        if e.code != 416:
            raise
        partial.unlink()
        _fetch(url, partial)
        return
    with response:
        resumes = getattr(response, 'status', None) == 206
        have = have if resumes else 0
        length = response.headers.get('Content-Length')
        with partial.open('ab' if resumes else 'wb') as file:
            whole = None if length is None else have + int(length)
            for chunk in chunks(response, f'download {partial.stem}', whole, have):
                file.write(chunk)
        size = partial.stat().st_size
        if whole is not None and size != whole:
            raise OSError(f'the connection closed after {size} of {whole} bytes')


def _total_size(content_range: str | None) -> int | None:
    """``bytes */1234`` -> 1234."""
    total = (content_range or '').rpartition('/')[2]
    return int(total) if total.isdigit() else None


def sha256(path: Path) -> str:
    """Checksum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        for chunk in chunks(file, f'check {path.name}', path.stat().st_size):
            digest.update(chunk)
    return digest.hexdigest()


def record_of(archive: Path) -> Path:
    """The file with the checksum of an archive that was unpacked before."""
    return archive.with_name(archive.name + '.sha256')


def verify(archive: Path, expected: str | None) -> str:
    """Compare an archive with its known checksum, which is recorded (:func:`record_of`) once it could be unpacked.

    Returns:
        The checksum.

    Raises:
        DataError: it differs from ``expected``, or from the one recorded earlier.
    """
    record = record_of(archive)
    source, cure = 'the expected one', 'delete it'
    if expected is None and record.exists() and (words := record.read_text().split()):
        expected, source = words[0], f'the one recorded in {str(record)!r} when it was unpacked'
        cure = f'delete it, and {record.name} if another version was published,'
    actual = sha256(archive)
    if expected is not None and actual != expected.lower():
        raise DataError(f'{str(archive)!r} has the SHA-256\n    {actual}\nwhich is not {source}\n    {expected}\n'
                        f'The file is damaged or was replaced: {cure} and run the same command again.')
    return actual


def extract(archive: Path, folder: Path) -> None:
    """Unpack a zip file (a wheel is one) or a tar file: plain files and folders only, and only inside ``folder``.

    Raises:
        DataError: the archive is damaged, or has absolute paths, ``..``, links, devices, or unpacks to far more than
            its own size.
    """
    whole = archive.stat().st_size
    budget = whole * _MAX_RATIO + _ALLOWANCE
    is_zip = archive.suffix.lower() in ('.zip', '.whl') and not tarfile.is_tarfile(archive)
    members = _zip_members if is_zip or zipfile.is_zipfile(archive) else _tar_members
    progress = Progress('MB', f'unpack {archive.name}')
    try:
        with archive.open('rb') as opened:
            for count, (name, size, source) in enumerate(members(archive, opened), start=1):
                target = folder / _safe_path(name, archive)
                budget -= size  # neither kind of archive gives more than the size that it states
                if budget < 0 or count > _MAX_ENTRIES:
                    raise DataError(f'{str(archive)!r} unpacks to far more than its size suggests; not unpacked.')
                target.parent.mkdir(parents=True, exist_ok=True)
                with source, target.open('wb') as file:
                    shutil.copyfileobj(source, file, MEGABYTE)
                progress(opened.tell() // MEGABYTE, whole // MEGABYTE)
    except _UNREADABLE as e:
        raise DataError(f'{str(archive)!r} ({archive.stat().st_size} bytes) cannot be unpacked: {e}. '
                        'Delete it and run the same command again.') from e
    finally:
        progress.close()


def _safe_path(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name.replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts or ':' in name or '\0' in name or not path.parts:
        raise DataError(f'{str(archive)!r} holds the entry {name!r}, which points out of its folder; not unpacked.')
    return path


def _zip_members(archive: Path, opened: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(opened) as file:
        for info in file.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _not_plain(archive, info.filename)
            if not info.is_dir():
                yield info.filename, info.file_size, file.open(info)


def _tar_members(archive: Path, opened: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(fileobj=opened) as file:
        for info in file:
            if info.isdir():
                continue
            source = file.extractfile(info) if info.isreg() else None
            if source is None:
                raise _not_plain(archive, info.name)
            yield info.name, info.size, source


def _not_plain(archive: Path, name: str) -> DataError:
    return DataError(f'{str(archive)!r} holds {name!r}, which is a link or a device; not unpacked.')
