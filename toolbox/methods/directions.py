"""What can be asked of a trained method, as data: the inputs of each direction, its output and the networks it needs.

Whoever uses a method (translation, sampling, grids, export, benchmark, hooks, metrics) reads this and nothing else, so
that none of them knows a method by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from ..data.semantics import Colour, palette_of
from ..errors import ConfigError

Size = tuple[int, int]


@dataclass(frozen=True)
class Port:
    """One input of a direction or of a training step, under its name in the batch."""

    name: str
    is_map: ClassVar[bool] = False  # it has a height and a width, and comes from a file

    def example(self, count: int, size: Size, random: Generator | None = None) -> Tensor:
        """A made-up input, for dry runs, benchmarks and exports.

        Args:
            count: N.
            size: height and width of maps; what has no size, or one of its own, ignores it.
            random: where the numbers come from; torch's global generator when None.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Image(Port):
    """Images ``(N, channels, H, W)`` in [-1, 1].

    Attributes:
        channels: of the images.
        side: the only height and width that the networks take; None for any.
        scale: its height and width / those of the other inputs of a training step (of enlarged images).
    """

    channels: int = 3
    side: int | None = None
    scale: int = 1
    is_map: ClassVar[bool] = True

    def example(self, count: int, size: Size, random: Generator | None = None) -> Tensor:
        height, width = (self.side, self.side) if self.side else (self.scale * side for side in size)
        return 2 * torch.rand(count, self.channels, height, width, generator=random) - 1


@dataclass(frozen=True)
class LabelMap(Port):
    """The class of every pixel, ``(N, H, W)`` int64 from 0 to ``classes - 1``.

    Attributes:
        classes: how many there are.
        names: of the classes; their ids where a method gives none.
        palette: (red, green, blue) of each class, for those who paint and look; drawn up where a method gives none.
    """

    classes: int
    names: tuple[str, ...] = ()
    palette: tuple[Colour, ...] = ()
    is_map: ClassVar[bool] = True

    def __post_init__(self) -> None:
        names = self.names or tuple(map(str, range(self.classes)))
        for name, value in (('names', names), ('palette', self.palette or tuple(palette_of(names)))):
            if len(value) != self.classes:
                raise ConfigError(f'{self.name}: {self.classes} classes, but {len(value)} {name}.')
            object.__setattr__(self, name, value)

    def example(self, count: int, size: Size, random: Generator | None = None) -> Tensor:
        return torch.randint(self.classes, (count, *size), generator=random)


@dataclass(frozen=True)
class InstanceMap(Port):
    """The object that every pixel belongs to, ``(N, H, W)`` int64; numbers mean nothing but same or other."""

    is_map: ClassVar[bool] = True

    def example(self, count: int, size: Size, random: Generator | None = None) -> Tensor:
        return torch.randint(1000, (count, *size), generator=random)


@dataclass(frozen=True)
class Mask(Port):
    """Which pixels are missing, ``(N, 1, H, W)``: 1 in the holes, 0 elsewhere."""

    is_map: ClassVar[bool] = True

    def example(self, count: int, size: Size, random: Generator | None = None) -> Tensor:
        return torch.randint(2, (count, 1, *size), generator=random).to(torch.get_default_dtype())


@dataclass(frozen=True)
class Latent(Port):
    """Codes ``(N, *shape)``.

    Attributes:
        shape: of one code.
        prior: distribution from which new ones are drawn, 'normal' or 'uniform'; None if there is none (the codes of an
            autoencoder).
    """

    shape: tuple[int, ...]
    prior: str | None = 'normal'

    def example(self, count: int, size: Size, random: Generator | None = None) -> Tensor:
        return torch.randn(count, *self.shape, generator=random)


@dataclass(frozen=True)
class ClassLabel(Port):
    """One class or domain per image, ``(N,)`` int64 from 0 to ``classes - 1``."""

    classes: int

    def example(self, count: int, size: Size, random: Generator | None = None) -> Tensor:
        return torch.randint(self.classes, (count,), generator=random)


@dataclass(frozen=True)
class Attributes(Port):
    """Binary attributes ``(N, len(names))`` of 0 and 1."""

    names: tuple[str, ...]

    def example(self, count: int, size: Size, random: Generator | None = None) -> Tensor:
        return torch.randint(2, (count, len(self.names)), generator=random).to(torch.get_default_dtype())


@dataclass(frozen=True)
class Direction:
    """One thing that a user can ask of a trained method.

    Attributes:
        nets: all networks that it needs. It is offered if all of them are in a checkpoint; an export holds them.
        takes: its inputs, the one that a user would name first in front.
        gives: its output: a picture of :attr:`Method.pictures` in [-1, 1] (what goes beyond is cut off where it is
            drawn), or the input of another direction (the code of an encoder).
        also: networks that help where they are there (one that guesses what the user does not say).
        scale: side of the output / side of the input.
        own_size: the output has the size that :meth:`Method.size_of` tells, and not ``scale`` times that of the input.
            Its inputs are not padded, and not cut into strips.
        divisor: sides of inputs must be multiples of it; users of the method pad to that and cut the output.
        options: what else a user may say: 'seed', 'reference', 'style', 'attributes', ...
        has_attention: whether :meth:`Method.attention` tells where it looks.
        keeps: the input whose pixels outside the mask the output repeats; empty if none. Who writes files takes them
            from the file of that input: numbers of 32 bits do not survive the way to the networks and back.
        channels: of its picture; None: those of the last network.
    """

    nets: tuple[str, ...]
    takes: tuple[Port, ...]
    gives: str
    also: tuple[str, ...] = ()
    scale: int = 1
    own_size: bool = False
    divisor: int = 1
    options: tuple[str, ...] = ()
    has_attention: bool = False
    keeps: str = ''
    channels: int | None = None

    @property
    def maps(self) -> tuple[Port, ...]:
        """The inputs that come from files."""
        return tuple(port for port in self.takes if port.is_map)

    def first(self, kind: type[Port]) -> Any:
        """The first input of a kind, None if there is none."""
        return next((port for port in self.takes if isinstance(port, kind)), None)

    def example(self, count: int, size: Size, random: Generator | None = None) -> dict[str, Tensor]:
        """Made-up inputs of (about) this size, by name."""
        height, width = (-(-side // self.divisor) * self.divisor for side in size)
        return {port.name: port.example(count, (height, width), random) for port in self.takes}


@dataclass(frozen=True)
class Shown:
    """What a picture of a method is.

    Attributes:
        caption: for people ('translation to B').
        of: the picture it was made from; empty for one from the data set or from noise.
        like: the picture that it should resemble; empty for one from the data set, and for what only explains another.
        paired: it should resemble that very picture, and not merely pictures of that kind.
    """

    caption: str
    of: str = ''
    like: str = ''
    paired: bool = False

    @property
    def is_made(self) -> bool:
        """Whether networks made it, as a result."""
        return bool(self.like)


def source_of(name: str, pictures: Mapping[str, Shown]) -> str:
    """The picture of the data set from which ``name`` was made, over any number of steps; empty if from none."""
    while name in pictures and pictures[name].is_made:
        name = pictures[name].of
    return name


def stated(net: nn.Module, where: str, *names: str, kind: str = 'a generator') -> tuple[int, ...]:
    """Whole numbers that a network states as attributes.

    Raises:
        ConfigError: it does not state them.
    """
    if missing := [name for name in names if not hasattr(net, name)]:
        raise ConfigError(f'{where}: {type(net).__name__} does not state {", ".join(missing)}; {kind} sets these '
                          'attributes to whole numbers, so that images can be fitted to it.')
    return tuple(getattr(net, name) for name in names)


def image_facts(net: nn.Module, where: str) -> tuple[int, int, int]:
    """``in_channels``, ``out_channels`` and ``size_divisor`` of a network that turns images into images.

    Raises:
        ConfigError: it does not state them.
    """
    channels, out_channels, divisor = stated(net, where, 'in_channels', 'out_channels', 'size_divisor')
    return channels, out_channels, divisor
