"""Colours as lightness and two colour axes: sRGB <-> CIE 1976 L*a*b*, and L*a*b* that sRGB can show.

White is D65 seen at 2 degrees, with the rounded numbers of scikit-image, with which Pix2Pix's authors convert their
data; grays have an a* and a b* of some thousandths then, not of 0. There are only sums and powers, which mixed
precision leaves alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import has_numbers

Matrix = tuple[tuple[float, float, float], ...]
TO_XYZ: Matrix = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
TO_RGB: Matrix = tuple(map(tuple, torch.tensor(TO_XYZ, dtype=torch.float64).inverse().tolist()))
WHITE = (0.95047, 1.0, 1.08883)
KAPPA, EPSILON, OFFSET = 7.787, 0.008856, 16 / 116  # f(t) of CIE 1976: a line below EPSILON, the cube root above
COARSE, HALVINGS = 16, 12  # sRGB has gaps among blues, which halving alone may take for its end


def srgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB in [0, 1], ``(..., 3, H, W)`` of floats, as L* in [0, 100], a* and b* (about -110..110) in the same form."""
    linear = torch.where(rgb > 0.04045, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    x, y, z = (_curve(value / white) for value, white in zip(_mixed(linear, TO_XYZ), WHITE, strict=True))
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=-3)


def lab_to_srgb(lab: Tensor) -> Tensor:
    """The inverse of :func:`srgb_to_lab`; colours that sRGB does not have are below 0 or above 1."""
    return _encoded(_linear(lab))


def shown_by_srgb(lab: Tensor) -> Tensor:
    """sRGB in [0, 1] of the same lightness and hue, as :func:`lab_to_srgb`.

    A colour that sRGB does not have loses chroma: (a*, b*) is multiplied with the largest number below 1 for which
    sRGB has the colour. Cutting channels off at 0 and 1 would change the lightness, of a strong blue by more than 30.

    Args:
        lab: L* in [0, 100], a* and b*, ``(..., 3, H, W)``.
    """
    linear = _linear(lab)
    outside = ~_is_shown(linear)
    if not has_numbers(lab):  # no choice by the numbers of an image: all pixels are looked at
        return _encoded(torch.where(outside, _linear(_with_chroma(lab, _largest_share(lab))), linear)).clamp(0, 1)
    if outside.any():
        colours = lab.movedim(-3, -1)[outside].T[..., None]  # (3, K, 1)
        low = _largest_share(colours)
        pixels = linear.movedim(-3, -1).clone()
        pixels[outside] = _linear(_with_chroma(colours, low))[..., 0].T
        linear = pixels.movedim(-1, -3)
    return _encoded(linear).clamp(0, 1)


def _largest_share(colours: Tensor) -> Tensor:
    """The largest number, of those tried, with which the chroma of L*a*b* ``(..., 3, H, W)`` gives sRGB colours."""
    low = torch.zeros_like(colours.select(-3, 0))
    for share in torch.arange(1, COARSE, dtype=low.dtype, device=low.device) / COARSE:
        low = torch.where(_is_shown(_linear(_with_chroma(colours, share))), share, low)
    for step in range(1, HALVINGS + 1):
        share = low + 0.5 ** step / COARSE
        low = torch.where(_is_shown(_linear(_with_chroma(colours, share))), share, low)
    return low


def _with_chroma(lab: Tensor, share: Tensor) -> Tensor:
    lightness, a, b = lab.unbind(-3)
    return torch.stack((lightness, share * a, share * b), -3)


def _is_shown(linear: Tensor) -> Tensor:
    """Whether linear RGB ``(..., 3, H, W)`` is in [0, 1], but for a fortieth of a level of 256, ``(..., H, W)``."""
    return (linear.amin(-3) >= -8e-6) & (linear.amax(-3) <= 1 + 2e-4)


def _linear(lab: Tensor) -> Tensor:
    lightness, a, b = lab.unbind(-3)
    y = (lightness + 16) / 116
    xyz = [white * _curve_back(value) for value, white in zip((y + a / 500, y, y - b / 200), WHITE, strict=True)]
    return torch.stack(_mixed(torch.stack(xyz, -3), TO_RGB), -3)


def _encoded(linear: Tensor) -> Tensor:
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, 12.92 * linear)


def _mixed(x: Tensor, matrix: Matrix) -> list[Tensor]:
    first, second, third = x.unbind(-3)
    return [row[0] * first + row[1] * second + row[2] * third for row in matrix]


def _curve(t: Tensor) -> Tensor:
    return torch.where(t > EPSILON, t.clamp(min=EPSILON) ** (1 / 3), KAPPA * t + OFFSET)


def _curve_back(f: Tensor) -> Tensor:
    return torch.where(f > 0.2068966, f * f * f, (f - OFFSET) / KAPPA)
