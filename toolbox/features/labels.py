"""Outputs of the segmentation networks, whose labels mIoU and pixel accuracy compare with the ground truth."""

from __future__ import annotations

from collections.abc import Collection

import torch.nn.functional as F
from torch import Tensor


def label_outputs(scores: Tensor, size: tuple[int, int], names: Collection[str]) -> dict[str, Tensor]:
    """Outputs of a segmenter: scores ``(N, classes, h, w)`` enlarged to ``size``, and the labels, their argmax."""
    if scores.shape[2:] != size:
        scores = F.interpolate(scores, size, mode='bilinear', align_corners=False)
    return {name: scores if name == 'scores' else scores.argmax(1) for name in names}
