"""Training steps of methods with many domains in plain PyTorch, in the order of the authors' code."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from .criteria import Noise, bce


class PlainStarGAN(Noise):
    """A step of D, whose fake has a graph through G, and at times one of G, in which D's weights get gradients, too."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'wgan-gp'}

    def __init__(self, nets: Any) -> None:
        self.nets, self.l1, self.iteration = nets, torch.nn.L1Loss(), 0
        self.optim_G = torch.optim.Adam(nets.G.parameters(), 1e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam(nets.D.parameters(), 1e-4, (0.5, 0.999))

    def penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        alpha = self.uniform(real, len(real), 1)[:, :, None, None]
        x = (alpha * real.data + (1 - alpha) * fake.data).requires_grad_(True)
        score, _ = self.nets.D(x)
        grad, = torch.autograd.grad(score, x, torch.ones_like(score), create_graph=True, retain_graph=True)
        norm = grad.view(len(grad), -1).pow(2).sum(1).sqrt()
        return torch.mean((norm - 1) ** 2)

    def step(self, batch: dict[str, Tensor]) -> None:
        n = self.nets
        for s in n.sets:
            real, label, target = batch[s.image], batch[s.label], batch[s.target]
            own, wanted = n.vector(s, label), n.vector(s, target)
            score, logits = n.D(real)
            loss = -score.mean() + n.w_cls * s.loss(logits, label)
            fake = n.G(real, wanted)
            loss = loss + n.D(fake.detach())[0].mean() + n.adversarial.penalty_weight * self.penalty(real, fake)
            self.optim_G.zero_grad()
            self.optim_D.zero_grad()
            loss.backward()
            self.optim_D.step()
            if n.schedule[1].is_due(self.iteration):
                fake = n.G(real, wanted)
                score, logits = n.D(fake)
                rec = n.G(fake, own)
                loss = -score.mean() + n.w_rec * self.l1(rec, real) + n.w_cls * s.loss(logits, target)
                self.optim_G.zero_grad()
                self.optim_D.zero_grad()
                loss.backward()
                self.optim_G.step()
        self.iteration += 1


class PlainStarGANv2(Noise):
    """Four updates. No weights are frozen, the real image asks for a gradient in all of them, and the translation that
    the diversity needs is made with a graph."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'vanilla'}

    def __init__(self, nets: Any) -> None:
        self.nets, self.l1, self.iteration = nets, torch.nn.L1Loss(), 0
        self.optims = {name: torch.optim.Adam(getattr(nets, name).parameters(), 1e-6 if name == 'F' else 1e-4,
                                              (0.0, 0.99), weight_decay=1e-4) for name in nets.network_names()}

    def update(self, loss: Tensor, *names: str) -> None:
        for optim in self.optims.values():
            optim.zero_grad()
        loss.backward()
        for name in names:
            self.optims[name].step()

    def r1(self, out: Tensor, x: Tensor) -> Tensor:
        grad, = torch.autograd.grad(out.sum(), x, create_graph=True, retain_graph=True)
        return 0.5 * grad.pow(2).view(len(x), -1).sum(1).mean(0)

    def style(self, source: Tensor, target: Tensor) -> Tensor:
        style: Tensor = self.nets.F(source, target) if source.dim() == 2 else self.nets.E(source, target)
        return style

    def update_D(self, x: Tensor, label: Tensor, target: Tensor, source: Tensor) -> None:
        n = self.nets
        x.requires_grad_()
        of_real = n.D(x, label)
        loss = bce(of_real, True) + n.w_r1 * self.r1(of_real, x)
        with torch.no_grad():
            fake = n.G(x, self.style(source, target))
        self.update(loss + bce(n.D(fake, target), False), 'D')

    def update_G(self, x: Tensor, label: Tensor, target: Tensor, sources: tuple[Tensor, Tensor], *names: str) -> None:
        n = self.nets
        s = self.style(sources[0], target)
        fake = n.G(x, s)
        loss = bce(n.D(fake, target), True) + n.w_style * self.l1(n.E(fake, target), s)
        other = n.G(x, self.style(sources[1], target)).detach()
        weight = n.w_diversity * max(0.0, 1 - self.iteration / n.diversity_iters)
        rec = n.G(fake, n.E(x, label))
        self.update(loss - weight * self.l1(fake, other) + n.w_cycle * self.l1(rec, x), *names)

    def step(self, batch: dict[str, Tensor]) -> None:
        x, label, target = batch['img'].clone(), batch['label'], batch['target']
        z, z2 = (self.normal(x, len(x), self.nets.latent) for _ in range(2))
        self.update_D(x, label, target, z)
        self.update_D(x, label, target, batch['ref'])
        self.update_G(x, label, target, (z, z2), 'G', 'F', 'E')
        self.update_G(x, label, target, (batch['ref'], batch['ref2']), 'G')
        self.iteration += 1
