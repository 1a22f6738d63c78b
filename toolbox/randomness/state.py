"""State of the global random number generators, as plain data for checkpoints."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def rng_state() -> dict[str, Any]:
    """State of Python's, NumPy's and torch's generators (including all CUDA devices) as numbers, tuples and tensors."""
    mersenne_twister: Any = np.random.get_state()  # its annotation does not know the length of the tuple
    name, keys, position, has_gauss, gauss = mersenne_twister
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


def seed_all(seed: int, devices: bool = True) -> None:
    """Seed Python's, NumPy's and torch's generators, and those of CUDA devices if ``devices``."""
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    seed_torch(seed, devices)


def seed_torch(seed: int, devices: bool = True) -> None:
    """Seed torch's generator, and those of devices if ``devices``.

    Where there are none, ``torch.manual_seed`` notes the seed and the stack for a GPU that may come: a millisecond.
    """
    torch.default_generator.manual_seed(seed)
    if devices and torch.accelerator.is_available():
        torch.manual_seed(seed)


@contextmanager
def preserve_rng(seed: int | None = None, devices: bool = True) -> Iterator[None]:
    """Restore the random number generators after the block; inside it, start from ``seed`` if given.

    Args:
        seed: seed of all generators.
        devices: also seed and restore those of CUDA devices.
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if devices and torch.cuda.is_available() else None
    if seed is not None:
        seed_all(seed, devices)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
