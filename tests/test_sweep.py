"""toolbox sweep, and toolbox.train, of which each of its trainings is one."""

from __future__ import annotations

import csv
import os
import runpy
import signal
import statistics
import sys
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import toolbox as command
from compared import tinter
from faults import in_child

import toolbox
from toolbox.cli import main as toolbox_command
from toolbox.comparing import sweep
from toolbox.comparing.entries import Budget, read_entries
from toolbox.comparing.sweep import choices
from toolbox.errors import ConfigError
from toolbox.files.checkpoint import read_checkpoint

FURTHER = ("custom_hooks = [dict(type='Killer')]\nval_evaluator = [dict(type='L1', target='oracle_B')]\n"
           "train_cfg = dict(max_iters=8, val_interval=4)\n"
           "default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=2))\n")
SETTINGS = ('--cfg-options', 'model.weight=[8.0,12.0]', 'train_dataloader.batch_size=1', '--seeds', '0', '1')


class Forked:
    """A training as the sweep starts it, without the seconds that a new process needs."""

    def __init__(self, argv: Any, log: Path, place: int, run: Any = toolbox_command) -> None:
        self.code: int | None = None
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)  # of forking beside the threads of pytest-xdist
            self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                with log.open('a', buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
                    run(list(argv))
            except SystemExit as end:
                code = end.code
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        if self.code is None and (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            self.code = os.waitstatus_to_exitcode(ended[1])
        return self.code

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.01)
        return self.code


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, 'start_process', Forked)


@pytest.fixture(scope='module')
def swept(once: Any) -> Path:
    """A folder with ``in.py`` and a finished sweep ``out``."""
    def make(folder: Path) -> None:
        config = tinter(folder / 'in.py', further=FURTHER)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sweep, 'start_process', Forked)
            code, out, err = command('sweep', config, *SETTINGS, '--jobs', '2', '--work-dir', str(folder / 'out'))
        assert (code, err) == (0, ''), out + err
        (folder / 'stdout').write_text(out)
    return once('swept', make)


def weights(run: Path) -> torch.Tensor:
    return read_checkpoint(run / 'iter_8.pth')['state_dict']['G.shift']


def test_each_training_is_that_of_one_command_and_of_python(swept: Path, tmp_path: Path) -> None:
    trained = toolbox.train(swept / 'in.py', work_dir=tmp_path / 'python', **{
        'model.weight': 12.0, 'train_dataloader.batch_size': 1, 'randomness.seed': 1})
    code, _, err = command('train', str(swept / 'in.py'), '--work-dir', str(tmp_path / 'line'), '--cfg-options',
                           'model.weight=12.0', 'train_dataloader.batch_size=1', 'randomness.seed=1')
    assert (code, err) == (0, '')
    found = [weights(run) for run in (trained.work_dir, tmp_path / 'line', swept / 'out/weight=12.0/seed_1')]
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
    assert not torch.equal(found[0], weights(swept / 'out/weight=12.0/seed_0'))
    assert trained.work_dir == tmp_path / 'python' and trained.iteration == 8
    last = list(csv.DictReader((trained.work_dir / 'results.csv').read_text().splitlines()))[-1]
    assert trained.scores['L1'] == float(last['value']) and last['iteration'] == '8'
    with pytest.raises(ConfigError, match=r'already contains a run \(iter_8\.pth\)'):
        toolbox.train(swept / 'in.py', work_dir=trained.work_dir)
    longer = {'train_cfg.max_iters': 9, 'train_dataloader.batch_size': 1, 'randomness.seed': 1}
    again = toolbox.train(swept / 'in.py', work_dir=trained.work_dir, resume=True, validate=False, **longer)
    assert (again.iteration, again.scores) == (9, trained.scores)  # those of the checkpoint


def test_the_table_has_mean_and_spread_over_the_seeds(swept: Path) -> None:
    rows = list(csv.DictReader((swept / 'out/runs.csv').read_text().splitlines()))
    last = [row for row in rows if row['iteration'] == '8']
    assert [(row['model.weight'], row['seed']) for row in last] == [
        ('8.0', '0'), ('12.0', '0'), ('8.0', '1'), ('12.0', '1')] and len(rows) == 8
    values = {weight: [float(row['value']) for row in last if row['model.weight'] == weight]
              for weight in ('8.0', '12.0')}
    table = list(csv.DictReader((swept / 'out/sweep.csv').read_text().splitlines()))
    assert [(row['settings'], row['result'], row['seeds']) for row in table] == [
        ('weight=8.0', 'val L1', '2'), ('weight=12.0', 'val L1', '2')]
    for row, own in zip(table, values.values(), strict=True):
        assert float(row['mean']) == statistics.fmean(own) and own[0] != own[1]
        assert float(row['standard deviation']) == pytest.approx(abs(own[0] - own[1]) / 2**0.5)
    text = (swept / 'out/sweep.md').read_text()
    assert text in (swept / 'stdout').read_text() and f'{statistics.fmean(values["8.0"]):.4g} ± ' in text
    assert 'weight=12.0/seed_1' in (swept / 'out/runs.html').read_text()


@pytest.mark.fault
@pytest.mark.usefixtures('swift')
def test_a_sweep_that_was_killed_goes_on_and_ends_as_one_that_was_not(swept: Path, tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ('sweep', str(swept / 'in.py'), *SETTINGS, '--work-dir', str(tmp_path / 'out'))
    first, second = tmp_path / 'out/weight=8.0/seed_0', tmp_path / 'out/weight=12.0/seed_0'
    with pytest.MonkeyPatch.context() as patch:  # when the first training has ended
        patch.setattr(sweep.Sweep, '_ended', lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        assert in_child(lambda: command(*argv)) == -signal.SIGKILL
    monkeypatch.setenv('KILLED_AT', 'weight=12.0/seed_0 5')
    code, out, err = command(*argv)
    assert code == 2 and '1 of 4 trainings failed' in err and 'weight=12.0, seed 0:' in err
    assert 'FAILED weight=12.0, seed 0' in out
    assert 'not finished: weight=12.0, seed 0' in (tmp_path / 'out/sweep.md').read_text()
    monkeypatch.delenv('KILLED_AT')
    kept = (first / 'iter_8.pth').stat().st_mtime_ns
    code, out, err = command(*argv)
    assert (code, err) == (0, '') and '4 trainings, 3 of them finished before' in out
    assert 'resumed at 4' in (second / 'train.log').read_text()
    assert (first / 'iter_8.pth').stat().st_mtime_ns == kept
    for name in ('sweep.csv', 'runs.csv'):
        assert (tmp_path / 'out' / name).read_text() == (swept / 'out' / name).read_text(), name


@pytest.mark.fault
@pytest.mark.usefixtures('swift')
def test_what_is_wrong_with_a_sweep_is_said_before_anything_is_trained(swept: Path, tmp_path: Path) -> None:
    config, out = str(swept / 'in.py'), str(tmp_path / 'out')
    for options, message in ((['model.weight=[1.0,-1]', 'model.wait=0'], '2 of 2 combinations are wrong'),
                             (['model.weight=[]'], 'list of different values'), (['model.weight=[1,1]'], 'different')):
        code, _, err = command('sweep', config, '--work-dir', out, '--cfg-options', *options)
        assert code == 2 and message in err, err
    assert not list(Path(out).glob('*/seed_*'))
    for option in (['--jobs', '0'], ['--seeds', '-1']):
        assert command('sweep', config, '--work-dir', out, *option)[0] == 2
    code, _, err = command('sweep', config, '--work-dir', str(swept / 'out'), '--cfg-options', 'model.weight=[8.0]',
                           'train_dataloader.batch_size=2')
    assert code == 2 and 'was trained with other settings: train_dataloader.batch_size: 1 before, 2 now' in err


@pytest.mark.parametrize('options', [{'randomness.seed': [1, 2]}, {'randomness': dict(seed=5)}])
def test_seeds_among_the_options_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='seeds are given by --seeds'):
        sweep.Sweep('cyclegan/synthetic', options, [0], tmp_path)
    with pytest.raises(ConfigError, match='seeds are given by --seeds'):
        read_entries(['cyclegan/synthetic'], {}, {'cyclegan': options}, None, tmp_path)


def test_weights_that_a_training_begins_with_are_part_of_its_plan() -> None:
    plain, begun = (sweep.plan_of('cyclegan/synthetic', options) for options in ({}, {'load_from': 'a.pth'}))
    assert 'load_from' not in plain and begun == {**plain, 'load_from': 'a.pth'}


def test_a_comparison_begins_with_the_weights_that_a_config_states(tmp_path: Path) -> None:
    (entry,), _ = read_entries(['cyclegan/synthetic'], {'load_from': 'a.pth'}, {}, None, tmp_path)
    assert entry.training(3, 1, tmp_path).load_from == 'a.pth'
    assert entry.plan(Budget(3, None))['config']['load_from'] == 'a.pth'


def test_lists_are_choices_and_tuples_are_values() -> None:
    found = choices({'a.x': [1, (2, 3)], 'b.x': ['p/q', dict(k=1)], 'c': (4, 5)})
    assert found == {'a.x=1,b.x=p_q': {'a.x': 1, 'b.x': 'p/q'}, "a.x=1,b.x=_k_1": {'a.x': 1, 'b.x': dict(k=1)},
                     'a.x=_2,_3_,b.x=p_q': {'a.x': (2, 3), 'b.x': 'p/q'},
                     'a.x=_2,_3_,b.x=_k_1': {'a.x': (2, 3), 'b.x': dict(k=1)}}
    assert choices({'a.x': 1}) == {'as_it_is': {}}
    assert len(choices({'x': ['a b', 'a/b', 'a_b']})) == 3


ENDLESS = ('--resume', '--cfg-options', 'train_cfg.max_iters=1000000')


@pytest.mark.fault
def test_a_training_saves_when_the_sweep_is_gone(swept: Path, tmp_path: Path) -> None:
    """Its standard input ends."""
    read, write = os.pipe()

    def attached(argv: list[str]) -> None:
        os.close(write)
        sys.stdin, sys.argv = os.fdopen(read), ['toolbox', *argv]
        runpy.run_module('toolbox.cli.attached', run_name='__main__')

    argv = ['train', str(swept / 'in.py'), '--work-dir', str(tmp_path / 'run'), *ENDLESS]
    process = Forked(argv, tmp_path / 'log', 0, attached)
    wait_for_checkpoints(process, tmp_path / 'run')
    os.close(write)
    assert process.wait() == 75, (tmp_path / 'log').read_text()
    os.close(read)


@pytest.mark.slow
@pytest.mark.fault
def test_a_real_process_of_a_sweep_does_so(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).parent))
    argv = ['train', str(swept / 'in.py'), '--work-dir', str(tmp_path / 'run'), *ENDLESS]
    process = sweep.start_process(argv, tmp_path / 'log', 0)
    wait_for_checkpoints(process, tmp_path / 'run')
    process.stdin.close()
    assert process.wait() == 75, (tmp_path / 'log').read_text()
    assert 'SIGTERM: the training stops after this iteration' in (tmp_path / 'log').read_text()


def wait_for_checkpoints(process: Any, run: Path) -> None:
    end = time.monotonic() + 600
    while not list(run.glob('iter_*.pth')) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
