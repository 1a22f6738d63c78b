"""The Inception Score of class probabilities."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from ..registry import METRICS, Count, Feature
from .features import SetMetric


def inception_score(logits: np.ndarray, splits: int = 10, shuffle_seed: int | None = 2020) -> tuple[float, float]:
    """``exp(E KL(p(y|x) || p(y)))`` (Salimans et al. 2016): mean and population standard deviation over ``splits``
    parts.

    Args:
        logits: ``(n, classes)``, n >= splits.
        splits: parts of (almost) equal size.
        shuffle_seed: torch-fidelity shuffles with 2020 before it splits, which changes the mean; None keeps the order.
    """
    if shuffle_seed is not None:
        logits = logits[np.random.RandomState(shuffle_seed).permutation(len(logits))]
    log_p = log_softmax(logits.astype(np.float64), axis=1)
    p = np.exp(log_p)
    scores = []
    for i in range(splits):
        part = slice(i * len(p) // splits, (i + 1) * len(p) // splits)
        mean = p[part].mean(0)
        # A class of probability 0 adds nothing.
        divergence = (p[part] * (log_p[part] - np.log(np.where(mean > 0, mean, 1)))).sum(1)
        scores.append(np.exp(divergence.mean()))
    return float(np.mean(scores)), float(np.std(scores))


@METRICS.register_module()
class IS(SetMetric):
    """Inception Score (Salimans et al. 2016), higher is better; states ``IS`` and ``IS_std`` over the splits.

    It looks at generated images only, and asks whether they are like clear, varied images of ImageNet.

    Args:
        pred: key of the generated images.
        target: key of the real images; unused, but of a data set that repeats images it tells which are generated anew.
        splits: parts of the set.
        shuffle_seed: of the order before the split (torch-fidelity's); None keeps the order.
        features: the network, by default ``FIDInception``.
        output: which of its outputs; the score is defined on the logits without the bias of the last layer.
        prefix: put before the result's name.
    """

    uses_real = False
    network_output = 'logits_unbiased'

    def __init__(self, pred: str | None = None, target: str | None = None, splits: Count = 10,
                 shuffle_seed: int | None = 2020, features: Feature | None = None, output: str | None = None,
                 prefix: str | None = None) -> None:
        super().__init__(pred, target, features, output, prefix)
        self.splits, self.shuffle_seed = splits, shuffle_seed
        self.least = splits

    @property
    def protocol(self) -> str:
        order = 'in order' if self.shuffle_seed is None else f'shuffled with seed {self.shuffle_seed}'
        return f'{super().protocol}; {self.splits} splits, {order}'

    @property
    def result_names(self) -> tuple[str, ...]:
        return self.name, f'{self.name}_std'

    def compare(self, fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
        if len(fake) < 5000:
            self.warn(f'{len(fake)} images are few: IS is biased downwards, and only results of equal numbers compare.')
        mean, std = inception_score(fake, self.splits, self.shuffle_seed)
        return {self.name: mean, f'{self.name}_std': std}
