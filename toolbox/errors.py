"""Errors that the user can fix. The command line prints them without a traceback; everything else is a bug."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in the user's input; the message says where, what was found, what is allowed and how to fix it."""


class ConfigError(UserError):
    """A config (or a command line option) is wrong."""


class DataError(UserError):
    """A file or folder is missing, unreadable or of the wrong kind; the message names it."""


class CheckpointError(UserError):
    """A checkpoint cannot be read or does not fit the model."""


class TrainingError(UserError):
    """Training produced non-finite numbers; every process raises this with the same message."""


class Interrupted(KeyboardInterrupt):
    """A signal stopped training after an iteration, and all is saved; the message says how to resume."""


def shown(value: object, most: int = 200) -> str:
    """``repr(value)`` for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= most else f'{text[:most]} ... ({len(text)} characters)'


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``" Did you mean 'x'? Known: ..."`` for a mistyped name, nearest match first."""
    known = sorted({str(k) for k in known})
    return f"{nearest(name, known)} Known: {', '.join(known) or 'none'}."


def nearest(name: object, known: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for a mistyped name, or an empty string if nothing is close."""
    by_lower = {k.lower(): k for k in sorted(known, reverse=True)}
    near = difflib.get_close_matches(str(name).lower(), by_lower, n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(by_lower[n]) for n in near)}?" if near else ''
