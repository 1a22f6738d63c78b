"""One config with several settings and seeds: each is a run of its own in a process of its own, and one table says how
the settings did.

``work_dir/<settings>/seed_<n>/`` is an ordinary work directory. ``sweep.json`` in it holds what the run was started
with, and whether it is over; the same command goes on with those that are not.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..engine.config import load_config
from ..errors import ConfigError, Interrupted, UserError
from ..files.replacing import replacing
from ..files.work_dir import locked, make_work_dir
from .comparison import MOST, Say, at_once
from .entries import depended_on, differences, refuse_seed
from .run_page import report_of
from .runs import Run, joined, last_results, read_runs
from .spread import Scores, spread_csv, spread_table
from .tables import as_markdown, write_text

STOPPED = 75  # exit code of a training that saved when it was asked to stop
PATIENCE = 60.0  # seconds for a training of an earlier start to save and leave
PACKAGE = Path(__file__).resolve().parents[2]


class Process(Protocol):
    """A training that was started."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def terminate(self) -> None:
        """Ask it to save and stop."""

    def wait(self) -> int:
        """Its exit code, when it has ended."""


def start_process(argv: Sequence[str], log: Path, place: int) -> Process:
    """Start ``toolbox ...`` so that it stops and saves when this process ends, however that happens.

    Args:
        argv: of the command.
        log: file for its output.
        place: number among the trainings at a time; with several GPUs, it sees one of them.
    """
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, [str(PACKAGE), os.environ.get('PYTHONPATH')]))}
    if devices := _devices():
        env['CUDA_VISIBLE_DEVICES'] = devices[place % len(devices)]
    with log.open('ab') as file:
        return subprocess.Popen([sys.executable, '-m', 'toolbox.cli.attached', *argv], env=env, stdin=subprocess.PIPE,
                                stdout=file, stderr=subprocess.STDOUT, start_new_session=True)


def _devices() -> list[str]:
    import torch
    seen = os.environ.get('CUDA_VISIBLE_DEVICES')
    return seen.split(',') if seen else [str(i) for i in range(torch.cuda.device_count())] if seen is None else []


class Job(NamedTuple):
    """One training.

    Attributes:
        label: name of its settings, and of their folder.
        seed: ``randomness.seed``.
        options: its settings and those common to all.
        folder: its work directory.
    """

    label: str
    seed: int
    options: dict[str, Any]
    folder: Path

    def __str__(self) -> str:
        return f'{self.label}, seed {self.seed}'


def choices(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """All combinations of the values of options that are lists, by a name that says them.

    ``{'a.x': [1, 2], 'b': 0}`` -> ``{'x=1': {'a.x': 1}, 'x=2': {'a.x': 2}}``
    """
    lists = {key: value for key, value in options.items() if isinstance(value, list)}
    for key, value in lists.items():
        if not value or any(value.count(one) > 1 for one in value):
            raise ConfigError(f'--cfg-options {key}={value}: expected a list of different values to try.')
    ends = [key.rpartition('.')[2] for key in lists]
    names = {key: end if ends.count(end) == 1 else key for key, end in zip(lists, ends, strict=True)}
    found: dict[str, dict[str, Any]] = {}
    for values in itertools.product(*lists.values()):
        chosen = dict(zip(lists, values, strict=True))
        text = ','.join(f'{names[key]}={value}' for key, value in chosen.items()) or 'as_it_is'
        label = re.sub(r'[^\w.,=+-]+', '_', text)[:100].strip('_.')
        found[label if label not in found else f'{label}_{len(found)}'] = chosen
    return found


class Sweep:
    """See the module.

    Args:
        config: path or name.
        options: ``--cfg-options`` of all; each value that is a list says what to try.
        seeds: each combination is trained with each.
        work_dir: for everything.
        jobs: trainings at a time.
        say: prints a line.

    Raises:
        ConfigError: mistakes of the combinations, all at once; nothing is trained.
    """

    def __init__(self, config: str, options: Mapping[str, Any], seeds: Sequence[int], work_dir: str | Path,
                 jobs: int = 1, say: Say = at_once) -> None:
        self.config, self.jobs_at_a_time, self.say = config, jobs, say
        self.work_dir = Path(make_work_dir(work_dir))
        refuse_seed(options)
        self.choices = choices(options)
        common = {key: value for key, value in options.items() if not isinstance(value, list)}
        self.plans, problems = {}, []
        for label, chosen in self.choices.items():
            try:
                self.plans[label] = plan_of(config, {**common, **chosen})
            except UserError as error:
                problems.append(f'{label}: {error}')
        if problems:
            raise ConfigError(f'nothing was trained: {len(problems)} of {len(self.choices)} combinations are wrong\n'
                              + '\n'.join(problems))
        self.jobs = [Job(label, seed, {**common, **chosen, 'randomness.seed': seed},
                         self.work_dir / label / f'seed_{seed}')
                     for seed in dict.fromkeys(seeds) for label, chosen in self.choices.items()]

    def run(self) -> Path:
        """Train all that is left, and write the tables; returns the path of the Markdown file.

        Raises:
            ConfigError: a folder holds a training of other settings.
            Interrupted: Ctrl-C; all trainings are saved.
            UserError: trainings failed; those that did not are in the tables.
        """
        with locked(self.work_dir):
            waiting = [job for job in self.jobs if not self._is_finished(job)]
            self.say(f'{len(self.jobs)} trainings, {len(self.jobs) - len(waiting)} of them finished before')
            failed = self._train(waiting)
            path = self.write()
        if failed:
            raise UserError(f'{len(failed)} of {len(self.jobs)} trainings failed:\n' + '\n'.join(
                f'{job}: {_last_line(job.folder / "train.log")} ({job.folder / "train.log"})' for job in failed))
        return path

    def _is_finished(self, job: Job) -> bool:
        """Whether it is; refuses a folder that was begun with other settings."""
        try:
            known = json.loads((job.folder / 'sweep.json').read_text(encoding='utf-8'))
            then, finished = known['plan'], bool(known['finished'])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False
        if changed := differences(then, self.plans[job.label]):
            raise ConfigError(f'{job.folder} was trained with other settings: ' + '; '.join(changed[:MOST])
                              + '. Repeat the command as it was, choose another --work-dir, or remove that folder.')
        return finished

    def _note(self, job: Job, finished: bool) -> None:
        with replacing(job.folder / 'sweep.json', durable=True) as new:
            new.write_text(json.dumps(dict(plan=self.plans[job.label], finished=finished)), encoding='utf-8')

    def _train(self, waiting: Sequence[Job]) -> list[Job]:
        """Train in as many processes as there are places; returns those that failed."""
        left, failed = [*waiting], []
        running: dict[int, tuple[Job, Process]] = {}
        try:
            while left or running:
                for place in range(self.jobs_at_a_time):
                    if left and place not in running:
                        running[place] = left[0], self._started(left.pop(0), place)
                time.sleep(0.1)
                for place, (job, process) in [*running.items()]:
                    if (code := process.poll()) is not None:
                        del running[place]
                        failed += [job] * (not self._ended(job, code))
        except KeyboardInterrupt as stop:
            for _, process in running.values():
                process.terminate()
            for _, process in running.values():
                process.wait()
            raise Interrupted(f'stopped; {len(running)} trainings were asked to save: the same command goes on from '
                              'there') from stop
        return failed

    def _started(self, job: Job, place: int) -> Process:
        job.folder.mkdir(parents=True, exist_ok=True)
        _wait_until_free(job.folder)
        self._note(job, finished=False)
        self.say(f'train {job} in {job.folder}')
        pairs = [f'{key}={value!r}' for key, value in job.options.items()]
        return start_process(['train', self.config, '--work-dir', str(job.folder), '--resume', '--cfg-options', *pairs],
                             job.folder / 'train.log', place)

    def _ended(self, job: Job, code: int) -> bool:
        """Whether it went well."""
        if code == STOPPED:
            raise KeyboardInterrupt  # somebody stopped that one; so do all
        self.say(f'{"finished" if code == 0 else "FAILED"} {job}')
        if code == 0:
            self._note(job, finished=True)
        return code == 0

    # Tables

    def write(self) -> Path:
        """sweep.md and sweep.csv with mean and spread, runs.csv and runs.html about the single trainings."""
        done = [job for job in self.jobs if self._is_finished(job)]
        runs = read_runs([job.folder for job in done]) if done else []
        for job, run in zip(done, runs, strict=True):
            run.label = f'{job.label}/seed_{job.seed}'
        scores = scores_of(done, runs)
        title = f'{self.config}: {len(self.choices)} settings, {len({job.seed for job in self.jobs})} seeds'
        lines = ['Results of the last iteration: mean ± sample standard deviation over the seeds; in brackets, the '
                 'seeds one by one.', *(f'not finished: {job}' for job in self.jobs if job not in done)]
        write_text(self.work_dir / 'sweep.md', as_markdown(title, spread_table(scores), lines, []))
        write_text(self.work_dir / 'sweep.csv', spread_csv(scores))
        further = {run.label: {**{key: repr(value) for key, value in self.choices[job.label].items()},
                               'seed': str(job.seed)} for job, run in zip(done, runs, strict=True)}
        write_text(self.work_dir / 'runs.csv', joined(runs, further))
        write_text(self.work_dir / 'runs.html', report_of(runs, {}))
        return self.work_dir / 'sweep.md'


def plan_of(config: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a training depends on beside its seed, as JSON holds it."""
    found: dict[str, Any] = json.loads(json.dumps(depended_on(load_config(config, options)), default=repr))
    return found


def _wait_until_free(folder: Path) -> None:
    """Trainings of a sweep that was killed save and leave; until then they hold their folders."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with locked(folder):
                return
        except ConfigError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding='utf-8', errors='replace').strip().splitlines() if log.exists() else []
    return lines[-1] if lines else 'it said nothing'


def scores_of(jobs: Sequence[Job], runs: Sequence[Run]) -> Scores:
    """What the trainings reached at their ends."""
    found: Scores = {}
    for job, run in zip(jobs, runs, strict=True):
        for (stage, name), row in last_results(run).items():
            found.setdefault(job.label, {}).setdefault(f'{stage} {name}', {})[job.seed] = float(row['value'])
    return found
