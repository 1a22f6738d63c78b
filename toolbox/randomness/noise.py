"""Per-sample noise: the same numbers whatever batch, process, part of an iteration or device the sample is in."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from .counters import Arrays, Tensors
from .keys import hash_seed

NoiseRule = Literal['counter', 'generators']
CPU = torch.device('cpu')


def noise(seeds: Sequence[int], name: str, shape: Sequence[int], prior: str = 'normal',
          truncation: float | None = None, device: torch.device = CPU) -> Tensor:
    """One row of noise per seed: a pure function of seed, name and position, with the same bits on every device.

    Args:
        seeds: seeds of the samples.
        name: what the noise is for; another name gives unrelated numbers.
        shape: shape of one row.
        prior: 'normal' N(0, 1), at most 6.4, or 'uniform' U(-1, 1), multiples of 2**-23.
        truncation: bound on the absolute value. Normal numbers beyond it are redrawn (BigGAN's truncation trick,
            Brock et al. 2019, section 3.1), uniform ones come from U(-truncation, truncation).
        device: where it is made (:mod:`~.counters`).

    Returns:
        ``(len(seeds), *shape)`` of torch's default dtype, with values of float32.
    """
    count, turns = math.prod(shape), itertools.count()
    rows = _drawn(seeds, _key(name, next(turns)), count, prior, device)
    if truncation is not None and prior == 'uniform':
        rows *= truncation
    elif truncation is not None:
        while (beyond := rows.abs() > truncation).any():
            rows = torch.where(beyond, _drawn(seeds, _key(name, next(turns)), count, prior, device), rows)
    return rows.view(len(seeds), *shape).to(torch.get_default_dtype())


def _drawn(seeds: Sequence[int], key: int, count: int, prior: str, device: torch.device) -> Tensor:
    """``(N, count)`` float32, tile by tile."""
    by: Any = Arrays() if device.type == 'cpu' else Tensors(device)  # their arrays are of different libraries
    convert, states = getattr(by, prior), by.states(seeds, key)
    if len(seeds) * count <= by.tile:
        return torch.as_tensor(convert(by.words(states, 0, count)))
    rows = torch.empty(len(seeds), count, dtype=torch.float32, device=device)
    height = max(1, by.tile // count)
    for top, left in itertools.product(range(0, len(seeds), height), range(0, count, by.tile)):
        words = by.words(states[top:top + height], left, min(left + by.tile, count))
        rows[top:top + height, left:left + by.tile] = torch.as_tensor(convert(words))
    return rows


@functools.lru_cache(1024)
def _key(name: str, turn: int) -> int:
    salt = turn.to_bytes(8, 'little')
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, salt=salt).digest(), 'little')


# Of runs that began before there were counters: a generator of torch for every sample, on the CPU

def _normal(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    return torch.randn(shape, generator=generator)


def _uniform(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    return 2 * torch.rand(shape, generator=generator) - 1


PRIORS: dict[str, Callable[[Sequence[int], torch.Generator | None], Tensor]] = {'normal': _normal, 'uniform': _uniform}


def noise_of_generators(seeds: Sequence[int], name: str, shape: Sequence[int], prior: str = 'normal',
                        truncation: float | None = None, device: torch.device = CPU) -> Tensor:
    """As :func:`noise`, by the rule of checkpoints that record none: other numbers of the same distribution."""
    stream, generator = zlib.crc32(name.encode()), torch.Generator()
    rows = []
    for seed in seeds:
        generator.manual_seed(hash_seed(seed, stream))
        rows.append(_truncated(shape, prior, generator, truncation))
    return torch.stack(rows).to(device)


def _truncated(shape: Sequence[int], prior: str, generator: torch.Generator, bound: float | None) -> Tensor:
    row = PRIORS[prior](shape, generator)
    if bound is None:
        return row
    if prior == 'uniform':
        return bound * row
    while (beyond := row.abs() > bound).any():
        row = torch.where(beyond, PRIORS[prior](shape, generator), row)
    return row


NOISE: dict[NoiseRule, Callable[..., Tensor]] = {'counter': noise, 'generators': noise_of_generators}
