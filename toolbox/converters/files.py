"""Reading foreign weight files safely, and writing ours in one piece."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """A plain state dict on the CPU; nothing in the file is executed.

    Raises:
        CheckpointError: the file cannot be read, would run code, or holds anything but named tensors.
    """
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f'{path}: refused, because it holds more than weights, and reading it could run foreign code ({reason}).'
            ' Save net.state_dict() alone with the program that wrote it.') from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointError(f'{path}: not a readable weight file ({error}).') from error
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f'{path}: expected a plain state dict, i.e. names with tensors; found'
                              f' {_describe(state)}.')
    return dict(state)


def _describe(content: Any) -> str:
    if not isinstance(content, dict):
        return f'a {type(content).__name__}'
    return f'a dict with {", ".join(f"{k!r} ({type(v).__name__})" for k, v in list(content.items())[:3]) or "nothing"}'


def save_atomically(content: dict[str, Any], path: Path) -> None:
    """Write a file that is either complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    os.close(handle)
    try:
        torch.save(content, temporary)
        os.chmod(temporary, 0o644)  # mkstemp makes it readable by its owner alone
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
