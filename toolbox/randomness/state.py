"""State of the global random number generators, as plain data that a checkpoint can hold."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def rng_state() -> dict[str, Any]:
    """State of python's, numpy's and torch's generators (all CUDA devices included) as numbers, tuples and tensors."""
    name, keys, position, has_gauss, gauss = np.random.get_state()
    state = dict(python=random.getstate(), torch=torch.get_rng_state(),
                 numpy=(name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss))
    if torch.cuda.is_available():
        state['cuda'] = torch.cuda.get_rng_state_all()
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """Restore what :func:`rng_state` returned; CUDA states are restored where the same devices exist."""
    version, internal, gauss_next = state['python']
    random.setstate((version, tuple(internal), gauss_next))
    name, keys, position, has_gauss, gauss = state['numpy']
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state['torch'].cpu())
    if torch.cuda.is_available() and len(state.get('cuda', ())) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([s.cpu() for s in state['cuda']])


def seed_generators(seed: int) -> None:
    """Python's, numpy's and torch's, CUDA included."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def preserve_rng(seed: int | None = None) -> Iterator[None]:
    """Leave the random number generators as they were found; inside, start from ``seed`` if one is given."""
    state = rng_state()
    if seed is not None:
        seed_generators(seed)
    try:
        yield
    finally:
        set_rng_state(state)
