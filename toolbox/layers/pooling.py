"""Pooling whose input may have any size in a graph."""

from __future__ import annotations

import torch
from torch import Tensor


def averaged_in_graph(x: Tensor, cells: int) -> Tensor:
    """``F.adaptive_avg_pool2d(x, cells)``, ``(N, C, H, W)`` -> ``(N, C, cells, cells)``, for graphs in which H and W
    stay open: torch's own is written with those of the example."""
    rows, columns = (_weights(side, cells, x) for side in x.shape[2:])
    return rows @ x @ columns.T


def _weights(side: int, cells: int, like: Tensor) -> Tensor:
    """What each pixel of a side adds to each cell, ``(cells, side)``; cells may share pixels."""
    cell = torch.arange(cells, device=like.device)[:, None]
    pixel = torch.arange(side, device=like.device)[None]
    inside = (pixel >= cell * side // cells) & (pixel < ((cell + 1) * side + cells - 1) // cells)
    return inside.to(like) / inside.sum(1, keepdim=True)
