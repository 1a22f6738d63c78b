"""What metrics that compare two sets of images share, and the score of the untranslated sources beside theirs."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from mmengine.logging import print_log

from ..methods.directions import Shown, source_of
from .base import Metric, Sample, seen_before

Scores = dict[str, float]
Column = Sequence[Any]  # what is known of each image of a set, None for an image that counts elsewhere


class ComparesSets(Metric):
    """Base of a metric that compares the set of all generated images with that of all real ones.

    Real images are those of the evaluated data set under ``target``, generated ones those under ``pred``. A data set
    that repeats the images of its smaller domain says so (``meta['repeated']``): each image counts once.

    Where the generated images were made from other images, the first evaluation also scores those as if they were
    translations: ``<result>_untranslated``, which a translation should beat. Later evaluations repeat these numbers,
    since sources and real images stay the same.

    Attributes:
        source: key of the images that the generated ones were made from; None if they were made from none.
    """

    paired = False
    uses_real: ClassVar[bool] = True
    source: str | None = None
    _untranslated: Scores | None = None
    _quiet = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._counts = (0, 0)
        self._warned: set[str] = set()

    def bind(self, pictures: Mapping[str, Shown]) -> None:
        super().bind(pictures)
        if self.source is None and self.pred is not None and self.pred in pictures:
            source = source_of(self.pred, pictures)
            self.source = source if source and source not in (self.pred, self.target) else None

    @abstractmethod
    def look(self, samples: Sequence[Sample], key: str | None, argument: str, places: Sequence[int],
             stored: bool) -> Mapping[int, Any]:
        """What to keep of the images ``key`` at some places of the batch; ``stored``: they come from the data set."""

    def measure(self, samples: Sequence[Sample]) -> list[tuple[Any, ...]]:
        """What is known of the generated and the real image of each sample, and of the source as long as it is needed;
        None for an image that counts elsewhere."""
        again = [seen_before(sample, self.target) for sample in samples]
        columns = [self.look(samples, self.pred, 'pred', [i for i, (known, _) in enumerate(again) if not known], False)]
        real = [i for i, (_, known) in enumerate(again) if not known] if self.uses_real else []
        columns.append(self.look(samples, self.target, 'target', real, True) if real else {})
        if self.needs_sources(samples):
            places = [i for i, sample in enumerate(samples) if not seen_before(sample, self.source)[1]]
            columns.append(self.look(samples, self.source, 'source', places, True))
        return [tuple(column.get(i) for column in columns) for i in range(len(samples))]

    def needs_sources(self, samples: Sequence[Sample]) -> bool:
        """Whether the sources of these samples are still to be scored, and can be."""
        if not self.baseline or self._untranslated is not None or self.source not in samples[0]:
            return False
        shape = np.shape(samples[0][self.source])
        if self.fits(shape, np.shape(samples[0][self.given(self.pred, 'pred')])):
            return True
        self.warn(f'{self.source!r} is {shape} (C, H, W), which is not scored as if it were {self.pred!r}: there is '
                  f'no {self.name}_untranslated.')
        self._untranslated = {}
        return False

    def fits(self, source: tuple[int, ...], pred: tuple[int, ...]) -> bool:
        """Whether a source of this shape can stand for a generated image."""
        return len(source) == 3 and source[0] in (1, 3)

    def pair_records(self, fakes: list[Any], targets: Sequence[Any], sources: Sequence[Any]) -> list[Any]:
        """Records of a translation between two domains, from its generated images and the real ones of either
        domain."""
        return [*fakes, *targets]

    def compute_metrics(self, results: list[Any]) -> Scores:
        fake, real, *source = zip(*results, strict=True)
        values = self.between(fake, real)
        if source:
            self._untranslated = self.untranslated(source[0], real)
        return {**values, **(self._untranslated or {})}

    @abstractmethod
    def between(self, fake: Column, real: Column) -> Scores:
        """Named numbers from what is known of all generated and all real images, in the order of the data set."""

    def untranslated(self, source: Column, real: Column) -> Scores:
        """The scores of sources in place of generated images, named as such."""
        counts, self._quiet = self._counts, True
        try:
            values = self.as_generated(source, real)
        finally:
            self._counts, self._quiet = counts, False
        return named_untranslated(values)

    def as_generated(self, source: Column, real: Column) -> Scores:
        """The scores if the sources were the generated images."""
        return self.between(source, real)

    @property
    def of_sources(self) -> str:
        """For :attr:`protocol`: what the scores of untranslated images are of."""
        return f'; _untranslated: {self.source} in place of {self.pred}' if self._untranslated else ''

    def warn(self, text: str) -> None:
        """Say something about the numbers of generated images, once."""
        if text not in self._warned and not self._quiet:
            self._warned.add(text)
            print_log(f'{self._place()}: {text}', 'current', logging.WARNING)


def named_untranslated(values: Mapping[str, float]) -> Scores:
    """Scores under the names that those of untranslated images have; without their number."""
    return {f'{name}_untranslated': value for name, value in values.items() if not name.endswith('_images')}
