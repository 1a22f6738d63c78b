"""A training iteration of SinGAN in plain PyTorch, in the order of the authors' code, on a method's networks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...resampling import imresize


class PlainSinGAN:
    """One iteration of the scale in training: three updates of each network, with a forward pass of its own for all
    that is judged; an image of the scales below for each update of D, resized in NumPy from scale to scale; and
    gradients of D's weights in G's updates, too, which nothing uses."""

    def __init__(self, nets: Any) -> None:
        self.n, self.factor, self.pyramid, self.pad = nets.active, nets.factor, nets.pyramid, nets.pad
        self.G, self.D = nets.part(f'G.scales.{self.n}'), nets.part(f'D.scales.{self.n}')
        self.below = [nets.part(f'G.scales.{m}').eval().requires_grad_(False) for m in range(self.n)]
        self.shapes = [nets.noise_shape(m) for m in range(self.n + 1)]
        self.reals, self.amplitudes = nets.reals, [float(x) for x in nets.amplitudes]
        self.z_rec = nets.z0 if not self.n else torch.zeros_like(self.reals[self.n])
        with torch.no_grad():
            self.rec = self.padded(nets.rebuilt(self.n))
        self.mse = torch.nn.MSELoss()
        self.optim_G = torch.optim.Adam(self.G.parameters(), 5e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam(self.D.parameters(), 5e-4, (0.5, 0.999))

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(1, *shape, device=self.rec.device)

    def uniform(self) -> Tensor:
        return torch.rand(1, 1, device=self.rec.device)

    def padded(self, x: Tensor) -> Tensor:
        return F.pad(x, (self.pad,) * 4)

    def resized(self, x: Tensor, n: int) -> Tensor:
        """From scale n to the next."""
        image = x[0].permute(1, 2, 0).cpu().numpy()
        larger = imresize(image, 1 / self.factor, border=self.pyramid.border).transpose(2, 0, 1)[None]
        height, width = self.pyramid.sizes[n + 1]
        return torch.from_numpy(larger).to(x)[:, :, :height, :width].clamp(-1, 1)

    def draw(self) -> Tensor:
        """An image of random noise in all scales below, at the size of this scale."""
        x = torch.zeros_like(self.reals[0])
        for n, net in enumerate(self.below):
            previous = self.padded(x)
            z = self.amplitudes[n] * self.padded(self.normal(self.shapes[n])) + previous
            x = self.resized(net(z, previous), n)
        return x

    def penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        alpha = self.uniform()
        x = (alpha * real + (1 - alpha) * fake).requires_grad_()
        out = self.D(x)
        grad, = torch.autograd.grad(out, x, torch.ones_like(out), create_graph=True, retain_graph=True)
        return ((grad.norm(2, dim=1) - 1) ** 2).mean() * 0.1

    def step(self, batch: dict[str, Tensor]) -> None:
        real, amplitude = self.reals[self.n], self.amplitudes[self.n]
        noise = amplitude * self.padded(self.normal(self.shapes[self.n]))
        for _ in range(3):
            self.optim_D.zero_grad()
            (-self.D(real).mean()).backward()
            previous = self.padded(self.draw())
            fake = self.G(noise + previous, previous)
            self.D(fake.detach()).mean().backward()
            self.penalty(real, fake.detach()).backward()
            self.optim_D.step()
        for update in range(3):
            self.optim_G.zero_grad()
            if update:
                fake = self.G(noise + previous, previous)
            (-self.D(fake).mean()).backward()
            z = amplitude * self.padded(self.z_rec) + self.rec
            (10 * self.mse(self.G(z, self.rec), real)).backward()
            self.optim_G.step()
