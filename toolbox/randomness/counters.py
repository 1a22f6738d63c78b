"""Random numbers as a pure function of key, seed and position, for a whole batch at once and on its device.

SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): number ``i`` of a sequence is a mixture of ``state + (i + 1) * GAMMA``, so
that no number waits for another. The state of a sample is number ``seed`` of the sequence of ``key``; its random words
are the halves of the numbers of the sequence of that state.

A word becomes a number of float32 by a conversion, a multiplication and an addition, which all devices round alike: two
forms of the same operations give the same bits, NumPy's for the CPU, whose calls cost a third of torch's, and torch's.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

GAMMA, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
SHIFTS = (30, 27, 31)
MASK = 2**64 - 1
LOW, STEP = 8, 2.0**-23  # bits of a word that a uniform number leaves out, and the distance of two such numbers
HALF = 0.5
FINE = 8  # each octave of the normal distribution has 2**FINE knots
PIECE = 23 - FINE  # bits of a float32 behind the number of its piece


class Arrays:
    """By NumPy, on the CPU."""

    tile = 2**15  # numbers at a time: what is between the steps stays in the cache
    _gamma, _first, _second, *_shifts = map(np.uint64, (GAMMA, FIRST, SECOND, *SHIFTS))
    _low, _piece, _half, _step = np.int32(LOW), np.uint32(PIECE), np.float32(HALF), np.float32(STEP)

    def states(self, seeds: Sequence[int], key: int) -> Any:
        """The states ``(N, 1)`` of samples by their seeds; 64 bits of a seed count."""
        places = np.array([seed & MASK for seed in seeds], np.uint64)
        return self._numbers(np.uint64(key), places)[:, None]

    def words(self, states: Any, start: int, stop: int) -> Any:
        """Words ``(N, stop - start)`` int32; ``start`` is even."""
        places = np.arange(start // 2, (stop + 1) // 2, dtype=np.uint64)
        return self._numbers(states, places).view(np.int32)[:, :stop - start]

    def _numbers(self, states: Any, places: Any) -> Any:
        places *= self._gamma
        places += self._gamma
        z = states + places
        shifted = z >> self._shifts[0]
        z ^= shifted
        z *= self._first
        np.right_shift(z, self._shifts[1], out=shifted)
        z ^= shifted
        z *= self._second
        np.right_shift(z, self._shifts[2], out=shifted)
        z ^= shifted
        return z

    def uniform(self, words: Any) -> Any:
        """In [-1, 1), by 24 bits."""
        x = (words >> self._low).astype(np.float32)
        x *= self._step
        return x

    def normal(self, words: Any) -> Any:
        """N(0, 1), see :func:`polygon`."""
        start, slope = _columns()
        x = words.astype(np.float32)
        x += self._half
        piece = (x.view(np.uint32) >> self._piece).astype(np.intp)
        x *= slope.take(piece)
        x += start.take(piece)
        return x


class Tensors:
    """By torch, on any device; nobody waits for it."""

    tile = 2**24
    _gamma, _first, _second = (number - 2**64 for number in (GAMMA, FIRST, SECOND))  # int64 wraps as uint64 does

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def states(self, seeds: Sequence[int], key: int) -> Tensor:
        found = torch.from_numpy(Arrays().states(seeds, key).view(np.int64))
        return (found.pin_memory() if self.device.type == 'cuda' else found).to(self.device, non_blocking=True)

    def words(self, states: Tensor, start: int, stop: int) -> Tensor:
        z = states + torch.arange(start // 2 + 1, (stop + 1) // 2 + 1, device=self.device).mul_(self._gamma)
        z ^= self._shifted(z, SHIFTS[0])
        z *= self._first
        z ^= self._shifted(z, SHIFTS[1])
        z *= self._second
        z ^= self._shifted(z, SHIFTS[2])
        return z.view(torch.int32)[:, :stop - start]

    @staticmethod
    def _shifted(z: Tensor, bits: int) -> Tensor:
        """To the right, with zeros from the left."""
        return (z >> bits).bitwise_and_(2**(64 - bits) - 1)

    def uniform(self, words: Tensor) -> Tensor:
        return (words >> LOW).to(torch.float32).mul_(STEP)

    def normal(self, words: Tensor) -> Tensor:
        start, slope = polygon(self.device)
        x = words.to(torch.float32).add_(HALF)
        piece = (x.view(torch.int32) >> PIECE).bitwise_and_(2**(32 - PIECE) - 1).flatten()
        x.mul_(slope.index_select(0, piece).view_as(x))
        return x.add_(start.index_select(0, piece).view_as(x))  # by itself: a joined operation would round once


@functools.lru_cache(8)
def polygon(device: torch.device) -> Tensor:
    """The normal distribution as ``(2, pieces)``: values at x = 0 and slopes, by the first bits of the float32 x.

    ``x = word + 0.5`` becomes the quantile of N(0, 1) at ``|x| / 2**32``, times minus the sign of x (inversion), right
    to 1e-6. The knots are as dense in each octave of x: its sign, exponent and first bits are the number of the piece.
    """
    fractions = 1 + torch.arange(2**FINE, dtype=torch.float64) / 2**FINE
    x = torch.cat([*(2.0**octave * fractions for octave in range(-1, 31)), 2.0**31 * fractions[:2]])
    y = -torch.special.ndtri(x / 2**32)
    slope = y.diff() / x.diff()
    start, first = y[:-1] - slope * x[:-1], int(x[0].to(torch.float32).view(torch.int32)) >> PIECE
    found = torch.zeros(2, 2, 2**(31 - PIECE), dtype=torch.float32)  # column, sign of x, piece
    for column, values in enumerate((torch.stack([start, -start]), slope.expand(2, -1))):
        found[column, :, first:first + len(slope)] = values
    return found.flatten(1).to(device)


@functools.cache
def _columns() -> Any:
    return polygon(torch.device('cpu')).numpy()
