"""Networks of fully connected layers: the generator of the first GANs, and the coders of the VAE paper."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..checks import require_at_least, require_choice, require_image
from ..layers.conditions import LabelledVector, LinearReLU
from ..registry import BACKBONES

ACTIVATIONS = {'tanh': torch.tanh, 'none': lambda x: x}


def hidden_layers(features: int, hidden: int, layers: int) -> nn.Sequential:
    """``layers`` times a linear layer of ``hidden`` numbers and ReLU."""
    sizes = [features] + [hidden] * layers
    return nn.Sequential(*(LinearReLU(a, b) for a, b in pairwise(sizes)))


@BACKBONES.register_module()
class MLPGenerator(nn.Module):
    """Hidden layers with ReLU, then one value per pixel: z ``(N, z_dim)`` to images ``(N, out_channels, size, size)``.

    Goodfellow et al. 2014 for MNIST: z 100, two hidden layers of 1200, sigmoid output. Here images go from -1 to 1, and
    ``tanh(x) = 2 sigmoid(2x) - 1`` takes its place.

    Args:
        z_dim: length of z.
        out_channels: channels of the images.
        size: side of the images. (Points are images of one pixel.)
        hidden: width of the hidden layers.
        layers: number of hidden layers.
        activation: of the output, 'tanh' or 'none'.
        classes: number of classes of the labels that the network takes beside z; 0 for none.
        branches: widths of a first layer for z and of one for the label, see
            :class:`~toolbox.layers.conditions.LabelledVector`.
    """

    def __init__(self, z_dim: int = 100, out_channels: int = 1, size: int = 28, hidden: int = 1200, layers: int = 2,
                 activation: str = 'tanh', classes: int = 0, branches: Sequence[int] | None = None) -> None:
        super().__init__()
        require_at_least(1, z_dim=z_dim, out_channels=out_channels, size=size, hidden=hidden, layers=layers)
        require_choice('activation', activation, ACTIVATIONS)
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
        features: numbers per image.
        hidden: width of the hidden layers.
        layers: number of hidden layers.
    """

    def __init__(self, in_channels: int = 1, size: int = 28, features: int = 40, hidden: int = 400, layers: int = 1) -> None:
        super().__init__()
        require_at_least(1, in_channels=in_channels, size=size, features=features, hidden=hidden, layers=layers)
        self.in_channels, self.size, self.features = in_channels, size, features
        self.body = hidden_layers(in_channels * size * size, hidden, layers)
        self.head = nn.Linear(hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size, type(self).__name__, exactly=True)
        return self.head(self.body(x.flatten(1)))
