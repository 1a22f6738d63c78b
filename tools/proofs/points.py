"""Points in the plane: GANs on a ring of 8 Gaussians, and gradients where real and generated points do not meet."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from toolbox.engine.optim import build_optimizers
from toolbox.methods import Method
from toolbox.registry import METHODS, build

from . import Claim, proof
from .plot import curves, scatters

MODES, RADIUS, SPREAD, BATCH = 8, 0.7, 0.03, 256
CENTRES = RADIUS * torch.stack([torch.tensor([math.cos(a), math.sin(a)])
                                for a in torch.arange(MODES) * 2 * math.pi / MODES])
G = dict(type='MLPGenerator', z_dim=8, out_channels=2, size=1, hidden=128, layers=2, activation='none')
D = dict(type='MLPDiscriminator', in_channels=2, size=1, hidden=128, layers=2, activation='leaky_relu')
ADAM = dict(type='Adam', lr=1e-3, betas=(0.5, 0.999))
PENALTY = dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=1.0)


def ring(count: int) -> Tensor:
    """Points ``(count, 2)`` of the ring, each mode equally likely."""
    return CENTRES[torch.randint(MODES, (count,))] + SPREAD * torch.randn(count, 2)


def quality(points: Tensor) -> tuple[int, float]:
    """Modes that hold at least 2 % of the points within 4 standard deviations, and the share of points within any."""
    distance, nearest = torch.cdist(points, CENTRES).min(1)
    good = distance < 4 * SPREAD
    return int((torch.bincount(nearest[good], minlength=MODES) >= 0.02 * len(points)).sum()), good.float().mean().item()


def train(model: dict[str, Any], optim: dict[str, Any], iterations: int, decay: bool = True,
          snapshots: int = 1) -> list[Tensor]:
    """Train on the ring, by default with rates that fall to zero in the second half; samples before, during and
    after."""
    torch.manual_seed(0)
    method: Method = build(dict(model, G=G, D=D, init=dict(type='default')), METHODS, 'model')
    optims = build_optimizers(method, {key: dict(nets=(key,), optimizer=optim) for key in 'GD'})
    seen = [samples(method)]
    for i in range(iterations):
        for wrapper in optims.values() if decay else ():
            wrapper.optimizer.param_groups[0]['lr'] = optim['lr'] * min(1.0, 2 - 2 * i / iterations)
        method.train_step(dict(img=ring(BATCH).view(BATCH, 2, 1, 1)), optims)
        if (i + 1) % (iterations // snapshots) == 0:
            seen.append(samples(method))
    return seen


def samples(method: Method, count: int = 4000) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return method.sample(torch.randn(count, G['z_dim'], generator=generator)).flatten(1)


def claims(seen: list[Tensor]) -> list[Claim]:
    """All modes, and most samples near one: points spread evenly over the square would be near one in 9 % of the
    cases."""
    before, after = quality(seen[0]), quality(seen[-1])
    return [Claim('modes covered of 8', after[0], before[0], at_least=8),
            Claim('share of samples within 4 sigma of a mode', after[1], before[1], at_least=0.5)]


@proof('ring, GAN')
def ring_gan(out: Path) -> list[Claim]:
    return claims(train(dict(type='GAN'), ADAM, 4000))


@proof('ring, WGAN')
def ring_wgan(out: Path) -> list[Claim]:
    return claims(train(dict(type='WGAN', clip=0.1, n_critic=5), dict(type='RMSprop', lr=5e-4), 10000))


@proof('ring, WGAN-GP')
def ring_wgan_gp(out: Path) -> list[Claim]:
    return claims(train(dict(type='WGAN', adversarial=PENALTY, n_critic=5), dict(ADAM, betas=(0.0, 0.9)), 6000))


@proof('ring, mode collapse')
def mode_collapse(out: Path) -> list[Claim]:
    """With momentum, the generator of a GAN runs from mode to mode; that of WGAN-GP with the same optimiser does
    not."""
    momentum = dict(ADAM, betas=(0.9, 0.999))
    runs = {'GAN': train(dict(type='GAN'), momentum, 1500, decay=False, snapshots=5),
            'WGAN-GP': train(dict(type='WGAN', adversarial=PENALTY, n_critic=5), momentum, 5000, decay=False,
                             snapshots=5)}
    modes = {name: [quality(points)[0] for points in seen[1:]] for name, seen in runs.items()}
    scatters(out / 'mode_collapse.png', {name: [
        (f'{count} modes', points[:1000].numpy()) for count, points in zip(modes[name], seen[1:], strict=True)]
        for name, seen in runs.items()})
    return [Claim('most modes of a GAN at five times', max(modes['GAN']), at_most=3),
            Claim('modes of WGAN-GP at the end', modes['WGAN-GP'][-1], at_least=7)]


class Line(nn.Module):
    """The generator of the example in section 2 of WGAN: points ``(theta, z)`` on a vertical line."""

    z_dim, out_channels, classes, size = 1, 2, 0, 1

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([1.0]))

    def forward(self, z: Tensor) -> Tensor:
        return torch.cat([self.theta.expand(len(z), 1), z], 1)[:, :, None, None]


def line_gradients(model: dict[str, Any], steps: int) -> Tensor:
    """Size of d loss_G / d theta after each step of D, while G stands still at theta = 1 and the data at 0."""
    torch.manual_seed(0)
    method = build(dict(model, G=Line(), D=D, prior='uniform', init=dict(type='default')), METHODS, 'model')
    optims = build_optimizers(method, dict(D=dict(nets=('D',), optimizer=dict(ADAM, betas=(0.5, 0.9))),
                                           G=dict(nets=('G',), optimizer=dict(type='SGD', lr=0.0))))
    sizes = []
    for _ in range(steps):
        real = torch.stack([torch.zeros(BATCH), 2 * torch.rand(BATCH) - 1], 1)
        method.train_step(dict(img=real[:, :, None, None]), optims)
        sizes.append(method.G.theta.grad.abs().item())
    return torch.tensor(sizes)


@proof('disjoint lines, gradients')
def disjoint(out: Path) -> list[Claim]:
    """Real and generated points do not meet. The Wasserstein distance is theta, so its gradient is 1 everywhere."""
    steps, saturating = 600, dict(type='AdversarialLoss', mode='saturating')
    penalty = dict(PENALTY, penalty_weight=10.0)  # slope 1 + 1 / (2 weight) for points at distance 1
    runs = {'saturating': line_gradients(dict(type='GAN', adversarial=saturating), steps),
            'non-saturating': line_gradients(dict(type='GAN'), steps),
            'WGAN-GP': line_gradients(dict(type='WGAN', adversarial=penalty, n_critic=1), steps)}
    curves(out / 'disjoint.png', {name: torch.stack([torch.arange(1, steps + 1), sizes], 1).numpy()
                                  for name, sizes in runs.items()},
           'gradient of the generator, real and fake do not meet', 'steps of D', log=True)
    start = {name: sizes[0].item() for name, sizes in runs.items()}
    end = {name: sizes[-100:].median().item() for name, sizes in runs.items()}
    return [Claim('gradient, saturating loss', end['saturating'], start['saturating'], at_most=1e-3),
            Claim('gradient, non-saturating loss', end['non-saturating'], start['non-saturating'], at_least=2),
            Claim('gradient, WGAN-GP (the true one is 1)', end['WGAN-GP'], start['WGAN-GP'], at_least=0.9),
            Claim('its distance from the true one', abs(end['WGAN-GP'] - 1), abs(start['WGAN-GP'] - 1), at_most=0.2)]
