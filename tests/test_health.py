"""Numbers that are not finite are noticed, named and acted on; signs of trouble are said with numbers."""

import itertools
import math
from types import SimpleNamespace

import cv2
import forked
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from runs import EXACT, assert_equal, train
from test_distributed import write_config
from tiny import METHOD_CONFIGS, some_by_turn, tiny_config

from toolbox.engine import Runner
from toolbox.errors import CheckpointError, ConfigError, TrainingError
from toolbox.files.checkpoint import NotFiniteError, newest_intact, read_checkpoint
from toolbox.hooks import CheckpointHook, DiagnosisHook, EMAHook, HealthHook
from toolbox.hooks.diagnosis import correlation, spread
from toolbox.methods import CycleGAN
from toolbox.registry import HOOKS

PATH = 'configs/cyclegan/facades.py'
PIX2PIX = 'configs/pix2pix/facades.py'


@HOOKS.register_module(force=True)
class Poison(Hook):
    """Make something NaN or infinite in one iteration (counted from 1) of one process."""

    priority = 'VERY_HIGH'

    def __init__(self, what: str, iteration: int = 3, rank: int = 0, times: int = 1) -> None:
        self.what, self.iteration, self.rank, self.times = what, iteration, rank, times

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx + 1 < self.iteration or runner.rank != self.rank or not self.times:
            return
        self.times -= 1
        if self.what == 'image':
            data_batch['A'] = torch.full_like(data_batch['A'], math.nan, dtype=torch.get_default_dtype())
        elif self.what == 'weight':
            next(runner.model.parameters()).data.view(-1)[0] = math.inf
        elif self.what == 'gradient':
            for p in runner.model.D_A.parameters():
                handle = p.register_hook(lambda g: torch.full_like(g, math.inf))
                self.handles = [*getattr(self, 'handles', ()), handle]

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        for handle in getattr(self, 'handles', ()):
            handle.remove()


def finite(path):
    return all(v.isfinite().all() for v in read_checkpoint(path)['state_dict'].values() if isinstance(v, torch.Tensor))


def poisoned(folder, images, iters=8, path=PATH, options=None, **poison):
    return tiny_config(path, folder, images, iters, {'custom_hooks': [dict(type='Poison', **poison)],
                                                     **(options or {})})


SATURATING = ('Autoencoder',)  # its output is bounded and its gradient vanishes: finite at a rate of 1e6


@pytest.mark.fault
@pytest.mark.parametrize('method', some_by_turn(METHOD_CONFIGS))
def test_an_absurd_learning_rate_stops_every_method(method, images, tmp_path):
    """Within 3 iterations of the first value that is not finite; all checkpoints are finite."""
    losses = []

    class Watch(Hook):
        priority = 'HIGHEST'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            losses.append(all(math.isfinite(v.item()) for v in outputs.values()))

    cfg = tiny_config(METHOD_CONFIGS[method], tmp_path, images, 200)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1, keep=0)
    for key, part in cfg.optim_wrapper.items():
        if key != 'amp':
            part.optimizer = dict(type='SGD', lr=1e30 if method in SATURATING else 1e6)
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Watch())
    with pytest.raises(TrainingError) as error:
        runner.train()
    text = str(error.value)
    if False in losses:
        first = losses.index(False) + 1
        assert f'iteration {first}: not finite: ' in text
        assert any(f'{phase.name}/' in text for phase in runner.model.schedule)
        drawn = 'scenes/' in text or 'photographs/' in text  # worlds without files
        assert str(images) in text or 'images' not in text or drawn
    else:  # running statistics alone: found when they are to be saved
        first = 1 + len([*tmp_path.glob('iter_*.pth')])
        assert 'networks are not finite' in text and 'statistics are not finite, first in ' in text
    assert runner.iter <= first + 3
    assert 'network ' in text
    assert all(map(finite, tmp_path.glob('iter_*.pth')))
    assert not newest_intact(tmp_path)[1]


@pytest.mark.fault
@pytest.mark.parametrize('what', ['image', 'weight', 'gradient'])
def test_the_message_names_term_network_iteration_and_files(what, images, tmp_path):
    with pytest.raises(TrainingError) as error:
        train(poisoned(tmp_path, images, what=what))
    text = str(error.value)
    assert ('iteration 4' if what == 'gradient' else 'iteration 3') in text
    assert '= nan' in text or '= inf' in text
    assert 'trainA' in text
    assert 'trainB' in text
    assert 'network ' in text
    assert 'default_hooks.health.on_nonfinite=skip' in text
    assert finite(newest_intact(tmp_path)[0])


@pytest.mark.fault
@pytest.mark.parametrize('what', ['image', 'gradient'])
def test_skip_leaves_out_the_step_and_goes_on(what, images, tmp_path):
    states = []

    class Watch(Hook):
        priority = 'LOWEST'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            states.append([p.detach().clone() for p in runner.model.D_A.parameters()])

    runner = Runner.from_cfg(poisoned(tmp_path, images, what=what, options={
        'default_hooks.health.on_nonfinite': 'skip', 'param_scheduler.constant': 100}))
    runner.register_hook(Watch())
    runner.train()
    assert runner.iter == 8
    changed = [not all(map(torch.equal, a, b)) for a, b in itertools.pairwise(states)]
    assert changed == [True, False, True, True, True, True, True]  # the step of iteration 3 was left out
    assert finite(tmp_path / 'iter_8.pth')


@pytest.mark.fault
def test_too_many_skips_in_a_row_stop(images, tmp_path):
    options = {'default_hooks.health.on_nonfinite': 'skip', 'default_hooks.health.max_skips': 2}
    with pytest.raises(TrainingError, match='iteration 3'):
        train(poisoned(tmp_path, images, what='image', times=100, options=options))
    assert finite(newest_intact(tmp_path)[0])


@pytest.mark.fault
def test_rollback_goes_back_with_a_lower_rate_and_resumes_exactly(images, tmp_path, capfd):
    options = {'default_hooks.health.on_nonfinite': 'rollback', 'default_hooks.health.rollback_factor': 0.5,
               'param_scheduler.constant': 100, 'train_dataloader.num_workers': 1,
               'custom_hooks': [dict(type='Poison', what='weight', iteration=6), dict(type='EMAHook', nets=('G_AB',))]}
    runner = train(tiny_config(PATH, tmp_path / 'whole', images, 12, options))
    said = capfd.readouterr()
    assert 'iter_4.pth, with learning rates times 0.5 (rollback 1 of 3)' in said.out + said.err
    assert runner.iter == 12
    assert runner.optim_wrapper['G'].optimizer.param_groups[0]['lr'] == pytest.approx(1e-4)
    assert [row['iter'] for row in runner.train_loop.history] == [2, 4, 6, 8, 10, 12]
    assert finite(tmp_path / 'whole' / 'iter_12.pth')
    # stopped after the rollback and resumed
    train(tiny_config(PATH, tmp_path / 'halves', images, 12, options), stop=8)
    options['custom_hooks'] = options['custom_hooks'][1:]
    train(tiny_config(PATH, tmp_path / 'halves', images, 12, options), resume=True)
    for key in EXACT:
        assert_equal(*(read_checkpoint(tmp_path / name / 'iter_12.pth').get(key) for name in ('whole', 'halves')), key)


@pytest.mark.parametrize('elsewhere', [False, True])
def test_a_rollback_goes_back_on_the_branch_of_the_run(elsewhere, images, tmp_path, capfd):
    """Resumed from an earlier checkpoint, in its folder or in a new one: not forward to what was left."""
    options = {'default_hooks.health.on_nonfinite': 'rollback', 'param_scheduler.constant': 100}
    train(tiny_config(PATH, tmp_path / 'run', images, 6, options))
    again = tiny_config(PATH, tmp_path / ('new' if elsewhere else 'run'), images, 6, {
        **options, 'default_hooks.checkpoint.interval': 6, 'load_from': str(tmp_path / 'run/iter_2.pth'),
        'resume': True, 'custom_hooks': [dict(type='Poison', what='weight', iteration=3)]})
    capfd.readouterr()
    runner = Runner.from_cfg(again)
    runner.train()
    said = capfd.readouterr()
    assert 'run/iter_2.pth, with learning rates times' in said.out + said.err
    assert [row['iter'] for row in runner.train_loop.history] == [2, 4, 6] and runner.iter == 6


def test_a_rollback_takes_back_the_best_score(images, tmp_path):
    options = {'default_hooks.health.on_nonfinite': 'rollback', 'param_scheduler.constant': 100,
               'default_hooks.checkpoint.save_best': 'PSNR', 'default_hooks.checkpoint.rule': 'greater'}
    runner = train(poisoned(tmp_path, images, what='weight', iteration=6, options=options))
    hook = next(hook for hook in runner.hooks if isinstance(hook, CheckpointHook))
    assert hook.best is not None
    best = read_checkpoint(tmp_path / 'best_PSNR.pth')
    assert best['meta']['iter'] == best['best']['iter'] == hook.best['iter']
    assert best['best']['value'] == max(row['PSNR'] for row in runner.train_loop.history)


def test_a_rollback_lowers_a_rate_that_no_schedule_sets(images, tmp_path):
    options = {'default_hooks.health.on_nonfinite': 'rollback', 'param_scheduler': None}
    runner = train(poisoned(tmp_path, images, what='weight', iteration=6, options=options))
    assert {key: wrapper.optimizer.param_groups[0]['lr'] for key, wrapper in runner.optim_wrapper.items()} == {
        'G': pytest.approx(1e-4), 'D': pytest.approx(1e-4)}


@pytest.mark.fault
def test_rollbacks_are_limited_and_need_a_checkpoint(images, tmp_path):
    options = {'default_hooks.health.on_nonfinite': 'rollback', 'default_hooks.health.max_rollbacks': 2}
    with pytest.raises(TrainingError, match='iteration 3: not finite'):
        train(poisoned(tmp_path / 'a', images, what='image', times=100, options=options))
    with pytest.raises(TrainingError, match='no checkpoint to go back to'):
        train(poisoned(tmp_path / 'b', images, what='image', iteration=1, options=options))


@pytest.mark.fault
def test_weights_that_are_not_finite_are_never_saved(images, tmp_path, capfd):
    """Even without the health hook."""
    with pytest.raises(CheckpointError, match=r'iter_6\.pth was not written: the weights .* are not finite'):
        train(poisoned(tmp_path, images, 6, what='weight', options={'default_hooks.health': None}))
    assert sorted(p.name for p in tmp_path.glob('*.pth')) == ['iter_2.pth']
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path / 'new', images, 2))
    runner.train()
    next(runner.optim_wrapper['G'].optimizer.state.values().__iter__())['exp_avg'].fill_(math.nan)
    with pytest.raises(NotFiniteError, match=r'optimizers\.G.*exp_avg is NaN'):
        runner.save_checkpoint(str(tmp_path / 'new'), 'x.pth')


@pytest.mark.fault
def test_an_average_that_is_not_finite_is_named(images, tmp_path):
    class Spoil(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            average = next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).averages['G']
            average[min(average)].fill_(math.nan)

    runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 6, {
        'custom_hooks': [dict(type='EMAHook', nets='G')]}))
    runner.register_hook(Spoil(), priority='VERY_LOW')
    name = min(runner.model.G.state_dict()).replace('.', r'\.')
    with pytest.raises(TrainingError, match='^iteration 5: networks are not finite\n  average of network G '
                                            rf'\(EMAHook\): not finite, first in {name}\n'):
        runner.train()


@pytest.mark.fault
@pytest.mark.dist
def test_nan_in_one_of_two_processes_stops_both_at_the_same_iteration(images, tmp_path):
    options = {'custom_hooks': [dict(type='Poison', what='image', iteration=3, rank=1)],
               'custom_imports': dict(imports=['test_health'])}
    cfg = write_config(tiny_config(PATH, tmp_path / 'run', images, 8, options), tmp_path / 'config.py')
    done = forked.torchrun('tools/train.py', cfg, '--launcher', 'pytorch', folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert 'iteration 3 of process 1: not finite: ' in done.stderr
    assert done.stderr.count('error: ') == 1, done.stderr
    assert 'Connection closed' not in done.stderr
    assert finite(newest_intact(tmp_path / 'run')[0])


@pytest.mark.parametrize(('options', 'message'), [
    (dict(on_nonfinite='ignore'), "on_nonfinite: expected one of 'stop', 'skip', 'rollback', found 'ignore'"),
    (dict(rollback_factor=2), r'rollback_factor: expected a number in \(0, 1\), found 2')])
def test_wrong_settings_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        HealthHook(**options)


def diagnose(hook, images, tmp_path, capfd, path=PATH, iters=6, options=None):
    options = {'default_hooks.status.interval': 1, 'default_hooks.diagnosis': dict(type='DiagnosisHook', **hook),
               'default_hooks.samples.rows': 4, **(options or {})}
    train(tiny_config(path, tmp_path, images, iters, options))
    said = capfd.readouterr()
    return [line for line in (said.out + said.err).splitlines() if 'WARNING' in line]


@pytest.mark.parametrize('path', ['configs/cyclegan/synthetic.py', PIX2PIX])
def test_a_healthy_training_is_not_warned_of(path, images, tmp_path, capfd):
    assert diagnose(dict(loading=1.0), images, tmp_path, capfd, path) == []


def test_a_saturated_discriminator_is_named_with_numbers_once(images, tmp_path, capfd):
    lines = diagnose(dict(saturated=0.99, patience=2, loading=1.0), images, tmp_path, capfd, iters=10,
                     options={'optim_wrapper.D.optimizer.lr': 0.01})
    assert len(lines) == 1
    assert 'the loss of the discriminators (D) is 0.' in lines[0]
    assert 'its first value was 0.9' in lines[0]


def test_slow_loading_is_named_once(images, tmp_path, capfd):
    lines = diagnose(dict(loading=0.0, patience=2), images, tmp_path, capfd)
    assert len(lines) == 1
    assert '% of the time goes into loading data: raise train_dataloader.num_workers' in lines[0]


class Recorder:
    """What a hook needs of a runner."""

    def __init__(self, pictures):
        self.lines, self.iter, self.logger, self.model = [], 7, self, SimpleNamespace(pictures=pictures)

    def warning(self, line):
        self.lines.append(line)


def grid(change):
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(4):
        image = cv2.resize(rng.integers(0, 256, (4, 4, 3), np.uint8), (32, 32), interpolation=cv2.INTER_CUBIC)
        source = torch.from_numpy(image).permute(2, 0, 1)
        rows.append(dict(A=source, fake_B=change(source), rec_A=source, meta={}))
    return rows


@pytest.mark.parametrize(('change', 'word'), [
    (lambda x: 255 - x, 'dark where A is bright (correlation -1.00)'),
    (lambda x: torch.full_like(x, 90), 'hardly differ from each other'),
    (lambda x: x // 2 + 40, None)])
def test_collapse_and_inversion_are_seen_in_the_samples(change, word):
    hook, runner = DiagnosisHook(), Recorder(CycleGAN.shows)
    for _ in range(5):
        hook.after_samples(runner, grid(change))
    assert len(runner.lines) == (word is not None)
    if word:
        assert word in runner.lines[0]
        assert 'iteration 7' in runner.lines[0]
        hook.after_samples(runner, grid(lambda x: x))
        for _ in range(3):
            hook.after_samples(runner, grid(change))
        assert len(runner.lines) == 2  # it came back


def test_measures_of_the_samples():
    a = torch.arange(48.0).reshape(3, 4, 4) * 5
    assert correlation([a], [a * 0.5 + 3]) == pytest.approx(1)
    assert correlation([a], [240 - a]) == pytest.approx(-1)
    assert correlation([a], [torch.zeros(3, 4, 4)]) == 0
    assert correlation([a], [torch.zeros(3, 8, 8)]) == 0
    assert spread([a, a]) == 0
    assert spread([a]) == 0
    assert spread([torch.zeros(3, 2, 2), torch.full((3, 2, 2), 2.0)]) == pytest.approx(math.sqrt(2))
