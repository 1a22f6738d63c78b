"""A run happens in the order in which ``Runner.train`` and ``Runner.test`` are written; little of MMEngine is
replaced."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner as MMEngineRunner
from tiny import ROOT, draw_images, tiny_config
from torch.utils.data import DataLoader, Dataset

from toolbox.data.loader import build_dataloader
from toolbox.engine import Runner, loops, runner
from toolbox.engine.evaluation import TestLoop, ValLoop
from toolbox.errors import ConfigError, DataError
from toolbox.methods import CycleGAN
from toolbox.randomness.keys import SampleKey
from toolbox.registry import DATASETS, RUNNERS

CONFIG = 'configs/cyclegan/horse2zebra.py'
DECISION = ROOT / 'docs/decisions/005-own-runner.md'
MOST_OVERRIDES = 11


@pytest.fixture(scope='module')
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_images(tmp_path_factory.mktemp('images'))


class Journal(Hook):
    """What was called, in order; hooks are called once before the others."""

    priority = 'HIGHEST'

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattribute__(self, name: str):
        value = super().__getattribute__(name)
        if name.startswith(('before_', 'after_', 'on_', 'close')):
            self.calls.append(name)
        return value

    def after_iteration(self, runner) -> None: ...

    def close(self, runner) -> None: ...

    def wrap(self, monkeypatch: pytest.MonkeyPatch, owner, *names: str) -> None:
        for name in names:
            monkeypatch.setattr(owner, name, self._recorded(name, getattr(owner, name)))

    def _recorded(self, name: str, function):
        def call(*args, **kwargs):
            self.calls.append(name)
            return function(*args, **kwargs)
        return call


def test_the_steps_of_a_training(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()
    journal.wrap(monkeypatch, Runner, 'keep_entries', 'start_processes', 'seed_everything', 'name_run',
                 'build_networks', 'register_all_hooks', 'build_optimizers', 'build_schedules', 'initialise_weights',
                 'load_or_resume', 'write_config', 'count_steps')
    journal.wrap(monkeypatch, CycleGAN, 'compile_networks')
    journal.wrap(monkeypatch, runner, 'make_work_dir', 'open_logs', 'build_dataset', 'locked', 'remove_leftovers')
    journal.wrap(monkeypatch, loops.TrainLoop, 'run')
    metrics = {'val_evaluator': [dict(type='L1', pred='fake_B', target='B')]}
    run = Runner.from_cfg(tiny_config(CONFIG, tmp_path, images, 1, metrics))
    assert journal.calls == ['make_work_dir', 'keep_entries', 'start_processes', 'seed_everything', 'name_run',
                             'open_logs', 'build_dataset', 'build_networks', 'register_all_hooks']
    journal.calls.clear()
    run.register_hook(journal)
    monkeypatch.setattr(run.visualizer, 'close', lambda: journal.calls.append('visualizer closed'))
    run.train()
    assert journal.calls == [
        'locked', 'remove_leftovers', 'build_optimizers', 'build_schedules', 'before_run', 'initialise_weights',
        'load_or_resume', 'write_config', 'count_steps', 'compile_networks', 'run', 'before_train',
        'before_train_epoch', 'before_train_iter', 'after_train_iter', 'before_val', 'before_val_epoch',
        *['before_val_iter', 'after_val_iter'] * len(run.val_dataloader), 'after_val_epoch', 'after_val',
        'after_iteration', 'before_save_checkpoint', 'after_train', 'after_run', 'close', 'visualizer closed']


def test_the_steps_of_a_test(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Runner.from_cfg(tiny_config(CONFIG, tmp_path / 'run', images, 1)).train()
    cfg = tiny_config(CONFIG, tmp_path / 'test', images, 1, {'load_from': str(tmp_path / 'run/iter_1.pth')})
    run, journal = Runner.from_cfg(cfg, trains=False), Journal()
    journal.wrap(monkeypatch, Runner, 'load_or_resume', 'write_config')
    run.register_hook(journal)
    run.test()
    assert journal.calls == [
        'before_run', 'load_or_resume', 'after_load_checkpoint', 'write_config', 'before_test', 'before_test_epoch',
        *['before_test_iter', 'after_test_iter'] * len(run.test_dataloader), 'after_test_epoch', 'after_test',
        'after_run', 'close']
    assert 'train_dataloader' in (tmp_path / 'test/config.py').read_text()


def test_hooks_close_and_the_lock_opens_when_a_step_fails(images: Path, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    cfg, journal = tiny_config(CONFIG, tmp_path, images, 1), Journal()
    run = Runner.from_cfg(cfg)
    run.register_hook(journal)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match='no weights'):
        patch.setattr(Runner, 'initialise_weights', lambda self: (_ for _ in ()).throw(RuntimeError('no weights')))
        run.train()
    assert journal.calls == ['before_run', 'close']
    assert not (tmp_path / 'config.py').exists()
    Runner.from_cfg(cfg).train()


def overrides() -> set[str]:
    return {name for name in vars(Runner).keys() & vars(MMEngineRunner).keys() if name not in ('__module__', '__doc__')}


def test_few_methods_of_mmengines_runner_are_replaced_and_each_is_explained() -> None:
    explained = set(re.findall(r'`(\w+)`', '\n'.join(
        line.split('|')[1] for line in DECISION.read_text().splitlines() if line.startswith('| `'))))
    assert overrides() == explained
    assert len(explained) <= MOST_OVERRIDES


def test_the_registry_builds_the_runner(images: Path, tmp_path: Path) -> None:
    cfg = tiny_config(CONFIG, tmp_path, images, 1)
    cfg.runner_type = 'Runner'
    run = RUNNERS.build(cfg)
    assert type(run) is Runner and len(run.train_dataset) == 5


@DATASETS.register_module()
class CountedBuilds(Dataset):
    """A data set of a plugin that counts how often it is built, and draws random numbers then."""

    built = 0

    def __init__(self, data_root: str | None = None) -> None:
        type(self).built += 1
        self.numbers = (random.random(), np.random.rand(), torch.rand(3))

    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: SampleKey) -> dict:
        return {'A': torch.full((3, 32, 32), 9, dtype=torch.uint8), 'B': torch.zeros(3, 32, 32, dtype=torch.uint8)}


def with_drawn(images: Path, tmp_path: Path, **options):
    cfg = tiny_config(CONFIG, tmp_path, images, 1, options)
    cfg.train_dataloader.dataset = dict(type='CountedBuilds')
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    return cfg


def test_the_training_set_is_built_once_and_before_the_model(images: Path, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    CountedBuilds.built, seen = 0, []
    build_model = Runner.build_model
    monkeypatch.setattr(Runner, 'build_model', lambda self, model: seen.append(len(self.train_dataset)) or build_model(
        self, model))
    run = Runner.from_cfg(with_drawn(images, tmp_path))
    assert seen == [4] and CountedBuilds.built == 1
    run.train()
    assert CountedBuilds.built == 1 and run.train_dataloader.dataset is run.train_dataset


def test_building_the_training_set_draws_no_random_numbers_from_the_training(images: Path, tmp_path: Path) -> None:
    own = Runner.from_cfg(tiny_config(CONFIG, tmp_path / 'own', images, 1))
    own.initialise_weights()
    drawn = Runner.from_cfg(with_drawn(images, tmp_path / 'drawn'))
    drawn.initialise_weights()
    for (name, one), other in zip(own.model.named_parameters(), drawn.model.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_a_test_reads_no_training_set_unless_it_is_asked_for(images: Path, tmp_path: Path) -> None:
    CountedBuilds.built = 0
    run = Runner.from_cfg(with_drawn(images, tmp_path), trains=False)
    run.test()
    assert CountedBuilds.built == 0
    assert len(run.train_dataset) == 4 and len(run.train_dataset) == 4 and CountedBuilds.built == 1
    cfg = tiny_config(CONFIG, tmp_path, images, 1)
    cfg.train_dataloader.dataset.data_root = str(tmp_path / 'nowhere')
    Runner.from_cfg(cfg, trains=False).test()
    with pytest.raises(DataError, match='nowhere'):
        Runner.from_cfg(cfg)


def test_a_finished_data_loader_is_taken_as_it_is(images: Path, tmp_path: Path) -> None:
    cfg = tiny_config(CONFIG, tmp_path, images, 2)
    loader = build_dataloader(cfg.train_dataloader, seed=0)
    entries = {key: cfg[key] for key in ('model', 'work_dir', 'train_cfg', 'optim_wrapper', 'randomness')}
    run = Runner(train_dataloader=loader, **entries)
    assert run.train_dataset is loader.dataset
    run.train()
    assert run.train_dataloader is loader and isinstance(loader, DataLoader) and run.iter == 2


def test_half_of_what_a_loop_needs_is_refused(images: Path, tmp_path: Path) -> None:
    cfg = tiny_config(CONFIG, tmp_path, images, 2)
    cfg.val_evaluator = None
    with pytest.raises(ConfigError, match='val_evaluator: give all of them or none; missing: val_evaluator'):
        Runner.from_cfg(cfg)
    empty = Runner(model=cfg.model, work_dir=str(tmp_path))
    with pytest.raises(ConfigError, match='nothing to train'):
        empty.train()
    with pytest.raises(ConfigError, match='nothing to test'):
        empty.test()


def test_the_loops_have_their_names() -> None:
    assert {loop.__name__ for loop in (loops.TrainLoop, ValLoop, TestLoop)} == {'TrainLoop', 'ValLoop', 'TestLoop'}


@pytest.mark.parametrize('kinds', [(), ('L1',)])
def test_metrics_may_be_in_a_tuple(images: Path, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    cfg = tiny_config(CONFIG, tmp_path, images, 1)
    cfg.val_evaluator = cfg.test_evaluator = tuple(dict(type=kind, pred='fake_B', target='B') for kind in kinds)
    run = Runner.from_cfg(cfg)
    run.train()
    assert [kind for scores in run.train_loop.history for kind in ('L1',) if kind in scores] == [*kinds]
