"""The discriminator of the first GANs."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..layers.conditions import LabelledVector
from ..registry import DISCRIMINATORS, Count, Depth, Fraction, Natural


class MaxoutLinear(nn.Module):
    """The largest of ``pieces`` linear functions per output (Goodfellow et al. 2013)."""

    def __init__(self, in_features: int, out_features: int, pieces: int) -> None:
        super().__init__()
        self.linear, self.pieces = nn.Linear(in_features, out_features * pieces), pieces

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(2)


class LeakyLinear(nn.Module):
    """``leaky_relu(linear(x), 0.2)``."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.linear(x), 0.2)


@DISCRIMINATORS.register_module()
class MLPDiscriminator(nn.Module):
    """Fully connected layers from images ``(N, in_channels, size, size)`` to one logit each, ``(N, 1)``.

    Goodfellow et al. 2014 for MNIST: two maxout layers of 240 with 5 pieces, dropout 0.2 at the input, then 0.5.

    Args:
        in_channels: channels of the images.
        size: side of the images. (Points are images of one pixel.)
        hidden: width of the hidden layers.
        layers: number of hidden layers.
        activation: 'maxout' or 'leaky_relu' (slope 0.2).
        pieces: linear functions per maxout unit.
        input_dropout: dropout probability of the input.
        dropout: dropout probability of the hidden units.
        classes: number of classes of the label input; 0: no labels.
        branches: widths of separate first layers for the image and the label, see
            :class:`~toolbox.layers.conditions.LabelledVector`.
    """

    def __init__(self, in_channels: Count = 1, size: Count = 28, hidden: Count = 240, layers: Depth = 2,
                 activation: Literal['maxout', 'leaky_relu'] = 'maxout', pieces: Count = 5,
                 input_dropout: Fraction = 0.0, dropout: Fraction = 0.0, classes: Natural = 0,
                 branches: tuple[Count, Count] | None = None) -> None:
        super().__init__()
        self.in_channels, self.size, self.classes = in_channels, size, classes
        layer = LeakyLinear if activation == 'leaky_relu' else partial(MaxoutLinear, pieces=pieces)
        self.inputs = LabelledVector(in_channels * size * size, classes, branches, layer)
        self.input_dropout = nn.Dropout(input_dropout)
        self.body = nn.Sequential()
        for features in [self.inputs.out_features] + [hidden] * (layers - 1):
            self.body.extend([layer(features, hidden), nn.Dropout(dropout)])
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        require_image(x, self.in_channels, self.size, type(self).__name__, exactly=True)
        return self.head(self.body(self.inputs(self.input_dropout(x.flatten(1)), label)))
