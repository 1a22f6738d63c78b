"""Spectral normalisation of convolutions and linear layers."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrizations, parametrize

from ..errors import ConfigError

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)
M = TypeVar('M', bound=nn.Module)


def spectral_norm(module: M, iterations: int = 1, eps: float = 1e-12) -> M:
    """Divide the weight by its largest singular value (Miyato et al. 2018), in place.

    ``module`` may be a layer, or a whole network, all of whose convolutions and linear layers are then normalised. One
    power iteration is made per forward in training mode, none in evaluation mode, as in the original. The state dict
    holds ``parametrizations.weight.{original, 0._u, 0._v}`` where the older form of torch has ``weight_{orig, u, v}``;
    the converters translate. The result can be deep-copied at any time.

    Args:
        module: layer or network.
        iterations: power iterations per forward.
        eps: keeps the normalisation of the two vectors finite.

    Returns:
        The same module.

    Raises:
        ConfigError: there is no layer to normalise, or one is normalised already.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, LAYERS)]
    if not layers:
        raise ConfigError(f'spectral_norm: {type(module).__name__} has no convolution and no linear layer.')
    if any(parametrize.is_parametrized(layer, 'weight') for layer in layers):
        raise ConfigError(f'spectral_norm: a layer of {type(module).__name__} is normalised already.')
    for layer in layers:
        parametrizations.spectral_norm(layer, n_power_iterations=iterations, eps=eps)
    return module


def raw_weight(layer: nn.Module) -> nn.Parameter | None:
    """The trained weight of a layer: the one under the parametrisation if there is one; None without a weight."""
    if parametrize.is_parametrized(layer, 'weight'):
        return layer.parametrizations.weight.original
    return getattr(layer, 'weight', None)
