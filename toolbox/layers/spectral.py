"""Spectral normalisation of convolutions and linear layers."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..errors import ConfigError

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, *TRANSPOSED)
WARM_UP = 15
M = TypeVar('M', bound=nn.Module)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """A weight with one row per output channel."""
    return weight.transpose(0, dim).flatten(1)


def singular_value(weight: Tensor, u: Tensor, v: Tensor, dim: int) -> Tensor:
    """The estimate ``u^T W v``."""
    return torch.dot(u, torch.mv(as_matrix(weight, dim), v))


class Divided(torch.autograd.Function):
    """``W / (u^T W v)``, whose gradient ``(g - <g, W / s> u v^T) / s`` takes half the passes over the weight that
    autograd would make."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, u: Tensor, v: Tensor, dim: int) -> Tensor:
        ctx.save_for_backward(weight, u, v)
        ctx.dim = dim
        return weight / singular_value(weight, u, v, dim)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        weight, u, v = ctx.saved_tensors
        share = singular_value(weight, u, v, ctx.dim).reciprocal()  # anew: a gradient penalty differentiates this, too
        inner = torch.dot(grad.flatten(), weight.flatten())
        rows = torch.addr(as_matrix(grad * share, ctx.dim), u * (-inner * share.square()), v)
        return rows.view_as(weight.transpose(0, ctx.dim)).transpose(0, ctx.dim), None, None, None


class SpectralNorm(nn.Module):
    """A weight divided by the estimate ``u^T W v`` of its largest singular value (Miyato et al. 2018, algorithm 1).

    torch's ``parametrizations.spectral_norm`` updates u before v. The algorithm, and the older hook of torch with which
    SPADE and U-GAT-IT were trained, update v first, which changes the weights that training yields: hence this class.

    Args:
        weight: the weight to normalise.
        dim: its output-channel dimension.
        iterations: power iterations per forward in training mode; none in evaluation mode.
        eps: keeps the normalisation of u and v finite.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, dim: int = 0, iterations: int = 1, eps: float = 1e-12) -> None:
        super().__init__()
        self.dim, self.iterations, self.eps = dim, iterations, eps
        rows, columns = as_matrix(weight, self.dim).shape
        u, v = (weight.detach().new_empty(size) for size in (rows, columns))
        if not weight.is_meta:  # a network that is only checked; torch is slow there
            u, v = (F.normalize(vector.normal_(), dim=0, eps=eps) for vector in (u, v))
        self.register_buffer('u', u)
        self.register_buffer('v', v)
        self.iterate(weight, WARM_UP)

    @torch.no_grad()
    def iterate(self, weight: Tensor, times: int) -> None:
        """Improve the estimates u and v of the singular vectors in place."""
        if weight.is_meta:
            return
        matrix = as_matrix(weight, self.dim)
        for _ in range(times):
            self.v.copy_(F.normalize(torch.mv(matrix.t(), self.u), dim=0, eps=self.eps))
            self.u.copy_(F.normalize(torch.mv(matrix, self.v), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            if self.training:
                self.iterate(weight, self.iterations)
            if not (torch.is_grad_enabled() and weight.requires_grad):
                return weight / singular_value(weight, self.u, self.v, self.dim)
            # Copies: a second forward pass before the backward pass would change u and v in place.
            apply: Any = Divided.apply  # torch states no types of it
            divided: Tensor = apply(weight, self.u.clone(), self.v.clone(), self.dim)
            return divided


def spectral_norm(module: M, iterations: int = 1, eps: float = 1e-12) -> M:
    """Normalise the weight of a layer, or those of all convolutions and linear layers of a network, in place.

    The state dict holds ``parametrizations.weight.{original, 0.u, 0.v}`` where torch's older hook has
    ``weight_{orig, u, v}``; the converters translate. The result can be deep-copied at any time.

    Args:
        module: layer or network.
        iterations: power iterations per forward in training mode.
        eps: keeps the normalisation of the two vectors finite.

    Returns:
        The same module.

    Raises:
        ConfigError: there is no layer to normalise, or one is already normalised.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, LAYERS)]
    if not layers:
        raise ConfigError(f'spectral_norm: {type(module).__name__} has no convolution or linear layer.')
    if any(parametrize.is_parametrized(layer, 'weight') for layer in layers):
        raise ConfigError(f'spectral_norm: a layer of {type(module).__name__} is already normalised.')
    for layer in layers:
        norm = SpectralNorm(layer.weight, int(isinstance(layer, TRANSPOSED)), iterations, eps)
        # unsafe: torch's check would call the norm, which runs a power iteration.
        parametrize.register_parametrization(layer, 'weight', norm, unsafe=True)
    return module


def raw_weight(layer: nn.Module) -> nn.Parameter:
    """The trained weight of a layer that has one, under its parametrisation if there is one."""
    parametrised: Any = layer.parametrizations if parametrize.is_parametrized(layer, 'weight') else None
    weight = layer.weight if parametrised is None else parametrised.weight.original
    assert isinstance(weight, nn.Parameter)
    return weight


def is_spectral(layer: nn.Module) -> bool:
    """Whether the weight of a layer is spectrally normalised."""
    return parametrize.is_parametrized(layer, 'weight') and any(
        isinstance(norm, SpectralNorm) for norm in layer.get_submodule('parametrizations.weight').children())


def refresh_spectral_norm(layer: nn.Module) -> None:
    """Re-estimate the singular vectors after the weight was set; does nothing for other layers."""
    if parametrize.is_parametrized(layer, 'weight'):
        for norm in layer.get_submodule('parametrizations.weight').children():
            if isinstance(norm, SpectralNorm):
                norm.iterate(raw_weight(layer), WARM_UP)
