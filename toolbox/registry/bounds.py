"""Bounds on arguments, as marks in their annotations: ``layers: Count``, ``p: Annotated[float, Above(0)]``.

:func:`toolbox.registry.check_arguments` reads these marks, and ``typing.Literal`` for choices. NaN and infinity are
outside every bound.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, runtime_checkable


@runtime_checkable
class Bound(Protocol):
    """A mark in ``Annotated[type, mark]``; in messages its text follows that of the type."""

    def admits(self, value: Any) -> bool:
        """Whether a value of the annotated type is within the bound."""


@dataclass(frozen=True)
class AtLeast:
    """``least <= value``."""

    least: float

    def admits(self, value: float) -> bool:
        return self.least <= value < math.inf

    def __str__(self) -> str:
        return f'>= {self.least}'


@dataclass(frozen=True)
class Above:
    """``low < value``."""

    low: float

    def admits(self, value: float) -> bool:
        return self.low < value < math.inf

    def __str__(self) -> str:
        return f'> {self.low}'


@dataclass(frozen=True)
class AtMost:
    """``value <= most``."""

    most: float

    def admits(self, value: float) -> bool:
        return -math.inf < value <= self.most

    def __str__(self) -> str:
        return f'<= {self.most}'


@dataclass(frozen=True)
class Between:
    """``low <= value <= high``; a round bracket in ``ends`` excludes that end: ``Between(0, 1, '[)')``."""

    low: float
    high: float
    ends: Literal['[]', '[)', '(]', '()'] = '[]'

    def admits(self, value: float) -> bool:
        above = self.low <= value if self.ends[0] == '[' else self.low < value
        return above and (value <= self.high if self.ends[1] == ']' else value < self.high)

    def __str__(self) -> str:
        return f'in {self.ends[0]}{self.low}, {self.high}{self.ends[1]}'


@dataclass(frozen=True)
class Odd:
    """Not a multiple of two."""

    def admits(self, value: int) -> bool:
        return value % 2 == 1

    def __str__(self) -> str:
        return 'that is odd'


@dataclass(frozen=True)
class PowerOfTwo:
    """1, 2, 4, 8, ..."""

    def admits(self, value: int) -> bool:
        return value > 0 and value & (value - 1) == 0

    def __str__(self) -> str:
        return 'that is a power of two'


@dataclass(frozen=True)
class Items:
    """A list of at least ``least`` items, all different."""

    least: int

    def admits(self, value: Any) -> bool:
        return len(value) >= self.least and all(item not in value[:i] for i, item in enumerate(value))

    def __str__(self) -> str:
        return f'with {self.least} or more different items'


@dataclass(frozen=True)
class PathName:
    """Text that a file system takes as a path."""

    def admits(self, value: str) -> bool:
        return 0 < len(value) < 4096 and all(len(os.fsencode(part)) < 256 for part in value.split('/'))

    def __str__(self) -> str:
        return 'that is a path'


@dataclass(frozen=True)
class NameOf:
    """A name that has a meaning in a run only: the check of a whole config compares it with those that there are.

    Attributes:
        kind: 'network' of the method, or 'result' of the validation.
    """

    kind: Literal['network', 'result']


# Common types.
Count = Annotated[int, AtLeast(1)]
Natural = Annotated[int, AtLeast(0)]
OddCount = Annotated[int, AtLeast(1), Odd()]
Depth = Annotated[int, Between(1, 1000)]  # layers of a network
Blocks = Annotated[int, Between(0, 1000)]  # between its first and last layers
Size = Count | tuple[Count, Count]  # the side of a square, or (height, width)
Path = Annotated[str, PathName()]
File = Path | os.PathLike
Channels = Literal[1, 3, 4]
Bands = Count  # 1, 3 or 4, or the number of bands that the files have
NonNegative = Annotated[float, AtLeast(0)]
Weight = NonNegative  # weight of a loss
Positive = Annotated[float, Above(0)]
NetworkName = Annotated[str, NameOf('network')]
ResultName = Annotated[str, NameOf('result')]
Seed = Annotated[int, Between(0, 2**32 - 1)]  # of torch and NumPy alike
Probability = Annotated[float, Between(0, 1)]
Fraction = Annotated[float, Between(0, 1, '[)')]
