"""How much an image changes from pixel to pixel."""

from __future__ import annotations

from torch import Tensor


def total_variation(x: Tensor) -> Tensor:
    """Mean absolute difference of vertical plus of horizontal neighbours, a scalar; images ``(N, C, H, W)``."""
    return (x[..., 1:, :] - x[..., :-1, :]).abs().mean() + (x[..., 1:] - x[..., :-1]).abs().mean()
