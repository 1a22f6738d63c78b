"""Sample grids, EMA, checkpoints on schedule, the best one, and what the console shows."""

import json
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from runs import assert_equal
from tiny import tiny_config

from toolbox.data.io import write_image
from toolbox.engine import Runner, loops
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import point_to, read_checkpoint
from toolbox.hooks import CheckpointHook, SaveImagesHook, status
from toolbox.hooks import checkpoint as hooks_checkpoint
from toolbox.hooks.samples import draw_grid
from toolbox.hooks.status import losses_line, reduced_means
from toolbox.methods import CycleGAN
from toolbox.use.report import read_scalars, write_report

CYCLEGAN, PIX2PIX = 'configs/cyclegan/synthetic.py', 'configs/pix2pix/synthetic.py'


def train(cfg) -> Runner:
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


# Status


class Clock(Hook):
    """A clock that only moves while a batch is loaded (0.25 s), trained (0.25 s), and after an iteration (100 s)."""

    priority = 'HIGHEST'

    def __init__(self, patch):
        self.now = 0.0
        for module in (status, loops):
            patch.setattr(module, 'time', SimpleNamespace(perf_counter=lambda: self.now))
        batches = loops.TrainLoop._batches

        def slow(loop):
            for batch in batches(loop):
                self.now += 0.25
                yield batch
        patch.setattr(loops.TrainLoop, '_batches', slow)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.now += 0.25

    def after_iteration(self, runner):
        self.now += 100


def test_what_follows_an_update_is_no_training_time(images, tmp_path, monkeypatch, capfd):
    runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 12,
                                         {'default_hooks.status': dict(type='StatusHook', interval=5)}))
    runner.register_hook(Clock(monkeypatch))
    runner.train()
    rows = [row for row in read_scalars(tmp_path) if 'time/it_per_s' in row]
    assert [(row['step'], row['time/it_per_s'], row['time/data']) for row in rows] == [
        (step, 2.0, 0.5) for step in (1, 5, 10, 12)]
    assert '5/12 41% | 2 it/s | data 50% | eta 3s' in capfd.readouterr().out


def test_console_is_a_short_summary_and_status_lines(images, tmp_path, capfd):
    train(tiny_config(CYCLEGAN, tmp_path, images, 4, {'default_hooks.status': dict(type='StatusHook', interval=2)}))
    out, err = capfd.readouterr()
    lines = out.splitlines()
    first = next(i for i, line in enumerate(lines) if '| data ' in line)
    assert first <= 20
    form = re.compile(r'^\d/4 \d+% \| [\d.]+ it/s \| data \d+% \| eta \w+ \| [\d.]+ GB \| '
                        r'G [\d.]+ = adv [\d.]+ \+ cycle [\d.]+ \+ identity [\d.]+ \| D [\d.]+ = B [\d.]+ \+ A [\d.]+$')
    assert [line.split('/')[0] for line in lines if form.match(line)] == ['1', '2', '4']
    assert sum('validation |' in line for line in lines) == 2
    assert len(lines) <= 20
    assert err == ''
    assert 'pool_size' in (tmp_path / 'config.py').read_text()


def test_scalars_are_means_over_the_interval(images, tmp_path):
    seen = []

    class Spy(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            seen.append(float(outputs['D/real']))

    runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 5,
                                         {'default_hooks.status': dict(type='StatusHook', interval=2)}))
    runner.register_hook(Spy(), priority='HIGHEST')
    runner.train()
    logged = {row['step']: row['D/real'] for row in read_scalars(tmp_path) if 'D/real' in row}
    assert logged == {1: pytest.approx(seen[0]), 2: pytest.approx(seen[1]), 4: pytest.approx(np.mean(seen[2:4])),
                      5: pytest.approx(seen[4])}


def test_terms_of_one_kind_are_added():
    means = {'G/adv_A': 0.5, 'G/adv_B': 0.48, 'G/cycle_A': 2.0, 'D/A': 0.43, 'grad_norm/G': 7.0}
    assert losses_line(means) == 'G 2.98 = adv 0.98 + cycle 2 | D 0.43'


def test_means_allow_terms_that_are_not_always_there():
    waiting = [{'D/a': torch.tensor(1.0)}, {'D/a': torch.tensor(3.0), 'G/b': torch.tensor(5.0)}]
    assert reduced_means(waiting) == {'D/a': 2.0, 'G/b': 5.0}
    assert reduced_means([]) == {}


def test_nothing_is_read_from_the_device_between_two_lines(images, tmp_path):
    """Losses must stay tensors: reading one would wait for the device in every iteration."""
    reads = []
    original = torch.Tensor.item

    class Watch(Hook):
        priority = 'HIGHEST'

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if batch_idx == 2:
                for name in ('item', 'tolist', '__float__', '__bool__'):
                    patch.setattr(torch.Tensor, name, counted(name, getattr(torch.Tensor, name)))
            if batch_idx == 4:
                patch.undo()

    def counted(name, function):
        def call(self, *args):
            reads.append(name)
            return function(self, *args)
        return call

    patch = pytest.MonkeyPatch()
    cfg = tiny_config('configs/cyclegan/facades.py', tmp_path, images, 5, {
        'train_cfg': dict(_delete_=True, max_iters=5), 'default_hooks.checkpoint.interval': 100, 'model.pool_size': 50,
        'default_hooks.samples.interval': 100, 'default_hooks.health': None})  # which may read on a CPU
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Watch())
    runner.train()
    assert torch.Tensor.item is original
    assert not reads


# Samples


def test_grid_has_a_header_a_row_per_input_and_a_column_per_image():
    image = torch.zeros(3, 32, 40, dtype=torch.uint8)
    gray = torch.full((1, 32, 40), 200, dtype=torch.uint8)
    grid = draw_grid([dict(meta={}, A=image, fake_B=gray)] * 3, {'A': 'A', 'fake_B': 'to B'})
    assert grid.shape == (21 + 3 * (128 + 4) + 4, 2 * (160 + 4) + 4, 3)
    assert (grid[25:25 + 128, 168:168 + 160] == 200).all()


def test_samples_show_the_same_inputs_for_the_whole_run(images, tmp_path):
    train(tiny_config(PIX2PIX, tmp_path, images, 6))
    grids = [cv2.imread(str(tmp_path / 'samples' / f'{n:06d}.png')) for n in (0, 3, 6)]
    inputs = [g[25:153, 4:132] for g in grids]
    fakes = [g[25:153, 136:264] for g in grids]
    assert np.array_equal(inputs[0], inputs[2])
    assert not np.array_equal(fakes[0], fakes[2])
    assert np.array_equal(cv2.imread(str(tmp_path / 'samples' / 'latest.png')), grids[2])


def test_samples_go_to_tensorboard(images, tmp_path):
    train(tiny_config(PIX2PIX, tmp_path, images, 1))
    events = next(tmp_path.glob('*/vis_data/events.out.tfevents.*')).read_bytes()
    assert b'samples' in events
    assert b'D/real' in events


# Checkpoints


def test_old_checkpoints_go_and_the_best_stays(images, tmp_path):
    cfg = tiny_config(PIX2PIX, tmp_path, images, 6, {'default_hooks.checkpoint': dict(
        type='CheckpointHook', interval=1, keep=2, save_best='PSNR')})
    train(cfg)
    assert {p.name for p in tmp_path.glob('*.pth')} == {'iter_5.pth', 'iter_6.pth', 'best_PSNR.pth'}
    best = read_checkpoint(tmp_path / 'best_PSNR.pth')
    scores = {row['step']: row['val/PSNR'] for row in read_scalars(tmp_path) if 'val/PSNR' in row}
    assert best['best']['value'] == pytest.approx(max(scores.values()))
    assert scores[best['meta']['iter']] == pytest.approx(max(scores.values()))


@pytest.mark.fault
@pytest.mark.parametrize(('keep', 'kept'), [(-1, {1, 2, 3}), (0, {1, 2, 3}), (1, {3})])
def test_how_many_checkpoints_stay(keep, kept, images, tmp_path):
    train(tiny_config(PIX2PIX, tmp_path, images, 3, {'default_hooks.checkpoint': dict(
        type='CheckpointHook', interval=1, keep=keep)}))
    assert {int(p.stem[5:]) for p in tmp_path.glob('iter_*.pth')} == kept
    assert (tmp_path / (tmp_path / 'last_checkpoint').read_text()).exists()


@pytest.mark.fault
def test_what_last_checkpoint_names_stays_when_it_cannot_be_changed(images, tmp_path, monkeypatch, capfd):
    def full(path):
        if path.name == 'iter_2.pth':
            raise OSError(28, 'No space left on device')
        point_to(path)

    monkeypatch.setattr(hooks_checkpoint, 'point_to', full)
    train(tiny_config(PIX2PIX, tmp_path / 'a', images, 3, {'default_hooks.checkpoint': dict(
        type='CheckpointHook', interval=1, keep=1)}))
    assert 'iter_2.pth was not written: No space left on device' in capfd.readouterr().out
    assert {p.name for p in (tmp_path / 'a').glob('iter_*.pth')} == {'iter_3.pth'}
    with pytest.raises(CheckpointError, match=r'iter_2\.pth was not written'):
        train(tiny_config(PIX2PIX, tmp_path / 'b', images, 2, {'default_hooks.checkpoint': dict(
            type='CheckpointHook', interval=1, keep=1)}))
    assert (tmp_path / 'b/last_checkpoint').read_text() == 'iter_1.pth'
    assert (tmp_path / 'b/iter_1.pth').exists()


def test_best_by_an_unknown_result_is_refused_with_the_known_ones(images, tmp_path):
    with pytest.raises(ConfigError, match=r"save_best.*'PSNRR'.*'PSNR'"):
        tiny_config(PIX2PIX, tmp_path, images, 2, {'default_hooks.checkpoint.save_best': 'PSNRR'})
    cfg = tiny_config(PIX2PIX, tmp_path, images, 2)
    cfg.default_hooks.checkpoint.save_best = 'PSNRR'
    with pytest.raises(ConfigError, match=r"save_best.*'PSNRR'.*'PSNR'"):
        train(cfg)


class Scores(Hook):
    """Validations that give the stated scores."""

    priority = 'VERY_HIGH'

    def __init__(self, *scores):
        self.scores = list(scores)

    def after_val_epoch(self, runner, metrics=None):
        metrics['PSNR'] = self.scores.pop(0)


def test_a_score_that_is_no_number_is_never_the_best(images, tmp_path):
    runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 6, {'default_hooks.checkpoint.save_best': 'PSNR'}))
    runner.register_hook(Scores(float('nan'), 3.0, 2.0))
    runner.train()
    assert read_checkpoint(tmp_path / 'best_PSNR.pth')['best'] == dict(metric='PSNR', value=3.0, iter=4)


def test_a_new_training_from_old_weights_has_a_best_of_its_own(images, tmp_path):
    best = {'default_hooks.checkpoint.save_best': 'PSNR'}
    for name, score in (('old', 9.0), ('new', 1.0)):
        cfg = tiny_config(PIX2PIX, tmp_path / name, images, 2, best)
        cfg.load_from = str(tmp_path / 'old' / 'iter_2.pth') if name == 'new' else None
        runner = Runner.from_cfg(cfg)
        runner.register_hook(Scores(score))
        runner.train()
    assert read_checkpoint(tmp_path / 'new' / 'best_PSNR.pth')['best']['value'] == 1.0
    cfg = tiny_config(PIX2PIX, tmp_path / 'old', images, 4, best)
    cfg.resume = True
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Scores(8.0))
    runner.train()
    assert read_checkpoint(tmp_path / 'old' / 'iter_4.pth')['best']['value'] == 9.0


def test_files_of_the_user_among_the_checkpoints_stay(images, tmp_path):
    for name in ('iter_1_good.pth', 'iter_best.pth'):
        (tmp_path / name).touch()
    train(tiny_config(PIX2PIX, tmp_path, images, 2, {'default_hooks.checkpoint': dict(
        type='CheckpointHook', interval=1, keep=1)}))
    assert {p.name for p in tmp_path.glob('iter_*.pth')} == {'iter_1_good.pth', 'iter_best.pth', 'iter_2.pth'}


def test_an_early_end_names_the_checkpoint_that_it_writes(images, tmp_path, capfd):
    class Stop(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            runner.train_loop.stop_training = batch_idx == 2

    runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 6))
    runner.register_hook(Stop())
    runner.train()
    assert 'iter_3.pth' in capfd.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize('arguments', [dict(interval=0), dict(keep=-2), dict(rule='more')])
def test_impossible_checkpoint_settings(arguments):
    with pytest.raises(ConfigError, match=f'CheckpointHook.{next(iter(arguments))}: expected'):
        CheckpointHook(**arguments)


# EMA


@pytest.mark.parametrize('begin', [0, 2])
def test_average_follows_its_formula_and_is_what_validation_sees(begin, images, tmp_path):
    start, weights, validated = [], [], []

    class Spy(Hook):
        priority = 'LOWEST'

        def before_train(self, runner):
            start.append(first(runner))

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            weights.append(first(runner))

        def before_val_iter(self, runner, batch_idx, data_batch=None):
            validated.append(first(runner))

    def first(runner):
        return next(runner.model.G.parameters()).detach().clone()

    cfg = tiny_config('configs/pix2pix/facades.py', tmp_path, images, 4, {
        'custom_hooks': [dict(type='EMAHook', nets=('G',), decay=0.5, begin=begin)],
        'train_cfg': dict(_delete_=True, max_iters=4)})
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Spy())
    runner.train()
    average = start[0]
    for i, live in enumerate(weights):
        average = 0.5 * average + 0.5 * live if i >= begin else live
    name = next(iter(runner.model.G.state_dict()))
    stored = read_checkpoint(tmp_path / 'iter_4.pth')
    torch.testing.assert_close(stored['ema']['G'][name], average)
    assert torch.equal(stored['state_dict'][f'G.{name}'], weights[-1])
    torch.testing.assert_close(validated[-1], average)
    assert torch.equal(first(runner), weights[-1])


def test_a_network_that_joins_at_a_resume_is_averaged_too(images, tmp_path):
    path = 'configs/cyclegan/facades.py'
    for nets, iters in ((('G_AB',), 2), (('G_AB', 'G_BA'), 4)):
        cfg = tiny_config(path, tmp_path, images, iters, {'custom_hooks': [dict(type='EMAHook', nets=nets)]})
        cfg.resume = iters == 4
        train(cfg)
    assert set(read_checkpoint(tmp_path / 'iter_4.pth')['ema']) == {'G_AB', 'G_BA'}


def test_two_averages_of_other_networks_are_kept_and_one_network_has_one(images, tmp_path):
    path, hooks = 'configs/cyclegan/facades.py', [dict(type='EMAHook', nets='G_AB', decay=0.9),
                                                  dict(type='EMAHook', nets='G_BA', decay=0.5)]
    train(tiny_config(path, tmp_path / 'whole', images, 4, {'custom_hooks': hooks}))
    for iters in (2, 4):
        train(tiny_config(path, tmp_path / 'halves', images, iters, {'custom_hooks': hooks, 'resume': iters == 4}))
    whole, halves = (read_checkpoint(tmp_path / name / 'iter_4.pth')['ema'] for name in ('whole', 'halves'))
    assert set(whole) == {'G_AB', 'G_BA'}
    assert_equal(whole, halves, 'ema')
    hooks[1]['nets'] = ('G_BA', 'G_AB')
    with pytest.raises(ConfigError, match="'G_AB' is averaged by two hooks"):
        train(tiny_config(path, tmp_path / 'twice', images, 2, {'custom_hooks': hooks}))


def test_a_second_hook_for_checkpoints_is_refused(images, tmp_path):
    with pytest.raises(ConfigError, match='a second CheckpointHook'):
        train(tiny_config('configs/cyclegan/facades.py', tmp_path, images, 2, {
            'custom_hooks': [dict(type='CheckpointHook', save_best='L1')]}))


def test_average_of_an_unknown_network(images, tmp_path):
    hooks = [dict(type='EMAHook', nets=('GG',))]
    with pytest.raises(ConfigError, match=r"custom_hooks.0.nets.*'GG'.*Did you mean 'G'"):
        tiny_config(PIX2PIX, tmp_path, images, 1, {'custom_hooks': hooks})
    cfg = tiny_config(PIX2PIX, tmp_path, images, 1)
    cfg.custom_hooks = hooks
    with pytest.raises(ConfigError, match=r"EMAHook.nets.*'GG'"):
        train(cfg)


# Images of a test


def test_every_image_of_a_test_has_a_file_of_its_own(tmp_path):
    hook, image = SaveImagesHook(str(tmp_path)), torch.zeros(3, 4, 4, dtype=torch.uint8)
    runner = SimpleNamespace(model=SimpleNamespace(pictures=CycleGAN.shows))
    for i, (a, b) in enumerate((('s/0.png', 'zebra/0.png'), ('t/0.png', 'zebra/1.png'), ('s/0.png', 'zebra/2.png'))):
        meta = dict(A_path=a, B_path=b, index=i)
        hook.after_test_iter(runner, 0, outputs=[dict(meta=meta, A=image, fake_B=image, fake_A=image)])
    assert sorted(p.name for p in (tmp_path / 'fake_A').iterdir()) == ['000000_0.png', '000001_1.png', '000002_2.png']
    assert sorted(p.name for p in (tmp_path / 'fake_B').iterdir()) == ['000000_0.png', '000001_0.png', '000002_0.png']


# Report


def test_report_of_a_long_training_holds_some_pictures_only(tmp_path):
    (tmp_path / 'samples').mkdir()
    for i in range(0, 9990, 10):
        write_image(tmp_path / 'samples' / f'{i:06d}.png', np.zeros((2, 2, 3), np.uint8))
    pictures = json.loads(re.search(r'const pictures = (.*);', write_report(tmp_path).read_text()).group(1))
    assert len(pictures) == 40
    assert (pictures[0][0], pictures[-1][0]) == (0, 9980)


def test_report_is_one_file_with_pictures_scores_and_curves(images, tmp_path):
    train(tiny_config(PIX2PIX, tmp_path, images, 4, {'default_hooks.status': dict(type='StatusHook', interval=1)}))
    page = write_report(tmp_path).read_text()
    pictures = json.loads(re.search(r'const pictures = (.*);', page).group(1))
    assert [p[0] for p in pictures] == [0, 3, 4]
    assert '<th>PSNR</th>' in page
    assert page.partition('<h2>Losses')[2].partition('<h2>Learning')[0].count('<svg') == 4
    assert '://' not in page.replace('http://www.w3.org', '')
