"""Whether weights fit a network and can be used, with a readable message if not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from ..errors import CheckpointError, UserError

SHOWN = 10


def check_fit(expected: Mapping[str, Any], state: Mapping[str, Any], title: str, source: str, optional: str) -> None:
    """Compare the keys, shapes and kinds of number of ``state`` with those of a network.

    Args:
        expected: state dict of the network.
        state: what would be loaded into it.
        title: first line of the message.
        source: where ``state`` comes from.
        optional: suffix of keys that may be missing and have no shape to compare.

    Raises:
        CheckpointError: they differ; lists the keys that are missing, unexpected, or of another shape or kind.
    """
    required = {key for key in expected if not key.endswith(optional)}
    shapes = [f'{key}: {tuple(state[key].shape)} in {source}, {tuple(expected[key].shape)} in the model'
              for key in sorted(required & set(state)) if state[key].shape != expected[key].shape]
    kinds = [f'{key}: {state[key].dtype} in {source}, {expected[key].dtype} in the model'
             for key in sorted(required & set(state))
             if state[key].is_floating_point() != expected[key].is_floating_point()]
    problems = [*_listed(f'missing in {source}', sorted(required - set(state))),
                *_listed(f'unexpected in {source}', sorted(set(state) - set(expected))),
                *_listed('of another shape', shapes),
                *_listed('of another kind of number', kinds)]
    if problems:
        raise CheckpointError('\n'.join([title, *problems]))


def all_finite(tensor: Tensor) -> bool:
    """Whether all numbers are finite; that they are, their sum mostly tells, in a tenth of the time."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def require_finite(state: Mapping[str, Any], names: Collection[str], source: str) -> None:
    """Refuse weights with which results would be NaN.

    Args:
        state: weights by name.
        names: of those that must be finite; others (a mask of ``-inf``) may be anything.
        source: where they come from.

    Raises:
        CheckpointError: lists the names.
    """
    bad = [name for name in sorted(names) if isinstance(state.get(name), Tensor) and not all_finite(state[name])]
    if bad:
        raise CheckpointError('\n'.join([f'{source}: with these weights, every result would be NaN:',
                                         *_listed('NaN or infinite', bad)]))


@contextmanager
def loading(what: str) -> Iterator[None]:
    """State that its owner cannot take, in whatever way it says so, is an error of the file that holds ``what``."""
    try:
        yield
    except UserError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f'{what} cannot be used: {type(error).__name__}: {error}') from error


def _listed(title: str, entries: list[str]) -> list[str]:
    if not entries:
        return []
    more = [f'    ... and {len(entries) - SHOWN} more'] if len(entries) > SHOWN else []
    return [f'  {len(entries)} {title}:', *(f'    {entry}' for entry in entries[:SHOWN]), *more]
