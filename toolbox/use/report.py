"""One HTML page about a training run: samples over time, scores and losses. No server, no script from elsewhere.

The run may be a stranger's: nothing but regular files is opened, and what they say is text in the page.
"""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ..errors import UserError
from ..files.replacing import replacing
from ..files.strangers import OddFile, read_regular, read_text
from .scalars import Row, read_scalars

PICTURES = 40  # at most, spread evenly: they are inside the page
CURVES, POINTS = 100, 2000  # at most, and points of each
MOST = 2**27  # bytes of all pictures
MOST_TEXT = 2**20  # bytes of the config
PIXELS = 2**26  # of a picture: a small file can claim any number
T = TypeVar('T')
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none';
 img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto;
       padding: 0 1rem; color: #222; }}
img {{ max-width: 100%; image-rendering: pixelated; border: 1px solid #ddd; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }}
svg {{ background: #fafafa; border: 1px solid #ddd; margin: 0 1rem 1rem 0; }}
pre {{ overflow: auto; background: #fafafa; padding: 1rem; }}
</style></head><body><h1>{title}</h1>{notes}
<h2>Samples</h2>
<p><input id="at" type="range" min="0" max="{last}" value="{last}" style="width: 60%"> iteration <b id="it"></b></p>
<img id="picture" alt="fixed inputs and their translations" style="width: {width}px">
<h2>Validation</h2>{scores}<h2>Training</h2>{curves}<h2>Config</h2><pre>{config}</pre>
<script>
const pictures = {pictures};
const at = document.getElementById('at');
function show() {{ const p = pictures[at.value]; document.getElementById('it').textContent = p[0];
  document.getElementById('picture').src = p[1]; }}
at.oninput = show; show();
</script></body></html>
"""


def write_report(work_dir: str | Path) -> Path:
    """Write ``work_dir/report.html`` from what the run left in ``work_dir``; returns its path.

    Raises:
        UserError: the folder holds no samples, or cannot be written to.
    """
    work_dir = Path(work_dir)
    notes: list[str] = []
    pictures = dict(_pictures(work_dir, notes))
    if not pictures:
        raise UserError(f'{work_dir}: no samples/<iteration>.png; is this the work_dir of a training run?'
                        + ''.join(f'\n{note}' for note in notes))
    scalars = read_scalars(work_dir, notes)
    curves = losses(scalars, notes)
    shown = [[step, 'data:image/png;base64,' + base64.b64encode(data).decode()] for step, data in pictures.items()]
    config = _config(work_dir, notes)
    page = PAGE.format(
        title=html.escape(f'{work_dir.resolve().name}: {max(pictures)} iterations'), last=len(shown) - 1,
        width=2 * png_size(pictures[max(pictures)])[1], pictures=json.dumps(shown), scores=_scores_table(scalars),
        curves=''.join(_curve(name, points) for name, points in curves.items()), config=html.escape(config),
        notes=''.join(f'<p>{html.escape(note)}</p>' for note in notes))
    path = work_dir / 'report.html'
    try:
        with replacing(path) as new:
            new.write_bytes(page.encode(errors='replace'))  # a name may hold half a character
    except OSError as error:
        raise UserError(f'{path}: cannot be written: {error.strerror}.') from error
    return path


def _pictures(work_dir: Path, notes: list[str]) -> Iterator[tuple[int, bytes]]:
    """Iteration and content of the pictures to show."""
    named = {int(path.stem): path for path in work_dir.glob('samples/*.png') if re.fullmatch('[0-9]{1,15}', path.stem)}
    chosen = thinned(sorted(named), PICTURES)
    room = MOST
    for step in chosen:
        try:
            data = read_regular(named[step], room, work_dir)
            if not 0 < math.prod(png_size(data)) <= PIXELS:
                raise OddFile('not a PNG file, or one of too many pixels')
        except OSError as error:
            notes.append(f'samples/{named[step].name} is left out: {error.strerror or error}.')
            continue
        room -= len(data)
        yield step, data


def _config(work_dir: Path, notes: list[str]) -> str:
    try:
        return read_text(work_dir / 'config.py', MOST_TEXT, work_dir)
    except FileNotFoundError:
        return 'no config.py'
    except OSError as error:
        notes.append(f'config.py is left out: {error.strerror or error}.')
        return ''


def losses(scalars: Sequence[Row], notes: list[str], without: Sequence[str] = ('val', 'lr', 'time', 'grad_norm')
           ) -> dict[str, list[tuple[int, float]]]:
    """The curves to draw, by name; ``without`` are kinds of numbers that are left out."""
    curves: dict[str, dict[int, float]] = {}
    missing = 0
    for row in scalars:
        for key, value in row.items():
            if '/' in key and key.split('/')[0] not in without:
                if math.isfinite(value):
                    curves.setdefault(key, {})[int(row['step'])] = value
                missing += not math.isfinite(value)
    if missing:
        notes.append(f'{missing} logged values are no finite numbers and are left out of the curves.')
    if len(curves) > CURVES:
        notes.append(f'{len(curves)} curves, of which the first {CURVES} are drawn.')
    return {name: sorted(curves[name].items()) for name in sorted(curves)[:CURVES]}


def _scores_table(scalars: Sequence[Row]) -> str:
    rows = {int(row['step']): {k[4:]: v for k, v in row.items() if k.startswith('val/')}
            for row in scalars if any(k.startswith('val/') for k in row)}
    if not rows:
        return '<p>This run was not validated.</p>'
    names = list(dict.fromkeys(k for row in rows.values() for k in row))[:CURVES]
    head = ''.join(f'<th>{html.escape(n[:100])}</th>' for n in names)
    body = ''.join(f'<tr><td>{step}</td>' + ''.join(f'<td>{rows[step].get(n, math.nan):.4g}</td>' for n in names)
                   + '</tr>' for step in thinned(sorted(rows), POINTS))
    return f'<table><tr><th>iteration</th>{head}</tr>{body}</table>'


def _curve(name: str, points: Sequence[tuple[int, float]], width: int = 320, height: int = 140) -> str:
    low, high = min(v for _, v in points), max(v for _, v in points)
    end, span = max(1, points[-1][0]), (high - low) or 1.0
    line = ' '.join(f'{10 + (width - 20) * step / end:.1f},{height - 10 - (height - 40) * (value - low) / span:.1f}'
                    for step, value in thinned(points, POINTS))
    return (f'<svg width="{width}" height="{height}"><text x="10" y="18" font-size="12">{html.escape(name[:100])} '
            f'{points[-1][1]:.3g} ({low:.3g} to {high:.3g})</text>'
            f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="1.5"/></svg>')


def thinned(items: Sequence[T], most: int) -> Sequence[T]:
    """At most so many of them, spread evenly, the last one included."""
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def png_size(data: bytes) -> tuple[int, int]:
    """Height and width; (0, 0) of what is not a PNG file."""
    if data[:8] != b'\x89PNG\r\n\x1a\n' or data[12:16] != b'IHDR':
        return 0, 0
    return int.from_bytes(data[20:24], 'big'), int.from_bytes(data[16:20], 'big')
