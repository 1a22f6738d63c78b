"""Checkpoints of earlier versions: they load, train on and translate to the numbers that were stored with them."""

from __future__ import annotations

import hashlib
import json
import lzma
import runpy
from pathlib import Path

import pytest
import torch
from test_distributed import torchrun
from tiny import ROOT

from toolbox.files.checkpoint import read_checkpoint
from toolbox.files.rank_files import own_state

STATES = ROOT / 'tests/data/states'
MAKE = runpy.run_path(str(STATES / 'make.py'))
# Files that were made again would test nothing: they stay as that version wrote them.
SHA256 = {
    'cyclegan_0.1.0': 'ee4f677d9f6d165d81e02b7515a64db99f0af951684b3b7da17c01014645e5dd',
    'pix2pix_0.1.0': 'b25113520ec8869e731c20f56e9460e2b572dcec50f8660cdc2ef4e6e5740a73',
}


@pytest.fixture(params=SHA256)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def state(name: str, tmp_path: Path) -> Path:
    packed = (STATES / f'{name}.pth.xz').read_bytes()
    assert hashlib.sha256(packed).hexdigest() == SHA256[name], 'a file of an earlier version is never changed'
    (tmp_path / 'old.pth').write_bytes(lzma.decompress(packed))
    return tmp_path / 'old.pth'


def numbers(name: str) -> dict:
    return json.loads((STATES / f'{name}.json').read_text())


def test_every_stored_file_is_tested() -> None:
    assert {path.name.removesuffix('.pth.xz') for path in STATES.glob('*.xz')} == set(SHA256)


def test_an_old_checkpoint_loads(name: str, state: Path) -> None:
    checkpoint = read_checkpoint(state)
    assert checkpoint['toolbox'] == name.rpartition('_')[2]
    assert len(checkpoint['ranks']) == 2 and checkpoint['meta']['iter'] == 2
    assert {'optimizers', 'schedulers', 'history', 'ema'} <= checkpoint.keys()


def test_an_old_checkpoint_translates_to_the_stored_numbers(name: str, state: Path) -> None:
    assert MAKE['translated'](state) == pytest.approx(numbers(name)['translated'], abs=1e-5)


def test_an_old_checkpoint_trains_on_with_its_own_config(name: str, state: Path, tmp_path: Path) -> None:
    after = MAKE['resumed'](state, read_checkpoint(state)['config'], tmp_path)
    assert after == pytest.approx(numbers(name)['resumed'], rel=1e-5)
    checkpoint = read_checkpoint(tmp_path / 'iter_3.pth')
    assert checkpoint['meta']['iter'] == 3
    assert checkpoint['optimizers'].keys() == read_checkpoint(state)['optimizers'].keys()


@pytest.mark.dist
@pytest.mark.parametrize('name', ['cyclegan_0.1.0'])
def test_two_processes_go_on_with_their_own_pools(name: str, state: Path, tmp_path: Path) -> None:
    old = read_checkpoint(state)
    (tmp_path / 'config.py').write_text('\n'.join(f'{key} = {value!r}' for key, value in old['config'].items()))
    torchrun('tools/train.py', str(tmp_path / 'config.py'), '--launcher', 'pytorch', '--resume', str(state),
             '--work-dir', str(tmp_path / 'on'), '--cfg-options', 'train_cfg.max_iters=3')
    new = read_checkpoint(tmp_path / 'on/iter_3.pth')
    pools = [[checkpoint['state_dict'], own_state(path, checkpoint, 1)]
             for path, checkpoint in ((state, old), (tmp_path / 'on/iter_3.pth', new))]
    for before, after in zip(*pools, strict=True):  # of each process; one iteration replaces one image at most
        for pool in ('pool_A._extra_state', 'pool_B._extra_state'):
            kept = [any(torch.equal(x, y) for y in after[pool]['images']) for x in before[pool]['images']]
            assert len(kept) == 2 and sum(kept) >= 1
