"""Choi, Uh, Yoo, Ha: StarGAN v2: diverse image synthesis for multiple domains, CVPR 2020."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..losses.penalties import r1_penalty
from ..registry import LOSSES, METHODS, Backbone, Between, Count, Discriminator, Loss, Weight, build
from .base import Method, resized
from .batch import Batch
from .contracts import ImageNetwork, MappingNetwork, SizedNetwork
from .directions import ClassLabel, Image, Shown
from .schedule import Phase

VANILLA = dict(type='AdversarialLoss', mode='vanilla')
L1 = dict(type='L1Loss')


@METHODS.register_module()
class StarGANv2(Method):
    """One generator for all domains and all styles within them; a style comes from a latent or from a reference image.

    G, F and E minimise, and D maximises the first term of (eq. 1-5)::

        adv(D(G(x, s), target)) + w_style |E(G(x, s), target) - s| - w_diversity |G(x, s) - G(x, s2)|
        + w_cycle |G(G(x, s), E(x, label)) - x|

    D adds ``w_r1`` times the squared gradient at real images. Four updates per iteration: D with ``s = F(z, target)``,
    D with ``s = E(ref, target)``, then G, F and E with the latent's style, and G alone with the reference's.
    ``w_diversity`` falls linearly to 0 over ``diversity_iters`` iterations.

    Args:
        G: generator of ``(images, styles)``.
        F: mapping network of ``(latents, domains)``. The number of domains is filled in, here and below.
        E: style encoder of ``(images, domains)``.
        D: discriminator of ``(images, domains)``.
        domains: names of the domains, in the order of their labels.
        adversarial: loss of the adversarial terms.
        reconstruction: distance in the other terms.
        w_style: weight of the style reconstruction.
        w_diversity: its weight at the start; 1 for CelebA-HQ, 2 for AFHQ.
        w_cycle: weight of the cycle.
        w_r1: weight of the gradient penalty.
        diversity_iters: iterations until the diversity has no weight.
        outputs: translations of each image to each domain in a test, by as many latents, and to its target by as many
            references ('ref', 'ref2', ...); 10 for the numbers of the paper. The first are ``fake_<domain>`` and
            ``fake_ref``, the others ``fake_<domain>_1`` and so on. Validations and samples have the first alone.

    Batch:
        img, ref, ref2: ``(N, C, H, W)`` in [-1, 1]; label ``(N,)`` of img, target ``(N,)`` of the two references.
    """

    schedule = (Phase('D_latent', ('D',), 'D'), Phase('D_reference', ('D',), 'D'),
                Phase('G_latent', ('G', 'F', 'E'), 'G'), Phase('G_reference', ('G',), 'G'))

    carries = {'G': ('img', 'img'), 'E': ('img',), 'D': ('img',)}

    G: ImageNetwork
    F: MappingNetwork
    E: SizedNetwork
    D: nn.Module

    def __init__(self, G: Backbone, F: Backbone, E: Backbone, D: Discriminator, domains: Sequence[str],
                 adversarial: Loss = VANILLA, reconstruction: Loss = L1,
                 w_style: Weight = 1.0, w_diversity: Weight = 1.0, w_cycle: Weight = 1.0, w_r1: Weight = 1.0,
                 diversity_iters: Count = 100_000, outputs: Annotated[int, Between(1, 1000)] = 1,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if len(domains) < 2 or len(set(domains)) < len(domains):
            raise ConfigError(f'model.domains: at least two different names, found {list(domains)}.')
        self.domains = tuple(domains)
        F, E, D = ({**net, 'domains': len(domains)} if isinstance(net, dict) else net for net in (F, E, D))
        self.add_networks(G=G, F=F, E=E, D=D)
        styles = {name: getattr(self, name).style for name in 'GFE'}
        if len(set(styles.values())) > 1:
            raise ConfigError(f'model: G, F and E must agree about the length of a style, found {styles}.')
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_style, self.w_diversity, self.w_cycle, self.w_r1 = w_style, w_diversity, w_cycle, w_r1
        self.diversity_iters, self.outputs = diversity_iters, outputs
        self.latent, self.size = self.F.latent, self.E.size
        self.directions = {name: self.translation('G', 'img', f'fake_{name}', nets=('G', 'F', 'E'),
                                                  options=('seed', 'reference', 'style')) for name in self.domains}
        image = Image('img', self.G.in_channels, self.size)
        label = ClassLabel('label', len(self.domains))
        self.needs = (image, replace(image, name='ref'), replace(image, name='ref2'),
                      label, replace(label, name='target'))
        self.shows = {'img': Shown('input'), **self._shown()}

    def penalised(self) -> tuple[str, ...]:
        return ('D',) if self.w_r1 else super().penalised()

    def prepare(self, b: Batch) -> None:
        b.z, b.z2 = (self.noise(b, name, (self.latent,)) for name in ('z', 'z2'))

    def loss_D_latent(self, b: Batch) -> dict[str, Tensor]:
        return self._loss_D(b, self.F(b.z, b.target))

    def loss_D_reference(self, b: Batch) -> dict[str, Tensor]:
        return self._loss_D(b, self.E(b.ref, b.target))

    def loss_G_latent(self, b: Batch) -> dict[str, Tensor]:
        return self._loss_G(b, lambda: self.F(b.z, b.target), lambda: self.F(b.z2, b.target))

    def loss_G_reference(self, b: Batch) -> dict[str, Tensor]:
        return self._loss_G(b, lambda: self.E(b.ref, b.target), lambda: self.E(b.ref2, b.target))

    def _loss_D(self, b: Batch, s: Tensor) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}

        # R1: squared gradient at real images
        if self.w_r1:
            penalty, real = r1_penalty(lambda x: self.D(x, b.label), b.img)
            losses['r1'] = self.w_r1 * penalty
        else:
            real = self.D(b.img, b.label)

        # Adversarial, on the branch of the image's domain
        losses['real'] = self.adversarial(real, real=True, for_D=True)
        losses['fake'] = self.adversarial(self.D(self.G(b.img, s).detach(), b.target), real=False, for_D=True)
        return losses

    def _loss_G(self, b: Batch, first: Callable[[], Tensor], second: Callable[[], Tensor]) -> dict[str, Tensor]:
        s = first()
        fake = self.G(b.img, s)

        # Adversarial: the fake is taken for a real image of the target domain
        losses = dict(adv=self.adversarial(self.D(fake, b.target), real=True))

        # Style reconstruction: the encoder finds the style in the fake
        if self.w_style:
            losses['style'] = self.w_style * self.reconstruction(self.E(fake, b.target), s)

        # Diversity: another style gives another image; its weight falls to 0
        w_diversity = self.w_diversity * max(0.0, 1 - self.iteration / self.diversity_iters)
        if w_diversity:
            with torch.no_grad():
                other = self.G(b.img, second())
            losses['diversity'] = -w_diversity * self.reconstruction(fake, other)

        # Cycle: in its own style the fake becomes the image again
        if self.w_cycle:
            losses['cycle'] = self.w_cycle * self.reconstruction(self.G(fake, self.E(b.img, b.label)), b.img)
        return losses

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return self._translations(b, 1)

    def predict_test(self, b: Batch) -> dict[str, Tensor]:
        return self._translations(b, self.outputs)

    def _translations(self, b: Batch, outputs: int) -> dict[str, Tensor]:
        images = dict(img=b.img)
        for i in range(outputs):
            number = f'_{i}' if i else ''
            z = self.noise(b, f'evaluation {self.test_cfg["seed"]}{number}', (self.latent,))
            for name in self.domains:
                images[f'fake_{name}{number}'] = self.generate(self.G, b.img, self.F(z, self._label(name, len(z))))
        for i in range(outputs):
            ref = f'ref{i + 1}' if i else 'ref'
            images[ref] = getattr(b, ref)
            images[f'fake_ref_{i}' if i else 'fake_ref'] = self.generate(self.G, b.img, self.E(images[ref], b.target))
        return images

    def _shown(self) -> dict[str, Shown]:
        numbers = ['', *(f'_{i}' for i in range(1, self.outputs))]
        shown = {f'fake_{name}{number}': Shown(f'to {name}', of='img', like='img')
                 for number in numbers for name in self.domains}
        for i, number in enumerate(numbers):
            ref = f'ref{i + 1}' if i else 'ref'
            shown |= {ref: Shown('reference'), f'fake_ref{number}': Shown('in its style', of='img', like=ref)}
        return shown

    def answer(self, direction: str, b: Batch, style: Tensor | None = None, **options: Any) -> Tensor:
        """``b.img`` in a domain, in a style: a given one, that of a reference, or of a seed.

        Args:
            direction: name of the domain.
            b: images ``(N, C, H, W)`` in [-1, 1].
            style: ``(1, style)``; if none is given, that of :meth:`style_of`.
            **options: seed or reference, one image ``(1, C, h, w)`` of any size.
        """
        if style is None:
            style = self.style_of(direction, **options)
        return self.generate(self.G, b.img, style.expand(b.img.shape[0], -1))

    def style_of(self, direction: str, seed: int | None = None, reference: Tensor | None = None) -> Tensor:
        """The style ``(1, style)`` of a reference in a domain, or of the latent of a seed."""
        label = self._label(direction, 1)
        if reference is not None:
            return self.E(resized(reference, self.size), label)
        z = self.noise_of([self.test_cfg['seed'] if seed is None else seed], 'style', (self.latent,))
        return self.F(z.to(label.device), label)

    def _label(self, domain: str, count: int) -> Tensor:
        return torch.full((count,), self.domains.index(domain), device=self.data_preprocessor.device)
