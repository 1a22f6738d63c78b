"""What several runs left in their work directories, as tables; nothing is trained or scored.

The runs may be strangers': nothing but regular files is opened, nothing of a config is executed, and what files say is
text.
"""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..files.strangers import read_text
from ..hooks.results import FIELDS, read_rows
from ..hooks.results import Row as Result
from ..use.report import MOST, MOST_TEXT, curves_in, read_picture
from ..use.scalars import read_scalars
from .tables import Table

# Where a run lies and how it was started; no settings of its training.
PLACES = ('work_dir', 'resume', 'load_from', 'launcher', 'experiment_name', 'custom_imports', 'log_level')
LONGEST = 200  # characters of a value in a table


@dataclass
class Run:
    """A work directory.

    Attributes:
        label: its name among the others.
        folder: where it is.
        settings: of its config, each by its path (``model.pool_size``) as text.
        results: rows of its results.csv.
        curves: logged numbers by name, each (iteration, value).
        picture: iteration and PNG file of its newest samples.
        notes: what is left out.
    """

    label: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    picture: tuple[int, bytes] | None = None
    notes: list[str] = field(default_factory=list)


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """What work directories hold.

    Raises:
        UserError: one is no work directory, or is named twice.
    """
    paths = [Path(folder) for folder in folders]
    for path in paths:
        if not path.is_dir():
            raise UserError(f'{path}: no such folder; a report of several runs takes their work directories.')
    if twice := next((path for i, path in enumerate(paths) if path.resolve() in map(Path.resolve, paths[:i])), None):
        raise UserError(f'{twice}: is named twice.')
    return [_read(path, label) for path, label in zip(paths, labels_of(paths), strict=True)]


def labels_of(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        labels = ['/'.join(part[-length:]) for part in parts]
        if len({*labels}) == len(labels):
            break
    return labels


def _read(folder: Path, label: str) -> Run:
    run = Run(label, folder)
    run.settings = _settings_of(folder, run.notes)
    try:
        run.results = read_rows(folder / 'results.csv')
    except OSError as error:
        run.notes.append(f'results.csv is left out: {error.strerror or error}.')
    run.curves = {name: points for name, points in curves_in(read_scalars(folder, run.notes), run.notes).items()
                  if name.partition('/')[0] not in ('lr', 'time')}
    run.picture = _newest_picture(folder, run.notes)
    if not (run.settings or run.results or run.curves or run.picture):
        raise UserError(f'{folder}: holds no config.py, results, logs or samples; is this the work_dir of a run?'
                        + ''.join(f'\n{note}' for note in run.notes))
    return run


def _settings_of(folder: Path, notes: list[str]) -> dict[str, str]:
    try:
        return settings(read_text(folder / 'config.py', MOST_TEXT, folder))
    except FileNotFoundError:
        reason = 'it is not there'
    except OSError as error:
        reason = error.strerror or str(error)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        reason = 'it is not the text of a config'
    notes.append(f'config.py is left out: {reason}.')
    return {}


def settings(text: str) -> dict[str, str]:
    """Each value of a config as text, by its path; the text is parsed and never executed.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is not Python.
    """
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name):
            found.update(_values(node.value, name.id) if _is_setting(name.id) else ())
    return found


def _is_setting(name: str) -> bool:
    return name not in PLACES and not name.startswith('_')


def _values(node: ast.expr, where: str) -> Iterator[tuple[str, str]]:
    """The leaves below a node. Of lists those count whose entries have settings of their own."""
    inside: list[tuple[str, ast.expr]] = []
    if isinstance(node, ast.Dict):
        inside = [(str(getattr(key, 'value', '?')), value) for key, value in zip(node.keys, node.values, strict=True)]
    elif isinstance(node, ast.Call):
        inside = [(str(word.arg), word.value) for word in node.keywords]
    elif isinstance(node, (ast.List, ast.Tuple)) and any(isinstance(one, (ast.Dict, ast.Call)) for one in node.elts):
        inside = [(str(i), one) for i, one in enumerate(node.elts)]
    for key, value in inside:
        yield from _values(value, f'{where}.{key}')
    if not inside:
        yield where, ast.unparse(node)


def _newest_picture(folder: Path, notes: list[str]) -> tuple[int, bytes] | None:
    named = {int(path.stem): path for path in folder.glob('samples/*.png') if re.fullmatch('[0-9]{1,15}', path.stem)}
    if not named:
        return None
    step = max(named)
    data = read_picture(named[step], MOST, folder, notes)
    return (step, data) if data else None


# Tables


def differing(runs: Sequence[Run]) -> list[str]:
    """Paths of the settings that are not the same in all runs that have a config."""
    known = [run for run in runs if run.settings]
    paths = dict.fromkeys(path for run in known for path in run.settings)
    return [path for path in paths if len({run.settings.get(path) for run in known}) > 1]


def setting_table(runs: Sequence[Run]) -> Table:
    """One row for each setting that differs, one column for each run."""
    return Table(['', *(run.label for run in runs)],
                 [[path, *(run.settings.get(path, '')[:LONGEST] for run in runs)] for path in differing(runs)])


def last_results(run: Run) -> dict[tuple[str, str], Result]:
    """By stage and name, the results of the last iteration of each stage."""
    last: dict[str, int] = {}
    for row in run.results:
        last[row['stage']] = max(last.get(row['stage'], 0), int(row['iteration'] or 0))
    return {(row['stage'], row['name']): row for row in run.results
            if int(row['iteration'] or 0) == last[row['stage']]}


def score_tables(runs: Sequence[Run]) -> dict[str, Table]:
    """By stage ('val', 'test'): a row for each run with the results of its last iteration."""
    found = {run.label: last_results(run) for run in runs}
    tables = {}
    for stage in dict.fromkeys(stage for results in found.values() for stage, _ in results):
        names = dict.fromkeys(name for results in found.values() for own, name in results if own == stage)
        rows = []
        for label, results in found.items():
            own = [results.get((stage, name)) for name in names]
            iteration = next((row['iteration'] for row in own if row), '')
            rows.append([label, iteration, *(f'{float(row["value"]):.6g}' if row else '' for row in own)])
        tables[stage] = Table(['', 'iteration', *names], rows)
    return tables


def made_otherwise(runs: Sequence[Run]) -> list[str]:
    """A line for each result whose numbers did not come about alike, and should not be compared."""
    ways: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for run in runs:
        for key, row in last_results(run).items():
            ways.setdefault(key, {}).setdefault((row['data'], row['protocol']), run.label)
    return [f'{stage} {name} did not come about alike: ' + '; '.join(
                f'{label}: {", ".join(filter(None, way))}' for way, label in found.items())
            for (stage, name), found in ways.items() if len(found) > 1]


def joined(runs: Sequence[Run], further: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """All results of all runs as CSV: the run, the settings in which the runs differ, and a row of its results.csv.

    Args:
        runs: in order.
        further: columns in place of the settings: by label of a run, value by name.
    """
    paths = differing(runs) if further is None else list(dict.fromkeys(key for row in further.values() for key in row))
    text = io.StringIO(newline='')
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['run', *paths, *FIELDS])
    for run in runs:
        own = run.settings if further is None else further.get(run.label, {})
        writer.writerows([run.label, *(own.get(path, '') for path in paths), *(row[key] for key in FIELDS)]
                         for row in run.results)
    return text.getvalue()
