"""Isola, Zhu, Zhou, Efros: Image-to-image translation with conditional adversarial networks, CVPR 2017."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, Weight, build
from .base import Method
from .batch import Batch
from .contracts import ImageNetwork
from .directions import Image, Shown
from .schedule import Phase

VANILLA = dict(type='AdversarialLoss', mode='vanilla')
L1 = dict(type='L1Loss')


@METHODS.register_module()
class Pix2Pix(Method):
    """A translation learnt from pairs, judged together with its input.

    The generator minimises ``adv(D(A, G(A))) + w_rec |G(A) - B|`` (eq. 4), the discriminator half the sum of its loss
    on the fake and on the real pair. Order of updates: the discriminator on the fake of this iteration, then the
    generator on the same fake with the updated discriminator (the authors' PyTorch code; their Torch code does not
    halve and reuses the discriminator's output from before its update).

    Args:
        G: generator A -> B.
        D: discriminator of the concatenation of A and B.
        adversarial: loss of the adversarial terms.
        reconstruction: loss between the fake and B.
        w_rec: weight of the reconstruction; 100 in the paper. 0 turns it off.
        test_cfg: the paper generates with dropout active and BatchNorm statistics of the test image, the default here
            (``dict(dropout=True, norm='batch', seed=0)``).

    Batch:
        A, B: ``(N, C, H, W)`` in [-1, 1], aligned.
    """

    schedule = (Phase('D', trains=('D',)), Phase('G', trains=('G',)))
    carries = {'G': ('A', 'B'), 'D': (('A', 'B'),)}
    shows = {'A': Shown('A'), 'fake_B': Shown('translation to B', of='A', like='B', paired=True), 'B': Shown('B')}

    G: ImageNetwork
    D: nn.Module

    def __init__(self, G: Backbone, D: Discriminator,
                 adversarial: Loss = VANILLA, reconstruction: Loss = L1,
                 w_rec: Weight = 100.0, test_cfg: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(test_cfg={'dropout': True, 'norm': 'batch', **(test_cfg or {})}, **kwargs)
        self.add_networks(G=G, D=D)
        self.directions = {'AtoB': self.translation('G', 'A', 'fake_B')}
        self.needs = (Image('A', self.G.in_channels), Image('B', self.G.out_channels))
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_rec = w_rec

    def prepare(self, b: Batch) -> None:
        b.fake_B = self.G(b.A)

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        fake, real = torch.cat([b.A, b.fake_B.detach()], 1), torch.cat([b.A, b.B], 1)
        losses = dict(fake=0.5 * self.adversarial(self.D(fake), real=False, for_D=True),
                      real=0.5 * self.adversarial(self.D(real), real=True, for_D=True))
        if self.adversarial.has_penalty:
            losses['penalty'] = self.adversarial.penalty(self.D, real, fake)
        return losses

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        # Adversarial: the fake is taken for the true partner of its input
        losses = dict(adv=self.adversarial(self.D(torch.cat([b.A, b.fake_B], 1)), real=True))

        # Reconstruction: it is near the true partner
        if self.w_rec:
            losses['rec'] = self.w_rec * self.reconstruction(b.fake_B, b.B)
        return losses

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(A=b.A, fake_B=self.generate(self.G, b.A), B=b.B)
