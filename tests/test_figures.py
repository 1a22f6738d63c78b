"""The figures of ideas: drawn by tools/figures.py from its descriptions, readable, and on the page of every system.

tests/test_loss_weights.py compares their losses with the log.
"""

from __future__ import annotations

import inspect
import re
import sys
from itertools import combinations, pairwise

import pytest
from commands import ROOT, command
from test_docs import TEXTS

from toolbox.registry import METHODS, find

sys.path.insert(0, str(ROOT / 'tools'))
from figures import FIGURES, MARGIN, WIDTH, Part, part_of, path, read

IDEAS = ROOT / 'docs/images/ideas'
SHOWN = re.compile(r'^!\[.+\]\((?:\.\./)?images/ideas/(\w+)\.svg\)$', re.MULTILINE)
LEAST = 12  # pixels between two parts
Box = tuple[float, float, float, float]


def box(part: Part) -> Box:
    return part.x - part.width / 2, part.y - part.height / 2, part.x + part.width / 2, part.y + part.height / 2


def apart(one: Box, other: Box, by: float = 0) -> bool:
    return one[2] + by <= other[0] or other[2] + by <= one[0] or one[3] + by <= other[1] or other[3] + by <= one[1]


def faults(name: str) -> list[str]:
    """What overlaps or leaves the picture."""
    _, parts, lines, _ = read(FIGURES[name])
    boxes = {key: box(part) for key, part in parts.items()}
    found = [f'{a} touches {b}' for a, b in combinations(boxes, 2) if not apart(boxes[a], boxes[b], LEAST)]
    found += [f'{key} leaves the picture' for key, (left, _, right, _) in boxes.items()
              if left < MARGIN - 1 or right > WIDTH - MARGIN + 1]
    for a, way, b in lines:
        for (x, y), (to_x, to_y) in pairwise(path(parts[a], way, parts[b])):
            piece = min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)
            found += [f'{a} {way} {b} crosses {key}' for key in parts.keys() - {a, b} if not apart(piece, boxes[key])]
    return found


@pytest.mark.parametrize('name', FIGURES)
def test_nothing_overlaps_or_leaves_the_picture(name: str) -> None:
    assert faults(name) == []


@pytest.mark.parametrize(('grid', 'fault'), [
    ('A | [G] | B\n\nA > B', 'A > B crosses G'), (f'A | {"x" * 90}\n\nA > {"x" * 90}', 'leaves the picture'),
    (f'A | {"x" * 80} | B\n\nA > B', 'touches')])
def test_what_overlaps_is_found(grid: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIGURES, 'wrong', f'GAN\n{grid}')
    assert any(fault in found for found in faults('wrong'))


@pytest.mark.parametrize('name', FIGURES)
def test_networks_are_those_of_the_method_and_every_part_has_a_line(name: str) -> None:
    title, parts, lines, _ = read(FIGURES[name])
    arguments = inspect.signature(find(METHODS, title, '').__init__).parameters
    networks = {word for part in parts.values() if part.kind == 'network'
                for line in part.text for word in line.split(', ')}
    assert {word.removesuffix('_n') for word in networks} <= arguments.keys()
    joined = {key for a, _, b in lines for key in (a, b)}
    assert {key for key, part in parts.items() if part.kind != 'operation'} <= joined <= parts.keys()


def test_signs_say_the_kinds_of_parts() -> None:
    cells = {'A': 'image', '[G]': 'network', '[[VGG]]': 'frozen', '(z)': 'code', '<G/adv>': 'loss', '{up}': 'operation'}
    assert {cell: part_of(cell)[1].kind for cell in cells} == cells
    assert part_of("<G/adv'; w_adv>") == ("G/adv'", Part(('G/adv', 'w_adv'), 'loss', 0, 0))


def test_the_files_are_what_the_command_writes(tmp_path: pytest.TempPathFactory) -> None:
    assert command('figures.py', '--out', str(tmp_path))[1:] == ('', '')
    drawn = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_text() for path in IDEAS.iterdir()}
    code, _, err = command('figures.py', 'cyclgan')
    assert code == 2 and "there is no figure 'cyclgan'" in err and "'cyclegan'" in err


def test_every_system_shows_its_figure_on_its_page_and_in_chinese() -> None:
    systems = {*re.findall(r'\| \[[^]]*\]\(docs/(\w+\.md)', TEXTS['README.md'])}
    shown = {page: SHOWN.findall(TEXTS[f'docs/{page}'].partition('\n## ')[0]) for page in systems}
    assert all(shown.values()) and {name for names in shown.values() for name in names} == set(FIGURES)
    for page, names in shown.items():
        assert f'`python tools/figures.py {" ".join(names)}`' in TEXTS[f'docs/{page}']
    chinese = TEXTS['docs/zh/systems.md'].split('\n### ')
    assert '`python tools/figures.py`' in chinese[0] and len(chinese) > len(systems)
    for section in chinese[1:]:
        page = re.search(r'\]\(\.\./(\w+\.md)', section)[1]
        assert set(SHOWN.findall(section)) <= set(shown[page]) and len(SHOWN.findall(section)) == 1, section[:60]
    assert {name for section in chinese for name in SHOWN.findall(section)} == set(FIGURES)
