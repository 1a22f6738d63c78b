"""Networks of znxlwm/UGATIT-pytorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..norms import ILN, AdaLIN
from .base import Recipe


class SplitCondition(nn.Module):
    """A conditioned norm called as the official one is: ``norm(x, gamma, beta)``, both ``(N, C)``."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return self.norm(x, torch.cat([gamma, beta], dim=1))


def _adalin(args: dict[str, Any]) -> nn.Module:
    return SplitCondition(AdaLIN(args['num_features'], eps=args['eps']))


RECIPES = {
    'adaILN': Recipe(_adalin, lambda args: {'': 'norm'}, ('num_features',), {'eps': 1e-5}),
    'ILN': Recipe(lambda args: ILN(args['num_features'], eps=args['eps']), lambda args: {'': ''}, ('num_features',),
                  {'eps': 1e-5}),
}
