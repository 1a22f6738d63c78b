"""Checks of arguments and image sizes shared by the norms, backbones and discriminators."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from .errors import ConfigError, nearest
from .strips.recording import Later

is_tracing: Callable[[], bool] = torch.jit.is_tracing  # type: ignore[attr-defined]  # torch.jit has no __all__
# torch before 2.7 cannot tell an export from a compilation.
is_exporting = getattr(torch.compiler, 'is_exporting', torch.compiler.is_compiling)


def has_numbers(x: Tensor) -> bool:
    """Whether a choice can be made by the numbers of a tensor: not in an export, nor when it is computed later."""
    return not (is_exporting() or isinstance(x, Later))


def require_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise :class:`ConfigError` unless ``value`` is one of ``allowed``."""
    allowed = list(allowed)
    if value not in allowed:
        raise ConfigError(f'{name}: expected one of {", ".join(map(repr, allowed))}, found {value!r}.'
                          f'{nearest(value, map(str, allowed))}')


def require_at_least(minimum: int, **values: int) -> None:
    """Raise :class:`ConfigError` unless every named value is an integer ``>= minimum``."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise ConfigError(f'{name}: expected an integer >= {minimum}, found {value!r}.')


def require_image(x: Tensor, channels: int, smallest: int, net: str, divisor: int = 1, exactly: bool = False) -> None:
    """Raise :class:`ConfigError` unless ``x`` is ``(N, channels, H, W)`` of a size that ``net`` can take.

    Args:
        x: images.
        channels: expected channels.
        smallest: minimum side, or the only one allowed if ``exactly``.
        net: name of the network.
        divisor: divisor of both sides.
        exactly: the network takes only one size.
    """
    # A traced size is symbolic: a comparison would fix the exported graph to this size.
    if is_tracing() or is_exporting():
        return
    if x.dim() != 4 or x.shape[1] != channels:
        raise ConfigError(f'{net} expects images (N, {channels}, H, W), found {tuple(x.shape)}.'
                          ' Check in_channels, or the channels that the dataset loads.')
    height, width = x.shape[2:]
    if exactly and (height, width) != (smallest, smallest):
        raise ConfigError(f'{net} expects images of {smallest}x{smallest}, found {height}x{width} (HxW). Add '
                          f"dict(type='Resize', size={smallest}) to the pipeline, or set the size of the networks.")
    if min(height, width) < smallest:
        raise ConfigError(f'{net}: an image of {height}x{width} (HxW) is too small; both sides must be at least'
                          f' {smallest}. Use larger images or a shallower network.')
    if height % divisor or width % divisor:
        raise ConfigError(f'{net}: both sides of an image must be multiples of {divisor}, found {height}x{width} (HxW).'
                          f' Resize, crop or pad to a multiple of {divisor}.')
