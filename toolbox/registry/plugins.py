"""User modules that register parts when they are imported."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Sequence


def import_plugins(names: str | Sequence[str]) -> list[str]:
    """Import modules that the user trusts; returns a message, with a remedy, for each that cannot be imported."""
    return [message for name in ([names] if isinstance(names, str) else names) if (message := _import(name))]


def _import(name: str) -> str:
    try:
        importlib.import_module(name)
    except Exception as error:  # a plugin is the user's own code: anything may fail
        return _failure(name, error)
    return ''


def _failure(name: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and f'{name}.'.startswith(f'{error.name}.'):
        return (f'cannot import {name!r}: {error}. Python looks for it in the folders on PYTHONPATH: put '
                f'PYTHONPATH=folder before the command, with the folder that holds {name.split(".")[0]}.')
    if isinstance(error, SyntaxError):
        file, line = error.filename, error.lineno
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        file, line = last.filename, last.lineno
    return f'{name!r} fails when it is imported ({file}, line {line}): {type(error).__name__}: {error}'
