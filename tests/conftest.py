"""One thread per process (two would fight for the cores), and passive waiting: set before torch is imported."""

import os

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import fcntl
import gc
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import mmengine.config.config
import pytest
import torch

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what ends with &: tests send themselves Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
# yapf takes a fifth of a short training to lay out its config.py. Real processes (test_wheel.py) do so.
mmengine.config.config.FormatCode = lambda text, **_: (text, True)
ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared'


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # what is imported stays: looking through it again and again takes a part of every test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker('gpu'):
                item.add_marker(pytest.mark.skip(reason='needs a CUDA device'))


@pytest.fixture
def parity():
    """Load a fixture of the authors' numbers by name; ``PARITY=FOLDER`` takes the large ones they were made from."""
    def load(name: str) -> dict:
        from sampled import read
        if 'PARITY' not in os.environ:
            return read(ROOT / f'tests/data/parity/{name}.pt.xz')
        files = Path(os.environ['PARITY']).glob('*/*.pt')
        return torch.load(next(file for file in files if name in (file.stem, f'{file.parent.name}_{file.stem}')),
                          weights_only=True)
    return load


@pytest.fixture(scope='session')
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """``once(name, make)`` is a folder that ``make(folder)`` filled, in one test process for all of them
    (pytest-xdist)."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if 'PYTEST_XDIST_WORKER' in os.environ else root

    def folder_of(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = root / name, root / f'{name}.done'
        with (root / f'{name}.lock').open('w') as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a test left that failed here
                folder.mkdir()
                make(folder)
                done.touch()
        return folder
    return folder_of


@pytest.fixture(scope='session')
def images(once) -> Path:
    """A folder of tiny images in all layouts of the configs. A test that changes it makes its own."""
    from tiny import draw_images
    return once('images', draw_images)


@pytest.fixture(scope='session')
def trained(once, images) -> Callable[[str], Path]:
    """``trained(path)`` is the folder of an undisturbed training of a tiny config, 6 iterations long. Nobody writes
    there."""
    from runs import train
    from tiny import tiny_config

    def folder_of(path: str) -> Path:
        name = f'trained_{path.replace("/", "_")}'
        return once(name, lambda root: train(tiny_config(path, root, images)))
    return folder_of
