"""Any metric between all domains of a method (Choi et al. 2020)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from mmengine.dist import all_gather_object, get_dist_info

from ..data.collate import stack_samples
from ..errors import ConfigError
from ..registry import DATASETS, METRICS, Data, Items, Score, build
from .base import Metric, Sample, describe_data, outputs_of
from .features import SetMetric
from .frechet import KEEP

BATCH = 16
Pair = tuple[int, int]  # source and target; a target alone, (-1, target), stands for its real images
Records = dict[Pair, list[Any]]
REAL = -1


@METRICS.register_module()
class BetweenDomains(Metric):
    """A metric of the translations from each domain to each other one, and its mean over these pairs (Choi et al.
    2020).

    States ``<result>``, the mean, and ``<source>2<target>/<result>`` for every ordered pair. The translations of a
    sample to the domain 'dog' are its images ``fake_dog`` and, where a method gives several, ``fake_dog_1``,
    ``fake_dog_2``, ... Metrics that compare sets take the real images of the target domain: those of the evaluated set,
    or of a data set of its own, whose features are computed once.

    Args:
        metric: what to state for each pair, e.g. ``dict(type='FID', target='img')``; ``pred`` is filled in.
        domains: their names, in the order of the labels.
        pred: what the keys of the translations begin with.
        label: key of the domain of each image in the data sets.
        wanted: key of the domain that each image was translated to, if there is but one and ``pred`` is its whole key
            (``pred='fake_ref', wanted='target'``).
        real: data set of the real images; None for the evaluated one.
        pairs: state every pair, not the mean alone.
        prefix: put before the results' names.
    """

    paired = False

    def __init__(self, metric: Score, domains: Annotated[Sequence[str], Items(2)],
                 pred: str = 'fake_', label: str = 'label', wanted: str | None = None, real: Data | None = None,
                 pairs: bool = True, prefix: str | None = None) -> None:
        self.domains, self.label, self.wanted, self.pairs = tuple(domains), label, wanted, pairs
        self.metrics = [build(metric, METRICS, f'{self._place()}.metric', pred=pred if wanted else f'{pred}{name}')
                        for name in domains]
        first = self.metrics[0]
        if not isinstance(first, Metric) or type(first).process is not Metric.process:
            raise ConfigError(f'{self._place()}.metric: {type(first).__name__} needs more than the images; choose a '
                              'metric that compares sets (FID, KID, ...), LPIPSDiversity, or one of image pairs.')
        super().__init__(pred, first.target, prefix)
        self.higher_is_better = first.higher_is_better
        self.real = None if real is None else build(real, DATASETS, f'{self._place()}.real')
        self._real_name = describe_data(real) if isinstance(real, Mapping) else type(real).__name__
        self._real_records: Records | None = None
        self._untranslated: dict[Pair, dict[str, float]] = {}  # scores of the real images of another domain

    @property
    def protocol(self) -> str:
        real = f'real images of {self._real_name}; ' if self.real is not None else ''
        return (f'each of {len(self.domains)} domains to each other one; {real}the last of them: '
                f'{self.metrics[-1].protocol}')

    def load(self) -> None:
        """Load the weights of feature networks now."""
        for inner in self.metrics:
            getattr(inner, 'load', lambda: None)()

    def forget(self) -> None:
        super().forget()
        for inner in self.metrics:
            inner.forget()

    def process(self, data_batch: Any, data_samples: Sequence[Sample]) -> None:
        self._labels = self._domains_of(data_batch)
        self._wanted = self.entries(data_batch, self.wanted, 'wanted') if self.wanted else None
        super().process(data_batch, data_samples)

    def _domains_of(self, data_batch: Any) -> list[int]:
        labels = [int(label) for label in self.entries(data_batch, self.label, 'label')]
        if labels and not 0 <= min(labels) <= max(labels) < len(self.domains):
            raise ConfigError(f'{self._place()}.domains: {len(self.domains)} names, but the labels of a batch go from '
                              f'{min(labels)} to {max(labels)}. Name all domains of the data set, in its order.')
        return labels

    def measure(self, samples: Sequence[Sample]) -> list[Records]:
        """Records of the inner metric for each image, by the pairs that it counts for."""
        records: list[Records] = [{} for _ in samples]
        for target, inner in enumerate(self.metrics):
            places = [i for i, source in enumerate(self._labels)
                      if source != target and (self._wanted is None or self._wanted[i] == target)]
            for i, found in zip(places, self._translations(inner, samples, places), strict=True):
                records[i][self._labels[i], target] = found
        if self.real is None:
            for key, i, record in self._reals(samples, self._labels):
                records[i][key] = [record]
        return records

    def _translations(self, inner: Metric, samples: Sequence[Sample], places: Sequence[int]) -> list[list[Any]]:
        if not isinstance(inner, SetMetric):
            measured = inner.measure(samples)  # of all: networks remember features by place
            return [[measured[i]] for i in places]
        pred = inner.given(inner.pred, 'pred')
        keys = dict.fromkeys([pred, *(key for i in places for key in outputs_of(samples[i], pred))])
        rows = {key: inner.rows(samples, key, 'pred', [i for i in places if key in samples[i] or key == pred])
                for key in keys}
        return [[(rows[key][i], None) for key in keys if i in rows[key]] for i in places]

    def _reals(self, samples: Sequence[Sample], labels: Sequence[int]) -> Iterable[tuple[Pair, int, tuple[Any, ...]]]:
        """Records of real images with the domain and the place of each; metrics that compare no sets have none."""
        for target, inner in enumerate(self.metrics):
            if isinstance(inner, SetMetric) and inner.uses_real:
                places = [i for i, label in enumerate(labels) if label == target]
                for i, row in inner.rows(samples, inner.target, 'target', places, stored=True).items():
                    yield (REAL, target), i, (None, row)

    def reduce(self, records: list[Records]) -> list[Records]:
        """Few records as they are, so that their order is that of the data set; of many, what the inner metric
        keeps."""
        if sum(len(found) for record in records for found in record.values()) <= KEEP:
            return records
        return [{key: self.metrics[key[1]].reduce(found) for key, found in joined(records).items()}]

    @property
    def result_names(self) -> tuple[str, ...]:
        inner = self.metrics[0].possible_results or ('*',)
        pairs = itertools.permutations(self.domains, 2) if self.pairs else ()
        return (*inner, *(f'{source}2{target}/{name}' for source, target in pairs for name in inner))

    def compute_metrics(self, results: list[Records]) -> dict[str, float]:
        """Results of every pair, the means of those that all pairs have, and the sum of the numbers of images."""
        found = joined([*results, self.real_records()])
        pairs = sorted(pair for pair in found if pair[0] != REAL)
        values: dict[str, float] = {}
        by_name: dict[str, list[float]] = {}
        for source, target in pairs:
            inner, records = self.metrics[target], found[source, target]
            count = len(records)
            scores: dict[str, float] = {}
            if isinstance(inner, SetMetric):
                inner.baseline = False  # it does not know from which domain its images are
                targets, sources = (found.get((REAL, domain), ()) for domain in (target, source))
                records = inner.pair_records(records, targets, sources)
                scores = self._baseline_of((source, target), sources, targets)
            for name, value in {**inner.report(records, count), **scores}.items():
                values[f'{self.domains[source]}2{self.domains[target]}/{name}'] = value
                by_name.setdefault(name, []).append(value)
        if not pairs:
            raise ConfigError(f'{self._place()}.domains: no image went from one of {list(self.domains)} to another.')
        means = {name: sum(numbers) if name.endswith('_images') else float(np.mean(numbers))
                 for name, numbers in by_name.items() if len(numbers) == len(pairs)}
        return {**means, **(values if self.pairs else {})}

    def _baseline_of(self, pair: Pair, sources: Sequence[Any], targets: Sequence[Any]) -> dict[str, float]:
        """Scores of the real images of a domain in place of their translations; computed once."""
        inner = self.metrics[pair[1]]
        if not self.baseline or not sources or not isinstance(inner, SetMetric):
            return {}
        if pair not in self._untranslated:
            (_, rows), (_, reals) = (zip(*records, strict=True) for records in (sources, targets))
            self._untranslated[pair] = inner.untranslated(rows, reals)
        return self._untranslated[pair]

    def report(self, results: list[Records], images: int) -> dict[str, float]:
        self._images = images
        return self.compute_metrics(results)  # the inner metric says how many images there are

    def real_records(self) -> Records:
        """Records of the data set ``real`` by domain, in its order; every process computes a share of them, once."""
        if self.real is None:
            return {}
        if self._real_records is None:
            rank, world = get_dist_info()
            first, last = (len(self.real) * r // world for r in (rank, rank + 1))
            own = [record for i in range(first, last, BATCH)
                   for record in self._read(self.real, range(i, min(i + BATCH, last)))]
            self._real_records = joined(itertools.chain(*all_gather_object(own)))
        return self._real_records

    def _read(self, real: Any, places: Iterable[int]) -> list[Records]:
        samples = [real[i] for i in places]
        return [{key: [record]} for key, _, record in self._reals(samples, self._domains_of(stack_samples(samples)))]


def joined(records: Iterable[Mapping[Pair, list[Any]]]) -> Records:
    """Lists of the same pair one after the other."""
    found: Records = {}
    for record in records:
        for key, values in record.items():
            found.setdefault(key, []).extend(values)
    return found
