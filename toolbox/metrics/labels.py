"""Whether networks that read images find in generated ones what they were made to show: mIoU and classifier
accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import require_choice
from ..errors import ConfigError, DataError
from ..registry import METRICS, Count, Feature, Natural
from .base import Sample, describe
from .features import FeatureMetric


def confusion_matrix(truth: np.ndarray, found: np.ndarray, classes: int) -> np.ndarray:
    """``(classes + 1, classes)``, pixels by true class (row) and class found; other true ids are the last row."""
    rows = np.where((truth >= 0) & (truth < classes), truth, classes).astype(np.int64)
    return np.bincount((rows * classes + found).ravel(), minlength=(classes + 1) * classes).reshape(-1, classes)


def segmentation_scores(confusion: np.ndarray) -> dict[str, float]:
    """Shares in [0, 1] from a :func:`confusion_matrix`, of pixels whose true class is known unless said otherwise.

    Returns:
        ``mIoU``: mean over the classes of intersection / union; a class that is neither there nor found is left out.
        ``pixel_accuracy``: right pixels.
        ``pixel_accuracy_all``: right pixels of all, those of unknown class counted as wrong.
        ``class_accuracy``: mean over the classes that are there of their right pixels.
        ``fwIoU``: IoU weighted with how many pixels a class has.
    """
    known = confusion[:-1].astype(np.float64)
    hits, there, found = np.diag(known), known.sum(1), known.sum(0)
    union = there + found - hits
    if not there.sum():
        return dict.fromkeys(('mIoU', 'pixel_accuracy', 'pixel_accuracy_all', 'class_accuracy', 'fwIoU'), float('nan'))
    iou = hits[union > 0] / union[union > 0]
    return dict(mIoU=iou.mean(), pixel_accuracy=hits.sum() / there.sum(),
                pixel_accuracy_all=hits.sum() / confusion.sum(),
                class_accuracy=(hits[there > 0] / there[there > 0]).mean(),
                fwIoU=(there[union > 0] * iou).sum() / there.sum())


class LabelMetric(FeatureMetric):
    """Base: reads ``target`` from the batch of the data set, as the method was given it."""

    def process(self, data_batch: Any, data_samples: Sequence[Sample]) -> None:
        self._truth = self.truth(data_batch, data_samples)
        super().process(data_batch, data_samples)

    def truth(self, data_batch: Any, data_samples: Sequence[Sample]) -> list[np.ndarray]:
        """What each image of the batch should show."""
        return self.entries(data_batch, self.target, 'target')

    def outputs(self, samples: Sequence[Sample], key: str | None = None, argument: str = 'pred') -> list[np.ndarray]:
        """What the network says about each generated image, or about the images ``key``."""
        found = self.rows(samples, key or self.pred, argument, range(len(samples)))
        return [found[i] for i in range(len(samples))]


@METRICS.register_module()
class SegmentationScore(LabelMetric):
    """What a segmentation network finds in images made from label maps (mIoU and accuracies).

    States ``mIoU``, ``pixel_accuracy``, ``pixel_accuracy_all``, ``class_accuracy`` and ``fwIoU`` (see
    :func:`segmentation_scores`), all higher is better, from one confusion matrix of the whole set.

    Args:
        num_classes: label ids 0 .. num_classes - 1 count; all others (255, often) are unknown.
        ids: in the label maps, of the segmenter's classes in their order, where these are others; the segmenter of
            Cityscapes knows 19 of its 35 ids.
        features: the segmenter, whose output ``(N, H, W)`` has the ids of the label maps and their size.
        pred: key of the generated images.
        target: key of the label maps ``(H, W)`` in the data set's samples.
        output: which of the segmenter's outputs.
        prefix: put before the results' names.
    """

    network_output = 'labels'

    def __init__(self, num_classes: Count, features: Feature, pred: str | None = None, target: str = 'label_map',
                 output: str | None = None, prefix: str | None = None, ids: Sequence[Natural] | None = None) -> None:
        super().__init__(pred, target, features, output, prefix)
        if ids is not None and len(ids) != num_classes:
            raise ConfigError(f'SegmentationScore.ids: expected {num_classes}, one per class, found {len(ids)}.')
        self.num_classes, self.ids = num_classes, ids

    def measure(self, samples: Sequence[Sample]) -> list[np.ndarray]:
        """A confusion matrix per image."""
        return [self.confusion(truth, found, sample)
                for truth, found, sample in zip(self._truth, self.outputs(samples), samples, strict=True)]

    def confusion(self, truth: np.ndarray, found: np.ndarray, sample: Sample) -> np.ndarray:
        truth = truth.reshape(truth.shape[-2:]) if truth.ndim == 3 and len(truth) == 1 else truth
        if truth.shape != found.shape:
            raise DataError(f'{self._place()}: the label map of {describe(sample)} is {truth.shape}, what the '
                            f'segmenter found {found.shape}; they must have one size.')
        if found.max() >= self.num_classes:
            raise ConfigError(f'{self._place()}.num_classes={self.num_classes}: the segmenter found class '
                              f'{found.max()}; its classes must be those of the label maps.')
        if self.ids is not None:
            numbers = np.full(max(truth.max(), *self.ids) + 1, self.num_classes)
            numbers[list(self.ids)] = np.arange(self.num_classes)
            truth = np.where(truth < 0, self.num_classes, numbers[truth])
        return confusion_matrix(truth, found, self.num_classes)

    def reduce(self, records: list[np.ndarray]) -> list[np.ndarray]:
        """One sum."""
        return [np.sum(records, axis=0)] if records else []

    @property
    def result_names(self) -> tuple[str, ...]:
        return 'mIoU', 'pixel_accuracy', 'pixel_accuracy_all', 'class_accuracy', 'fwIoU'

    def compute_metrics(self, results: list[np.ndarray]) -> dict[str, float]:
        """Scores of the summed matrix."""
        return segmentation_scores(np.sum(results, axis=0))


@METRICS.register_module()
class ClassifierAccuracy(LabelMetric):
    """Share of generated images that a classifier takes for what they were to show (Choi et al. 2018 report 1 minus
    this).

    With class numbers as truth the largest logit counts; with attribute vectors each logit's sign counts, and the
    result is the share of right attributes. A classifier of more classes than the data's, such as those of ImageNet,
    needs ``groups``: ``dict(cat=(281, 285), dog=(151, 268))`` with ``wanted='dog'`` is the share of translations that
    :class:`EfficientNetLite0` takes for a dog of any breed.

    Args:
        features: the classifier.
        pred: key of the generated images.
        target: key of the wanted classes (whole numbers) or attributes (vectors of 0 and 1) in the data set's samples.
        output: which of the classifier's outputs, ``(N, classes)``.
        prefix: put before the result's name.
        groups: the first and the last of the classifier's classes that count as each class of the data, by its name, in
            the order of the labels.
        wanted: the one of ``groups`` that every image should show, in place of ``target``.

    Raises:
        ConfigError: ``groups`` are no ranges, or ``wanted`` is none of them.
    """

    network_output = 'logits'

    def __init__(self, features: Feature, pred: str | None = None, target: str = 'label', output: str | None = None,
                 prefix: str | None = None, groups: Mapping[str, Sequence[Natural]] | None = None,
                 wanted: str | None = None) -> None:
        super().__init__(pred, target, features, output, prefix)
        self.groups, self.wanted = dict(groups or {}), wanted
        for name, group in self.groups.items():
            if len(group) != 2 or group[0] > group[1]:
                raise ConfigError(f'{self._place()}.groups: {name}={group!r}, expected the first and the last of its '
                                  'classes, e.g. dict(cat=(281, 285), dog=(151, 268)).')
        if wanted is not None:
            require_choice(f'{self._place()}.wanted', wanted, self.groups)

    @property
    def protocol(self) -> str:
        groups = ', '.join(f'{name} {first} to {last}' for name, (first, last) in self.groups.items())
        wanted = f' that should show {self.wanted}' if self.wanted else ''
        return f'{super().protocol}{f"; images{wanted}, classes {groups}" if groups else ""}'

    def truth(self, data_batch: Any, data_samples: Sequence[Sample]) -> list[np.ndarray]:
        if self.wanted is None:
            return super().truth(data_batch, data_samples)
        return [np.asarray(list(self.groups).index(self.wanted))] * len(data_samples)

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """Share of right answers about each image."""
        return [self.right(truth, logits) for truth, logits in zip(self._truth, self.outputs(samples), strict=True)]

    def right(self, truth: np.ndarray, logits: np.ndarray) -> float:
        if self.groups:
            return self.in_group(int(truth), logits)
        if truth.ndim and truth.shape != logits.shape:
            raise ConfigError(f'{self._place()}.target: {self.target!r} has {len(truth)} attributes, the classifier '
                              f'{len(logits)} outputs.')
        return float(np.mean((logits > 0) == (truth > 0.5))) if truth.ndim else float(logits.argmax() == truth)

    def in_group(self, label: int, logits: np.ndarray) -> float:
        ranges = list(self.groups.values())
        most = max(last for _, last in ranges)
        if not 0 <= label < len(ranges) or most >= len(logits):
            raise ConfigError(f'{self._place()}.groups: {len(ranges)} classes up to number {most}, but the classifier '
                              f'has {len(logits)} and an image the label {label}.')
        first, last = ranges[label]
        return float(first <= logits.argmax() <= last)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Mean over the images."""
        return {self.name: float(np.mean(results))}
