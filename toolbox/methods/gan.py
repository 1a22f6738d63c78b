"""Goodfellow et al.: Generative adversarial nets, NeurIPS 2014; and by config DCGAN (Radford et al., ICLR 2016) and
conditional GANs (Mirza, Osindero 2014)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, build
from .batch import Batch
from .latent import LatentMethod
from .schedule import Phase

VANILLA = dict(type='AdversarialLoss', mode='vanilla')


@METHODS.register_module()
class GAN(LatentMethod):
    """A generator of images from noise, and a discriminator between them and real ones.

    D minimises ``-log D(x) - log(1 - D(G(z)))`` (eq. 1), G ``-log D(G(z))`` (the non-saturating form of section 3), or
    ``log(1 - D(G(z)))`` with the adversarial mode 'saturating'. Networks with ``classes`` get the label of the real
    image, G and D alike: the conditional GAN, ``D(x | y)`` and ``G(z | y)``. Order of updates: D, then G on the same
    fakes, judged by the updated D (algorithm 1 with k = 1 draws new ones; the reuse is that of the usual DCGAN code and
    saves a pass).

    Args:
        G: generator ``(z)`` or ``(z, label)``.
        D: discriminator ``(image)`` or ``(image, label)``.
        adversarial: loss of both.
        **kwargs: those of :class:`LatentMethod`, such as ``prior``, the distribution of z ('normal' or 'uniform').

    Raises:
        ConfigError: G and D differ in classes, or the loss is one of WGAN.
    """

    schedule = (Phase('D', trains=('D',)), Phase('G', trains=('G',)))

    D: nn.Module

    def __init__(self, G: Backbone, D: Discriminator, adversarial: Loss = VANILLA, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G, D=D)
        self.check_classes(self.D)
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        if self.adversarial.has_penalty or getattr(self.adversarial, 'mode', None) == 'wgan':
            raise ConfigError("model.adversarial: what keeps D Lipschitz, a penalty or clipping, belongs to the method "
                              "'WGAN': set model.type.")

    def prepare(self, b: Batch) -> None:
        b.fake = self.G(self.latents(b), *self.label_of(b))

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        label = self.label_of(b)
        return dict(real=self.adversarial(self.D(b.img, *label), real=True, for_D=True),
                    fake=self.adversarial(self.D(b.fake.detach(), *label), real=False, for_D=True))

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return dict(adv=self.adversarial(self.D(b.fake, *self.label_of(b)), real=True))
