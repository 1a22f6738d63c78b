"""A toolbox of generative adversarial networks for image translation and generation."""

from __future__ import annotations

from typing import Any

from .moved import install as _understand_old_paths
from .version import __version__

_understand_old_paths()

__all__ = ['Sampler', 'Translator', '__version__', 'train']


def __getattr__(name: str) -> Any:
    # Imported on first use: `import toolbox` itself takes milliseconds and needs no torch.
    if name == 'Translator':
        from .use.translator import Translator
        return Translator
    if name == 'Sampler':
        from .use.sampler import Sampler
        return Sampler
    if name == 'train':
        from .use.training import train
        return train
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
