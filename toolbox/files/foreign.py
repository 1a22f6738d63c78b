"""Reading foreign weight files safely."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from .checkpoint import refuse_other_files


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """A plain state dict on the CPU; nothing in the file is executed.

    Raises:
        CheckpointError: the file cannot be read, would run code, or holds more than named tensors.
    """
    state = _load(path)
    if not _is_state_dict(state):
        raise CheckpointError(f'{path}: expected a plain state dict, i.e. named tensors; found'
                              f' {_describe(state)}.')
    return dict(state)


def load_state_dicts(path: Path, names: Collection[str],
                     optional: Collection[str] = ()) -> dict[str, dict[str, Tensor]]:
    """One state dict per name; ``optional`` ones may be missing. Otherwise like :func:`load_state_dict`."""
    states = _load(path)
    required = [name for name in names if name not in optional]
    if not isinstance(states, dict) or not all(_is_state_dict(states.get(name)) for name in required):
        raise CheckpointError(f'{path}: expected state dicts of {", ".join(required)}; found {_describe(states)}.')
    return {name: dict(states[name]) for name in (*required, *optional) if _is_state_dict(states.get(name))}


def _is_state_dict(state: Any) -> bool:
    return isinstance(state, dict) and bool(state) and all(isinstance(value, Tensor) for value in state.values())


def _load(path: Path) -> Any:
    try:
        refuse_other_files(path)
        return torch.load(path, map_location='cpu', weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # torch raises many kinds for a damaged or foreign file
        code = re.search(r'nsupported (?i:global|class).*?(?=\. Please|\.? *$)', str(error), re.MULTILINE)
        if code is None:
            raise CheckpointError(f'{path}: not a readable weight file ({_first_line(error)}).') from error
        raise CheckpointError(
            f'{path}: refused: it holds more than weights, and reading it could run foreign code'
            f' (u{code[0]}). Save only net.state_dict() with the program that wrote it.') from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _describe(content: Any) -> str:
    if not isinstance(content, dict):
        return f'a {type(content).__name__}'
    return f'a dict with {", ".join(f"{k!r} ({type(v).__name__})" for k, v in list(content.items())[:3]) or "nothing"}'
