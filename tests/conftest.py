"""One thread per process (two would fight for the cores), and passive waiting: set before torch is imported."""

import os

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared'


@pytest.fixture
def parity():
    """Load a fixture of the authors' numbers by name: the copy in tests/data/parity, else ../shared/parity."""
    def load(name: str) -> dict:
        places = [ROOT / 'tests/data/parity', *SHARED.glob('parity/*')]
        path = next((p / f'{name}.pt' for p in places if (p / f'{name}.pt').exists()), None)
        if path is None:
            pytest.skip(f'{name}.pt is a large fixture that stays in ../shared/parity')
        return torch.load(path, weights_only=True)
    return load


@pytest.fixture(scope='session')
def images(tmp_path_factory) -> Path:
    """A folder of tiny images in all layouts of the configs."""
    from tiny import draw_images
    return draw_images(tmp_path_factory.mktemp('images'))
