"""An invertible map between codes and noise: a distribution of codes that can be learnt."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import BACKBONES, AtLeast, Count, Depth
from .mlp import hidden_layers

LARGEST = 2.0  # log of the factor by which one layer stretches a number


@BACKBONES.register_module()
class CouplingFlow(nn.Module):
    """Affine couplings (Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, ICLR 2017, section 3.2).

    Codes ``(N, z_dim)`` to noise ``(N, z_dim)`` and the logarithm ``(N,)`` of the absolute determinant of this map's
    Jacobian; with ``to_code`` noise to codes, and the same of the inverse map. Each layer shifts and stretches one half
    of the numbers by what a network makes of the other half. Before training each map only turns the order of the
    numbers.

    Args:
        z_dim: length of the codes.
        couplings: number of layers; each half is changed by every other one.
        hidden: width of their networks.
        layers: number of hidden layers in each network.

    Raises:
        ConfigError: an invalid argument, or codes of another length.
    """

    def __init__(self, z_dim: Annotated[int, AtLeast(2)] = 32, couplings: Count = 6, hidden: Count = 128,
                 layers: Depth = 2) -> None:
        super().__init__()
        self.z_dim, self.kept = z_dim, z_dim // 2
        self.nets = nn.ModuleList()
        for _ in range(couplings):
            head = nn.Linear(hidden if layers else self.kept, 2 * (z_dim - self.kept))
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
            self.nets.append(nn.Sequential(*hidden_layers(self.kept, hidden, layers), head))

    def forward(self, x: Tensor, to_code: bool = False) -> tuple[Tensor, Tensor]:
        if x.dim() != 2 or x.shape[1] != self.z_dim:
            raise ConfigError(f'CouplingFlow expects (N, {self.z_dim}), found {tuple(x.shape)}. Check z_dim.')
        total = x.new_zeros(len(x))
        for net in reversed(self.nets) if to_code else self.nets:
            x = x.flip(1) if to_code else x
            kept, changed = x[:, :self.kept], x[:, self.kept:]
            shift, stretch = net(kept).chunk(2, 1)
            stretch = LARGEST * stretch.tanh()
            if to_code:
                x = torch.cat([kept, (changed - shift) * (-stretch).exp()], 1)
                total = total - stretch.sum(1)
            else:
                x = torch.cat([kept, changed * stretch.exp() + shift], 1).flip(1)
                total = total + stretch.sum(1)
        return x, total
