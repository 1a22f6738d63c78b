"""What methods ask of their networks and optimisers, as types: nothing has to derive from these classes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

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


class ContentEncoder(nn.Module):
    """A network that turns images into maps of codes, ``size_divisor`` times smaller."""

    in_channels: int
    content_channels: int
    size_divisor: int


class ContentDecoder(nn.Module):
    """A network that turns maps of codes into images, ``scale`` times larger."""

    content_channels: int
    out_channels: int
    scale: int


class StyleEncoder(nn.Module):
    """A network that turns images into styles."""

    in_channels: int
    style: int


class StyledDecoder(ContentDecoder):
    """One that takes a style, too."""

    style: int


class MappingNetwork(nn.Module):
    """A network that turns codes into styles."""

    latent: int
    style: int


class SizedNetwork(nn.Module):
    """A network that takes squares of one side only."""

    size: int


class TwoDomains(nn.Module):
    """A network for images of the domains 'A' and 'B', whose numbers of channels may differ."""

    channels: dict[str, int]


class SharedContentEncoder(TwoDomains):
    """``content(images, domain)``: a map for each image, of which both domains have the same kind."""

    content_channels: int
    size_divisor: int


class SharedAttributeEncoder(TwoDomains):
    """``attribute(images, domain)``: a code for each image, or the mean of one and the logarithm of its variance."""

    style: int
    variational: bool


class SharedDecoder(TwoDomains):
    """``G(contents, codes, domain)``: images of a domain, ``scale`` times larger."""

    content_channels: int
    scale: int
    style: int


class PhaseOptimizer(Protocol):
    """The optimiser of a phase; :class:`toolbox.engine.optim.PhaseOptimizer` is one."""

    grad_norm: Tensor | None

    def zero_grad(self) -> None: ...

    def autocast(self) -> AbstractContextManager[None]: ...

    def backward(self, loss: Tensor, **kwargs: Any) -> None: ...

    def step(self) -> None: ...


class Optimizers(Protocol):
    """The optimisers of a method, by the names in its schedule."""

    def __getitem__(self, key: str) -> PhaseOptimizer: ...
