"""Images of single shapes: the configs configs/*/synthetic.py, trained as they are, and scored on what they
generate."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook

from toolbox.data.io import write_image
from toolbox.data.preprocessor import to_uint8
from toolbox.data.sets.synthetic import SyntheticShapes
from toolbox.data.worlds.shapes import CLASSES, classify_shapes
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.features.random import RandomFeatures
from toolbox.metrics.kernel import mmd2
from toolbox.randomness.noise import noise
from toolbox.use.sampler import Sampler, grid

from . import Claim, proof
from .plot import curves

ROOT = Path(__file__).resolve().parents[2]
COUNT = 512


def held_out(channels: int = 3) -> np.ndarray:
    """Shapes that no training saw, ``(COUNT, 32, 32, channels)``."""
    data = SyntheticShapes(size=32, length=COUNT, split='held out', channels=channels)
    return np.stack([data[i]['img'].permute(1, 2, 0).numpy() for i in range(COUNT)])


def kid(images: np.ndarray) -> float:
    """KID times 1000 against held-out shapes, on the features of a fixed random network; gray images count as RGB."""
    network = RandomFeatures()
    both = (np.repeat(x, 3 // x.shape[3], 3) for x in (images, held_out(images.shape[3])))
    fake, real = (network.extract(torch.from_numpy(x).permute(0, 3, 1, 2), ['pool'])['pool'].double().numpy()
                  for x in both)
    return 1000 * mmd2(fake, real)


def generated(method: Any) -> np.ndarray:
    """``(COUNT, 32, 32, 3)`` by a method in the middle of its training."""
    z = noise(range(COUNT), 'proof', (method.z_dim,), method.prior)
    label = [torch.arange(COUNT) % method.classes] if method.classes else []
    return to_uint8(method.sample(z, *label)).permute(0, 2, 3, 1).numpy()


class Watch(Hook):
    """Keeps what the networks make, and the losses, at some moments of a training.

    Args:
        interval: iterations between the moments; 0 for the start alone.
    """

    def __init__(self, interval: int = 0) -> None:
        self.interval, self.images, self.losses = interval, {}, []

    def before_train(self, runner: Any) -> None:
        if hasattr(runner.model, 'D'):
            self.images[0] = generated(runner.model)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.losses.append({key: value.item() for key, value in outputs.items()})
        if self.interval and (batch_idx + 1) % self.interval == 0:
            self.images[batch_idx + 1] = generated(runner.model)


def train(name: str, folder: str, watch: Watch | None = None) -> Runner:
    """A config, trained in ``folder`` without pictures and logs on the way."""
    cfg = load_config(ROOT / f'configs/{name}/synthetic.py', {
        'work_dir': folder, 'default_hooks.samples': None, 'default_hooks.status': None})
    runner = Runner.from_cfg(cfg)
    runner.register_hook(watch or Watch())
    runner.train()
    return runner


def adversarial(name: str, out: Path, at_most: float) -> tuple[list[Claim], Sampler]:
    """KID before and after, and a picture of samples."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        train(name, folder, watch)
        sampler = Sampler(folder)
    write_image(out / f'{name}.png', grid(sampler.sample(24), 12))
    return [Claim('KID x 1000', kid(sampler.sample(COUNT)), kid(watch.images[0]), at_most=at_most)], sampler


@proof('shapes, DCGAN')
def dcgan(out: Path) -> list[Claim]:
    return adversarial('dcgan', out, 5.0)[0]


@proof('shapes, CGAN')
def cgan(out: Path) -> list[Claim]:
    claims, sampler = adversarial('cgan', out, 5.0)
    wanted = np.arange(COUNT) % len(CLASSES)
    right = (classify_shapes(sampler.sample(COUNT)) == wanted).mean()
    return [*claims, Claim('samples that show the class asked for', float(right), 1 / len(CLASSES), at_least=0.9)]


@proof('shapes, WGAN-GP')
def wgan_gp(out: Path) -> list[Claim]:
    return adversarial('wgan_gp', out, 5.0)[0]


@proof('shapes, VAE')
def vae(out: Path) -> list[Claim]:
    return coder('vae', out, 22.0, sampled=True)


@proof('shapes, autoencoder')
def autoencoder(out: Path) -> list[Claim]:
    return coder('autoencoder', out, 22.0, sampled=False)


def coder(name: str, out: Path, at_least: float, sampled: bool) -> list[Claim]:
    """PSNR of held-out shapes that went through z, against that of the mean image; KID of samples where there are
    some."""
    with tempfile.TemporaryDirectory() as folder:
        train(name, folder)
        sampler = Sampler(folder)
    real = held_out()
    rec = sampler.reconstruct(list(real))
    write_image(out / f'{name}.png', grid(np.concatenate([real[:12], rec[:12]]), 12))
    mean = np.repeat(np.rint(real.mean(0, keepdims=True)).astype(np.uint8), COUNT, 0)
    claims = [Claim('PSNR of reconstructions (before: mean image)', psnr(rec, real), psnr(mean, real),
                    at_least=at_least)]
    if sampled:
        claims.append(Claim('KID x 1000 of samples (before: mean image)', kid(sampler.sample(COUNT)), kid(mean),
                            at_most=15))
    return claims


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over images of the peak signal-to-noise ratio in dB."""
    errors = np.square(a.astype(float) - b).mean((1, 2, 3))
    return float((20 * np.log10(255) - 10 * np.log10(errors)).mean())


@proof('shapes, WGAN critic')
def wgan_critic(out: Path) -> list[Claim]:
    """The critic's estimate of the distance falls as samples improve (section 4.2 and figure 3 of WGAN)."""
    watch, interval = Watch(150), 150
    with tempfile.TemporaryDirectory() as folder:
        train('wgan', folder, watch)
        write_image(out / 'wgan.png', grid(Sampler(folder).sample(24), 12))
    distance = -np.array([losses['D/real'] + losses['D/fake'] for losses in watch.losses])
    quality = np.array([(step, kid(images)) for step, images in watch.images.items()])
    smooth = np.array([(step, distance[int(step) - interval:int(step)].mean()) for step in quality[1:, 0]])
    shares = {'distance': smooth / [1, smooth[:, 1].max()], 'KID': quality[1:] / [1, quality[1:, 1].max()]}
    curves(out / 'wgan_critic.png', shares, 'WGAN on shapes, shares of the largest value', 'critic steps')
    return [Claim('rank correlation of distance and KID', rank_correlation(smooth[:, 1], quality[1:, 1]), at_least=0.7),
            Claim('KID x 1000', quality[-1, 1], quality[0, 1], at_most=5)]


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's."""
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])
