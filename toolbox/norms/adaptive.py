"""Norms whose scale and offset come from outside (AdaIN, AdaLIN), and ILN, the form of AdaLIN that learns its own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import NORMS, Count, Fraction, Natural
from .instance import instance_norm, require_pixels, widen


class Style(nn.Module):
    """Scale and offset of C maps, from a condition ``(N, 2C)`` or, by a linear layer, a style ``(N, cond_channels)``.

    Args:
        channels: C.
        cond_channels: length of the style; 0: the condition is the scale, then the offset.
    """

    def __init__(self, channels: int, cond_channels: int = 0) -> None:
        super().__init__()
        self.width = cond_channels or 2 * channels
        self.linear = nn.Linear(cond_channels, 2 * channels) if cond_channels else nn.Identity()

    def forward(self, cond: Tensor | None, samples: int) -> tuple[Tensor, Tensor]:
        """Scale and offset ``(N, C, 1, 1)``; raises :class:`ConfigError` for a condition of another shape."""
        if cond is None or cond.shape != (samples, self.width):
            found = 'none' if cond is None else f'one of shape {tuple(cond.shape)}'
            raise ConfigError(f'norm: needs a condition of shape ({samples}, {self.width}), found {found}.')
        gamma, beta = self.linear(cond)[:, :, None, None].chunk(2, dim=1)
        return gamma, beta


@NORMS.register_module(name='AdaIN')
class AdaIN(nn.Module):
    """Adaptive instance normalisation (Huang and Belongie 2017).

    ``residual=True``: ``(1 + gamma) * IN(x) + beta`` (StarGAN v2); False: ``gamma * IN(x) + beta`` (MUNIT).

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        cond_channels: length of the style, for a linear layer of its own; 0: the condition is ``(N, 2C)`` with
            gamma first. (MUNIT's own vector holds beta first.)
        residual: which of the two formulas to use.
        eps: added to the variance.
    """

    conv_bias = True
    per_sample = True
    needs_cond = True

    def __init__(self, channels: Count, cond_channels: Natural = 0, residual: bool = True, eps: float = 1e-5) -> None:
        super().__init__()
        self.style = Style(channels, cond_channels)
        self.residual, self.eps = residual, eps

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        gamma, beta = self.style(cond, x.shape[0])
        y = instance_norm(x, eps=self.eps)
        return ((1 + gamma if self.residual else gamma) * y + beta).to(x.dtype)


def _standardize(x: Tensor, groups: int, eps: float, unbiased: bool) -> Tensor:
    """``(x - mean) / sqrt(var + eps)`` of each sample over groups of channels: C groups are IN, one group is LN."""
    count = x[0].numel() // groups
    ratio = (count - 1) / count if unbiased else 1.0  # biased / unbiased variance: group norm only has the biased one
    return ratio ** 0.5 * F.group_norm(x, groups, eps=eps * ratio)


class InstanceLayerMix(nn.Module):
    """``rho * IN(x) + (1 - rho) * LN(x)`` with one learned rho in [0, 1] per channel (U-GAT-IT, eq. 1).

    :meth:`after_step` must be called after every optimiser step; :class:`toolbox.methods.Method` does so.
    """

    smoothing = 0.0

    def __init__(self, channels: int, rho: float, eps: float, unbiased: bool) -> None:
        super().__init__()
        self.eps, self.unbiased = eps, unbiased
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), rho))

    def mix(self, x: Tensor) -> Tensor:
        """The mixed normalisation of ``x``, at least in float32."""
        require_pixels(x, type(self).__name__)
        x = widen(x)
        by_instance, by_layer = (_standardize(x, groups, self.eps, self.unbiased) for groups in (x.shape[1], 1))
        rho = (self.rho - self.smoothing).clamp(0, 1) if self.smoothing else self.rho
        return rho * by_instance + (1 - rho) * by_layer

    @torch.no_grad()
    def after_step(self) -> None:
        """Clamp rho to [0, 1] in place."""
        self.rho.clamp_(0, 1)


@NORMS.register_module(name='AdaLIN')
class AdaLIN(InstanceLayerMix):
    """Adaptive layer-instance normalisation, ``gamma * (rho * IN(x) + (1 - rho) * LN(x)) + beta`` (U-GAT-IT, eq. 1).

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        cond_channels: length of the style, for a linear layer of its own; 0: the condition is ``(N, 2C)``, gamma first.
        rho: initial value; 0.9 in the authors' PyTorch code, 1.0 in their TensorFlow code.
        eps: added to the variances.
        unbiased: divide both variances by n - 1, as the PyTorch code does; False: by n, as the TensorFlow code does.
        smoothing: subtracted from rho in the mix, with a floor of 0; 0.1 in the TensorFlow code.
    """

    conv_bias = False
    per_sample = True
    needs_cond = True

    def __init__(self, channels: Count, cond_channels: Natural = 0, rho: float = 0.9, eps: float = 1e-5,
                 unbiased: bool = True, smoothing: Fraction = 0.0) -> None:
        super().__init__(channels, rho, eps, unbiased)
        self.smoothing = smoothing
        self.style = Style(channels, cond_channels)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        gamma, beta = self.style(cond, x.shape[0])
        return (gamma * self.mix(x) + beta).to(x.dtype)


@NORMS.register_module(name='ILN')
class ILN(InstanceLayerMix):
    """:class:`AdaLIN` with a learned scale and offset instead of a condition (U-GAT-IT, decoder).

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        rho: initial value.
        eps: added to the variances.
        unbiased: divide both variances by n - 1, as the authors' PyTorch code does; False: by n, as their TensorFlow
            code does.
    """

    conv_bias = False
    per_sample = True

    def __init__(self, channels: Count, rho: float = 0.0, eps: float = 1e-5, unbiased: bool = True) -> None:
        super().__init__(channels, rho, eps, unbiased)
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return (self.gamma * self.mix(x) + self.beta).to(x.dtype)
