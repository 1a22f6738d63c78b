"""Checkpoints as plain data: loaded with ``weights_only=True``, written atomically, for any number of processes.

A checkpoint is a dict with ``toolbox`` (version), ``config`` (plain dict), ``meta`` (iteration, epoch, samples, seed,
time), ``state_dict`` (keys without wrappers), and if training can resume from it ``optimizers``, ``schedulers``,
``ranks`` (random states of each process; image pools of all but the first are in files beside, which it identifies),
``history`` (scores of all validations) and the hooks' own entries (``ema``, ``best``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..version import __version__
from .fit import all_finite
from .forms import refuse_other_forms
from .rank_files import NAMES, remove_orphans, require_rank_files
from .replacing import remove_unfinished, replacing
from .strangers import read_text
from .tensor_file import SUFFIX, read_tensor_file
from .torch_file import read_torch_file

POINTER = 'last_checkpoint'


def write_checkpoint(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write ``path`` atomically: it is never half written, even after a crash.

    Raises:
        OSError: the file system is full, read-only or gone; an existing file stays intact.
    """
    with replacing(Path(path), durable=True) as new, new.open('wb') as file:
        try:
            torch.save({'toolbox': __version__, **checkpoint}, file)
        except RuntimeError as error:  # what torch turns a failed write into
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


class NotFiniteError(CheckpointError):
    """A value to be saved is NaN or infinite."""


def refuse_not_finite(checkpoint: Mapping[str, Any], parameters: Iterable[str]) -> None:
    """Refuse to save a state that training cannot continue from.

    Args:
        checkpoint: its ``state_dict``, ``ema`` and ``optimizers`` are checked.
        parameters: names in ``state_dict`` that must be finite; others (a mask of ``-inf``) must just not be NaN.

    Raises:
        NotFiniteError: names the first bad entry.
    """
    parameters = set(parameters)
    for name, value in checkpoint.get('state_dict', {}).items():
        if name in parameters and not all_finite(value):
            raise NotFiniteError(f'the weights {name} are not finite')
    for entry in ('state_dict', 'ema', 'optimizers'):
        for name, value in tensors_in(checkpoint.get(entry), entry):
            if not all_finite(value) and value.isnan().any():
                raise NotFiniteError(f'{name} is NaN')


def tensors_in(node: Any, where: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors in dicts and lists, with the way to each from ``where`` on."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in items:
        if isinstance(value, Tensor):
            yield f'{where}.{key}', value
        else:
            yield from tensors_in(value, f'{where}.{key}')


def remove_leftovers(work_dir: str | Path) -> None:
    """Remove what writers that were killed have left: temporary files, and files of a checkpoint that is not there."""
    remove_unfinished(Path(work_dir), rf'.+\.pth({NAMES})?|{POINTER}')
    remove_orphans(Path(work_dir))


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a checkpoint onto the CPU without executing anything in it; its entries have the forms of a checkpoint.

    Raises:
        CheckpointError: the file is missing, damaged, not a checkpoint of this toolbox, or has an entry of another
            form or with NaN; names the file and the entry.
    """
    checkpoint = _read(Path(path))
    refuse_other_forms(checkpoint, Path(path))
    return checkpoint


def read_description(path: str | Path) -> dict[str, Any]:
    """What a checkpoint says about its run (``config``, ``meta``, ``facts``), without reading its tensors.

    The file is not verified: whoever goes on to use it reads it as a whole, once.

    Raises:
        CheckpointError: as :func:`read_checkpoint`, as far as it shows.
    """
    checkpoint = _read(Path(path), numbers=False)
    described: dict[str, Any] = {key: checkpoint[key] for key in ('config', 'meta', 'facts') if key in checkpoint}
    refuse_other_forms(described, Path(path))
    return described


def _read(path: Path, numbers: bool = True) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f'{path}: no such checkpoint.')
    checkpoint = (read_tensor_file if path.suffix == SUFFIX else read_torch_file)(path, numbers)
    if not isinstance(checkpoint, dict) or 'toolbox' not in checkpoint:
        raise CheckpointError(f"{path}: not written by this toolbox. To convert weights of the authors' code: "
                              f'toolbox convert FAMILY {path} DESTINATION.')
    return checkpoint


def checkpoints(work_dir: str | Path) -> list[Path]:
    """The ``iter_*.pth`` that training in ``work_dir`` may resume from, first choice first.

    The list starts at the one in ``last_checkpoint`` and goes back in time. Later ones, if any, were abandoned by going
    back to an earlier checkpoint. Without a usable pointer, all are listed.
    """
    found = {int(p.stem[5:]): p for p in Path(work_dir).glob('iter_*.pth') if p.stem[5:].isdecimal()}
    newest_first = [found[number] for number in sorted(found, reverse=True)]
    try:
        pointer = read_text(Path(work_dir, POINTER), 4096, Path(work_dir))
    except OSError:
        pointer = ''
    named = re.fullmatch(r'iter_(\d+)\.pth', Path(pointer.strip()).name)
    if named:
        return [p for p in newest_first if int(p.stem[5:]) <= int(named[1])] or newest_first
    return newest_first


def newest_checkpoint(work_dir: str | Path) -> Path | None:
    """The first of :func:`checkpoints`, or None before the first one is written."""
    return next(iter(checkpoints(work_dir)), None)


def newest_intact(work_dir: str | Path, processes: int = 1
                  ) -> tuple[Path | None, list[CheckpointError], dict[str, Any]]:
    """The newest checkpoint that so many processes can go on from, what is wrong with each newer one, and its content.

    Raises:
        CheckpointError: there are checkpoints, and every one of them is damaged.
    """
    problems: list[CheckpointError] = []
    for path in checkpoints(work_dir):
        try:
            checkpoint = read_checkpoint(path)
            if len(checkpoint.get('ranks', ())) == processes:
                require_rank_files(path, checkpoint)
            return path, problems, checkpoint
        except CheckpointError as error:
            problems.append(error)
    if problems:
        raise CheckpointError(f'{work_dir}: no checkpoint can be read, so training cannot continue:\n'
                              + '\n'.join(f'  {problem}' for problem in problems)
                              + '\nTo start over, pass another --work-dir.')
    return None, [], {}


def point_to(path: Path) -> None:
    """Make ``path`` the current checkpoint of its folder."""
    with replacing(path.parent / POINTER, durable=True) as new:
        new.write_text(path.name)
