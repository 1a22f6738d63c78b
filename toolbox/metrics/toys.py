"""Whether translations of toys look as they should, told from their pixels (see :mod:`toolbox.data.worlds.toys`)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.worlds.toys import ATTRIBUTES, DOMAINS, HUES, Looks, hue_distance, looks_of
from ..errors import ConfigError
from ..registry import METRICS
from .base import Metric, Sample

Record = tuple[str, int, int]  # name, right answers, answers


class ToyMetric(Metric):
    """Base: counts of right answers by name, over all images and translations.

    Args:
        source: key of the images that were translated.
        mask: key of the objects' masks.
        pred: beginning of the keys of the translations, which go on with the direction.
        prefix: put before the results' names.
    """

    def __init__(self, source: str = 'img', mask: str = 'mask', pred: str = 'fake_', prefix: str | None = None) -> None:
        super().__init__(pred, mask, prefix)
        self.source = source

    def looks(self, sample: Sample, key: str, argument: str) -> Looks:
        """The looks of one image of a sample."""
        mask = self.image(sample, self.target, 'mask')[0] / 255
        return looks_of(self.image(sample, key, argument).transpose(1, 2, 0), mask)

    def reduce(self, records: list[list[Record]]) -> list[list[Record]]:
        """Counts are all that a process has to tell: one list of them, by name."""
        return [[(name, right, count) for name, (right, count) in _totals(records).items()]]

    @property
    def result_names(self) -> tuple[str, ...]:
        return self.name, f'{self.name}_*'

    def compute_metrics(self, results: list[list[Record]]) -> dict[str, float]:
        """Share of right answers by name."""
        return {name: right / count for name, (right, count) in _totals(results).items() if count}


def _totals(records: list[list[Record]]) -> dict[str, tuple[int, int]]:
    """Right answers and answers by name."""
    totals: dict[str, tuple[int, int]] = {}
    for name, right, count in itertools.chain.from_iterable(records):
        before = totals.get(name, (0, 0))
        totals[name] = before[0] + right, before[1] + count
    return totals


@METRICS.register_module()
class AttributeAccuracy(ToyMetric):
    """How often a translation has the attribute asked for, and keeps the others; for ``SyntheticAttributes``.

    Directions that ask for what an image has already say nothing and do not count. ``AttributeAccuracy`` is the share
    of images with the attribute asked for, ``AttributeAccuracy_kept`` that of the other looks (hue, stripes, outline)
    that stayed, and ``AttributeAccuracy_<direction>`` the share for one direction.
    """

    def measure(self, samples: Sequence[Sample]) -> list[list[Record]]:
        """Counts for each image."""
        return [self._count(sample) for sample in samples]

    def _count(self, sample: Sample) -> list[Record]:
        before = _answers(self.looks(sample, self.source, 'source'))
        records: list[Record] = []
        pred = self.given(self.pred, 'pred')
        for key in (key for key in sample if key.startswith(pred)):
            direction = key.removeprefix(pred)
            which, wanted = _question(direction, f'{self._place()}.pred: {key}')
            if before[which] == wanted:
                continue
            after = _answers(self.looks(sample, key, 'pred'))
            right = int(after[which] == wanted)
            kept = sum(after[other] == before[other] for other in before if other != which)
            records += [(self.name, right, 1), (f'{self.name}_{direction}', right, 1), (f'{self.name}_kept', kept, 2)]
        return records


def _answers(looks: Looks) -> dict[str, Any]:
    hue = [*HUES][int(np.argmax(looks.attributes()[:len(HUES)]))]
    return {'hue': hue, 'striped': looks.striped, 'outlined': looks.outlined}


def _question(direction: str, where: str) -> tuple[str, Any]:
    """Which of the looks a direction asks for, and the answer."""
    name = direction.removeprefix('not_')
    if name not in ATTRIBUTES:
        raise ConfigError(f'{where}: toys have no attribute {name!r}; they have {", ".join(ATTRIBUTES)}.')
    return ('hue', name) if name in HUES else (name, not direction.startswith('not_'))


@METRICS.register_module()
class DomainAccuracy(ToyMetric):
    """How often a translation is in the domain asked for; for ``SyntheticDomains``.

    ``DomainAccuracy`` is the share over all domains, ``DomainAccuracy_<domain>`` over one. With references
    (``<pred>ref`` and 'oracle_ref'): ``DomainAccuracy_ref``, the share in the domain of the reference, and
    ``DomainAccuracy_hue``, the share whose hue is within a twelfth of the colour circle of the reference's.
    """

    def measure(self, samples: Sequence[Sample]) -> list[list[Record]]:
        """Counts for each image."""
        return [self._count(sample) for sample in samples]

    def _count(self, sample: Sample) -> list[Record]:
        records: list[Record] = []
        for domain in (name for name in DOMAINS if f'{self.pred}{name}' in sample):
            right = int(self.looks(sample, f'{self.pred}{domain}', 'pred').domain() == domain)
            records += [(self.name, right, 1), (f'{self.name}_{domain}', right, 1)]
        if not records:
            raise ConfigError(f'{self._place()}.pred: the samples hold none of '
                              f'{", ".join(f"{self.pred}{name}" for name in DOMAINS)}.')
        if 'oracle_ref' in sample and f'{self.pred}ref' in sample:
            found, answer = self.looks(sample, f'{self.pred}ref', 'pred'), self.looks(sample, 'oracle_ref', 'pred')
            records += [(f'{self.name}_ref', int(found.domain() == answer.domain()), 1),
                        (f'{self.name}_hue', int(hue_distance(found.hue, answer.hue) < 1 / 12), 1)]
        return records
