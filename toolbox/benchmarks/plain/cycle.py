"""A training step of CycleGAN in plain PyTorch, in the order of the authors' code, on a method's networks."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ...methods.image_pool import ImagePool
from .criteria import mse


class PlainCycleGAN:
    """Three passes of each generator, the third for the identity loss; D is frozen in the generators' step."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'lsgan'}

    def __init__(self, nets: Any) -> None:
        self.G_A, self.G_B, self.D_A, self.D_B = nets.G_AB, nets.G_BA, nets.D_B, nets.D_A
        self.l1 = torch.nn.L1Loss()
        self.pool_A, self.pool_B = ImagePool(nets.pool_A.size), ImagePool(nets.pool_B.size)
        self.w_cycle_A, self.w_cycle_B = nets.w_cycle_A, nets.w_cycle_B
        self.w_identity_A, self.w_identity_B = nets.w_identity_A, nets.w_identity_B
        self.optim_G = torch.optim.Adam([*self.G_A.parameters(), *self.G_B.parameters()], 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam([*self.D_A.parameters(), *self.D_B.parameters()], 2e-4, (0.5, 0.999))

    def step(self, batch: dict[str, Tensor]) -> None:
        A, B = batch['A'], batch['B']
        fake_B = self.G_A(A)
        rec_A = self.G_B(fake_B)
        fake_A = self.G_B(B)
        rec_B = self.G_A(fake_A)
        for D in (self.D_A, self.D_B):
            D.requires_grad_(False)
        self.optim_G.zero_grad()
        loss = (mse(self.D_A(fake_B), True) + mse(self.D_B(fake_A), True)
                + self.w_cycle_A * self.l1(rec_A, A) + self.w_cycle_B * self.l1(rec_B, B))
        if self.w_identity_A or self.w_identity_B:
            loss = loss + self.w_identity_B * self.l1(self.G_A(B), B) + self.w_identity_A * self.l1(self.G_B(A), A)
        loss.backward()
        self.optim_G.step()
        for D in (self.D_A, self.D_B):
            D.requires_grad_(True)
        self.optim_D.zero_grad()
        for D, real, fake in ((self.D_A, B, self.pool_B.query(fake_B.detach())),
                              (self.D_B, A, self.pool_A.query(fake_A.detach()))):
            (0.5 * (mse(D(real), True) + mse(D(fake), False))).backward()
        self.optim_D.step()
