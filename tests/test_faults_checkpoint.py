"""Damaged checkpoints, full and read-only disks, two trainings in one folder."""

import errno
import os
import re
import resource
import shutil
import signal
import subprocess

import pytest
import torch
from commands import ROOT, command
from faults import in_child
from runs import EXACT, assert_equal, train
from test_distributed import write_config
from tiny import tiny_config

from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import newest_intact, read_checkpoint, write_checkpoint
from toolbox.files.work_dir import locked

pytestmark = pytest.mark.fault

PATH = 'configs/cyclegan/facades.py'
# TensorBoard writes in a thread of its own, which dies loudly; the training hears of it at its next line.
tensorboard_thread_may_die = pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')


@pytest.fixture(scope='module')
def trained(images, tmp_path_factory):
    """Six iterations: iter_2, iter_4, iter_6."""
    folder = tmp_path_factory.mktemp('trained')
    train(tiny_config(PATH, folder, images, 6))
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy of that training, which therefore has moved as well."""
    return shutil.copytree(trained, tmp_path / 'run')


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(share):
    return lambda path: path.write_bytes(path.read_bytes()[:int(path.stat().st_size * share)])


DAMAGES = {'empty': cut(0), 'a tenth': cut(0.1), 'half': cut(0.5), '99 %': cut(0.99), 'a bit': flip_a_byte,
           'other content': lambda path: path.write_text('<html>not found</html>')}


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so(damage, run, trained, images, capfd):
    DAMAGES[damage](run / 'iter_6.pth')
    with pytest.raises(CheckpointError, match=re.escape(str(run / 'iter_6.pth'))):
        read_checkpoint(run / 'iter_6.pth')
    runner = train(tiny_config(PATH, run, images, 6), resume=True)
    said = capfd.readouterr()
    assert re.search(r'WARNING - .*iter_6\.pth.*\n?.*goes on from an earlier one', said.out + said.err)
    assert 'resumed at 4' in said.out
    assert runner.iter == 6
    for key in EXACT:
        assert_equal(read_checkpoint(trained / 'iter_6.pth').get(key), read_checkpoint(run / 'iter_6.pth').get(key),
                     key)


def test_several_damaged_checkpoints_are_all_named(run, images):
    for number in (4, 6):
        flip_a_byte(run / f'iter_{number}.pth')
    path, problems, _ = newest_intact(run)
    assert path == run / 'iter_2.pth'
    assert [n for n in (6, 4) if f'iter_{n}.pth' in str(problems[0 if n == 6 else 1])] == [6, 4]
    flip_a_byte(run / 'iter_2.pth')
    before = {p: p.read_bytes() for p in run.glob('*.pth')}
    with pytest.raises(CheckpointError, match='no checkpoint can be read') as error:
        train(tiny_config(PATH, run, images, 6), resume=True)
    assert all(f'iter_{n}.pth' in str(error.value) for n in (2, 4, 6))
    assert {p: p.read_bytes() for p in run.glob('*.pth')} == before


def test_an_explicit_path_never_falls_back(run, images):
    flip_a_byte(run / 'iter_6.pth')
    cfg = tiny_config(PATH, run, images, 8)
    cfg.load_from = str(run / 'iter_6.pth')
    with pytest.raises(CheckpointError, match=r'iter_6\.pth: damaged'):
        train(cfg, resume=True)
    code, _, err = command('train.py', str(write_config(tiny_config(PATH, run, images, 8), run / 'c.py')),
                           '--resume', str(run / 'iter_7.pth'))
    assert code == 2
    assert 'iter_7.pth' in err


@pytest.mark.parametrize('content', ['', 'iter_', '\x00\xff', 'iter_99.pth', '/elsewhere/run/iter_6.pth',
                                     '../../x.pth'])
def test_a_damaged_pointer_is_replaced_by_a_look_into_the_folder(content, run):
    (run / 'last_checkpoint').write_text(content)
    assert newest_intact(run)[:2] == (run / 'iter_6.pth', [])
    (run / 'last_checkpoint').unlink()
    assert newest_intact(run)[:2] == (run / 'iter_6.pth', [])


def test_checkpoints_of_an_abandoned_branch_are_not_gone_on_from(run):
    (run / 'last_checkpoint').write_text('iter_4.pth')
    assert newest_intact(run)[0] == run / 'iter_4.pth'
    flip_a_byte(run / 'iter_4.pth')
    assert newest_intact(run)[0] == run / 'iter_2.pth'


def test_resume_without_a_checkpoint_starts_and_says_so(images, tmp_path, capfd):
    train(tiny_config(PATH, tmp_path, images, 2), resume=True)
    said = capfd.readouterr()
    assert 'no checkpoint yet; the training starts at its beginning' in said.out + said.err


def test_leftovers_of_killed_writers_are_removed(run, images):
    for name in ('.iter_8.pth.a1b2c3d4', '.last_checkpoint.a1b2c3d4', '.best_PSNR.pth._______x'):
        (run / name).write_bytes(b'half')
    (run / '.hidden.file').write_text('of the user')
    train(tiny_config(PATH, run, images, 8), resume=True)
    assert sorted(p.name for p in run.glob('.*')) == ['.hidden.file', '.lock']


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 3 MB."""
    folder = tmp_path / 'small'
    folder.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=3000k', 'tmpfs', str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip('mounting a file system needs the rights of root')
    yield folder
    subprocess.run(['umount', '--lazy', str(folder)], check=True)


def fill(folder, leave):
    """Leave about so many bytes free."""
    with open(folder / 'filler', 'wb', buffering=0) as file:
        with pytest.raises(OSError, match='No space left'):
            while True:
                file.write(bytes(4096))
        file.truncate(max(0, file.tell() - leave))


def test_writing_to_a_full_disk_leaves_what_was_there(small_disk):
    write_checkpoint(dict(x=torch.zeros(10)), small_disk / 'a.pth')
    with pytest.raises(OSError, match='No space left') as error:
        write_checkpoint(dict(x=torch.zeros(10**6)), small_disk / 'a.pth')
    assert error.value.errno == errno.ENOSPC
    assert [p.name for p in small_disk.iterdir()] == ['a.pth']
    assert len(read_checkpoint(small_disk / 'a.pth')['x']) == 10


@tensorboard_thread_may_die
def test_a_disk_that_fills_up_and_is_cleared_costs_no_training(small_disk, images, trained, capfd):
    """Full at iteration 4 (checkpoint, pictures and logs fail), cleared before 6: the end is that of an undisturbed
    run."""
    class Disk:
        priority = 60

        def after_train_iter(self, runner, batch_idx, **_):
            if batch_idx == 2:
                fill(small_disk, 0)
            elif batch_idx == 4:
                (small_disk / 'filler').unlink()

    cfg = tiny_config(PATH, small_disk, images, 6, {'default_hooks.checkpoint.keep': 1})
    runner = Runner.from_cfg(cfg)
    runner._hooks.insert(0, Disk())
    runner.train()
    said = capfd.readouterr()
    said = said.out + said.err
    assert 'iter_4.pth was not written: No space left on device' in said
    assert said.count('Logs and pictures are incomplete') == 1
    assert not (small_disk / 'iter_4.pth').exists()
    for key in EXACT:
        assert_equal(read_checkpoint(trained / 'iter_6.pth').get(key),
                     read_checkpoint(small_disk / 'iter_6.pth').get(key), key)


@tensorboard_thread_may_die
def test_a_disk_that_is_full_at_the_end_is_an_error(small_disk, images):
    class Disk:
        priority = 60

        def after_train_iter(self, runner, batch_idx, **_):
            if batch_idx == 2:
                fill(small_disk, 0)

    runner = Runner.from_cfg(tiny_config(PATH, small_disk, images, 4))
    runner._hooks.insert(0, Disk())
    with pytest.raises(CheckpointError, match=r'iter_4\.pth was not written: No space left[\s\S]*--resume'):
        runner.train()
    assert newest_intact(small_disk)[:2] == (small_disk / 'iter_2.pth', [])


def test_a_limit_of_the_file_size_is_survived(images, tmp_path):
    """A quota: the kernel refuses what is beyond it."""
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        with pytest.raises(OSError, match='File too large'):
            write_checkpoint(dict(x=torch.zeros(10**5)), tmp_path / 'a.pth')

    assert in_child(limited) == 0
    assert not list(tmp_path.iterdir())


def test_a_read_only_work_dir_is_one_error_before_anything_is_built(small_disk, images, tmp_path):
    config = write_config(tiny_config(PATH, small_disk, tmp_path / 'no_data', 4), tmp_path / 'config.py')
    subprocess.run(['mount', '-o', 'remount,ro', str(small_disk)], check=True)
    code, _, err = command('train.py', config)
    assert code == 2
    assert err.count('error:') == 1
    assert f'cannot write to {small_disk}: Read-only file system' in err
    assert '--work-dir' in err


def test_a_folder_that_is_read_only_has_no_lock_and_is_no_reason_not_to_go_on(small_disk):
    subprocess.run(['mount', '-o', 'remount,ro', str(small_disk)], check=True)
    done = []
    with locked(small_disk):
        done.append(True)
    assert done and not (small_disk / '.lock').exists()


def test_a_file_in_the_place_of_the_work_dir_is_an_error(images, tmp_path):
    (tmp_path / 'run').write_text('')
    with pytest.raises(ConfigError, match=r'work_dir: cannot write to .*run: File exists'):
        Runner.from_cfg(tiny_config(PATH, tmp_path / 'run', images, 4))


@pytest.mark.parametrize('folder', ['', '  ', 'a\0b'])
def test_a_work_dir_without_a_name_is_an_error(folder, images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r'- work_dir: .* holds (nothing|a NUL character); pass --work-dir FOLDER'):
        load_config(ROOT / PATH, {'work_dir': folder})
    cfg = tiny_config(PATH, tmp_path / 'run', images)
    cfg.work_dir = folder
    with pytest.raises(ConfigError, match=r'work_dir: .*(holds|found .a.x00b)'):
        Runner.from_cfg(cfg)
    if '\0' not in folder:  # which no command can be given
        code, _, err = command('train.py', str(ROOT / PATH), '--work-dir', folder)
        assert (code, 'work_dir: ' in err) == (2, True)
    assert not list(tmp_path.iterdir())


@tensorboard_thread_may_die
def test_a_work_dir_that_is_deleted_during_the_training_is_made_again(images, tmp_path):
    class Delete:
        priority = 60

        def before_train_iter(self, runner, batch_idx, **_):
            while batch_idx == 1 and (tmp_path / 'run').exists():  # a thread may write a log meanwhile
                shutil.rmtree(tmp_path / 'run', ignore_errors=True)

    runner = Runner.from_cfg(tiny_config(PATH, tmp_path / 'run', images, 4))
    runner._hooks.insert(0, Delete())
    runner.train()
    assert newest_intact(tmp_path / 'run')[0].name == 'iter_4.pth'


def test_two_trainings_do_not_share_a_work_dir(images, tmp_path):
    """The first holds a lock of the kernel, which ends with it, also by SIGKILL."""
    reader, writer = os.pipe()
    first = os.fork()
    if first == 0:
        with locked(tmp_path):
            os.write(writer, b'locked')
            signal.pause()
    assert os.read(reader, 6) == b'locked'
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 2))
    with pytest.raises(ConfigError, match=f'process {first} on .* is training here'):
        runner.train()
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    Runner.from_cfg(tiny_config(PATH, tmp_path, images, 2)).train()
    os.close(reader)
    os.close(writer)


def test_a_best_file_that_is_gone_does_not_matter(images, tmp_path):
    options = {'default_hooks.checkpoint.save_best': 'PSNR'}
    train(tiny_config(PATH, tmp_path, images, 4, options))
    best = read_checkpoint(tmp_path / 'iter_4.pth')['best']
    (tmp_path / 'best_PSNR.pth').unlink()
    runner = train(tiny_config(PATH, tmp_path, images, 6, options), resume=True)
    hook = next(h for h in runner.hooks if type(h).__name__ == 'CheckpointHook')
    assert hook.best['value'] >= best['value']
