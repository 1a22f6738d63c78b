"""From ``norm=dict(type='IN', ...)`` in a config to ``norm(channels)`` in a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ..errors import ConfigError
from ..registry import NORMS, check_arguments, find, known_names, parameters

# Defaults of the networks; do not modify them in place.
INSTANCE_NORM: dict[str, Any] = {'type': 'IN'}
AFFINE_INSTANCE_NORM: dict[str, Any] = {'type': 'IN', 'affine': True}
BATCH_NORM: dict[str, Any] = {'type': 'BN'}
NO_NORM: dict[str, Any] = {'type': 'none'}
ADAIN: dict[str, Any] = {'type': 'AdaIN'}


@dataclass(frozen=True)
class NormFactory:
    """A norm with its arguments bound: ``factory(channels)`` is a new layer with ``forward(x, cond=None)``."""

    cls: Callable[..., nn.Module]
    args: dict[str, Any] = field(default_factory=dict)

    def __call__(self, channels: int) -> nn.Module:
        return self.cls(channels, **self.args)

    @property
    def conv_bias(self) -> bool:
        """Whether the authors of CycleGAN and pix2pix give a convolution before this norm a bias.

        True for instance norm, False for batch norm and for no norm; norms from outside the toolbox set it in a
        class attribute ``conv_bias`` (default True).
        """
        return getattr(self.cls, 'conv_bias', True)

    @property
    def takes_map(self) -> bool:
        """Whether the condition is a map ``(N, cond_channels, h, w)``, and not a vector."""
        return getattr(self.cls, 'takes_map', False)

    @property
    def per_sample(self) -> bool:
        """Whether each sample is normalised independently of the batch and of running statistics.

        Norms from outside the toolbox set it in a class attribute ``per_sample`` (default False).
        """
        return getattr(self.cls, 'per_sample', False) and not self.args.get('track_running_stats', False)


def make_norm(cfg: dict[str, Any] | NormFactory, where: str = 'norm', conditional: bool = False) -> NormFactory:
    """Bind the arguments of the norm that ``cfg`` names.

    Args:
        cfg: ``dict(type=<name in NORMS>, **arguments without the number of channels)``.
        where: path of ``cfg`` in the user's config, for messages.
        conditional: the network passes its norms a condition (a style, a label map).

    Raises:
        ConfigError: unknown norm or argument, or a norm that needs a condition in a network that has none.
    """
    if isinstance(cfg, NormFactory):
        return cfg
    if not isinstance(cfg, dict) or 'type' not in cfg:
        known = ', '.join(known_names(NORMS))
        raise ConfigError(f"{where}: expected dict(type='<norm>'), found {cfg!r}. Known: {known}.")
    args = dict(cfg)
    cls = find(NORMS, args.pop('type'), where)
    channels = next(iter(parameters(cls)[0]), 'channels')
    if channels in args:
        raise ConfigError(f'{where}.{channels}: set by the network; remove it from the config.')
    problems = check_arguments(cls, args, where, given=(channels,))
    if problems:
        raise ConfigError('\n'.join(problems))
    if getattr(cls, 'needs_cond', False) and not conditional:
        others = [name for name in known_names(NORMS) if not getattr(NORMS.get(name), 'needs_cond', False)]
        raise ConfigError(f"{where}.type: {cfg['type']!r} needs a condition (a style or a label map), which this"
                          f' network does not provide. Use one of {", ".join(others)}.')
    return NormFactory(cls, args)


def make_map_norm(cfg: dict[str, Any] | NormFactory, channels: int, where: str = 'norm') -> NormFactory:
    """:func:`make_norm` in a network that has a label map: a norm that needs a condition gets its width ``channels``.

    The network gives the map to a norm that :attr:`~NormFactory.takes_map`, and to another one (AdaIN) the mean of the
    map over height and width, a style ``(N, channels)``.
    """
    if isinstance(cfg, dict) and 'type' in cfg and getattr(find(NORMS, cfg['type'], where), 'needs_cond', False):
        cfg = {'cond_channels': channels, **cfg}
    return make_norm(cfg, where, conditional=True)
