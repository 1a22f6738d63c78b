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
        rows, columns = self._matrix(weight).shape
        self.register_buffer('u', F.normalize(weight.detach().new_empty(rows).normal_(), dim=0, eps=eps))
        self.register_buffer('v', F.normalize(weight.detach().new_empty(columns).normal_(), dim=0, eps=eps))
        self.iterate(weight, WARM_UP)

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.transpose(0, self.dim).flatten(1)

    @torch.no_grad()
    def iterate(self, weight: Tensor, times: int) -> None:
        """Improve the estimates u and v of the singular vectors in place."""
        if weight.is_meta:  # a network that is only checked; torch is slow there
            return
        matrix = self._matrix(weight)
        for _ in range(times):
            self.v.copy_(F.normalize(torch.mv(matrix.t(), self.u), dim=0, eps=self.eps))
            self.u.copy_(F.normalize(torch.mv(matrix, self.v), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            if self.training:
                self.iterate(weight, self.iterations)
            # Copies: a second forward pass before the backward pass would change u and v in place.
            u, v = self.u.clone(), self.v.clone()
            return weight / torch.dot(u, torch.mv(self._matrix(weight), v))


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
