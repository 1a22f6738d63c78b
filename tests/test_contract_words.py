"""What uses a method reads its directions and pictures: it knows no method by name, and no picture of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolbox.registry import METHODS

TOOLBOX = Path(__file__).resolve().parents[1] / 'toolbox'
USERS = ('use', 'hooks', 'metrics', 'engine')


def words() -> list[str]:
    """The registered methods of the toolbox (not those that tests register), and the picture that most of them make."""
    METHODS.import_from_location()
    own = [name for name, cls in METHODS.module_dict.items() if cls.__module__.startswith('toolbox.')]
    return [*own, 'fake_B']


def lines_with(known: list[str], text: str) -> list[str]:
    """As ``grep -nwE`` finds them."""
    pattern = re.compile(rf'(?<!\w)(?:{"|".join(map(re.escape, known))})(?!\w)')
    return [f'{number}: {line.strip()}' for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


@pytest.mark.parametrize('package', USERS)
def test_users_of_methods_know_none_of_them(package: str) -> None:
    files = sorted((TOOLBOX / package).rglob('*.py'))
    assert files
    known = words()
    assert {path.relative_to(TOOLBOX): found for path in files if (found := lines_with(known, path.read_text()))} == {}


def test_the_search_finds_what_it_looks_for() -> None:
    known = words()
    assert len(known) > 10
    for name in known:
        found = [*(TOOLBOX / 'methods').glob('*.py')]
        assert any(lines_with([name], path.read_text()) for path in found), name
    assert lines_with(known, f'# as {known[0]} does\nx = 1\npred="fake_B"\n') == [f'1: # as {known[0]} does',
                                                                                 '3: pred="fake_B"']
    assert not lines_with(known, f'Un{known[0]}ly, fake_B_1 and U-{known[0].lower()}')
