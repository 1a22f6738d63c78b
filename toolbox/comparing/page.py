"""Pages of tables, curves and pictures that need no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from .tables import Table

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none';
 img-src data:; style-src 'unsafe-inline'"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }}
img {{ max-width: 100%; image-rendering: pixelated; border: 1px solid #ddd; }}
figure img {{ width: 100%; }}
figure {{ display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }}
svg {{ background: #fafafa; border: 1px solid #ddd; margin: 0 1rem 1rem 0; }}
p svg {{ border: none; margin: 0; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; vertical-align: bottom; }}
td:first-child, th:first-child {{ text-align: left; }}
</style></head><body><h1>{title}</h1>
{parts}
</body></html>
"""


def as_page(title: str, table: Table, lines: Sequence[str], pictures: Mapping[str, bytes]) -> str:
    """A comparison; all text is escaped.

    Args:
        title: of the comparison.
        table: its cells are text.
        lines: what has to be known about it.
        pictures: PNG files by name.
    """
    return page(title, [as_table(table), as_list(lines),
                        *(heading(name) + as_picture(name, data) for name, data in pictures.items())])


def page(title: str, parts: Iterable[str]) -> str:
    """A page of parts that the functions below made."""
    return PAGE.format(title=escape(title), parts='\n'.join(parts))


def heading(text: str) -> str:
    return f'<h2>{escape(text)}</h2>'


def as_table(table: Table) -> str:
    return '<table>' + _row('th', table.head) + ''.join(_row('td', row) for row in table.rows) + '</table>'


def as_list(lines: Iterable[str]) -> str:
    return f'<ul>{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def as_picture(name: str, png: bytes) -> str:
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def as_figure(caption: str, png: bytes, width: int) -> str:
    """A picture of so many pixels, in a row with its neighbours."""
    return (f'<figure style="width: {width}px">{as_picture(caption, png)}'
            f'<figcaption>{escape(caption)}</figcaption></figure>')


def _row(tag: str, cells: Sequence[str]) -> str:
    return '<tr>' + ''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells) + '</tr>'
