"""One HTML page about a training run: samples over time, scores and losses. No server, no script from elsewhere.

The run may be a stranger's: nothing but regular files is opened, and what they say is text in the page.
"""

from __future__ import annotations

import base64
import html
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import UserError
from ..files.replacing import replacing
from ..files.strangers import OddFile, read_regular, read_text
from ..registry import METRICS
from .curves import Points, curve, thinned
from .scalars import Row, read_scalars

PICTURES = 40  # at most, spread evenly: they are inside the page
CURVES, POINTS = 100, 2000  # at most, and rows of the table of scores
MOST = 2**27  # bytes of all pictures
MOST_TEXT, MOST_ORIGIN = 2**20, 2**16  # bytes of the config, and of run.json
LONGEST = 2000  # letters of what run.json says about one thing
ORIGIN = ('method', 'paper', 'command', 'code', 'versions', 'machine', 'seed', 'duration')
OTHERS = ('val', 'lr', 'time')  # kinds of curves that are no losses
UNITS = {'lr': 'learning rate', 'time/it_per_s': 'iterations per second',
         'time/data': 'share of the time that waits for data', 'val': 'score'}
PIXELS = 2**26  # of a picture: a small file can claim any number
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto;
       padding: 0 1rem; color: #222; }}
img {{ max-width: 100%; image-rendering: pixelated; border: 1px solid #ddd; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
td, th {{ padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top; }}
h1, td {{ overflow-wrap: anywhere; }}
svg {{ background: #fff; border: 1px solid #ddd; margin: 0 .6rem .6rem 0; max-width: 100%; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: #fafafa; padding: 1rem; font-size: 12px; }}
@media print {{ body {{ max-width: none; margin: 0; }} input {{ display: none; }}
       svg, img, tr {{ break-inside: avoid; }} }}
</style></head><body><h1>{title}</h1>{notes}{origin}
<h2>Samples</h2>
<p>Each row is one input of the validation set (without one, of the training set); the caption of a column says what is
made of it.</p>
<p><input id="at" type="range" min="0" max="{last}" value="{last}" style="width: 60%"> iteration <b id="it"></b></p>
<img id="picture" alt="fixed inputs and their translations" style="width: {width}px">
<h2>Validation</h2>{validation}{scores}
<h2>Losses</h2><p>Pale: means between status lines; dark: means over a twentieth of the training.</p>{curves}
<h2>Learning rates and speed</h2>{rates}<h2>Config</h2><pre>{config}</pre>
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
    curves, origin = curves_in(scalars, notes), _origin(work_dir, scalars, notes)
    shown = [[step, 'data:image/png;base64,' + base64.b64encode(data).decode()] for step, data in pictures.items()]
    config = _config(work_dir, notes)
    page = PAGE.format(
        title=html.escape(f'{work_dir.resolve().name}: {max(pictures)} iterations'), last=len(shown) - 1,
        width=png_size(pictures[max(pictures)])[1], pictures=json.dumps(shown), scores=_scores_table(scalars),
        validation=_drawn(curves, ('val',)), curves=_drawn(curves), rates=_drawn(curves, ('lr', 'time')),
        config=html.escape(config), origin=origin,
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
        data = read_picture(named[step], room, work_dir, notes)
        if data:
            room -= len(data)
            yield step, data


def read_picture(path: Path, most: int, work_dir: Path, notes: list[str]) -> bytes | None:
    """A PNG file of at most ``most`` bytes; None, and a note, if it is none that could be shown."""
    try:
        data = read_regular(path, most, work_dir)
        if not 0 < math.prod(png_size(data)) <= PIXELS:
            raise OddFile('not a PNG file, or one of too many pixels')
    except OSError as error:
        notes.append(f'samples/{path.name} is left out: {error.strerror or error}.')
        return None
    return data


def _config(work_dir: Path, notes: list[str]) -> str:
    try:
        return read_text(work_dir / 'config.py', MOST_TEXT, work_dir)
    except FileNotFoundError:
        return 'no config.py'
    except OSError as error:
        notes.append(f'config.py is left out: {error.strerror or error}.')
        return ''


def curves_in(scalars: Sequence[Row], notes: list[str]) -> dict[str, list[tuple[int, float]]]:
    """The curves to draw, by name; scores, rates and speed, too."""
    curves: dict[str, dict[int, float]] = {}
    missing = 0
    for row in scalars:
        for key, value in row.items():
            kind = key.partition('/')[0]
            if '/' in key and kind != 'grad_norm' and not key.endswith('_images'):
                if math.isfinite(value):
                    curves.setdefault(key, {})[int(row['step'])] = value
                missing += not math.isfinite(value) and kind not in OTHERS
    if missing:
        notes.append(f'{missing} logged values are no finite numbers and are left out of the curves.')
    if len(curves) > CURVES:
        notes.append(f'{len(curves)} curves, of which the first {CURVES} are drawn.')
    return {name: sorted(curves[name].items()) for name in sorted(curves)[:CURVES]}


def _drawn(curves: Mapping[str, Points], kinds: Sequence[str] = ()) -> str:
    """The curves of some kinds, or of losses, as pictures."""
    chosen = {name: points for name, points in curves.items()
              if (kind := name.partition('/')[0]) in kinds or (not kinds and kind not in OTHERS)}
    units = {name: UNITS.get(name) or UNITS.get(name.partition('/')[0], 'loss') for name in chosen}
    return ''.join(curve(name, points, units[name], _best(name, points)) for name, points in chosen.items())


def _best(name: str, points: Points) -> tuple[int, float] | None:
    """The best of scores, if a metric of the toolbox has this name and says which is better."""
    word = name.rpartition('/')[2]
    metric = METRICS.get(word) if name.startswith('val/') and word.isidentifier() else None  # it may import the rest
    if metric is None or len(points) < 2:
        return None
    return (max if metric.higher_is_better else min)(points, key=lambda point: point[1])


def _origin(work_dir: Path, scalars: Sequence[Row], notes: list[str]) -> str:
    """What is known about method, command, code and machine, and how long it was trained; a table."""
    found: dict[str, str] = {}
    for path in sorted(folder / 'run.json' for folder in work_dir.glob('*')):  # of each start; the last one counts
        if os.path.lexists(path):
            try:
                said = json.loads(read_text(path, MOST_ORIGIN, work_dir))
            except (OSError, ValueError, RecursionError) as error:
                notes.append(f'{path.relative_to(work_dir)} is left out: {getattr(error, "strerror", None) or error}.')
                continue
            found |= {key: said[key] for key in ORIGIN if isinstance(said, dict) and isinstance(said.get(key), str)}
    if seconds := _seconds(scalars):
        found['duration'] = f'{seconds / 3600:.2f} hours' if seconds >= 3600 else f'{seconds / 60:.1f} minutes'
        found['duration'] += ', without validation, samples and saving'
    rows = ''.join(f'<tr><th>{key}</th><td>{html.escape(found[key][:LONGEST])}</td></tr>'
                   for key in ORIGIN if key in found)
    return f'<table>{rows}</table>' if rows else ''


def _seconds(scalars: Sequence[Row]) -> float:
    """Of all iterations, by the speeds that were logged."""
    total, before = 0.0, 0.0
    for row in scalars:
        speed = row.get('time/it_per_s', math.nan)
        if speed > 0:
            total, before = total + max(0.0, row['step'] - before) / speed, row['step']
    return total


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


def png_size(data: bytes) -> tuple[int, int]:
    """Height and width; (0, 0) of what is not a PNG file."""
    if data[:8] != b'\x89PNG\r\n\x1a\n' or data[12:16] != b'IHDR':
        return 0, 0
    return int.from_bytes(data[20:24], 'big'), int.from_bytes(data[16:20], 'big')
