"""Arjovsky, Chintala, Bottou: Wasserstein generative adversarial networks, ICML 2017 (weight clipping); Gulrajani et
al.: Improved training of Wasserstein GANs, NeurIPS 2017 (gradient penalty)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..checks import require_at_least
from ..errors import ConfigError
from ..registry import LOSSES, METHODS, Backbone, Count, Discriminator, Loss, Positive, Weight, build
from .batch import Batch
from .latent import LatentMethod
from .schedule import Phase

WASSERSTEIN = dict(type='AdversarialLoss', mode='wgan')


@dataclass(frozen=True)
class CriticSteps:
    """How many critic steps precede each generator step: ``usual``, or ``long`` now and then.

    The authors of WGAN take 100 for the first 25 generator steps and for every 500th, else 5.

    Args:
        usual: critic steps per generator step.
        long: critic steps before the exceptional ones.
        first: so many generator steps at the beginning are exceptional ...
        period: ... and those whose number is a multiple of this, counted from 0; 0 for none.
    """

    usual: int = 5
    long: int = 100
    first: int = 25
    period: int = 500

    def __post_init__(self) -> None:
        require_at_least(1, **{'critic steps: usual': self.usual, 'critic steps: long': self.long})
        require_at_least(0, **{'critic steps: first': self.first, 'critic steps: period': self.period})

    def is_due(self, steps: int) -> bool:
        """Whether a generator step follows the critic step of this number, counted from 1."""
        beginning = self.first * self.long
        if steps <= beginning:
            return steps % self.long == 0
        steps -= beginning
        until_period = -self.first % self.period if self.period else steps
        if steps <= until_period * self.usual:
            return steps % self.usual == 0
        steps -= until_period * self.usual
        place = steps % (self.long + (self.period - 1) * self.usual)  # a period: one long run, then usual ones
        return place == 0 or (place >= self.long and (place - self.long) % self.usual == 0)

    def __str__(self) -> str:
        often = f' and every {self.period}th time' if self.period else ''
        return f'{self.usual} ({self.long} for the first {self.first} times{often})'


@METHODS.register_module()
class WGAN(LatentMethod):
    """A generator that lowers the Wasserstein distance of its images to real ones, which a critic estimates.

    The critic maximises ``mean D(x) - mean D(G(z))`` over functions of bounded slope, and G ``mean D(G(z))``. The slope
    is bounded by clipping the critic's weights (WGAN, algorithm 1) or by a penalty on its gradient (WGAN-GP, algorithm
    1). An iteration is one critic step on new images; a generator step with noise of its own follows every
    ``n_critic``-th. Minus the sum of the logged ``D/real`` and ``D/fake`` is the estimated distance (up to a factor
    with clipping).

    The weights are clipped *before* each critic step, as in the authors' code: after it, and in the generator's step,
    they may be larger by one step.

    Args:
        G: generator ``(z)`` or ``(z, label)``.
        D: critic ``(image)`` or ``(image, label)``, without sigmoid.
        adversarial: loss of mode 'wgan' (with ``clip``) or 'wgan-gp'.
        clip: bound of every weight of the critic; 0.01 in WGAN.
        n_critic: critic steps per generator step; 5 in both papers.
        long_runs: ``dict(long=100, first=25, period=500)``: more critic steps at times, see :class:`CriticSteps`.
        G_batches: the generator's step takes so many times the noise of a critic step; 2 for WGAN-GP's ResNet on
            CIFAR-10.
        dequantize: width of the uniform noise added to real images, in units of [-1, 1]; 1/128 there.
        **kwargs: those of :class:`LatentMethod`, such as ``prior``, the distribution of z ('normal' or 'uniform').

    Raises:
        ConfigError: G and D differ in classes; or the slope is bounded in no way, or in two.
    """

    schedule = (Phase('D', trains=('D',)), Phase('G', trains=('G',), every=5))

    D: nn.Module

    def __init__(self, G: Backbone, D: Discriminator, adversarial: Loss = WASSERSTEIN, clip: Positive | None = None,
                 n_critic: Count = 5, long_runs: dict[str, int] | None = None, G_batches: Count = 1,
                 dequantize: Weight = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G, D=D)
        self.check_classes(self.D)
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        if (clip is None) != self.adversarial.has_penalty:
            raise ConfigError("model: the slope of the critic is bounded by clip=0.01 with adversarial mode 'wgan', "
                              f"or by mode 'wgan-gp' without clip; found clip={clip} with {self.adversarial}.")
        self.clip, self.G_batches, self.dequantize = clip, G_batches, dequantize
        every = CriticSteps(n_critic, **long_runs) if long_runs else n_critic
        self.schedule = (Phase('D', trains=('D',)), Phase('G', trains=('G',), every=every))

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        label, real = self.label_of(b), b.img
        if self.dequantize:
            real = real + self.dequantize * (self.noise(b, 'dequantize', real.shape[1:], 'uniform') + 1) / 2
        with torch.no_grad():
            fake = self.G(self.latents(b, 'z of D'), *label)

        # Wasserstein estimate: mean over real images minus mean over fakes
        losses = dict(real=self.adversarial(self.D(real, *label), real=True, for_D=True),
                      fake=self.adversarial(self.D(fake, *label), real=False, for_D=True))

        # Gradient penalty on the way from fakes to real images
        if self.adversarial.has_penalty:
            between = (self.noise(b, 'penalty', (1,), 'uniform') + 1) / 2
            losses['penalty'] = self.adversarial.penalty(lambda x: self.D(x, *label), real, fake, between)
        return losses

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        z = torch.cat([self.latents(b, f'z of G {i}') for i in range(self.G_batches)])
        label = [c.repeat(self.G_batches) for c in self.label_of(b)]
        return dict(adv=self.adversarial(self.D(self.G(z, *label), *label), real=True))

    @torch.no_grad()
    def before_phase(self, phase: Phase) -> None:
        if self.clip is not None and phase.name == 'D':
            trained = tuple(p for p in self.D.parameters() if p.requires_grad)
            torch._foreach_clamp_min_(trained, -self.clip)
            torch._foreach_clamp_max_(trained, self.clip)
