"""Class labels as an input of generators and discriminators."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError


def one_hot(label: Tensor | None, classes: int, like: Tensor, net: str) -> Tensor:
    """``(N, classes)`` with the dtype and device of ``like``, from labels ``(N,)``.

    Raises:
        ConfigError: ``label`` is None.
    """
    if label is None:
        raise ConfigError(f'{net} has classes={classes} and expects (input, label), found no label.')
    return F.one_hot(label, classes).to(like)


class LinearReLU(nn.Sequential):
    """``relu(linear(x))``."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(nn.Linear(in_features, out_features), nn.ReLU())


class LabelledVector(nn.Module):
    """Concatenates a vector and the one-hot label, each optionally through a layer of its own first.

    Args:
        features: length of the vector.
        classes: number of classes; 0: the vector passes unchanged.
        branches: widths of the two layers (Mirza and Osindero 2014: 200 for z and 1000 for the label); None: no layers.
        layer: builds a layer from its input and output widths.

    Attributes:
        out_features: length of the result.
    """

    def __init__(self, features: int, classes: int = 0, branches: tuple[int, int] | None = None,
                 layer: Callable[[int, int], nn.Module] = LinearReLU) -> None:
        super().__init__()
        if branches is not None and not classes:
            raise ConfigError(f'branches: two widths, for classes > 0; found {branches!r} and classes={classes}.')
        self.classes = classes
        self.out_features = sum(branches) if branches else features + classes
        self.vector = layer(features, branches[0]) if branches else nn.Identity()
        self.label = layer(classes, branches[1]) if branches else nn.Identity()

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        if not self.classes:
            return x
        return torch.cat([self.vector(x), self.label(one_hot(label, self.classes, x, type(self).__name__))], 1)


def label_maps(x: Tensor, label: Tensor | None, classes: int, net: str) -> Tensor:
    """Images ``(N, C, H, W)`` with the one-hot label as ``classes`` further constant channels."""
    maps = one_hot(label, classes, x, net)[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, maps], 1)


def pick(outputs: Tensor, y: Tensor) -> Tensor:
    """Select from ``(N, domains, ...)`` the output of each sample's domain ``y`` ``(N,)``."""
    if y.shape != outputs.shape[:1]:
        raise ConfigError(f'expected one domain per image, i.e. {(len(outputs),)}, found {tuple(y.shape)}.')
    return outputs[torch.arange(len(y), device=y.device), y]
