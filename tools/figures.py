"""Draw the idea of every system as docs/images/ideas/NAME.svg, from tools/figure_texts/NAME.txt:

python tools/figures.py [NAME ...] [--out FOLDER]

A description is the name of the method, a grid of parts (``|`` between columns, a line for each row), an empty line,
and the lines between parts. Parts are an ``image``, a ``[network]``, a ``[[network that is not trained]]``, a
``(code)``, a ``<loss>`` and an ``{operation}``; ``;`` starts a new line of text. A part is called by its first line;
where it appears again, a ``'`` follows, which is not shown. ``a > b`` leaves ``a`` sideways where the two do not lie
opposite each other, ``a ^ b`` leaves it up or down. Lines to losses have no direction. Losses and their weights are
named as in the log and the config, images and codes as in toolbox/methods.
"""

from __future__ import annotations

import argparse
import re
import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from toolbox.cli import run
from toolbox.errors import did_you_mean
from toolbox.files.replacing import replacing

FIGURES = {path.stem: path.read_text() for path in sorted((ROOT / 'tools/figure_texts').glob('*.txt'))}
WIDTH, MARGIN, GAP = 720, 16, 18  # pixels: of the picture, around its parts, and between its rows
FONT, LETTER, LINE = 13, 7.9, 17  # size, and what a letter and a line take
# Sign, outline, filling, and radius of the corners, of each kind of part
KINDS = {
    'frozen': (re.compile(r'\[\[(.*)\]\]'), '#6b7280', '#e5e7eb', 2),
    'network': (re.compile(r'\[(.*)\]'), '#1d4ed8', '#dbeafe', 2),
    'code': (re.compile(r'\((.*)\)'), '#a16207', '#fef3c7', 13),
    'loss': (re.compile(r'<(.*)>'), '#b91c1c', '#ffffff', 8),
    'operation': (re.compile(r'\{(.*)\}'), '#ffffff', '#ffffff', 0),
    'image': (re.compile(r'(.*)'), '#15803d', '#dcfce7', 7)}
INK = '#374151'
Point = tuple[float, float]
Line = tuple[str, str, str]  # name of the start, '>' or '^', name of the end


class Part(NamedTuple):
    """A box in a figure: its text, line by line, its kind, and its middle and size in pixels."""

    text: tuple[str, ...]
    kind: str
    x: float
    y: float

    @property
    def width(self) -> float:
        return max(34, max(map(len, self.text)) * LETTER + 16)

    @property
    def height(self) -> float:
        return len(self.text) * LINE + 10


def part_of(cell: str) -> tuple[str, Part]:
    """Name and part of a cell. The name is the first line of the text, with what tells it from others."""
    kind, match = next((kind, match) for kind, (sign, *_) in KINDS.items() if (match := sign.fullmatch(cell)))
    lines = [line.strip() for line in match[1].split(';')]
    return lines[0], Part(tuple(line.rstrip("'") for line in lines), kind, 0, 0)


def laid_out(grid: str) -> tuple[dict[str, Part], float]:
    """The parts of a grid by name, and the height of the picture."""
    rows = [[cell.strip() for cell in line.split('|')] for line in grid.splitlines()]
    cells = {(row, column): part_of(cell) for row, line in enumerate(rows) for column, cell in enumerate(line) if cell}
    columns = range(max(map(len, rows)))
    widths = [max((part.width for (_, c), (_, part) in cells.items() if c == column), default=0) for column in columns]
    heights = [max((part.height for (r, _), (_, part) in cells.items() if r == row), default=0)
               for row in range(len(rows))]
    gap = (WIDTH - 2 * MARGIN - sum(widths)) / max(len(widths) - 1, 1)
    parts = {name: part._replace(x=MARGIN + sum(widths[:column]) + column * gap + widths[column] / 2,
                                 y=MARGIN + sum(heights[:row]) + row * GAP + heights[row] / 2)
             for (row, column), (name, part) in cells.items()}
    return parts, 2 * MARGIN + sum(heights) + GAP * (len(rows) - 1)


def lines_of(text: str) -> list[Line]:
    chains = [re.split(r' ([>^]) ', line) for line in text.splitlines()]
    return [(words[i], words[i + 1], words[i + 2]) for words in chains for i in range(0, len(words) - 2, 2)]


def path(a: Part, way: str, b: Part) -> list[Point]:
    """The corners of a line from the border of one part to that of another, horizontal and vertical pieces only."""
    if a.x == b.x or a.y == b.y:
        middle = [(a.x, a.y), (b.x, b.y)]
    else:
        middle = [(a.x, a.y), (b.x, a.y) if way == '>' else (a.x, b.y), (b.x, b.y)]
    return [border(a, middle[1]), *middle[1:-1], border(b, middle[-2])]


def border(part: Part, towards: Point) -> Point:
    """Where a line from the middle of a part straight to a point leaves it."""
    x, y = towards
    if y == part.y:
        return part.x + (part.width / 2 if x > part.x else -part.width / 2), y
    return x, part.y + (part.height / 2 if y > part.y else -part.height / 2)


def drawn_line(a: Part, way: str, b: Part) -> str:
    points = ' '.join(f'{x:.1f},{y:.1f}' for x, y in path(a, way, b))
    if 'loss' in (a.kind, b.kind):
        return f'<polyline points="{points}" stroke="{KINDS["loss"][1]}" stroke-dasharray="5 3"/>'
    return f'<polyline points="{points}" stroke="{INK}" marker-end="url(#to)"/>'


def drawn_part(part: Part) -> str:
    _, edge, filling, radius = KINDS[part.kind]
    dashes = ' stroke-dasharray="5 3"' if part.kind == 'loss' else ''
    box = (f'<rect x="{part.x - part.width / 2:.1f}" y="{part.y - part.height / 2:.1f}" width="{part.width:.1f}" '
           f'height="{part.height:.1f}" rx="{radius}" fill="{filling}" stroke="{edge}"{dashes}/>')
    top = part.y - (len(part.text) - 1) * LINE / 2 + FONT * 0.35
    colour = edge if part.kind == 'loss' else INK if part.kind == 'operation' else '#111827'
    return box + ''.join(f'<text x="{part.x:.1f}" y="{top + number * LINE:.1f}" fill="{colour}">{escape(line)}</text>'
                         for number, line in enumerate(part.text))


def read(description: str) -> tuple[str, dict[str, Part], list[Line], float]:
    """Name of the method, parts by name, lines, and height of the picture."""
    title, _, rest = description.partition('\n')
    grid, _, lines = rest.partition('\n\n')
    parts, height = laid_out(grid)
    return title, parts, lines_of(lines), height


def svg(description: str) -> str:
    """The figure of a description."""
    title, parts, lines, height = read(description)
    drawn = [drawn_line(parts[a], way, parts[b]) for a, way, b in lines]
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" role="img" fill="none" stroke-width="1.5">',
        f'<title>{escape(title)}</title>',
        '<style>text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; text-anchor: middle }'
        '</style>',
        f'<marker id="to" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="5.5" markerHeight="5.5" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{INK}"/></marker>',
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="10" fill="#ffffff"/>',
        *drawn, *map(drawn_part, parts.values()), '</svg>', ''])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help=f'all if none is named: {", ".join(FIGURES)}')
    parser.add_argument('--out', type=Path, default=ROOT / 'docs/images/ideas', help='folder for the pictures')
    args = parser.parse_args()
    for name in args.names:
        if name not in FIGURES:
            parser.error(f'there is no figure {name!r}.{did_you_mean(name, FIGURES)}')
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names or FIGURES:
        with replacing(args.out / f'{name}.svg') as new:
            new.write_text(svg(FIGURES[name]))


if __name__ == '__main__':
    run(main)
