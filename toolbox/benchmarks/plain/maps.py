"""Training steps from label maps in plain PyTorch, in the order of the authors' code, on a method's networks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ...layers.spectral import SpectralNorm, singular_value
from ...methods.image_pool import ImagePool
from ...norms.spade import SPADE
from .criteria import Noise

Scales = Sequence[Sequence[Tensor]]


class PlainMaps(Noise):
    """What the loops of Pix2PixHD and SPADE share: planes of label maps and the matching of D's features."""

    by_layers = False  # the matching is divided by the number of layers / 4

    def __init__(self, nets: Any) -> None:
        self.G, self.D, self.E = nets.G, nets.D, nets.E
        self.perceptual, self.labels, self.instances = nets.perceptual, nets.labels, nets.instances
        self.w_feat, self.w_vgg, self.l1 = nets.w_feat, nets.w_vgg, torch.nn.L1Loss()
        for norm in (*self.G.modules(), *self.D.modules()):
            if isinstance(norm, SpectralNorm):
                vars(norm).update(forward=partial(self.divide, norm))  # in place of ours

    def divide(self, norm: SpectralNorm, weight: Tensor) -> Tensor:
        """As torch's hook does."""
        norm.iterate(weight, norm.iterations)
        return weight / singular_value(weight, norm.u.clone(), norm.v.clone(), norm.dim)

    def planes(self, batch: dict[str, Tensor]) -> Tensor:
        """One plane per id, and the borders of objects."""
        labels = batch['label_map'][:, None]
        planes = torch.zeros(len(labels), self.labels, *labels.shape[2:], device=labels.device).scatter_(1, labels, 1.0)
        return torch.cat([planes, self.edges(batch['instance_map'][:, None])], 1) if self.instances else planes

    def edges(self, numbers: Tensor) -> Tensor:
        edge = torch.zeros_like(numbers, dtype=torch.uint8)
        across, down = numbers[..., 1:] != numbers[..., :-1], numbers[..., 1:, :] != numbers[..., :-1, :]
        edge[..., 1:] |= across
        edge[..., :-1] |= across
        edge[..., 1:, :] |= down
        edge[..., :-1, :] |= down
        return edge.to(torch.get_default_dtype())

    def matching(self, fake: Scales, real: Scales) -> Tensor:
        """The weighted mean over the scales of the distances of all features but the logits."""
        total = torch.zeros((), device=fake[0][0].device)
        for of_fake, of_real in zip(fake, real, strict=True):
            weight = self.w_feat / len(fake) * (4 / (len(of_fake) - 1) if self.by_layers else 1)
            for a, b in zip(of_fake[:-1], of_real[:-1], strict=True):
                total = total + self.l1(a, b.detach()) * weight
        return total


class PlainPix2PixHD(PlainMaps):
    """One training step in the order of the authors' code: one pass of G and three of D, whose weights get gradients in
    G's step, too."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'lsgan'}
    by_layers = True

    def __init__(self, nets: Any) -> None:
        super().__init__(nets)
        self.mse, self.pool = torch.nn.MSELoss(), ImagePool(nets.pool.size)
        ours = [*self.G.parameters(), *(self.E.parameters() if self.E is not None else ())]
        self.optim_G = torch.optim.Adam(ours, 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam(self.D.parameters(), 2e-4, (0.5, 0.999))

    def gan(self, scales: Scales, real: bool) -> Tensor:
        total = torch.zeros((), device=scales[0][0].device)
        for layers in scales:
            target = torch.ones_like(layers[-1]) if real else torch.zeros_like(layers[-1])
            total = total + self.mse(layers[-1], target)
        return total

    def step(self, batch: dict[str, Tensor]) -> None:
        img, planes = batch['img'], self.planes(batch)
        seen = planes
        if self.E is not None:
            numbers = batch['instance_map' if self.instances else 'label_map']
            seen = torch.cat([planes, self.E(img, numbers)], 1)
        fake = self.G(seen)
        loss_fake = self.gan(self.D(self.pool.query(torch.cat([planes, fake.detach()], 1))), False)
        of_real = self.D(torch.cat([planes, img], 1))
        loss_real = self.gan(of_real, True)
        of_fake = self.D(torch.cat([planes, fake], 1))
        loss_G = self.gan(of_fake, True) + self.matching(of_fake, of_real)
        if self.perceptual is not None:
            loss_G = loss_G + self.w_vgg * self.perceptual(fake, img)
        self.optim_G.zero_grad()
        loss_G.backward()
        self.optim_G.step()
        self.optim_D.zero_grad()
        (0.5 * (loss_fake + loss_real)).backward()
        self.optim_D.step()


class PlainSPADE(PlainMaps):
    """One training step in the order of the authors' code: planes and a pass of G for each update, a joint pass of D
    whose weights get gradients in G's step, too, and a label map that each norm resizes again."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'hinge'}

    def __init__(self, nets: Any) -> None:
        super().__init__(nets)
        self.z_dim, self.w_kl, self.seen = nets.z_dim, nets.w_kl, torch.empty(0)
        for norm in self.G.modules():
            if isinstance(norm, SPADE):
                norm.forward = partial(self.modulate, norm)  # type: ignore[method-assign]  # in place of ours
                self.G.takes_map = False  # its norms do not get the sizes that it shares
        ours = [*self.G.parameters(), *(self.E.parameters() if self.E is not None else ())]
        self.optim_G = torch.optim.Adam(ours, 1e-4, (0.0, 0.9))
        self.optim_D = torch.optim.Adam(self.D.parameters(), 4e-4, (0.0, 0.9))

    def modulate(self, norm: SPADE, x: Tensor, cond: Tensor) -> Tensor:
        y = norm.base(x)
        features = F.relu(norm.shared(F.interpolate(self.seen, size=x.shape[2:], mode='nearest')))
        return y * (1 + norm.gamma(features)) + norm.beta(features)

    def fake(self, planes: Tensor, img: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures, and the weighted divergence of their codes."""
        self.seen, divergence = planes, torch.zeros((), device=img.device)
        if not self.z_dim:
            return self.G(planes), divergence
        z = self.normal(img, len(planes), self.z_dim)
        if self.E is not None:
            mu, logvar = self.E(img)
            divergence = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) * self.w_kl
            z = z * torch.exp(0.5 * logvar) + mu
        return self.G(planes, z), divergence

    def judge(self, planes: Tensor, fake: Tensor, img: Tensor) -> tuple[Scales, Scales]:
        scales = self.D(torch.cat([torch.cat([planes, fake], 1), torch.cat([planes, img], 1)]))
        n = len(planes)
        return [[x[:n] for x in layers] for layers in scales], [[x[n:] for x in layers] for layers in scales]

    def step(self, batch: dict[str, Tensor]) -> None:
        img, planes = batch['img'], self.planes(batch)
        fake, loss = self.fake(planes, img)
        of_fake, of_real = self.judge(planes, fake, img)
        loss = loss + sum(-layers[-1].mean() for layers in of_fake) / len(of_fake) + self.matching(of_fake, of_real)
        if self.perceptual is not None:
            loss = loss + self.w_vgg * self.perceptual(fake, img)
        self.optim_G.zero_grad()
        loss.backward()
        self.optim_G.step()
        planes = self.planes(batch)
        with torch.no_grad():
            fake, _ = self.fake(planes, img)
        of_fake, of_real = self.judge(planes, fake.detach().requires_grad_(), img)
        wrong = torch.stack([F.relu(1 + layers[-1]).mean() for layers in of_fake]).mean()
        right = torch.stack([F.relu(1 - layers[-1]).mean() for layers in of_real]).mean()
        self.optim_D.zero_grad()
        (wrong + right).backward()
        self.optim_D.step()
