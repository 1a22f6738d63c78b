"""A training step of each method in plain PyTorch, in the order of its authors' code, on the method's networks.

What toolbox and plain loop have in common are networks and losses; who makes which pass, with which weights frozen and
which graph kept, is what the authors' code does. ``tests/test_plain_loops.py`` shows that both train the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .attention import PlainAGGAN, PlainUGATIT
from .codes import PlainMUNIT, PlainUNIT
from .cycle import PlainCycleGAN
from .domains import PlainStarGAN, PlainStarGANv2
from .exchange import PlainDRIT
from .image import PlainSinGAN
from .latent import PlainAutoencoder, PlainGAN, PlainVAE, PlainWGAN
from .maps import PlainPix2PixHD, PlainSPADE
from .paired import PlainColorization, PlainInpainting, PlainPix2Pix, PlainSRGAN

# By the type of the method: made of its networks, with a ``step(batch)``.
PLAIN: dict[str, Callable[[Any], Any]] = {
    'AGGAN': PlainAGGAN, 'Autoencoder': PlainAutoencoder, 'Colorization': PlainColorization,
    'CycleGAN': PlainCycleGAN, 'DRIT': PlainDRIT, 'GAN': PlainGAN, 'GauGAN': PlainSPADE, 'Inpainting': PlainInpainting,
    'MUNIT': PlainMUNIT, 'Pix2Pix': PlainPix2Pix, 'Pix2PixHD': PlainPix2PixHD, 'SRGAN': PlainSRGAN,
    'SinGAN': PlainSinGAN, 'StarGAN': PlainStarGAN, 'StarGANv2': PlainStarGANv2, 'UGATIT': PlainUGATIT,
    'UNIT': PlainUNIT, 'VAE': PlainVAE, 'WGAN': PlainWGAN}
