"""Training steps of UNIT and MUNIT in plain PyTorch, in the order of the authors' code, on a method's networks.

Both updates make their translations anew, the first with a graph that nobody goes back through; the discriminators'
weights get gradients in the second, too.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from .criteria import Noise, mse


def judge(D: Any, fake: Tensor, real: Tensor) -> Tensor:
    return torch.stack([mse(a, False) + mse(b, True) for a, b in zip(D(fake), D(real), strict=True)]).sum()


def deceive(D: Any, fake: Tensor) -> Tensor:
    return torch.stack([mse(scale, True) for scale in D(fake)]).sum()


def adam(*nets: Any) -> torch.optim.Optimizer:
    params = [p for net in nets for p in net.parameters()]
    return torch.optim.Adam(params, 1e-4, (0.5, 0.999), weight_decay=1e-4)


class PlainUNIT(Noise):
    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'lsgan', 'adversarial.scales': 'sum'}

    def __init__(self, nets: Any) -> None:
        self.nets, self.l1 = nets, torch.nn.L1Loss()
        self.optim_G = adam(nets.E_A, nets.E_B, nets.G_A, nets.G_B)
        self.optim_D = adam(nets.D_A, nets.D_B)

    def encode(self, E: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        code = E(x)
        return code, self.normal(code, *code.shape)

    def update_D(self, A: Tensor, B: Tensor) -> None:
        n = self.nets
        self.optim_D.zero_grad()
        (code_A, noise_A), (code_B, noise_B) = self.encode(n.E_A, A), self.encode(n.E_B, B)
        fake_A, fake_B = n.G_A(code_B + noise_B), n.G_B(code_A + noise_A)
        loss = judge(n.D_A, fake_A.detach(), A) + judge(n.D_B, fake_B.detach(), B)
        (n.w_adv * loss).backward()
        self.optim_D.step()

    def update_G(self, A: Tensor, B: Tensor) -> None:
        n = self.nets
        self.optim_G.zero_grad()
        (code_A, noise_A), (code_B, noise_B) = self.encode(n.E_A, A), self.encode(n.E_B, B)
        rec_A, rec_B = n.G_A(code_A + noise_A), n.G_B(code_B + noise_B)
        fake_A, fake_B = n.G_A(code_B + noise_B), n.G_B(code_A + noise_A)
        again_B, noise_B = self.encode(n.E_A, fake_A)
        again_A, noise_A = self.encode(n.E_B, fake_B)
        cycle_A, cycle_B = n.G_A(again_A + noise_A), n.G_B(again_B + noise_B)
        loss = (n.w_rec * (self.l1(rec_A, A) + self.l1(rec_B, B))
                + n.w_cycle * (self.l1(cycle_A, A) + self.l1(cycle_B, B))
                + n.w_kl * (code_A.pow(2).mean() + code_B.pow(2).mean())
                + n.w_kl_cycle * (again_A.pow(2).mean() + again_B.pow(2).mean())
                + n.w_adv * (deceive(n.D_A, fake_A) + deceive(n.D_B, fake_B)))
        if n.perceptual is not None:
            loss = loss + n.w_vgg * (n.perceptual(fake_A, B) + n.perceptual(fake_B, A))
        loss.backward()
        self.optim_G.step()

    def step(self, batch: dict[str, Tensor]) -> None:
        self.update_D(batch['A'], batch['B'])
        self.update_G(batch['A'], batch['B'])


class PlainMUNIT(Noise):
    """What an image is taken apart into is always both, content and style."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'lsgan', 'adversarial.scales': 'sum'}

    def __init__(self, nets: Any) -> None:
        self.nets, self.l1 = nets, torch.nn.L1Loss()
        self.optim_G = adam(nets.content_A, nets.content_B, nets.style_A, nets.style_B, nets.G_A, nets.G_B)
        self.optim_D = adam(nets.D_A, nets.D_B)

    def encode_A(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.nets.content_A(x), self.nets.style_A(x)

    def encode_B(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.nets.content_B(x), self.nets.style_B(x)

    def styles(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (self.normal(x, len(x), self.nets.lengths['A']), self.normal(x, len(x), self.nets.lengths['B']))

    def update_D(self, A: Tensor, B: Tensor) -> None:
        n = self.nets
        self.optim_D.zero_grad()
        s_A, s_B = self.styles(A)
        (content_A, _), (content_B, _) = self.encode_A(A), self.encode_B(B)
        fake_A, fake_B = n.G_A(content_B, s_A), n.G_B(content_A, s_B)
        loss = judge(n.D_A, fake_A.detach(), A) + judge(n.D_B, fake_B.detach(), B)
        (n.w_adv * loss).backward()
        self.optim_D.step()

    def update_G(self, A: Tensor, B: Tensor) -> None:
        n = self.nets
        self.optim_G.zero_grad()
        s_A, s_B = self.styles(A)
        (content_A, own_A), (content_B, own_B) = self.encode_A(A), self.encode_B(B)
        rec_A, rec_B = n.G_A(content_A, own_A), n.G_B(content_B, own_B)
        fake_A, fake_B = n.G_A(content_B, s_A), n.G_B(content_A, s_B)
        (again_B, found_A), (again_A, found_B) = self.encode_A(fake_A), self.encode_B(fake_B)
        loss = (n.w_rec * (self.l1(rec_A, A) + self.l1(rec_B, B))
                + n.w_style * (self.l1(found_A, s_A) + self.l1(found_B, s_B))
                + n.w_content * (self.l1(again_A, content_A) + self.l1(again_B, content_B))
                + n.w_adv * (deceive(n.D_A, fake_A) + deceive(n.D_B, fake_B)))
        if n.w_cycle:
            cycle_A, cycle_B = n.G_A(again_A, own_A), n.G_B(again_B, own_B)
            loss = loss + n.w_cycle * (self.l1(cycle_A, A) + self.l1(cycle_B, B))
        if n.perceptual is not None:
            loss = loss + n.w_vgg * (n.perceptual(fake_A, B) + n.perceptual(fake_B, A))
        loss.backward()
        self.optim_G.step()

    def step(self, batch: dict[str, Tensor]) -> None:
        self.update_D(batch['A'], batch['B'])
        self.update_G(batch['A'], batch['B'])
