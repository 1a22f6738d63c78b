"""Signals: the iteration is finished, all is saved, the exit code says so, and the resumed training is the same."""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import forked
import pytest
from faults import SignalAt
from mmengine.hooks import EarlyStoppingHook, Hook
from runs import EXACT, assert_equal, train
from test_distributed import torchrun_command, write_config
from tiny import METHOD_CONFIGS, some_by_turn, tiny_config

from toolbox.cli import STOPPED
from toolbox.engine import Runner
from toolbox.errors import Interrupted
from toolbox.files.checkpoint import read_checkpoint
from toolbox.hooks import SignalHook

pytestmark = pytest.mark.fault

PATH = 'configs/cyclegan/facades.py'
POINTS = ['before_train_iter', 'after_train_iter', 'before_val', 'after_val_iter', 'before_save_checkpoint',
          'after_iteration']


def interrupted(cfg, hook):
    runner = Runner.from_cfg(cfg)
    runner.register_hook(hook, priority='HIGHEST')
    with pytest.raises(Interrupted) as stop:
        runner.train()
    return runner, str(stop.value)


def assert_same_end(a, b, iters):
    a, b = (read_checkpoint(folder / f'iter_{iters}.pth') for folder in (a, b))
    for key in EXACT:
        assert_equal(a.get(key), b.get(key), key)


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGINT', 'SIGUSR1'])
def test_a_signal_saves_and_stops(name, images, tmp_path, capfd):
    runner, text = interrupted(tiny_config(PATH, tmp_path, images, 8), SignalAt('before_train_iter', 4, name))
    assert runner.iter == 5
    assert (tmp_path / 'last_checkpoint').read_text() == 'iter_5.pth'
    assert f'stopped by {name} after iteration 5 of 8' in text
    assert f'{name}: the training stops after this iteration' in capfd.readouterr().err


OPTIONS = {'custom_hooks': [dict(type='EMAHook', nets=('G_AB',))], 'default_hooks.checkpoint.save_best': 'PSNR'}


@pytest.fixture(scope='module')
def whole(once, images):
    return once('undisturbed', lambda root: train(tiny_config(PATH, root, images, 8, OPTIONS)))


@pytest.mark.parametrize('point', POINTS)
def test_a_training_stopped_anywhere_ends_as_if_undisturbed(point, whole, images, tmp_path):
    runner, _ = interrupted(tiny_config(PATH, tmp_path / 'stopped', images, 8, OPTIONS), SignalAt(point, 4))
    assert 4 <= runner.iter <= 5
    if point in ('before_val', 'after_val_iter'):
        assert runner.train_loop.history[-1]['iter'] == 2  # the one at 4 was abandoned
    train(tiny_config(PATH, tmp_path / 'stopped', images, 8, OPTIONS), resume=True)
    assert_same_end(whole, tmp_path / 'stopped', 8)


@pytest.mark.parametrize('method', some_by_turn(METHOD_CONFIGS))
def test_every_method_goes_on_exactly_after_a_signal(method, trained, images, tmp_path):
    path = METHOD_CONFIGS[method]
    interrupted(tiny_config(path, tmp_path, images, 6), SignalAt('before_train_iter', 2))
    train(tiny_config(path, tmp_path, images, 6), resume=True)
    assert_same_end(trained(path), tmp_path, 6)


def test_a_second_ctrl_c_stops_at_once(images, tmp_path):
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 8))
    runner.register_hook(SignalAt('before_train_iter', 3, 'SIGINT', times=2), priority='HIGHEST')
    runner.register_hook(SignalAt('after_train_iter', 3, 'SIGINT'), priority='HIGHEST')
    with pytest.raises(KeyboardInterrupt) as stop:
        runner.train()
    assert not isinstance(stop.value, Interrupted)
    assert (tmp_path / 'last_checkpoint').read_text() == 'iter_2.pth'


@pytest.mark.parametrize('point', ['before_train_iter', 'before_val_iter'])
def test_a_signal_in_the_last_iteration_is_no_end_without_scores(point, images, tmp_path):
    runner, text = interrupted(tiny_config(PATH, tmp_path, images, 2), SignalAt(point, 1))
    assert 'after iteration 2 of 2' in text and runner.iter == 2 and not runner.train_loop.history
    runner = train(tiny_config(PATH, tmp_path, images, 2), resume=True)
    assert [row['iter'] for row in runner.train_loop.history] == [2]


@pytest.mark.parametrize('early', [False, True])
def test_hooks_that_look_at_scores_do_not_stand_in_the_way_of_a_stop(early, images, tmp_path):
    """Such as MMEngine's own, and those of docs/plugins.md: a validation that was abandoned has no scores."""
    class Looks(Hook):
        def after_val_epoch(self, runner, metrics=None):
            assert metrics['PSNR'] > 0

    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 8, OPTIONS))
    runner.register_hook(EarlyStoppingHook('PSNR', rule='greater') if early else Looks())
    before = {}
    runner.register_hook(Remember(before))
    runner.register_hook(SignalAt('before_val_iter', 2))
    with pytest.raises(Interrupted, match='after iteration 2 of 8'):
        runner.train()
    assert before['weights'].equal(next(runner.model.G_AB.parameters())), 'averages are put back'


class Remember(Hook):
    """A weight before the validation, which exchanges it with its average."""

    priority = 'HIGHEST'

    def __init__(self, kept):
        self.kept = kept

    def before_val(self, runner):
        self.kept['weights'] = next(runner.model.G_AB.parameters()).detach().clone()


def test_a_signal_in_the_last_iteration_of_a_run_without_validation_changes_nothing(images, tmp_path):
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 4, {
        'val_dataloader': None, 'val_evaluator': None, 'val_cfg': None}))
    runner.register_hook(SignalAt('before_train_iter', 3), priority='HIGHEST')
    runner.train()
    assert runner.iter == 4


def test_handlers_are_put_back_and_ignored_signals_stay_ignored(images, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    usr1 = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 6))
        runner.register_hook(SignalAt('before_train_iter', 2, 'SIGUSR1'), priority='HIGHEST')
        runner.train()
        assert runner.iter == 6
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR1, usr1)
    assert signal.getsignal(signal.SIGTERM) is before


def test_handlers_are_put_back_after_an_error(images, tmp_path):
    class Fails(SignalAt):
        def _send(self, runner, **_):
            raise RuntimeError('an error in the training')

    before = signal.getsignal(signal.SIGINT)
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 6))
    runner.register_hook(Fails('before_train_iter'))
    with pytest.raises(RuntimeError, match='an error in the training'):
        runner.train()
    assert signal.getsignal(signal.SIGINT) is before


def test_training_works_outside_the_main_thread(images, tmp_path):
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 2))
    thread = threading.Thread(target=runner.train)
    thread.start()
    thread.join()
    assert runner.iter == 2
    assert not next(h for h in runner.hooks if isinstance(h, SignalHook)).previous


def processes_of_group(group):
    return [pid for pid in os.listdir('/proc') if pid.isdecimal() and _group(pid) == group]


def _group(pid):
    try:
        return int(Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[2])
    except OSError:
        return None


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGINT'])
def test_signals_to_the_whole_group_of_a_process_with_workers(name, images, tmp_path):
    """As Slurm and a terminal send them: workers get them too, and must neither die nor complain."""
    options = {'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True}
    cfg = write_config(tiny_config(PATH, tmp_path / 'run', images, 100000, options), tmp_path / 'config.py')
    process = forked.Started('tools/train.py', cfg, folder=tmp_path, session=True)
    while not (tmp_path / 'run' / 'last_checkpoint').exists():
        assert process.returncode is None, process.stderr
        time.sleep(0.02)
    os.killpg(process.pid, getattr(signal, name))
    code, errors = process.wait().returncode, process.stderr
    assert code == STOPPED == 75, errors
    stopped = re.search(rf'stopped by {name} after iteration (\d+) of 100000', errors)
    assert 'Traceback' not in errors
    assert (tmp_path / 'run' / 'last_checkpoint').read_text() == f'iter_{stopped[1]}.pth'
    assert not processes_of_group(process.pid)


@pytest.mark.dist
def test_a_signal_to_one_of_two_processes_stops_both_with_one_checkpoint(images, tmp_path):
    hook = dict(type='SignalAt', point='before_train_iter', iteration=3, name='SIGTERM', rank=1)
    options = {'custom_hooks': [hook], 'custom_imports': dict(imports=['faults'])}
    cfg = write_config(tiny_config(PATH, tmp_path / 'run', images, 50, options), tmp_path / 'config.py')
    done = forked.torchrun('tools/train.py', cfg, '--launcher', 'pytorch', folder=tmp_path)
    assert done.args == [STOPPED, STOPPED], done.stderr
    stopped = re.findall(r'stopped by (.*) after iteration (\d) of 50', done.stderr)
    assert len(stopped) == 1, done.stderr
    assert stopped[0][0] == 'a signal to another process'
    checkpoint = read_checkpoint(tmp_path / 'run' / f'iter_{stopped[0][1]}.pth')
    assert len(checkpoint['ranks']) == 2


@pytest.mark.dist
def test_torchrun_restarts_killed_processes_and_the_training_goes_on(images, tmp_path):
    """Elastic restart: a process is killed, torchrun starts all again, and ``--resume`` goes on from the last
    checkpoint."""
    hook = dict(type='SignalAt', point='before_train_iter', iteration=5, name='SIGKILL', rank=1,
                unless=str(tmp_path / 'killed'))
    options = {'custom_hooks': [hook], 'custom_imports': dict(imports=['faults'])}
    cfg = write_config(tiny_config(PATH, tmp_path / 'run', images, 8, options), tmp_path / 'config.py')
    done = subprocess.run(**torchrun_command('tools/train.py', cfg, '--launcher', 'pytorch', '--resume',
                                             torchrun=('--max-restarts', '1')))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / 'killed').exists()
    assert re.search('resumed at [24]', done.stdout)  # 4 may have been on its way
    whole = write_config(tiny_config(PATH, tmp_path / 'whole', images, 8), tmp_path / 'whole.py')
    forked.torchrun('tools/train.py', whole, '--launcher', 'pytorch', folder=tmp_path).check_returncode()
    assert_same_end(tmp_path / 'whole', tmp_path / 'run', 8)
