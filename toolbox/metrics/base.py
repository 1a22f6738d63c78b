"""The interface every metric shares, in the validation loop and on plain lists of images."""

from __future__ import annotations

import itertools
import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from mmengine.dist import all_gather_object, get_dist_info
from mmengine.evaluator import BaseMetric

from ..data.ranges import range_in, to_8bit, to_levels
from ..errors import ConfigError, DataError, did_you_mean
from ..methods.directions import Shown

BLOCK = 256  # records are reduced when there are so many, so that sums need little memory and few additions
_ABSENT = object()
Sample = dict[str, Any]  # images by name, and 'meta'
DECIDING = {'result_names', 'compute_metrics', 'report', 'evaluate', 'compare', 'shares'}  # how results are called


class Metric(BaseMetric):
    """Measures images one batch after the other and states one result for the whole set.

    A metric is three small steps, so that statistics of any size can be gathered over several processes:

    1. :meth:`measure` turns a batch into one record per image (a number, a few sums, a feature vector);
    2. :meth:`reduce` shrinks records to what has to be kept and has to travel (sums for an FID of many images);
    3. :meth:`compute_metrics` turns the joined lists of all processes into named numbers.

    Every process computes the result from the same gathered list, so all of them agree, and an error is raised on all.
    The results are named after the class, and each comes with ``<name>_images``, the number of images behind it.
    :attr:`protocol` says how they were computed.

    Args:
        pred: key of the images to score, among those that the method's ``val_step`` returns. When None, the first
            picture that the method makes (:meth:`bind`).
        target: key of the images to compare with. When None, the picture that ``pred`` should resemble.
        prefix: put before the result's name (``'horse2zebra'`` -> ``'horse2zebra/PSNR'``); tells two metrics of the
            same class apart.

    Attributes:
        higher_is_better: which of two results the checkpoint hook keeps as the best.
        paired: whether each image is compared with its own target; otherwise one set is compared with another.
        baseline: whether a metric that compares sets also scores untranslated images (``val_cfg.baseline``).
        reported: names of the last results.
    """

    higher_is_better: bool = True
    paired: ClassVar[bool] = True
    baseline: bool = True

    def __init__(self, pred: str | None = None, target: str | None = None, prefix: str | None = None) -> None:
        # MMEngine warns about a metric without prefix; here the class name already tells the results apart.
        super().__init__(collect_device='gpu', prefix=prefix or type(self).__name__)
        self.prefix = prefix
        self.pred = pred
        self.target = target
        self.reported: tuple[str, ...] = ()
        self._reduced: list[Any] = []
        self._reduced_images = 0
        self._images = 0

    def bind(self, pictures: Mapping[str, Shown]) -> None:
        """Fill in keys that were left out, from the pictures of the method that is evaluated."""
        if self.pred is None:
            self.pred = next((key for key, shown in pictures.items() if shown.is_made), None)
        if self.target is None and self.pred is not None and self.pred in pictures:
            self.target = pictures[self.pred].like or None

    @property
    def stated(self) -> tuple[str, ...]:
        """:attr:`reported` under its name of version 0.1.0."""
        return self.reported

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def result_names(self) -> tuple[str, ...]:
        """What :meth:`compute_metrics` may call its results; '*' stands for any text.

        A class that gives other names overrides it, so that ``save_best`` can be checked before the training.
        """
        return (self.name,)

    @property
    def possible_results(self) -> tuple[str, ...] | None:
        """All names of results, as :meth:`evaluate` gives them; None for a class that does not tell."""
        own = itertools.takewhile(lambda kind: not kind.__module__.startswith('toolbox.'), type(self).__mro__)
        deciding = next((found for kind in own if (found := DECIDING & vars(kind).keys())), {'result_names'})
        if 'result_names' not in deciding:
            return None
        before = f'{self.prefix}/' if self.prefix else ''
        return tuple(before + name for name in (*self.result_names, f'{self.name}_images'))

    @property
    def protocol(self) -> str:
        """What the last results depend on beside the images of the method: networks, sizes, numbers of images."""
        return f'{self.pred} against {self.target}, {self._images} images'

    @abstractmethod
    def measure(self, samples: Sequence[Sample]) -> Sequence[Any]:
        """One record per image of a batch, in order.

        Args:
            samples: one dict per image, as ``val_step`` returns it: ``(C, H, W)`` tensors or arrays by name, uint8 or
                with a range in 'meta'. :meth:`image` makes uint8 of all.
        """

    def reduce(self, records: list[Any]) -> list[Any]:
        """What this process (which may hold no image) keeps and sends to the others; by default every record.

        It is called whenever records have gathered and once more at the end, so that what it returned before may come
        before the new records.
        """
        return records

    @abstractmethod
    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Named numbers from the :meth:`reduce`-d lists of all processes, records in the order of the data set."""

    def process(self, data_batch: Any, data_samples: Sequence[Sample]) -> None:
        """Measure a batch. MMEngine's loops call this after every ``val_step``."""
        records = self.measure(data_samples)
        assert len(records) == len(data_samples), f'{self.name}.measure must give one record per image'
        self.results.extend(records)
        if len(self.results) > BLOCK:  # the last one may be padding
            self._reduced = self.reduce([*self._reduced, *self.results[:-1]])
            self._reduced_images += len(self.results) - 1
            del self.results[:-1]

    def forget(self) -> None:
        """Drop all images: they are evaluated, or the evaluation was not finished."""
        self.results.clear()
        self._reduced, self._reduced_images = [], 0

    def evaluate(self, size: int) -> dict[str, float]:
        """Result for the whole set, equal on every process; forgets the images afterwards.

        Args:
            size: images in the data set. Samplers that pad the last round repeat images; those are left out.

        Raises:
            ConfigError: no image was measured.
        """
        rank, world = get_dist_info()
        # Image k of rank r stands at place k * world + r of the sampler's order: places from `size` on are padding.
        records = self.results[:max(0, math.ceil((size - rank) / world) - self._reduced_images)]
        images, own = self._reduced_images + len(records), self.reduce([*self._reduced, *records])
        self.forget()
        counts, parts = zip(*all_gather_object((images, own)), strict=True)
        total = sum(counts)
        if not total:
            raise ConfigError(f'{self._place()}: no image was measured; is val_dataloader.dataset empty?')
        rounds = itertools.zip_longest(*parts, fillvalue=_ABSENT)
        values = self.report([item for one in rounds for item in one if item is not _ABSENT], total)
        values = {f'{self.prefix}/{key}' if self.prefix else key: value for key, value in values.items()}
        self.reported = tuple(values)
        return values

    def report(self, results: list[Any], images: int) -> dict[str, float]:
        """Named numbers from the joined lists of all processes, and the number of images behind them."""
        self._images = images
        values = self.compute_metrics(results)
        values.setdefault(f'{self.name}_images', images)
        return values

    def given(self, key: str | None, argument: str) -> str:
        """A key of images that the config or the method said.

        Raises:
            ConfigError: neither did; names the metric's ``argument``.
        """
        if key is None:
            raise ConfigError(f'{self._place()}.{argument}: which images? Give their key; there is no default outside '
                              'the evaluation of a method, nor where its pictures do not say.')
        return key

    def image(self, sample: Sample, key: str | None, argument: str) -> np.ndarray:
        """The image ``key`` of a sample as a uint8 ``(C, H, W)`` array; other numbers are scaled by their range.

        Raises:
            ConfigError: there is no such image, or it is not an image; names the metric's ``argument``.
        """
        known = range_in(sample.get('meta'), key)
        return to_8bit(self.numbers(sample, key, argument), known)

    def numbers(self, sample: Sample, key: str | None, argument: str) -> np.ndarray:
        """The same as files hold it: uint8, or what a range in the sample's 'meta' says. Raises as :meth:`image`."""
        key = self.given(key, argument)
        if key not in sample:
            hint = did_you_mean(key, (k for k in sample if k != 'meta'))
            raise ConfigError(f'{self._place()}.{argument}: the samples hold no image {key!r}.{hint}')
        value = np.asarray(sample[key])
        known = range_in(sample.get('meta'), key)
        if value.dtype != (known.dtype if known else np.uint8) or value.ndim != 3:
            raise ConfigError(f'{self._place()}.{argument}: {key!r} must be a uint8 (C, H, W) image, '
                              f'found {value.dtype} of shape {value.shape}.')
        return value

    def entries(self, data_batch: Any, key: str | None, argument: str) -> list[np.ndarray]:
        """What the data set says about each sample of a batch beside its images (labels, label maps).

        Raises:
            ConfigError: it does not; names the metric's ``argument``.
        """
        if not isinstance(data_batch, dict) or key not in data_batch:
            known = data_batch if isinstance(data_batch, dict) else ()
            raise ConfigError(f'{self._place()}.{argument}: the data set gives no {key!r}.{did_you_mean(key, known)}')
        return [np.asarray(value) for value in data_batch[key]]

    facts = entries  # its name in version 0.1.0

    def exact(self, sample: Sample, key: str | None, argument: str) -> np.ndarray:
        """The image ``key``: uint8, or other numbers as float64 grey levels (range -> 0..255), not rounded."""
        numbers, known = self.numbers(sample, key, argument), range_in(sample.get('meta'), key)
        return numbers if known is None else to_levels(numbers, known)

    def pair(self, sample: Sample, pred: str | None, target: str | None, arguments: tuple[str, str],
             exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Two images of one sample that can be compared, as :meth:`image` or :meth:`exact` gives them.

        Raises:
            ConfigError: one is missing.
            DataError: their shapes differ; names the file.
        """
        get = self.exact if exact else self.image
        a, b = (get(sample, key, argument) for key, argument in zip((pred, target), arguments, strict=True))
        if a.shape != b.shape:
            raise DataError(f'{self._place()}: {pred!r} is {a.shape} and {target!r} is {b.shape} (C, H, W) '
                            f'in {describe(sample)}; images of one shape are needed.')
        return a, b

    def _place(self) -> str:
        return f'metric {self.name}'


class ImageMetric(Metric):
    """A metric that scores each image by itself and states the mean over the images."""

    @abstractmethod
    def score(self, pred: np.ndarray, target: np.ndarray) -> float:
        """Score of one image against its target, both ``(C, H, W)``: uint8, or float64 from 0 to 255 where files hold
        other numbers."""

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """One score per image."""
        return [self.score(*self.pair(sample, self.pred, self.target, ('pred', 'target'), exact=True))
                for sample in samples]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Mean over the images; summed exactly, so that it does not depend on the number of processes."""
        return {self.name: math.fsum(results) / len(results)}


def absolute_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``|a - b|`` of two arrays of grey levels, without wrapping around."""
    return np.abs(a.astype(np.int16 if a.dtype == np.uint8 else np.float64) - b)


def describe(sample: Sample) -> str:
    """Name of a sample for a message: its files, else its index."""
    meta = sample.get('meta') or {}
    paths = [str(value) for key, value in meta.items() if key.endswith('_path')]
    return ', '.join(paths) or f'image {meta.get("index", "?")}'


def describe_data(dataset: Mapping[str, Any]) -> str:
    """Which images a data set holds, as far as its config says."""
    given = (dataset.get(key) for key in ('type', 'data_root', 'split'))
    return ' '.join(str(value) for value in given if value)


def outputs_of(sample: Sample, pred: str) -> list[str]:
    """The keys of all outputs of one kind in a sample: ``pred`` itself, ``<pred>_<number>``."""
    return [key for key in sample if re.fullmatch(rf'{re.escape(pred)}(_\d+)?', key)]


def seen_before(sample: Sample, target: str | None) -> tuple[bool, bool]:
    """Whether the generated and the real image of a sample are those of an earlier sample.

    A data set of two domains goes through the smaller one more than once; ``meta['repeated']`` names the keys of images
    that were there before. A generated image is made from those that are not the target.
    """
    known = set((sample.get('meta') or {}).get('repeated', ()))
    return bool(known - {target}), target in known
