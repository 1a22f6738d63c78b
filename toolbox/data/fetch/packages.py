"""Packages of apt, npm and pip that hold images: found where they are installed, or as the file that was downloaded."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import DataError
from ..listing import natural_key
from .download import extract

ARCHIVES = ('.deb', '.whl', '.zip', '.tgz', '.gz', '.xz')
_AR, _AR_HEADER = b'!<arch>\n', 60  # what a .deb begins with, and the bytes before each of its members
_PAYLOADS = ('data.tar.xz', 'data.tar.gz', 'data.tar')
_GLOBAL = ('/usr/lib/node_modules', '/usr/local/lib/node_modules', '/usr/share/nodejs')


@dataclass(frozen=True)
class Package:
    """A package that brings files of a set.

    Attributes:
        manager: whose it is.
        name: under which it is installed.
        marker: a file or folder in it, by which it is recognised.
        home: where apt installs it, or what pip's package is imported as; npm's folder has the package's name.
        licences: patterns of its licence texts, from its folder.
    """

    manager: Literal['apt', 'npm', 'pip']
    name: str
    marker: str
    home: str = ''
    licences: tuple[str, ...] = ('LICENSE*',)

    @property
    def commands(self) -> tuple[str, str]:
        """What installs it, and what puts its file into the folder where one is."""
        return {'apt': (f'apt-get install {self.name}', f'apt-get download {self.name}'),
                'npm': (f'npm install {self.name}', f'npm pack {self.name}'),
                'pip': (f'pip install {self.name}', f'pip download --no-deps {self.name}')}[self.manager]

    def installed(self) -> list[Path]:
        """Folders where its manager puts it."""
        if self.manager == 'apt':
            return [Path(self.home)]
        if self.manager == 'pip':
            spec = importlib.util.find_spec(self.home)  # imports nothing
            return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
        here = Path.cwd()
        near = [folder / 'node_modules' for folder in (here, *here.parents)]
        known = [Path(path) for path in (*os.environ.get('NODE_PATH', '').split(os.pathsep), *_GLOBAL) if path]
        return [folder / self.name for folder in (*near, *known)]

    def downloaded(self, folders: Sequence[Path]) -> list[Path]:
        """Its files in some folders, the newest version first."""
        form = {'apt': '{}_*.deb', 'npm': '{}-[0-9]*.tgz', 'pip': '{}-[0-9]*.whl'}[self.manager]
        name = self.name.replace('-', '_') if self.manager == 'pip' else self.name
        found = {path.resolve() for folder in folders for path in folder.glob(form.format(name))}
        return sorted(found, key=natural_key, reverse=True)


@contextmanager
def opened(packages: Sequence[Package], given: Sequence[str | os.PathLike[str]], root: Path,
           name: str) -> Iterator[list[Path]]:
    """The folder of each package, unpacked for as long as the block runs if it is a file.

    Args:
        packages: all of a set.
        given: folders (a package's own, or with its file in it) and files that the user names; if none, where
            packages are installed, and files in the working folder and in ``root``.
        root: folder of the sets.
        name: of the set, for messages.

    Raises:
        DataError: a package is not there; says what installs it. A file cannot be unpacked.
    """
    with ExitStack() as stack:
        places = [stack.enter_context(_folder(Path(path).expanduser())) for path in given]
        homes = []
        for package in packages:
            if given:
                home = next((home for place in places if (home := _home(package, place))), None)
            else:
                home = next((path for path in package.installed() if (path / package.marker).exists()), None)
            if home is None and (files := package.downloaded(places or (Path.cwd(), root))):
                print(f'Using {files[0]}')
                home = _home(package, stack.enter_context(_folder(files[0])))
            homes.append(_required(home, package, name, given))
        yield homes


def _required(home: Path | None, package: Package, name: str, given: Sequence[str | os.PathLike[str]]) -> Path:
    if home is not None:
        return home
    install, download = package.commands
    names = ', '.join(repr(os.fspath(path)) for path in given)
    looked = f' None of {names} holds {package.marker}, or the file of that package.' if given else ''
    raise DataError(
        f'{name} is made of the {package.manager} package {package.name!r}, which is not here.{looked}\nGet it by one '
        f'of\n    {install}\n    {download}      (a file, which this command finds in the folder where it runs)\n'
        f'and run the same command again, or say where it lies:\n    toolbox prepare {name} --package PATH')


def _home(package: Package, folder: Path) -> Path | None:
    """The package's folder in or below another one."""
    steps = package.marker.count('/') + 1
    found = sorted(folder.rglob(package.marker), key=lambda path: (len(path.parts), path))
    return found[0].parents[steps - 1] if found else None


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A folder as it is, a file unpacked."""
    if path.is_dir():
        yield path
        return
    if not path.is_file() or path.suffix not in ARCHIVES:
        raise DataError(f'--package {str(path)!r}: expected a folder, or a file that ends in {", ".join(ARCHIVES)}'
                        f'{"" if path.exists() else "; there is nothing"}.')
    with tempfile.TemporaryDirectory() as scratch:
        inside = Path(scratch) / 'package'
        inside.mkdir()
        extract(_payload(path, Path(scratch)) if path.suffix == '.deb' else path, inside)
        yield inside


def _payload(deb: Path, scratch: Path) -> Path:
    """The archive of the files of a Debian package, which is an ar archive of three."""
    with deb.open('rb') as file:
        known = file.read(len(_AR)) == _AR
        while known and len(header := file.read(_AR_HEADER)) == _AR_HEADER:
            name, size = header[:16].decode('ascii', 'replace').strip(' /'), header[48:58].strip()
            if not size.isdigit():
                break
            if name in _PAYLOADS:
                payload = scratch / name
                payload.write_bytes(file.read(int(size)))
                return payload
            file.seek(int(size) + int(size) % 2, os.SEEK_CUR)
    raise DataError(f'{str(deb)!r} ({deb.stat().st_size} bytes): no Debian package with one of '
                    f'{", ".join(_PAYLOADS)}. Fetch it again, or unpack it by dpkg-deb -x FILE FOLDER and give '
                    '--package FOLDER.')
