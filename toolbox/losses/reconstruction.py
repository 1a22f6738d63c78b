"""Distances between an image and its target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

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
        return self.weight * self.compare(pred, target)

    def compare(self, pred: Tensor, target: Tensor) -> Tensor:
        return type(self).distance(pred, target)

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


@LOSSES.register_module()
class DiceLoss(ReconstructionLoss):
    """How far two masks are from covering each other, for things that are a small part of the image.

    ``1 - (2 sum(p t) + 1) / (sum(p p) + sum(t t) + 1)`` over all pixels of the batch, where p and t are the image and
    its target as foreground, from 0 to 1 (Milletari et al., V-Net, 3DV 2016, section 3; the ones, a pixel, make an
    empty mask right where the target is empty). It is 0 for equal masks of 0 and 1, and at most 1. All that is
    background in both costs nothing, however large it is, while a mean over pixels hardly sees a small thing. The sums
    are over what is computed at once: a process's batch, or a part of it (``model.accumulate``).

    Args:
        foreground: what the thing is in the masks, white (1) or black (-1).
        weight: of the loss.
    """

    def __init__(self, foreground: Literal['white', 'black'] = 'white', weight: Weight = 1.0) -> None:
        super().__init__(weight)
        self.sign = 1 if foreground == 'white' else -1

    def compare(self, pred: Tensor, target: Tensor) -> Tensor:
        p, t = ((1 + self.sign * image.float()) / 2 for image in (pred, target))
        return 1 - (2 * (p * t).sum() + 1) / (p.square().sum() + t.square().sum() + 1)
