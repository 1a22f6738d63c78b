"""Distances between an image and its target."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import LOSSES, Weight


class ReconstructionLoss(nn.Module):
    """``weight * distance(pred, target)``, the mean over all values."""

    distance: Callable[[Tensor, Tensor], Tensor]

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """A scalar; ``pred`` and ``target`` have the same shape ``(N, C, H, W)``."""
        if pred.shape != target.shape:
            raise ConfigError(f'{type(self).__name__}: the image {tuple(pred.shape)} and its target'
                              f' {tuple(target.shape)} differ in shape. Check in_channels and out_channels.')
        return self.weight * type(self).distance(pred, target)

    def extra_repr(self) -> str:
        return f'weight={self.weight}'


@LOSSES.register_module()
class L1Loss(ReconstructionLoss):
    """Weighted mean absolute difference."""

    distance = staticmethod(F.l1_loss)


@LOSSES.register_module()
class L2Loss(ReconstructionLoss):
    """Weighted mean squared difference."""

    distance = staticmethod(F.mse_loss)


@LOSSES.register_module()
class SmoothL1Loss(ReconstructionLoss):
    """Weighted mean of ``d^2 / 2`` where the difference d is below 1 in size, else of ``|d| - 1/2``."""

    distance = staticmethod(F.smooth_l1_loss)
