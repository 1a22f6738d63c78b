"""Checkpoints are written by a thread from a copy: the training goes on, and what is written is its state at that
iteration."""

from __future__ import annotations

import errno
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from faults import SignalAt, in_child, kill_at
from runs import EXACT, assert_equal, train
from tiny import tiny_config

import toolbox.engine.saving as saving
from toolbox.engine import Runner
from toolbox.engine.state import on_host
from toolbox.errors import CheckpointError, Interrupted
from toolbox.files.checkpoint import newest_intact, read_checkpoint, write_checkpoint

pytestmark = pytest.mark.fault

PATH = 'configs/cyclegan/facades.py'
OPTIONS = {'custom_hooks': [dict(type='EMAHook', nets=('G_AB',))], 'default_hooks.checkpoint.save_best': 'PSNR'}


@pytest.fixture(scope='module')
def whole(images: Path, once) -> Path:
    return once('background', lambda root: train(tiny_config(PATH, root, images, 6, OPTIONS)))


class Iterations:
    """Counts iterations, and calls ``at[n]`` before iteration ``n`` (from 1 on)."""

    priority = 60

    def __init__(self, at: dict[int, Callable[[Any], object]] | None = None) -> None:
        self.count, self.at = 0, at or {}

    def before_train_iter(self, runner: Any, batch_idx: int, **_: Any) -> None:
        self.count = batch_idx + 1
        self.at.get(self.count, lambda runner: None)(runner)


def slow_writer(monkeypatch: pytest.MonkeyPatch, until: threading.Event) -> list[str]:
    """Files whose writing has begun; it goes on when ``until`` is set."""
    begun: list[str] = []

    def write(checkpoint: dict[str, Any], path: Path) -> None:
        begun.append(path.name)
        assert threading.current_thread() is not threading.main_thread()
        until.wait(60)
        write_checkpoint(checkpoint, path)

    monkeypatch.setattr(saving, 'write_checkpoint', write)
    return begun


def started(cfg: Any, iterations: Iterations) -> Runner:
    runner = Runner.from_cfg(cfg)
    runner._hooks.insert(0, iterations)
    return runner


def test_what_is_written_later_is_the_state_of_its_iteration(whole: Path, images: Path, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Both files of iteration 2 are begun in it, and written when iteration 4 begins."""
    gate = threading.Event()
    begun = slow_writer(monkeypatch, gate)
    at_four: list[tuple[list[str], list[str]]] = []

    def release(runner: Any) -> None:
        at_four.append(([*begun], sorted(path.name for path in tmp_path.glob('*.pth'))))
        gate.set()

    runner = started(tiny_config(PATH, tmp_path, images, 6, OPTIONS), Iterations({4: release}))
    runner.train()
    assert at_four == [(['best_PSNR.pth'], [])]
    assert [name for name in begun if name.startswith('iter')] == ['iter_2.pth', 'iter_4.pth', 'iter_6.pth']
    for name in ('iter_2.pth', 'iter_4.pth', 'iter_6.pth'):
        for key in EXACT:
            assert_equal(*(read_checkpoint(folder / name).get(key) for folder in (whole, tmp_path)), key)


def test_the_end_and_a_signal_wait_for_the_file(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    begun = slow_writer(monkeypatch, gate)
    runner = started(tiny_config(PATH, tmp_path, images, 6), Iterations())
    runner.register_hook(SignalAt('before_train_iter', 2), priority='HIGHEST')
    threading.Timer(0.5, gate.set).start()
    with pytest.raises(Interrupted, match=r'iter_3\.pth is written'):
        runner.train()
    assert begun == ['iter_2.pth', 'iter_3.pth']
    assert newest_intact(tmp_path)[0] == tmp_path / 'iter_3.pth'


def test_an_error_of_the_training_waits_for_the_file_too(images: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    slow_writer(monkeypatch, gate)

    def fail(runner: Any) -> None:
        threading.Timer(0.3, gate.set).start()
        raise RuntimeError('an error in the training')

    with pytest.raises(RuntimeError, match='an error in the training'):
        started(tiny_config(PATH, tmp_path, images, 6), Iterations({3: fail})).train()
    assert newest_intact(tmp_path)[0] == tmp_path / 'iter_2.pth'


@pytest.mark.parametrize('error', [OSError(errno.ENOSPC, 'No space left on device'), MemoryError('of the writer')])
def test_an_error_of_the_writer_is_said_at_the_next_iteration(error: BaseException, images: Path, tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk lets the training go on; what nobody expects ends it."""
    said: list[tuple[int, str]] = []

    def fail(checkpoint: dict[str, Any], path: Path) -> None:
        if path.name == 'iter_2.pth':
            raise error
        write_checkpoint(checkpoint, path)

    monkeypatch.setattr(saving, 'write_checkpoint', fail)
    count = Iterations({3: lambda runner: runner.train_loop.saving.exception()})  # until it has failed
    runner = started(tiny_config(PATH, tmp_path, images, 4), count)
    monkeypatch.setattr(runner.logger, 'warning', lambda text: said.append((count.count, text)))
    if isinstance(error, OSError):
        runner.train()
        assert [(number, 'iter_2.pth was not written: No space left' in text) for number, text in said] == [(3, True)]
        assert newest_intact(tmp_path)[0] == tmp_path / 'iter_4.pth'
    else:
        with pytest.raises(MemoryError, match='of the writer'):
            runner.train()
        assert count.count == 3


def test_a_best_file_that_cannot_be_written_does_not_cost_the_other(images: Path, tmp_path: Path) -> None:
    (tmp_path / 'best_PSNR.pth').mkdir()
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 2, OPTIONS))
    said: list[str] = []
    runner.logger.warning = said.append
    runner.train()
    assert [re.sub('.*/', '', text)[:34] for text in said] == ['best_PSNR.pth was not written: Is ']
    assert newest_intact(tmp_path)[0] == tmp_path / 'iter_2.pth'


def test_a_failure_at_the_end_is_an_error(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(checkpoint: dict[str, Any], path: Path) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(saving, 'write_checkpoint', fail)
    with pytest.raises(CheckpointError, match=r'iter_2\.pth was not written: No space left'):
        Runner.from_cfg(tiny_config(PATH, tmp_path, images, 2)).train()


@pytest.mark.parametrize(('number', 'newest'), [(1, 'iter_2.pth'), (4, 'iter_4.pth')])
def test_killed_while_the_thread_writes(number: int, newest: str, whole: Path, images: Path, tmp_path: Path) -> None:
    """In the first waiting for the disk the file has no name yet, after the fourth all is done."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob('*_[46].pth'):
        path.unlink()
    (tmp_path / 'last_checkpoint').write_text('iter_2.pth')

    def life() -> None:
        kill_at('fsync', number)
        train(tiny_config(PATH, tmp_path, images, 6), resume=True)

    assert in_child(life) == -9
    found, problems, _ = newest_intact(tmp_path)
    assert found is not None and found.name == newest and not problems


def test_a_copy_holds_nothing_of_the_original_and_tied_tensors_stay_one() -> None:
    weight = torch.arange(6.).reshape(2, 3)
    part = weight[:, 1:]
    tree = dict(a=weight, again=weight.view(2, 3), part=part, none=torch.zeros(0), rest=[dict(b=weight.t()), (1, 'x')])
    copy = on_host(tree)
    assert_equal(copy, tree)
    assert copy['a'] is copy['again'] and copy['a'] is not weight
    assert copy['part'].untyped_storage().nbytes() == part.numel() * 4  # a file would hold the whole of a view's memory
    tree['rest'][0]['new'] = 1
    weight.zero_()
    assert copy['a'].sum() == 15 and copy['rest'] == [dict(b=copy['rest'][0]['b']), (1, 'x')]
