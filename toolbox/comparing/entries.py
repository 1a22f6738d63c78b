"""What is compared: configs that are read, given one data set and one budget, and checked, all before any training."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from ..data.loader import build_dataset
from ..engine.check import check_config
from ..engine.config import load_config
from ..engine.config_text import read_config
from ..engine.state import plain_config
from ..errors import ConfigError, UserError, did_you_mean
from ..files.configs import find_config
from .budget import Length, length_of, with_budget
from .scoring import TestSet

UNTRANSLATED = 'untranslated'  # the sources themselves, in a row of their own
ELSEWHERE = ('work_dir', 'resume', 'randomness')
KEPT = 80  # characters of a value in a message


class Budget(NamedTuple):
    """What every training gets: a number of iterations, or minutes of this machine that are made such a number."""

    iters: int | None
    minutes: float | None

    def __str__(self) -> str:
        return f'{self.iters} iterations' if self.iters else f'{self.minutes:g} minutes'


@dataclass
class Entry:
    """A config of a comparison.

    Attributes:
        label: its name in tables and pictures.
        path: of the config.
        cfg: complete and checked, with the data of the comparison and the length of its own.
        own: that length.
        folder: for its trainings.
        notes: what the budget leaves as it is.
    """

    label: str
    path: str
    cfg: Config
    own: Length
    folder: Path
    notes: list[str] = field(default_factory=list)

    def training(self, iters: int, seed: int, folder: Path) -> Config:
        """The config of one training."""
        cfg, self.notes = with_budget(self.cfg, iters, self.own)
        cfg.randomness = {**cfg.randomness, 'seed': seed}
        cfg.work_dir, cfg.resume = str(folder), False
        return cfg

    @property
    def plugins(self) -> tuple[str, ...]:
        """Modules that the config imports."""
        names = (self.cfg.get('custom_imports') or {}).get('imports') or ()
        return (names,) if isinstance(names, str) else tuple(names)

    @property
    def batch(self) -> int:
        """Samples of an iteration."""
        return int(self.cfg.train_dataloader.batch_size)

    def plan(self, budget: Budget) -> dict[str, Any]:
        """What its trainings depend on beside their seeds, as JSON holds it."""
        return json.loads(json.dumps(dict(config=depended_on(self.cfg), budget=str(budget)), default=repr))


def depended_on(cfg: Config) -> dict[str, Any]:
    """The entries of a config that a training depends on beside its seed."""
    plain = plain_config(cfg.to_dict())
    return {key: value for key, value in plain.items() if key not in ELSEWHERE and not key.startswith('_')
            and not (key == 'load_from' and value is None)}


def refuse_seed(options: Mapping[str, Any]) -> None:
    """Raise :class:`ConfigError` for a seed among the options, which those of the trainings would replace."""
    if seeded := [key for key in options if key in ('randomness', 'randomness.seed')]:
        raise ConfigError(f'--cfg-options {seeded[0]}: here seeds are given by --seeds 1 2 ..., and each training has '
                          'its own.')


def read_entries(texts: Sequence[str], options: Mapping[str, Any], own_options: Mapping[str, Mapping[str, Any]],
                 data: str | None, work_dir: Path) -> tuple[list[Entry], Config]:
    """Read and check all configs.

    Args:
        texts: paths or names of configs; ``label=config`` names one of several with the same file.
        options: ``--cfg-options`` of all.
        own_options: further ones by label.
        data: the config whose data all are given; None leaves each its own, which must be of the same set.
        work_dir: of the comparison.

    Returns:
        The entries, and the config that gives the pictures that all are scored on.

    Raises:
        ConfigError: mistakes, those of all configs at once.
    """
    for given in (options, *own_options.values()):
        refuse_seed(given)
    labels = _labels(texts)
    for label in own_options:
        if label not in labels:
            raise ConfigError(f'--only {label}: no config is called so.{did_you_mean(label, labels)}')
    entries, problems = [], []
    for label, path in labels.items():
        try:
            cfg = load_config(path, {**_given(path, data), **options, **own_options.get(label, {})})
            own = length_of(cfg)
            entries.append(Entry(label, path, cfg, own, work_dir / label.replace('/', '_')))
            tried, _ = with_budget(cfg, max(1, own.iters // 2), own)
            problems += [f'{path}, with another length: {problem}' for problem in check_config(tried)]
        except UserError as error:
            text = str(error)
            problems.append(text if text.startswith(path) else f'{path}: {text}')
    if problems:
        raise ConfigError(f'nothing was trained: {len(problems)} of {len(labels)} configs are wrong\n'
                          + '\n'.join(problems))
    _require_one_set(entries)
    return entries, load_config(data, {**_given(data), **options}) if data else entries[0].cfg


def test_set(cfg: Config, path: str, rows: int) -> TestSet:
    """The pictures of a config's test, or else of its validation."""
    loader = cfg.get('test_dataloader')
    if not loader:
        raise ConfigError(f'{path}: test_dataloader: missing (so is val_dataloader); its pictures are those that all '
                          'configs are scored on. --data CONFIG takes the data of another config.')
    dataset = build_dataset(loader['dataset'])
    count = len(dataset)
    return TestSet(dataset, int(loader.get('batch_size', 1)),
                   sorted({round(i * (count - 1) / max(1, rows - 1)) for i in range(min(rows, count))}),
                   repr(plain_config(dict(loader['dataset']))))


def _labels(texts: Sequence[str]) -> dict[str, str]:
    """Configs by label: what the user calls one, else the name of its folder, with its own where several share it."""
    named = [re.fullmatch(r'([\w.-]+)=(.+)', text) for text in texts]
    files = [find_config(found[2] if found else text) for found, text in zip(named, texts, strict=True)]
    short = [file.resolve().parent.name for file in files]
    labels = [found[1] if found else name if short.count(name) == 1 else f'{name}/{file.stem}'
              for found, name, file in zip(named, short, files, strict=True)]
    for folder, count in Counter(label.replace('/', '_') for label in [UNTRANSLATED, *labels]).items():
        if count > 1:
            raise ConfigError(f'{folder}: {count} rows would be called so. Give the configs other names: '
                              'first=CONFIG second=CONFIG.')
    return dict(zip(labels, map(str, files), strict=True))


def _given(path: str, data: str | None = None) -> dict[str, Any]:
    """Changes of a config before those of the user: no scores of its own, and the data of another config.

    Scores of its validation decide nothing here: all are scored alike, after the training.
    """
    there = read_config(path)
    changes: dict[str, Any] = {'val_evaluator': [], 'test_evaluator': []}
    if (there.get('default_hooks') or {}).get('checkpoint'):
        changes['default_hooks.checkpoint'] = dict(type='CheckpointHook', _delete_=True)
    if data is None:
        return changes
    cfg = read_config(data)
    for key in ('val_dataloader', 'test_dataloader'):
        if cfg.get(key) or there.get(key):
            changes[key] = _in_place_of(there.get(key), cfg.get(key))
    changes['train_dataloader.dataset'] = _in_place_of(there.train_dataloader, cfg.train_dataloader.dataset)
    return {**changes, 'data_root': cfg.get('data_root')}


def _in_place_of(old: Any, new: Any) -> Any:
    """``new`` as an option: one that is merged with nothing must not ask for a replacement."""
    return {**new, '_delete_': True} if old and new else new


def _require_one_set(entries: Sequence[Entry]) -> None:
    sets = {entry.path: _set_of(entry.cfg.train_dataloader.dataset) for entry in entries}
    if len({*sets.values()}) > 1:
        raise ConfigError('the configs train on different data:\n' + '\n'.join(
            f'- {path}: {found}' for path, found in sets.items()) + f'\n--data {entries[0].path} trains all of them on '
            'the data of this one; --cfg-options data_root=PATH gives all one folder.')


def _set_of(dataset: Mapping[str, Any]) -> str:
    """The folder of a data set; of a drawn one, all but its transforms."""
    if dataset.get('data_root') is not None:
        return f'data_root={dataset["data_root"]!r}'
    return ', '.join(f'{key}={dataset[key]!r}' for key in sorted(dataset) if key != 'pipeline')


def differences(then: Any, now: Any, where: str = '') -> list[str]:
    """Where two plans differ, one line each."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [line for key in {**then, **now} for line in
                differences(then.get(key), now.get(key), f'{where}.{key}' if where else key)]
    return [] if then == now else [f'{where}: {repr(then)[:KEPT]} before, {repr(now)[:KEPT]} now']
