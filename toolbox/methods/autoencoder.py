"""The autoencoder, and Kingma, Welling: Auto-encoding variational Bayes, ICLR 2014."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..losses.divergence import kl_of_sample, kl_to_standard_normal
from ..registry import LOSSES, METHODS, Backbone, Loss, Positive, Weight, build
from .batch import Batch
from .directions import Direction, Image, Latent, Shown
from .latent import LatentMethod
from .schedule import Phase

L2 = dict(type='L2Loss')


class EncodingMethod(LatentMethod):
    """Base of methods with an encoder ``E(image)`` beside the decoder ``G(z)``; both are trained together."""

    schedule = (Phase('EG', trains=('E', 'G')),)
    E: nn.Module
    numbers_per_z = 1
    shows = {'img': Shown('data'), 'rec': Shown('reconstruction', of='img', like='img', paired=True),
             'fake': Shown('from a code', like='img')}

    def add_networks(self, **configs: Any) -> None:
        super().add_networks(**configs)
        expected = self.numbers_per_z * self.z_dim
        if (found := getattr(self.E, 'features', expected)) != expected:
            raise ConfigError(f'model.E.features: {found} does not fit model.G.z_dim={self.z_dim}; '
                              f'{type(self).__name__} needs {expected}.')
        image = Image('img', getattr(self.E, 'in_channels', self.G.out_channels), getattr(self.E, 'size', None))
        z = Latent('z', (self.z_dim,), None)
        self.directions = {'encode': Direction(('E',), (image,), 'z'),
                           'decode': Direction(('G',), (z, *self.labels), 'fake'),
                           'reconstruct': Direction(('E', 'G'), (image, *self.labels), 'rec')}

    def answer(self, direction: str, b: Batch) -> Tensor:  # type: ignore[override]  # its directions have no options
        if direction == 'encode':
            return self.encode(b.img)
        return self.decode(self.encode(b.img) if direction == 'reconstruct' else b.z, *self.label_of(b))

    def encode(self, x: Tensor) -> Tensor:
        """The most likely z ``(N, z_dim)`` of images, in evaluation."""
        return self.generate(self.E, x)[:, :self.z_dim]

    def reconstruct(self, x: Tensor, *label: Tensor) -> Tensor:
        """:meth:`ask` for what is left of images ``(N, C, H, W)`` in [-1, 1] after they went through z."""
        return self.ask('reconstruct', dict(zip(('img', 'label'), (x, *label), strict=False)))

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(img=b.img, rec=self.decode(self.encode(b.img), *self.label_of(b)))


@METHODS.register_module()
class Autoencoder(EncodingMethod):
    """An encoder to ``z_dim`` numbers and a decoder back, which minimise the distance to the image.

    There is no distribution of z to sample from: images can be reconstructed and blended, not invented.

    Args:
        E: encoder; its ``features`` are the decoder's ``z_dim``.
        G: decoder.
        reconstruction: distance between the result and the image.
    """

    def __init__(self, E: Backbone, G: Backbone, reconstruction: Loss = L2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(E=E, G=G)
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')

    def loss_EG(self, b: Batch) -> dict[str, Tensor]:
        return dict(rec=self.reconstruction(self.G(self.E(b.img), *self.label_of(b)), b.img))


@METHODS.register_module()
class VAE(EncodingMethod):
    """A decoder of z ~ N(0, 1) and an encoder of images to normal distributions of z, by the evidence lower bound.

    Both minimise, per image, ``-E log p(x | z) + beta KL(q(z | x) || N(0, 1))`` (eq. 10 with one sample z = mu + sigma
    eps), summed over pixels and dimensions and averaged over images. Losses that take means instead change beta
    silently.

    With ``F`` the distribution of z is learnt: that of ``F``'s codes for noise N(0, 1), and the divergence is estimated
    by the z that is decoded (Chen et al.: Variational lossy autoencoder, ICLR 2017, section 3.2). Codes of encoded
    images are then the noise of their z, so that codes are N(0, 1) either way.

    Args:
        E: encoder; its ``features`` are twice the decoder's ``z_dim``: mu, then log sigma^2.
        G: decoder. Its output is the logit for 'bernoulli' (so without tanh), the mean for 'gaussian'.
        likelihood: ``p(x | z)``: 'bernoulli' of pixels taken as probabilities (x + 1) / 2, or 'gaussian'.
        sigma: standard deviation of 'gaussian', for pixels in [-1, 1].
        beta: weight of the divergence; 1 in the paper (Higgins et al. 2017 take more).
        F: invertible network between z and noise, such as CouplingFlow; without one z is N(0, 1).

    Raises:
        ConfigError: an invalid argument, or networks that do not fit.
    """

    numbers_per_z = 2
    F: nn.Module | None
    shows = {**EncodingMethod.shows, 'fake': Shown('from noise', like='img')}

    def __init__(self, E: Backbone, G: Backbone, likelihood: Literal['bernoulli', 'gaussian'] = 'bernoulli',
                 sigma: Positive = 1.0, beta: Weight = 1.0, F: Backbone | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(E=E, G=G, F=F)
        if self.F and getattr(self.F, 'z_dim', self.z_dim) != self.z_dim:
            raise ConfigError(f'model.F.z_dim: {self.F.z_dim} does not fit model.G.z_dim={self.z_dim}.')
        if self.F and not beta:
            raise ConfigError('model.beta: with 0 nothing trains model.F; leave it out.')
        if self.prior != 'normal':
            raise ConfigError(f"model.prior: VAE takes 'normal', found {self.prior!r}.")
        if likelihood == 'bernoulli' and getattr(self.G, 'activation', 'none') != 'none':
            raise ConfigError("model.G.activation: a 'bernoulli' decoder gives logits; set it to 'none'.")
        if self.F:
            self.schedule = (Phase('EG', trains=('E', 'G', 'F')),)
            self.directions = {name: replace(asked, nets=tuple(sorted({*asked.nets, 'F'})))
                               for name, asked in self.directions.items()}
        self.directions['sample'] = replace(self.directions.pop('decode'), takes=(
            Latent('z', (self.z_dim,), self.prior), *self.labels))
        self.likelihood, self.sigma, self.beta = likelihood, sigma, beta

    def loss_EG(self, b: Batch) -> dict[str, Tensor]:
        mu, log_var = self.E(b.img).float().chunk(2, 1)
        log_var = log_var.clamp(-30, 20)  # finite, whatever an untrained encoder says

        # Reconstruction: -log p(x | z) of one sample z
        eps = self.noise(b, 'z', (self.z_dim,))
        z = mu + (log_var / 2).exp() * eps
        losses = dict(rec=self.negative_log_likelihood(self.G(z, *self.label_of(b)), b.img))

        # Divergence of q(z | x) from the prior
        if self.beta:
            kl = kl_of_sample(eps, log_var, *self.F(z)) if self.F else kl_to_standard_normal(mu, log_var)
            losses['kl'] = self.beta * kl
        return losses

    def negative_log_likelihood(self, out: Tensor, x: Tensor) -> Tensor:
        """``-log p(x | z)`` in nats per image, for the decoder's output."""
        if self.likelihood == 'bernoulli':
            return F.binary_cross_entropy_with_logits(out, (x + 1) / 2, reduction='sum') / len(x)
        constant = math.log(self.sigma) + 0.5 * math.log(2 * math.pi)
        return 0.5 * F.mse_loss(out / self.sigma, x / self.sigma, reduction='sum') / len(x) + constant * x[0].numel()

    def encode(self, x: Tensor) -> Tensor:
        """The most likely z ``(N, z_dim)`` of images, or its noise, in evaluation."""
        z = super().encode(x)
        return self.F(z)[0] if self.F else z

    def decode(self, z: Tensor, *label: Tensor) -> Tensor:
        """The mean of ``p(x | z)``, ``(N, C, H, W)`` in [-1, 1]."""
        out = super().decode(self.F(z, to_code=True)[0] if self.F else z, *label)
        return 2 * out.sigmoid() - 1 if self.likelihood == 'bernoulli' else out

    def predict(self, b: Batch) -> dict[str, Tensor]:
        z = self.latents(b, f'evaluation {self.test_cfg["seed"]}')
        return {**super().predict(b), 'fake': self.decode(z, *self.label_of(b))}
