"""A folder per domain, with target domains and reference images."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ...errors import ConfigError
from ...registry import DATASETS, Bands, Count, File, Natural, Probability, Transform
from ..facts import Facts
from ..ranges import AskedRange
from ..showing import Pixels
from .classes import ClassFolders
from .datasets import OnBad, describe


@DATASETS.register_module()
class DomainFolders(ClassFolders):
    """Images of several domains, ``<split>/<domain>/*``, with the domain that each is to be translated to.

    A sample holds 'img' and its domain 'label', and the domain 'target'. With ``references`` it holds so many images of
    the target domain besides, 'ref', 'ref2', ... Every image has draws of its own.

    In training ``balanced`` draws the image from a domain drawn uniformly (the authors of StarGAN v2 weigh samples by
    the inverse size of their domain); otherwise images are taken in turn. In a ``serial`` set images are taken in turn,
    targets are the other domains in turn, and references follow from the index.

    Args:
        data_root: folder of the set.
        split: 'train', 'val', ...; empty if the folders of the domains are in ``data_root`` itself.
        domains: names of the folders, in the order of their labels; all when None.
        references: how many to load; True means 2, the number that StarGAN v2 trains with.
        balanced: see above.
        serial: see above. None: random in the split 'train', serial elsewhere.
        channels: 1, 3, 4 or the number of bands.
        pipeline: transforms.
        max_samples: use only the first so many files of each domain.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`); the next file of the domain is taken.
        max_bad: share of a domain's files that may be skipped.
        value_range: see :class:`~.datasets.ImageDataset`.
        pixels: see :class:`~.datasets.ImageDataset`.

    Raises:
        DataError: a folder is missing or empty; shows the expected tree.
        ConfigError: there are fewer than two domains.
    """

    naming = 'DomainFolders.domains'

    def __init__(self, data_root: File | None = None, split: str = 'train', domains: Sequence[str] | None = None,
                 references: Natural | bool = 0, balanced: bool = False, channels: Bands = 3,
                 pipeline: Sequence[Transform] = (), max_samples: Count | None = None, on_bad_image: OnBad = 'error',
                 max_bad: Probability = 0.01, serial: bool | None = None,
                 value_range: AskedRange | None = None, pixels: Pixels = 'shown') -> None:
        super().__init__(data_root, split, domains, channels, pipeline, max_samples, on_bad_image, max_bad, value_range,
                         pixels=pixels)
        if len(self.classes) < 2:
            raise ConfigError(f'DomainFolders: at least two domains, found {self.classes} in {data_root}/{split}.')
        self.references = tuple('ref' if i == 0 else f'ref{i + 1}'
                                for i in range(2 if references is True else references))
        self.groups = tuple((key,) for key in ('img', *self.references))
        self.ranges = {key: known for known in (self.ranges or {}).values() for key in ('img', *self.references)}
        self.balanced = balanced
        self.serial = split != 'train' if serial is None else serial

    def facts(self) -> Facts:
        return {**super().facts(), 'domains': self.classes}

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        label, number = self._draw() if self.balanced and not self.serial else self.places[index]
        target, numbers = self._target(index, label)
        wanted = {'img': (label, number), **{key: (target, n) for key,
                                             n in zip(self.references, numbers, strict=False)}}
        paths, images = {}, {}
        for key, (domain, place) in wanted.items():
            paths[key], images[key] = self.first_readable(
                self.files[domain], place, partial(self.read, key=key))
        return {**images, 'label': np.int64(label), 'target': np.int64(target)}, describe(paths, images)

    def _draw(self) -> tuple[int, int]:
        """A domain drawn uniformly and an image of it."""
        domain = random.randrange(len(self.files))
        return domain, random.randrange(len(self.files[domain]))

    def _target(self, index: int, label: int) -> tuple[int, list[int]]:
        """The target domain, and the numbers of some images of it, two or as many as are wanted."""
        further = range(1, max(2, len(self.references)))
        if not self.serial:
            target, first = self._draw() if self.balanced else self.places[random.randrange(len(self.places))]
            return target, [first, *(random.randrange(len(self.files[target])) for _ in further)]
        others = len(self.files) - 1
        target = (label + 1 + index % others) % len(self.files)
        return target, [(index // others + i) % len(self.files[target]) for i in (0, *further)]
