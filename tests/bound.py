"""Metrics that know which images to compare, as the loops tell them."""

from __future__ import annotations

from typing import TypeVar

from toolbox.methods.directions import Shown
from toolbox.metrics import Metric

Metrics = TypeVar('Metrics', Metric, list[Metric])
PICTURES = {'A': Shown('A'), 'fake_B': Shown('translation to B', of='A', like='B'), 'B': Shown('B')}


def bound(metrics: Metrics) -> Metrics:
    """The same metric or metrics; keys that they do not give are those of a translation from A to B."""
    for metric in metrics if isinstance(metrics, list) else [metrics]:
        metric.bind(PICTURES)
    return metrics
