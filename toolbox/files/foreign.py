"""Reading foreign weight files safely."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from .torch_file import read_torch_file


def load_state_dict(path: Path, within: Sequence[str] = ()) -> dict[str, Tensor]:
    """A plain state dict on the CPU; nothing in the file is executed.

    Args:
        path: of the file.
        within: names under which a file may hold the state dict among other things; the first that is there.

    Raises:
        CheckpointError: the file cannot be read, would run code, or holds no state dict.
    """
    state = read_torch_file(path)
    if isinstance(state, dict):
        state = next((state[name] for name in within if _is_state_dict(state.get(name))), state)
    if not _is_state_dict(state):
        raise CheckpointError(f'{path}: expected a plain state dict, i.e. named tensors; found'
                              f' {_describe(state)}.')
    return dict(state)


def load_state_dicts(path: Path, names: Collection[str],
                     optional: Collection[str] = ()) -> dict[str, dict[str, Tensor]]:
    """One state dict per name; ``optional`` ones may be missing. Otherwise like :func:`load_state_dict`."""
    states = read_torch_file(path)
    required = [name for name in names if name not in optional]
    if not isinstance(states, dict) or not all(_is_state_dict(states.get(name)) for name in required):
        raise CheckpointError(f'{path}: expected state dicts of {", ".join(required)}; found {_describe(states)}.')
    return {name: dict(states[name]) for name in (*required, *optional) if _is_state_dict(states.get(name))}


def _is_state_dict(state: Any) -> bool:
    return isinstance(state, dict) and bool(state) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items())


def _describe(content: Any) -> str:
    if not isinstance(content, dict):
        return f'a {type(content).__name__}'
    return f'a dict with {", ".join(f"{k!r} ({type(v).__name__})" for k, v in list(content.items())[:3]) or "nothing"}'
