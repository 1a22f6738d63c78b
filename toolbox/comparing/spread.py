"""Mean and spread over the seeds of several trainings."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from statistics import fmean, stdev

from .tables import Table

Scores = dict[str, dict[str, dict[int, float]]]  # settings -> result -> seed -> value


def spread_table(scores: Scores) -> Table:
    """One row for each choice of settings, one column for each result."""
    names = list(dict.fromkeys(name for own in scores.values() for name in own))
    return Table(['', *names], [[label, *(_spread(own.get(name, {})) for name in names)]
                                for label, own in scores.items()])


def _spread(values: Mapping[int, float]) -> str:
    if len(values) < 2:
        return ''.join(f'{value:.4g}' for value in values.values())
    mean, deviation = fmean(values.values()), stdev(values.values())
    return f'{mean:.4g} ± {deviation:.2g} ({", ".join(f"{value:.4g}" for value in values.values())})'


def spread_csv(scores: Scores) -> str:
    """One line for each choice of settings and each result, all numbers as they are."""
    text = io.StringIO(newline='')
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['settings', 'result', 'seeds', 'mean', 'standard deviation'])
    for label, own in scores.items():
        for name, values in own.items():
            deviation = repr(stdev(values.values())) if len(values) > 1 else ''
            writer.writerow([label, name, len(values), repr(fmean(values.values())), deviation])
    return text.getvalue()
