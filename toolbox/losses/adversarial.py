"""The adversarial objectives of a discriminator and a generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import LOSSES, Weight
from .penalties import Extent, Judgement, Point, gradient_penalty, outputs

Mode = Literal['lsgan', 'vanilla', 'saturating', 'hinge', 'wgan', 'wgan-gp']


@LOSSES.register_module()
class AdversarialLoss(nn.Module):
    """Adversarial objective on the raw outputs (logits, scores) of a discriminator; the mean over all patches.

    - 'lsgan': squared distance to the label (Mao et al. 2017).
    - 'vanilla': binary cross-entropy of the sigmoid; for G the non-saturating form (Goodfellow et al. 2014).
    - 'saturating': the same for D; for G the minimax form ``log(1 - sigmoid(D))`` (ibid., eq. 1), whose gradient
      vanishes where D is confident.
    - 'hinge': ``relu(1 - D(real))`` and ``relu(1 + D(fake))`` for D, ``-D(fake)`` for G (SPADE, SAGAN).
    - 'wgan': ``-D`` to look real, ``+D`` to look fake; the method must keep D Lipschitz (Arjovsky et al. 2017).
    - 'wgan-gp': the same, with the gradient penalty in :meth:`penalty` (Gulrajani et al. 2017).

    Args:
        mode: one of the above.
        real_label: target of real images, for 'lsgan', 'vanilla' and 'saturating' (one-sided smoothing: 0.9).
        fake_label: target of generated images, for the same three.
        penalty_weight: lambda of the gradient penalty, for 'wgan-gp'.
        penalty_mode: where the gradient is taken: 'mixed' (between real and fake), 'real' or 'fake'.
        penalty_target: target norm of the gradient.
        penalty_extent: of one norm: the whole 'image', or a 'pixel' over its channels.
        scales: the losses of several scales are averaged ('mean', SPADE) or added ('sum', Pix2PixHD).

    Raises:
        ConfigError: an unknown mode, or an argument without effect in this mode.
    """

    def __init__(self, mode: Mode = 'lsgan', real_label: float = 1.0, fake_label: float = 0.0,
                 penalty_weight: Weight = 10.0, penalty_mode: Point = 'mixed', penalty_target: Weight = 1.0,
                 penalty_extent: Extent = 'image', scales: Literal['mean', 'sum'] = 'mean') -> None:
        super().__init__()
        self.scales = scales
        self.mode, self.real_label, self.fake_label = mode, real_label, fake_label
        self.penalty_weight, self.penalty_mode, self.penalty_target = penalty_weight, penalty_mode, penalty_target
        self.penalty_extent = penalty_extent
        self._reject_unused_arguments()

    def _reject_unused_arguments(self) -> None:
        labels = ('lsgan', 'vanilla', 'saturating')
        defaults = {'real_label': (1.0, labels), 'fake_label': (0.0, labels), 'penalty_weight': (10.0, ('wgan-gp',)),
                    'penalty_mode': ('mixed', ('wgan-gp',)), 'penalty_target': (1.0, ('wgan-gp',)),
                    'penalty_extent': ('image', ('wgan-gp',))}
        for name, (default, modes) in defaults.items():
            if getattr(self, name) != default and self.mode not in modes:
                raise ConfigError(f'AdversarialLoss.{name}: has no effect with mode {self.mode!r}; remove it, or use'
                                  f' mode {" or ".join(map(repr, modes))}.')

    @property
    def has_penalty(self) -> bool:
        """Whether :meth:`penalty` adds to the loss of D."""
        return self.mode == 'wgan-gp'

    def forward(self, pred: Judgement, real: bool, for_D: bool = False) -> Tensor:
        """The loss of ``pred`` when the images should look real (or fake), a scalar.

        Args:
            pred: outputs of D, of any shape, or one tensor per scale, whose losses are averaged or added; of a scale
                that gives its features, the last ones are its output.
            real: the target output of D: True for real images in D's step and for fakes in G's step.
            for_D: whether this is D's step, which matters for 'hinge' and 'saturating'.
        """
        pred = outputs(pred)
        if isinstance(pred, Tensor):
            return self._one_scale(pred, real, for_D)
        losses = torch.stack([self._one_scale(p, real, for_D) for p in pred])
        return losses.mean() if self.scales == 'mean' else losses.sum()

    def _one_scale(self, pred: Tensor, real: bool, for_D: bool) -> Tensor:
        if pred.dtype in (torch.float16, torch.bfloat16):
            pred = pred.float()
        if self.mode == 'saturating' and not for_D:
            return -F.softplus(pred).mean()  # log(1 - sigmoid(D))
        if self.mode in ('lsgan', 'vanilla', 'saturating'):
            target = torch.full_like(pred, self.real_label if real else self.fake_label)
            distance = F.mse_loss if self.mode == 'lsgan' else F.binary_cross_entropy_with_logits
            return distance(pred, target)
        score = pred if real else -pred
        if self.mode == 'hinge' and for_D:
            return F.relu(1 - score).mean()
        return -score.mean()

    def penalty(self, D: Callable[[Tensor], Judgement], real: Tensor, fake: Tensor,
                alpha: Tensor | None = None) -> Tensor:
        """The weighted gradient penalty of 'wgan-gp' for D's step, a scalar; 0 at no cost in any other mode.

        Args:
            D: the discriminator as a function of the images (concatenated with the condition in a conditional method).
            real: real images ``(N, C, H, W)``.
            fake: generated images of the same shape.
            alpha: ``(N, 1)``, position between fake (0) and real (1); drawn from U(0, 1) if not given.
        """
        if not self.has_penalty:
            return real.new_zeros(())
        return gradient_penalty(D, real, fake, self.penalty_mode, self.penalty_target, self.penalty_weight, alpha,
                                self.penalty_extent)

    def of_G(self, D: Callable[[Tensor], Judgement], fake: Tensor, real: Tensor) -> Tensor:
        """The whole adversarial term of G's step, a scalar; a loss that compares both looks at ``real``, too.

        Args:
            D: the discriminator as a function of the images.
            fake: generated images ``(N, C, H, W)``.
            real: real images of the same shape.
        """
        return self(D(fake), real=True)

    def of_D(self, D: Callable[[Tensor], Judgement], fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The terms of D's step by name: half of the loss on each kind of image, and the penalty if there is one."""
        losses = dict(real=0.5 * self(D(real), real=True, for_D=True), fake=0.5 * self(D(fake), real=False, for_D=True))
        if self.has_penalty:
            losses['penalty'] = self.penalty(D, real, fake)
        return losses

    def extra_repr(self) -> str:
        return f'mode={self.mode!r}'
