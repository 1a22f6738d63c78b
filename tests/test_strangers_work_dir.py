"""The work directory of a stranger, where anything may lie under any name."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import socket
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from commands import command
from test_inference import cyclegan, image, save
from tiny import tiny_config

from toolbox.data.io import write_image
from toolbox.engine import Runner
from toolbox.errors import ConfigError, UserError
from toolbox.files import strangers
from toolbox.files.checkpoint import checkpoints
from toolbox.files.locks import lock
from toolbox.files.replacing import remove_unfinished
from toolbox.files.strangers import OddFile, read_regular
from toolbox.files.work_dir import FILES, FOLDERS, make_work_dir
from toolbox.hooks.bad_images import BadImageHook
from toolbox.hooks.results import FIELDS, add_rows, read_rows
from toolbox.use.load import find_checkpoint
from toolbox.use.report import PAGE, write_report
from toolbox.use.scalars import read_scalars

SCRIPT = '<script>alert(1)</script>'
TRICKS = (SCRIPT, '"><img src=x onerror=alert(1)>', "'};alert(1);//", '</script><b onclick=a>', '&lt;b&gt;', '{title}',
          '</pre><iframe>', '<!--', '\u202e', '\x00', '%s%n')
OUR_TAGS = {'html', 'head', 'meta', 'title', 'style', 'body', 'h1', 'h2', 'p', 'input', 'b', 'img', 'table', 'tr', 'th',
            'td', 'svg', 'text', 'polyline', 'pre', 'script'}
OUR_ATTRIBUTES = {'lang', 'charset', 'http-equiv', 'name', 'content', 'id', 'type', 'min', 'max', 'value', 'style',
                  'alt', 'width', 'height', 'x', 'y', 'font-size', 'points', 'fill', 'stroke', 'stroke-width'}
# What lies where a regular file is expected, and is not one.
ODD: dict[str, Callable[[Path, Path], object]] = {
    'a pipe': lambda path, outside: os.mkfifo(path), 'a folder': lambda path, outside: path.mkdir(),
    'a link': lambda path, outside: path.symlink_to(outside), 'a loop': lambda path, outside: path.symlink_to(path),
    'a dangling link': lambda path, outside: path.symlink_to(outside.with_name('not there')),
    'a device': lambda path, outside: path.symlink_to('/dev/zero'), 'a socket': lambda path, outside: _socket(path)}


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # their names are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


class Page(HTMLParser):
    """Tags, attributes and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts, self.text, self._inside = [], '', ''
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ''

    def handle_comment(self, data: str) -> None:
        self.tags.add('comment')

    def handle_data(self, data: str) -> None:
        if self._inside == 'script':
            self.scripts.append(data)
        self.text += data


def check_page(path: Path) -> Page:
    """Nothing in a report is markup but what the template has."""
    page = Page(path.read_text())
    assert page.tags <= OUR_TAGS and page.attributes <= OUR_ATTRIBUTES, (page.tags, page.attributes)
    (script,) = page.scripts
    pictures = json.loads(re.search(r'const pictures = (.*);\n', script)[1])
    assert all(type(step) is int and re.fullmatch(r'data:image/png;base64,[A-Za-z0-9+/=]+', data)
               for step, data in pictures)
    template = Page(PAGE.format_map(defaultdict(str)))
    assert re.sub('const pictures = .*;\n', '', script) == template.scripts[0].replace('const pictures = ;\n', '')
    return page


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A work directory with one sample."""
    work_dir = tmp_path / 'run'
    write_image(work_dir / 'samples/000010.png', image(8, 8))
    (work_dir / '1/vis_data').mkdir(parents=True)
    return work_dir


def write_scalars(run: Path, *lines: object) -> None:
    text = '\n'.join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (run / '1/vis_data/scalars.json').write_text(text)


# Report


@pytest.mark.fault
@pytest.mark.parametrize('trick', TRICKS)
def test_what_a_stranger_s_run_says_is_text_in_its_report(run: Path, trick: str) -> None:
    write_scalars(run, {'step': trick, 'G/a': 1}, {'step': 1, f'G/{trick}': 1.5, f'val/{trick}': 2, 'D/x': trick},
                  {'step': [trick], 'G/a': 2}, {trick: trick, 'step': 3, 'G/b': 3}, {'step': 2, f'{trick}/x': 3})
    (run / 'config.py').write_text(f'x = {trick!r}\n{trick}')
    renamed = run.rename(run.with_name(f'run {trick}'.replace('/', '|').replace('\x00', '')))
    page = check_page(write_report(renamed))
    for text in (f'G/{trick}', f'{trick}/x', renamed.name, '2 of 5 lines are cut or damaged', 'logged values are no'):
        assert text.replace('\x00', '\ufffd') in page.text.replace('\x00', '\ufffd'), text
    assert trick.replace('\x00', '') in page.text.replace('\x00', '').partition('Config')[2]


@pytest.mark.fault
def test_scalars_that_are_cut_or_damaged_are_left_out_and_counted(run: Path) -> None:
    good, long = {'step': 5, 'G/a': 1.0}, '1' * 5000
    write_scalars(run, good, '{"step": 6, "G/a": 1.', '\x00' * 500, '[' * 60_000, '[1]', '7', 'null', '"x"',
                  {'step': -1}, {'step': True}, {'step': 1.5}, {'step': 10**400}, {'G/a': 1}, f'{{"step": {long}}}',
                  '{"step": 1, "a": "' + 'x' * 200_000 + '"}', '{"step": 7, "G/a": NaN, "val/x": NaN, "G/b": 1e999}',
                  {'step': 8, 'G/a': None, 'G/b': 10**400, 'G/c': 'x', 'G/d': [1]}, {'step': 9, 'G/a': 2})
    notes: list[str] = []
    rows = read_scalars(run, notes)
    assert [row['step'] for row in rows] == [5, 7, 8, 9] and rows[0] == good and rows[3] == {'step': 9, 'G/a': 2}
    assert notes == ['1/vis_data/scalars.json: 14 of 18 lines are cut or damaged and left out.']
    page = check_page(write_report(run))
    assert notes[0] in page.text and '6 logged values are no finite numbers' in page.text
    assert '(1 to 2)' in page.text and '<td>nan</td>' in (run / 'report.html').read_text()


@pytest.mark.fault
@pytest.mark.parametrize('kind', ODD)
@pytest.mark.parametrize('name', ['samples/000020.png', '1/vis_data/scalars.json', 'config.py', 'report.html'])
def test_a_report_opens_and_follows_nothing_but_files(run: Path, tmp_path: Path, kind: str, name: str) -> None:
    outside = tmp_path / 'outside.png'
    write_image(outside, image(8, 8, seed=3))
    before = outside.read_bytes()
    ODD[kind](run / name, outside)
    if name != 'report.html':
        page = check_page(write_report(run))
        said = 'a link' if 'link' in kind or kind in ('a loop', 'a device') else 'not a file'
        assert f'{name} is left out: {said}.' in page.text
        assert page.scripts[0].count('base64') == 1
    elif kind == 'a folder':
        with pytest.raises(UserError, match=r'report\.html: cannot be written: Is a directory'):
            write_report(run)
    else:
        check_page(write_report(run))
        assert stat.S_ISREG(os.lstat(run / name).st_mode)
    assert outside.read_bytes() == before


@pytest.mark.fault
@pytest.mark.parametrize('name', ['samples', '1', '1/vis_data'])
def test_a_report_does_not_go_through_links_to_folders(run: Path, tmp_path: Path, name: str) -> None:
    write_scalars(run, {'step': 1, 'G/secret': 1})
    (run / name).rename(tmp_path / 'elsewhere')
    (run / name).symlink_to(tmp_path / 'elsewhere')
    if name == 'samples':
        with pytest.raises(UserError, match=r'no samples/<iteration>\.png(?s:.*)is left out: reached through a link'):
            write_report(run)
    else:
        page = check_page(write_report(run))
        assert 'scalars.json is left out: reached through a link.' in page.text and 'secret' not in page.text


@pytest.mark.fault
def test_a_report_takes_no_more_than_it_can_show(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = bytearray((run / 'samples/000010.png').read_bytes())
    huge[16:24] = (2**16).to_bytes(4, 'big') * 2
    for name, content in (('20', bytes(huge)), ('30', b'<svg onload=alert(1)>'), ('40', b'')):
        (run / f'samples/{name}.png').write_bytes(content)
    with (run / 'samples/50.png').open('wb') as file:
        file.truncate(2**40)
    with (run / 'config.py').open('wb') as file:
        file.truncate(2**40)
    for name in ('²', '-1', '1e3', '٣', '9' * 200):
        (run / f'samples/{name}.png').write_bytes(bytes(huge))
    write_scalars(run, {'step': 1, **{f'G/{i}': i for i in range(150)}})
    (run / '2/vis_data').mkdir(parents=True)
    (run / '2/vis_data/scalars.json').touch()
    os.truncate(run / '2/vis_data/scalars.json', 2**40)
    page = check_page(write_report(run))
    for said in ('samples/20.png is left out: not a PNG file, or one of too many pixels.', 'samples/30.png is left out',
                 'samples/40.png is left out', 'samples/50.png is left out: larger than 127 MB.',
                 'config.py is left out: larger than 1 MB.', '2/vis_data/scalars.json is left out: larger than',
                 '150 curves, of which the first'):
        assert said in page.text, said
    assert len(page.scripts[0]) < 3000 and 'run: 10 iterations' in page.text


def test_pictures_are_in_the_order_of_their_iterations(run: Path) -> None:
    for step in (999_999, 1_000_000, 2_500_000):
        write_image(run / f'samples/{step:06d}.png', image(4, 4))
    page = check_page(write_report(run))
    assert re.findall(r'\[(\d+), "data', page.scripts[0]) == ['10', '999999', '1000000', '2500000']


def test_a_file_that_is_exchanged_in_between_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'a'
    os.mkfifo(path)
    answers = iter((True, False))
    monkeypatch.setattr(strangers.stat, 'S_ISREG', lambda mode: next(answers))
    with pytest.raises(OddFile, match='not a file'):
        read_regular(path, 10, tmp_path)


# Training and tests


@pytest.mark.fault
@pytest.mark.parametrize('kind', [kind for kind in ODD if kind != 'a folder'])
@pytest.mark.parametrize('name', [*FILES, *FOLDERS])
def test_a_run_writes_through_no_link_and_waits_for_no_pipe(tmp_path: Path, kind: str, name: str) -> None:
    outside = tmp_path / 'thesis.tex'
    outside.write_text('three years of work')
    (tmp_path / 'run').mkdir()
    ODD[kind](tmp_path / 'run' / name, outside)
    wanted = 'folder' if name in FOLDERS else 'file'
    with pytest.raises(ConfigError, match=rf'run/{re.escape(name)}: is (a link to|not a {wanted}).* a run writes a '
                                          rf'{wanted}.*--work-dir'):
        make_work_dir(tmp_path / 'run')
    assert outside.read_text() == 'three years of work'


def test_folders_and_files_are_not_taken_for_each_other(tmp_path: Path) -> None:
    (tmp_path / 'results.csv').mkdir()
    with pytest.raises(ConfigError, match=r'results\.csv: is not a file'):
        make_work_dir(tmp_path)
    (tmp_path / 'results.csv').rmdir()
    (tmp_path / 'samples').touch()
    with pytest.raises(ConfigError, match='samples: is not a folder'):
        make_work_dir(tmp_path)


@pytest.mark.fault
def test_a_stranger_s_run_is_resumed_without_touching_what_is_outside(images: Path, tmp_path: Path) -> None:
    """With a link in the place of every file that the run will replace; those that it appends to are refused above."""
    work_dir, outside = tmp_path / 'run', tmp_path / 'mine'
    outside.write_text('mine')
    Runner.from_cfg(tiny_config('configs/pix2pix/facades.py', work_dir, images, 2)).train()
    for name in ('iter_4.pth', 'samples/000003.png', 'samples/000004.png', 'report.html'):
        (work_dir / name).symlink_to(outside)
    (work_dir / 'samples/latest.png').unlink()
    (work_dir / 'samples/latest.png').symlink_to(outside)
    (work_dir / '.iter_4.pth.abcdefgh').symlink_to(outside)
    (work_dir / '.iter_5.pth.abcdefgh').mkdir()
    (work_dir / 'results.csv').write_bytes((work_dir / 'results.csv').read_bytes() + b'val,x\x00,\xff\n"')
    (work_dir / 'skipped_images.txt').write_bytes(b'\xff\xfe\x00\n' * 100)
    Runner.from_cfg(tiny_config('configs/pix2pix/facades.py', work_dir, images, 4, dict(resume=True))).train()
    write_report(work_dir)
    assert outside.read_text() == 'mine'
    assert not any(path.is_symlink() for path in work_dir.rglob('*')), 'they were replaced'
    assert {row['iteration'] for row in read_rows(work_dir / 'results.csv')} == {'2', '4'}
    assert (work_dir / 'results.old.csv').read_bytes().endswith(b'"')


@pytest.mark.fault
def test_a_test_does_not_write_into_a_folder_elsewhere(tmp_path: Path) -> None:
    run = save(tmp_path / 'run/iter_1.pth', cyclegan())
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'run/test').symlink_to(tmp_path / 'mine')
    code, _, err = command('test.py', 'cyclegan/synthetic', str(run))
    assert code == 2 and 'run/test: is a link to' in err and os.listdir(tmp_path / 'mine') == []


def test_a_lock_that_is_a_pipe_or_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'folder').mkdir()
    done = []
    for name in ('pipe', 'folder'):
        with lock(tmp_path / name):
            done.append(name)
    assert done == ['pipe', 'folder']


@pytest.mark.parametrize('kind', ODD)
def test_a_pointer_that_is_no_file_is_no_pointer(tmp_path: Path, kind: str) -> None:
    for number in (1, 2):
        (tmp_path / f'iter_{number}.pth').touch()
    (tmp_path / 'elsewhere').write_text('iter_1.pth')
    ODD[kind](tmp_path / 'last_checkpoint', tmp_path / 'elsewhere')
    ODD[kind](tmp_path / 'iter_3.pth', tmp_path / 'elsewhere')
    ODD[kind](tmp_path / 'best_x.pth', tmp_path / 'elsewhere')
    assert checkpoints(tmp_path)[-2:] == [tmp_path / 'iter_2.pth', tmp_path / 'iter_1.pth']
    (tmp_path / 'best_y.pth').touch()
    assert find_checkpoint(tmp_path, 'best').name in ('best_y.pth', 'best_x.pth')


def test_only_temporary_files_are_removed(tmp_path: Path) -> None:
    (tmp_path / '.a.pth.abcdefgh').mkdir()
    (tmp_path / '.b.pth.abcdefgh').symlink_to(tmp_path)
    remove_unfinished(tmp_path, r'.+\.pth')
    assert os.listdir(tmp_path) == ['.a.pth.abcdefgh']


# Tables


@pytest.mark.fault
def test_damaged_rows_of_results_are_kept_elsewhere_and_counted(tmp_path: Path) -> None:
    good = dict(stage='val', iteration='1', name='FID', value='2.5', data='d', protocol='p')
    add_rows(tmp_path, [good])
    path = tmp_path / 'results.csv'
    damage = ('val,1', 'val,x,FID,1,d,p', 'val,2,FID,one,d,p', 'val,2,FID,1,d,p,more', 'val,' + '9' * 5000 + ',F,1,d,p',
              'val,2,' + 'x' * 200_000 + ',1,d,p', 'a\x00b,2,FID,1_0,d,p')
    for expected, old in enumerate(('results.old.csv', 'results.old2.csv'), start=1):
        path.write_bytes(path.read_bytes() + '\n'.join(damage).encode() + b'\n\xff\xfe')
        before, said = path.read_bytes(), []
        add_rows(tmp_path, [{**good, 'iteration': str(expected + 1)}], said.append)
        assert (tmp_path / old).read_bytes() == before
        assert f'results.csv: 8 of its rows are damaged; it is kept as {old}. The {expected} whole rows' in said[0]
        assert [row['iteration'] for row in read_rows(path)][-1] == str(expected + 1)


@pytest.mark.fault
@pytest.mark.parametrize('trick', [trick for trick in TRICKS if trick not in ('\u202e', '\x00')])
def test_names_and_notes_stay_in_their_cells(tmp_path: Path, trick: str) -> None:
    row = dict(stage=trick, iteration='1', name=f'{trick}|x\n# y', value='1.0', data=trick, protocol=f'{trick}\n\n- z')
    add_rows(tmp_path, [row])
    page = (tmp_path / 'results.md').read_text()
    assert '<' not in page and len(page.strip().splitlines()) == 7
    assert all(re.sub(r'\\\|', '', line).count('|') == 3 for line in page.splitlines() if line.startswith('|'))


# Mutations


def mutated(random_: random.Random, data: bytes) -> bytes:
    """Cut, flipped, overwritten, doubled, spliced, or something else altogether."""
    odd = (b'NaN', b'1e999', b'-1', b'null', b'[' * 3000, b'\n', b'"', b',', b'{}', b'9' * 5000, b'\xff', b'\x00')
    for _ in range(random_.randint(1, 4)):
        at, end = sorted(random_.randrange(len(data) + 1) for _ in range(2))
        start, middle, rest = data[:at], data[at:end], data[end:]
        data = random_.choice((start, start + random_.randbytes(1) + rest,
                               start + middle * random_.randint(2, 20) + rest, start + bytes(end - at) + rest,
                               middle + start, start + random_.choice(TRICKS).encode() + middle + rest,
                               start + random_.choice(odd) + rest))
    return data


def mutations(count: int, work_dir: Path) -> Iterator[str]:
    """Every reader on mutations of what a run wrote; only our own errors are allowed. Yields what came of each."""
    random_ = random.Random(0)
    scalars = '\n'.join(json.dumps({'step': i, 'G/adv': i / 7, 'D/real': 1.5, 'lr/G': 1e-4, 'time/data': 0.1,
                                    **({'val/PSNR': 20.5} if i % 3 == 0 else {})}) for i in range(12)).encode()
    table = io.StringIO()
    writer = csv.DictWriter(table, FIELDS)
    writer.writeheader()
    writer.writerows(dict(stage=stage, iteration=i, name='FID', value=i / 3, data='set, 5', protocol='a "b"')
                     for stage in ('val', 'test') for i in range(4))
    picture = (work_dir / 'samples/000010.png').read_bytes()
    files = {'1/vis_data/scalars.json': scalars, 'results.csv': table.getvalue().encode(), 'config.py': b"a = '<b>'\n",
             'samples/000020.png': picture, 'last_checkpoint': b'iter_2.pth', 'skipped_images.txt': b'a.png\tcut\n' * 3}
    row = dict(stage='val', iteration='9', name='FID', value='1.5', data='set', protocol='how')
    runner = type('Stub', (), {'work_dir': work_dir})
    for number in range(count):
        for path in work_dir.glob('results*'):
            path.unlink()
        for name, content in files.items():
            (work_dir / name).write_bytes(mutated(random_, content) if random_.random() < 0.3 else content)
        said: list[str] = []
        add_rows(work_dir, [row], said.append)
        assert read_rows(work_dir / 'results.csv')[-1] == row
        assert checkpoints(work_dir) == [] and BadImageHook._listed(runner) is not None
        page = check_page(write_report(work_dir))
        yield 'damaged' if said or 'left out' in page.text else 'whole' if number else 'first'


@pytest.mark.fault
def test_150_mutations_of_a_work_directory(run: Path) -> None:
    came = list(mutations(150, run))
    assert came.count('damaged') > 75 and came.count('whole') > 5


@pytest.mark.slow
@pytest.mark.fault
def test_2000_mutations_of_a_work_directory(run: Path) -> None:
    came = list(mutations(2000, run))
    assert came.count('damaged') > 1000 and came.count('whole') > 50
