"""The folder for what can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = 'TOOLBOX_CACHE'


def cache_dir() -> Path:
    """``$TOOLBOX_CACHE``, else ``~/.cache/gan-toolbox``."""
    return Path(os.environ.get(CACHE) or Path.home() / '.cache' / 'gan-toolbox').expanduser()
