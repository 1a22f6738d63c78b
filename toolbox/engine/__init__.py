"""Training and testing."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ['Runner', 'evaluation', 'loops', 'optim', 'schedules']


def __getattr__(name: str) -> Any:
    # Imported on first use: who translates takes a few functions from this room, and needs no Runner of MMEngine.
    if name == 'Runner':
        from .runner import Runner
        return Runner
    if name in __all__:
        return importlib.import_module(f'.{name}', __name__)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
