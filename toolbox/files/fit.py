"""Whether weights fit a network, with a readable message if not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import CheckpointError

SHOWN = 10


def check_fit(expected: Mapping[str, Any], state: Mapping[str, Any], title: str, source: str, optional: str) -> None:
    """Compare the keys and shapes of ``state`` with those of a network.

    Args:
        expected: state dict of the network.
        state: what would be loaded into it.
        title: first line of the message.
        source: where ``state`` comes from.
        optional: suffix of keys that may be missing and have no shape to compare.

    Raises:
        CheckpointError: they differ; lists the keys that are missing, unexpected, or of another shape.
    """
    required = {key for key in expected if not key.endswith(optional)}
    shapes = [f'{key}: {tuple(state[key].shape)} in {source}, {tuple(expected[key].shape)} in the model'
              for key in sorted(required & set(state)) if state[key].shape != expected[key].shape]
    problems = [*_listed(f'missing in {source}', sorted(required - set(state))),
                *_listed(f'unexpected in {source}', sorted(set(state) - set(expected))),
                *_listed('of another shape', shapes)]
    if problems:
        raise CheckpointError('\n'.join([title, *problems]))


def _listed(title: str, entries: list[str]) -> list[str]:
    if not entries:
        return []
    more = [f'    ... and {len(entries) - SHOWN} more'] if len(entries) > SHOWN else []
    return [f'  {len(entries)} {title}:', *(f'    {entry}' for entry in entries[:SHOWN]), *more]
