"""Sample grids, EMA, checkpoints on schedule, the best one, and what the console shows."""

import json
import re

import cv2
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from tiny import tiny_config

from toolbox.engine import Runner
from toolbox.engine.checkpoint import read_checkpoint
from toolbox.errors import ConfigError
from toolbox.hooks import CheckpointHook
from toolbox.hooks.samples import draw_grid
from toolbox.hooks.status import duration, losses_line, reduced_means
from toolbox.report import read_scalars, write_report

CYCLEGAN, PIX2PIX = 'configs/cyclegan/synthetic.py', 'configs/pix2pix/synthetic.py'


def train(cfg) -> Runner:
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


# Status


def test_console_is_a_short_summary_and_status_lines(images, tmp_path, capfd):
    train(tiny_config(CYCLEGAN, tmp_path, images, 4, {'default_hooks.status': dict(type='StatusHook', interval=2)}))
    out, err = capfd.readouterr()
    lines = out.splitlines()
    first = next(i for i, line in enumerate(lines) if '| data ' in line)
    assert first <= 20
    status = re.compile(r'^\d/4 \d+% \| [\d.]+ it/s \| data \d+% \| eta \w+ \| [\d.]+ GB \| '
                        r'G [\d.]+ = adv [\d.]+ \+ cycle [\d.]+ \+ identity [\d.]+ \| D [\d.]+ = B [\d.]+ \+ A [\d.]+$')
    assert [line.split('/')[0] for line in lines if status.match(line)] == ['1', '2', '4']
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


def test_durations():
    assert [duration(s) for s in (9, 65, 16680)] == ['9s', '1m05', '4h38']


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
        'train_cfg': dict(_delete_=True, max_iters=5), 'default_hooks.checkpoint.interval': 100, 'model.pool_size': 50})
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Watch())
    runner.train()
    assert torch.Tensor.item is original
    assert not reads


# Samples


def test_grid_has_a_header_a_row_per_input_and_a_column_per_image():
    image = torch.zeros(3, 32, 40, dtype=torch.uint8)
    gray = torch.full((1, 16, 20), 200, dtype=torch.uint8)
    grid = draw_grid([dict(meta={}, A=image, fake_B=gray)] * 3)
    assert grid.shape == (14 + 3 * 34, 2 * 42, 3)
    assert (grid[14:46, 42:82] == 200).all()


def test_samples_show_the_same_inputs_for_the_whole_run(images, tmp_path):
    train(tiny_config(PIX2PIX, tmp_path, images, 6))
    grids = [cv2.imread(str(tmp_path / 'samples' / f'{n:06d}.png')) for n in (0, 3, 6)]
    inputs = [g[14:46, :32] for g in grids]
    fakes = [g[14:46, 34:66] for g in grids]
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


def test_best_by_an_unknown_result_is_refused_with_the_known_ones(images, tmp_path):
    cfg = tiny_config(PIX2PIX, tmp_path, images, 2, {'default_hooks.checkpoint.save_best': 'PSNRR'})
    with pytest.raises(ConfigError, match=r"save_best.*'PSNRR'.*'PSNR'"):
        train(cfg)


@pytest.mark.parametrize('arguments', [dict(interval=0), dict(rule='more')])
def test_impossible_checkpoint_settings(arguments):
    with pytest.raises(ConfigError, match=f'checkpoint.{next(iter(arguments))}'):
        CheckpointHook(**arguments)


# EMA


def test_average_follows_its_formula_and_is_what_validation_sees(images, tmp_path):
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
        'custom_hooks': [dict(type='EMAHook', nets=('G',), decay=0.5)], 'train_cfg': dict(_delete_=True, max_iters=4)})
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Spy())
    runner.train()
    average = start[0]
    for live in weights:
        average = 0.5 * average + 0.5 * live
    name = next(iter(runner.model.G.state_dict()))
    stored = read_checkpoint(tmp_path / 'iter_4.pth')
    torch.testing.assert_close(stored['ema']['G'][name], average)
    assert torch.equal(stored['state_dict'][f'G.{name}'], weights[-1])
    torch.testing.assert_close(validated[-1], average)
    assert torch.equal(first(runner), weights[-1])


def test_average_of_an_unknown_network(images, tmp_path):
    cfg = tiny_config(PIX2PIX, tmp_path, images, 1, {'custom_hooks': [dict(type='EMAHook', nets=('GG',))]})
    with pytest.raises(ConfigError, match=r"EMAHook.nets.*'GG'"):
        train(cfg)


# Report


def test_report_is_one_file_with_pictures_scores_and_curves(images, tmp_path):
    train(tiny_config(PIX2PIX, tmp_path, images, 4, {'default_hooks.status': dict(type='StatusHook', interval=1)}))
    page = write_report(tmp_path).read_text()
    pictures = json.loads(re.search(r'const pictures = (.*);', page).group(1))
    assert [p[0] for p in pictures] == [0, 3, 4]
    assert '<th>PSNR</th>' in page
    assert page.count('<polyline') == 4
    assert 'http' not in page.replace('http://www.w3.org', '')
