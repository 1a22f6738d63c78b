"""Distance of two images in the features of the discriminator that learns to tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import LOSSES


@LOSSES.register_module()
class FeatureMatchingLoss(nn.Module):
    """Mean over the scales of the sum over the layers of ``|features of the fake - features of the real image|``.

    Wang et al. 2018 (Pix2PixHD), equation 4, as in the authors' code and in SPADE's. The features of the real image get
    no gradient, and the last entry of each scale, the logits, is left out.

    Args:
        normalised: divide by the number of layers / 4: Pix2PixHD's code, which differs from SPADE's for discriminators
            whose number of layers is not its default.
    """

    def __init__(self, normalised: bool = False) -> None:
        super().__init__()
        self.normalised = normalised

    def forward(self, fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
        """A scalar, from one list per scale of features ``(N, C, h, w)`` and logits."""
        return torch.stack([self._one_scale(f[:-1], r[:-1]) for f, r in zip(fake, real, strict=True)]).mean()

    def _one_scale(self, fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
        total = torch.stack([F.l1_loss(f, r.detach()) for f, r in zip(fake, real, strict=True)]).sum()
        return total * (4 / len(fake)) if self.normalised else total


def by_scale(judged: Tensor | Sequence[Any]) -> list[list[Tensor]]:
    """The output of any discriminator in the form of those with several scales and features of their layers."""
    if isinstance(judged, Tensor):
        return [[judged]]
    return [[scale] if isinstance(scale, Tensor) else list(scale) for scale in judged]
