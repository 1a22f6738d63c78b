"""Choi et al.: StarGAN: unified generative adversarial networks for multi-domain image-to-image translation,
CVPR 2018."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError, did_you_mean
from ..registry import LOSSES, METHODS, Backbone, Count, Discriminator, Loss, Weight, build
from .base import Method, resized
from .batch import Batch
from .contracts import ImageNetwork, SizedNetwork
from .directions import Attributes, ClassLabel, Direction, Image, Port, Shown
from .labels import LabelSet, changes_of, exclusive_groups, label_sets, with_labels
from .schedule import Phase

WGAN_GP = dict(type='AdversarialLoss', mode='wgan-gp')
L1 = dict(type='L1Loss')


@METHODS.register_module()
class StarGAN(Method):
    """One generator for all domains: it is told the labels which the image should have.

    The discriminator minimises (eq. 5, with the Wasserstein form of eq. 8), and every ``n_critic``-th time the
    generator::

        D(G(x, target)) - D(x) + penalty + w_cls * classification(D, x, label)
        -D(G(x, target)) + w_cls * classification(D, G(x, target), target) + w_rec |G(G(x, target), label) - x|

    With ``attributes`` and ``domains`` together two data sets train one model (section 3.3): the label vector is
    (attributes, domains, which of the two sets is meant), labels of the other set are zeros, and each iteration updates
    with the first set, then with the second.

    Args:
        G: generator of ``(images, label vector)``. The number of labels is filled in.
        D: discriminator with the outputs (scores, label logits). The number of labels is filled in here, too.
        attributes: names of binary attributes, any number of which an image can have (CelebA).
        domains: names of domains, of which an image has exactly one (RaFD).
        exclusive: groups of attributes of which an image should have one at a time (hair colours).
        adversarial: loss of the adversarial terms.
        reconstruction: loss between an image and its way there and back.
        w_cls: weight of the classification; 1 in the paper.
        w_rec: weight of the reconstruction; 10 in the paper.
        n_critic: updates of D per update of G; 5 in the paper.

    Batch:
        img: ``(N, C, H, W)`` in [-1, 1]; attributes and target_attributes ``(N, c)`` of 0 and 1, or label and target
        ``(N,)``. With both sets the second has the keys img2, label and target.
    """

    carries = {'G': ('img', 'img'), 'D': ('img',)}
    schedule: tuple[Phase, ...] = (Phase('D', trains=('D',)), Phase('G', trains=('G',), every=5))

    G: ImageNetwork
    D: SizedNetwork

    def __init__(self, G: Backbone, D: Discriminator, attributes: Sequence[str] = (), domains: Sequence[str] = (),
                 exclusive: Sequence[Sequence[str]] = (), adversarial: Loss = WGAN_GP, reconstruction: Loss = L1,
                 w_cls: Weight = 1.0, w_rec: Weight = 10.0, n_critic: Count = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sets = label_sets(attributes, domains)
        self.exclusive = exclusive_groups(exclusive, attributes)
        self.outputs = len(attributes) + len(domains)
        self.inputs = self.outputs + 2 * (len(self.sets) == 2)
        self.add_networks(G=with_labels(G, self.inputs, 'G'), D=with_labels(D, self.outputs, 'D'))
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_cls, self.w_rec = w_cls, w_rec
        self.schedule = tuple(Phase(f'{net}{suffix}', (net,), net, every) for suffix in ('', '2')[:len(self.sets)]
                              for net, every in (('D', 1), ('G', n_critic)))
        self.changes = {name: change for s in self.sets for name, change in changes_of(s, self.exclusive).items()}
        self.size = self.D.size
        self.directions = {name: self._changing(name, s) for name, (s, _) in self.changes.items()}
        self.needs = tuple(port for s in self.sets for port in self._needs_of(s))
        fakes = {f'fake_{name}': Shown(name, of='img', like='img') for name in self.changes}
        self.shows = {'img': Shown('input'), **fakes}

    def _changing(self, name: str, s: LabelSet) -> Direction:
        if not s.binary:
            return self.translation('G', 'img', f'fake_{name}')
        # Without the option, the discriminator tells which attributes an image has.
        return self.translation('G', 'img', f'fake_{name}', options=('attributes',), also=('D',))

    def _needs_of(self, s: LabelSet) -> tuple[Port, ...]:
        labels = (Attributes(key, s.names) if s.binary else ClassLabel(key, len(s.names))
                  for key in (s.label, s.target))
        return Image(s.image, self.G.in_channels, self.D.size), *labels

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        return self._loss_D(b, self.sets[0])

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return self._loss_G(b, self.sets[0])

    def loss_D2(self, b: Batch) -> dict[str, Tensor]:
        return self._loss_D(b, self.sets[1])

    def loss_G2(self, b: Batch) -> dict[str, Tensor]:
        return self._loss_G(b, self.sets[1])

    def _loss_D(self, b: Batch, s: LabelSet) -> dict[str, Tensor]:
        real, label, target = getattr(b, s.image), getattr(b, s.label), getattr(b, s.target)
        fake = self.G(real, self.vector(s, target)).detach()
        score, logits = self.D(real)

        # Adversarial, and the classification of real images by their own labels
        losses = dict(real=self.adversarial(score, real=True, for_D=True),
                      fake=self.adversarial(self.D(fake)[0], real=False, for_D=True),
                      cls=self.w_cls * s.loss(logits, label))

        # Gradient penalty between real images and fakes
        if self.adversarial.has_penalty:
            alpha = (self.noise(b, f'penalty {s.image}', (1,), 'uniform') + 1) / 2
            losses['penalty'] = self.adversarial.penalty(lambda x: self.D(x)[0], real, fake, alpha)
        return losses

    def _loss_G(self, b: Batch, s: LabelSet) -> dict[str, Tensor]:
        real, label, target = getattr(b, s.image), getattr(b, s.label), getattr(b, s.target)
        fake = self.G(real, self.vector(s, target))
        score, logits = self.D(fake)

        # Adversarial, and the classification of fakes by the labels asked for
        losses = dict(adv=self.adversarial(score, real=True), cls=self.w_cls * s.loss(logits, target))

        # Reconstruction: with its own labels the fake becomes the image again
        if self.w_rec:
            losses['rec'] = self.w_rec * self.reconstruction(self.G(fake, self.vector(s, label)), real)
        return losses

    def vector(self, s: LabelSet, labels: Tensor) -> Tensor:
        """The label vector of G, ``(N, inputs)``: these labels, zeros for the other set, and which set is meant."""
        c = torch.zeros(labels.shape[0], self.inputs, device=labels.device, dtype=torch.get_default_dtype())
        c[:, s.start:s.start + len(s.names)] = s.vector(labels).to(c)
        if len(self.sets) == 2:
            c[:, self.outputs + self.sets.index(s)] = 1
        return c

    def predict(self, b: Batch) -> dict[str, Tensor]:
        attributes = b.attributes if self.sets[0].binary else None
        return dict(img=b.img, **{f'fake_{name}': self.answer(name, b, attributes) for name in self.changes})

    def answer(  # type: ignore[override]  # each direction lists its options
            self, direction: str, b: Batch, attributes: Tensor | Sequence[str] | None = None) -> Tensor:
        """``b.img`` with one attribute, or in one domain.

        Args:
            direction: name of a domain or of an attribute; ``not_<attribute>`` takes one away.
            b: images ``(N, C, H, W)`` in [-1, 1].
            attributes: those that the images have now, ``(N, c)`` of 0 and 1 or names; D tells them if not given.
        """
        x, (s, change) = b.img, self.changes[direction]
        if not s.binary:
            labels = torch.full((x.shape[0],), change[direction], device=x.device)
            return self.generate(self.G, x, self.vector(s, labels))
        labels = self._attributes_of(x, s, attributes).clone()
        for name, value in change.items():
            labels[:, s.names.index(name)] = value
        return self.generate(self.G, x, self.vector(s, labels))

    def settled(self, direction: str, b: Batch, **options: Any) -> dict[str, Any]:
        s, _ = self.changes[direction]
        return options if not s.binary else dict(attributes=self._attributes_of(b.img, s, options.get('attributes')))

    def _attributes_of(self, x: Tensor, s: LabelSet, given: Tensor | Sequence[str] | None) -> Tensor:
        if isinstance(given, Tensor):
            return given
        if given is None and self.present is not None and 'D' not in self.present:
            raise ConfigError('attributes: this checkpoint holds no discriminator that could tell what the images '
                              'have now; name it (--attributes NAME ..., in Python attributes=[...]).')
        if given is None:
            logits = self.D(resized(x, self.size))[1]
            return (logits[:, s.start:s.start + len(s.names)] > 0).to(x)
        for name in given:
            if name not in s.names:
                raise ConfigError(f'attributes: the model knows no {name!r}.{did_you_mean(name, s.names)}')
        return x.new_tensor([[float(name in given) for name in s.names]]).expand(len(x), -1)
