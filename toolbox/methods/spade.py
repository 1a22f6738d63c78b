"""Park, Liu, Wang, Zhu: Semantic image synthesis with spatially-adaptive normalization, CVPR 2019 (SPADE, GauGAN)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import get_world_size
from torch import Tensor, nn

from ..errors import ConfigError
from ..losses import FeatureMatchingLoss
from ..losses.divergence import kl_to_standard_normal
from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, Weight, build
from .batch import Batch
from .contracts import ImageNetwork
from .directions import Direction, Image, Shown, image_facts
from .schedule import Phase
from .semantic import SemanticMethod

HINGE = dict(type='AdversarialLoss', mode='hinge', scales='mean')
VGG = dict(type='PerceptualLoss')
Scales = list[list[Tensor]]  # by scale: features of the layers, the logits last


@METHODS.register_module()
class GauGAN(SemanticMethod):
    """Photographs from label maps, in the style of a code or of another photograph if G takes codes.

    D judges map and image together, at several scales. It minimises the hinge loss (section 3.1), and G and E::

        adv(D(map, fake)) + w_feat |features of D(fake) - features of D(real)| + w_vgg perceptual(fake, real)
        + w_kl KL(E(real) | N(0, 1))

    with ``fake = G(map, z)`` and ``z ~ E(real)``; without E, z is noise. D's losses are averaged over its scales, and
    fakes and real images pass through it as one batch. The divergence is summed over all images of an iteration. (The
    authors sum over those of a GPU and average over GPUs: for their 8, divide ``w_kl`` by 8.)

    Two updates per iteration: G and E, then D with a fake that is made anew, with another z, by the updated G in
    training mode: running statistics and singular vectors move twice. Networks of Pix2PixHD++ train in the same way.

    Args:
        G: generator of ``(maps)``, or of ``(maps, codes)`` if its ``z_dim`` is not 0.
        D: discriminator of maps and images concatenated, which gives features of its layers.
        E: encoder of ``(images)`` that gives mean and logarithm of the variance of a code.
        adversarial: loss of the adversarial terms.
        perceptual: distance of images; None: the term is left out.
        w_feat: weight of the matching of D's features.
        w_vgg: weight of the perceptual distance.
        w_kl: weight of the divergence of the codes from a standard normal distribution.

    Batch:
        As of :class:`SemanticMethod`.
    """

    schedule = (Phase('G', ('G',)), Phase('D', ('D',)))

    augments = False
    carries = {'G': ('label_map', 'img'), 'E': ('img',), 'D': (('label_map', 'img'),)}

    G: ImageNetwork
    D: nn.Module
    E: nn.Module | None

    def __init__(self, G: Backbone, D: Discriminator, classes: Sequence[str], E: Backbone | None = None,
                 adversarial: Loss = HINGE, perceptual: Loss | None = VGG, w_feat: Weight = 10.0, w_vgg: Weight = 10.0,
                 w_kl: Weight = 0.05, **kwargs: Any) -> None:
        super().__init__(classes, **kwargs)
        self.add_networks(G=G, E=E, D=D)
        self.z_dim = getattr(self.G, 'z_dim', 0)
        if self.E is not None and getattr(self.E, 'z_dim', None) != self.z_dim:
            raise ConfigError('model: G and E must agree about the length of a code, found z_dim='
                              f'{self.z_dim} in G and {getattr(self.E, "z_dim", None)} in E. Set both, or leave out E.')
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        if self.adversarial.has_penalty:
            raise ConfigError("model.adversarial.mode: 'wgan-gp' has a penalty, which GauGAN does not compute. Use "
                              "'hinge', 'lsgan' or 'vanilla'.")
        self.matching = FeatureMatchingLoss()
        self.perceptual = build(perceptual, LOSSES, 'model.perceptual') if perceptual and w_vgg else None
        self.w_feat, self.w_vgg, self.w_kl = w_feat, w_vgg, w_kl
        if self.E is not None:
            self.schedule = (Phase('G', ('G', 'E')), Phase('D', ('D',)))
        _, channels, divisor = image_facts(self.G, 'model.G')
        self.needs = (*self.maps, Image('img', channels))
        options = ('seed', 'style', *(['reference'] if self.E is not None else [])) if self.z_dim else ()
        self.directions = {'synthesis': Direction(
            ('G',), self.maps, 'fake', also=('E',) if self.E is not None else (), divisor=divisor, options=options)}
        self.shows = {**SemanticMethod.shows, **(self._shown_with_codes() if self.z_dim else {})}

    def prepare(self, b: Batch) -> None:
        b.planes = self.condition(b)

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        fake, code = self._fake(b, 'z of G')
        of_fake, of_real = self._judge(b, fake)

        # Adversarial
        losses = dict(adv=self.adversarial([layers[-1] for layers in of_fake], real=True))

        # Feature matching: the fake looks to D as the photograph does
        if self.w_feat:
            losses['feat'] = self.w_feat * self.matching(of_fake, of_real)

        # Perceptual distance to the photograph
        if self.perceptual is not None:
            losses['vgg'] = self.w_vgg * self.perceptual(fake, b.img)

        # Kullback-Leibler: the codes of all images together are normally distributed
        if code is not None and self.w_kl:
            losses['kl'] = self.w_kl * len(b) * self.accumulate * get_world_size() * kl_to_standard_normal(*code)
        return losses

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake, _ = self._fake(b, 'z of D')
        of_fake, of_real = self._judge(b, fake)
        return dict(fake=self.adversarial([layers[-1] for layers in of_fake], real=False, for_D=True),
                    real=self.adversarial([layers[-1] for layers in of_real], real=True, for_D=True))

    def _fake(self, b: Batch, name: str) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """A picture for each map, and mean and log-variance of its code if an encoder made it."""
        if not self.z_dim:
            return self.G(b.planes), None
        z = self.noise(b, name, (self.z_dim,))
        if self.E is None:
            return self.G(b.planes, z), None
        mu, logvar = self.E(b.img)
        return self.G(b.planes, mu + z * (0.5 * logvar).exp()), (mu, logvar)

    def _judge(self, b: Batch, fake: Tensor) -> tuple[Scales, Scales]:
        """What D says of the fakes and of the photographs, in one pass."""
        pairs = [torch.cat([b.planes, image.to(b.planes.dtype)], 1) for image in (fake, b.img)]
        halves = [[layer.chunk(2) for layer in layers] for layers in self.judge(torch.cat(pairs))]
        return [[fake for fake, _ in layers] for layers in halves], [[real for _, real in layers] for layers in halves]

    def predict(self, b: Batch) -> dict[str, Tensor]:
        planes, images = self.condition(b), dict(label_map=self.coloured(b.label_map), img=b.img)
        if not self.z_dim:
            return dict(**images, fake=self.generate(self.G, planes))
        z = self.noise(b, f'evaluation {self.test_cfg["seed"]}', (self.z_dim,))
        images['fake'] = self.generate(self.G, planes, z)
        if self.E is not None:
            images['restyled'] = self.generate(self.G, planes, self.E(b.img)[0])
        return images

    def _shown_with_codes(self) -> Mapping[str, Shown]:
        """A drawn style need not be that of the photograph; the photograph's own must be."""
        shown = {'fake': Shown('synthesis', of='label_map', like='img')}
        if self.E is not None:
            shown['restyled'] = Shown("in the photograph's style", of='label_map', like='img', paired=True)
        return shown

    def answer(  # type: ignore[override]  # the direction lists its options
            self, direction: str, b: Batch, seed: int | None = None, reference: Tensor | None = None,
            style: Tensor | None = None) -> Tensor:
        """Pictures for label maps, in a style: a given one, that of a reference, or that of a seed.

        Args:
            direction: 'synthesis'.
            b: label maps ``(N, H, W)``, and instance maps if the method has them.
            seed: of the code; ``test_cfg.seed`` if nothing is given.
            reference: one photograph ``(1, C, h, w)`` of any size.
            style: a code ``(1, z_dim)``, see :meth:`style_of`.
        """
        planes = self.condition(b)
        if not self.z_dim:
            return self.generate(self.G, planes)
        style = self.style_of(direction, seed, reference) if style is None else style
        return self.generate(self.G, planes, style.to(planes).expand(planes.shape[0], -1))

    def style_of(self, direction: str, seed: int | None = None, reference: Tensor | None = None) -> Tensor:
        """The code ``(1, z_dim)`` of a seed, or the mean of those of a reference."""
        if reference is None:
            z = self.noise_of([self.test_cfg['seed'] if seed is None else seed], 'style', (self.z_dim,))
            return z.to(self.data_preprocessor.device)
        if self.E is None or (self.present is not None and 'E' not in self.present):
            raise ConfigError('reference: there is no encoder E of its style in this checkpoint. Use a seed.')
        mu: Tensor = self.E(reference)[0]
        return mu
