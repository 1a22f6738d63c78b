"""The records of a comparison as CSV, Markdown and pictures."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..data.io import read_image
from ..files.replacing import replacing
from ..hooks.results import protocol_lines
from ..pictures import Cell, arrange
from .scoring import Task

Record = Mapping[str, Any]
# Of a training: name, the key of its record, the factor, and how it is written.
COSTS = (('s / iteration', 'seconds', 1.0, '.3g'), ('minutes', 'minutes', 1.0, '.1f'),
         ('CPU minutes', 'cpu_minutes', 1.0, '.1f'), ('parameters, M', 'parameters', 1e-6, '.3g'),
         ('to translate, M', 'used', 1e-6, '.3g'), ('memory, MB', 'memory', 2**-20, '.0f'))
PLAN = ('label', 'seed', 'config', 'method', 'iters', 'images')
SIDE = 96  # pictures of a grid are enlarged by whole numbers up to about this
Row = list[str]


class Table(NamedTuple):
    """Text, cell by cell; not escaped.

    Attributes:
        head: names of the columns.
        rows: the first cell names what the others are about.
    """

    head: Row
    rows: list[Row]


def by_config(records: Sequence[Record]) -> Table:
    """One row per config: means over its seeds, with the mean of the standard errors, and the values of the seeds."""
    names = score_names(records)
    labels = list(dict.fromkeys(record['label'] for record in records))
    groups = [[record for record in records if record['label'] == label] for label in labels]
    return Table(['', *map(readable, names), *(name for name, *_ in COSTS)],
                 [[label, *(_mean(group, name) for name in names), *(_cost(group, cost) for cost in COSTS)]
                  for label, group in zip(labels, groups, strict=True)])


def score_names(records: Sequence[Record]) -> list[str]:
    """Results in the order of their tasks, without errors, which belong to another."""
    names = dict.fromkeys(name for record in records for name in record['values'])
    return [name for name in names if _owner(name) not in names]


def _owner(name: str) -> str:
    return name.removesuffix('_error') if name.endswith('_error') else ''


def readable(name: str) -> str:
    """What a column is called: KIDs are those of blocks, times 100."""
    task, _, result = name.partition('/')
    known = {'UGATITKID_target': 'KID x 100', 'UGATITKID_mean': 'KID x 100, mean with source', 'KID': 'KID x 100'}
    return f'{task} {known.get(result, result)}'


def _mean(group: Sequence[Record], name: str) -> str:
    values = [record['values'][name] for record in group if name in record['values']]
    if not values:
        return ''
    errors = [record['values'][f'{name}_error'] for record in group if f'{name}_error' in record['values']]
    text = f'{fmean(values):.4g}' + (f' ± {fmean(errors):.2g}' if errors else '')
    return text + (f' ({", ".join(f"{value:.4g}" for value in values)})' if len(values) > 1 else '')


def _cost(group: Sequence[Record], cost: tuple[str, str, float, str]) -> str:
    _, key, factor, form = cost
    values = [record[key] for record in group if key in record and math.isfinite(record[key])]
    return format(factor * fmean(values), form) if values else ''


def as_csv(records: Sequence[Record]) -> str:
    """One line per training, with all numbers as they are, and the protocol of its scores."""
    names = list(dict.fromkeys(name for record in records for name in record['values']))
    text = io.StringIO(newline='')
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow([*PLAN, *(key for _, key, *_ in COSTS), *names, 'protocol'])
    for record in records:
        writer.writerow([*(record.get(key, '') for key in (*PLAN, *(key for _, key, *_ in COSTS))),
                         *(repr(record['values'][name]) if name in record['values'] else '' for name in names),
                         '; '.join(dict.fromkeys(record['protocols'].values()))])
    return text.getvalue()


def protocols(records: Sequence[Record]) -> list[str]:
    """How the scores came about: the network of the features, its weights, the numbers of images."""
    names = score_names(records)
    return list(protocol_lines([dict(name=name, protocol=text, data='') for record in records
                                for name, text in record['protocols'].items() if name in names]))


def as_markdown(title: str, table: Table, lines: Sequence[str], pictures: Sequence[str]) -> str:
    """The table, what has to be known about it, and the grids."""
    rows = [table.head, ['---'] * len(table.head), *table.rows]
    return '\n'.join([f'# {_cell(title)}', '', *(f'| {" | ".join(map(_cell, row))} |' for row in rows), '',
                      *(f'- {_cell(line)}' for line in lines), '', *(f'![{name}]({name})' for name in pictures), ''])


def _cell(text: str) -> str:
    """Text that stays in its cell and holds no tags."""
    return ' '.join(text.split()).replace('&', '&amp;').replace('<', '&lt;').replace('|', '\\|')


def grids(records: Sequence[Record], tasks: Sequence[Task], made: Mapping[str, Mapping[Task, str]]
          ) -> Iterator[tuple[str, np.ndarray]]:
    """Per task a picture: one row per input, a column for it, for the known answer if any, and for each config.

    Args:
        records: of which the first of each config is shown.
        tasks: in order.
        made: by label, the name of the picture that a config makes for a task.

    Yields:
        Name, and RGB uint8 ``(H, W, 3)``.
    """
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record['label'], record)
    for task in tasks:
        shown = {label: record for label, record in first.items() if task in made.get(label, {})}
        if not shown:
            continue
        given = next(iter(shown.values()))
        columns = [(key, given, key) for key in (task.of, f'oracle_{task.like}') if key and key in given['pictures'][0]]
        columns += [(label, record, made[label][task]) for label, record in shown.items()]
        rows = [[_picture(record, i, key) for _, record, key in columns] for i in range(len(given['pictures']))]
        yield task.name, arrange(rows, [name for name, *_ in columns], header=18)


def _picture(record: Record, row: int, key: str) -> Cell:
    if row >= len(record['pictures']) or key not in record['pictures'][row]:
        return None
    image = read_image(Path(record['folder'], 'pictures', f'{row}_{key}.png'), None)
    scale = max(1, SIDE // max(image.shape[:2]))
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST).reshape(
        scale * image.shape[0], scale * image.shape[1], -1)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as new:
        new.write_text(text, encoding='utf-8', errors='replace')
