"""The table of docs/benchmarks.md: every system against its plain loop, row by row."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..engine.config import load_config
from ..engine.origin import commit
from ..errors import ConfigError, did_you_mean
from .compared import compared
from .machine import processor
from .rows import ROWS, Row

BEGIN, END = '<!-- rows of tools/benchmark.py -->', '<!-- end of the rows -->'
HEAD = ('config | px | batch | toolbox / plain loop, clock | CPU time | GFLOP | operators | passes | '
        'memory, MB | convolutions alone')


def write_table(page: Path, names: Sequence[str], iters: int, shared: bool = False, paper: bool = False,
                quick: bool = False, results: Path | None = None) -> None:
    """Measure the rows that were not measured yet, and write all into the page after each.

    Args:
        page: a Markdown file with the two marks between which the table is.
        names: of the rows; all if empty.
        iters: pairs of each row.
        shared: go on beside other processes, in CPU time alone.
        paper: at the sizes and batches of the papers.
        quick: one pair on at most two samples.
        results: where the measurements are kept, so that the command goes on where it was stopped. Those of other
            sources are made again, and shown until then; those of another machine or setting are left out.

    Raises:
        ConfigError: the page has no such marks, a row is not known, or others use the cores.
    """
    rows, results = chosen(names), results or Path('work_dirs/benchmarks.json')
    if not page.is_file() or not all(mark in page.read_text() for mark in (BEGIN, END)):
        raise ConfigError(f'{page}: expected a page with the lines {BEGIN!r} and {END!r}, between which the table is '
                          'written. Add them.')
    known = json.loads(results.read_text()) if results.is_file() else {}
    setting = [processor(), torch.__version__, torch.get_num_threads(), paper, quick, shared, iters]
    package = _package()
    for row in rows:
        cfg = config_of(row, paper, quick)
        sources = hashlib.sha256(package + repr(cfg.to_dict()).encode()).hexdigest()
        if known.get(row.config, {}).get('setting') == setting and known[row.config]['sources'] == sources:
            print(f'{row.config}: measured before')
            continue
        found = compared(cfg, row.paper if paper else row.size, 1 if quick else iters, row.stage, shared)
        print(found)
        known[row.config] = dict(setting=setting, sources=sources, commit=commit().removesuffix('-dirty'),
                                 **dataclasses.asdict(found))
        results.parent.mkdir(parents=True, exist_ok=True)
        results.write_text(json.dumps(known, indent=1))
        gc.collect()
        _write(page, [(row.config, known[row.config]) for row in ROWS
                      if known.get(row.config, {}).get('setting') == setting])


def _package() -> bytes:
    """All sources of the package. (The commit says "dirty" as soon as the table itself is written.)"""
    return b''.join(path.read_bytes() for path in sorted(Path(__file__).parents[1].rglob('*.py')))


def config_of(row: Row, paper: bool, quick: bool = False) -> Any:
    cfg = load_config(row.config, row.settings(paper))
    if quick:
        cfg.train_dataloader.batch_size = min(2, cfg.train_dataloader.batch_size)
    return cfg


def chosen(names: Sequence[str]) -> list[Row]:
    """The rows of these names, all if there are none; raises :class:`ConfigError` for a name that is not known."""
    known = {row.config: row for row in ROWS}
    for name in names:
        if name not in known:
            raise ConfigError(f'--rows: the table has no row {name!r}.{did_you_mean(name, known)}')
    return [known[name] for name in names] if names else [*ROWS]


def _write(page: Path, found: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    machines = dict.fromkeys(f'{row["processor"]}, {row["threads"]} thread(s), {row["pairs"]} pairs, '
                             f'torch {row["torch"]}{row["commit"]}'
                             for _, row in found)
    lines = [f'Measured on: {"; ".join(machines)}.', '', f'| {HEAD} |', f'|{"---|" * len(HEAD.split("|"))}',
             *(f'| {" | ".join(_cells(name, row))} |' for name, row in found)]
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text('\n'.join([before + BEGIN, *lines, END]) + rest.partition(END)[2])


def _cells(name: str, row: Mapping[str, Any]) -> list[str]:
    def ratio(found: Mapping[str, float] | None) -> str:
        return f'{found["middle"]:.2f} [{found["low"]:.2f}..{found["high"]:.2f}]' if found else '-'

    def pair(found: Sequence[float] | None, unit: float = 1) -> str:
        return ' / '.join(f'{number / unit:.4g}' for number in found) if found and all(found) else '-'
    return [f'`{name}`', str(row['size']), str(row['batch']), ratio(row['wall']), ratio(row['cpu']),
            pair(row['flops'], 1e9), pair(row['operators']), pair(row['passes']), pair(row['memory'], 2**20),
            f'{100 * row["share"]:.0f} %']
