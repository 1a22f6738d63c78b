"""The KID of U-GAT-IT's comparison, in both ways its table can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from ..methods.directions import Shown
from ..registry import METRICS, AtLeast, Feature
from .base import Metric, Sample
from .kernel import KID
from .sets import Column, Scores


@METRICS.register_module()
class UGATITKID(KID):
    """KID x 100 by blocks of images, with standard errors, in both readings of U-GAT-IT's table; lower is better.

    The authors' metric code has two functions, and the table does not say which one it shows (docs/ugatit.md):
    ``UGATITKID_target`` compares the generated images with real ones of the target domain, as everybody does, and
    ``UGATITKID_mean`` is the mean of this and of the comparison with the *source* images. The errors are averaged
    in the same way. The numbers depend on the order of the files.

    Args:
        pred: key of the generated images.
        target: key of the real images of the target domain.
        source: key of the images that were translated.
        size: at most so many images in a block.
        features: the network, by default ``FIDInception`` on images that Pillow resized.
        output: which of its outputs, by default ``'pool'``.
        prefix: put before the result's name.
    """

    network_cfg = dict(type='FIDInception', preprocess='pytorch_fid')  # the authors resize with Pillow

    def __init__(self, pred: str | None = None, target: str | None = None, source: str | None = None,
                 size: Annotated[int, AtLeast(2)] = 10, features: Feature | None = None, output: str | None = None,
                 prefix: str | None = None) -> None:
        super().__init__(pred, target, 'blocks', size=size, scale=100.0, features=features, output=output,
                         prefix=prefix)
        self.source = source

    def bind(self, pictures: Mapping[str, Shown]) -> None:
        Metric.bind(self, pictures)
        if self.source is None and self.pred is not None and self.pred in pictures:
            self.source = pictures[self.pred].of or None

    @property
    def protocol(self) -> str:
        return f'{super().protocol}; the mean is with the source images {self.source}'

    def needs_sources(self, samples: Sequence[Sample]) -> bool:
        return True

    def pair_records(self, fakes: list[Any], targets: Sequence[Any], sources: Sequence[Any]) -> list[Any]:
        return [*((fake, None, None) for fake, _ in fakes), *((None, real, None) for _, real in targets),
                *((None, None, real) for _, real in sources)]

    @property
    def result_names(self) -> tuple[str, ...]:
        return tuple(f'{self.name}_{what}{end}' for what in ('target', 'mean') for end in ('', '_error'))

    def compute_metrics(self, results: list[Any]) -> Scores:
        fake, target, source = zip(*results, strict=True)
        values = self.readings(fake, target, source)
        if self.baseline and self._untranslated is None:
            self._untranslated = self.untranslated(source, target)
        return {**values, **(self._untranslated or {})}

    def as_generated(self, source: Column, real: Column) -> Scores:
        return self.readings(source, real, source)

    def readings(self, fake: Column, target: Column, source: Column) -> Scores:
        """Both ways in which the table can be read."""
        from_source, found = (self.between(fake, real) for real in (source, target))
        name = self.name
        values = {f'{name}_target{end}': found[name + end] for end in ('', '_error')}
        values |= {f'{name}_mean{end}': (from_source[name + end] + found[name + end]) / 2 for end in ('', '_error')}
        return {**values, f'{name}_images': found[f'{name}_images']}
