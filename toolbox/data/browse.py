"""Contact sheets of samples: what the network really sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .samplers import EvalSampler, InfiniteSampler

_HEADER, _GAP = 16, 4
_BACKGROUND, _INK = 255, 40


def draw_samples(dataset: Dataset, count: int, training: bool, seed: int = 0) -> list[dict[str, Any]]:
    """The first samples in the order (and with the draws) of training, or of evaluation."""
    sampler = InfiniteSampler(dataset, seed=seed) if training else EvalSampler(dataset)
    return [dataset[key] for key, _ in zip(sampler, range(min(count, len(dataset))), strict=False)]


def contact_sheet(samples: Sequence[dict[str, Any]]) -> np.ndarray:
    """One row per sample, one column per image with its key above, RGB uint8 ``(H, W, 3)``."""
    keys = [key for key, value in samples[0].items() if isinstance(value, Tensor) and value.ndim > 1]
    rows = [[to_rgb(sample[key]) for key in keys] for sample in samples]
    widths = [max(row[i].shape[1] for row in rows) for i in range(len(keys))]
    heights = [max(image.shape[0] for image in row) for row in rows]
    sheet = np.full((_HEADER + sum(heights) + _GAP * len(rows), sum(widths) + _GAP * (len(keys) - 1), 3),
                    _BACKGROUND, np.uint8)
    for i, key in enumerate(keys):
        left = sum(widths[:i]) + _GAP * i
        cv2.putText(sheet, key, (left + 2, _HEADER - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (_INK,) * 3, 1, cv2.LINE_AA)
        for j, row in enumerate(rows):
            top = _HEADER + sum(heights[:j]) + _GAP * j
            image = row[i]
            sheet[top:top + image.shape[0], left:left + image.shape[1]] = image
    return sheet


def to_rgb(image: Tensor) -> np.ndarray:
    """Sample tensor -> RGB uint8: 16 bits are reduced, alpha is dropped, label ids get colours."""
    if image.ndim == 2:
        return _label_colours(image.numpy())
    pixels = image.numpy().transpose(1, 2, 0)
    if image.dtype == torch.uint16:
        pixels = np.round(pixels / 257).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, :3]


def _label_colours(ids: np.ndarray) -> np.ndarray:
    """Neighbouring ids get unlike colours; an id has the same colour in every picture."""
    hues = (ids * 47 % 180).astype(np.uint8)
    values = (255 - ids * 31 % 120).astype(np.uint8)
    return cv2.cvtColor(np.stack([hues, np.full_like(hues, 190), values], axis=2), cv2.COLOR_HSV2RGB)
