"""A config that is changed at --resume: what it asks for is done, said and recorded, or refused."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from runs import EXACT, StopAt, assert_equal, train
from tiny import tiny_config

from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.errors import CheckpointError
from toolbox.files.checkpoint import read_checkpoint

CYCLEGAN, PIX2PIX = 'configs/cyclegan/facades.py', 'configs/pix2pix/facades.py'
# Names of networks in another order than that of the config.
ORDERS = {
    CYCLEGAN: {'optim_wrapper.G.nets': ('G_BA', 'G_AB'), 'optim_wrapper.D.nets': ['D_B', 'D_A']},
    'configs/starganv2/afhq.py': {'optim_wrapper.G.nets': ('E', 'F', 'G')},
}
QUICK = {'train_cfg': dict(_delete_=True, max_iters=4), 'default_hooks.samples': None, 'val_dataloader': None,
         'val_evaluator': None, 'val_cfg': None}


def config(path: str, folder: Path, images: Path, iters: int = 4, **options: Any) -> Any:
    return tiny_config(path, folder, images, iters, {**QUICK, 'train_cfg': dict(_delete_=True, max_iters=iters),
                                                     **options})


def moments(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Entries of all optimisers by the name of the parameter."""
    found = {}
    for key, state in checkpoint['optimizers'].items():
        for group in state['optimizer']['param_groups']:
            for name, number in zip(group['param_names'], group['params'], strict=True):
                found[f'{key}.{name}'] = state['optimizer']['state'].get(number)
    return found


def without_names(path: Path) -> None:
    """As version 0.1.0 wrote it."""
    checkpoint = torch.load(path, weights_only=True)
    for state in checkpoint['optimizers'].values():
        for group in state['optimizer']['param_groups']:
            del group['param_names'], group['asked']
    torch.save(checkpoint, path)


@pytest.mark.fault
@pytest.mark.parametrize(('path', 'old'), [*((path, False) for path in ORDERS), (CYCLEGAN, True)])
def test_moments_stay_with_their_parameters_whatever_the_order(path, old, images, tmp_path):
    whole = config(path, tmp_path / 'whole', images)
    train(whole)
    train(config(path, tmp_path / 'halves', images), stop=2)
    if old:
        without_names(tmp_path / 'halves/iter_2.pth')
    train(config(path, tmp_path / 'halves', images, **ORDERS[path]), resume=True)
    a, b = (read_checkpoint(tmp_path / name / 'iter_4.pth') for name in ('whole', 'halves'))
    for key in ('state_dict', 'schedulers', 'ranks'):
        assert_equal(a[key], b[key], key)
    assert_equal(moments(a), moments(b), 'moments')


def spoil(entries: dict[str, Any], how: str) -> None:
    moment = entries['exp_avg']
    entries['exp_avg'] = {'shape': moment[:1, :1], 'dtype': moment.half(), 'kind': [0.0]}.get(how, moment)
    if how == 'missing':
        del entries['exp_avg_sq']


@pytest.mark.fault
@pytest.mark.parametrize(('how', 'words'), [
    ('shape', r'exp_avg of {} is float32 \(1, 1, \d, \d\), expected float32 \(\d, \d, \d, \d\)'),
    ('dtype', r'exp_avg of {} is float16 \(.*\), expected float32 \('),
    ('kind', r'exp_avg of {} is list, expected float32 \('),
    ('missing', r'exp_avg_sq of {} is missing, expected float32 \(')])
def test_moments_that_do_not_fit_are_named_with_both_shapes(how, words, images, tmp_path):
    train(config(PIX2PIX, tmp_path, images, 1))
    path = tmp_path / 'iter_1.pth'
    checkpoint = read_checkpoint(path)
    state = checkpoint['optimizers']['G']['optimizer']
    names = state['param_groups'][0]['param_names']
    number = next(n for n, entries in state['state'].items() if entries['exp_avg'].ndim == 4)
    spoil(state['state'][number], how)
    torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match=rf'iter_1.pth: optim_wrapper.G does not fit the config: '
                                              rf'{words.format(re.escape(names[number]))}.* load_from='):
        train(config(PIX2PIX, tmp_path, images, 2), resume=True)


class Settings(Hook):
    """The settings of G in each iteration."""

    priority = 'HIGHEST'

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen.append({k: v for k, v in runner.optim_wrapper['G'].optimizer.param_groups[0].items()
                          if k in ('lr', 'betas', 'eps', 'weight_decay', 'momentum')})


def settings(cfg: Any, stop: int | None = None, resume: bool = False) -> list[dict[str, Any]]:
    cfg.resume = resume
    runner, hook = Runner.from_cfg(cfg), Settings()
    runner.register_hook(hook)
    if stop:
        runner.register_hook(StopAt(stop), priority='HIGHEST')
    runner.train()
    return hook.seen


ADAM = dict(type='Adam', lr=2e-4, betas=(0.5, 0.999))
SGD = dict(type='SGD', lr=0.01, momentum=0.5)
LINEAR = dict(type='LinearDecayLR', constant=1, decay=4, by_epoch=False)
COSINE = dict(type='CosineAnnealingLR', T_max=6, eta_min=1e-6, by_epoch=False)
WARMUP = [dict(type='LinearLR', start_factor=0.1, end=3, by_epoch=False), dict(type='StepLR', step_size=2)]
CHANGES = {
    'lr': (ADAM, None, {'optim_wrapper.G.optimizer.lr': 1e-6}, 'lr of G 0.0002 -> 1e-06'),
    'lr, with a schedule': (ADAM, LINEAR, {'optim_wrapper.G.optimizer.lr': 1e-6}, 'lr of G 0.00012 -> 6e-07'),
    'lr, with a chained schedule': (ADAM, COSINE, {'optim_wrapper.G.optimizer.lr': 1e-3},
                                    'lr of G 0.00015025 -> 0.00075025'),
    'lr, with a warm-up': (ADAM, WARMUP, {'optim_wrapper.G.optimizer.lr': 1e-3}, r'lr of G 0.0002\d* -> 0.001'),
    'betas': (ADAM, LINEAR, {'optim_wrapper.G.optimizer.betas': (0.9, 0.9)},
              r'betas of G \(0.5, 0.999\) -> \(0.9, 0.9\)'),
    'weight decay': (ADAM, None, {'optim_wrapper.G.optimizer.weight_decay': 0.1}, 'weight_decay of G 0 -> 0.1'),
    'eps': (ADAM, COSINE, {'optim_wrapper.G.optimizer.eps': 1e-3}, 'eps of G 1e-08 -> 0.001'),
    'momentum': (SGD, None, {'optim_wrapper.G.optimizer.momentum': 0.9}, 'momentum of G 0.5 -> 0.9'),
    'lr_mult': (ADAM, LINEAR, {'optim_wrapper.G.lr_mult': dict(G=0.5)}, 'lr of G 0.00012 -> 6e-05'),
    'a longer schedule': (ADAM, LINEAR, {'param_scheduler.constant': 4}, 'param_scheduler.constant 1 -> 4'),
    'another schedule': (ADAM, LINEAR, {'param_scheduler': COSINE}, "param_scheduler.type 'LinearDecayLR' -> 'Cos"),
    'more schedules': (ADAM, COSINE, {'param_scheduler': WARMUP}, r'param_scheduler \{.* -> \['),
    'no schedule': (ADAM, LINEAR, {'param_scheduler': None}, r'param_scheduler \{.* -> None'),
    'a first schedule': (ADAM, None, {'param_scheduler': LINEAR}, r'param_scheduler None -> \{'),
}


def updating(cfg: Any, optimizer: dict[str, Any], schedule: Any, change: dict[str, Any]) -> Any:
    cfg.optim_wrapper.G.optimizer, cfg.param_scheduler = dict(optimizer), copy.deepcopy(schedule)
    for key, value in change.items():
        if key == 'param_scheduler':
            cfg.param_scheduler = copy.deepcopy(value)
        else:
            cfg.merge_from_dict({key: value})
    return cfg


@pytest.fixture(scope='module')
def begin(once, images):
    """Fill a folder with what two iterations of an optimiser with a schedule leave, made once for each."""
    def fill(folder: Path, optimizer: dict[str, Any], schedule: Any) -> None:
        name = re.sub(r'\W+', '_', f'begun {optimizer} {schedule}')
        shutil.copytree(once(name, lambda root: settings(
            updating(config(PIX2PIX, root, images), optimizer, schedule, {}), stop=2)), folder)
    return fill


@pytest.mark.fault
@pytest.mark.parametrize('case', CHANGES)
def test_a_changed_setting_is_used_said_and_recorded(case, begin, images, tmp_path, capfd):
    """From the first resumed iteration on, settings are those of an undisturbed run with the changed config."""
    optimizer, schedule, change, words = CHANGES[case]
    begin(tmp_path / 'run', optimizer, schedule)
    expected = settings(updating(config(PIX2PIX, tmp_path / 'new', images), optimizer, schedule, change))[2:]
    capfd.readouterr()
    cfg = updating(config(PIX2PIX, tmp_path / 'run', images), optimizer, schedule, change)
    found = settings(cfg, resume=True)
    for a, b in zip(found, expected, strict=True):
        assert a.pop('lr') == pytest.approx(b.pop('lr'), rel=1e-12)
        assert a == b
    assert re.search(f'resume: from iteration 3 on: {words}', capfd.readouterr().out)
    kept = read_checkpoint(tmp_path / 'run/iter_4.pth')
    for recorded in (load_config(tmp_path / 'run/config.py'), kept['config']):
        assert recorded['optim_wrapper']['G']['optimizer'] == dict(cfg.optim_wrapper.G.optimizer)
        assert recorded.get('param_scheduler') == cfg.get('param_scheduler')


@pytest.mark.parametrize('schedule', [LINEAR, COSINE, WARMUP], ids=['linear', 'cosine', 'warmup'])
def test_an_unchanged_config_says_nothing_and_resumes_bit_for_bit(schedule, images, tmp_path, capfd):
    def updated(name: str) -> Any:
        return updating(config(PIX2PIX, tmp_path / name, images), dict(ADAM, weight_decay=0.01), schedule, {})
    train(updated('whole'))
    train(updated('halves'), stop=2)
    train(updated('halves'), resume=True)
    a, b = (read_checkpoint(tmp_path / name / 'iter_4.pth') for name in ('whole', 'halves'))
    for key in EXACT:
        assert_equal(a.get(key), b.get(key), key)
    assert 'resume: ' not in capfd.readouterr().out


def test_a_finished_run_goes_on_as_if_it_had_been_longer(images, tmp_path):
    """The schedule of the short run ended with it; that of the longer one has not."""
    def cosine(name: str, iters: int) -> Any:
        return updating(config(PIX2PIX, tmp_path / name, images, iters), ADAM, COSINE, {})
    expected = settings(cosine('whole', 4))
    found = settings(cosine('run', 2)) + settings(cosine('run', 4), resume=True)
    assert [each['lr'] for each in found] == pytest.approx([each['lr'] for each in expected], rel=1e-12)


@pytest.mark.parametrize('schedule', [None, LINEAR, COSINE], ids=['none', 'linear', 'cosine'])
def test_rollbacks_lower_changed_rates_too(schedule, images, tmp_path):
    settings(updating(config(PIX2PIX, tmp_path, images), ADAM, schedule, {}), stop=2)
    path = tmp_path / 'iter_2.pth'
    torch.save({**read_checkpoint(path), 'health': dict(rollbacks=1, factor=0.5)}, path)
    change = {'optim_wrapper.G.optimizer.lr': 1e-3}
    expected = settings(updating(config(PIX2PIX, tmp_path / 'new', images), ADAM, schedule, change))[2:]
    found = settings(updating(config(PIX2PIX, tmp_path, images), ADAM, schedule, change), resume=True)
    assert found[0]['lr'] == pytest.approx(expected[0]['lr'] / 2, rel=1e-12)
    if schedule is not COSINE:  # whose lowest rate is what it is
        assert found[1]['lr'] == pytest.approx(expected[1]['lr'] / 2, rel=1e-12)


@pytest.mark.fault
def test_other_changes_are_said_and_another_seed_is_refused(images, tmp_path, capfd):
    constant = {'param_scheduler.constant': 100}
    train(config(PIX2PIX, tmp_path, images, 3, **constant))
    with pytest.raises(CheckpointError, match=r'randomness.seed: 5 in the config, but .*iter_3.pth was trained with 0'
                                              r'.*randomness.seed=0'):
        train(config(PIX2PIX, tmp_path, images, 4, **constant, **{'randomness.seed': 5}), resume=True)
    capfd.readouterr()
    runner = train(config(PIX2PIX, tmp_path, images, 5, **constant, **{
        'train_dataloader.batch_size': 2, 'model.w_rec': 10.0, 'load_from': str(tmp_path / 'iter_3.pth')}), resume=True)
    said = re.findall('from iteration 4 on: (.*)', capfd.readouterr().out)
    assert said == ['samples per iteration 1 -> 2', 'model.w_rec 100.0 -> 10.0',
                    'train_dataloader.batch_size 1 -> 2', 'train_cfg.max_iters 3 -> 5']
    # 3 of 5 images are one of 3 iterations of 2
    assert (runner.epoch, runner.train_loop.epoch_iter, runner.train_loop.samples) == (1, 0, 7)


@pytest.mark.fault
@pytest.mark.parametrize(('optimizer', 'words'), [
    (SGD, r'optim_wrapper.G does not fit the config: it is of Adam, the config has SGD\. .*load_from='),
    (dict(ADAM, amsgrad=True), r'max_exp_avg_sq of G\..* is missing, expected float32')])
def test_what_cannot_be_changed_at_a_resume_is_refused(optimizer, words, images, tmp_path):
    settings(updating(config(PIX2PIX, tmp_path, images, 1), ADAM, None, {}))
    with pytest.raises(CheckpointError, match=words):
        settings(updating(config(PIX2PIX, tmp_path, images, 2), optimizer, None, {}), resume=True)


def test_moments_of_networks_that_another_optimiser_stepped_are_refused(images, tmp_path):
    """Names that the config does not have."""
    path = 'configs/starganv2/afhq.py'
    train(config(path, tmp_path, images, 1))
    checkpoint = read_checkpoint(tmp_path / 'iter_1.pth')
    for group in checkpoint['optimizers']['G']['optimizer']['param_groups']:
        group['param_names'] = [name.replace('E.', 'X.', 1) for name in group['param_names']]
    torch.save(checkpoint, tmp_path / 'iter_1.pth')
    with pytest.raises(CheckpointError, match=r'optim_wrapper.G does not fit .* \d+ parameters are not in the '
                                              r'checkpoint \(first: E\..*are in the checkpoint alone \(first: X'):
        train(config(path, tmp_path, images, 2), resume=True)


def test_a_seed_that_was_drawn_stays(images, tmp_path):
    first = train(config(PIX2PIX, tmp_path, images, 1, **{'randomness.seed': None}))
    second = train(config(PIX2PIX, tmp_path, images, 2, **{'randomness.seed': None}), resume=True)
    third = train(config(PIX2PIX, tmp_path, images, 3, **{'randomness.seed': first.seed}), resume=True)
    assert first.seed == second.seed == third.seed == third.train_loop.dataloader.sampler.seed


@pytest.mark.fault
@pytest.mark.parametrize(('optimizer', 'schedule', 'words'), [
    (ADAM, dict(type='LinearDecayLR', constant=1, decay=1, off_by_one=True, by_epoch=False, end=9),
     r'the learning rate of G is 0 from iteration 2 on: 3 of 4 iterations .* type train_cfg.max_iters=1$'),
    (ADAM, dict(type='CosineAnnealingLR', T_max=3, by_epoch=False, end=9),
     r'the learning rate of G is 0 from iteration 4 on: 1 of 4 iterations .* type train_cfg.max_iters=3$'),
    (dict(ADAM, lr=0.0), None, r'G is 0 from iteration 1 on: 4 of 4 .* raise optim_wrapper.G.optimizer.lr$'),
    (ADAM, LINEAR, None)], ids=['linear', 'cosine', 'zero', 'never'])
def test_iterations_that_train_nothing_are_said_at_the_start(optimizer, schedule, words, images, tmp_path, capfd):
    rates = settings(updating(config(PIX2PIX, tmp_path, images), optimizer, schedule, {}))
    said = [line for line in capfd.readouterr().out.splitlines() if 'learning rate of G' in line]
    assert bool(words) == any(each['lr'] == 0 for each in rates)
    assert len(said) == bool(words)
    if words:
        assert re.search(words, said[0])
        first = next(i for i, each in enumerate(rates, 1) if each['lr'] == 0)
        assert f'from iteration {first} on: {5 - first} of 4' in said[0]


def test_it_is_said_at_a_resume_behind_the_end_of_a_schedule(images, tmp_path, capfd):
    schedule = dict(LINEAR, decay=1, end=9)
    settings(updating(config(PIX2PIX, tmp_path, images, 3), ADAM, schedule, {}))
    capfd.readouterr()
    rates = settings(updating(config(PIX2PIX, tmp_path, images, 5), ADAM, schedule, {}), resume=True)
    assert [each['lr'] for each in rates] == [0, 0]
    assert 'learning rate of G is 0 from iteration 4 on: 2 of 5' in capfd.readouterr().out
