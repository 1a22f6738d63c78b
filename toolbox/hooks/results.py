"""The table of all results of a run, and how they came about."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ..files.replacing import replacing
from ..files.strangers import read_text
from ..metrics.base import describe_data
from ..registry import HOOKS

FIELDS = ('stage', 'iteration', 'name', 'value', 'data', 'protocol')
MOST = 2**25  # bytes of a table
Row = dict[str, str]


@HOOKS.register_module()
class ResultsHook(Hook):
    """Add the results of every validation and test to ``work_dir/results.csv`` (one per line) and ``results.md`` (a
    table).

    Each comes with its protocol: networks, numbers of images and all else that it depends on. A protocol is also
    printed once. Where a run resumes from an earlier iteration, the results of later ones are replaced.
    """

    priority = 'LOW'  # after the line with the scores

    def __init__(self) -> None:
        self._printed: set[str] = set()
        self._loaded = ''

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        self._loaded = str((checkpoint.get('meta') or {}).get('iter', ''))

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        self._add(runner, 'val', str(runner.iter), runner.val_loop, metrics)

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        self._add(runner, 'test', self._loaded, runner.test_loop, metrics)

    def _add(self, runner: Any, stage: str, iteration: str, loop: Any, metrics: dict[str, float] | None) -> None:
        if not metrics or not is_main_process():
            return
        protocols = {name: metric.protocol for metric in loop.evaluator.metrics
                     for name in getattr(metric, 'reported', ())}
        data = describe_data(runner.cfg[f'{stage}_dataloader'].get('dataset') or {})
        rows = [dict(stage=stage, iteration=iteration, name=name, value=repr(float(value)), data=data,
                     protocol=protocols.get(name, ''))
                for name, value in metrics.items() if not name.endswith('_images')]
        with runner.forgo_output():
            add_rows(Path(runner.work_dir), rows, runner.logger.warning)
        for line in protocol_lines(rows):
            if line not in self._printed:
                self._printed.add(line)
                runner.logger.info(line)
                print(line)


def add_rows(folder: Path, rows: list[Row], warn: Callable[[str], None] = warnings.warn) -> None:
    """Add rows of one stage and iteration to the tables in ``folder``.

    Validations of that iteration and of later ones are removed: the run was resumed before them. Tests stay, but for
    those of the same weights, data and protocol.

    A table that is damaged, or another file of this name, is kept as ``results.old.csv``, and ``warn`` is called.
    """
    path = folder / 'results.csv'
    there, damaged = _read(path)
    if damaged:
        os.replace(path, aside := _free(path.with_suffix('.old.csv')))
        warn(f'{path}: {damaged}; it is kept as {aside.name}. The {len(there)} whole rows are in the new table.')
    kept = [row for row in there if not _is_replaced(row, rows)] + rows
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, FIELDS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(kept)
    for name, content in ((path, text.getvalue()), (folder / 'results.md', '\n'.join(markdown(kept)) + '\n')):
        with replacing(name) as new:
            new.write_text(content, encoding='utf-8', errors='replace')


def _is_replaced(row: Row, rows: list[Row]) -> bool:
    if row['stage'] != rows[0]['stage']:
        return False
    if row['stage'] != 'test':
        return _number(row) >= _number(rows[0])
    return any({**row, 'value': ''} == {**new, 'value': ''} for new in rows)


def read_rows(path: Path) -> list[Row]:
    """The whole rows of a table of results."""
    return _read(path)[0]


def _read(path: Path) -> tuple[list[Row], str]:
    """The whole rows of a table, and what is wrong with the rest."""
    try:
        text = read_text(path, MOST, path.parent)
    except FileNotFoundError:
        return [], ''
    found = list(_parsed(text))
    rows = [row for row in found if row is not None and _is_whole(row)]
    if not found or found[0] != dict(zip(FIELDS, FIELDS, strict=True)):
        return [], 'not a table of results'
    return rows, f'{len(found) - 1 - len(rows)} of its rows are damaged' if len(rows) < len(found) - 1 else ''


def _parsed(text: str) -> Iterator[dict[Any, Any] | None]:
    """Every line of a table, the names of its columns included; None for what is no line of one."""
    reader = csv.DictReader(io.StringIO(text, newline=''), FIELDS)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None


def _is_whole(row: dict[Any, Any]) -> bool:
    if set(row) != set(FIELDS) or None in row.values() or '\0' in ''.join(row.values()):
        return False
    try:
        float(row['value'])
    except ValueError:
        return False
    return re.fullmatch('[0-9]{0,15}', row['iteration']) is not None


def _free(path: Path) -> Path:
    """``path``, or with a number where a file has this name."""
    names = itertools.chain([path], (path.with_stem(f'{path.stem}{number}') for number in itertools.count(2)))
    return next(name for name in names if not os.path.lexists(name))


def markdown(rows: list[Row]) -> Iterator[str]:
    """Per stage and data a table of iterations and results, and the protocols below."""
    tables: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        tables.setdefault((row['stage'], row['data']), []).append(row)
    for (stage, _), own in tables.items():
        names = list(dict.fromkeys(row['name'] for row in own))
        values: dict[tuple[str, str], str] = {}
        for row in own:  # by several protocols there can be several
            place, value = (row['iteration'], row['name']), f'{float(row["value"]):.6g}'
            values[place] = f'{values[place]}, {value}' if place in values else value
        yield from (f'## {escaped(stage)}', '', f'| iteration | {" | ".join(map(escaped, names))} |',
                    '|---' * (len(names) + 1) + '|')
        for iteration in dict.fromkeys(row['iteration'] for row in own):
            yield f'| {iteration} | {" | ".join(values.get((iteration, name), "") for name in names)} |'
        yield ''
        yield from (f'- {escaped(line)}' for line in protocol_lines(own))
        yield ''


def escaped(text: str) -> str:
    """Text that stays in its cell and holds no tags; a table may be a stranger's."""
    return ' '.join(text.split()).replace('&', '&amp;').replace('<', '&lt;').replace('|', '\\|')


def protocol_lines(rows: list[Row]) -> Iterator[str]:
    """How results came about, those that came about in the same way together."""
    names: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        names.setdefault((row['protocol'], row['data']), []).append(row['name'])
    for how, results in names.items():
        yield f'{", ".join(dict.fromkeys(results))}: {"; ".join(filter(None, how))}'


def _number(row: Row) -> int:
    return int(row['iteration'] or 0)
