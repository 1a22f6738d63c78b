"""What a comparison leaves in its folder for people: tables, grids and a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.io import write_image
from .comparison import Comparison
from .page import as_page
from .scoring import Task
from .tables import as_csv, as_markdown, by_config, grids, protocols, write_text


def write_results(comparison: Comparison, records: Sequence[dict[str, Any]]) -> Path:
    """Write comparison.csv, .md and .html, and a grid for each task; returns the path of the Markdown file."""
    folder, pictures = comparison.work_dir, {}
    made = {label: {Task(*task[:2]): task[2] for task in measures['tasks']}
            for label, measures in comparison.measures.items()}
    for name, grid in grids(records, comparison.tasks, made):
        write_image(folder / f'grid_{name}.png', grid)
        pictures[f'grid_{name}.png'] = (folder / f'grid_{name}.png').read_bytes()
    seeds = ', '.join(map(str, comparison.seeds))
    title = f'{len(comparison.entries)} configs, {comparison.budget} each, seeds {seeds}'
    table, lines = by_config(records), [*_about(comparison), *protocols(records)]
    write_text(folder / 'comparison.csv', as_csv(records))
    write_text(folder / 'comparison.html', as_page(title, table, lines, pictures))
    write_text(folder / 'comparison.md', as_markdown(title, table, lines, [*pictures]))
    return folder / 'comparison.md'


def _about(comparison: Comparison) -> list[str]:
    """What every config was given, and what its budget left as it is."""
    lines = ['Means over the seeds; ± is the standard error over blocks of images (mean of the seeds); in brackets, '
             'the seeds one by one. Memory: tensors of the first iterations at their peak.']
    for entry in comparison.entries:
        iters = comparison.measures[entry.label]['iters']
        lines.append(f'{entry.label}: {entry.path}, {iters} iterations of {entry.batch} sample(s), of its own '
                     f'{entry.own.iters}' + ''.join(f'; {note}' for note in entry.notes))
    return lines
