"""The relativistic average objective (Jolicoeur-Martineau 2018), as ESRGAN uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

from ..errors import ConfigError
from ..registry import LOSSES
from .adversarial import AdversarialLoss
from .penalties import Judgement, outputs


@LOSSES.register_module()
class RelativisticLoss(AdversarialLoss):
    """Whether real images look more real than the fakes of the same batch do on average, and the other way round.

    The loss of :class:`AdversarialLoss` on ``D(real) - mean D(fake)`` and on ``D(fake) - mean D(real)``: D's step wants
    the first to look real and the second fake, G's step the opposite, so that G gets gradients from the real images
    too. Each step takes half of the sum of both (as in ESRGAN's code; eq. 1 and 2 of its paper are the sum). The mean
    is that of the joint batch of all processes.

    A method can use it if it calls :meth:`of_G` and :meth:`of_D`.

    Args:
        mode: 'vanilla' (cross-entropy, ESRGAN), 'lsgan' (squared distance to 1 and -1) or 'hinge'.
        scales: the losses of several scales of D are averaged or added.
    """

    def __init__(self, mode: Literal['vanilla', 'lsgan', 'hinge'] = 'vanilla',
                 scales: Literal['mean', 'sum'] = 'mean') -> None:
        super().__init__(mode, fake_label=-1.0 if mode == 'lsgan' else 0.0, scales=scales)

    def forward(self, pred: Judgement, real: bool, for_D: bool = False,
                other: Judgement | None = None) -> Tensor:
        """The loss of ``pred`` when it should look real (or fake) beside the mean of ``other``, a scalar.

        Args:
            pred: outputs of D, of any shape, or one tensor per scale.
            real: whether the images should look more real than the others.
            for_D: without effect: both steps minimise the same form.
            other: outputs of D for the images of the other kind, in the same form.
        """
        if other is None:
            raise ConfigError('RelativisticLoss compares real images with fakes, but this method judges them one by '
                              'one. Use AdversarialLoss, or a method that calls of_G and of_D (SRGAN).')
        pred, other = outputs(pred), outputs(other)
        if isinstance(pred, Tensor) and isinstance(other, Tensor):
            return super().forward(_beside(pred, other), real, for_D=True)
        return super().forward([_beside(*pair) for pair in zip(pred, other, strict=True)], real, for_D=True)

    def of_G(self, D: Callable[[Tensor], Judgement], fake: Tensor, real: Tensor) -> Tensor:
        of_fake, of_real = D(fake), D(real)
        return 0.5 * (self(of_fake, real=True, other=of_real) + self(of_real, real=False, other=of_fake))

    def of_D(self, D: Callable[[Tensor], Judgement], fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        of_real, of_fake = D(real), D(fake)
        return dict(real=0.5 * self(of_real, real=True, for_D=True, other=of_fake),
                    fake=0.5 * self(of_fake, real=False, for_D=True, other=of_real))


def _beside(pred: Tensor, other: Tensor) -> Tensor:
    mean = other.float().mean() if other.dtype in (torch.float16, torch.bfloat16) else other.mean()
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        mean = all_reduce(mean) / torch.distributed.get_world_size()
    return pred - mean
