"""Several updates that go back through one graph, as torch before 1.5 allowed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mmengine.dist import is_distributed
from torch.autograd.graph import saved_tensors_hooks

from ..errors import ConfigError


@contextlib.contextmanager
def late_weights(on: bool) -> Iterator[None]:
    """Inside, graphs are made that go back through weights as they are then, and not as they were."""
    if not on:
        yield
        return
    with saved_tensors_hooks(lambda x: x, lambda x: x):  # with hooks, torch does not compare versions
        yield


def check_one_graph(accumulate: int) -> None:
    """Raises:
        ConfigError: one graph cannot serve several processes or the parts of a batch.
    """
    if accumulate > 1 or is_distributed():
        raise ConfigError('model.legacy: several updates share one graph, which needs one process and '
                          f'model.accumulate=1, found accumulate={accumulate}. Remove it.')
