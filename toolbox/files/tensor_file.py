"""Weights in the safetensors format: nothing but named tensors, and the config as JSON text in the file's metadata."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError, UserError

SUFFIX = '.safetensors'


def write_tensor_file(path: Path, weights: Mapping[str, Tensor], **entries: Any) -> None:
    """Write ``weights``, and ``entries`` (plain data) as metadata; ``path`` is never half written.

    Raises:
        UserError: the package safetensors is missing.
    """
    package = _package()
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    metadata = {key: json.dumps(value) for key, value in entries.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f'.{path.name}.') as folder:
        package.torch.save_file(tensors, Path(folder, path.name), metadata)
        os.replace(Path(folder, path.name), path)


def read_tensor_file(path: Path) -> dict[str, Any]:
    """A dict such as a checkpoint is: ``state_dict`` and the entries that :func:`write_tensor_file` was given.

    Raises:
        CheckpointError: the file is damaged, or was not written by this toolbox.
        UserError: the package safetensors is missing.
    """
    package = _package()
    try:
        with package.safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
    except (package.SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f'{path} ({path.stat().st_size} bytes): damaged, or no safetensors file: {error}') from error
    if 'toolbox' not in metadata:
        raise CheckpointError(f'{path}: its metadata has no entry {"toolbox"!r}, so this toolbox did not write it. '
                              'toolbox export writes such files from a run.')
    return {**{key: _plain(text, key, path) for key, text in metadata.items()}, 'state_dict': weights}


def _plain(text: str, key: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'{path}: the entry {key!r} of its metadata is no JSON: {error}') from error


def _package() -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise UserError(f'files of the kind {SUFFIX} need a further package. Type: pip install safetensors') from error
    return safetensors
