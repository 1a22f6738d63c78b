"""Configs with a wrong value anywhere: the check accepts or says where the mistake is; what it accepts can be trained.

One config of each method is spelled out (all sections, all defaults of all parts), and every key of it gets values of
other kinds and sizes. A part of them, which changes from day to day, runs by default; ``-m slow`` runs more.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import itertools
import math
import random
import re
import resource
import signal
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from tiny import tiny_config

from toolbox import registry as registries
from toolbox.engine import Runner, check, check_parts, check_scores
from toolbox.engine.config import complete
from toolbox.errors import UserError
from toolbox.registry import known_names, parameters

VALUES: tuple[Any, ...] = (
    -1, 0, 1, None, True, False, 10**9, 10**30, -10**30, 0.5, -0.5, 1e-300, math.nan, math.inf, -math.inf, '', 'x',
    'a\0b', 'é' * 300, b'x', [], [1], [[]], [None], ['x'], [{}], (), {}, dict(a=1), dict(type='x'), dict(type=5),
    [dict(type='x')])
METHODS = ('cyclegan', 'pix2pix', 'gan', 'cgan', 'dcgan', 'wgan', 'wgan_gp', 'vae', 'autoencoder', 'stargan',
           'starganv2', 'aggan', 'ugatit')
CONFIGS = (*(f'{name}/synthetic' for name in METHODS), 'pix2pix/facades', 'starganv2/afhq', 'wgan/cifar10')
SECTIONS = {
    'env_cfg': dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
                    dist_cfg=dict(backend='nccl', timeout=1800), resource_limit=4096),
    'custom_imports': dict(imports=['json'], allow_failed_imports=False), 'compile': False,
    'auto_scale_lr': dict(enable=False, base_batch_size=4),
    'visualizer': dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]),
    'load_from': None, 'resume': False, 'launcher': 'none', 'log_level': 'INFO', 'experiment_name': 'x',
    'sync_bn': None, 'find_unused_parameters': False,
    'randomness': dict(seed=0, deterministic=False, diff_rank_seed=False)}
HOOKS = dict(status='StatusHook', param_scheduler='ParamSchedulerHook', samples='SampleHook',
             checkpoint='CheckpointHook', signals='SignalHook', bad_images='BadImageHook', health='HealthHook',
             diagnosis='DiagnosisHook', results='ResultsHook')
PER_CASE = 10  # seconds; a check takes far below one
PLACE = re.compile(r'[A-Za-z_][\w.]*: ')


class TooSlow(BaseException):
    pass


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooSlow
    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def plain(node: Any) -> Any:
    """A copy without shared parts, of dicts, lists and values."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.items()}
    return [plain(item) for item in node] if isinstance(node, (list, tuple)) else node


@cache
def classes() -> dict[str, Any]:
    """Parts by name; where several registries have a name, the first."""
    found: dict[str, Any] = {}
    for registry in vars(registries).values():
        if hasattr(registry, 'module_dict'):
            found = {**{name: registry.get(name) for name in known_names(registry)}, **found}
    return found


def spell_out(node: Any) -> None:
    """Add the defaults of all parts, in place."""
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        spell_out(item)
    if isinstance(node, dict) and isinstance(node.get('type'), str) and node['type'] in classes():
        for name, p in parameters(classes()[node['type']])[0].items():
            if isinstance(p.default, (bool, int, float, str, tuple, type(None))) and name != 'channels':
                node.setdefault(name, plain(p.default))


@cache
def full_config(name: str, images: Path) -> dict[str, Any]:
    """A tiny config of a method in which everything that can be said is said."""
    cfg = plain(tiny_config(f'configs/{name}.py', Path('work_dirs/fuzz'), images, iters=2).to_dict())
    cfg |= {key: value for key, value in plain(SECTIONS).items() if cfg.get(key) is None or key == 'randomness'}
    for key, hook in HOOKS.items():
        cfg.setdefault('default_hooks', {}).setdefault(key, {})['type'] = hook
    for key, entry in cfg['optim_wrapper'].items():
        if key != 'amp':
            entry.setdefault('clip_grad', dict(max_norm=1.0))
            nets = [entry['nets']] if isinstance(entry['nets'], str) else entry['nets']
            entry.setdefault('lr_mult', {nets[0]: 1.0})
    spell_out(cfg)
    for key in ('test_dataloader', 'test_evaluator', 'test_cfg'):  # those of the validation
        cfg.pop(key, None)
    assert not problems(cfg), problems(cfg)
    return cfg


def problems(cfg: dict[str, Any]) -> list[str]:
    """What ``train`` does with a config before it trains."""
    config = Config(copy.deepcopy(cfg))
    complete(config)
    return check.check_config(config)


def paths(node: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if not str(key).startswith('_'):
            yield (*before, key)
            yield from paths(value, (*before, key))


def mutant(cfg: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(cfg)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = copy.deepcopy(value)
    return changed


def judged(name: str, images: Path, path: tuple[str | int, ...], value: Any) -> str:
    """'' for a mutant that is accepted or refused as it should be, else what is wrong; 'accepted' is told apart."""
    try:
        with time_limit(PER_CASE):
            found = problems(mutant(full_config(name, images), path, value))
    except UserError as error:
        found = str(error).split('\n')[:1]
    except TooSlow:
        return f'over {PER_CASE} s'
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    nowhere = [message for message in found if not PLACE.match(message)]
    return f'no place: {nowhere[0]}' if nowhere else 'refused' if found else 'accepted'


def sample(images: Path, count: int, seed: int) -> list[tuple[str, tuple[str | int, ...], Any]]:
    """Mutations of all configs, as many of each."""
    rng = random.Random(seed)
    return [(name, path, value) for name in CONFIGS for path, value in
            zip(rng.choices([*paths(full_config(name, images))], k=math.ceil(count / len(CONFIGS))),
                rng.choices(VALUES, k=count), strict=False)]


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that are tried again in the next mutant are not built again."""
    memory: dict[str, Any] = {}

    def tried(cfg: Any, registry: Any, where: str) -> Any:
        if (key := f'{registry.name} {where} {cfg!r}') not in memory:
            memory[key] = original(cfg, registry, where)
        part, messages = memory[key]
        return part, [*messages]
    original = check_parts.tried
    for module in (check, check_parts, check_scores):
        monkeypatch.setattr(module, 'tried', tried)


def assert_all_judged(images: Path, count: int, seed: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cases = sample(images, count, seed)
    found = [(*case, judged(case[0], images, *case[1:])) for case in cases]
    outcomes = [case[-1] for case in found]
    print(f'\n{len(found)} mutated configs (seed {seed}): {outcomes.count("refused")} refused, '
          f'{outcomes.count("accepted")} accepted')
    wrong = [(name, '.'.join(map(str, path)), value, outcome) for name, path, value, outcome in found
             if outcome not in ('refused', 'accepted')]
    assert not wrong, '\n'.join(map(str, wrong))
    assert outcomes.count('refused') > len(found) / 2 and outcomes.count('accepted') > len(found) / 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB


@pytest.mark.fault
def test_a_wrong_value_anywhere_is_accepted_or_explained(images: Path, remembered: None) -> None:
    assert_all_judged(images, 400, datetime.date.today().toordinal())


@pytest.mark.slow
def test_4000_wrong_values_are_accepted_or_explained(images: Path, remembered: None) -> None:
    assert_all_judged(images, 4000, 0)


# What would change the run itself: another folder, weights, length, or minutes of compilation
NOT_TRAINED = re.compile(r'work_dir|load_from|resume|launcher|compile|train_cfg\.max_|env_cfg\.mp_cfg')
QUICK = ('gan', 'pix2pix', 'cyclegan', 'stargan')


def outcome_of_training(cfg: dict[str, Any], folder: Path) -> str:
    """'trained' or 'explained', else the error that no user should see."""
    config = Config(copy.deepcopy(cfg) | {'work_dir': str(folder)})
    try:
        with time_limit(6 * PER_CASE):
            complete(config)
            Runner.from_cfg(config).train()
    except UserError:
        return 'explained'
    except TooSlow:
        return 'too slow'
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return 'trained'


def assert_accepted_ones_train(images: Path, folder: Path, count: int, seed: int) -> None:
    rng, outcomes = random.Random(seed), []
    names = itertools.cycle(f'{name}/synthetic' for name in QUICK)
    candidates = {f'{name}/synthetic': [path for path in paths(full_config(f'{name}/synthetic', images))
                                        if not NOT_TRAINED.match('.'.join(map(str, path)))] for name in QUICK}
    while len(outcomes) < count:
        name = next(names)
        path, value = rng.choice(candidates[name]), rng.choice(VALUES)
        if judged(name, images, path, value) == 'accepted':
            cfg = mutant(full_config(name, images), path, value)
            place = '.'.join(map(str, path))
            outcomes.append((name, place, value, outcome_of_training(cfg, folder / str(len(outcomes)))))
    wrong = [case for case in outcomes if case[-1] not in ('trained', 'explained')]
    print(f'\n{count} accepted configs trained (seed {seed}), {len(wrong)} wrongly')
    assert not wrong, '\n'.join(map(str, wrong))
    assert sum(case[-1] == 'trained' for case in outcomes) > count / 2


@pytest.mark.fault
@pytest.mark.filterwarnings('ignore')
def test_what_the_check_accepts_trains_or_is_explained(images: Path, remembered: None, tmp_path: Path) -> None:
    assert_accepted_ones_train(images, tmp_path, 5, datetime.date.today().toordinal())


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
def test_120_accepted_configs_train_or_are_explained(images: Path, remembered: None, tmp_path: Path) -> None:
    assert_accepted_ones_train(images, tmp_path, 120, 0)
