"""The numbers that a run logged, read as if a stranger had written the files."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from ..files.strangers import read_regular

MOST = 2**25  # bytes of all files of a run: many times those of a long training
LONGEST = 100_000  # bytes of a line
LAST = 10**15  # no run has more iterations
Row = dict[str, float]


def read_scalars(work_dir: Path, notes: list[str] | None = None) -> list[Row]:
    """All logged scalars of a run and its resumptions, each a dict with ``step``, in the order of writing.

    Args:
        work_dir: folder of the run.
        notes: lines about what is left out are added to it.
    """
    rows: list[Row] = []
    room, notes = MOST, [] if notes is None else notes
    for path in sorted(folder / 'vis_data/scalars.json' for folder in work_dir.glob('*')):
        if not os.path.lexists(path):
            continue
        name = path.relative_to(work_dir)
        try:
            content = read_regular(path, room, work_dir)
        except OSError as error:
            notes.append(f'{name} is left out: {error.strerror or error}.')
            continue
        room -= len(content)
        lines = [line for line in content.split(b'\n') if line.strip()]
        found = [row for line in lines if (row := _row(line)) is not None]
        if len(found) < len(lines):
            notes.append(f'{name}: {len(lines) - len(found)} of {len(lines)} lines are cut or damaged and left out.')
        rows += found
    return rows


def _row(line: bytes) -> Row | None:
    """The numbers of one line; None if it is damaged."""
    try:
        found = json.loads(line) if len(line) <= LONGEST else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or type(step := found.get('step')) is not int or not 0 <= step < LAST:
        return None
    return {**{key: _number(value) for key, value in found.items()}, 'step': step}


def _number(value: Any) -> float:
    """NaN for everything that is not a number or cannot be drawn."""
    return float(value) if type(value) in (int, float) and abs(value) < 1e300 else math.nan
