"""Training steps in plain PyTorch, in the order of the authors' code, on a method's networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..methods.image_pool import ImagePool


class PlainCycleGAN:
    """One training step in the order of the authors' code, without the toolbox's base class."""

    def __init__(self, nets: Any) -> None:
        self.G_A, self.G_B, self.D_A, self.D_B = nets.G_AB, nets.G_BA, nets.D_B, nets.D_A
        self.mse, self.l1 = torch.nn.MSELoss(), torch.nn.L1Loss()
        self.pool_B, self.pool_A = ImagePool(50), ImagePool(50)
        self.identity = nets.w_identity_A
        self.optim_G = torch.optim.Adam([*self.G_A.parameters(), *self.G_B.parameters()], 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam([*self.D_A.parameters(), *self.D_B.parameters()], 2e-4, (0.5, 0.999))

    def gan(self, pred: Tensor, real: bool) -> Tensor:
        return self.mse(pred, torch.ones_like(pred) if real else torch.zeros_like(pred))

    def step(self, batch: dict[str, Tensor]) -> None:
        A, B = batch['A'], batch['B']
        fake_B = self.G_A(A)
        rec_A = self.G_B(fake_B)
        fake_A = self.G_B(B)
        rec_B = self.G_A(fake_A)
        for D in (self.D_A, self.D_B):
            D.requires_grad_(False)
        self.optim_G.zero_grad()
        loss = (self.gan(self.D_A(fake_B), True) + self.gan(self.D_B(fake_A), True)
                + 10 * self.l1(rec_A, A) + 10 * self.l1(rec_B, B))
        if self.identity:
            loss = loss + self.identity * (self.l1(self.G_A(B), B) + self.l1(self.G_B(A), A))
        loss.backward()
        self.optim_G.step()
        for D in (self.D_A, self.D_B):
            D.requires_grad_(True)
        self.optim_D.zero_grad()
        for D, real, fake in ((self.D_A, B, self.pool_B.query(fake_B.detach())),
                              (self.D_B, A, self.pool_A.query(fake_A.detach()))):
            (0.5 * (self.gan(D(real), True) + self.gan(D(fake), False))).backward()
        self.optim_D.step()


class PlainPix2Pix:
    """One training step in the order of the authors' code, without the toolbox's base class."""

    def __init__(self, nets: Any) -> None:
        self.G, self.D = nets.G, nets.D
        self.bce, self.l1 = torch.nn.BCEWithLogitsLoss(), torch.nn.L1Loss()
        self.optim_G = torch.optim.Adam(self.G.parameters(), 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam(self.D.parameters(), 2e-4, (0.5, 0.999))

    def gan(self, pred: Tensor, real: bool) -> Tensor:
        return self.bce(pred, torch.ones_like(pred) if real else torch.zeros_like(pred))

    def step(self, batch: dict[str, Tensor]) -> None:
        A, B = batch['A'], batch['B']
        fake_B = self.G(A)
        self.D.requires_grad_(True)
        self.optim_D.zero_grad()
        fake = self.gan(self.D(torch.cat([A, fake_B], 1).detach()), False)
        (0.5 * (fake + self.gan(self.D(torch.cat([A, B], 1)), True))).backward()
        self.optim_D.step()
        self.D.requires_grad_(False)
        self.optim_G.zero_grad()
        (self.gan(self.D(torch.cat([A, fake_B], 1)), True) + 100 * self.l1(fake_B, B)).backward()
        self.optim_G.step()
