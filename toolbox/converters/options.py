"""The options of an official run, from the text file beside its networks."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from ..errors import CheckpointError

LINE = re.compile(r'\s*(\w+): (.*?)\s*(\t\[default: .*\])?')


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
