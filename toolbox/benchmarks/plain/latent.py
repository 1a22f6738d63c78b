"""Training steps of methods with a latent code in plain PyTorch, in the order of the authors' code."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from .criteria import Noise, bce


class PlainLatent(Noise):
    """What all of them share: codes, and labels where the networks take them."""

    def __init__(self, nets: Any) -> None:
        self.G, self.z_dim, self.prior, self.classes = nets.G, nets.z_dim, nets.prior, nets.classes

    def codes(self, like: Tensor, count: int) -> Tensor:
        if self.prior == 'normal':
            return self.normal(like, count, self.z_dim)
        return 2 * self.uniform(like, count, self.z_dim) - 1

    def label(self, batch: dict[str, Tensor]) -> list[Tensor]:
        return [batch['label']] if self.classes else []


class PlainGAN(PlainLatent):
    """The order of DCGAN's usual code: a backward pass per judgement, and gradients of D's weights in G's step, too."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'vanilla'}

    def __init__(self, nets: Any) -> None:
        super().__init__(nets)
        self.D = nets.D
        self.optim_G = torch.optim.Adam(self.G.parameters(), 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam(self.D.parameters(), 2e-4, (0.5, 0.999))

    def step(self, batch: dict[str, Tensor]) -> None:
        real, label = batch['img'], self.label(batch)
        self.optim_D.zero_grad()
        bce(self.D(real, *label), True).backward()
        fake = self.G(self.codes(real, len(real)), *label)
        bce(self.D(fake.detach(), *label), False).backward()
        self.optim_D.step()
        self.optim_G.zero_grad()
        bce(self.D(fake, *label), True).backward()
        self.optim_G.step()


class PlainWGAN(PlainLatent):
    """A critic step, its weights clipped before or its slope penalised, and at times a step of G, in which it is
    frozen."""

    def __init__(self, nets: Any) -> None:
        super().__init__(nets)
        self.D, self.clip, self.G_batches, self.dequantize = nets.D, nets.clip, nets.G_batches, nets.dequantize
        self.penalty_weight = nets.adversarial.penalty_weight if nets.adversarial.has_penalty else 0.0
        self.of_G, self.iteration = nets.schedule[1], 0
        if self.clip:
            self.optim_G: torch.optim.Optimizer = torch.optim.RMSprop(self.G.parameters(), 5e-5)
            self.optim_D: torch.optim.Optimizer = torch.optim.RMSprop(self.D.parameters(), 5e-5)
        else:
            self.optim_G = torch.optim.Adam(self.G.parameters(), 1e-4, (0.0, 0.9))
            self.optim_D = torch.optim.Adam(self.D.parameters(), 1e-4, (0.0, 0.9))

    def penalty(self, real: Tensor, fake: Tensor, label: list[Tensor]) -> Tensor:
        alpha = self.uniform(real, len(real), 1)[:, :, None, None]
        x = (alpha * real + (1 - alpha) * fake).requires_grad_()
        out = self.D(x, *label)
        grad, = torch.autograd.grad(out, x, torch.ones_like(out), create_graph=True, retain_graph=True)
        return ((grad.flatten(1).norm(2, dim=1) - 1) ** 2).mean() * self.penalty_weight

    def step(self, batch: dict[str, Tensor]) -> None:
        real, label = batch['img'], self.label(batch)
        self.D.requires_grad_(True)
        if self.clip:
            for p in self.D.parameters():
                p.data.clamp_(-self.clip, self.clip)
        self.optim_D.zero_grad()
        if self.dequantize:
            real = real + self.dequantize * self.uniform(real, *real.shape)
        (-self.D(real, *label).mean()).backward()
        with torch.no_grad():
            fake = self.G(self.codes(real, len(real)), *label)
        self.D(fake, *label).mean().backward()
        if self.penalty_weight:
            self.penalty(real, fake, label).backward()
        self.optim_D.step()
        if self.of_G.is_due(self.iteration):
            self.D.requires_grad_(False)
            self.optim_G.zero_grad()
            label = [c.repeat(self.G_batches) for c in label]
            fake = self.G(self.codes(real, self.G_batches * len(real)), *label)
            (-self.D(fake, *label).mean()).backward()
            self.optim_G.step()
        self.iteration += 1


class PlainAutoencoder(PlainLatent):
    """One pass of encoder and decoder."""

    def __init__(self, nets: Any) -> None:
        super().__init__(nets)
        self.E, self.mse = nets.E, torch.nn.MSELoss()
        self.optim = torch.optim.Adam([*self.E.parameters(), *self.G.parameters()], 1e-3)

    def step(self, batch: dict[str, Tensor]) -> None:
        img = batch['img']
        self.optim.zero_grad()
        self.mse(self.G(self.E(img), *self.label(batch)), img).backward()
        self.optim.step()


class PlainVAE(PlainAutoencoder):
    """The same, with a code that is drawn; the loss is per image, where the usual code takes the sum of the batch."""

    def __init__(self, nets: Any) -> None:
        super().__init__(nets)
        self.flow = nets.F
        if self.flow is not None:
            self.optim.add_param_group({'params': [*self.flow.parameters()]})
        self.likelihood, self.sigma, self.beta = nets.likelihood, nets.sigma, nets.beta

    def step(self, batch: dict[str, Tensor]) -> None:
        img = batch['img']
        self.optim.zero_grad()
        mu, logvar = self.E(img).chunk(2, 1)
        eps = self.normal(mu, *mu.shape)
        z = mu + eps * torch.exp(0.5 * logvar)
        out = self.G(z, *self.label(batch))
        if self.likelihood == 'bernoulli':
            loss = F.binary_cross_entropy_with_logits(out, (img + 1) / 2, reduction='sum')
        else:
            loss = 0.5 * F.mse_loss(out, img, reduction='sum') / self.sigma ** 2
        if self.flow is None:
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        else:
            noise, log_det = self.flow(z)
            kl = 0.5 * torch.sum(noise.pow(2) - eps.pow(2) - logvar) - log_det.sum()
        ((loss + self.beta * kl) / len(img)).backward()
        self.optim.step()
