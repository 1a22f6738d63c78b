"""Norms over single samples: IN and LN."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import is_tracing
from ..errors import ConfigError
from ..registry import NORMS, Count


def widen(x: Tensor) -> Tensor:
    """float32 for half precision, else ``x``: statistics of large maps overflow or lose digits in 16 bits."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def require_pixels(x: Tensor, name: str) -> None:
    """Raise :class:`ConfigError` for maps of one pixel, which have no instance variance."""
    if not is_tracing() and x.shape[2] * x.shape[3] == 1:
        raise ConfigError(f'{name}: needs more than one pixel per channel, found a map {tuple(x.shape)}.'
                          ' Use larger images or fewer downsampling steps.')


def instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """``(x - mean) / sqrt(var + eps)`` over H and W of each channel of each sample; biased variance.

    Implemented as a group norm with one channel per group: ``F.instance_norm`` gives wrong gradients for a batch of
    one whose upstream gradient is channels_last (torch 2.13, CPU), and group norm also keeps the memory format.
    """
    require_pixels(x, 'instance norm')
    return F.group_norm(x, x.shape[1], weight, bias, eps)


@NORMS.register_module(name='IN')
class InstanceNorm(nn.InstanceNorm2d):
    """Instance normalisation (Ulyanov et al. 2016), biased variance.

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        eps: added to the variance.
        momentum: weight of the new batch in the running statistics, if they are tracked.
        affine: learn a scale and an offset per channel.
        track_running_stats: keep running statistics, and normalise by them in evaluation mode.
    """

    conv_bias = True
    per_sample = True
    momentum: float

    def __init__(self, channels: Count, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
                 track_running_stats: bool = False) -> None:
        super().__init__(channels, eps, momentum, affine, track_running_stats)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        if self.track_running_stats and not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        if self.track_running_stats:
            self._track(x)
        return instance_norm(x, self.weight, self.bias, self.eps)

    @torch.no_grad()
    def _track(self, x: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        var, mean = torch.var_mean(widen(x), dim=(2, 3))
        self.running_mean.lerp_(mean.mean(0).to(self.running_mean), self.momentum)
        self.running_var.lerp_(var.mean(0).to(self.running_var), self.momentum)


@NORMS.register_module(name='LN')
class LayerNorm(nn.Module):
    """Normalisation of each sample over C, H and W, then a scale and an offset per channel.

    ``form='standard'``: ``(x - mean) / sqrt(var + eps)``, biased variance, initial scale 1.
    ``form='munit'``: ``(x - mean) / (std + eps)``, unbiased standard deviation, initial scale drawn from U(0, 1), as in
    the code of MUNIT and UNIT (DRIT's is the standard form).

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        eps: added to the variance ('standard') or to the standard deviation ('munit').
        affine: learn the scale and the offset.
        form: which of the two formulas to use.
    """

    conv_bias = True
    per_sample = True
    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, channels: Count, eps: float = 1e-5, affine: bool = True,
                 form: Literal['standard', 'munit'] = 'standard') -> None:
        super().__init__()
        self.eps, self.form = eps, form
        scale = torch.rand(channels) if form == 'munit' else torch.ones(channels)
        self.register_parameter('weight', nn.Parameter(scale) if affine else None)
        self.register_parameter('bias', nn.Parameter(torch.zeros(channels)) if affine else None)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        if self.form == 'standard':
            return F.group_norm(x, 1, self.weight, self.bias, self.eps)
        wide = widen(x)
        std, mean = torch.std_mean(wide, dim=(1, 2, 3), keepdim=True)
        y = (wide - mean) / (std + self.eps)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return y.to(x.dtype)
