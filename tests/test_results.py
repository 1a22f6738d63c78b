"""The tables of results in the work_dir."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from commands import command
from tiny import tiny_config

from toolbox.engine import Runner
from toolbox.hooks.results import FIELDS, add_rows, markdown, read_rows

PIX2PIX = 'configs/pix2pix/facades.py'
NAMES = ('L1', 'KID', 'KID_std', 'KID_untranslated', 'KID_std_untranslated')
METRICS = [dict(type='L1'), dict(type='KID', features=dict(type='RandomFeatures', channels=16, size=16), size=3)]


def rows(stage: str, iteration: int, **values: float) -> list[dict[str, str]]:
    return [dict(stage=stage, iteration=str(iteration), name=name, value=repr(value), data='set',
                 protocol=f'how {name}')
            for name, value in values.items()]


def run(work_dir: Path, images: Path, iters: int, **options) -> Runner:
    runner = Runner.from_cfg(tiny_config(PIX2PIX, work_dir, images, iters, {'val_evaluator': METRICS, **options}))
    runner.train()
    return runner


def test_every_validation_is_a_row_with_its_protocol(images, tmp_path, capsys):
    runner = run(tmp_path, images, 4)
    found = read_rows(tmp_path / 'results.csv')
    assert [(row['iteration'], row['name']) for row in found] == [
        (str(i), name) for i in (2, 4) for name in NAMES]
    assert [float(row['value']) for row in found] == [
        scores[name] for scores in runner.train_loop.history for name in NAMES]
    assert found[1]['protocol'].startswith('5 generated images fake_B against 5 real images B; RandomFeatures, seeded')
    assert found[1]['data'] == f'PairedDataset {images} val'
    out = capsys.readouterr().out
    assert out.count(f'{", ".join(NAMES[1:])}: {found[1]["protocol"]}') == 1, 'printed once'
    page = (tmp_path / 'results.md').read_text()
    assert page.startswith('## val\n\n| iteration | ' + ' | '.join(NAMES) + ' |\n|---|---|---|---|---|---|\n| 2 | ')
    assert page.count(f'- {", ".join(NAMES[1:])}: 5 generated') == 1


def test_a_resumed_training_replaces_what_it_repeats(images, tmp_path):
    run(tmp_path, images, 6)
    before = read_rows(tmp_path / 'results.csv')
    run(tmp_path, images, 4, load_from=str(tmp_path / 'iter_2.pth'), resume=True)
    assert read_rows(tmp_path / 'results.csv') == [row for row in before if row['iteration'] != '6']


def test_tests_have_a_table_of_their_own(images, tmp_path):
    run(tmp_path / 'run', images, 2)
    config = tmp_path / 'config.py'
    cfg = tiny_config(PIX2PIX, tmp_path / 'x', images, 2, {'val_evaluator': METRICS, 'test_evaluator': METRICS})
    config.write_text('\n'.join(f'{k} = {v!r}' for k, v in cfg.to_dict().items()))
    code, _, err = command('test.py', str(config), str(tmp_path / 'run'))
    assert code == 0, err
    found = read_rows(tmp_path / 'run/test/results.csv')
    assert {(row['stage'], row['iteration']) for row in found} == {('test', '2')}


def test_tables_of_stages_stand_side_by_side(tmp_path):
    add_rows(tmp_path, rows('val', 10, FID=3.5, KID=float('nan')))
    add_rows(tmp_path, rows('test', 5, FID=4.0))
    add_rows(tmp_path, rows('val', 20, FID=1e-7))
    add_rows(tmp_path, rows('val', 20, FID=2.5))
    with (tmp_path / 'results.csv').open() as file:
        assert tuple(next(csv.reader(file))) == FIELDS
    assert '\n'.join(markdown(read_rows(tmp_path / 'results.csv'))) == (tmp_path / 'results.md').read_text()[:-1]
    assert '| 10 | 3.5 | nan |\n| 20 | 2.5 |  |' in (tmp_path / 'results.md').read_text()
    assert '## test\n\n| iteration | FID |\n|---|---|\n| 5 | 4 |' in (tmp_path / 'results.md').read_text()


def test_a_test_replaces_only_what_it_repeats(tmp_path):
    for iteration, scores in ((2000, dict(FID=30.0)), (1000, dict(FID=50.0)), (1000, dict(KID=0.1)),
                              (2000, dict(FID=31.0))):
        add_rows(tmp_path, rows('test', iteration, **scores))
    add_rows(tmp_path, [{**rows('test', 1000, FID=48.0)[0], 'protocol': 'with 5 images'}])
    add_rows(tmp_path, [{**rows('test', 1000, FID=70.0)[0], 'data': 'another'}])
    found = [(int(row['iteration']), row['name'], float(row['value'])) for row in read_rows(tmp_path / 'results.csv')]
    assert found == [(1000, 'FID', 50), (1000, 'KID', 0.1), (2000, 'FID', 31), (1000, 'FID', 48), (1000, 'FID', 70)]
    page = (tmp_path / 'results.md').read_text()
    assert '| 1000 | 50, 48 | 0.1 |\n| 2000 | 31 |  |' in page and '| 1000 | 70 |' in page


@pytest.mark.fault
def test_another_file_of_that_name_is_kept(tmp_path):
    (tmp_path / 'results.csv').write_text('my,own\n1,2\n')
    with pytest.warns(UserWarning, match=r'results\.csv: not a table of results; it is kept as results\.old\.csv'):
        add_rows(tmp_path, rows('val', 1, L1=0.5))
    assert (tmp_path / 'results.old.csv').read_text() == 'my,own\n1,2\n'
    assert len(read_rows(tmp_path / 'results.csv')) == 1
