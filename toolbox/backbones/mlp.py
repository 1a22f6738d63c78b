"""Networks of fully connected layers: the generator of the first GANs, and the encoder and decoder of the VAE paper."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ..checks import require_image
from ..layers.conditions import LabelledVector, LinearReLU
from ..registry import BACKBONES, Count, Depth, Natural

ACTIVATIONS = {'tanh': torch.tanh, 'none': lambda x: x}
Activation = Literal['tanh', 'none']


def hidden_layers(features: int, hidden: int, layers: int) -> nn.Sequential:
    """``layers`` linear layers of width ``hidden``, each with ReLU."""
    sizes = [features] + [hidden] * layers
    return nn.Sequential(*(LinearReLU(a, b) for a, b in pairwise(sizes)))


@BACKBONES.register_module()
class MLPGenerator(nn.Module):
    """Hidden layers with ReLU, then one value per pixel: z ``(N, z_dim)`` to images ``(N, out_channels, size, size)``.

    Goodfellow et al. 2014 for MNIST: z 100, two hidden layers of 1200, sigmoid output. Images here are in [-1, 1], so
    the output is ``tanh(x) = 2 sigmoid(2x) - 1``.

    Args:
        z_dim: length of z.
        out_channels: channels of the images.
        size: side of the images. (Points are images of one pixel.)
        hidden: width of the hidden layers.
        layers: number of hidden layers.
        activation: output activation, 'tanh' or 'none'.
        classes: number of classes of the label input; 0: no labels.
        branches: widths of separate first layers for z and the label, see
            :class:`~toolbox.layers.conditions.LabelledVector`.
    """

    def __init__(self, z_dim: Count = 100, out_channels: Count = 1, size: Count = 28, hidden: Count = 1200,
                 layers: Depth = 2, activation: Activation = 'tanh', classes: Natural = 0,
                 branches: tuple[Count, Count] | None = None) -> None:
        super().__init__()
        self.z_dim, self.out_channels, self.size = z_dim, out_channels, size
        self.activation, self.classes = activation, classes
        self.inputs = LabelledVector(z_dim, classes, branches)
        self.body = hidden_layers(self.inputs.out_features, hidden, layers)
        self.head = nn.Linear(hidden, out_channels * size * size)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.head(self.body(self.inputs(z, label)))
        return ACTIVATIONS[self.activation](x.view(-1, self.out_channels, self.size, self.size))


@BACKBONES.register_module()
class MLPEncoder(nn.Module):
    """Hidden layers with ReLU from images ``(N, in_channels, size, size)`` to ``(N, features)``.

    Args:
        in_channels: channels of the images.
        size: side of the images.
        features: outputs per image.
        hidden: width of the hidden layers.
        layers: number of hidden layers.
    """

    def __init__(self, in_channels: Count = 1, size: Count = 28, features: Count = 40, hidden: Count = 400,
                 layers: Depth = 1) -> None:
        super().__init__()
        self.in_channels, self.size, self.features = in_channels, size, features
        self.body = hidden_layers(in_channels * size * size, hidden, layers)
        self.head = nn.Linear(hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size, type(self).__name__, exactly=True)
        return self.head(self.body(x.flatten(1)))
