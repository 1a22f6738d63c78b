"""Samples as functions of (dataset, index, seed), independent of the process and of what ran before."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple

from .state import preserve_rng

_MASK = (1 << 64) - 1


class SampleKey(NamedTuple):
    """The index of a sample, and the seed of everything random in it."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which makes no sense here
    seed: int


def as_key(key: SampleKey | int) -> SampleKey:
    """A plain index is its own seed, so ``dataset[3]`` never changes."""
    return key if isinstance(key, SampleKey) else SampleKey(int(key), int(key))


def hash_seed(*numbers: int) -> int:
    """A well-mixed seed in ``[0, 2**63)`` from integers: neighbours (epochs, positions) give unrelated seeds.

    The finaliser is that of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
    """
    state = 0
    for number in numbers:
        state = (state + (number & _MASK) + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


def seeded(seed: int) -> AbstractContextManager[None]:
    """Seed the global CPU generators of ``random``, NumPy and torch inside the block; restore them afterwards."""
    return preserve_rng(seed, devices=False)  # data loading must not disturb the GPU's generators
