"""Points in the plane: GANs on a ring of 8 Gaussians, and gradients where real and generated points do not meet."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from toolbox.engine.optim import build_optimizers
from toolbox.methods import Method
from toolbox.registry import METHODS, build

from . import Claim, proof

MODES, RADIUS, SPREAD = 8, 0.7, 0.03
CENTRES = RADIUS * torch.stack([torch.tensor([math.cos(a), math.sin(a)]) for a in torch.arange(MODES) * 2 * math.pi / MODES])
G = dict(type='MLPGenerator', z_dim=8, out_channels=2, size=1, hidden=128, layers=2, activation='none')
D = dict(type='MLPDiscriminator', in_channels=2, size=1, hidden=128, layers=2, activation='leaky_relu')
PENALTY = dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=1.0)


def ring(count: int) -> Tensor:
    """Points ``(count, 2)`` of the ring, each mode equally likely."""
    return CENTRES[torch.randint(MODES, (count,))] + SPREAD * torch.randn(count, 2)


def quality(points: Tensor) -> tuple[int, float]:
    """Modes that hold at least 2 % of the points within 4 standard deviations, and the share of points within any."""
    distance, nearest = torch.cdist(points, CENTRES).min(1)
    good = distance < 4 * SPREAD
    return int((torch.bincount(nearest[good], minlength=MODES) >= 0.02 * len(points)).sum()), good.float().mean().item()


def train(model: dict[str, Any], optim: dict[str, Any], iterations: int, batch: int = 256) -> list[Claim]:
    """Train on the ring, with rates that fall to zero, and compare samples before and after."""
    torch.manual_seed(0)
    method: Method = build(dict(model, G=G, D=D, init=dict(type='default')), METHODS, 'model')
    optims = build_optimizers(method, {key: dict(nets=(key,), optimizer=optim) for key in 'GD'})
    before = quality(samples(method))
    for i in range(iterations):
        for wrapper in optims.values():
            wrapper.optimizer.param_groups[0]['lr'] = optim['lr'] * min(1.0, 2 - 2 * i / iterations)
        method.train_step(dict(img=ring(batch).view(batch, 2, 1, 1)), optims)
    after = quality(samples(method))
    return [Claim('modes covered of 8', after[0], before[0], at_least=8),
            Claim('share of samples within 4 sigma of a mode', after[1], before[1], at_least=0.75)]


def samples(method: Method, count: int = 4000) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return method.sample(torch.randn(count, G['z_dim'], generator=generator)).flatten(1)


@proof('ring, GAN')
def ring_gan(out: Path) -> list[Claim]:
    return train(dict(type='GAN'), dict(type='Adam', lr=1e-3, betas=(0.5, 0.999)), 4000)


@proof('ring, WGAN')
def ring_wgan(out: Path) -> list[Claim]:
    return train(dict(type='WGAN', clip=0.1, n_critic=5), dict(type='RMSprop', lr=5e-4), 10000)


@proof('ring, WGAN-GP')
def ring_wgan_gp(out: Path) -> list[Claim]:
    return train(dict(type='WGAN', adversarial=PENALTY, n_critic=5), dict(type='Adam', lr=1e-3, betas=(0.0, 0.9)), 6000)
