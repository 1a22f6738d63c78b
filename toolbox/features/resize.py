"""The resizers of published protocols. FID varies by about 1 % between them, so each result names its own."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..resampling import pillow_resize


def tensorflow1_bilinear(x: Tensor, size: int) -> Tensor:
    """Bilinear as in TensorFlow 1: pixel corners, not centres, are aligned; no antialiasing.

    Args:
        x: float32 ``(N, C, H, W)``.
        size: side of the square result.
    """
    return _interpolate(_interpolate(x, 3, size), 2, size)


def _interpolate(x: Tensor, dim: int, size: int) -> Tensor:
    if x.shape[dim] == size:
        return x
    step = torch.tensor(x.shape[dim] / size, dtype=torch.float32, device=x.device)
    position = torch.arange(size, dtype=torch.float32, device=x.device) * step
    low = position.long()
    high = (low + 1).clamp(max=x.shape[dim] - 1)
    fraction = (position - low).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
    first = x.index_select(dim, low)
    return first + (x.index_select(dim, high) - first) * fraction


def bilinear(x: Tensor, size: int) -> Tensor:
    """torch's bilinear resizing of float images ``(N, C, H, W)``: pixel centres are aligned; no antialiasing."""
    return F.interpolate(x, (size, size), mode='bilinear', align_corners=False)


def antialiased_bicubic(x: Tensor, size: int) -> Tensor:
    """Pillow's bicubic resizing of single float channels ``(N, C, H, W)``, clipped to [0, 255] (Parmar et al. 2022)."""
    return F.interpolate(x, (size, size), mode='bicubic', align_corners=False, antialias=True).clamp(0, 255)


def pillow(images: Tensor, height: int, width: int, resampling: Image.Resampling) -> Tensor:
    """Pillow's antialiased resizing of uint8 images ``(N, 3, H, W)``, rounded to uint8."""
    if images.shape[2:] == (height, width):
        return images
    pixels = images.permute(0, 2, 3, 1).cpu().numpy()
    resized = [np.asarray(pillow_resize(Image.fromarray(image), height, width, resampling)) for image in pixels]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).to(images.device)
