"""The way from the command to the optimiser's step, as CONTRIBUTING lists it, stays short to read."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_FILES, MOST_LINES = 12, 2000
STEPS = {'toolbox/engine/runner.py': 300, 'toolbox/engine/loops.py': 190, 'toolbox/engine/config.py': 100}


def reading_path() -> list[str]:
    section = (ROOT / 'CONTRIBUTING.md').read_text().split('## Reading one training')[1].split('\n## ')[0]
    return re.findall(r'^\d+\. `([^`]+)`', section, re.MULTILINE)


def lines(path: str) -> int:
    return len((ROOT / path).read_text().splitlines())


def test_one_training_is_short_to_read() -> None:
    path = reading_path()
    assert {*STEPS, 'toolbox/methods/base.py', 'toolbox/methods/cyclegan.py', 'toolbox/engine/optim.py'} <= {*path}
    assert len(path) == len({*path}) <= MOST_FILES
    assert sum(lines(name) for name in path) <= MOST_LINES
    for name, most in STEPS.items():
        assert lines(name) <= most, name


def test_the_list_names_the_functions_that_it_points_to() -> None:
    """What is written as ``Class.method`` or ``function`` behind a Python file stands in that file."""
    section = (ROOT / 'CONTRIBUTING.md').read_text().split('## Reading one training')[1]
    entries = re.findall(r'^\d+\. `(toolbox/[^`]+\.py)` ((?:.|\n   )*)', section, re.MULTILINE)
    assert len(entries) > 6
    for path, text in entries:
        for name in re.findall(r'`(?:\w+\.)?(\w+)`', text):
            assert re.search(rf'def {name}\b', (ROOT / path).read_text()), f'{path}: {name}'
