"""A network that changes nothing, registered for the tests that import it."""

import torch
from torch import Tensor, nn

from toolbox.registry import BACKBONES


@BACKBONES.register_module()
class PassingNet(nn.Module):
    """Gives what it takes; its one weight is there for the optimiser."""

    size_divisor = 4

    def __init__(self, in_channels: int = 3, out_channels: int = 3) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
