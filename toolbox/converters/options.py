"""The files of an official run of pix2pixHD or SPADE: its networks, and the text file with its options."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from ..errors import CheckpointError

FILE = re.compile(r'(?P<epoch>.+)_net_(?P<net>[GDE])\.pth')
LINE = re.compile(r'\s*(\w+): (.*?)\s*(\t\[default: .*\])?')


def files_of_epoch(folder: Path, epoch: str) -> dict[str, Path]:
    """Official network -> file of one epoch, the generator among them.

    Raises:
        CheckpointError: there is no such generator; lists the epochs that are there.
    """
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    matches = [m for path in paths if (m := FILE.fullmatch(path.name))]
    found = {m['net']: folder / m[0] for m in matches if m['epoch'] == epoch}
    if 'G' not in found:
        epochs = ', '.join(sorted({m['epoch'] for m in matches if m['net'] == 'G'})) or 'none'
        raise CheckpointError(f'{folder}: holds no {epoch}_net_G.pth. Epochs in this folder: {epochs}.')
    return found


def read_options(folder: Path) -> dict[str, Any]:
    """What ``opt.txt`` in a folder says, by name; ``opt.pkl``, which may run code, is never read.

    Raises:
        CheckpointError: there is no such file, or it cannot be read; says why it is needed.
    """
    path = folder / 'opt.txt'
    try:
        lines = path.read_text('utf-8').splitlines()
    except (OSError, UnicodeError) as error:
        reason = 'is not there' if isinstance(error, FileNotFoundError) else f'cannot be read ({error})'
        raise CheckpointError(f'{path}: {reason}. The weights do not tell labels and depth: the authors\' code writes '
                              'this file beside them; put it there.') from error
    found = (LINE.fullmatch(line) for line in lines)
    return {match[1]: _value(match[2]) for match in found if match}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
