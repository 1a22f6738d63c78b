"""The table of docs/reliability.md and the tests marked as fault are the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from commands import ROOT

ROWS = [line for line in (ROOT / 'docs/reliability.md').read_text().splitlines()
        if re.match(r'\|.*`tests/\w+\.py::', line)]
NAMED = {name for row in ROWS for name in re.findall(r'`(tests/\w+\.py::\w+)`', row)}


def marks_fault(node: ast.AST) -> bool:
    return any(ast.unparse(part) == 'pytest.mark.fault' for part in ast.walk(node) if isinstance(part, ast.Attribute))


def functions_of(path: Path) -> dict[str, bool]:
    """Test functions of a file, and whether they are marked as fault."""
    body = ast.parse(path.read_text()).body
    whole_file = any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'pytestmark' and marks_fault(node)
                     for node in body)
    return {f'tests/{path.name}::{node.name}': whole_file or any(map(marks_fault, node.decorator_list))
            for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith('test')}


TESTS = {name: fault for path in sorted((ROOT / 'tests').glob('test_*.py')) for name,
         fault in functions_of(path).items()}


def test_the_table_is_long_enough_and_names_tests_that_exist() -> None:
    assert len(ROWS) >= 30 and len(set(ROWS)) == len(ROWS)
    assert not NAMED - TESTS.keys()


def test_every_row_says_what_happens_what_must_hold_and_which_test_shows_it() -> None:
    for row in ROWS:
        fault, holds, test = (cell.strip() for cell in row.strip('|').split('|'))
        assert fault and holds and re.fullmatch(r'(`tests/\w+\.py::\w+`(, )?)+', test), row


def test_the_table_and_the_mark_agree() -> None:
    marked = {name for name, fault in TESTS.items() if fault}
    assert marked == NAMED, f'not in the table: {marked - NAMED}; not marked: {NAMED - marked}'
