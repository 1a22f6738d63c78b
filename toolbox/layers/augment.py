"""DiffAugment: changes of images in front of a discriminator through which gradients pass (Zhao et al., NeurIPS 2020).

Real and generated images go through the same kinds of change, so that a discriminator cannot learn a small data set by
heart, and the generator does not learn the changes. Every sample has draws of its own, from torch's generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

SHIFT = 8  # images move by at most this part of a side
HOLE = 2  # the sides of a hole are this part of the image's


def augment(x: Tensor, policy: Sequence[str], groups: Sequence[int] = ()) -> Tensor:
    """Change images by each kind of ``policy``, in its order.

    Args:
        x: ``(N, C, H, W)`` in [-1, 1].
        policy: of 'color' (brightness, saturation, contrast), 'translation' and 'cutout'.
        groups: channels of each image, where several lie over each other (a condition and its picture): they share
            their draws, and each keeps colours of its own. One image when empty.

    Returns:
        Images of the same shape; colours may leave [-1, 1].
    """
    for kind in policy:
        x = POLICIES[kind](x, groups or (x.shape[1],))
    return x


def _color(x: Tensor, groups: Sequence[int]) -> Tensor:
    brightness, saturation, contrast = (_uniform(x, low, high) for low, high in ((-0.5, 0.5), (0, 2), (0.5, 1.5)))
    images = []
    for image in x.split(list(groups), 1):
        image = image + brightness
        image = torch.lerp(image.mean(1, keepdim=True), image, saturation)
        images.append(torch.lerp(image.mean((1, 2, 3), keepdim=True), image, contrast))
    return torch.cat(images, 1)


def _translation(x: Tensor, groups: Sequence[int]) -> Tensor:
    """What leaves on one side is lost, what comes in on the other is 0."""
    margins = [round(side / SHIFT) for side in x.shape[2:]]
    padded = F.pad(x, (margins[1], margins[1], margins[0], margins[0]))
    rows, columns = (_integers(x, 0, 2 * margin) + torch.arange(side, device=x.device)
                     for margin, side in zip(margins, x.shape[2:], strict=True))
    samples = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[samples, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cutout(x: Tensor, groups: Sequence[int]) -> Tensor:
    """A rectangle of half of both sides, anywhere as far as its centre is in the image, becomes 0."""
    inside = []
    for side in x.shape[2:]:
        length = round(side / HOLE)
        start = _integers(x, 0, side - length % 2) - length // 2
        place = torch.arange(side, device=x.device)
        inside.append((place >= start) & (place < start + length))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return x.masked_fill(hole, 0)


POLICIES: dict[str, Callable[[Tensor, Sequence[int]], Tensor]] = {
    'color': _color, 'translation': _translation, 'cutout': _cutout}


def _uniform(x: Tensor, low: float, high: float) -> Tensor:
    return torch.rand(len(x), 1, 1, 1, device=x.device, dtype=x.dtype) * (high - low) + low


def _integers(x: Tensor, low: int, high: int) -> Tensor:
    """One per sample from ``low`` to ``high``, both included, ``(N, 1)``."""
    return torch.randint(low, high + 1, (len(x), 1), device=x.device)
