"""Scores of a method on the images of one data set, and of its untranslated images, by the same metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..data.collate import stack_samples
from ..hooks.samples import as_shown
from ..methods.base import Method
from ..methods.directions import Shown
from ..metrics.base import Metric
from ..progress import tracked
from ..registry import METRICS, build

Pictures = dict[str, np.ndarray]


class Task(NamedTuple):
    """A kind of picture that methods are compared by.

    Attributes:
        of: picture of the data set that it is made from; empty if it is made from noise.
        like: picture of the data set that it should resemble.
    """

    of: str
    like: str

    @property
    def name(self) -> str:
        return f'{self.of}to{self.like}' if self.of else self.like


class TestSet(NamedTuple):
    """The pictures that all methods are scored on.

    Attributes:
        dataset: of the config that gives them.
        batch: samples at a time.
        rows: samples whose pictures are shown.
        source: its config, as text.
    """

    dataset: Any
    batch: int
    rows: Sequence[int]
    source: str


class Wanted(NamedTuple):
    """How pictures are scored.

    Attributes:
        features: config of the network whose features are compared.
        block: images in a block of the estimate.
        further: configs of metrics that are added.
    """

    features: dict[str, Any]
    block: int
    further: Sequence[dict[str, Any]]

    def metrics(self, task: Task, shown: Mapping[str, Shown], given: Iterable[str]) -> list[Metric]:
        """The metrics for the picture in ``shown``, where the data set gives the pictures ``given``."""
        kid = dict(type='UGATITKID') if task.of else dict(type='KID', estimator='blocks', scale=100.0)
        wanted = [dict(kid, size=self.block, features=self.features), *self.further]
        if (answer := f'oracle_{task.like}') in given and task.of:
            wanted.insert(1, dict(type='OracleScore', source=task.of, target=answer))
        metrics = [build(dict(cfg, prefix=task.name), METRICS, '--metrics') for cfg in wanted]
        for metric in metrics:
            metric.baseline = False  # they have a row of their own
            metric.bind(shown)
            getattr(metric, 'load', lambda: None)()
        return metrics


class Scores(NamedTuple):
    """What :func:`score` found.

    Attributes:
        values: by name, with the task in front (``'AtoB/OracleScore'``).
        protocols: how each came about.
        pictures: of some samples, per sample by name, ``(H, W, C)`` uint8.
    """

    values: dict[str, float]
    protocols: dict[str, str]
    pictures: list[Pictures]


def tasks_of(pictures: Mapping[str, Shown]) -> dict[Task, str]:
    """What a method makes, straight from data or noise, of another kind than its input; the first picture of each."""
    found: dict[Task, str] = {}
    for key, shown in pictures.items():
        straight = not (shown.of in pictures and pictures[shown.of].is_made)
        if shown.is_made and straight and shown.of != shown.like:
            found.setdefault(Task(shown.of, shown.like), key)
    return found


def score(model: Method, data: TestSet, wanted: Wanted, first: int | None = None) -> Scores:
    """Score what a method makes of a data set in a validation.

    Args:
        model: with its final weights.
        data: the pictures.
        wanted: metrics.
        first: only so many samples are measured, without results.
    """
    shown, given = model.pictures, data.dataset[0]
    metrics = [metric for task, key in tasks_of(shown).items() for metric in
               wanted.metrics(task, {key: shown[key]}, given)]
    return _measured(data, metrics, lambda batch: model.val_step(stack_samples(batch)), first)


def score_untranslated(data: TestSet, tasks: Iterable[Task], wanted: Wanted) -> Scores:
    """The same of the sources themselves in the place of their translations."""
    given = data.dataset[0]
    metrics = [metric for task in tasks if _comparable(given, task) for metric in
               wanted.metrics(task, {task.of: Shown('untranslated', of=task.of, like=task.like)}, given)]
    return _measured(data, metrics, lambda batch: [dict(sample) for sample in batch])


def _comparable(sample: Mapping[str, Any], task: Task) -> bool:
    """Whether source and target are images of one shape."""
    shapes = [x.shape for key in task if isinstance(x := sample.get(key), torch.Tensor) and x.ndim == 3]
    return len(shapes) == 2 and shapes[0] == shapes[1]


def _measured(data: TestSet, metrics: list[Metric], make: Any, first: int | None = None) -> Scores:
    pictures: list[Pictures] = []
    count = len(data.dataset) if first is None else min(first, len(data.dataset))
    for place, given, sample in tracked(_samples(data, count, make), 'images', 'score', count):
        for metric in metrics:
            metric.process(given, [sample])
        if place in data.rows:
            pictures.append(_pictures(sample))
    if first is not None:
        for metric in metrics:
            metric.forget()
        return Scores({}, {}, pictures)
    values = {name: float(value) for metric in metrics for name, value in metric.evaluate(count).items()}
    return Scores({name: value for name, value in values.items() if not name.endswith('_images')},
                  {name: metric.protocol for metric in metrics for name in metric.reported}, pictures)


def _samples(data: TestSet, count: int, make: Any) -> Iterator[tuple[int, Any, dict[str, Any]]]:
    for start in range(0, count, data.batch):
        batch = [data.dataset[i] for i in range(start, min(start + data.batch, count))]
        for i, sample in enumerate(make(batch)):
            yield start + i, stack_samples([batch[i]]), sample


def _pictures(sample: Mapping[str, Any]) -> Pictures:
    images = as_shown({key: x for key, x in sample.items() if key == 'meta' or getattr(x, 'ndim', 0) == 3})
    return {key: x.permute(1, 2, 0).numpy() for key, x in images.items() if key != 'meta'}
