"""Weights in the safetensors format: named tensors only, with the config as JSON text in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import CheckpointError
from .replacing import replacing
from .structure import refuse_tricks

SUFFIX = '.safetensors'
EXTRA = 'extra_state'  # entry for non-tensor state, by its keys in the state dict


def write_tensor_file(path: Path, weights: Mapping[str, Tensor], **entries: Any) -> None:
    """Write ``weights``, and ``entries`` (plain data) as metadata; ``path`` is never half written.

    Raises:
        CheckpointError: it cannot be written, on a full disk for example.
    """
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    metadata = {key: json.dumps(value) for key, value in entries.items()}
    with replacing(path) as new:
        try:
            save_file(tensors, new, metadata)
        except SafetensorError as error:  # its words say which: "I/O error: No space left on device"
            raise CheckpointError(f'{path}: cannot be written: {error}') from error


def read_tensor_file(path: Path, numbers: bool = True) -> dict[str, Any]:
    """A dict like a checkpoint: ``state_dict`` (without tensors unless ``numbers``) and the entries given to
    :func:`write_tensor_file`.

    Raises:
        CheckpointError: the file is damaged, or was not written by this toolbox.
    """
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys() if numbers}  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f'{path} ({path.stat().st_size} bytes): damaged, or not a safetensors file: {error}'
                              ) from error
    if 'toolbox' not in metadata:
        raise CheckpointError(f'{path}: its metadata has no entry {"toolbox"!r}, so this toolbox did not write it. '
                              'To write such a file from a run: toolbox export.')
    entries = {key: _plain(text, key, path) for key, text in metadata.items()}
    extra = entries.pop(EXTRA, {})
    if not isinstance(extra, dict):
        raise CheckpointError(f'{path}: {EXTRA!r} is {type(extra).__name__}, expected a dict.')
    content = {**entries, 'state_dict': {**extra, **weights}}
    refuse_tricks(content, path)
    return content


def _plain(text: str, key: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'{path}: the entry {key!r} of its metadata is not JSON: {error}') from error
