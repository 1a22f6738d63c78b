"""The table of all results of a run, and how they came about."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ..files.replacing import replacing
from ..metrics.base import describe_data
from ..registry import HOOKS

FIELDS = ('stage', 'iteration', 'name', 'value', 'data', 'protocol')
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
            add_rows(Path(runner.work_dir), rows)
        for line in protocol_lines(rows):
            if line not in self._printed:
                self._printed.add(line)
                runner.logger.info(line)
                print(line)


def add_rows(folder: Path, rows: list[Row]) -> None:
    """Add rows of one stage and iteration to the tables in ``folder``; later ones of that stage are removed."""
    path = folder / 'results.csv'
    kept = [row for row in read_rows(path) if row['stage'] != rows[0]['stage']
            or _number(row) < _number(rows[0])] + rows
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, FIELDS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(kept)
    for name, content in ((path, text.getvalue()), (folder / 'results.md', '\n'.join(markdown(kept)) + '\n')):
        with replacing(name) as new:
            new.write_text(content, encoding='utf-8')


def read_rows(path: Path) -> list[Row]:
    """The rows of a table of results; another kind of file is moved out of the way."""
    if not path.exists():
        return []
    with path.open(newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) == FIELDS:
            return list(reader)
    os.replace(path, path.with_suffix('.old.csv'))
    return []


def markdown(rows: list[Row]) -> Iterator[str]:
    """Per stage a table of iterations and results, and the protocols below."""
    for stage in dict.fromkeys(row['stage'] for row in rows):
        own = [row for row in rows if row['stage'] == stage]
        names = list(dict.fromkeys(row['name'] for row in own))
        values = {(row['iteration'], row['name']): f'{float(row["value"]):.6g}' for row in own}
        yield from (f'## {stage}', '', f'| iteration | {" | ".join(names)} |', '|---' * (len(names) + 1) + '|')
        for iteration in dict.fromkeys(row['iteration'] for row in own):
            yield f'| {iteration} | {" | ".join(values.get((iteration, name), "") for name in names)} |'
        yield ''
        yield from (f'- {line}' for line in protocol_lines(own))
        yield ''


def protocol_lines(rows: list[Row]) -> Iterator[str]:
    """How results came about, those that came about in the same way together."""
    names: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        names.setdefault((row['protocol'], row['data']), []).append(row['name'])
    for how, results in names.items():
        yield f'{", ".join(dict.fromkeys(results))}: {"; ".join(filter(None, how))}'


def _number(row: Row) -> int:
    return int(row['iteration'] or 0)
