"""Weight files of published networks: locating, downloading, verifying and loading them."""

from __future__ import annotations

import importlib.util
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..data.fetch.download import download, sha256
from ..errors import CheckpointError, ConfigError, DataError
from ..files.cache import CACHE, cache_dir
from ..files.fit import check_fit, require_finite
from ..files.foreign import load_state_dict
from ..files.locks import lock
from ..files.replacing import replacing
from ..files.work_dir import make_folder
from ..registry import File

RANDOM = 'random'
Reader = Callable[[Path], dict[str, Tensor]]


@dataclass(frozen=True)
class WeightFile:
    """A published file.

    Attributes:
        name: its name in the cache.
        sha256: its checksum, or the first hexadecimal digits if only those are published.
        url: its address; empty if it has no fixed one.
        page: where to find a file without a fixed address.
        package: the Python package that brings it, in pip's words.
        inside: the folder in which the package has it.
    """

    name: str
    sha256: str = ''
    url: str = ''
    page: str = ''
    package: str = ''
    inside: str = ''

    @property
    def path(self) -> Path:
        """Where it is looked for and downloaded to."""
        return cache_dir() / 'weights' / self.name

    @property
    def there(self) -> Path | None:
        """The file in the cache or in its package, whose code is not run; None where neither has it."""
        module, _, below = self.inside.partition('/')
        spec = importlib.util.find_spec(module) if module else None
        places = [Path(folder, below, self.name) for folder in (spec and spec.submodule_search_locations) or ()]
        return next((path for path in (self.path, *places) if path.is_file()), None)


@dataclass(frozen=True)
class Source:
    """Which weights a network has: ``text`` to read, ``identity`` (a full checksum, if from a file) for caches."""

    text: str
    identity: str


def fill(net: nn.Module, weights: File | None, file: WeightFile, where: str, seed: int = 0,
         unused: tuple[str, ...] = (), layout: nn.Module | None = None, read: Reader = load_state_dict) -> Source:
    """Load the weights of a network that was built on the meta device.

    Args:
        net: the network, with the module names of the file.
        weights: path of a file; None for ``file`` in the cache, downloaded if need be; ``'random'`` for weights that
            depend only on ``seed`` and the keys.
        file: the published file of this network.
        where: network and argument, for messages (``'LPIPS.linear'``).
        seed: seed of random weights.
        unused: prefixes of keys that the published file may have and ``net`` lacks.
        layout: the whole network of which ``net`` is a part, which the file must fit.
        read: reads the file as a state dict under our names.

    Raises:
        DataError: the file is missing and cannot be downloaded; says which one, its source, and where to put it.
        CheckpointError: the file is damaged, of another kind, does not fit or has weights that are not finite; lists
            keys and shapes.
    """
    if weights == RANDOM:
        layers = ' '.join(f'{key}{tuple(value.shape)}' for key, value in (layout or net).state_dict().items())
        source = Source(f'seeded random weights (seed {seed})', f'{RANDOM} {seed} {layers}')
        state = random_state(net, seed)
    else:
        path = locate(weights, file, where)
        state, source = _read(path, file, where, read)
        state = {key: value for key, value in state.items() if not key.startswith(unused)}
        for key in net.state_dict():
            if key.endswith('num_batches_tracked'):  # missing in older files, unused in evaluation
                state.setdefault(key, torch.zeros((), dtype=torch.long))
        expected = layout or net
        check_fit(expected.state_dict(), state, f'{where}: {path} does not fit {type(expected).__name__}:', str(path),
                  optional='_extra_state')
        require_finite(state, state.keys(), f'{where}: {path}')
    net.load_state_dict({key: state[key] for key in net.state_dict()}, assign=True)
    return source


def random_state(net: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights for every key: He et al. 2015 (uniform) for kernels, 1 or 0 for norms and biases.

    Each key has its own numbers, drawn with NumPy's ``RandomState``, whose stream never changes: they are the same on
    any machine, with any version of torch, and whatever else is in the network.
    """
    return {key: _random(key, value, seed) for key, value in net.state_dict().items()}


def _random(key: str, value: Tensor, seed: int) -> Tensor:
    if value.ndim < 2:
        ones = key.endswith(('weight', 'running_var', 'gamma'))
        return torch.full(value.shape, float(ones), dtype=value.dtype)
    generator = np.random.RandomState(zlib.crc32(f'{seed} {key}'.encode()))
    drawn = np.frombuffer(generator.bytes(2 * value.numel()), '<u2').reshape(tuple(value.shape))
    bound = (6 / value[0].numel()) ** 0.5
    return torch.from_numpy((drawn.astype(np.float32) - 32767.5) * np.float32(bound / 32767.5))


def locate(weights: File | None, file: WeightFile, where: str) -> Path:
    """Path of the file that ``weights`` means; downloads the published one if it is needed and missing."""
    argument = where.rpartition('.')[2]
    if weights is not None:
        if not isinstance(weights, (str, os.PathLike)):
            raise ConfigError(f'{where}: expected a path, None or {RANDOM!r}, found {weights!r}.')
        path = Path(weights).expanduser()
        if not path.is_file() and path.name == file.name and (known := file.there):
            return known  # a config from another machine
        if not path.is_file():
            raise DataError(f'{where}: no such file: {str(weights)!r}. {argument}=None looks for {file.name} in '
                            f'{file.path.parent}; {argument}={RANDOM!r} uses random weights, for tests.')
        return path
    put = f'put it at\n    {file.path}\nor anywhere, and set {argument}=PATH in the config.'
    if (known := file.there) is not None:
        return known
    if file.package:
        raise DataError(f'{where}: the file {file.name} is needed, which comes with a package:\n    pip install '
                        f'{file.package}\nOr {put}')
    if not file.url:
        raise DataError(f'{where}: the file {file.name} is needed and cannot be downloaded automatically. Fetch it '
                        f'from {file.page} and {put}')
    with _one_at_a_time(file.path, where):
        if not file.path.is_file():  # another process may have fetched it meanwhile
            _fetch(file, where, put)
    return file.path


def _fetch(file: WeightFile, where: str, put: str) -> None:
    """Download under another name: only a file with the right checksum gets the final one."""
    fetched = file.path.with_name(file.path.name + '.unchecked')
    with replacing(file.path, partial=fetched):
        try:
            download(file.url, fetched)
        except DataError as error:
            reason = getattr(error.__cause__, 'reason', None) or error.__cause__
            raise DataError(f'{where}: the file {file.name} is needed, and {file.url} could not be downloaded: '
                            f'{reason}.\nWithout internet access: fetch it on another machine and {put}'
                            ) from error
        found = sha256(fetched)
        if not found.startswith(file.sha256):
            fetched.unlink()
            raise DataError(f'{where}: the download from {file.url} has the SHA-256 {found}, expected '
                            f'{file.sha256}...; it was deleted.')


@contextmanager
def _one_at_a_time(path: Path, where: str) -> Iterator[None]:
    """Processes on one machine that need the same file wait for the one that downloads it."""
    try:
        make_folder(path.parent)
    except OSError as error:
        raise DataError(f'{where}: cannot write {path.name} to {path.parent}: {error.strerror}. Set ${CACHE} to a '
                        'folder for such files.') from error
    with lock(path.with_name(path.name + '.lock'), wait=True):
        yield


def _read(path: Path, file: WeightFile, where: str, read: Reader) -> tuple[dict[str, Tensor], Source]:
    found = sha256(path)
    if path.name == file.name and not found.startswith(file.sha256):
        raise CheckpointError(f'{path} ({path.stat().st_size} bytes): its SHA-256 begins with {found[:8]}, expected '
                              f'{file.sha256}. The file is damaged or a different one. Delete it and run again, or '
                              'rename it if it holds your own weights.')
    if _is_program(path):
        raise CheckpointError(f'{path}: a TorchScript program, which is not run. {where} takes plain weights: '
                              f'{file.name}, from {file.url or file.page}.')
    return read(path), Source(f'weights {path.name} (sha256 {found[:8]})', found)


def _is_program(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith('/constants.pkl') for name in archive.namelist())
