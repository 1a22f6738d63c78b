"""Huang, Liu, Belongie, Kautz: Multimodal unsupervised image-to-image translation, ECCV 2018."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import LOSSES, METHODS, Backbone, Between, Discriminator, Loss, Weight, build
from .base import Method
from .batch import Batch
from .contents import DOMAINS, SAME_CONTENT, check_codes, judged
from .contracts import ContentEncoder, StyledDecoder, StyleEncoder
from .directions import Direction, Image, Shown
from .schedule import Phase

LSGAN = dict(type='AdversarialLoss', mode='lsgan', scales='sum')
L1 = dict(type='L1Loss')


@METHODS.register_module()
class MUNIT(Method):
    """An image is a content, which both domains share, and a style of its domain; a translation takes another style.

    Random styles s_A, s_B are normally distributed. The encoders and decoders minimise (eq. 5), here for what becomes
    an image of A, ``fake = G_A(content_B(B), s_A)``; with A and B exchanged for B::

        w_adv adv(D_A(fake)) + w_rec |G_A(content_A(A), style_A(A)) - A|
        + w_style |style_A(fake) - s_A| + w_content |content_A(fake) - content_B(B)|
        + w_cycle |G_B(content_A(fake), style_B(B)) - B| + w_vgg perceptual(fake, B)

    The cycle (the style-augmented one of appendix B.1) and the perceptual distance (section 5.1) are options of the
    paper. Each discriminator minimises ``w_adv`` times its loss on a real image and on a fake. Order of updates: the
    discriminators, then encoders and decoders on the same batch, with new styles. Neither the contents nor the styles
    that are to be found again are cut off: both ends of these terms learn, as in the authors' code.

    Args:
        content_A: content encoder of domain A.
        content_B: content encoder of domain B.
        style_A: style encoder of domain A.
        style_B: style encoder of domain B.
        G_A: decoder of ``(content, style)`` to images of A.
        G_B: decoder of ``(content, style)`` to images of B.
        D_A: discriminator of domain A.
        D_B: discriminator of domain B.
        adversarial: loss of the adversarial terms, added over scales.
        reconstruction: distance of images, of contents and of styles.
        perceptual: distance of a translation to its source that domains do not influence; None: the term is left out.
        w_adv: weight of the adversarial terms.
        w_rec: weight of the image's reconstruction from its own content and style.
        w_style: weight of the reconstruction of styles.
        w_content: weight of the reconstruction of contents.
        w_cycle: weight of the cycle; 0 for edges, 10 for summer and winter.
        w_vgg: weight of the perceptual distance; 1 for streets.
        outputs: translations of each image in a test, in as many random styles: ``fake_B``, ``fake_B_1`` and so on.
            Validations and samples have the first alone.

    Batch:
        A, B: ``(N, C, H, W)`` in [-1, 1], unpaired.
    """

    schedule = (Phase('D', trains=('D_A', 'D_B')),
                Phase('G', trains=('content_A', 'content_B', 'style_A', 'style_B', 'G_A', 'G_B')))
    carries = {'content_A': ('A',), 'content_B': ('B',), 'style_A': ('A',), 'style_B': ('B',),
               'G_A': ((), 'A'), 'G_B': ((), 'B'), 'D_A': ('A',), 'D_B': ('B',)}

    content_A: ContentEncoder
    content_B: ContentEncoder
    style_A: StyleEncoder
    style_B: StyleEncoder
    G_A: StyledDecoder
    G_B: StyledDecoder
    D_A: nn.Module
    D_B: nn.Module

    def __init__(self, content_A: Backbone, content_B: Backbone, style_A: Backbone, style_B: Backbone, G_A: Backbone,
                 G_B: Backbone, D_A: Discriminator, D_B: Discriminator, adversarial: Loss = LSGAN,
                 reconstruction: Loss = L1, perceptual: Loss | None = SAME_CONTENT, w_adv: Weight = 1.0,
                 w_rec: Weight = 10.0, w_style: Weight = 1.0, w_content: Weight = 1.0, w_cycle: Weight = 0.0,
                 w_vgg: Weight = 0.0, outputs: Annotated[int, Between(1, 1000)] = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(content_A=content_A, content_B=content_B, style_A=style_A, style_B=style_B, G_A=G_A, G_B=G_B,
                          D_A=D_A, D_B=D_B)
        check_codes(dict(content_A=self.content_A, content_B=self.content_B), dict(G_A=self.G_A, G_B=self.G_B))
        for E, G, domain in ((self.style_A, self.G_A, 'A'), (self.style_B, self.G_B, 'B')):
            if E.style != G.style:
                raise ConfigError(f'model: style_{domain} and G_{domain} must agree about the length of a style, found '
                                  f'{E.style} and {G.style}. Set style of both.')
        self.lengths = dict(A=self.G_A.style, B=self.G_B.style)  # of the styles
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.perceptual = build(perceptual, LOSSES, 'model.perceptual') if perceptual and w_vgg else None
        self.w_adv, self.w_rec, self.w_style, self.w_content = w_adv, w_rec, w_style, w_content
        self.w_cycle, self.w_vgg, self.outputs = w_cycle, w_vgg, outputs
        self.needs = (Image('A', self.content_A.in_channels), Image('B', self.content_B.in_channels))
        self.directions = {f'{x.name}to{y.name}': Direction(
            (f'content_{x.name}', f'style_{y.name}', f'G_{y.name}'), (x,), f'{"rec" if x is y else "fake"}_{y.name}',
            divisor=self.content_A.size_divisor, options=('seed', 'reference', 'style'))
            for x, y in (self.needs, self.needs[::-1], 2 * self.needs[:1], 2 * self.needs[1:])}
        self.shows = {key: shown for x, y in DOMAINS for key, shown in self._shown(x, y).items()}

    def prepare(self, b: Batch) -> None:
        b.content_A, b.content_B = self.content_A(b.A), self.content_B(b.B)

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        for x, y in DOMAINS:
            _, _, G, D = self._of(x)
            with torch.no_grad():
                fake = G(b[f'content_{y}'], self._style(b, x, f'style {x} of D'))
            losses |= {f'{term}{x}': value for term, value in judged(self.adversarial, D, b[x], fake, self.w_adv)}
        return losses

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        b.own_A, b.own_B = self.style_A(b.A), self.style_B(b.B)
        for x, y in DOMAINS:
            content, style, G, D = self._of(x)
            s = self._style(b, x, f'style {x}')
            fake = G(b[f'content_{y}'], s)

            # Adversarial: the translation is taken for an image of its domain
            losses[f'adv_{x}'] = self.w_adv * self.adversarial(D(fake), real=True)

            # Image reconstruction: an image's own content and style give the image
            if self.w_rec:
                losses[f'rec_{x}'] = self.w_rec * self.reconstruction(G(b[f'content_{x}'], b[f'own_{x}']), b[x])

            # Style reconstruction: the translation has the style that it was given
            if self.w_style:
                losses[f'style_{x}'] = self.w_style * self.reconstruction(style(fake), s)

            # Content reconstruction: the translation has the content of its source
            again = content(fake) if self.w_content or self.w_cycle else fake
            if self.w_content:
                losses[f'content_{y}'] = self.w_content * self.reconstruction(again, b[f'content_{y}'])

            # Style-augmented cycle: with its source's style it becomes the source again
            if self.w_cycle:
                back = self._of(y)[2](again, b[f'own_{y}'])
                losses[f'cycle_{y}'] = self.w_cycle * self.reconstruction(back, b[y])

            # Perceptual: features without their style are those of the source
            if self.perceptual is not None:
                losses[f'vgg_{x}'] = self.w_vgg * self.perceptual(fake, b[y])
        return losses

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return self._translations(b, 1)

    def predict_test(self, b: Batch) -> dict[str, Tensor]:
        return self._translations(b, self.outputs)

    def _translations(self, b: Batch, outputs: int) -> dict[str, Tensor]:
        images: dict[str, Tensor] = {}
        for x, y in DOMAINS:
            (content, style, G, _), (_, style_other, G_other, _) = self._of(x), self._of(y)
            code = self.generate(content, b[x])
            images[x] = b[x]
            for number in ('', *(f'_{i}' for i in range(1, outputs))):
                s = self._style(b, y, f'evaluation {self.test_cfg["seed"]}{number}')
                images[f'fake_{y}{number}'] = self.generate(G_other, code, s)
            images[f'guided_{y}'] = self.generate(G_other, code, self.generate(style_other, b[y]))
            images[f'rec_{x}'] = self.generate(G, code, self.generate(style, b[x]))
        return images

    def _shown(self, x: str, y: str) -> dict[str, Shown]:
        numbers = ('', *(f'_{i}' for i in range(1, self.outputs)))
        return {x: Shown(x),
                **{f'fake_{y}{number}': Shown(f'translation to {y}', of=x, like=y) for number in numbers},
                f'guided_{y}': Shown(f'in the style of {y}', of=x, like=y),
                f'rec_{x}': Shown('reconstruction', of=x, like=x, paired=True)}

    def answer(self, direction: str, b: Batch, style: Tensor | None = None, **options: Any) -> Tensor:
        """The images of a batch in a domain, in a style: a given one, that of a reference, or of a seed.

        Args:
            direction: 'AtoB' or 'BtoA'; 'AtoA' or 'BtoB' for another style of the same domain.
            b: images ``(N, C, H, W)`` in [-1, 1] under the name of their domain.
            style: ``(1, style)``; if none is given, that of :meth:`style_of`. Within a domain, images for which nothing
                is said keep their own.
            **options: seed or reference, an image of the domain that the direction leads to.
        """
        x, _, y = direction.partition('to')
        if style is None and x == y and not options:
            style = self.generate(self._of(x)[1], b[x])
        elif style is None:
            style = self.style_of(direction, **options)
        content = self.generate(self._of(x)[0], b[x])
        return self.generate(self._of(y)[2], content, style.to(content).expand(content.shape[0], -1))

    def style_of(self, direction: str, seed: int | None = None, reference: Tensor | None = None) -> Tensor:
        """The style ``(1, style)`` of an image ``(1, C, h, w)`` of the domain that a direction leads to, or of a seed
        (``test_cfg.seed`` if nothing is given)."""
        domain = direction.partition('to')[2]
        if reference is not None:
            return self._of(domain)[1](reference)
        s = self.noise_of([self.test_cfg['seed'] if seed is None else seed], 'style', (self.lengths[domain],))
        return s.to(self.data_preprocessor.device)

    def _of(self, domain: str) -> tuple[ContentEncoder, StyleEncoder, StyledDecoder, nn.Module]:
        """Content encoder, style encoder, decoder and discriminator of a domain."""
        return (getattr(self, f'content_{domain}'), getattr(self, f'style_{domain}'), getattr(self, f'G_{domain}'),
                getattr(self, f'D_{domain}'))

    def _style(self, b: Batch, domain: str, name: str) -> Tensor:
        return self.noise(b, name, (self.lengths[domain],))
