"""Default-width networks of the authors' code: weights by a rule instead of a file (see ``recipe`` in the fixtures)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def fill(shapes: dict[str, tuple[int, ...]], counters: tuple[str, ...] = ('num_batches_tracked',)) -> dict[str, Tensor]:
    """The state dict that the rule gives for these keys and shapes; float32."""
    return {key: _tensor(key, number, shapes[key], counters) for number, key in enumerate(sorted(shapes), 1)}


def _tensor(key: str, number: int, shape: tuple[int, ...], counters: tuple[str, ...]) -> Tensor:
    name = key.rpartition('.')[2]
    if name in counters:
        return torch.full(shape, 7)
    u = torch.from_numpy(_hash(int(np.prod(shape, dtype=np.int64)), number)).reshape(shape)
    if name.endswith(('_u', '_v')):
        v = 2 * u - 1
        return (v / v.norm()).float()
    if name in ('rho', 'gamma', 'beta'):
        return {'rho': u, 'gamma': 0.5 + u, 'beta': 0.4 * (u - 0.5)}[name].float()
    if (len(shape) > 1 and np.prod(shape[1:]) > 1) or name in ('weight_orig', 'weight_bar'):
        return ((2 * u - 1) * (3 / np.prod(shape[1:])) ** 0.5).float()
    return (0.5 + u if name in ('running_var', 'weight') else 0.4 * (u - 0.5)).float()


def _hash(count: int, number: int) -> np.ndarray:
    """Numbers in [0, 1), float64 ``(count,)``."""
    low = np.uint64(2 ** 32 - 1)
    h = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(number * 40503)) & low
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(2246822519)) & low
    h ^= h >> np.uint64(13)
    return h / 2.0 ** 32


def uniform(number: int, shape: list[int], low: float, high: float) -> Tensor:
    """Inputs by the same rule; float32."""
    u = torch.from_numpy(_hash(int(np.prod(shape, dtype=np.int64)), number)).reshape(shape)
    return (low + (high - low) * u).float()


def assert_probe(out: Tensor, probe: dict, tolerance: float = 1e-4) -> None:
    """Compare an output with every ``stride``-th of its official values, and with their mean and deviation."""
    assert list(out.shape) == probe['shape']
    torch.testing.assert_close(out.flatten()[::probe['stride']].double(), probe['values'].double(), rtol=0,
                               atol=tolerance)
    assert abs(float(out.double().mean()) - probe['mean']) < tolerance
    assert out.numel() == 1 or abs(float(out.double().std()) - probe['std']) < tolerance
