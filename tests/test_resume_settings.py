"""A config that is changed at --resume: what it asks for is done, said and recorded, or refused."""

from __future__ import annotations

import copy
import re
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
    entries['exp_avg'] = {'shape': moment[:1, :1], 'dtype': moment.half(), 'layout': moment.to_sparse(),
                          'kind': [0.0]}.get(how, moment)
    if how == 'missing':
        del entries['exp_avg_sq']


@pytest.mark.fault
@pytest.mark.parametrize(('how', 'words'), [
    ('shape', r'exp_avg of {} is float32 \(1, 1, \d, \d\), expected float32 \(\d, \d, \d, \d\)'),
    ('dtype', r'exp_avg of {} is float16 \(.*\), expected float32 \('),
    ('layout', r'exp_avg of {} is float32 \(.*\) \(torch.sparse_coo on cpu\), expected float32 \('),
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


@pytest.mark.fault
@pytest.mark.parametrize('case', CHANGES)
def test_a_changed_setting_is_used_said_and_recorded(case, images, tmp_path, capfd):
    """From the first resumed iteration on, settings are those of an undisturbed run with the changed config."""
    optimizer, schedule, change, words = CHANGES[case]
    settings(updating(config(PIX2PIX, tmp_path / 'run', images), optimizer, schedule, {}), stop=2)
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
