"""Who waits at a terminal sees how far long work is, and nobody else does."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from toolbox.data.browse import draw_samples, write_files
from toolbox.data.fetch.download import download, extract, sha256
from toolbox.data.inspection import inspect_files
from toolbox.data.io import write_image
from toolbox.data.names import Files
from toolbox.data.sets.synthetic import SyntheticUnpaired
from toolbox.data.sizes import image_sizes
from toolbox.engine.evaluation import ValLoop
from toolbox.metrics.folders import evaluate_folders, metric_of
from toolbox.progress import CLEAR, MEGABYTE, Progress, chunks, duration, tracked


class Screen(io.StringIO):
    """A terminal, or a file."""

    def __init__(self, tty: bool = True) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty

    @property
    def lines(self) -> list[str]:
        return self.getvalue().split('\r\033[K')[1:]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setattr('toolbox.progress.sys', SimpleNamespace(stderr=(screen := Screen())))
    return screen


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds, which pass when a test says so."""
    now = [0.0]
    monkeypatch.setattr('time.perf_counter', lambda: now[0])
    yield now


def test_rate_and_time_left_are_of_what_was_done_in_this_start(screen: Screen, clock: list[float]) -> None:
    progress = Progress('MB', 'download a.zip', begun=100)
    clock[0] = 10.0
    progress(120, 400)
    assert screen.lines == ['download a.zip 120/400 30% | 2 MB/s | 2m20 left']


def test_it_is_written_ten_times_a_second_and_at_the_end(screen: Screen, clock: list[float]) -> None:
    progress = Progress()
    for done in range(1, 301):
        clock[0] += 0.01
        progress(done, 300)
    assert 28 <= len(screen.lines) <= 32 and screen.lines[-1] == '300/300 100% | 100 files/s | 0s left\n'


def test_without_a_total_there_is_a_rate(screen: Screen, clock: list[float]) -> None:
    progress = Progress()
    clock[0] = 2.0
    progress(5)
    progress.close()
    assert screen.lines == ['5 | 2.5 files/s\n']


@pytest.mark.parametrize('keep', [True, False])
def test_a_line_is_ended_or_removed_when_the_work_fails(screen: Screen, keep: bool) -> None:
    with pytest.raises(ValueError, match='third'):
        for item in tracked([1, 2, 3], 'images', keep=keep):
            if item == 3:
                raise ValueError('third')
    assert screen.lines[0].startswith('1/3 33% | ')
    assert screen.getvalue().endswith('\n' if keep else '\r\033[K')


def test_where_there_is_no_terminal_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('toolbox.progress.sys', SimpleNamespace(stderr=(file := Screen(tty=False))))
    assert list(tracked('abc', 'letters')) == ['a', 'b', 'c']
    assert b''.join(chunks(io.BytesIO(b'x' * 10), 'read', 10)) == b'x' * 10
    assert file.getvalue() == ''


def test_durations() -> None:
    assert [duration(s) for s in (9, 65, 16680)] == ['9s', '1m05', '4h38']


# Where it is used

def test_a_download_its_checksum_and_its_files_are_shown(screen: Screen, tmp_path: Path) -> None:
    """Continued in the middle, and unpacked from either kind of archive to the same bytes."""
    content = np.random.default_rng(0).bytes(MEGABYTE)
    for kind in ('zip', 'tar.gz'):
        archive = tmp_path / f'set.{kind}'
        names = [f'{i}.bin' for i in range(3)]
        if kind == 'zip':
            with zipfile.ZipFile(archive, 'w') as file:
                for name in names:
                    file.writestr(name, content)
        else:
            with tarfile.open(archive, 'w:gz', compresslevel=1) as file:
                for name in names:
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    file.addfile(info, io.BytesIO(content))
        screen.truncate(0)
        download(archive.as_uri(), tmp_path / f'got.{kind}')
        assert sha256(tmp_path / f'got.{kind}') == sha256(archive)
        extract(tmp_path / f'got.{kind}', tmp_path / kind)
        assert all((tmp_path / kind / name).read_bytes() == content for name in names)
        for work in ('download', 'check', 'unpack'):
            seen = [line for line in screen.lines if line.startswith(f'{work} got.{kind} ')]
            assert seen and re.search(r' \d/3 \d+% \| [\d.e+]+ MB/s', seen[-1]) and seen[-1].endswith('\n'), work


def test_reading_and_scoring_files_is_shown(screen: Screen, tmp_path: Path) -> None:
    for i in range(3):
        write_image(tmp_path / f'in/{i}.png', np.full((8, 9, 3), i, np.uint8))
    evaluate_folders(tmp_path / 'in', tmp_path / 'in', [metric_of('l1')], batch_size=2)
    assert screen.lines[-1].startswith('L1 2/2 100%')
    image_sizes(Files(tmp_path / 'in', [f'{i}.png' for i in range(3)]), 'stored')
    assert screen.lines[-1].startswith('headers 3/3 100%')

    class Set:
        on_bad_image = 'error'

        def files_and_readers(self) -> Iterator[tuple[Path, object]]:
            return ((path, path.read_bytes) for path in (tmp_path / 'in').iterdir())

    assert inspect_files({'train': Set()}, 60).read == 3
    assert screen.lines[-1].startswith('read 3/3 100%')


@pytest.mark.parametrize('main', [True, False])
def test_a_validation_is_shown_by_one_process_and_leaves_no_line(screen: Screen, main: bool,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('toolbox.engine.evaluation.is_main_process', lambda: main)
    loop, scored = ValLoop.__new__(ValLoop), []
    loop._runner = SimpleNamespace(call_hook=lambda *names, **given: None)
    loop.dataloader = SimpleLoader(range(4))
    loop.evaluator = SimpleNamespace(process=lambda data_samples, data_batch: scored.append(data_samples),
                                     evaluate=lambda size: {'images': size})
    model = SimpleNamespace(buffers=list, val_step=lambda data: 10 * data)
    assert loop._score(model) == {'images': 4} and scored == [0, 10, 20, 30]
    if main:
        assert screen.lines[-2].startswith('val 4/4 100% | ') and screen.getvalue().endswith('s left\r\033[K')
    else:
        assert screen.getvalue() == ''


class SimpleLoader(list):
    """Batches of one."""

    @property
    def dataset(self) -> list[int]:
        return list(self)


def test_samples_and_the_files_of_a_drawn_world_are_counted(tmp_path: Path, screen: Screen, clock: list[float]) -> None:
    dataset = SyntheticUnpaired(size=16, length=8, split='val')
    samples = draw_samples(dataset, 3, training=False)
    assert screen.lines[0].startswith('1/3 33% |') and screen.getvalue().endswith(CLEAR)
    screen.truncate(screen.seek(0))
    write_files(dataset, samples, tmp_path, 'val')
    assert screen.lines[0].startswith(f'write {tmp_path}/valA 1/3 33% |') and screen.getvalue().endswith(CLEAR)
