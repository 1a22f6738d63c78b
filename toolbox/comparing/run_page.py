"""A report of several runs: what was set otherwise, scores, curves over each other, the same inputs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from ..data.listing import list_images
from ..data.ranges import to_8bit
from ..errors import UserError
from ..files.work_dir import make_folder
from ..pictures import Cell, arrange
from ..use.beside import picture_of
from ..use.curves import thinned
from ..use.report import CURVES, POINTS, png_size
from ..use.translator import Translator
from .page import as_figure, as_list, as_picture, as_table, heading, page
from .runs import Run, joined, made_otherwise, read_runs, score_tables, setting_table
from .tables import write_text

# Told apart by everybody (Okabe and Ito 2008), then dashed.
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000')
DASHES = ('', '6 3', '2 2')
ROWS = 8  # images that are translated, at most


def write_runs(folders: Sequence[str | Path], out: str | Path, images: str | Path | None = None,
               direction: str | None = None, plugins: Sequence[str] = ()) -> Path:
    """Write ``out/runs.html`` and ``out/runs.csv`` about several runs; returns the path of the page.

    Args:
        folders: work directories.
        out: folder for both files.
        images: file or folder; its first images are translated by every run. Without them the page shows the newest
            samples of each.
        direction: of the translations; the first of each run when None.
        plugins: modules with parts of the runs, see :class:`toolbox.Translator`.

    Raises:
        UserError: a folder is no work directory, an image cannot be translated, or ``out`` cannot be written to.
    """
    runs, out = read_runs(folders), Path(out)
    pictures = {}
    if images is not None:
        grid = translations({run.label: run.folder for run in runs}, _sources(Path(images)), direction, plugins)
        pictures['the same images'] = _png(grid)
    try:
        make_folder(out)
        write_text(out / 'runs.csv', joined(runs))
        write_text(out / 'runs.html', report_of(runs, pictures))
    except OSError as error:
        raise UserError(f'{error.filename or out}: cannot be written: {error.strerror}.') from error
    return out / 'runs.html'


def report_of(runs: Sequence[Run], pictures: Mapping[str, bytes]) -> str:
    """The page; pictures are PNG files by name."""
    parts = [as_list(f'{run.label}: {note}' for run in runs for note in run.notes)]
    for stage, table in score_tables(runs).items():
        parts += [heading(f'Results of the last iteration: {stage}'), as_table(table)]
    parts.append(as_list(made_otherwise(runs)))
    parts += [heading('Settings that differ'), as_table(setting_table(runs))]
    for name, png in pictures.items():
        parts += [heading(name), as_picture(name, png)]
    parts += [heading('Newest samples'), *(
        as_figure(f'{run.label}, iteration {run.picture[0]}', run.picture[1], png_size(run.picture[1])[1])
        for run in runs if run.picture is not None)]
    parts += [heading('Curves'), legend(runs), *curves(runs)]
    return page(f'{len(runs)} runs', parts)


def style_of(place: int) -> str:
    return f'stroke="{COLOURS[place % len(COLOURS)]}" stroke-dasharray="{DASHES[place // len(COLOURS) % len(DASHES)]}"'


def legend(runs: Sequence[Run]) -> str:
    rows = ''.join(f'<svg width="40" height="10"><line x1="0" x2="40" y1="5" y2="5" stroke-width="2" {style_of(i)}/>'
                   f'</svg> {escape(run.label)}<br>' for i, run in enumerate(runs))
    return f'<p>{rows}</p>'


def curves(runs: Sequence[Run]) -> list[str]:
    """One drawing for each logged number, with a line for each run."""
    names = sorted({name for run in runs for name in run.curves})[:CURVES]
    return [curve(name, [run.curves.get(name, []) for run in runs]) for name in names]


def curve(name: str, lines: Sequence[Sequence[tuple[int, float]]], width: int = 420, height: int = 200) -> str:
    """Lines of (iteration, value) on common axes; an empty one keeps the colours of the others, a single point is a
    circle."""
    values = [value for line in lines for _, value in line]
    low, high = min(values), max(values)
    end = max(1, *(line[-1][0] for line in lines if line))
    across, up = (width - 20) / end, (height - 40) / ((high - low) or 1.0)
    drawn = []
    for i, line in enumerate(lines):
        points = [(10 + across * step, height - 10 - up * (value - low)) for step, value in thinned(line, POINTS)]
        path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="none" {style_of(i)}/>' for x, y in points
                  if len(points) == 1]
        drawn.append(f'<polyline points="{path}" fill="none" stroke-width="1.5" {style_of(i)}/>')
    return (f'<svg width="{width}" height="{height}"><text x="10" y="18" font-size="12">{escape(name[:100])} '
            f'({low:.3g} to {high:.3g}, {end} iterations)</text>{"".join(drawn)}</svg>')


def translations(runs: Mapping[str, Path], sources: Sequence[Path], direction: str | None = None,
                 plugins: Sequence[str] = ()) -> np.ndarray:
    """A row per image: itself, and what each run makes of it; RGB uint8 ``(H, W, 3)``."""
    rows: list[list[Cell]] = [[] for _ in sources]
    for folder in runs.values():
        translator = Translator(folder, direction, plugins=plugins)
        port, asked = translator.first_input, translator.asked[translator.direction]
        given, made = translator.model.range_of(port.name), translator.model.range_of(asked.gives)
        for row, source in zip(rows, sources, strict=True):
            if not row:
                read = translator.read(source, translator.direction)[port.name]
                row.append(_in_8_bits(picture_of(port, read, given)))
            row.append(_in_8_bits(to_8bit(np.asarray(translator(source)), made)))
    return arrange(rows, ['input', *runs], header=18)


def _in_8_bits(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else (image // 257).astype(np.uint8)


def _sources(path: Path) -> list[Path]:
    return [*list_images(path)[:ROWS]] if path.is_dir() else [path]


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode('.png', image[:, :, ::-1])[1].tobytes()
