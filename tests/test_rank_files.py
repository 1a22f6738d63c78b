"""Image pools of several processes lie in files beside the checkpoint, one for each process but the first."""

from __future__ import annotations

import re
import resource
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
import torch
import torch.distributed as dist
from faults import in_child, kill_at
from runs import EXACT, assert_equal
from test_distributed import write_config
from tiny import tiny_config

from toolbox import Translator
from toolbox.engine import Runner
from toolbox.engine.saving import Snapshot
from toolbox.errors import CheckpointError
from toolbox.files.checkpoint import newest_intact, read_checkpoint, remove_leftovers, write_checkpoint
from toolbox.files.rank_files import fingerprint, own_state, rank_file
from toolbox.use.export import export_weights

pytestmark = pytest.mark.fault

PATH = 'configs/cyclegan/facades.py'
NEWEST = 'default_hooks.checkpoint'
RANDOM = dict(python=[3, [0] * 625, None], numpy=['MT19937', torch.zeros(624, dtype=torch.int64), 624, 0, 0.0],
              torch=torch.zeros(5056, dtype=torch.uint8))


@pytest.fixture(scope='module')
def runs(images: Path, once) -> Path:
    """Two processes: ``whole``; ``halves``, which goes on from its middle; ``few``, which keeps one checkpoint."""
    def make(root: Path) -> None:
        few = {NEWEST: dict(type='CheckpointHook', interval=2, keep=1, save_best='PSNR', _delete_=True)}
        whole, halves, few = (tiny_config(PATH, root / name, images, 4, options)
                              for name, options in (('whole', {}), ('halves', {}), ('few', few)))
        halves.resume, halves.load_from = True, str(root / 'whole/iter_2.pth')
        configs = [write_config(cfg, root / f'{i}.py') for i, cfg in enumerate((whole, halves, few))]
        done = forked.torchrun('tests/sharding_driver.py', *configs, folder=root)
        assert done.returncode == 0, done.stdout + done.stderr
    return once('rank_files', make)


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)  # as in the driver
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.dist
def test_as_many_processes_go_on_bit_for_bit_with_their_own_pools(runs: Path) -> None:
    whole, halves = (read_checkpoint(runs / name / 'iter_4.pth') for name in ('whole', 'halves'))
    for key in EXACT:
        assert_equal(whole.get(key), halves.get(key), key)
    own = [own_state(runs / name / 'iter_4.pth', content, 1) for name, content in
           (('whole', whole), ('halves', halves))]
    assert_equal(*own)
    firsts, others = whole['state_dict']['pool_A._extra_state']['images'], own[0]['pool_A._extra_state']['images']
    assert len(firsts) == len(others) == 2 and not torch.equal(firsts[0], others[0])
    # They are in no other file, and each is in one.
    assert whole['ranks'][0]['extra'] == whole['ranks'][1]['extra'] == {}


@pytest.mark.dist
def test_checkpoints_that_are_removed_take_their_files_with_them(runs: Path) -> None:
    names = sorted(path.name for path in (runs / 'few').iterdir() if '.pth' in path.name)
    best = read_checkpoint(runs / 'few/best_PSNR.pth')['meta']['iter']
    assert names == ['best_PSNR.pth', f'best_PSNR.pth.at{best}.rank1', 'iter_4.pth', 'iter_4.pth.at4.rank1']


@pytest.mark.dist
def test_one_process_needs_none_of_the_files(runs: Path, images: Path, tmp_path: Path, float64: None) -> None:
    """It goes on with the pools of the first one; uses of networks need the checkpoint alone, too."""
    alone = shutil.copy(runs / 'whole/iter_2.pth', tmp_path / 'iter_2.pth')
    cfg = tiny_config(PATH, tmp_path / 'on', images, 3)
    cfg.resume, cfg.load_from = True, str(alone)
    seen: list[torch.Tensor] = []

    class Look:
        priority = 60

        def before_train(self, runner: Any) -> None:
            seen.extend(runner.model.pool_A._images)

    runner = Runner.from_cfg(cfg)
    runner._hooks.append(Look())
    runner.train()
    assert_equal(seen, read_checkpoint(alone)['state_dict']['pool_A._extra_state']['images'])
    assert not list((tmp_path / 'on').glob('*rank*'))
    Translator(export_weights(alone, tmp_path / 'a.safetensors'))(np.zeros((32, 32, 3), np.uint8))


# Files of two processes without a training


def content(number: int) -> dict[str, Any]:
    position = dict.fromkeys(('epoch', 'epoch_iter', 'samples', 'seed'), 0)
    return dict(meta=dict(iter=number, **position), state_dict={}, optimizers={}, schedulers={}, history=[],
                ranks=[dict(rng=RANDOM, extra={}), dict(rng=RANDOM, extra={})])


def write(folder: Path, number: int, value: float = 0.0) -> Path:
    """A checkpoint of two processes, of which the second has an image pool."""
    path = folder / f'iter_{number}.pth'
    write_checkpoint(dict(extra=dict(pool=torch.full((3,), value))), rank_file(path, number, 1))
    checkpoint = content(number)
    checkpoint['ranks'][1]['beside'] = fingerprint(rank_file(path, number, 1))
    write_checkpoint(checkpoint, path)
    return path


DAMAGES = {
    'missing': (lambda file: file.unlink(), 'no such file.* was written by 2 processes, .* process 1 .*another number'),
    'cut': (lambda file: file.write_bytes(file.read_bytes()[:-100]), 'damaged'),
    'of another training': (lambda file: write_checkpoint(dict(extra=dict(pool=torch.ones(3))), file),
                            'belongs to another checkpoint'),
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_without_its_files_a_checkpoint_is_passed_over_and_an_error_where_it_is_named(damage: str, tmp_path: Path
                                                                                      ) -> None:
    first, path = write(tmp_path, 1), write(tmp_path, 2)
    spoil, text = DAMAGES[damage]
    spoil(rank_file(path, 2, 1))
    found, problems, _ = newest_intact(tmp_path, 2)
    assert found == first and re.search(text, str(problems[0])) and 'iter_2.pth.at2.rank1' in str(problems[0])
    with pytest.raises(CheckpointError, match=text):
        own_state(path, read_checkpoint(path), 1)
    for count in (1, 3):  # which take nothing from the file
        assert newest_intact(tmp_path, count)[0] == path


def test_a_changed_bit_in_a_file_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, 1, 5.0)
    file = rank_file(path, 1, 1)
    data = file.read_bytes()
    place = data.index(torch.full((3,), 5.0).numpy().tobytes())
    file.write_bytes(data[:place] + b'\1' + data[place + 1:])
    with pytest.raises(CheckpointError, match=r'iter_1\.pth\.at1\.rank1: damaged: the contents of .*pool|data'):
        own_state(path, read_checkpoint(path), 1)


def test_files_without_their_checkpoint_are_removed_at_the_next_start(tmp_path: Path) -> None:
    write(tmp_path, 1)
    for name in ('iter_2.pth.at2.rank1', '.iter_2.pth.at2.rank1.a1b2c3d4', 'iter_3.pth.at3.notes'):
        (tmp_path / name).write_text('')
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['iter_1.pth', 'iter_1.pth.at1.rank1',
                                                               'iter_3.pth.at3.notes']


def save_in_two_processes(folder: Path, doomed: int, call: str, number: int) -> list[int]:
    """How two processes end of which one is killed while they write ``iter_2.pth``."""
    def life(rank: int) -> None:
        dist.init_process_group('gloo', store=dist.FileStore(str(folder / 'store'), 2), rank=rank, world_size=2)
        own = dict(pool=torch.full((3,), 2.0)) if rank else {}
        if rank == doomed:
            kill_at(call, number)
        Snapshot(2, {} if rank else content(2), own, (1,)).write(folder / 'iter_2.pth')

    with ThreadPoolExecutor(2) as pool:
        return [*pool.map(lambda rank: in_child(lambda: life(rank)), (0, 1))]


@pytest.mark.parametrize(('doomed', 'call', 'number'), [(1, 'fsync', 1), (1, 'replace', 1), (1, 'fsync', 2),
                                                        (0, 'fsync', 1), (0, 'replace', 1), (0, 'fsync', 2)])
def test_a_process_killed_at_any_step_leaves_a_whole_checkpoint(doomed: int, call: str, number: int,
                                                                tmp_path: Path) -> None:
    write(tmp_path, 1)
    ends = save_in_two_processes(tmp_path, doomed, call, number)
    assert ends[doomed] == -9
    found, problems, checkpoint = newest_intact(tmp_path, 2)
    assert found is not None and not problems
    complete = (doomed, call, number) == (0, 'fsync', 2)  # of the folder, when the file has its name
    assert found.name == ('iter_2.pth' if complete else 'iter_1.pth')
    assert_equal(own_state(found, checkpoint, 1)['pool'], torch.full((3,), 2.0 if complete else 0.0))


def test_a_disk_that_is_full_for_one_process_is_an_error_in_both(tmp_path: Path) -> None:
    def life(rank: int) -> None:
        dist.init_process_group('gloo', store=dist.FileStore(str(tmp_path / 'store'), 2), rank=rank, world_size=2)
        if rank:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        with pytest.raises(OSError, match='File too large'):
            own = dict(pool=torch.zeros(10_000)) if rank else {}
            Snapshot(2, {} if rank else content(2), own, (1,)).write(tmp_path / 'iter_2.pth')

    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(lambda rank: in_child(lambda: life(rank)), (0, 1))] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ['store']
