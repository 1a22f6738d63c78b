"""Rott Shaham, Dekel, Michaeli: SinGAN: learning a generative model from a single natural image, ICCV 2019."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..layers.costs import activation_gb, convolution_gflop
from ..layers.init import take_over
from ..norms import uncounted
from ..pyramids import Pyramid, Size
from ..registry import LOSSES, METHODS, Backbone, Count, Discriminator, Loss, Weight, build
from .batch import Batch
from .contracts import ScaleNetwork
from .directions import Image, Shown
from .late import check_one_graph, late_weights
from .schedule import Phase, Stage
from .singan_paint import require_trained, simplification_of
from .singan_uses import SinGANUses

WGAN_GP = dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=0.1, penalty_extent='pixel')
L2 = dict(type='L2Loss')
SQUARE = Pyramid.of_image((250, 250))


@METHODS.register_module()
class SinGAN(SinGANUses):
    """A generative model of the patches of one image, scale by scale, from the coarsest to the image itself.

    At every scale n, G makes an image of noise z and of the image of the scale below, enlarged (eq. 2)::

        x_n = G_n(amplitude_n z + up(x_{n+1}), up(x_{n+1}))

    and a critic D_n tells its patches from those of the real image at this scale. The scales train one after the
    other (eq. 4)::

        min_G max_D  adv(G_n, D_n) + w_rec |x*_n - real_n|^2

    where x* is made of fixed noise z* at the coarsest scale and of none above: the generator can make the image itself.
    ``amplitude_n`` is ``noise_amplitude`` times the root mean square of ``real_n - up(x*_{n+1})``: what is missing.

    A stage is a scale. At its start G_n and D_n take over the weights of the scale below where widths are equal
    (batch norms' statistics too), and that scale is finished: no gradients, running statistics. An iteration is
    ``D_steps`` updates of D_n, each with an image of the scales below of its own, then ``G_steps`` of G_n with the last
    of these images; the noise of scale n is one for all of them. G makes its image anew for each update, unless
    ``legacy``.

    Args:
        G: generator ``(z, previous, scale)`` that states its ``padding``. It is told the number of scales.
        D: critic ``(image, scale)``.
        pyramid: sizes of the scales and how images are resized (:class:`toolbox.pyramids.Pyramid`). The data set says
            it; None is that of a square of 250 pixels.
        adversarial: loss of the adversarial terms, of the kind of WGAN-GP.
        reconstruction: distance of x* to the image.
        w_rec: weight of the reconstruction; 10 in the paper, 100 for super-resolution.
        scale_iters: iterations of each scale.
        D_steps: updates of D in an iteration.
        G_steps: updates of G in an iteration.
        noise_amplitude: see above.
        fixed_z: z* is drawn once, as in the paper. False draws it in every iteration of the coarsest scale and keeps
            the last, as the authors' code does.
        legacy: the later updates of G go back through the activations of the first with the weights that they have
            made, as torch before 1.5 did when the authors' code ran; one process, and ``accumulate=1``.
        padding: what surrounds the noise: 'zero', or 'noise' (more variety at the border; the authors' training for
            animations). The image of the scale below is surrounded by zeros in either case.
        quantize: ``dict(scale=n, colours=K)`` trains scale n alone, of a model that ``load_from`` gives, on images of
            the scales below in K colours of the image (:func:`.singan_paint.quantized`): for paintings in few colours.

    Batch:
        img: ``(N, C, H, W)`` in [-1, 1], the image at the size of the finest scale, N times: so many samples are made
        in each update.

    Attributes:
        scales: how many there are.
        factor: side of a scale / side of the next finer one.
        amplitudes: buffer ``(scales,)``; 1 at the coarsest.
        z0: buffer, z* of the coarsest scale ``(1, 1, *noise_size(0))``, the same in all channels.
        reached: buffer, how many scales have begun to train; of the others nothing is used.
    """

    carries = {'G': ('img', 'img'), 'D': ('img',)}
    shows = {'fake': Shown('random sample', like='img'),
             'rec': Shown('reconstruction', of='img', like='img', paired=True), 'img': Shown('the image')}

    G: ScaleNetwork
    D: nn.Module
    amplitudes: Tensor
    z0: Tensor
    reached: Tensor

    def __init__(self, G: Backbone, D: Discriminator, pyramid: dict[str, Any] | None = None,
                 adversarial: Loss = WGAN_GP, reconstruction: Loss = L2, w_rec: Weight = 10.0,
                 scale_iters: Count = 2000, D_steps: Count = 3, G_steps: Count = 3, noise_amplitude: Weight = 0.1,
                 fixed_z: bool = True, legacy: bool = False, padding: Literal['zero', 'noise'] = 'zero',
                 quantize: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if legacy:
            check_one_graph(self.accumulate)
        self.legacy = legacy
        self.pyramid = SQUARE if pyramid is None else Pyramid.of(pyramid)
        self.sizes, self.factor, self.scales = self.pyramid.sizes, self.pyramid.factor, len(self.pyramid.sizes)
        self.add_networks(G=G, D=D)
        self.padding = padding
        self.pad: int = self.G.padding
        if min(self.sizes[0]) <= 2 * self.pad:
            raise ConfigError(f'model: the coarsest scale is {self.sizes[0][1]}x{self.sizes[0][0]}, but D looks at '
                              f'patches of side {2 * self.pad + 1}. Raise min_size of the data set, or give the '
                              'networks fewer layers.')
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_rec, self.noise_amplitude, self.fixed_z = w_rec, noise_amplitude, fixed_z
        self.D_steps, self.quantize = D_steps, simplification_of(quantize, self.scales)
        self.numbers = range(self.scales) if self.quantize is None else (self.quantize.scale,)  # of scales to train
        self.schedule = Phase('D', trains=('D',), times=D_steps), Phase('G', ('G',), times=G_steps, keeps_graph=legacy)
        self.stages = tuple(Stage(f'scale {n}', scale_iters, None, self._others(n), *self._cost(n, D_steps, G_steps))
                            for n in self.numbers)
        self.channel_count: int = self.G.out_channels
        self.needs = (Image('img', self.channel_count),)
        self.register_buffer('amplitudes', torch.zeros(self.scales))
        self.register_buffer('z0', torch.zeros(1, *self.noise_shape(0)))
        self.register_buffer('reached', torch.zeros((), dtype=torch.int64))
        for n, size in enumerate(self.sizes):
            self.register_buffer(f'real_{n}', torch.zeros(1, self.channel_count, *size))
        self.directions = self.uses()
        self._below: tuple[int, Tensor] | None = None  # x* of the scales below the one in training

    def _others(self, scale: int) -> tuple[str, ...]:
        return tuple(f'{net}.scales.{n}' for net in ('G', 'D') for n in range(self.scales) if n != scale)

    def _cost(self, scale: int, D_steps: int, G_steps: int) -> tuple[float, float]:
        """Operations and memory of an iteration: a backward pass costs two forward ones, the penalty's six in all."""
        height, width = self.sizes[scale]
        grow = [convolution_gflop(self.part(f'G.scales.{n}'), *(side + 2 * self.pad for side in self.sizes[n]))
                for n in range(scale + 1)]
        judge = convolution_gflop(self.part(f'D.scales.{scale}'), height, width)
        gflop = D_steps * (sum(grow) + 12 * judge) + G_steps * (6 * grow[-1] + 2 * judge)
        return gflop, activation_gb(self.part(f'D.scales.{scale}'), height, width)

    def network_defaults(self, name: str) -> dict[str, Any]:
        return {**super().network_defaults(name), 'scales': self.scales}

    @property
    def reals(self) -> list[Tensor]:
        """The image at each scale, ``(1, C, h, w)``, the coarsest first."""
        return [getattr(self, f'real_{n}') for n in range(self.scales)]

    # Noise and images through the scales

    def noise_shape(self, scale: int, size: Size | None = None) -> tuple[int, int, int]:
        """Channels, height and width of the noise of a scale, at its size or at that of another image."""
        height, width = size or self.sizes[scale]
        around = 2 * self.pad if self.padding == 'noise' else 0
        return self.channel_count if scale else 1, height + around, width + around

    def at(self, scale: int, noise: Tensor | None, previous: Tensor) -> Tensor:
        """The image that a scale makes.

        Args:
            scale: its number, 0 is the coarsest.
            noise: ``(N, C, h, w)``, or with one channel for all, N(0, 1), of the size of ``previous`` or, all over the
                padding, larger by it; None: without noise.
            previous: ``(N, C, h, w)``, the enlarged image of the scale below; zeros at the coarsest.

        Returns:
            ``(N, C, h, w)``.
        """
        pad = (self.pad,) * 4
        z = F.pad(previous, pad)
        if noise is not None:
            noise = noise if noise.shape[-2:] == z.shape[-2:] else F.pad(noise, pad)
            z = z + self.amplitudes[scale].to(noise) * noise
        made: Tensor = self.G(z, previous, scale)
        return made

    def up_to(self, scale: int, noises: Sequence[Tensor | None], count: int = 1) -> Tensor:
        """What the scales below ``scale`` make of noise, enlarged to its size: ``previous`` of :meth:`at`.

        Args:
            scale: 0 gives zeros.
            noises: for each scale below, as in :meth:`at`.
            count: N.
        """
        x = self.amplitudes.new_zeros(count, self.channel_count, *self.sizes[0])
        for n in range(scale):
            x = self.seen(n + 1, self.pyramid.enlarged(self.at(n, noises[n], x), n + 1))
        return x

    def drawn(self, b: Batch, scale: int, name: str) -> Tensor:
        """Noise of a scale for each sample of a batch, by what it is for."""
        return self.noise(b, f'{name} at scale {scale}', self.noise_shape(scale))

    def rebuilt(self, scale: int) -> Tensor:
        """x* of the scales below ``scale``, enlarged to its size, ``(1, C, h, w)``."""
        return self.up_to(scale, [self.z0, *[None] * scale])

    # Training

    @property
    def active(self) -> int:
        """The scale in training."""
        return self.numbers[self.stages.index(self.stage) if self.stage else 0]

    def train(self, mode: bool = True) -> SinGAN:
        """Scales that are not in training keep their running statistics."""
        super().train(mode)
        for net in ('G', 'D') if mode else ():
            for n in range(self.scales):
                self.part(f'{net}.scales.{n}').train(n == self.active)
        return self

    def resume_at(self, iteration: int, epoch: int, epoch_iter: int) -> None:
        super().resume_at(iteration, epoch, epoch_iter)
        self._below = self._palette = None
        self.train(self.training)

    def begin(self, stage: Stage, b: Batch) -> None:
        n, self._below, self._palette = self.active, None, None
        self.train(self.training)
        if self.quantize is not None:
            require_trained(int(self.reached), n)
        elif not n:
            for real, image in zip(self.reals, self.pyramid.images(b.img[:1]), strict=True):
                real.copy_(image)
            self.z0.copy_(self.drawn(b, 0, 'z*')[:1])
        else:
            for net in ('G', 'D'):
                take_over(self.part(f'{net}.scales.{n}'), self.part(f'{net}.scales.{n - 1}'))
        missing = self.noise_amplitude * F.mse_loss(self.reals[n], self.rebuilt(n)).sqrt()
        self.amplitudes[n] = missing if n else 1.0
        self.reached.fill_(n + 1 if self.quantize is None else self.reached)

    def draw(self, b: Batch) -> None:
        """What an iteration needs: the noise of this scale, and an image of the scales below for each update of D."""
        n, count = self.active, len(b)
        b.z = self.drawn(b, n, 'z')
        noises = [torch.cat([self.drawn(b, m, f'below {step}') for step in range(self.D_steps)]) for m in range(n)]
        with torch.no_grad():
            below = self.up_to(n, noises, self.D_steps * count)
        b.previous = below.unflatten(0, (self.D_steps, count)).transpose(0, 1)
        if not (n or self.fixed_z):
            self.z0.copy_(self.drawn(b, 0, 'z*')[:1])

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        n = self.active
        if not self.repetition:
            self.draw(b)
        # The last image is made again in the first update of G, where its statistics count
        again = self.repetition == self.D_steps - 1
        with torch.no_grad(), uncounted(self.part(f'G.scales.{n}')) if again else contextlib.nullcontext():
            fake = self.at(n, b.z, b.previous[:, self.repetition])
        real = self.reals[n].expand_as(fake)

        # Wasserstein estimate on patches
        losses = dict(real=self.adversarial(self.D(real, n), real=True, for_D=True),
                      fake=self.adversarial(self.D(fake, n), real=False, for_D=True))

        # Gradient penalty, pixel by pixel, on the way from the fake to the image
        if self.adversarial.has_penalty:
            between = (self.noise(b, 'penalty', (1,), 'uniform') + 1) / 2
            losses['penalty'] = self.adversarial.penalty(lambda x: self.D(x, n), real, fake, between)
        return losses

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        n = self.active
        if 'z' not in b:  # D is frozen
            self.draw(b)

        # Adversarial: patches look like those of the image
        losses = dict(adv=self.adversarial(self.D(self.sample(b), n), real=True))

        # Reconstruction: fixed noise becomes the image itself
        if self.w_rec:
            real = self.reals[n].expand(len(b), -1, -1, -1)
            made = self.at(n, None if n else self.z0, self.below(n).expand_as(real))
            losses['rec'] = self.w_rec * self.reconstruction(made, real)
        return losses

    def sample(self, b: Batch) -> Tensor:
        """The image that an update of G changes."""
        if self.legacy and self.repetition:
            first: Tensor = b.kept['sample']
            return first
        with late_weights(self.legacy):
            b.kept['sample'] = self.at(self.active, b.z, b.previous[:, -1])
        return b.kept['sample']

    def below(self, scale: int) -> Tensor:
        """:meth:`rebuilt`, which does not change while a scale trains."""
        if self._below is None or self._below[0] != scale:
            with torch.no_grad():
                self._below = scale, self.rebuilt(scale)
        return self._below[1]

    # Validation

    def shown(self, noises: Sequence[Tensor | None], count: int = 1) -> Tensor:
        """Images ``(N, C, H, W)`` of the scales that have begun to train, at the size of the finest."""
        last = max(int(self.reached), 1) - 1
        x = self.at(last, noises[last], self.up_to(last, noises, count))
        return x if last == self.scales - 1 else self.pyramid.resized(x, None, self.sizes[-1])

    def predict(self, b: Batch) -> dict[str, Tensor]:
        name = f'evaluation {self.test_cfg["seed"]}'
        fake = self.shown([self.drawn(b, n, name) for n in range(self.scales)], len(b))
        rec = self.shown([self.z0, *[None] * (self.scales - 1)])
        return dict(fake=fake, rec=rec.expand_as(fake), img=b.img)
