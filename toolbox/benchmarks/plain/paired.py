"""Training steps on pairs in plain PyTorch, in the order of the authors' code, on a method's networks."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ...losses.relativistic import RelativisticLoss
from ...methods.colorization import split
from .criteria import bce


class PlainPix2Pix:
    """One pass of G and three of D, which is frozen in G's step."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'vanilla'}

    def __init__(self, nets: Any) -> None:
        self.G, self.D, self.w_rec = nets.G, nets.D, nets.w_rec
        self.l1 = torch.nn.L1Loss()
        self.optim_G = torch.optim.Adam(self.G.parameters(), 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam(self.D.parameters(), 2e-4, (0.5, 0.999))

    def step(self, batch: dict[str, Tensor]) -> None:
        A, B = batch['A'], batch['B']
        fake_B = self.G(A)
        self.D.requires_grad_(True)
        self.optim_D.zero_grad()
        fake = bce(self.D(torch.cat([A, fake_B], 1).detach()), False)
        (0.5 * (fake + bce(self.D(torch.cat([A, B], 1)), True))).backward()
        self.optim_D.step()
        self.D.requires_grad_(False)
        self.optim_G.zero_grad()
        (bce(self.D(torch.cat([A, fake_B], 1)), True) + self.w_rec * self.l1(fake_B, B)).backward()
        self.optim_G.step()


class PlainColorization(PlainPix2Pix):
    """Pix2Pix on lightness and colours."""

    def step(self, batch: dict[str, Tensor]) -> None:
        lightness, colours = split(batch['img'])
        super().step(dict(A=lightness, B=colours))


class PlainInpainting:
    """There is no code of the authors: the order of Pix2Pix, for a D with two branches."""

    only: ClassVar[dict[str, object]] = {
        'adversarial.mode': 'vanilla', 'region': 'whole', 'paste': True, 'hole': 'mean', 'mask_channel': True}

    def __init__(self, nets: Any) -> None:
        self.G, self.D, self.mean = nets.G, nets.D, nets.mean
        self.w_rec, self.w_global, self.w_patch = nets.w_rec, nets.branches['global'], nets.branches['patch']
        self.l1 = torch.nn.L1Loss()
        self.optim_G = torch.optim.Adam(self.G.parameters(), 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam(self.D.parameters(), 2e-4, (0.5, 0.999))

    def step(self, batch: dict[str, Tensor]) -> None:
        img, mask = batch['img'], batch['mask']
        made = self.G(torch.cat([img * (1 - mask) + self.mean[:, None, None] * mask, mask], 1))
        fake = img * (1 - mask) + made * mask
        self.D.requires_grad_(True)
        self.optim_D.zero_grad()
        whole, patches = self.D(fake.detach())
        loss = bce(whole, False) + bce(patches, False)
        whole, patches = self.D(img)
        (0.25 * (loss + bce(whole, True) + bce(patches, True))).backward()
        self.optim_D.step()
        self.D.requires_grad_(False)
        self.optim_G.zero_grad()
        whole, patches = self.D(fake)
        loss = self.w_global * bce(whole, True) + self.w_patch * bce(patches, True)
        (self.w_rec * self.l1(made, img) + loss).backward()
        self.optim_G.step()


class PlainSRGAN:
    """G, then D on the same fake, which is frozen in G's step; without D the training of SRResNet. With a relativistic
    loss the order of ESRGAN: both networks' steps judge both images, and what G cannot change is detached."""

    only: ClassVar[dict[str, object]] = {'adversarial.mode': 'vanilla', 'w_tv': 0}

    def __init__(self, nets: Any) -> None:
        self.G, self.D = nets.G, nets.D
        self.perceptual, self.reconstruction = nets.perceptual, nets.reconstruction
        self.w_content, self.w_adv, self.w_rec = nets.w_content, nets.w_adv, nets.w_rec
        self.relativistic = isinstance(nets.adversarial, RelativisticLoss)
        self.optim_G = torch.optim.Adam(self.G.parameters(), 1e-4)
        if self.D is not None:
            self.optim_D = torch.optim.Adam(self.D.parameters(), 1e-4)

    def step(self, batch: dict[str, Tensor]) -> None:
        real = batch['HR']
        if self.D is not None:
            self.D.requires_grad_(False)
        self.optim_G.zero_grad()
        fake = self.G(batch['LR'])
        loss = self.w_rec * self.reconstruction(fake, real)
        if self.perceptual is not None:
            loss = loss + self.w_content * self.perceptual(fake, real)
        if self.D is not None:
            loss = loss + self.w_adv * self.adversarial(fake, real)
        loss.backward()
        self.optim_G.step()
        if self.D is None:
            return
        self.D.requires_grad_(True)
        self.optim_D.zero_grad()
        of_real, of_fake = self.D(real), self.D(fake.detach())
        if self.relativistic:
            of_real, of_fake = of_real - of_fake.mean(), of_fake - of_real.mean()
        (0.5 * (bce(of_real, True) + bce(of_fake, False))).backward()
        self.optim_D.step()

    def adversarial(self, fake: Tensor, real: Tensor) -> Tensor:
        of_fake = self.D(fake)
        if not self.relativistic:
            return bce(of_fake, True)
        of_real = self.D(real).detach()
        return 0.5 * (bce(of_real - of_fake.mean(), False) + bce(of_fake - of_real.mean(), True))
