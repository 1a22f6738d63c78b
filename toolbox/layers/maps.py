"""Label and instance maps as inputs of networks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..checks import is_exporting
from ..norms.spade import resize_map

# Margins that put a difference on both sides of a border, by dimension.
BESIDE = {1: ((0, 0, 0, 1), (0, 0, 1, 0)), 2: ((0, 1), (1, 0))}


def one_hot_map(labels: Tensor, channels: int) -> Tensor:
    """Ids ``(N, H, W)`` from 0 to ``channels - 1`` as planes of 0 and 1, ``(N, channels, H, W)``, in torch's default
    type and on the same device."""
    planes = torch.zeros((), device=labels.device).expand(len(labels), channels, *labels.shape[1:])
    return planes.scatter(1, labels[:, None], 1.0)


def instance_edges(instances: Tensor) -> Tensor:
    """1 where one of the four neighbours belongs to another object, ``(N, 1, H, W)`` from numbers ``(N, H, W)``.

    Both sides of a border are edge, as in the authors' code of Pix2PixHD (section 3.3: the instance boundary map).
    """
    edges = torch.zeros_like(instances, dtype=torch.bool)
    for dim in (1, 2):
        length = instances.shape[dim] - 1
        other = instances.narrow(dim, 1, length) != instances.narrow(dim, 0, length)
        for margins in BESIDE[dim]:
            edges = edges | functional.pad(other, margins)
    return edges[:, None].to(torch.get_default_dtype())


def instance_means(x: Tensor, instances: Tensor) -> Tensor:
    """Features ``(N, C, H, W)``, each replaced by its mean over the object, which is what has one number in one sample.

    Numbers are ``(N, H, W)`` or ``(N, 1, H, W)`` int64. Sums are made in float64: an object may have a million pixels.
    """
    low, high = instances.aminmax()
    samples = torch.arange(len(x), device=x.device)[:, None, None]
    own = instances.view(len(x), *x.shape[2:]) - low + samples * (high - low + 1)
    numbers, places = own.unique(return_inverse=True)
    values, places = x.movedim(1, -1), places.flatten()  # (N, H, W, C), (N H W,)
    sums = torch.zeros(len(numbers), x.shape[1], dtype=torch.float64, device=x.device)
    means = sums.index_add(0, places, values.flatten(0, 2).double()) / places.bincount()[:, None]
    return means.to(x.dtype)[places].view(values.shape).movedim(-1, 1)


class MapCondition:
    """What the norms of a network get of its label map: the map in the size of their input, or its mean.

    A map is resized once per size, by nearest neighbour, however many norms there are.

    Args:
        planes: the map ``(N, C, H, W)``.
        as_map: whether the norms take a map; else a style ``(N, C)``, the share of each class.
    """

    def __init__(self, planes: Tensor, as_map: bool) -> None:
        self.planes, self.as_map = planes, as_map
        self._made: dict[tuple[int, ...], Tensor] = {}

    def at(self, x: Tensor) -> Tensor:
        """For norms of the features ``x``, ``(N, C, h, w)`` or ``(N, C)``."""
        size = tuple(x.shape[2:]) if self.as_map else ()
        if self.as_map and is_exporting():  # its sizes stay open, and have no place in a dict
            return resize_map(self.planes, size)
        if size not in self._made:
            self._made[size] = resize_map(self.planes, size) if self.as_map else self.planes.mean((2, 3))
        return self._made[size]
