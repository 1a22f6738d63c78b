"""The only place where pixels become numbers in [-1, 1], and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_HALF_RANGE = {torch.uint8: 127.5, torch.uint16: 32767.5}


class DataPreprocessor(nn.Module):
    """Moves a batch to the module's device and turns integer images into floating ones in [-1, 1].

    uint8 becomes ``x / 127.5 - 1`` and uint16 ``x / 32767.5 - 1``, in torch's default type, after the copy: a quarter
    of the bytes travel. Floating images keep their type and range, integer label maps theirs; 'meta' and other plain
    values pass through.
    """

    _anchor: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Follows every .to(), .cuda() and DDP wrapper; boolean, so that .half() and .double() leave it alone.
        self.register_buffer('_anchor', torch.zeros((), dtype=torch.bool), persistent=False)

    @property
    def device(self) -> torch.device:
        return self._anchor.device

    def forward(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Batch with tensors ``(N, C, H, W)`` (label maps ``(N, H, W)``) -> the same keys, ready for the networks."""
        return {key: self._convert(value) if isinstance(value, Tensor) else value for key, value in batch.items()}

    def _convert(self, value: Tensor) -> Tensor:
        value = value.to(self.device, non_blocking=True)
        half_range = _HALF_RANGE.get(value.dtype)
        return value if half_range is None else value.to(torch.get_default_dtype()).div_(half_range).sub_(1)


def to_tensor(image: np.ndarray) -> Tensor:
    """``(H, W, C)`` -> ``(C, H, W)`` of the same type; a label map ``(H, W)`` -> int64."""
    if image.ndim == 2:
        return torch.from_numpy(image.astype(np.int64))
    return torch.from_numpy(image.transpose(2, 0, 1).copy())  # Pillow's arrays are read-only, flips are views


def to_uint8(x: Tensor) -> Tensor:
    """Images in [-1, 1] -> uint8, clamped and rounded to nearest (the authors' code truncates: half a level darker)."""
    return x.detach().float().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
