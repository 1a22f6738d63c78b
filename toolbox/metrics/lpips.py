"""LPIPS between images and their targets, and among the outputs for one input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError
from ..registry import METRICS, Feature
from .base import Sample, describe, outputs_of
from .features import FeatureMetric


def squared_distance(a: np.ndarray, b: np.ndarray) -> float:
    """LPIPS of two embeddings ``(D,)``."""
    difference = a.astype(np.float64) - b
    return float(difference @ difference)


@METRICS.register_module()
class LPIPS(FeatureMetric):
    """Learned perceptual distance (Zhang et al. 2018, version 0.1) of each image to its target, mean, lower is better.

    Args:
        pred: key of the images to score.
        target: key of the true images.
        features: the network, by default ``dict(type='LPIPS')``, that is AlexNet.
        output: which of its outputs, by default ``'embedding'``.
        prefix: put before the result's name.
    """

    network_cfg = dict(type='LPIPS')
    network_output = 'embedding'
    higher_is_better = False

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """Distance of each pair."""
        for sample in samples:
            self.pair(sample, self.pred, self.target, ('pred', 'target'))
        fake, real = (self.rows(samples, *key, range(len(samples)))
                      for key in ((self.pred, 'pred'), (self.target, 'target')))
        return [squared_distance(fake[i], real[i]) for i in range(len(samples))]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Mean over the images."""
        return {self.name: math.fsum(results) / len(results)}


class Diversity(FeatureMetric):
    """Base: mean distance of all pairs of outputs for one input, mean over the inputs.

    The outputs are the images of a sample whose key is ``pred``, or ``pred`` and a number: ``fake``, ``fake_1``, ...

    Args:
        pred: what their keys begin with.
        features: the network; None for the one that the metric is defined with.
        output: which of its outputs; None for the one that the metric is defined with.
        prefix: put before the result's name.
    """

    def __init__(self, pred: str | None = None, features: Feature | None = None, output: str | None = None,
                 prefix: str | None = None) -> None:
        super().__init__(pred, pred, features, output, prefix)
        self._outputs: set[int] = set()

    @property
    def protocol(self) -> str:
        numbers = ' or '.join(map(str, sorted(self._outputs)))
        return (f'{self._images} inputs, {numbers} outputs {self.pred} each; {self.network.net.protocol}, '
                f'output {self.output}')

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Between two images, by what the network says about them."""
        raise NotImplementedError

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """Mean distance of the pairs of each sample."""
        pred = self.given(self.pred, 'pred')
        keys = [outputs_of(sample, pred) for sample in samples]
        for sample, names in zip(samples, keys, strict=True):
            if len(names) < 2:
                raise ConfigError(f'{self._place()}.pred: two or more outputs {self.pred}, {self.pred}_1, ... of one '
                                  f'input are needed, {describe(sample)} has {names or "none"}.')
        self._outputs |= set(map(len, keys))
        rows = {key: self.rows(samples, key, 'pred', [i for i, names in enumerate(keys) if key in names])
                for key in dict.fromkeys(itertools.chain(*keys))}
        return [float(np.mean([self.distance(rows[a][i], rows[b][i]) for a, b in itertools.combinations(names, 2)]))
                for i, names in enumerate(keys)]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Mean over the inputs."""
        return {self.name: math.fsum(results) / len(results)}


@METRICS.register_module()
class LPIPSDiversity(Diversity):
    """Mean LPIPS of all pairs of outputs for one input, mean over the inputs, higher is better.

    The outputs are the images of a sample whose key is ``pred``, or ``pred`` and a number: ``fake``, ``fake_1``, ...
    Choi et al. 2020 take 10 of them, which are 45 pairs.

    Args:
        pred: what their keys begin with.
        features: the network, by default ``dict(type='LPIPS')``, that is AlexNet.
        output: which of its outputs, by default ``'embedding'``.
        prefix: put before the result's name.
    """

    network_cfg = LPIPS.network_cfg
    network_output = LPIPS.network_output

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """LPIPS of two embeddings ``(D,)``."""
        return squared_distance(a, b)
