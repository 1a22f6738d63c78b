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


class _Perceptual(FeatureMetric):
    network_cfg = dict(type='LPIPS')
    network_output = 'embedding'

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Mean over the images."""
        return {self.name: math.fsum(results) / len(results)}


@METRICS.register_module()
class LPIPS(_Perceptual):
    """Learned perceptual distance (Zhang et al. 2018, version 0.1) of each image to its target, mean, lower is better.

    Args:
        pred: key of the images to score.
        target: key of the true images.
        features: the network, by default ``dict(type='LPIPS')``, that is AlexNet.
        output: which of its outputs, by default ``'embedding'``.
        prefix: put before the result's name.
    """

    higher_is_better = False

    def measure(self, samples: Sequence[Sample]) -> list[float]:
        """Distance of each pair."""
        for sample in samples:
            self.pair(sample, self.pred, self.target, ('pred', 'target'))
        fake, real = (self.rows(samples, *key, range(len(samples)))
                      for key in ((self.pred, 'pred'), (self.target, 'target')))
        return [squared_distance(fake[i], real[i]) for i in range(len(samples))]


@METRICS.register_module()
class LPIPSDiversity(_Perceptual):
    """Mean LPIPS of all pairs of outputs for one input, mean over the inputs, higher is better.

    The outputs are the images of a sample whose key is ``pred``, or ``pred`` and a number: ``fake``, ``fake_1``, ...
    Choi et al. 2020 take 10 of them, which are 45 pairs.

    Args:
        pred: what their keys begin with.
        features: the network, by default ``dict(type='LPIPS')``, that is AlexNet.
        output: which of its outputs, by default ``'embedding'``.
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
        return [float(np.mean([squared_distance(rows[a][i], rows[b][i]) for a, b in itertools.combinations(names, 2)]))
                for i, names in enumerate(keys)]
