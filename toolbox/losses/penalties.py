"""Penalties on the gradient of a discriminator with respect to its input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from ..errors import ConfigError
from ..registry import Weight, checked

Point = Literal['mixed', 'real', 'fake']
Extent = Literal['image', 'pixel']
Judgement = Tensor | Sequence[Tensor | Sequence[Tensor]]  # of one scale, of several, or their features and outputs


def outputs(judgement: Judgement) -> Tensor | list[Tensor]:
    """What a discriminator says: a tensor, or one per scale, without the features before the last layers."""
    if isinstance(judgement, Tensor):
        return judgement
    return [scale if isinstance(scale, Tensor) else scale[-1] for scale in judgement]


def input_gradients(D: Callable[[Tensor], Judgement], x: Tensor) -> Tensor:
    """Gradient of the summed outputs of ``D`` with respect to ``x``, one row per sample, itself differentiable.

    Args:
        D: the discriminator as a function of the images; several outputs (scales) are averaged.
        x: images ``(N, C, H, W)`` that require a gradient.

    Returns:
        ``(N, C * H * W)``.
    """
    out = outputs(D(x))
    total = out.sum() if isinstance(out, Tensor) else torch.stack([o.sum() for o in out]).mean()
    grad, = torch.autograd.grad(total, x, create_graph=True)
    return grad.flatten(1)


@checked
def gradient_penalty(D: Callable[[Tensor], Judgement], real: Tensor, fake: Tensor,
                     mode: Point = 'mixed', target: Weight = 1.0, weight: Weight = 10.0,
                     alpha: Tensor | None = None, extent: Extent = 'image') -> Tensor:
    """``weight * mean((||grad + 1e-16||_2 - target)^2)`` (WGAN-GP, eq. 3), a scalar.

    The gradient is that of D at ``alpha * real + (1 - alpha) * fake`` ('mixed'), at ``real`` or at ``fake``. It is
    computed in float32 (float64 for float64 images) whatever the autocast state.

    Args:
        D: the discriminator as a function of the images.
        real: real images ``(N, C, H, W)``.
        fake: generated images of the same shape.
        mode: 'mixed', 'real' or 'fake'.
        target: target norm of the gradient.
        weight: lambda.
        alpha: ``(N, 1)``, position between fake (0) and real (1); drawn from U(0, 1) if not given.
        extent: the norm is that of the gradient of an 'image', or of each 'pixel' over its channels (SinGAN).

    Raises:
        ConfigError: an invalid argument, or shapes that differ.
    """
    if mode == 'mixed' and real.shape != fake.shape:
        raise ConfigError(f'gradient penalty: real images {tuple(real.shape)} and fakes {tuple(fake.shape)} must have'
                          " the same shape to be mixed; crop them to one size, or use penalty_mode 'real' or 'fake'.")
    dtype = torch.float64 if real.dtype == torch.float64 else torch.float32
    real, fake = real.detach().to(dtype), fake.detach().to(dtype)
    with torch.autocast(real.device.type, enabled=False):
        if mode == 'mixed':
            if alpha is None:
                alpha = torch.rand(real.shape[0], 1, dtype=dtype, device=real.device)
            alpha = alpha.to(real).view(-1, *[1] * (real.dim() - 1))
            x = alpha * real + (1 - alpha) * fake
        else:
            x = (real if mode == 'real' else fake).clone()
        grad = input_gradients(D, x.requires_grad_())
        grad = grad.view_as(x) if extent == 'pixel' else grad
        # Where the gradient is exactly 0, the authors' tiny offset keeps the norm differentiable.
        return weight * ((grad + 1e-16).norm(2, dim=1) - target).square().mean()


def r1_penalty(D: Callable[[Tensor], Tensor], real: Tensor) -> tuple[Tensor, Tensor]:
    """``mean(||grad||^2) / 2`` at real images (Mescheder et al. 2018, eq. 9), and the output of D for them.

    The output is returned so that the loss on real images needs no second pass. Both are computed in float32
    (float64 for float64 images) whatever the autocast state.

    Args:
        D: the discriminator as a function of the images.
        real: real images ``(N, C, H, W)``.

    Returns:
        The penalty, a scalar without a weight, and the output of D.
    """
    x = real.detach().to(torch.float64 if real.dtype == torch.float64 else torch.float32).clone().requires_grad_()
    with torch.autocast(x.device.type, enabled=False):
        out = D(x)
        grad, = torch.autograd.grad(out.sum(), x, create_graph=True)
        return 0.5 * grad.flatten(1).square().sum(1).mean(), out
