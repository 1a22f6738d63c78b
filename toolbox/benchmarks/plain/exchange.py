"""A training iteration of DRIT and DRIT++ in plain PyTorch, in the order of the authors' code."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from .criteria import Noise, bce


class PlainDRIT(Noise):
    """Two iterations of three update the content discriminator alone. In the third one, all translations are made for
    the discriminators, and, since the weights have changed, once more for the second update of encoders and generator:
    what users of torch 1.5 and later added to the authors' code. No weights are frozen, and each network has its
    optimiser."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'vanilla', 'adversarial.scales': 'sum', 'legacy': False}

    def __init__(self, nets: Any) -> None:
        self.nets, self.l1, self.iteration = nets, torch.nn.L1Loss(), 0
        self.optims = {name: torch.optim.Adam(getattr(nets, name).parameters(), 4e-5 if name == 'D_content' else 1e-4,
                                              (0.5, 0.999), weight_decay=1e-4) for name in nets.network_names()}

    def contents(self, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
        of_A, of_B = self.nets.content(A, 'A'), self.nets.content(B, 'B')
        return of_A + self.normal(of_A, *of_A.shape), of_B + self.normal(of_B, *of_B.shape)

    def code(self, found: Tensor) -> Tensor:
        if not self.nets.variational:
            return found
        mu, logvar = found.chunk(2, 1)
        return self.normal(mu, *mu.shape) * torch.exp(0.5 * logvar) + mu

    def forward(self, A: Tensor, B: Tensor) -> None:
        n = self.nets
        self.c_A, self.c_B = self.contents(A, B)
        self.found_A, self.found_B = n.attribute(A, 'A'), n.attribute(B, 'B')
        s_A, s_B = self.code(self.found_A), self.code(self.found_B)
        self.z = [self.normal(A, len(A), n.style) for _ in range(n.codes)]
        images = n.G(torch.cat([self.c_B, self.c_A, *n.codes * [self.c_B]]), torch.cat([s_A, s_A, *self.z]), 'A')
        self.fake_A, self.rec_A, *self.random_A = images.split(len(A))
        images = n.G(torch.cat([self.c_A, self.c_B, *n.codes * [self.c_A]]), torch.cat([s_B, s_B, *self.z]), 'B')
        self.fake_B, self.rec_B, *self.random_B = images.split(len(A))
        c_B, c_A = self.contents(self.fake_A, self.fake_B)
        s_A, s_B = self.code(n.attribute(self.fake_A, 'A')), self.code(n.attribute(self.fake_B, 'B'))
        self.cycle_A, self.cycle_B = n.G(c_A, s_A, 'A'), n.G(c_B, s_B, 'B')
        self.again_A, self.again_B = n.attribute(self.random_A[0], 'A'), n.attribute(self.random_B[0], 'B')

    def update_content_D(self) -> None:
        self.optims['D_content'].zero_grad()
        D = self.nets.D_content
        (bce(D(self.c_A.detach()), False) + bce(D(self.c_B.detach()), True)).backward()
        torch.nn.utils.clip_grad_norm_(D.parameters(), 5)
        self.optims['D_content'].step()

    def update_D(self, name: str, real: Tensor, fakes: list[Tensor]) -> None:
        self.optims[name].zero_grad()
        D = getattr(self.nets, name)
        for fake in fakes:
            of_fake, of_real = D(fake.detach()), D(real)
            torch.stack([bce(b, True) + bce(a, False) for a, b in zip(of_fake, of_real, strict=True)]).sum().backward()
        self.optims[name].step()

    def deceive(self, D: Any, fakes: list[Tensor]) -> Tensor:
        return torch.stack([bce(scale, True) for fake in fakes for scale in D(fake)]).sum()

    def confuse(self, content: Tensor) -> Tensor:
        logits = self.nets.D_content(content)
        return F.binary_cross_entropy_with_logits(logits, 0.5 * torch.ones_like(logits))

    def kl(self, found: Tensor) -> Tensor:
        if not self.nets.variational:
            return found.pow(2).mean()
        mu, logvar = found.chunk(2, 1)
        return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(mu)

    def loss_EG(self, A: Tensor, B: Tensor) -> Tensor:
        n = self.nets
        kl = self.kl(self.found_A) + self.kl(self.found_B) + self.c_A.pow(2).mean() + self.c_B.pow(2).mean()
        return (n.w_content * (self.confuse(self.c_A) + self.confuse(self.c_B))
                + n.w_adv * (self.deceive(n.D_A, [self.fake_A]) + self.deceive(n.D_B, [self.fake_B]))
                + n.w_kl * kl + n.w_cycle * (self.l1(self.cycle_A, A) + self.l1(self.cycle_B, B))
                + n.w_rec * (self.l1(self.rec_A, A) + self.l1(self.rec_B, B)))

    def loss_alone(self) -> Tensor:
        n = self.nets
        found = self.l1(self.again_A[:, :n.style], self.z[0]) + self.l1(self.again_B[:, :n.style], self.z[0])
        adversarial = self.deceive(n.D_A2, self.random_A) + self.deceive(n.D_B2, self.random_B)
        loss: Tensor = n.w_adv * adversarial + n.w_latent * found
        if n.w_ms:
            apart = (self.z[1] - self.z[0]).abs().mean()
            for first, second in (self.random_A, self.random_B):
                loss = loss + n.w_ms / ((second - first).abs().mean() / apart + 1e-5)
        return loss

    def update_EG(self, A: Tensor, B: Tensor) -> None:
        for name in ('content', 'attribute', 'G'):
            self.optims[name].zero_grad()
        self.loss_EG(A, B).backward(retain_graph=True)
        for name in ('content', 'attribute', 'G'):
            self.optims[name].step()
        for name in ('content', 'G'):
            self.optims[name].zero_grad()
        self.forward(A, B)
        self.loss_alone().backward()
        for name in ('content', 'G'):
            self.optims[name].step()

    def step(self, batch: dict[str, Tensor]) -> None:
        (A, A2), (B, B2) = batch['A'].chunk(2), batch['B'].chunk(2)
        due = self.nets.schedule[-1].is_due(self.iteration)
        self.iteration += 1
        if not due:
            self.c_A, self.c_B = self.contents(A, B)
            self.update_content_D()
            return
        self.forward(A, B)
        self.update_D('D_A', A, [self.fake_A])
        self.update_D('D_A2', A2, self.random_A)
        self.update_D('D_B', B, [self.fake_B])
        self.update_D('D_B2', B2, self.random_B)
        self.update_content_D()
        self.update_EG(A, B)
