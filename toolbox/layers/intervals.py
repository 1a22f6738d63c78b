"""For networks whose layers see other numbers than the toolbox's images, which are in [-1, 1]."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# [-1, 1]; [0, 1]; [0, 1] less ImageNet's mean, over its standard deviation
Interval = Literal['signed', 'unit', 'imagenet']


def converted(x: Tensor, source: Interval, target: Interval) -> Tensor:
    """Images ``(N, C, H, W)`` in the numbers of another interval; colour images where one of them is 'imagenet'."""
    return x if source == target else _from_unit(_to_unit(x, source), target)


def _to_unit(x: Tensor, source: Interval) -> Tensor:
    if source == 'unit':
        return x
    if source == 'signed':
        return (x + 1) / 2
    return x * _column(x, IMAGENET_STD) + _column(x, IMAGENET_MEAN)


def _from_unit(x: Tensor, target: Interval) -> Tensor:
    if target == 'unit':
        return x
    if target == 'signed':
        return 2 * x - 1
    return (x - _column(x, IMAGENET_MEAN)) / _column(x, IMAGENET_STD)


def _column(x: Tensor, values: tuple[float, float, float]) -> Tensor:
    return x.new_tensor(values).view(3, 1, 1)
