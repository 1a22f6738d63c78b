"""Mejjati, Richardt, Tompkin, Cosker, Kim: Unsupervised attention-guided image-to-image translation, NeurIPS 2018."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, Natural, Probability, Weight, build
from .attention import AttentionMethod
from .batch import Batch
from .image_pool import ImagePool
from .schedule import Phase, Stage

LSGAN = dict(type='AdversarialLoss', mode='lsgan')
L1 = dict(type='L1Loss')


@METHODS.register_module()
class AGGAN(AttentionMethod):
    """Two translations that change only what their attention networks select; the rest of the image is kept.

    The translation of A is ``m G_AB(A) + (1 - m) A`` with the mask ``m = A_A(A)`` (eq. 1), and the same holds for B.
    ``G_AB`` and ``A_A`` minimise (eq. 4)::

        adv(D_B(fake_B)) + w_cycle |rec_A - A| + w_cycle |rec_B - B|

    ``G_BA`` and ``A_B`` the same with A and B exchanged, and each discriminator half the sum of its loss on a real
    image and on one from the history of fakes. Order of updates: G_AB, D_B, G_BA, D_A, each with the networks as the
    updates before it left them (the authors' code runs its graph anew for each).

    After ``attention_epochs`` epochs the attention networks rest, and the discriminators see images only where the mask
    of the original image reaches ``threshold`` (section 3.1), without their norms. Which of the two stages it is
    follows from the epoch alone.

    Args:
        G_AB: generator A -> B.
        G_BA: generator B -> A.
        A_A: attention network of domain A: images to masks ``(N, 1, H, W)`` in [0, 1].
        A_B: attention network of domain B.
        D_A: discriminator of domain A, called as ``D_A(images, norm=True or False)``.
        D_B: discriminator of domain B.
        adversarial: loss of the adversarial terms.
        reconstruction: loss of the cycle terms.
        w_cycle: 10 in the paper.
        attention_epochs: epochs with attention training; 30 in the paper.
        threshold: of the masks in the second stage; 0.1 in the paper.
        pool_size: fakes (with their masks) in each history; 0 judges the current fakes.

    Batch:
        A, B: ``(N, C, H, W)`` in [-1, 1], unpaired.
    """

    carries = {'G_AB': ('A', 'B'), 'G_BA': ('B', 'A'), 'A_A': ('A',), 'A_B': ('B',), 'D_A': ('A',), 'D_B': ('B',)}
    schedule = (Phase('G_AB', trains=('G_AB', 'A_A'), optim='G'), Phase('D_B', trains=('D_B',), optim='D'),
                Phase('G_BA', trains=('G_BA', 'A_B'), optim='G'), Phase('D_A', trains=('D_A',), optim='D'))

    G_AB: nn.Module
    G_BA: nn.Module
    A_A: nn.Module
    A_B: nn.Module
    D_A: nn.Module
    D_B: nn.Module

    def __init__(self, G_AB: Backbone, G_BA: Backbone, A_A: Backbone, A_B: Backbone, D_A: Discriminator,
                 D_B: Discriminator, adversarial: Loss = LSGAN, reconstruction: Loss = L1,
                 w_cycle: Weight = 10.0, attention_epochs: Natural = 30, threshold: Probability = 0.1,
                 pool_size: Natural = 50, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G_AB=G_AB, G_BA=G_BA, A_A=A_A, A_B=A_B, D_A=D_A, D_B=D_B)
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        if self.adversarial.has_penalty:
            raise ConfigError("model.adversarial.mode: AGGAN has no gradient penalty, as masked images cannot be "
                              "mixed; use 'lsgan', 'vanilla', 'hinge' or 'wgan'.")
        for name in ('G_AB', 'G_BA'):
            G = getattr(self, name)
            if G.in_channels != G.out_channels:
                raise ConfigError(f'model.{name}: its images are blended with its input, but it maps {G.in_channels} '
                                  f'channel(s) to {G.out_channels}. Load both domains with the same channels.')
        for name in ('D_A', 'D_B'):
            known = inspect.signature(getattr(self, name).forward).parameters
            if 'norm' not in known and all(one.kind != one.VAR_KEYWORD for one in known.values()):
                raise ConfigError(f"model.{name}: masked images are judged without norms, by D(x, norm=...), which "
                                  f"{type(getattr(self, name)).__name__} does not take; use 'AGGANDiscriminator', or "
                                  'give yours this argument.')
        self.w_cycle, self.threshold = w_cycle, threshold
        self.stages = (Stage('attention', epochs=attention_epochs), Stage('masked', rests=('A_A', 'A_B')))
        self.ask_for_both(AtoB=('G_AB', 'A_A'), BtoA=('G_BA', 'A_B'))
        self.pool_A, self.pool_B = ImagePool(pool_size), ImagePool(pool_size)

    @property
    def masked(self) -> bool:
        """Whether discriminators see masked images."""
        return self.stage is not None and self.stage.name == 'masked'

    def loss_G_AB(self, b: Batch) -> dict[str, Tensor]:
        return {'adv': self.adversarial(self._judge(self.D_B, *self._translations(b)[0]), real=True), **self._cycles(b)}

    def loss_G_BA(self, b: Batch) -> dict[str, Tensor]:
        return {'adv': self.adversarial(self._judge(self.D_A, *self._translations(b)[1]), real=True), **self._cycles(b)}

    def _translations(self, b: Batch) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Fakes with the masks of their originals, kept for the discriminator that is updated next."""
        b.fake_B, b.mask_A = self.attend(b.A, 'AtoB')
        b.fake_A, b.mask_B = self.attend(b.B, 'BtoA')
        return (b.fake_B, b.mask_A), (b.fake_A, b.mask_B)

    def _make_missing(self, b: Batch) -> None:
        """The translations for a discriminator whose generator's phase trains nothing (``freeze``)."""
        if 'fake_B' not in b:
            with torch.no_grad():
                self._translations(b)

    def _cycles(self, b: Batch) -> dict[str, Tensor]:
        if not self.w_cycle:
            return {}
        rec_A, rec_B = self.attend(b.fake_B, 'BtoA')[0], self.attend(b.fake_A, 'AtoB')[0]
        return {'cycle_A': self.w_cycle * self.reconstruction(rec_A, b.A),
                'cycle_B': self.w_cycle * self.reconstruction(rec_B, b.B)}

    def loss_D_B(self, b: Batch) -> dict[str, Tensor]:
        self._make_missing(b)
        return self._loss_D(self.D_B, self.pool_B, b.B, b.mask_B, b.fake_B, b.mask_A)

    def loss_D_A(self, b: Batch) -> dict[str, Tensor]:
        self._make_missing(b)
        return self._loss_D(self.D_A, self.pool_A, b.A, b.mask_A, b.fake_A, b.mask_B)

    def _loss_D(self, D: nn.Module, pool: ImagePool, real: Tensor, mask: Tensor, fake: Tensor,
                fake_mask: Tensor) -> dict[str, Tensor]:
        older = pool.query(torch.cat([fake, fake_mask], dim=1).detach())
        fake, fake_mask = older[:, :-1], older[:, -1:]
        return dict(real=0.5 * self.adversarial(self._judge(D, real, mask.detach()), real=True, for_D=True),
                    fake=0.5 * self.adversarial(self._judge(D, fake, fake_mask), real=False, for_D=True))

    def _judge(self, D: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
        """``D(x)``, in the second stage of what the mask shows; the threshold lets no gradient pass to the mask."""
        return D(x * (mask >= self.threshold), norm=False) if self.masked else D(x)

    def attend(self, x: Tensor, direction: str) -> tuple[Tensor, Tensor]:
        G, attention = (self.G_AB, self.A_A) if direction == 'AtoB' else (self.G_BA, self.A_B)
        mask = attention(x)
        return mask * G(x) + (1 - mask) * x, mask
