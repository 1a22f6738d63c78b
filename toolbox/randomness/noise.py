"""Per-sample noise: the same numbers whatever batch, process or part of an iteration the sample is in."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .keys import hash_seed


def _normal(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    return torch.randn(shape, generator=generator)


def _uniform(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    return 2 * torch.rand(shape, generator=generator) - 1


PRIORS: dict[str, Callable[[Sequence[int], torch.Generator | None], Tensor]] = {'normal': _normal, 'uniform': _uniform}


def noise(seeds: Sequence[int], name: str, shape: Sequence[int], prior: str = 'normal',
          truncation: float | None = None) -> Tensor:
    """One row of noise per seed, on the CPU.

    Args:
        seeds: seeds of the samples.
        name: what the noise is for; another name gives unrelated numbers.
        shape: shape of one row.
        prior: 'normal' N(0, 1) or 'uniform' U(-1, 1).
        truncation: bound on the absolute value. Normal numbers beyond it are redrawn (BigGAN's truncation trick,
            Brock et al. 2019, section 3.1), uniform ones come from U(-truncation, truncation).

    Returns:
        ``(len(seeds), *shape)`` of torch's default dtype.
    """
    stream, generator = zlib.crc32(name.encode()), torch.Generator()
    rows = []
    for seed in seeds:
        generator.manual_seed(hash_seed(seed, stream))
        rows.append(_truncated(shape, prior, generator, truncation))
    return torch.stack(rows)


def _truncated(shape: Sequence[int], prior: str, generator: torch.Generator, bound: float | None) -> Tensor:
    row = PRIORS[prior](shape, generator)
    if bound is None:
        return row
    if prior == 'uniform':
        return bound * row
    while (beyond := row.abs() > bound).any():
        row = torch.where(beyond, PRIORS[prior](shape, generator), row)
    return row
