"""What methods ask of their networks and optimisers, as types: nothing has to derive from these classes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from torch import Tensor, nn


class ImageNetwork(nn.Module):
    """A network that turns images into images."""

    in_channels: int
    out_channels: int


class ScaleNetwork(ImageNetwork):
    """One generator for each scale of an image, called with the number of the scale."""

    padding: int


class EnlargingNetwork(ImageNetwork):
    """One whose images are a multiple of the size of its input."""

    scale: int


class Decoder(nn.Module):
    """A network that turns codes, with labels where it has classes, into images."""

    z_dim: int
    classes: int
    out_channels: int


class MappingNetwork(nn.Module):
    """A network that turns codes into styles."""

    latent: int
    style: int


class SizedNetwork(nn.Module):
    """A network that takes squares of one side only."""

    size: int


class PhaseOptimizer(Protocol):
    """The optimiser of a phase; :class:`toolbox.engine.optim.PhaseOptimizer` is one."""

    grad_norm: Tensor | None

    def zero_grad(self) -> None: ...

    def autocast(self) -> AbstractContextManager[None]: ...

    def backward(self, loss: Tensor) -> None: ...

    def step(self) -> None: ...


class Optimizers(Protocol):
    """The optimisers of a method, by the names in its schedule."""

    def __getitem__(self, key: str) -> PhaseOptimizer: ...
