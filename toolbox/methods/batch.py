"""The named tensors of one training step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from ..errors import ConfigError, did_you_mean


class Batch:
    """Tensors that share dimension 0, by name: ``b.A`` is ``(N, C, H, W)`` in [-1, 1].

    What a method computes once and uses in several phases is stored the same way: ``b.fake_B = self.G_AB(b.A)``.

    What is no single tensor, such as the features of several layers, is kept in ``b.kept``, a dict, as long as its
    graph.

    Args:
        tensors: name -> tensor; all of the same length.
        meta: one dict per sample (file paths, original sizes).
    """

    _tensors: dict[str, Tensor]
    meta: list[dict[str, Any]]
    kept: dict[str, Any]

    def __init__(self, tensors: dict[str, Tensor], meta: Iterable[dict[str, Any]] | None = None) -> None:
        lengths = {len(t) for t in tensors.values()}
        assert len(lengths) == 1, f'a batch holds tensors of one length, found {lengths}'
        size = lengths.pop()
        vars(self).update(_tensors=dict(tensors), meta=list(meta) if meta is not None else [{}] * size,
                          kept={})

    def __len__(self) -> int:
        return len(next(iter(self._tensors.values())))

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getattr__(self, name: str) -> Tensor:
        tensors = vars(self).get('_tensors', {})
        if name in tensors:
            return tensors[name]
        if name.startswith('__'):
            raise AttributeError(name)
        raise ConfigError(f'the batch holds no {name!r}; the method needs it from the dataset.'
                          f'{did_you_mean(name, tensors)}')

    def __getitem__(self, name: str) -> Tensor:
        return getattr(self, name)

    def __setattr__(self, name: str, value: Tensor) -> None:
        self._tensors[name] = value

    def items(self) -> Iterable[tuple[str, Tensor]]:
        return self._tensors.items()

    def split(self, parts: int) -> list[Batch]:
        """``parts`` batches of equal length, in order.

        Raises:
            ConfigError: the length is not a multiple of ``parts``.
        """
        if parts == 1:
            return [self]
        if len(self) % parts:
            raise ConfigError(f'model.accumulate: a batch of {len(self)} cannot be split into {parts} equal parts; '
                              f'choose train_dataloader.batch_size as a multiple of {parts}.')
        size = len(self) // parts
        return [Batch({k: t[i:i + size] for k, t in self._tensors.items()}, self.meta[i:i + size])
                for i in range(0, len(self), size)]

    def detach_(self) -> None:
        """Drop the graphs of all stored tensors, and what is kept as long as they are."""
        self.kept.clear()
        self._tensors.update({k: t.detach() for k, t in self._tensors.items()})
