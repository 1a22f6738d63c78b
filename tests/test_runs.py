"""toolbox report RUN RUN ...: what differs, scores, curves and pictures of several runs, some of them strangers'."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest
from commands import toolbox
from test_inference import cyclegan, image, save
from test_strangers_work_dir import ODD, TRICKS, Page, mutated

from toolbox import Translator
from toolbox.comparing.run_page import translations, write_runs
from toolbox.comparing.runs import labels_of, settings
from toolbox.data.io import write_image
from toolbox.errors import UserError
from toolbox.hooks.results import add_rows

TAGS = {'html', 'head', 'meta', 'title', 'style', 'body', 'h1', 'h2', 'p', 'br', 'img', 'table', 'tr', 'th', 'td', 'ul',
        'li', 'svg', 'text', 'line', 'circle', 'polyline', 'figure', 'figcaption'}
ATTRIBUTES = {'lang', 'charset', 'http-equiv', 'content', 'style', 'alt', 'src', 'width', 'height', 'x', 'y', 'x1',
              'x2', 'y1', 'y2', 'cx', 'cy', 'r', 'font-size', 'points', 'fill', 'stroke', 'stroke-width',
              'stroke-dasharray'}


def check_page(path: Path) -> Page:
    """Nothing in a page is markup but what its parts have."""
    page = Page(path.read_text())
    assert page.tags <= TAGS and page.attributes <= ATTRIBUTES and not page.scripts, (page.tags, page.attributes)
    return page


def make_run(folder: Path, lr: float, scores: tuple[float, ...], losses: dict[int, float], protocol: str = '8 images',
             text: str = '') -> Path:
    """A work directory as a training leaves it."""
    write_image(folder / f'samples/{max(losses):06d}.png', image(8, 8))
    write_image(folder / 'samples/000000.png', image(8, 8))
    (folder / 'config.py').write_text(f"_own = {lr}\nwork_dir = {str(folder)!r}\n"
                                      f"model = {{'G': {{'type': 'ResnetGenerator', 'blocks': 1}}}}\n"
                                      f"optim_wrapper = dict(lr={lr}, betas=(0.5, 0.9))\n"
                                      f"train_pipeline = [dict(type='Resize', size={int(lr * 100)})]\n{text}")
    for i, value in enumerate(scores, 1):
        add_rows(folder, [dict(stage='val', iteration=str(10 * i), name='FID', value=repr(value), data='set',
                               protocol=protocol)])
    (folder / '1/vis_data').mkdir(parents=True)
    (folder / '1/vis_data/scalars.json').write_text(''.join(
        json.dumps({'step': step, 'G/adv': value, 'lr/G': 1.0}) + '\n' for step, value in losses.items()))
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    return [make_run(tmp_path / 'one', 0.1, (5.0, 3.0), {1: 4.0, 20: 2.0}),
            make_run(tmp_path / 'two', 0.2, (6.0, 2.5, 2.25), {1: 3.0, 30: 1.0}, '9 images')]


def test_a_page_of_two_runs_tells_them_apart(pair: list[Path], tmp_path: Path) -> None:
    code, out, err = toolbox('report', *map(str, pair), '--out', str(tmp_path / 'out'))
    assert (code, err, out.strip()) == (0, '', str(tmp_path / 'out/runs.html'))
    text = (tmp_path / 'out/runs.html').read_text()
    assert '<tr><td>one</td><td>20</td><td>3</td></tr><tr><td>two</td><td>30</td><td>2.25</td></tr>' in text
    assert '<tr><td>optim_wrapper.lr</td><td>0.1</td><td>0.2</td></tr>' in text
    assert '<tr><td>train_pipeline.0.size</td><td>10</td><td>20</td></tr>' in text
    for same in ('betas', 'ResnetGenerator', '_own', 'work_dir', 'lr/G'):
        assert same not in text, same
    assert 'val FID did not come about alike: one: set, 8 images; two: set, 9 images' in text
    # Both lines on the axes of both: 2/3 of the way at step 20 of 30, and from 4 at the top to 1 at the bottom.
    assert 'points="23.3,30.0 276.7,136.7"' in text and 'points="23.3,83.3 410.0,190.0"' in text
    page = check_page(tmp_path / 'out/runs.html')
    assert 'one, iteration 20' in page.text and text.count('<figure') == 2
    rows = list(csv.DictReader((tmp_path / 'out/runs.csv').read_text().splitlines()))
    assert [(row['run'], row['optim_wrapper.lr'], row['iteration'], row['value']) for row in rows] == [
        ('one', '0.1', '10', '5.0'), ('one', '0.1', '20', '3.0'), ('two', '0.2', '10', '6.0'),
        ('two', '0.2', '20', '2.5'), ('two', '0.2', '30', '2.25')]


def test_the_same_images_stand_side_by_side(tmp_path: Path) -> None:
    runs = {name: save(tmp_path / f'{name}.pth', cyclegan(), seed) for seed, name in enumerate(('one', 'two'))}
    write_image(tmp_path / 'images/a.png', image(20, 24))
    grid = translations(runs, [tmp_path / 'images/a.png'], 'BtoA')
    cells = [grid[18:38, left:left + 24] for left in (0, 26, 52)]
    assert np.array_equal(cells[0], image(20, 24))
    for cell, run in zip(cells[1:], runs.values(), strict=True):
        assert np.array_equal(cell, Translator(run, 'BtoA', device='cpu')(image(20, 24))) and not np.array_equal(
            cell, cells[0])


@pytest.mark.fault
def test_what_is_no_run_is_refused(pair: list[Path], tmp_path: Path) -> None:
    (tmp_path / 'empty').mkdir()
    for runs, message in (([*pair, tmp_path / 'none'], 'none: no such folder'), ([pair[0], pair[0]], 'named twice'),
                          ([pair[0], tmp_path / 'empty'], 'empty: holds no config.py, results, logs or samples')):
        with pytest.raises(UserError, match=message):
            write_runs(runs, tmp_path / 'out')
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='cannot be written'):
        write_runs(pair, tmp_path / 'file')
    with pytest.raises(UserError, match='No image in'):
        write_runs(pair, tmp_path / 'out', tmp_path / 'empty')
    assert not (tmp_path / 'out').exists()


def test_runs_are_called_by_the_shortest_ends_that_tell_them_apart() -> None:
    assert labels_of([Path('/a/x/seed_0'), Path('/a/y/seed_0')]) == ['x/seed_0', 'y/seed_0']
    assert labels_of([Path('/a/x'), Path('/b/y')]) == ['x', 'y']


@pytest.mark.fault
@pytest.mark.parametrize('trick', TRICKS)
def test_what_a_stranger_s_run_says_is_text_beside_others(pair: list[Path], tmp_path: Path, trick: str) -> None:
    own = {name: text.replace('\x00', '?') for name, text in dict(key=trick, value=trick).items()}
    stranger = make_run(tmp_path / f'run {trick}'.replace('/', '|').replace('\x00', ''), 0.3, (1.0,), {5: 1.0},
                        trick, f'x = dict(a={own["value"]!r})\ny = {{{own["key"]!r}: 1}}\n')
    (stranger / '1/vis_data/scalars.json').write_text(json.dumps({'step': 1, f'G/{trick}': 1.5}) + '\n')
    page = check_page(write_runs([pair[0], stranger], tmp_path / 'out'))
    for text in (stranger.name, f'y.{own["key"]}', f'G/{trick}'):
        assert text.replace('\x00', '\ufffd') in page.text.replace('\x00', '\ufffd'), text


@pytest.mark.fault
def test_the_text_of_a_config_is_not_executed(tmp_path: Path) -> None:
    found = settings(f"x = open({str(tmp_path / 'made')!r}, 'w')\ny = [z for z in (1, 2)]\nimport os\nz = -1\n")
    assert found['y'] == '[z for z in (1, 2)]' and found['z'] == '-1' and not (tmp_path / 'made').exists()


@pytest.mark.fault
@pytest.mark.parametrize('kind', ODD)
def test_a_report_of_several_runs_opens_nothing_but_files(pair: list[Path], tmp_path: Path, kind: str) -> None:
    (outside := tmp_path / 'outside').write_bytes(b'secret = 1\n')
    for name in ('config.py', 'results.csv', 'samples/000030.png'):
        (pair[1] / name).unlink()
        ODD[kind](pair[1] / name, outside)
    page = check_page(write_runs(pair, tmp_path / 'out'))
    assert 'secret' not in page.text and 'two, iteration' not in page.text
    for name in ('config.py', 'results.csv', 'samples/000030.png'):
        assert f'two: {name} is left out' in page.text, name


@pytest.mark.fault
def test_damaged_files_of_a_run_are_left_out_and_named(pair: list[Path], tmp_path: Path) -> None:
    random_ = random.Random(0)
    files = {path: path.read_bytes() for path in pair[1].rglob('*') if path.is_file()}
    for _ in range(40):
        for path, content in files.items():
            path.write_bytes(mutated(random_, content) if random_.random() < 0.5 else content)
        check_page(write_runs(pair, tmp_path / 'out'))
    (pair[1] / 'config.py').write_text('(' * 10_000)
    assert 'two: config.py is left out: it is not the text of a config.' in check_page(
        write_runs(pair, tmp_path / 'out')).text
