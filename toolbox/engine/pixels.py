"""How all data sets of a run read the pixels of files: as its training does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..registry import DATASETS, parameters
from .facts import class_of, kept_facts, listed


def fill_pixels(cfg: Any) -> None:
    """Give the data sets that do not say how they read pixels the way of the training set, or of the checkpoint that
    the run goes on from or tests."""
    loaders = [cfg.get(f'{stage}_dataloader') for stage in ('train', 'val', 'test')]
    metrics = [*listed(cfg.get('val_evaluator')), *listed(cfg.get('test_evaluator'))]
    unsaid = [part for place in (*loaders, *metrics) for part in _sets_in(place) if 'pixels' not in part]
    if not unsaid:
        return
    asked = next((part['pixels'] for part in _sets_in(loaders[0]) if 'pixels' in part), None)
    if (asked := asked or kept_facts(cfg).get('pixels')) == 'stored':  # data sets read as shown by themselves
        for part in unsaid:
            part['pixels'] = asked


def _sets_in(place: Any) -> Iterator[Any]:
    """The configs of all data sets of files in a part of a config; a set may be made of others."""
    if isinstance(place, Mapping):
        cls = class_of(place, DATASETS)
        if cls is not None and 'pixels' in parameters(cls)[0]:
            yield place
        for value in place.values():
            yield from _sets_in(value)
