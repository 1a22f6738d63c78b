"""Training steps with attention in plain PyTorch, in the order of the authors' code, on a method's networks."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ...methods.image_pool import ImagePool
from .criteria import bce, mse


class PlainUGATIT:
    """The order of the authors' PyTorch code: four passes of each generator, nothing frozen; the discriminators' step
    goes back through the generators, too."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'lsgan'}

    def __init__(self, nets: Any) -> None:
        self.nets, self.l1 = nets, torch.nn.L1Loss()
        generators, judges = (nets.G_AB, nets.G_BA), (nets.D_GA, nets.D_LA, nets.D_GB, nets.D_LB)
        self.optim_G, self.optim_D = (
            torch.optim.Adam([p for net in group for p in net.parameters()], 1e-4, (0.5, 0.999), weight_decay=1e-4)
            for group in (generators, judges))

    def judge(self, D: Any, images: Tensor, real: bool) -> Tensor:
        logits, cam, _ = D(images)
        return mse(logits, real) + mse(cam, real)

    def step(self, batch: dict[str, Tensor]) -> None:
        n, A, B = self.nets, batch['A'], batch['B']
        self.optim_D.zero_grad()
        fake_B, _, _ = n.G_AB(A)
        fake_A, _, _ = n.G_BA(B)
        reals = (n.D_GA, A), (n.D_LA, A), (n.D_GB, B), (n.D_LB, B)
        fakes = (n.D_GA, fake_A), (n.D_LA, fake_A), (n.D_GB, fake_B), (n.D_LB, fake_B)
        of_reals = sum(self.judge(D, x, True) for D, x in reals)
        (n.w_adv * (of_reals + sum(self.judge(D, x, False) for D, x in fakes))).backward()
        self.optim_D.step()

        self.optim_G.zero_grad()
        fake_B, cam_fake_B, _ = n.G_AB(A)
        fake_A, cam_fake_A, _ = n.G_BA(B)
        rec_A, _, _ = n.G_BA(fake_B)
        rec_B, _, _ = n.G_AB(fake_A)
        same_A, cam_same_A, _ = n.G_BA(A)
        same_B, cam_same_B, _ = n.G_AB(B)
        fakes = (n.D_GA, fake_A), (n.D_LA, fake_A), (n.D_GB, fake_B), (n.D_LB, fake_B)
        cam = bce(cam_fake_A, True) + bce(cam_same_A, False) + bce(cam_fake_B, True) + bce(cam_same_B, False)
        loss = (n.w_adv * sum(self.judge(D, x, True) for D, x in fakes)
                + n.w_cycle * (self.l1(rec_A, A) + self.l1(rec_B, B))
                + n.w_identity * (self.l1(same_A, A) + self.l1(same_B, B)) + n.w_cam * cam)
        loss.backward()
        self.optim_G.step()
        for layer in (*n.G_AB.modules(), *n.G_BA.modules()):
            if hasattr(layer, 'rho'):
                layer.rho.data = layer.rho.data.clamp(0, 1)


class PlainAGGAN:
    """Four updates, for each of which the authors' graph runs anew, and gives gradients to what it updates alone."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'lsgan'}

    def __init__(self, nets: Any) -> None:
        self.nets, self.l1 = nets, torch.nn.L1Loss()
        self.pool_A, self.pool_B = ImagePool(nets.pool_A.size), ImagePool(nets.pool_B.size)
        self.optims = {name: torch.optim.Adam(getattr(nets, name).parameters(), 1e-4, (0.5, 0.999))
                       for name in nets.network_names()}

    def attend(self, x: Tensor, G: Any, attention: Any) -> tuple[Tensor, Tensor]:
        mask = attention(x)
        return mask * G(x) + (1 - mask) * x, mask

    def judge(self, D: Any, x: Tensor, mask: Tensor) -> Tensor:
        masked = self.nets.masked
        return D(x * (mask >= (self.nets.threshold if masked else 0)), norm=not masked)

    def update(self, loss: Tensor, *names: str) -> None:
        for name in names:
            self.optims[name].zero_grad()
        loss.backward(inputs=[p for name in names for p in getattr(self.nets, name).parameters()])
        for name in names:
            self.optims[name].step()

    def update_G(self, A: Tensor, B: Tensor, to: str) -> tuple[Tensor, Tensor]:
        n = self.nets
        fake_B, mask_A = self.attend(A, n.G_AB, n.A_A)
        fake_A, mask_B = self.attend(B, n.G_BA, n.A_B)
        rec_A, _ = self.attend(fake_B, n.G_BA, n.A_B)
        rec_B, _ = self.attend(fake_A, n.G_AB, n.A_A)
        loss = n.w_cycle * (self.l1(rec_A, A) + self.l1(rec_B, B))
        D, fake, mask = (n.D_B, fake_B, mask_A) if to == 'B' else (n.D_A, fake_A, mask_B)
        trained = ('G_AB', 'A_A') if to == 'B' else ('G_BA', 'A_B')
        self.update(loss + mse(self.judge(D, fake, mask), True), *(trained[:1] if n.masked else trained))
        return fake.detach(), mask.detach()

    def update_D(self, name: str, real: Tensor, attention: Any, pool: ImagePool, fake: Tensor, mask: Tensor) -> None:
        D, older = getattr(self.nets, name), pool.query(torch.cat([fake, mask], 1))
        of_real, of_fake = self.judge(D, real, attention(real)), self.judge(D, older[:, :-1], older[:, -1:])
        self.update(0.5 * (mse(of_real, True) + mse(of_fake, False)), name)

    def step(self, batch: dict[str, Tensor]) -> None:
        n, A, B = self.nets, batch['A'], batch['B']
        self.update_D('D_B', B, n.A_B, self.pool_B, *self.update_G(A, B, 'B'))
        self.update_D('D_A', A, n.A_A, self.pool_A, *self.update_G(A, B, 'A'))
