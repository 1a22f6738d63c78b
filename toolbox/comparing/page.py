"""A comparison as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from .tables import Table

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none';
 img-src data:; style-src 'unsafe-inline'"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }}
img {{ max-width: 100%; image-rendering: pixelated; border: 1px solid #ddd; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; vertical-align: bottom; }}
td:first-child, th:first-child {{ text-align: left; }}
</style></head><body><h1>{title}</h1>
{table}
<ul>{lines}</ul>
{pictures}
</body></html>
"""


def as_page(title: str, table: Table, lines: Sequence[str], pictures: Mapping[str, bytes]) -> str:
    """The page; all text is escaped.

    Args:
        title: of the comparison.
        table: its cells are text.
        lines: what has to be known about it.
        pictures: PNG files by name.
    """
    return PAGE.format(
        title=escape(title), lines=''.join(f'<li>{escape(line)}</li>' for line in lines),
        table='<table>' + _row('th', table.head) + ''.join(_row('td', row) for row in table.rows) + '</table>',
        pictures=''.join(f'<h2>{escape(name)}</h2><img alt="{escape(name)}" src="data:image/png;base64,'
                         f'{base64.b64encode(data).decode()}">' for name, data in pictures.items()))


def _row(tag: str, cells: Sequence[str]) -> str:
    return '<tr>' + ''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells) + '</tr>'
