"""Attention from an auxiliary classifier (U-GAT-IT; the class activation maps of Zhou et al. 2016)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import checked
from .spectral import raw_weight, spectral_norm

CamWeight = Literal['raw', 'normalised']


@checked
class CAM(nn.Module):
    """Feature maps weighted by how well each tells the domains apart (U-GAT-IT, section 2.1).

    Two single-output classifiers see the global averages and the global maxima of the C maps. The maps are multiplied
    by the weights of each, and a 1x1 convolution merges both copies into C maps.

    Args:
        channels: C.
        slope: negative slope of the leaky ReLU after the merge; 0: ReLU.
        spectral: apply spectral normalisation to both classifiers.
        weight: what ``spectral`` multiplies the maps by: the 'raw' weight, as in the authors' PyTorch code, or the
            'normalised' one that gives the logits, as in their TensorFlow code. Without ``spectral`` they are the same.
    """

    def __init__(self, channels: int, slope: float = 0.0, spectral: bool = False, weight: CamWeight = 'raw') -> None:
        super().__init__()
        self.slope, self.raw = slope, weight == 'raw'
        self.average = nn.Linear(channels, 1, bias=False)
        self.maximum = nn.Linear(channels, 1, bias=False)
        self.merge = nn.Conv2d(2 * channels, channels, 1)
        if spectral:
            spectral_norm(self.average)
            spectral_norm(self.maximum)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps ``(N, C, h, w)`` to maps of the same shape, logits ``(N, 2)`` and a heat map ``(N, 1, h, w)``."""
        logits, maps = [], []
        for pool, classifier in ((F.adaptive_avg_pool2d, self.average), (F.adaptive_max_pool2d, self.maximum)):
            weight = classifier.weight  # read once: reading a normalised weight runs a power iteration
            logits.append(F.linear(pool(x, 1).flatten(1), weight))
            maps.append(x * (raw_weight(classifier) if self.raw else weight)[:, :, None, None])
        x = F.leaky_relu(self.merge(torch.cat(maps, dim=1)), self.slope)
        return x, torch.cat(logits, dim=1), x.sum(dim=1, keepdim=True)
