"""The networks of a method: how they are built from configs, what is frozen, and what is in front of discriminators."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from mmengine.logging import print_log
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import ConfigError, did_you_mean
from ..layers.augment import augment
from ..layers.init import init_weights
from ..registry import BACKBONES, DISCRIMINATORS, FEATURES, Count, build, find, parameters, registries_of
from .evaluation import Evaluation
from .schedule import Phase, Stage

Kind = Literal['color', 'translation', 'cutout']


class Networked(Evaluation):
    """The part of a method that holds its networks, as direct attributes; its arguments are those of
    :class:`~.base.Method`."""

    schedule: tuple[Phase, ...] = ()
    stages: tuple[Stage, ...] = ()
    carries: ClassVar[dict[str, tuple[str | tuple[str, ...], ...]]] = {}  # network -> keys of its images in (and out)
    augments: ClassVar[bool] = True  # whether images may change at random in front of discriminators

    def __init__(self, init: dict[str, Any] | None = None, channels: Mapping[str, Count] | None = None,
                 freeze: Sequence[str] = (), diff_augment: Sequence[Kind] = (),
                 test_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(test_cfg)
        self.init = dict(init or {})
        self.channels = dict(channels or {})
        self.freeze, self.diff_augment = tuple(freeze), tuple(diff_augment)
        if self.diff_augment and not self.augments:
            raise ConfigError(f'model.diff_augment: {type(self).__name__} compares what D sees in a fake and in its '
                              'original, and each would be changed in another way. Remove it.')
        self._frozen: set[int] = set()  # parameters frozen by construction; no phase unfreezes them
        self._trains: tuple[Sequence[str], ...] | None = None  # a key of them, while its flags are known to be set
        self._selections: dict[tuple[Sequence[str], ...], tuple[list[nn.Parameter], ...]] = {}  # train, do not

    @classmethod
    def network_arguments(cls) -> tuple[str, ...]:
        """Arguments of the constructor that are networks: those annotated as backbone or discriminator."""
        return tuple(name for name, registry in registries_of(cls).items() if registry in (BACKBONES, DISCRIMINATORS))

    def network_names(self) -> tuple[str, ...]:
        """The networks that this method has."""
        return tuple(name for name in self.network_arguments() if isinstance(getattr(self, name, None), nn.Module))

    def add_networks(self, **configs: dict[str, Any] | nn.Module | None) -> None:
        """Build each config with the registry its argument is annotated with, and set it as an attribute."""
        registries = registries_of(type(self))
        for name, cfg in configs.items():
            if cfg is not None:
                cfg = build(self._with_defaults(name, cfg), registries[name], f'model.{name}')
            setattr(self, name, cfg)
            if self.diff_augment and cfg is not None and registries[name] is DISCRIMINATORS and name in self.carries:
                cfg.register_forward_pre_hook(functools.partial(self._augmented, name))
        self.note_frozen()
        if self.translators and self.translators.keys() - self.directions.keys():
            self.directions = self._directions_of_translators()

    def network_defaults(self, name: str) -> dict[str, Any]:
        """Arguments of a network whose config leaves them out, as far as it takes them: the channels of the data."""
        found = {}
        for argument, keys in zip(('in_channels', 'out_channels'), self.carries.get(name, ()), strict=False):
            keys = (keys,) if isinstance(keys, str) else keys
            if keys and all(key in self.channels for key in keys):
                found[argument] = sum(self.channels[key] for key in keys)
        return found

    def _with_defaults(self, name: str, cfg: Any) -> Any:
        defaults = self.network_defaults(name)
        if not defaults or not isinstance(cfg, Mapping) or 'type' not in cfg:
            return cfg
        known, _ = parameters(find(registries_of(type(self))[name], cfg['type'], f'model.{name}'))
        return {**{key: value for key, value in defaults.items() if key in known}, **cfg}

    def _augmented(self, name: str, net: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """What a discriminator sees in place of its images."""
        if not net.training:
            return None
        images, groups = inputs[0], self.image_groups(name)
        return augment(images, self.diff_augment, groups if sum(groups) == images.shape[1] else ()), *inputs[1:]

    def image_groups(self, name: str) -> list[int]:
        """Channels of each of the images that a discriminator sees over each other, as far as they are known."""
        keys = self.carries[name][0]
        return [self.channels.get(key, 0) for key in ((keys,) if isinstance(keys, str) else keys)]

    def note_frozen(self) -> None:
        """Remember which parameters are frozen by construction; to be called when parameters are replaced."""
        self._frozen = {id(p) for p in self.parameters() if not p.requires_grad}
        self._selections.clear()

    def init_weights(self) -> None:
        """The first weights: drawn, by ``init``; of parts that a network begins with published weights (``published``:
        part -> config of a network in FEATURES that has its keys) those.

        Raises:
            DataError: a published file is missing; says which package or address has it.
        """
        by_name = self.init.keys() <= set(self.network_arguments())
        for name in self.network_names():
            net = init_weights(self.part(name), **(self.init.get(name, {}) if by_name else self.init))
            for part, features in getattr(net, 'published', {}).items():
                own, known = net.get_submodule(part), build(features, FEATURES, f'model.{name}').net.state_dict()
                own.load_state_dict({key: known[key] for key in own.state_dict()})

    def compile_networks(self, options: bool | Mapping[str, Any] | None) -> None:
        """``True`` or arguments of ``torch.compile``: each network by itself; the keys of its weights stay the same.

        Those of :meth:`penalised` are left out: torch cannot differentiate a compiled network twice.
        """
        if not options:
            return
        left_out = self.penalised()
        if left_out:
            print_log(f'not compiled: {", ".join(left_out)}, whose gradients are differentiated for a penalty.',
                      logger='current')
        for name in self.network_names():
            if name not in left_out:
                getattr(self, name).compile(**({} if options is True else options))

    def penalised(self) -> tuple[str, ...]:
        """Networks with a penalty on their gradients: all discriminators, if the adversarial loss has one."""
        if not getattr(getattr(self, 'adversarial', None), 'has_penalty', False):
            return ()
        registries = registries_of(type(self))
        return tuple(name for name in self.network_names() if registries[name] is DISCRIMINATORS)

    def part(self, path: str) -> nn.Module:
        """A network (``'G'``) or a part of it (``'G.enhancer'``), without wrappers.

        Raises:
            ConfigError: there is none.
        """
        name, _, rest = path.partition('.')
        net = getattr(self, name, None)
        net = net.module if isinstance(net, DistributedDataParallel) else net
        try:
            if net is None:
                raise AttributeError
            return net.get_submodule(rest)
        except AttributeError as error:
            known = [f'{name}.{key}' for key, _ in net.named_children()] if net is not None else self.network_names()
            raise ConfigError(f'{type(self).__name__} has no network or part {path!r}.'
                              f'{did_you_mean(path, known)}') from error

    def trains_parts(self) -> bool:
        """Whether only a part of a network trains at times; its wrapper must look for parameters without gradients."""
        return any('.' in path for path in self.named_paths())

    def named_paths(self) -> tuple[str, ...]:
        """The networks and parts that phases, stages and ``freeze`` name, each once."""
        owners: tuple[Phase | Stage, ...] = (*self.schedule, *self.stages)
        return tuple(dict.fromkeys([path for owner in owners for path in owner.paths] + [*self.freeze]))
