"""What metrics on feature networks share: one pass of the network per image, whichever metrics ask for it."""

from __future__ import annotations

import json
import weakref
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.device import get_device

from ..errors import ConfigError, DataError
from ..registry import FEATURES, Feature, build
from .base import Metric, Sample, describe
from .sets import Column, ComparesSets, Scores
from .store import FeatureStore, digest


class SharedNetwork:
    """A feature network, what it said about the images of the current batch, and what it is known to say of real ones.

    Args:
        cfg: of the network.
        where: place of ``cfg`` in the config, for messages.
    """

    def __init__(self, cfg: Feature, where: str) -> None:
        self.net = build(cfg, FEATURES, where).to(get_device())
        self.users = weakref.WeakSet[FeatureMetric]()  # one pass gives the outputs of all of them
        self._stores: dict[str, FeatureStore] = {}
        self._batch: Sample | None = None
        self._looked_up: set[tuple[int, str | None, str]] = set()  # as below, on disk
        self._found: dict[tuple[int, str | None, str], np.ndarray] = {}  # by place in the batch, image and output

    def of(self, samples: Sequence[Sample], images: dict[int, np.ndarray], key: str | None, output: str,
           stored: bool = False) -> dict[int, np.ndarray]:
        """Features of some images of a batch, each computed at most once per batch.

        Args:
            samples: the batch.
            images: by their place in the batch, uint8 ``(3, H, W)``.
            key: their name in the samples.
            output: name of the network's output.
            stored: whether to look for them on disk, and to put them there.

        Returns:
            By place in the batch, one image's float32 features, without the batch dimension.
        """
        if self._batch is not samples[0]:
            self._batch, self._found, self._looked_up = samples[0], {}, set()
        own = {i: (i, key, output) for i in images}
        names = {i: digest(images[i]) for i in images if own[i] not in self._looked_up} if stored else {}
        for i, name in list(names.items()):
            if (row := self._store(output).get(name)) is not None:
                self._found[own[i]] = row
                del names[i]
        if missing := [i for i in images if own[i] not in self._found]:
            self._compute(missing, images, key, output)
        for i, name in names.items():
            if (row := self._found[own[i]]).ndim != 1:
                raise ConfigError(f'features: the output {output!r} of {type(self.net).__name__} is a map of shape '
                                  f'{row.shape}; this metric takes vectors, such as {", ".join(self.net.outputs)}.')
            self._store(output).put(name, row)
        self._looked_up.update(own.values() if stored else ())
        return {i: self._found[own[i]] for i in images}

    def _compute(self, places: list[int], images: dict[int, np.ndarray], key: str | None, output: str) -> None:
        together = self.net.outputs if output in self.net.outputs else ()
        outputs = tuple(dict.fromkeys((output, *together, *sorted({user.output for user in self.users}))))
        shapes: dict[tuple[int, ...], list[int]] = {}
        for i in places:
            shapes.setdefault(images[i].shape, []).append(i)
        for group in shapes.values():
            found = self.net.extract(torch.from_numpy(np.stack([images[i] for i in group])), outputs)
            for name, rows in found.items():
                for i, row in zip(group, rows.cpu().numpy(), strict=True):
                    self._found[i, key, name] = row

    def _store(self, output: str) -> FeatureStore:
        if output not in self._stores:
            self._stores[output] = FeatureStore(self.net.key, output)
        return self._stores[output]

    def finish(self) -> None:
        """The evaluation is over."""
        self._batch, self._found, self._looked_up = None, {}, set()
        for store in self._stores.values():
            store.finish()


_networks: weakref.WeakValueDictionary[str, SharedNetwork] = weakref.WeakValueDictionary()


def shared_network(cfg: Feature, where: str) -> SharedNetwork:
    """The network of ``cfg`` (or a finished one), the same for all metrics that ask for it while one of them is
    alive."""
    key = json.dumps(cfg, sort_keys=True, default=repr) if isinstance(cfg, dict) else f'object {id(cfg)}'
    network = _networks.get(key)
    if network is None:
        network = _networks[key] = SharedNetwork(cfg, where)
    return network


class FeatureMetric(Metric):
    """A metric on the features of a network.

    Args:
        pred: key of the images to score.
        target: key of the images to compare with.
        features: the network; None for the one that the metric is defined with.
        output: which of its outputs; None for the one that the metric is defined with.
        prefix: put before the result's name.
    """

    network_cfg: ClassVar[dict[str, Any]] = dict(type='FIDInception')
    network_output: ClassVar[str] = 'pool'

    def __init__(self, pred: str | None = None, target: str | None = None, features: Feature | None = None,
                 output: str | None = None, prefix: str | None = None) -> None:
        super().__init__(pred, target, prefix)
        self.features = features or self.network_cfg
        self.output = output or self.network_output
        self._network: SharedNetwork | None = None

    @property
    def network(self) -> SharedNetwork:
        """The feature network, built by the first call."""
        if self._network is None:
            network = shared_network(self.features, f'{self._place()}.features')
            network.net.names((self.output,))  # a wrong name must not reach other metrics
            network.users.add(self)
            self._network = network
        return self._network

    @property
    def protocol(self) -> str:
        return f'{super().protocol}; {self.network.net.protocol}, output {self.output}'

    def load(self) -> None:
        """Load the network's weights now.

        Raises:
            DataError: there is no weight file; says where to get it and where to put it.
        """
        self.network.net.load()

    def rgb(self, sample: Sample, key: str | None, argument: str) -> np.ndarray:
        """An image as the networks take it: ``(3, H, W)``, gray ones repeated.

        Raises:
            DataError: it has another number of channels.
        """
        image = self.image(sample, key, argument)
        if len(image) not in (1, 3):
            raise DataError(f'{self._place()}: {key!r} of {describe(sample)} has {len(image)} channels; gray or RGB is '
                            'needed.')
        return np.broadcast_to(image, (3, *image.shape[1:]))

    def rows(self, samples: Sequence[Sample], key: str | None, argument: str, places: Sequence[int],
             stored: bool = False) -> dict[int, np.ndarray]:
        """Features of the images ``key`` at some places of the batch."""
        images = {i: self.rgb(samples[i], key, argument) for i in places}
        return self.network.of(samples, images, key, self.output, stored) if images else {}

    def forget(self) -> None:
        super().forget()
        if self._network is not None:
            self._network.finish()


class SetMetric(ComparesSets, FeatureMetric):
    """A metric that compares the features of all generated images with those of all real ones (see
    :class:`ComparesSets`).

    Features of images of the data set are kept on disk (see :class:`FeatureStore`).

    Args:
        pred: key of the generated images.
        target: key of the real images.
        features: the network; None for the one that the metric is defined with.
        output: which of its outputs; None for the one that the metric is defined with.
        prefix: put before the result's name.
    """

    least: int = 2

    def __init__(self, pred: str | None = None, target: str | None = None, features: Feature | None = None,
                 output: str | None = None, prefix: str | None = None) -> None:
        super().__init__(pred, target, features, output, prefix)

    @property
    def protocol(self) -> str:
        generated, real = self._counts
        against = f' against {real} real images {self.target}' if self.uses_real else ''
        return (f'{generated} generated images {self.pred}{against}; {self.network.net.protocol}, output {self.output}'
                f'{self.of_sources}')

    def look(self, samples: Sequence[Sample], key: str | None, argument: str, places: Sequence[int],
             stored: bool) -> dict[int, np.ndarray]:
        return self.rows(samples, key, argument, places, stored)

    def between(self, fake: Column, real: Column) -> Scores:
        fakes, reals = ([row for row in rows if row is not None] for rows in (fake, real))
        self.count(len(fakes), len(reals))
        values = self.compare(np.stack(fakes), np.stack(reals) if reals else np.empty((0, 0), np.float32))
        return {**values, f'{self.name}_images': len(fakes)}

    @abstractmethod
    def compare(self, fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
        """Named numbers from all features ``(n, d)`` and ``(m, d)``, in the order of the data set."""

    def count(self, fake: int, real: int) -> None:
        """Note how many images there are.

        Raises:
            ConfigError: there are too few for this metric.
        """
        self._counts = (fake, real)
        fewest = min(fake, real) if self.uses_real else fake
        if fewest < self.least:
            raise ConfigError(f'{self._place()}: needs at least {self.least} images of either set, found {fake} '
                              f'generated ({self.pred!r})'
                              + (f' and {real} real ({self.target!r}).' if self.uses_real else '.'))
