"""Liu, Breuel, Kautz: Unsupervised image-to-image translation networks, NIPS 2017, as in the authors' later code."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, Weight, build
from .base import Method
from .batch import Batch
from .contents import DOMAINS, SAME_CONTENT, check_codes, judged
from .contracts import ContentDecoder, ContentEncoder
from .directions import Direction, Image, Shown
from .schedule import Phase

LSGAN = dict(type='AdversarialLoss', mode='lsgan', scales='sum')
L1 = dict(type='L1Loss')


@METHODS.register_module()
class UNIT(Method):
    """Both domains share one latent space: an image of either is encoded there and decoded as an image of the other.

    The code of an image is normally distributed around what the encoder gives, with deviation 1. The encoders and
    decoders minimise (eq. 4), here for what becomes an image of A; with A and B exchanged for B::

        w_adv adv(D_A(G_A(z_B))) + w_rec |G_A(z_A) - A| + w_kl E_A(A)^2
        + w_cycle |G_B(E_A(G_A(z_B)) + noise) - B| + w_kl_cycle E_A(G_A(z_B))^2
        + w_vgg perceptual(G_A(z_B), B),        z_A = E_A(A) + noise,  z_B = E_B(B) + noise

    all of them means over the numbers; the squares stand for the Kullback-Leibler divergences from N(0, 1), which are
    half as large (eq. 2). Each discriminator minimises ``w_adv`` times its loss on a real image and on a fake.
    Order of updates: the discriminators, then encoders and decoders on the same batch, with new noise.

    The version of 2017 ties the weights of the layers next to the code and has other networks and weights; the authors'
    later code, whose numbers these are, leaves the ties out: the cycle holds the two spaces together.

    Args:
        E_A: encoder of domain A.
        E_B: encoder of domain B.
        G_A: decoder of codes to images of A.
        G_B: decoder of codes to images of B.
        D_A: discriminator of domain A.
        D_B: discriminator of domain B.
        adversarial: loss of the adversarial terms, added over scales.
        reconstruction: distance of images.
        perceptual: distance of a translation to its source that domains do not influence; None: the term is left out.
        w_adv: weight of the adversarial terms.
        w_rec: weight of the image's reconstruction from its own code.
        w_kl: weight of the code's divergence.
        w_cycle: weight of the cycle.
        w_kl_cycle: weight of the divergence of a translation's code.
        w_vgg: weight of the perceptual distance.

    Batch:
        A, B: ``(N, C, H, W)`` in [-1, 1], unpaired.
    """

    schedule = (Phase('D', trains=('D_A', 'D_B')), Phase('G', trains=('E_A', 'E_B', 'G_A', 'G_B')))
    carries = {'E_A': ('A',), 'E_B': ('B',), 'G_A': ((), 'A'), 'G_B': ((), 'B'), 'D_A': ('A',), 'D_B': ('B',)}
    shows = {'A': Shown('A'), 'fake_B': Shown('translation to B', of='A', like='B'),
             'rec_A': Shown('reconstruction', of='A', like='A', paired=True),
             'cyc_A': Shown('back to A', of='fake_B', like='A', paired=True),
             'B': Shown('B'), 'fake_A': Shown('translation to A', of='B', like='A'),
             'rec_B': Shown('reconstruction', of='B', like='B', paired=True),
             'cyc_B': Shown('back to B', of='fake_A', like='B', paired=True)}

    E_A: ContentEncoder
    E_B: ContentEncoder
    G_A: ContentDecoder
    G_B: ContentDecoder
    D_A: nn.Module
    D_B: nn.Module

    def __init__(self, E_A: Backbone, E_B: Backbone, G_A: Backbone, G_B: Backbone, D_A: Discriminator,
                 D_B: Discriminator, adversarial: Loss = LSGAN, reconstruction: Loss = L1,
                 perceptual: Loss | None = SAME_CONTENT, w_adv: Weight = 1.0, w_rec: Weight = 10.0, w_kl: Weight = 0.01,
                 w_cycle: Weight = 10.0, w_kl_cycle: Weight = 0.01, w_vgg: Weight = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(E_A=E_A, E_B=E_B, G_A=G_A, G_B=G_B, D_A=D_A, D_B=D_B)
        check_codes(dict(E_A=self.E_A, E_B=self.E_B), dict(G_A=self.G_A, G_B=self.G_B))
        self.needs = (Image('A', self.E_A.in_channels), Image('B', self.E_B.in_channels))
        self.directions = {
            f'{x.name}to{y}': Direction((f'E_{x.name}', f'G_{y}'), (x,), f'fake_{y}', divisor=self.E_A.size_divisor)
            for x, y in zip(self.needs, 'BA', strict=True)}
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.perceptual = build(perceptual, LOSSES, 'model.perceptual') if perceptual and w_vgg else None
        self.w_adv, self.w_rec, self.w_kl, self.w_cycle = w_adv, w_rec, w_kl, w_cycle
        self.w_kl_cycle, self.w_vgg = w_kl_cycle, w_vgg

    def prepare(self, b: Batch) -> None:
        b.mean_A, b.mean_B = self.E_A(b.A), self.E_B(b.B)

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        for x, y in DOMAINS:
            _, G, D = self._of(x)
            with torch.no_grad():
                fake = G(self._code(b, f'mean_{y}', f'noise {y} of D'))
            losses |= {f'{term}{x}': value for term, value in judged(self.adversarial, D, b[x], fake, self.w_adv)}
        return losses

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        for x in 'AB':
            setattr(b, f'code_{x}', self._code(b, f'mean_{x}', f'noise {x}'))
        for x, y in DOMAINS:
            E, G, D = self._of(x)
            fake = G(b[f'code_{y}'])

            # Adversarial: the translation is taken for an image of its domain
            losses[f'adv_{x}'] = self.w_adv * self.adversarial(D(fake), real=True)

            # Reconstruction: an image's own code gives the image
            if self.w_rec:
                losses[f'rec_{x}'] = self.w_rec * self.reconstruction(G(b[f'code_{x}']), b[x])

            # Kullback-Leibler: the codes of images are normally distributed
            if self.w_kl:
                losses[f'kl_{x}'] = self.w_kl * b[f'mean_{x}'].square().mean()

            # Cycle: the code of the translation gives its source again, and is normally distributed, too
            if self.w_cycle or self.w_kl_cycle:
                setattr(b, f'again_{y}', E(fake))
            if self.w_cycle:
                back = self._of(y)[1](self._code(b, f'again_{y}', f'noise {y} again'))
                losses[f'cycle_{y}'] = self.w_cycle * self.reconstruction(back, b[y])
            if self.w_kl_cycle:
                losses[f'kl_cycle_{y}'] = self.w_kl_cycle * b[f'again_{y}'].square().mean()

            # Perceptual: features without their style are those of the source
            if self.perceptual is not None:
                losses[f'vgg_{x}'] = self.w_vgg * self.perceptual(fake, b[y])
        return losses

    def predict(self, b: Batch) -> dict[str, Tensor]:
        images: dict[str, Tensor] = {}
        for x, y in DOMAINS:
            (E, G, _), (E_other, G_other, _) = self._of(x), self._of(y)
            mean = self.generate(E, b[x])
            fake = self.generate(G_other, mean)
            images |= {x: b[x], f'fake_{y}': fake, f'rec_{x}': self.generate(G, mean),
                       f'cyc_{x}': self.generate(G, self.generate(E_other, fake))}
        return images

    def answer(self, direction: str, b: Batch, **options: Any) -> Tensor:
        x, _, y = direction.partition('to')
        return self.generate(self._of(y)[1], self.generate(self._of(x)[0], b[x]))

    def _of(self, domain: str) -> tuple[nn.Module, nn.Module, nn.Module]:
        """Encoder, decoder and discriminator of a domain."""
        return getattr(self, f'E_{domain}'), getattr(self, f'G_{domain}'), getattr(self, f'D_{domain}')

    def _code(self, b: Batch, mean: str, noise: str) -> Tensor:
        return b[mean] + self.noise(b, noise, b[mean].shape[1:])
