"""toolbox compare: what is scored, that the budget is one for all, and what it leaves."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil

import numpy as np
import pytest
import torch
from commands import toolbox
from compared import tinter
from faults import in_child

from toolbox.cli.compare import use_device
from toolbox.comparing.budget import STEPS, Length, stretched, stretched_stages, with_budget
from toolbox.comparing.entries import read_entries
from toolbox.comparing.page import as_page
from toolbox.comparing.rehearsal import built
from toolbox.comparing.scoring import Task, tasks_of
from toolbox.comparing.tables import Table, as_markdown
from toolbox.data.io import read_image
from toolbox.engine.config import load_config
from toolbox.errors import ConfigError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.methods.directions import Shown
from toolbox.methods.schedule import Stage, stage_at
from toolbox.registry import PARAM_SCHEDULERS, find, parameters

FEATURES = ('--features', "dict(type='RandomFeatures', channels=8, size=16)", '--block', '4')
BLUE = (-155 / 127.5, 0.0, 155 / 127.5)  # from red to blue


# The budget


def rates(cfg, steps, epoch=1):
    """The learning rate of each iteration under a schedule."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    args = {key: value for key, value in cfg.items() if key != 'type'}
    schedule = find(PARAM_SCHEDULERS, cfg['type'], 'param_scheduler')(optimizer, **args)
    found = []
    for i in range(1, steps + 1):
        found.append(optimizer.param_groups[0]['lr'])
        if not schedule.by_epoch or i % epoch == 0:
            optimizer.step()
            schedule.step()
    return np.array(found)


EPOCHS = (dict(type='LinearDecayLR', constant=10, decay=10), dict(type='StepLR', step_size=5, gamma=0.5),
          dict(type='MultiStepLR', milestones=[4, 16], gamma=0.1), dict(type='CosineAnnealingLR', T_max=20))


@pytest.mark.parametrize('own', EPOCHS, ids=lambda cfg: cfg['type'])
def test_a_schedule_of_epochs_is_stretched_to_fewer_iterations_than_epochs(own):
    notes = []
    new = stretched(own, 12, Length(20 * 100, epoch=100), notes)  # 20 epochs of 100 iterations -> 12 iterations
    before, after = rates(own, 2000, epoch=100), rates(new, 12)
    assert new['by_epoch'] is False and not notes
    place = (np.arange(12) + 0.5) * 2000 / 12
    near = np.stack([before[np.clip(place + shift, 0, 1999).astype(int)] for shift in (-167, 0, 167)])  # an iteration
    assert (after >= near.min(0) - 1e-9).all() and (after <= near.max(0) + 1e-9).all() and after.min() > 0
    assert after[0] == 1 and after[-1] < 0.4  # it has decayed


def test_a_schedule_of_iterations_by_optimiser_is_stretched_and_one_without_length_is_left_and_said():
    own = dict(G=[dict(type='LinearDecayLR', constant=750, decay=750, by_epoch=False)],
               D=dict(type='ExponentialLR', gamma=0.9))
    notes = []
    new = stretched(own, 100, Length(1500, epoch=1000), notes)
    assert new['G'] == [dict(type='LinearDecayLR', constant=50, decay=50, by_epoch=False)]
    assert new['D'] == own['D'] and len(notes) == 1 and 'ExponentialLR' in notes[0]


def test_a_schedule_that_counts_iterations_by_default_is_taken_at_its_word():
    new = stretched(dict(type='StepDecayLR', every=100_000), 400, Length(1_000_000, epoch=80), notes := [])
    assert new == dict(type='StepDecayLR', every=40, by_epoch=False) and not notes


def test_every_argument_of_our_schedules_that_counts_steps_is_stretched():
    ours = {name: cls for name, cls in PARAM_SCHEDULERS.module_dict.items() if cls.__module__.startswith('toolbox.')}
    counts = {name for cls in ours.values() for name, given in parameters(cls)[0].items()
              if re.fullmatch(r'Count|Natural', str(given.annotation).strip("'"))}
    assert ours and {'constant', 'decay'} <= counts <= {*STEPS}


def test_stages_are_stretched_with_the_training():
    own = (Stage('first', epochs=30, rests=('A',)), Stage('second'))
    stages = stretched_stages(own, 200, Length(100 * 80, epoch=80))
    assert stages == (Stage('first', iters=60, rests=('A',)), Stage('second'))
    assert [stage_at(stages, i, 0).name for i in (59, 60)] == ['first', 'second']
    assert stretched_stages(own, 8000, Length(8000, 80)) == own


def test_the_stages_of_a_training_are_those_of_its_length(tmp_path):
    config = tinter(tmp_path / 'in/a/x.py', further='model.update(resting=1)\n')  # an epoch of 4 of its 10 iterations
    [entry], _ = read_entries([config], {}, {}, None, tmp_path / 'out')
    stages = built(entry, entry.training(5, 0, tmp_path / 'run')).model.stages
    assert stages == (Stage('resting', iters=2, rests=('G',)), Stage('training'))


def test_a_config_that_gets_its_own_length_keeps_its_schedule_and_counters_are_said():
    cfg = load_config('configs/starganv2/synthetic.py')
    own = Length(cfg.train_cfg.max_iters, 100)
    same, notes = with_budget(cfg, own.iters, own)
    assert same.get('param_scheduler') == cfg.get('param_scheduler') and not notes
    other, notes = with_budget(cfg, 10, own)
    assert other.train_cfg.max_iters == 10 and other.val_dataloader is None
    assert any(note.startswith('model.diversity_iters=') for note in notes)


# Scores


@pytest.fixture(scope='module')
def compared(once):
    """The folder of a comparison of a copy, the truth, and one that learns."""
    def make(folder):
        configs = [f'{name}={tinter(folder / "in" / f"{name}.py", **args)}' for name, args in (
            ('copy', {}), ('truth', dict(shift=BLUE)), ('learns', dict(weight=1.0)))]
        code, out, err = toolbox('compare', *configs, *FEATURES, '--iters', '6', '--seeds', '0', '1', '--rows', '3',
                                 '--metrics', "dict(type='L1', target='oracle_B')", '--work-dir', str(folder / 'out'))
        assert (code, err) == (0, ''), err
        (folder / 'stdout').write_text(out)
    return once('compared', make)


def rows_of(folder) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / 'comparison.csv').read_text().splitlines()))


def test_a_copy_has_the_scores_of_the_untranslated_images_and_the_truth_has_the_best(compared):
    rows = {(row['label'], row['seed']): row for row in rows_of(compared / 'out')}
    names = ('copy', 'truth', 'learns')
    assert list(rows) == [('untranslated', ''), *((name, seed) for name in names for seed in '01')]
    source, copy, truth = (rows[key] for key in (('untranslated', ''), ('copy', '0'), ('truth', '1')))
    scores = [key for key in source if key.startswith('AtoB/')]
    assert len(scores) == 6
    assert [source[key] for key in scores] == [copy[key] for key in scores]
    assert float(source['AtoB/OracleScore']) == 0 and float(truth['AtoB/OracleScore']) == 1
    assert float(truth['AtoB/L1']) == 0 < float(copy['AtoB/L1'])
    assert float(truth['AtoB/UGATITKID_target']) < 0.1 * float(copy['AtoB/UGATITKID_target'])
    assert float(copy['AtoB/UGATITKID_target_error']) > 0
    assert 0 < float(rows['learns', '0']['AtoB/OracleScore']) < 1
    assert rows['learns', '0']['AtoB/OracleScore'] != rows['learns', '1']['AtoB/OracleScore']  # another order of images


def test_costs_are_those_of_the_methods(compared):
    row = rows_of(compared / 'out')[-1]
    assert (row['iters'], row['images'], row['parameters'], row['used']) == ('6', '12', '3', '3')
    # 2 x 3 x 16 x 16 numbers of 4 bytes are 6 kB: some pictures, and what belongs to them
    assert 2 * 6144 < float(row['memory']) < 40 * 6144
    assert float(row['seconds']) > 0 and float(row['minutes']) >= 5.5 * float(row['seconds']) / 60 * 0.2


def test_the_table_says_where_its_numbers_are_from(compared):
    text, page = ((compared / f'out/comparison.{end}').read_text() for end in ('md', 'html'))
    for part in (text, page):
        assert 'RandomFeatures, seeded random weights' in part and 'AtoB KID x 100' in part and '±' in part
    line = next(line for line in text.splitlines() if line.startswith('| learns'))
    assert re.search(r'\| -?[\d.e-]+ ± [\d.e-]+ \(-?[\d.e-]+, -?[\d.e-]+\) \|', line)
    assert 'src="data:image/png;base64,' in page and 'http' not in page.replace('http-equiv', '')
    assert text.splitlines()[2] in (compared / 'stdout').read_text()


def test_the_grid_has_a_row_for_each_input_and_a_column_for_each_config(compared):
    grid = read_image(compared / 'out/grid_AtoB.png', 3)
    side, gap = 96, 2
    assert grid.shape == (18 + 3 * side + 2 * gap, 5 * side + 4 * gap, 3)
    cells = [grid[18:18 + side, i * (side + gap):i * (side + gap) + side] for i in range(5)]
    assert np.array_equal(cells[0], cells[2])  # the copy
    assert np.array_equal(cells[1], cells[3]) and not np.array_equal(cells[0], cells[1])  # the answer, the truth
    assert not list((compared / 'out').glob('grid_BtoA*'))  # nobody makes these


def test_a_finished_comparison_is_only_read_and_other_features_need_no_training(compared, tmp_path):
    shutil.copytree(compared, tmp_path / 'c')
    configs = [f'{name}={tmp_path / "c/in" / name}.py' for name in ('copy', 'truth', 'learns')]
    for path in (tmp_path / 'c/out').glob('*/seed_*/iter_*.pth'):
        os.utime(path, (1, 1))
    argv = ('compare', *configs, '--block', '4', '--iters', '6', '--seeds', '0', '1', '--rows', '3', '--work-dir',
            str(tmp_path / 'c/out'), '--features', "dict(type='RandomFeatures', channels=4, size=8)")
    code, out, err = toolbox(*argv)
    assert (code, err) == (0, '') and 'train ' not in out and 'check ' not in out
    assert {path.stat().st_mtime for path in (tmp_path / 'c/out').glob('*/seed_*/iter_*.pth')} == {1.0}
    before, after = ([row['AtoB/UGATITKID_target'] for row in rows_of(folder / 'out')] for folder in
                     (compared, tmp_path / 'c'))
    assert len(before) == len(after) and not {*before} & {*after}
    # another budget is another comparison
    code, _, err = toolbox(*('7' if word == '6' else word for word in argv))
    assert code == 2 and 'budget' in err and '6 iterations' in err and '--work-dir' in err


def test_only_first_translations_are_compared():
    both = {'A': Shown('A'), 'fake_B': Shown('', of='A', like='B'), 'again_B': Shown('', of='A', like='B'),
            'rec_A': Shown('', of='fake_B', like='A'), 'B': Shown('B'), 'same_A': Shown('', of='A', like='A'),
            'fake_A': Shown('', of='B', like='A'), 'cyc_C': Shown('', of='fake_B', like='C'),
            'img': Shown('', like='photo')}
    assert tasks_of(both) == {Task('A', 'B'): 'fake_B', Task('B', 'A'): 'fake_A', Task('', 'photo'): 'img'}
    assert [task.name for task in tasks_of(both)] == ['AtoB', 'BtoA', 'photo']


# Mistakes


def test_mistakes_of_all_configs_are_found_before_anything_is_trained(tmp_path):
    good, bad = tinter(tmp_path / 'a/good.py'), tinter(tmp_path / 'b/bad.py', further="optim_wrappr = 1\n")
    worse = tinter(tmp_path / 'c/worse.py', further="param_scheduler = dict(type='LinearDecayLR', constnt=1)\n")
    code, _, err = toolbox('compare', good, bad, worse, *FEATURES, '--iters', '2', '--work-dir', str(tmp_path / 'out'))
    assert code == 2 and 'optim_wrappr' in err and 'constnt' in err and '2 of 3 configs' in err
    assert not (tmp_path / 'out').exists()


def test_what_only_a_training_shows_is_found_in_the_dry_check_of_all(tmp_path):
    good, bad = tinter(tmp_path / 'a/good.py'), tinter(tmp_path / 'b/bad.py', weight=1e39)
    code, _, err = toolbox('compare', good, bad, *FEATURES, '--iters', '2', '--work-dir', str(tmp_path / 'out'))
    assert code == 2 and 'bad.py' in err and '1 of 2 configs' in err
    assert not list((tmp_path / 'out').glob('*/seed_*'))


def test_sets_and_names_that_do_not_go_together(tmp_path):
    one, other = tinter(tmp_path / 'a/x.py'), tinter(tmp_path / 'b/x.py')
    short = ('--only', 'b', 'train_dataloader.dataset.length=4')
    common = (*FEATURES, '--iters', '1', '--work-dir', str(tmp_path / 'out'))
    code, _, err = toolbox('compare', one, other, *common, *short)
    assert code == 2 and 'different data' in err and '--data' in err and 'length=4' in err
    code, _, err = toolbox('compare', one, one, *common)
    assert code == 2 and 'NAME=' not in err and 'first=CONFIG' in err
    code, _, err = toolbox('compare', one, other, *common, '--only', 'c', 'x=1')
    assert code == 2 and '--only c' in err and 'Known: a, b' in err
    code, _, err = toolbox('compare', one, *common, '--block', '1')
    assert code == 2 and '--block' in err
    code, _, err = toolbox('compare', one, *common, '--plugins', 'no_such_module')
    assert code == 2 and '--plugins' in err and 'no_such_module' in err


def test_a_block_that_the_images_do_not_fill_is_an_error_before_the_training(tmp_path):
    config = tinter(tmp_path / 'a/x.py')
    code, _, err = toolbox('compare', config, '--features', 'RandomFeatures', '--block', '2', '--iters', '1',
                           '--work-dir', str(tmp_path / 'out'), '--only', 'a', 'val_dataloader.dataset.length=1')
    assert code == 2 and err.startswith('\nerror: ') and 'at least 2 images' in err
    assert not list((tmp_path / 'out').glob('*/seed_*'))


def test_devices(monkeypatch):
    import mmengine.device.utils as utils
    monkeypatch.setattr(utils, 'DEVICE', 'cuda')
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3,5')
    use_device('cpu')
    assert (utils.DEVICE, os.environ['CUDA_VISIBLE_DEVICES']) == ('cpu', '')
    for name in ('gpu', 'cpu:1', 'cuda:x', ''):
        with pytest.raises(ConfigError, match='--device'):
            use_device(name)


# What the pages hold


def test_a_page_and_a_table_hold_no_markup_but_their_own():
    evil = '<script>alert(1)</script>|"&'
    table = Table([evil], [[evil]])
    page, text = as_page(evil, table, [evil], {evil: b'png'}), as_markdown(evil, table, [evil], [])
    assert '<script' not in page and '<script' not in text and page.count('&lt;script&gt;') == 7
    assert text.splitlines()[2] == '| &lt;script>alert(1)&lt;/script>\\|"&amp; |'


# Minutes


def test_minutes_become_iterations_once(tmp_path):
    config = tinter(tmp_path / 'a/x.py')
    argv = ('compare', config, *FEATURES, '--minutes', '0.001', '--work-dir', str(tmp_path / 'out'))
    assert toolbox(*argv)[0] == 0
    first = json.loads((tmp_path / 'out/a/check.json').read_text())['measures']['iters']
    assert toolbox(*argv)[0] == 0
    assert first >= 1 and rows_of(tmp_path / 'out')[1]['iters'] == str(first)


# Kills


@pytest.mark.fault
def test_a_comparison_killed_in_its_second_training_ends_with_the_table_of_an_undisturbed_one(tmp_path, monkeypatch):
    configs = [tinter(tmp_path / f'in/{name}/x.py', weight=weight, further="custom_hooks = [dict(type='Killer')]\n")
               for name, weight in (('one', 1.0), ('two', 0.5))]

    def argv(folder):
        return 'compare', *configs, *FEATURES, '--iters', '40', '--rows', '2', '--work-dir', str(folder)

    assert toolbox(*argv(tmp_path / 'whole'))[0] == 0
    monkeypatch.setenv('KILLED_AT', 'two/seed_0 27')
    assert in_child(lambda: toolbox(*argv(tmp_path / 'killed'))) == -9
    monkeypatch.delenv('KILLED_AT')
    first, second = (tmp_path / 'killed' / name / 'seed_0' for name in ('one', 'two'))
    assert (first / 'scores.json').exists() and not (second / 'scores.json').exists()
    assert max(int(path.stem[5:]) for path in second.glob('iter_*.pth')) == 24  # every tenth of the way
    kept = (first / 'iter_40.pth').stat().st_mtime_ns
    code, out, err = toolbox(*argv(tmp_path / 'killed'))
    assert (code, err) == (0, '') and 'resumed at 24' in out and 'train one' not in out and 'check' not in out
    assert (first / 'iter_40.pth').stat().st_mtime_ns == kept
    measured = ('seconds', 'minutes', 'cpu_minutes')
    whole, killed = ([{key: value for key, value in row.items() if key not in measured} for row in
                      rows_of(tmp_path / name)] for name in ('whole', 'killed'))
    assert whole == killed and whole[1]['AtoB/OracleScore'] != whole[2]['AtoB/OracleScore']
    assert (tmp_path / 'whole/grid_AtoB.png').read_bytes() == (tmp_path / 'killed/grid_AtoB.png').read_bytes()
    states = [read_checkpoint(tmp_path / name / 'two/seed_0/iter_40.pth')['state_dict'] for name in ('whole', 'killed')]
    assert torch.equal(states[0]['G.shift'], states[1]['G.shift'])
    assert len(json.loads((second / 'seconds.json').read_text())['seconds']) == 40
