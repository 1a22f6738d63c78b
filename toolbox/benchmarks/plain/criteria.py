"""The adversarial criteria of the authors' codes, and noise for a whole batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def bce(logits: Tensor, real: bool) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits) if real else torch.zeros_like(logits))


def mse(scores: Tensor, real: bool) -> Tensor:
    return F.mse_loss(scores, torch.ones_like(scores) if real else torch.zeros_like(scores))


class Noise:
    """Numbers for a whole batch at once, from torch's global generator."""

    def normal(self, like: Tensor, *shape: int) -> Tensor:
        return torch.randn(*shape, device=like.device)

    def uniform(self, like: Tensor, *shape: int) -> Tensor:
        """In [0, 1)."""
        return torch.rand(*shape, device=like.device)
