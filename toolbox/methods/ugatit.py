"""Kim, Kim, Kang, Lee: U-GAT-IT: Unsupervised generative attentional networks with adaptive layer-instance
normalization for image-to-image translation, ICLR 2020."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, Weight, build
from .attention import AttentionMethod, stretched
from .base import can_join
from .batch import Batch
from .schedule import Phase

LSGAN = dict(type='AdversarialLoss', mode='lsgan')
L1 = dict(type='L1Loss')


@METHODS.register_module()
class UGATIT(AttentionMethod):
    """Two translations that look where an auxiliary classifier finds the difference between the domains.

    Every network returns images (or patch logits), the logits of its classifier (CAM) and a heat map. The generators
    minimise (eq. 6), here for G_AB; with A and B exchanged for G_BA::

        w_adv sum over D in {D_GB, D_LB} of [adv(D(G_AB(A))) + adv(CAM of D(G_AB(A)))]
        + w_cycle |G_BA(G_AB(A)) - A| + w_identity |G_AB(B) - B|
        + w_cam [BCE(CAM of G_AB(A), 1) + BCE(CAM of G_AB(B), 0)]

    and each of the four discriminators ``w_adv`` times its loss on a real image and on the fake of this iteration,
    patch logits and CAM logits added. Order of updates: the discriminators, then the generators on the same batch with
    the updated discriminators (the authors' PyTorch code; their TensorFlow code draws another batch).

    Args:
        G_AB: generator A -> B.
        G_BA: generator B -> A.
        D_GA: global discriminator of domain A.
        D_LA: local discriminator of domain A.
        D_GB: global discriminator of domain B.
        D_LB: local discriminator of domain B.
        adversarial: loss of the adversarial terms.
        reconstruction: loss of the cycle and identity terms.
        w_adv: 1 in the paper.
        w_cycle: 10 in the paper.
        w_identity: 10 in the paper.
        w_cam: 1000 in the paper. With ``w_identity`` and ``w_cam`` 0, the pass of the identity is saved.

    Batch:
        A, B: ``(N, C, H, W)`` in [-1, 1], unpaired.
    """

    carries = {'G_AB': ('A', 'B'), 'G_BA': ('B', 'A'), 'D_GA': ('A',), 'D_LA': ('A',), 'D_GB': ('B',), 'D_LB': ('B',)}
    schedule = (Phase('D', trains=('D_GA', 'D_LA', 'D_GB', 'D_LB')), Phase('G', trains=('G_AB', 'G_BA')))

    G_AB: nn.Module
    G_BA: nn.Module
    D_GA: nn.Module
    D_LA: nn.Module
    D_GB: nn.Module
    D_LB: nn.Module

    def __init__(self, G_AB: Backbone, G_BA: Backbone, D_GA: Discriminator, D_LA: Discriminator, D_GB: Discriminator,
                 D_LB: Discriminator, adversarial: Loss = LSGAN, reconstruction: Loss = L1, w_adv: Weight = 1.0,
                 w_cycle: Weight = 10.0, w_identity: Weight = 10.0, w_cam: Weight = 1000.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G_AB=G_AB, G_BA=G_BA, D_GA=D_GA, D_LA=D_LA, D_GB=D_GB, D_LB=D_LB)
        self.ask_for_both(AtoB=('G_AB',), BtoA=('G_BA',))
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_adv, self.w_cycle, self.w_identity, self.w_cam = w_adv, w_cycle, w_identity, w_cam

    def prepare(self, b: Batch) -> None:
        for target, G, source, other in (('B', self.G_AB, b.A, b.B), ('A', self.G_BA, b.B, b.A)):
            names = [f'fake_{target}', f'cam_fake_{target}', f'same_{target}', f'cam_same_{target}']
            for name, value in zip(names, self._translate(G, source, other), strict=False):
                setattr(b, name, value)

    def _translate(self, G: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        """``G(source)`` and its CAM logits, then the same of ``G(target)`` where the identity is needed."""
        if not (self.w_identity or self.w_cam):
            return G(source)[:2]
        if can_join(G, source, target):
            images, logits, _ = G(torch.cat([source, target]))
            (fake, same), (cam_fake, cam_same) = images.chunk(2), logits.chunk(2)
            return fake, cam_fake, same, cam_same
        return *G(source)[:2], *G(target)[:2]

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        for name, D, real, fake in self._judged(b):
            fake = fake.detach()
            for key, says_real, says_fake in zip((name, f'cam_{name}'), D(real), D(fake), strict=False):
                losses[key] = self.w_adv * (self.adversarial(says_real, real=True, for_D=True)
                                            + self.adversarial(says_fake, real=False, for_D=True))
            if self.adversarial.has_penalty:
                losses[f'penalty_{name}'] = self.w_adv * self.adversarial.penalty(first_of(D), real, fake)
        return losses

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}

        # Adversarial: patch logits and CAM logits of all four discriminators
        for name, D, _, fake in self._judged(b):
            for key, says in zip((f'adv_{name}', f'adv_cam_{name}'), D(fake), strict=False):
                losses[key] = self.w_adv * self.adversarial(says, real=True)

        # Cycle: the way there and back gives the image again
        if self.w_cycle:
            losses['cycle_A'] = self.w_cycle * self.reconstruction(self.G_BA(b.fake_B)[0], b.A)
            losses['cycle_B'] = self.w_cycle * self.reconstruction(self.G_AB(b.fake_A)[0], b.B)

        # Identity: an image of the target domain stays as it is
        if self.w_identity:
            losses['identity_A'] = self.w_identity * self.reconstruction(b.same_A, b.A)
            losses['identity_B'] = self.w_identity * self.reconstruction(b.same_B, b.B)

        # CAM: the generator's classifier tells the source domain from the target domain
        if self.w_cam:
            losses['cam_A'] = self.w_cam * cam_loss(b.cam_fake_A, b.cam_same_A)
            losses['cam_B'] = self.w_cam * cam_loss(b.cam_fake_B, b.cam_same_B)
        return losses

    def _judged(self, b: Batch) -> Iterator[tuple[str, nn.Module, Tensor, Tensor]]:
        """Each discriminator with a real image and a fake of its domain."""
        yield 'GA', self.D_GA, b.A, b.fake_A
        yield 'LA', self.D_LA, b.A, b.fake_A
        yield 'GB', self.D_GB, b.B, b.fake_B
        yield 'LB', self.D_LB, b.B, b.fake_B

    def attend(self, x: Tensor, direction: str) -> tuple[Tensor, Tensor]:
        image, _, heat = getattr(self, self.direction(direction).nets[0])(x)
        return image, stretched(heat, x.shape[2:])


def cam_loss(other: Tensor, own: Tensor) -> Tensor:
    """Cross-entropy of CAM logits: images of the other domain, which must change, against those of its own."""
    return (F.binary_cross_entropy_with_logits(other, torch.ones_like(other))
            + F.binary_cross_entropy_with_logits(own, torch.zeros_like(own)))


def first_of(net: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda x: net(x)[0]
