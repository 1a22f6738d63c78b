"""One HTML page about a training run: samples over time, scores and losses. No server, no script from elsewhere."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any

from ..errors import UserError

PICTURES = 40  # at most, spread evenly: they are inside the page
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto;
       padding: 0 1rem; color: #222; }}
img {{ max-width: 100%; image-rendering: pixelated; border: 1px solid #ddd; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }}
svg {{ background: #fafafa; border: 1px solid #ddd; margin: 0 1rem 1rem 0; }}
pre {{ overflow: auto; background: #fafafa; padding: 1rem; }}
</style></head><body><h1>{title}</h1>
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
        UserError: the folder holds no samples.
    """
    work_dir = Path(work_dir)
    files = sorted(p for p in work_dir.glob('samples/*.png') if p.stem.isdigit())
    if not files:
        raise UserError(f'{work_dir}: no samples/<iteration>.png; is this the work_dir of a training run?')
    if len(files) > PICTURES:
        files = [files[round(i * (len(files) - 1) / (PICTURES - 1))] for i in range(PICTURES)]
    scalars = read_scalars(work_dir)
    pictures = [[int(p.stem), 'data:image/png;base64,' + base64.b64encode(p.read_bytes()).decode()] for p in files]
    config = work_dir / 'config.py'
    page = PAGE.format(
        title=html.escape(f'{work_dir.name}: {int(files[-1].stem)} iterations'), last=len(files) - 1,
        width=2 * _png_width(files[-1]), pictures=json.dumps(pictures), scores=_scores_table(scalars),
        curves=''.join(_curve(name, points) for name, points in sorted(_losses(scalars).items())),
        config=html.escape(config.read_text() if config.exists() else 'no config.py'))
    path = work_dir / 'report.html'
    path.write_text(page, encoding='utf-8')
    return path


def read_scalars(work_dir: Path) -> list[dict[str, Any]]:
    """All logged scalars of a run and its resumptions, each a dict with ``step``, in the order of writing."""
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
    return [json.loads(line) for file in files for line in file.read_text().splitlines() if line.strip()]


def _losses(scalars: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    curves: dict[str, dict[int, float]] = {}
    for row in scalars:
        for key, value in row.items():
            if '/' in key and key.split('/')[0] not in ('val', 'lr', 'time', 'grad_norm'):
                curves.setdefault(key, {})[row['step']] = value
    return {name: sorted(points.items()) for name, points in curves.items()}


def _scores_table(scalars: list[dict[str, Any]]) -> str:
    rows = {row['step']: {k[4:]: v for k, v in row.items() if k.startswith('val/')}
            for row in scalars if any(k.startswith('val/') for k in row)}
    if not rows:
        return '<p>This run was not validated.</p>'
    names = list(dict.fromkeys(k for row in rows.values() for k in row))
    head = ''.join(f'<th>{html.escape(n)}</th>' for n in names)
    body = ''.join(f'<tr><td>{step}</td>' + ''.join(f'<td>{row.get(n, float("nan")):.4g}</td>' for n in names) + '</tr>'
                   for step, row in sorted(rows.items()))
    return f'<table><tr><th>iteration</th>{head}</tr>{body}</table>'


def _curve(name: str, points: list[tuple[int, float]], width: int = 320, height: int = 140) -> str:
    low, high = min(v for _, v in points), max(v for _, v in points)
    end, span = max(1, points[-1][0]), (high - low) or 1.0
    line = ' '.join(f'{10 + (width - 20) * step / end:.1f},{height - 10 - (height - 40) * (value - low) / span:.1f}'
                    for step, value in points)
    return (f'<svg width="{width}" height="{height}"><text x="10" y="18" font-size="12">{html.escape(name)} '
            f'{points[-1][1]:.3g} ({low:.3g} to {high:.3g})</text>'
            f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="1.5"/></svg>')


def _png_width(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[16:20], 'big')
