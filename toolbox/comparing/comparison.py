"""From a list of configs to a table, in a folder that a killed comparison goes on from.

``work_dir/<label>/check.json`` is written when the dry check of a config is over, ``<label>/seed_<n>/`` is an ordinary
work directory, which resumes exactly, and ``scores.json`` in it says that nothing is left to do there. The tables are
made of these files.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook

from ..data.io import write_image
from ..errors import ConfigError, Interrupted, UserError
from ..files.checkpoint import newest_checkpoint
from ..files.replacing import replacing
from ..files.work_dir import locked, make_work_dir
from ..use.load import load_method
from .entries import UNTRANSLATED, Budget, Entry, differences
from .rehearsal import Measures, built, rehearse
from .scoring import Pictures, Scores, Task, TestSet, Wanted, score, score_untranslated

MOST = 8  # differences that a message lists
RECENT = 500  # iterations whose seconds are kept
Say = Callable[[str], None]


def at_once(line: str) -> None:
    print(line, flush=True)


class Comparison:
    """Train and score; see :func:`toolbox.comparing.entries.read_entries` for the entries.

    Args:
        entries: what is compared.
        seeds: each config is trained once with each.
        budget: of each training.
        data: what all are scored on.
        wanted: how.
        work_dir: for everything.
        say: prints a line.
    """

    def __init__(self, entries: Sequence[Entry], seeds: Sequence[int], budget: Budget, data: TestSet, wanted: Wanted,
                 work_dir: Path, say: Say = at_once) -> None:
        self.entries, self.seeds, self.budget, self.data = entries, seeds, budget, data
        self.wanted, self.work_dir, self.say = wanted, Path(make_work_dir(work_dir)), say
        self.measures: dict[str, Measures] = {}

    def run(self) -> Iterator[list[dict[str, Any]]]:
        """All that is left to do; after each training, the records so far, that of the untranslated images first.

        Raises:
            UserError: the dry check found something; nothing is trained then.
            Interrupted: a signal asked to stop; the same command goes on.
        """
        with locked(self.work_dir):
            self.check()
            order = {label: place for place, label in enumerate([UNTRANSLATED, *self.measures])}
            records = [self.untranslated()]
            jobs = [(entry, seed) for seed in self.seeds for entry in self.entries]
            jobs.sort(key=lambda job: not _scores_of(_folder_of(*job)).exists())  # the first table has all that is done
            for entry, seed in jobs:
                records.append(self.trained(entry, seed))
                yield sorted(records, key=lambda record: (order[record['label']], record['seed'] or 0))

    # The dry check

    def check(self) -> None:
        """Find out about every config that it works, and what it needs; those of an earlier start are known."""
        problems = []
        for entry in self.entries:
            try:
                self.measures[entry.label] = self._checked(entry)
            except UserError as error:
                problems.append(f'{entry.path}: {error}')
        if problems:
            raise ConfigError(f'nothing was trained: {len(problems)} of {len(self.entries)} configs do not work\n'
                              + '\n'.join(problems))
        if not self.tasks:
            raise ConfigError('nothing to compare: no config makes pictures of another kind than its inputs, straight '
                              'from data or noise (the methods say so in `shows`).')
        for entry in self.entries:
            entry.training(self.measures[entry.label]['iters'], 0, entry.folder)  # for its notes

    @property
    def tasks(self) -> list[Task]:
        """What at least one method makes."""
        return list(dict.fromkeys(Task(*task[:2]) for measures in self.measures.values() for task in measures['tasks']))

    def _checked(self, entry: Entry) -> Measures:
        path, plan = entry.folder / 'check.json', entry.plan(self.budget)
        known = _read(path)
        if known is None or not any(entry.folder.glob('seed_*')):
            self.say(f'check {entry.label}: {entry.path}')
            known = dict(plan=plan, measures=rehearse(entry, self.budget, self.data, self.wanted))
            _write(path, known)
        elif changed := differences(known['plan'], plan):
            raise ConfigError(f'{entry.folder} holds trainings of another plan: '
                              + '; '.join(changed[:MOST]) + ' ...' * (len(changed) > MOST)
                              + '. Repeat the command as it was, choose another --work-dir, or remove that folder.')
        return known['measures']

    # Trainings and scores

    def untranslated(self) -> dict[str, Any]:
        """The record of the sources, as they are in the place of their translations."""
        record = dict(label=UNTRANSLATED, seed=None)
        return record | self._scored(self.work_dir / UNTRANSLATED, lambda: score_untranslated(
            self.data, [task for task in self.tasks if task.of], self.wanted), [str(task) for task in self.tasks])

    def trained(self, entry: Entry, seed: int) -> dict[str, Any]:
        """The record of one training, which is finished first."""
        folder, measures = _folder_of(entry, seed), self.measures[entry.label]
        iters = measures['iters']
        last = folder / f'iter_{iters}.pth'
        if not last.exists():
            self.say(f'train {entry.label}, seed {seed}: {iters} iterations in {folder}')
            train(entry, iters, seed, folder)
        scores = self._scored(folder, lambda: score(load_method(last, entry.plugins)[0], self.data, self.wanted), iters)
        clock = _read(folder / Clock.FILE) or dict(seconds=[], cpu=0.0, wall=0.0)
        return dict(label=entry.label, seed=seed, config=entry.path, method=measures['method'], iters=iters,
                    images=iters * entry.batch, seconds=statistics.median(clock['seconds'] or [float('nan')]),
                    minutes=clock['wall'] / 60, cpu_minutes=clock['cpu'] / 60, parameters=measures['parameters'],
                    used=measures['used'], memory=measures['memory'], **scores)

    def _scored(self, folder: Path, make: Callable[[], Scores], of: Any) -> dict[str, Any]:
        """Values and protocols by name; from an earlier start, if it was scored in the same way."""
        path, request = _scores_of(folder), self._request(of)
        known = _read(path)
        if known is None or known['request'] != request:
            scores = make()
            _write_pictures(folder / 'pictures', scores.pictures)
            known = dict(request=request, values=scores.values, protocols=scores.protocols,
                         pictures=[list(row) for row in scores.pictures])
            _write(path, known)
        return {key: known[key] for key in ('values', 'protocols', 'pictures')} | dict(folder=str(folder))

    def _request(self, of: Any) -> str:
        text = repr((tuple(self.wanted), self.data.source, _fingerprint(self.data), self.data.rows, of))
        return hashlib.sha256(text.encode()).hexdigest()


def train(entry: Entry, iters: int, seed: int, folder: Path) -> None:
    """Train to the end, from where an earlier start left it."""
    cfg = entry.training(iters, seed, folder)
    cfg.resume = 'auto' if newest_checkpoint(folder) is not None else False
    runner = built(entry, cfg)
    runner.register_hook(Clock(folder))
    try:
        runner.train()
    except Interrupted as stop:
        raise Interrupted(f'{entry.label}, seed {seed}: stopped after iteration {runner.iter} of {iters}, and all is '
                          'saved: the same command goes on from there') from stop


class Clock(Hook):
    """Seconds of each iteration, by the clock and of this process; kept with each checkpoint, so that what is repeated
    after a kill counts once."""

    FILE = 'seconds.json'
    priority = 'LOWEST'

    def __init__(self, folder: Path) -> None:
        self.path = folder / self.FILE

    def before_train(self, runner: Any) -> None:
        known = _read(self.path) if runner.iter else None
        self.known = known or dict(seconds=[], cpu=0.0, wall=0.0)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.started, self.used = time.perf_counter(), time.process_time()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds = time.perf_counter() - self.started
        self.known['seconds'] = [*self.known['seconds'][1 - RECENT:], round(seconds, 5)]
        self.known['wall'] += seconds
        self.known['cpu'] += time.process_time() - self.used

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        _write(self.path, self.known)


def _folder_of(entry: Entry, seed: int) -> Path:
    return entry.folder / f'seed_{seed}'


def _scores_of(folder: Path) -> Path:
    return folder / 'scores.json'


def _fingerprint(data: TestSet) -> str:
    """Of the pictures that are shown, and of how many there are."""
    found = hashlib.sha256(str(len(data.dataset)).encode())
    for place in data.rows:
        for key, x in sorted(data.dataset[place].items()):
            if isinstance(x, torch.Tensor):
                found.update(key.encode() + x.contiguous().numpy().tobytes())
    return found.hexdigest()


def _write_pictures(folder: Path, rows: Sequence[Pictures]) -> None:
    for i, row in enumerate(rows):
        for key, image in row.items():
            write_image(folder / f'{i}_{key}.png', image[..., :3] if image.shape[2] > 3 else
                        image if image.shape[2] == 3 else image[..., :1])


def _read(path: Path) -> Any:
    """What a file of a comparison holds; None if there is none, or it is damaged."""
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, value: Mapping[str, Any]) -> None:
    with replacing(path, durable=True) as new:
        new.write_text(json.dumps(value, indent=1), encoding='utf-8')
