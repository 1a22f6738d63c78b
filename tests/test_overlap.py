"""Files are read and written beside the networks, in order, and what goes wrong with one stays with it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from test_inference import cyclegan, image, save

from toolbox import Translator
from toolbox.data.io import read_image, write_image
from toolbox.use.files import Job
from toolbox.use.maker import Maker
from toolbox.use.overlap import ahead

PATIENCE = 30  # seconds until a wait has failed


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return save(tmp_path / 'a.pth', cyclegan())


def draw(folder: Path, count: int) -> Path:
    for seed in range(count):
        write_image(folder / f'{seed}.png', image(16, 16 + seed // 2, seed=seed))
    return folder


def test_calls_begin_before_their_results_are_asked_for_and_no_more_than_that() -> None:
    taken, begun = [], [threading.Event() for _ in range(6)]

    def items():
        for item in range(6):
            taken.append(item)
            yield item

    def work(item: int) -> int:
        begun[item].set()
        return item * 10

    results = ahead(work, items(), 2)
    first = next(results)
    assert begun[2].wait(PATIENCE) and taken == [0, 1, 2]
    assert [first.result(), *(future.result() for future in results)] == [0, 10, 20, 30, 40, 50]


def test_an_error_comes_out_in_its_place() -> None:
    results = [future.exception() for future in ahead(lambda item: 6 // item, [1, 0, 2], 1)]
    assert [type(error) for error in results] == [type(None), ZeroDivisionError, type(None)]


def test_the_next_image_is_read_and_the_last_one_written_while_networks_work(
        run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks wait for the next image, and the first result for the networks: one after the other, in vain."""
    second_is_read, second_is_made = threading.Event(), threading.Event()
    in_vain = []

    def reading(job: Job, pair: tuple[Path, Path], usual=Job._read):
        if pair[0].name == '1.png':
            second_is_read.set()
        return usual(job, pair)

    def making(maker: Maker, scenes, *args, usual=Maker.translate_all):
        in_vain.append(not second_is_read.wait(PATIENCE))
        if len(in_vain) == 2:
            second_is_made.set()
        return usual(maker, scenes, *args)

    def writing(job: Job, made, usual=Job._write):
        in_vain.append(not second_is_made.wait(PATIENCE))
        usual(job, made)

    for owner, name, function in ((Job, '_read', reading), (Maker, 'translate_all', making), (Job, '_write', writing)):
        monkeypatch.setattr(owner, name, function)
    Translator(run).folder(draw(tmp_path / 'in', 2), tmp_path / 'out')
    assert in_vain == [False] * 4


@pytest.mark.parametrize('batch', [1, 3])
def test_files_of_one_size_go_through_the_networks_together(run: Path, tmp_path: Path, batch: int,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be read stops none of those that it came with; each result is that of its own source."""
    sources, sizes = draw(tmp_path / 'in', 7), []
    (sources / '4.png').write_bytes(b'damaged')
    usual = Maker.translate_together
    monkeypatch.setattr(Maker, 'translate_together', lambda maker, scenes, *args: (
        sizes.append(len(scenes)), usual(maker, scenes, *args))[1])
    summary = Translator(run, batch=batch).folder(sources, tmp_path / 'out')
    assert sizes == ([1] * 6 if batch == 1 else [2, 1, 1, 1, 1])
    assert [path.name for path in summary.done] == [f'{i}.png' for i in (0, 1, 2, 3, 5, 6)]
    assert [path.name for path in summary.failed] == ['4.png']
    alone = Translator(run)
    for i in (0, 1, 2, 3, 5, 6):
        off = np.abs(read_image(tmp_path / f'out/{i}.png').astype(int) - alone(sources / f'{i}.png'))
        assert off.max() <= (batch > 1)
