"""Lee, Tseng, Huang, Singh, Yang: Diverse image-to-image translation via disentangled representations, ECCV 2018."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..losses.divergence import kl_to_standard_normal
from ..norms.instance import widen
from ..registry import LOSSES, METHODS, Backbone, Between, Count, Discriminator, Loss, Weight, build
from .base import Method
from .batch import Batch
from .contents import DOMAINS, check_codes
from .contracts import SharedAttributeEncoder, SharedContentEncoder, SharedDecoder
from .directions import Direction, Image, Shown, stated
from .late import check_one_graph, late_weights
from .schedule import Phase

VANILLA = dict(type='AdversarialLoss', mode='vanilla', scales='sum')
L1 = dict(type='L1Loss')
FACTS = {'content': ('channels',), 'attribute': ('channels', 'style', 'variational'), 'G': ('channels', 'style')}


@METHODS.register_module()
class DRIT(Method):
    """An image is a content, from a space that both domains share, and an attribute of its domain.

    The first half of a batch is encoded, the second one only shows real images to D_A2 and D_B2. With contents ``c``
    and attributes ``s`` of A and B, and a random code ``z``, there are the translations ``G_A(c_B, s_A)`` and
    ``G_B(c_A, s_B)``, whose contents and attributes, exchanged once more, give A and B again; the reconstructions
    ``G_A(c_A, s_A)`` and ``G_B(c_B, s_B)``; and the random translations ``G_A(c_B, z)`` and ``G_B(c_A, z)``. Contents
    have noise N(0, 1) in training. Encoders and generators minimise (sections 3.1 to 3.3)::

        w_content (D_content cannot tell c_A from c_B) + w_adv (D_A, D_B take translations for real)
        + w_cycle |exchanged twice - itself| + w_rec |reconstruction - itself| + w_kl (c and s are near N(0, 1))

    and then, without E_a and for noise of its own::

        w_adv (D_A2, D_B2 take random translations for real) + w_latent |E_a(random translation) - z|
        + w_ms / (|G(c, z) - G(c, z2)| / |z - z2|)

    The last term, mode seeking (Mao et al. 2019, eq. 2), makes it DRIT++; without it, ``z2`` is not drawn.
    D_content is updated in each iteration, all else in every ``d_iter``-th: the four discriminators of images, then the
    two updates of encoders and generators.

    Args:
        content: encoder of contents, ``content(images, domain)``.
        attribute: encoder of attributes, ``attribute(images, domain)``: a code, or the mean and the logarithm of the
            variance of one.
        G: generator, ``G(contents, codes, domain)``.
        D_A: discriminator of A for translations with the attribute of an image.
        D_B: of B.
        D_A2: of A for random translations.
        D_B2: of B.
        D_content: discriminator of contents: from A (0) or from B (1)? Their channels are filled in.
        adversarial: loss of the adversarial terms of images.
        reconstruction: distance between images.
        w_content: weight of the content's adversarial term for the encoder; 1 in the authors' code, like all below.
            0 leaves out the updates of D_content.
        w_adv: of the adversarial terms for encoders and generators.
        w_cycle: of the cross-cycle; 10.
        w_rec: of the reconstruction; 10.
        w_kl: 0.01, for the mean square of contents and codes, or the divergence of the distribution of a code in
            nats per image, summed over its numbers.
        w_latent: of the code that is found in a random translation; 10.
        w_ms: of mode seeking; 1 in DRIT++, 0 in DRIT.
        d_iter: all networks are updated in every d_iter-th iteration, D_content in each; 3.
        legacy: the second update goes back through the activations of the first with the weights that the first has
            made, as torch before 1.5 did when the authors' code ran; one process, and ``accumulate=1``. Otherwise it
            has a forward pass of its own.
        outputs: translations of each image by as many codes in a test: ``fake_B``, ``fake_B_1``, ... Validations and
            samples have the first alone.

    Batch:
        A, B: ``(N, C, H, W)`` in [-1, 1], unpaired, N = 2 in the paper. A single image is encoded and shown.
    """

    carries = {'content': ('A',), 'attribute': ('A',), 'G': ((), 'A'),
               'D_A': ('A',), 'D_A2': ('A',), 'D_B': ('B',), 'D_B2': ('B',)}

    content: SharedContentEncoder
    attribute: SharedAttributeEncoder
    G: SharedDecoder
    D_A: nn.Module
    D_B: nn.Module
    D_A2: nn.Module
    D_B2: nn.Module
    D_content: nn.Module

    def __init__(self, content: Backbone, attribute: Backbone, G: Backbone, D_A: Discriminator, D_B: Discriminator,
                 D_A2: Discriminator, D_B2: Discriminator, D_content: Discriminator, adversarial: Loss = VANILLA,
                 reconstruction: Loss = L1, w_content: Weight = 1.0, w_adv: Weight = 1.0, w_cycle: Weight = 10.0,
                 w_rec: Weight = 10.0, w_kl: Weight = 0.01, w_latent: Weight = 10.0, w_ms: Weight = 0.0,
                 d_iter: Count = 3, legacy: bool = False, outputs: Annotated[int, Between(1, 1000)] = 1,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if legacy:
            check_one_graph(self.accumulate)
        self.add_networks(content=content, attribute=attribute, G=G, D_A=D_A, D_B=D_B, D_A2=D_A2, D_B2=D_B2,
                          D_content=D_content)
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self._check_networks()
        self.style, self.variational = self.attribute.style, self.attribute.variational
        self.w_content, self.w_adv, self.w_cycle, self.w_rec = w_content, w_adv, w_cycle, w_rec
        self.w_kl, self.w_latent, self.w_ms = w_kl, w_latent, w_ms
        self.codes = 2 if w_ms else 1
        self.legacy, self.outputs = legacy, outputs
        self.schedule = (
            Phase('D_content', ('D_content',)),
            Phase('D', ('D_A', 'D_A2', 'D_B', 'D_B2'), every=d_iter),
            Phase('G', ('content', 'attribute', 'G'), every=d_iter, keeps_graph=legacy),
            Phase('G_random', ('content', 'G'), 'G', every=d_iter))
        self.directions = {f'{of}to{to}': Direction(
            ('content', 'attribute', 'G'), (Image(of, self.content.channels[of]),), f'fake_{to}',
            divisor=self.content.size_divisor, options=('seed', 'reference', 'style'), channels=self.G.channels[to])
            for of, to in DOMAINS}
        self.directions |= {f'{of}to{of}': replace(direction, gives=f'rec_{of}', channels=self.G.channels[of])
                            for of, direction in zip('AB', self.directions.values(), strict=True)}
        self.needs = tuple(self.directions[name].first(Image) for name in ('AtoB', 'BtoA'))
        self.shows = {key: shown for of, to in DOMAINS for key, shown in self._shown(of, to).items()}

    def _check_networks(self) -> None:
        for name, facts in FACTS.items():
            stated(getattr(self, name), f'model.{name}', *facts, kind='a network of DRIT (docs/drit.md)')
        check_codes(dict(content=self.content), dict(G=self.G))
        if self.attribute.style != self.G.style:
            raise ConfigError('model: attribute and G must agree about the length of a code, found '
                              f'{self.attribute.style} and {self.G.style}. Set style of both.')
        if self.adversarial.has_penalty:
            raise ConfigError('model.adversarial: DRIT has no gradient penalty; use another mode, e.g. the '
                              "paper's 'vanilla'.")

    def network_defaults(self, name: str) -> dict[str, Any]:
        found = super().network_defaults(name)
        if name in FACTS and 'B' in self.channels:
            found['out_channels_B' if name == 'G' else 'in_channels_B'] = self.channels['B']
        if name == 'D_content':
            (found['in_channels'],) = stated(self.content, 'model.content', 'content_channels')  # built before
        return found

    # Training

    def due(self) -> list[Phase]:
        return [phase for phase in super().due() if self.w_content or phase.name != 'D_content']

    def prepare(self, b: Batch) -> None:
        x = encoded(b)
        with late_weights(self.legacy):
            b.c_A, b.c_B = self._contents(x, 'content')
            if not any(phase.name == 'G' for phase in self.due()):
                return
            for d, of, to in (('A', b.c_B, b.c_A), ('B', b.c_A, b.c_B)):
                setattr(b, f'found_{d}', self.attribute(x[d], d))
                s = self._code(x, b[f'found_{d}'], f'attribute {d}')
                fake, rec = self.G(torch.cat([of, to]), s.repeat(2, 1), d).chunk(2)
                setattr(b, f'fake_{d}', fake)
                setattr(b, f'rec_{d}', rec)
            with contextlib.nullcontext() if self.legacy else torch.no_grad():  # for D alone
                self._translate_at_random(x, b, 'code')
            if self.legacy:
                self._read(b)

    def loss_D_content(self, b: Batch) -> dict[str, Tensor]:
        return dict(A=cross_entropy(self.D_content(b.c_A.detach()), 0.0),
                    B=cross_entropy(self.D_content(b.c_B.detach()), 1.0))

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        losses = {}
        for d in 'AB':
            image, other = halves(b[d])
            for name, real, fake, times in ((d, image, b[f'fake_{d}'], 1),
                                            (f'{d}2', other, b[f'random_{d}'], self.codes)):
                D = getattr(self, f'D_{name}')
                losses[name] = times * (self.adversarial(D(real), real=True, for_D=True)
                                        + self.adversarial(D(fake.detach()), real=False, for_D=True))
        return losses

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        x, losses = encoded(b), dict[str, Tensor]()

        # Content adversarial: D_content cannot tell the domain
        if self.w_content:
            losses['content_A'] = self.w_content * cross_entropy(self.D_content(b.c_A), 0.5)
            losses['content_B'] = self.w_content * cross_entropy(self.D_content(b.c_B), 0.5)

        # Domain adversarial: translations are taken for real images
        if self.w_adv:
            losses['adv_A'] = self.w_adv * self.adversarial(self.D_A(b.fake_A), real=True)
            losses['adv_B'] = self.w_adv * self.adversarial(self.D_B(b.fake_B), real=True)

        # Cross-cycle: exchanged a second time, contents and attributes give the images again
        if self.w_cycle:
            fakes = Batch(dict(A=b.fake_A, B=b.fake_B), x.meta)
            c_B, c_A = self._contents(fakes, 'content of fake')
            for d, c in (('A', c_A), ('B', c_B)):
                s = self._code(fakes, self.attribute(fakes[d], d), f'attribute of fake {d}')
                losses[f'cycle_{d}'] = self.w_cycle * self.reconstruction(self.G(c, s, d), x[d])

        # Self-reconstruction: an image's own content and attribute give it again
        if self.w_rec:
            losses['rec_A'] = self.w_rec * self.reconstruction(b.rec_A, x.A)
            losses['rec_B'] = self.w_rec * self.reconstruction(b.rec_B, x.B)

        # Divergence of attributes and contents from N(0, 1)
        if self.w_kl:
            losses['kl_A'] = self.w_kl * self._divergence(b.found_A)
            losses['kl_B'] = self.w_kl * self._divergence(b.found_B)
            losses['kl_content_A'] = self.w_kl * b.c_A.square().mean()
            losses['kl_content_B'] = self.w_kl * b.c_B.square().mean()
        return losses

    def loss_G_random(self, b: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        if not self.legacy:  # anew, with the encoder and the generator that the first update has made
            x = encoded(b)
            b.c_A, b.c_B = self._contents(x, 'content again')
            self._translate_at_random(x, b, 'code again')
            self._read(b)

        # Domain adversarial: random translations are taken for real images
        if self.w_adv:
            losses['adv_A'] = self.w_adv * self.codes * self.adversarial(self.D_A2(b.random_A), real=True)
            losses['adv_B'] = self.w_adv * self.codes * self.adversarial(self.D_B2(b.random_B), real=True)

        # Latent regression: the encoder finds the code in the image
        if self.w_latent:
            z = b.z[:len(b.c_A)]
            losses['latent_A'] = self.w_latent * F.l1_loss(self._mean(b.again_A), z)
            losses['latent_B'] = self.w_latent * F.l1_loss(self._mean(b.again_B), z)

        # Mode seeking: another code gives another image
        if self.w_ms:
            losses['ms_A'] = self.w_ms * mode_seeking(b.random_A, b.z)
            losses['ms_B'] = self.w_ms * mode_seeking(b.random_B, b.z)
        return losses

    def _contents(self, x: Batch, name: str) -> tuple[Tensor, Tensor]:
        c_A, c_B = self.content(x.A, 'A'), self.content(x.B, 'B')
        return (c_A + self.noise(x, f'{name} A', c_A.shape[1:]), c_B + self.noise(x, f'{name} B', c_B.shape[1:]))

    def _code(self, x: Batch, found: Tensor, name: str) -> Tensor:
        """A code ``(N, style)`` of what the encoder of attributes found."""
        if not self.variational:
            return found
        mu, log_var = widen(found).chunk(2, 1)
        return mu + (log_var / 2).exp() * self.noise(x, name, mu.shape[1:])

    def _mean(self, found: Tensor) -> Tensor:
        return found[:, :self.style]

    def _divergence(self, found: Tensor) -> Tensor:
        found = widen(found)
        return kl_to_standard_normal(*found.chunk(2, 1)) if self.variational else found.square().mean()

    def _translate_at_random(self, x: Batch, b: Batch, name: str) -> None:
        """Translations of all images of ``x`` by a first code, then by a second one if modes are sought."""
        z = [self.noise(x, f'{name} {i}', (self.style,)) for i in range(self.codes)]
        b.z = torch.cat(z)
        b.random_A = self.G(b.c_B.repeat(self.codes, 1, 1, 1), b.z, 'A')
        b.random_B = self.G(b.c_A.repeat(self.codes, 1, 1, 1), b.z, 'B')

    def _read(self, b: Batch) -> None:
        """What the encoder of attributes finds in the translations by the first code."""
        count = len(b.c_A)
        b.again_A, b.again_B = self.attribute(b.random_A[:count], 'A'), self.attribute(b.random_B[:count], 'B')

    # Use

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return self._translations(b, 1)

    def predict_test(self, b: Batch) -> dict[str, Tensor]:
        return self._translations(b, self.outputs)

    def _translations(self, b: Batch, outputs: int) -> dict[str, Tensor]:
        images: dict[str, Tensor] = {}
        for of, to in DOMAINS:
            images[of] = b[of]
            for i in range(outputs):
                number = f'_{i}' if i else ''
                z = self.noise(b, f'evaluation {self.test_cfg["seed"]}{number}', (self.style,))
                images[f'fake_{to}{number}'] = self._made(b[of], of, z, to)
            images[f'guided_{to}'] = self._made(b[of], of, self._attribute(b[to], to), to)
            images[f'rec_{of}'] = self._made(b[of], of, self._attribute(b[of], of), of)
        for of, to in DOMAINS:  # in the other domain the content is of the image, the attribute is its own there
            s = self._attribute(images[f'guided_{of}'], of)
            images[f'cyc_{of}'] = self._made(images[f'guided_{to}'], to, s, of)
        return images

    def _shown(self, of: str, to: str) -> dict[str, Shown]:
        numbers = ['', *(f'_{i}' for i in range(1, self.outputs))]
        return {of: Shown(of), **{f'fake_{to}{n}': Shown(f'translation to {to}', of=of, like=to) for n in numbers},
                f'guided_{to}': Shown(f'with the attribute of {to}', of=of, like=to),
                f'rec_{of}': Shown('reconstruction', of=of, like=of, paired=True),
                f'cyc_{of}': Shown('there and back', of=f'guided_{to}', like=of, paired=True)}

    def answer(self, direction: str, b: Batch, style: Tensor | None = None, **options: Any) -> Tensor:
        """Images with one attribute: a given code, that of a reference, or that of a seed.

        Args:
            direction: 'AtoB', 'BtoA', or 'AtoA', 'BtoB' for other attributes of the same domain.
            b: the images of the domain that it starts from, ``(N, C, H, W)`` in [-1, 1].
            style: ``(1, style)``. If none is given, that of :meth:`style_of`; within a domain, without options, images
                keep their own.
            **options: seed or reference.
        """
        of, _, to = direction.partition('to')
        x = b[of]
        if style is None and of == to and not options:
            return self._made(x, of, self._attribute(x, of), of)
        if style is None:
            style = self.style_of(direction, **options)
        return self._made(x, of, style.to(x).expand(x.shape[0], -1), to)

    def style_of(self, direction: str, seed: int | None = None, reference: Tensor | None = None) -> Tensor:
        """The code ``(1, style)`` of a reference ``(1, C, h, w)`` of the domain that is translated to, of at least 16
        pixels a side, or of a seed (``test_cfg.seed`` if nothing is given)."""
        if reference is not None:
            return self._attribute(reference, direction[-1])
        z = self.noise_of([self.test_cfg['seed'] if seed is None else seed], 'style', (self.style,))
        return z.to(self.data_preprocessor.device)

    def _attribute(self, x: Tensor, domain: str) -> Tensor:
        """The most likely code of images, in evaluation."""
        return self._mean(self.generate(lambda x: self.attribute(x, domain), x))

    def _made(self, x: Tensor, of: str, z: Tensor, to: str) -> Tensor:
        """Images of domain ``to`` with the contents of images ``x``, in evaluation."""
        return self.generate(lambda x, z: self.G(self.content(x, of), z, to), x, z)


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """What is encoded, and what only shows real images; a single image does both."""
    half = max(1, len(x) // 2)
    return x[:half], x[half:] if len(x) > 1 else x


def encoded(b: Batch) -> Batch:
    """The images of a batch that are encoded."""
    A, B = halves(b.A)[0], halves(b.B)[0]
    return Batch(dict(A=A, B=B), b.meta[:len(A)])


def cross_entropy(logits: Tensor, label: float) -> Tensor:
    """Of a discriminator that should say ``label``."""
    logits = widen(logits)
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def mode_seeking(images: Tensor, z: Tensor) -> Tensor:
    """``1 / (|G(c, z2) - G(c, z1)| / |z2 - z1| + 1e-5)`` (Mao et al. 2019, eq. 2, as its authors minimise it), the mean
    over contents.

    The first half of the images and of the codes is of z1, the second of z2.
    """
    moved, steps = ((x[len(x) // 2:] - x[:len(x) // 2]).abs().flatten(1).mean(1) for x in (images, z))
    return (1 / (moved / steps + 1e-5)).mean()
