"""Zhu, Park, Isola, Efros: Unpaired image-to-image translation using cycle-consistent adversarial networks,
ICCV 2017."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, Natural, Weight, build
from .base import Method, can_join
from .batch import Batch
from .contracts import ImageNetwork
from .directions import Image, Shown
from .image_pool import ImagePool
from .schedule import Phase

LSGAN = dict(type='AdversarialLoss', mode='lsgan')
L1 = dict(type='L1Loss')


@METHODS.register_module()
class CycleGAN(Method):
    """Two translations learnt from unpaired images, each undone by the other.

    The generators minimise (eq. 3, least-squares form of section 4)::

        adv(D_B(G_AB(A))) + adv(D_A(G_BA(B)))
        + w_cycle_A |G_BA(G_AB(A)) - A| + w_cycle_B |G_AB(G_BA(B)) - B|
        + w_identity_A |G_BA(A) - A| + w_identity_B |G_AB(B) - B|

    and each discriminator half the sum of its loss on a real image and on one from the history of fakes. Order of
    updates: both generators, then both discriminators, which judge the fakes made before the generators' update.

    Args:
        G_AB: generator A -> B.
        G_BA: generator B -> A; the two may differ in everything (channels of A and B included).
        D_A: discriminator of domain A (the authors' code calls it ``D_B``).
        D_B: discriminator of domain B.
        adversarial: loss of the adversarial terms.
        reconstruction: loss of the cycle and identity terms.
        w_cycle_A: weight of the cycle A -> B -> A; 10 in the paper.
        w_cycle_B: weight of the cycle B -> A -> B; 10 in the paper.
        w_identity_A: absolute weight; the authors' ``lambda_identity`` 0.5 is a fraction of 10 and is 5 here.
        w_identity_B: absolute weight, as above. A weight of 0 saves the forward pass.
        pool_size: fakes in each history; 0 judges the current fakes.

    Batch:
        A, B: ``(N, C, H, W)`` in [-1, 1], unpaired.
    """

    schedule = (Phase('G', trains=('G_AB', 'G_BA')), Phase('D', trains=('D_A', 'D_B')))
    carries = {'G_AB': ('A', 'B'), 'G_BA': ('B', 'A'), 'D_A': ('A',), 'D_B': ('B',)}
    shows = {'A': Shown('A'), 'fake_B': Shown('translation to B', of='A', like='B'),
             'rec_A': Shown('back to A', of='fake_B', like='A', paired=True),
             'B': Shown('B'), 'fake_A': Shown('translation to A', of='B', like='A'),
             'rec_B': Shown('back to B', of='fake_A', like='B', paired=True)}

    G_AB: ImageNetwork
    G_BA: ImageNetwork
    D_A: nn.Module
    D_B: nn.Module

    def __init__(self, G_AB: Backbone, G_BA: Backbone, D_A: Discriminator, D_B: Discriminator,
                 adversarial: Loss = LSGAN, reconstruction: Loss = L1,
                 w_cycle_A: Weight = 10.0, w_cycle_B: Weight = 10.0,
                 w_identity_A: Weight = 5.0, w_identity_B: Weight = 5.0, pool_size: Natural = 50,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G_AB=G_AB, G_BA=G_BA, D_A=D_A, D_B=D_B)
        self.directions = {'AtoB': self.translation('G_AB', 'A', 'fake_B'),
                           'BtoA': self.translation('G_BA', 'B', 'fake_A')}
        self.needs = (Image('A', self.G_AB.in_channels), Image('B', self.G_BA.in_channels))
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_cycle_A, self.w_cycle_B = w_cycle_A, w_cycle_B
        self.w_identity_A, self.w_identity_B = w_identity_A, w_identity_B
        self.pool_A, self.pool_B = ImagePool(pool_size), ImagePool(pool_size)
        impossible = [f'model.{name}: the identity loss gives a generator images of its own output, but here it maps '
                      f'{G.in_channels} channel(s) to {G.out_channels}. Set model.{name}=0.'
                      for name, G in (('w_identity_B', self.G_AB), ('w_identity_A', self.G_BA))
                      if getattr(self, name) and G.in_channels != G.out_channels]
        if impossible:
            raise ConfigError('\n'.join(impossible))

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        b.fake_B, same_B = self._with_identity(self.G_AB, b.A, b.B, self.w_identity_B)
        b.fake_A, same_A = self._with_identity(self.G_BA, b.B, b.A, self.w_identity_A)

        # Adversarial: each fake is taken for a real image of its domain
        losses = dict(adv_B=self.adversarial(self.D_B(b.fake_B), real=True),
                      adv_A=self.adversarial(self.D_A(b.fake_A), real=True))

        # Cycle: the way there and back gives the image again
        if self.w_cycle_A:
            losses['cycle_A'] = self.w_cycle_A * self.reconstruction(self.G_BA(b.fake_B), b.A)
        if self.w_cycle_B:
            losses['cycle_B'] = self.w_cycle_B * self.reconstruction(self.G_AB(b.fake_A), b.B)

        # Identity: an image of the target domain stays as it is
        if same_B is not None:
            losses['identity_B'] = self.w_identity_B * self.reconstruction(same_B, b.B)
        if same_A is not None:
            losses['identity_A'] = self.w_identity_A * self.reconstruction(same_A, b.A)
        return losses

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        if 'fake_B' not in b:  # both generators are frozen
            with torch.no_grad():
                b.fake_B, b.fake_A = self.G_AB(b.A), self.G_BA(b.B)
        losses: dict[str, Tensor] = {}
        for name, D, pool, real, fake in (('B', self.D_B, self.pool_B, b.B, b.fake_B),
                                          ('A', self.D_A, self.pool_A, b.A, b.fake_A)):
            fake = pool.query(fake.detach())
            losses[name] = 0.5 * (self.adversarial(D(real), real=True, for_D=True)
                                  + self.adversarial(D(fake), real=False, for_D=True))
            if self.adversarial.has_penalty:
                losses[f'penalty_{name}'] = self.adversarial.penalty(D, real, fake)
        return losses

    def predict(self, b: Batch) -> dict[str, Tensor]:
        fake_B, fake_A = self.generate(self.G_AB, b.A), self.generate(self.G_BA, b.B)
        return dict(A=b.A, fake_B=fake_B, rec_A=self.generate(self.G_BA, fake_B),
                    B=b.B, fake_A=fake_A, rec_B=self.generate(self.G_AB, fake_A))

    @staticmethod
    def _with_identity(G: nn.Module, source: Tensor, target: Tensor, weight: float) -> tuple[Tensor, Tensor | None]:
        """``G(source)`` and, for the identity loss, ``G(target)``; in one pass if samples are independent."""
        if not weight:
            return G(source), None
        if can_join(G, source, target):
            fake, same = G(torch.cat([source, target])).split([len(source), len(target)])
            return fake, same
        return G(source), G(target)
