"""Files that appear complete or not at all, and locks that end with their process."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from math import inf, nan
from pathlib import Path

import pytest
import torch
from faults import in_child

from toolbox.errors import ConfigError
from toolbox.files.fit import all_finite
from toolbox.files.locks import Locked, lock
from toolbox.files.replacing import remove_unfinished, replacing
from toolbox.files.work_dir import locked

# Replacing


def test_a_file_takes_its_place_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / 'new folder' / 'a.txt'
    with replacing(path) as new:
        assert new.parent == path.parent and not path.exists()
        new.write_text('one')
    with replacing(path) as new:
        new.write_text('two')
        assert path.read_text() == 'one'
    assert path.read_text() == 'two' and os.listdir(path.parent) == ['a.txt']


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_what_was_there_stays_if_anything_goes_wrong(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(error), replacing(path) as new:
        new.write_text('half')
        raise error
    assert path.read_text() == 'old' and os.listdir(tmp_path) == ['a.txt']


@pytest.mark.parametrize('call', ['chmod', 'replace', 'fsync'])
def test_a_step_that_fails_leaves_what_was_there(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.EIO, 'the disk')

    path = tmp_path / 'a.txt'
    path.write_text('old')
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match='the disk'), replacing(path, durable=True) as new:
        new.write_text('new')
    assert path.read_text() == 'old' and os.listdir(tmp_path) == ['a.txt']


def test_everybody_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with replacing(tmp_path / 'a') as new:
            new.write_text('x')
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / 'a').stat().st_mode) == 0o644


def test_only_a_durable_one_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[bool] = []
    monkeypatch.setattr(os, 'fsync', lambda descriptor: waited.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    for durable, expected in ((False, []), (True, [False, True])):  # the file, then the folder
        with replacing(tmp_path / 'a', durable=durable) as new:
            new.write_text('x')
        assert waited == expected


def test_a_part_that_is_gone_on_with_later_is_kept(tmp_path: Path) -> None:
    path, part = tmp_path / 'a.zip', tmp_path / 'a.zip.part'
    with pytest.raises(OSError, match='cut'), replacing(path, partial=part):
        part.write_text('half')
        raise OSError('cut')
    assert part.read_text() == 'half' and not path.exists()
    with replacing(path, partial=part), part.open('a') as file:
        file.write(' and half')
    assert path.read_text() == 'half and half' and not part.exists()


def test_what_killed_writers_left_is_removed_by_name(tmp_path: Path) -> None:
    def die() -> None:
        with replacing(tmp_path / 'a.pth') as new:
            new.write_text('half')
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die) == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 1
    (tmp_path / '.a.pth.of_the_user').touch()
    (tmp_path / '.b.txt.abcdefgh').touch()
    remove_unfinished(tmp_path, r'.+\.pth')
    assert sorted(os.listdir(tmp_path)) == ['.a.pth.of_the_user', '.b.txt.abcdefgh']


# Locks


def is_free(path: Path) -> bool:
    """As another process sees it."""
    code = 'import fcntl, sys\nfcntl.flock(open(sys.argv[1], "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)'
    return subprocess.run([sys.executable, '-c', code, str(path)], capture_output=True, check=False).returncode == 0


def test_a_lock_is_held_inside_only_and_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / '.lock'
    path.write_text('a very long name of an earlier holder, longer than that of a later one')
    for _ in range(2):
        with lock(path):
            assert not is_free(path)
            assert path.read_text() == f'process {os.getpid()} on {os.uname().nodename}'
            with pytest.raises(Locked, match=f'process {os.getpid()} on'), lock(path):
                pass
        assert is_free(path)


def test_a_lock_without_a_name_in_it_is_of_another_process(tmp_path: Path) -> None:
    with (tmp_path / '.lock').open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match='another process is training here'), locked(tmp_path):
            pass


def test_workers_of_a_killed_process_do_not_hold_its_lock(tmp_path: Path) -> None:
    reader, writer = os.pipe()

    def hold_and_die() -> None:
        with lock(tmp_path / '.lock'):
            if os.fork() == 0:
                os.write(writer, str(os.getpid()).encode())
                signal.pause()
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(hold_and_die) == -signal.SIGKILL
    worker = int(os.read(reader, 20))
    try:
        os.kill(worker, 0)  # it lives
        with lock(tmp_path / '.lock'):
            pass
    finally:
        os.kill(worker, signal.SIGKILL)
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize('number', [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_no_reason_not_to_work(
        number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, 'flock', refuse)
    done = []
    for wait in (False, True):
        with lock(tmp_path / '.lock', wait), lock(tmp_path / '.lock', wait):
            done.append(wait)
    assert done == [False, True]


def test_errors_inside_pass_a_lock_that_could_not_be_had(tmp_path: Path) -> None:
    with pytest.raises(OSError, match='of the block'), lock(tmp_path):  # a folder is no lock
        raise OSError('of the block')


def test_a_link_in_the_place_of_a_lock_overwrites_nothing(tmp_path: Path) -> None:
    target = tmp_path / 'thesis.tex'
    target.write_text('three years of work')
    (tmp_path / '.lock').symlink_to(target)
    with locked(tmp_path):
        assert target.read_text() == 'three years of work'
    assert target.read_text() == 'three years of work' and (tmp_path / '.lock').is_symlink()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_one_number_that_is_not_finite_is_found_and_large_ones_are_no_reason(dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    for fine in ([largest] * 9, [largest, largest, -largest], []):
        assert all_finite(torch.tensor(fine, dtype=dtype))
    for bad in ([nan], [inf], [-inf], [inf, -inf], [largest, largest, nan]):
        assert not all_finite(torch.tensor([1.0] * 50 + bad, dtype=dtype))
    assert all_finite(torch.arange(5))
