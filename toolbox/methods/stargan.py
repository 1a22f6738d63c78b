"""Choi et al.: StarGAN: unified generative adversarial networks for multi-domain image-to-image translation, CVPR 2018."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError, did_you_mean
from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, build
from .base import Method, Phase, resized
from .batch import Batch

WGAN_GP = dict(type='AdversarialLoss', mode='wgan-gp')
L1 = dict(type='L1Loss')


@dataclass(frozen=True)
class LabelSet:
    """The labels of one data set: their keys in the batch, and their places in the label vector of G and D."""

    names: tuple[str, ...]
    image: str
    label: str
    target: str
    start: int
    binary: bool

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Binary attributes: cross-entropies summed over attributes, mean over images; classes: cross-entropy."""
        logits = logits[:, self.start:self.start + len(self.names)]
        if self.binary:
            return F.binary_cross_entropy_with_logits(logits, labels.to(logits), reduction='sum') / len(logits)
        return F.cross_entropy(logits, labels)

    def vector(self, labels: Tensor) -> Tensor:
        """``(N, len(names))`` of zeros and ones."""
        return labels if self.binary else F.one_hot(labels, len(self.names))


@METHODS.register_module()
class StarGAN(Method):
    """One generator for all domains: it is told the labels which the image should have.

    The discriminator minimises (eq. 5, with the Wasserstein form of eq. 8), and every ``n_critic``-th time the generator::

        D(G(x, target)) - D(x) + penalty + w_cls * classification(D, x, label)
        -D(G(x, target)) + w_cls * classification(D, G(x, target), target) + w_rec |G(G(x, target), label) - x|

    With ``attributes`` and ``domains`` together two data sets train one model (section 3.3): the label vector is
    (attributes, domains, which of the two sets is meant), labels of the other set are zeros, and each iteration updates
    with the first set, then with the second.

    Args:
        G: generator of ``(images, label vector)``. The number of labels is filled in.
        D: discriminator with the outputs (scores, label logits). Likewise.
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

    schedule = (Phase('D', trains=('D',)), Phase('G', trains=('G',), every=5))

    def __init__(self, G: Backbone, D: Discriminator, attributes: Sequence[str] = (), domains: Sequence[str] = (),
                 exclusive: Sequence[Sequence[str]] = (), adversarial: Loss = WGAN_GP, reconstruction: Loss = L1,
                 w_cls: float = 1.0, w_rec: float = 10.0, n_critic: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sets = label_sets(attributes, domains)
        self.exclusive = exclusive_groups(exclusive, attributes)
        self.outputs = len(attributes) + len(domains)
        self.inputs = self.outputs + 2 * (len(self.sets) == 2)
        self.add_networks(G=_with_labels(G, self.inputs, 'G'), D=_with_labels(D, self.outputs, 'D'))
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_cls, self.w_rec = w_cls, w_rec
        self.schedule = tuple(Phase(f'{net}{suffix}', (net,), net, every) for suffix in ('', '2')[:len(self.sets)]
                              for net, every in (('D', 1), ('G', n_critic)))
        self.changes = {name: change for s in self.sets for name, change in changes_of(s, self.exclusive).items()}
        self.translators = dict.fromkeys(self.changes, 'G')
        self.size = self.D.size
        self.guides = ('attributes',) if attributes else ()

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
        losses = dict(real=self.adversarial(score, real=True, for_D=True),
                      fake=self.adversarial(self.D(fake)[0], real=False, for_D=True),
                      cls=self.w_cls * s.loss(logits, label))
        if self.adversarial.has_penalty:
            alpha = (self.noise(b, f'penalty {s.image}', (1,), 'uniform') + 1) / 2
            losses['penalty'] = self.adversarial.penalty(lambda x: self.D(x)[0], real, fake, alpha)
        return losses

    def _loss_G(self, b: Batch, s: LabelSet) -> dict[str, Tensor]:
        real, label, target = getattr(b, s.image), getattr(b, s.label), getattr(b, s.target)
        fake = self.G(real, self.vector(s, target))
        score, logits = self.D(fake)
        losses = dict(adv=self.adversarial(score, real=True), cls=self.w_cls * s.loss(logits, target))
        if self.w_rec:
            losses['rec'] = self.w_rec * self.reconstruction(self.G(fake, self.vector(s, label)), real)
        return losses

    def vector(self, s: LabelSet, labels: Tensor) -> Tensor:
        """The label vector of G, ``(N, inputs)``: these labels, zeros for the other set, and which set is meant."""
        c = torch.zeros(len(labels), self.inputs, device=labels.device, dtype=torch.get_default_dtype())
        c[:, s.start:s.start + len(s.names)] = s.vector(labels).to(c)
        if len(self.sets) == 2:
            c[:, self.outputs + self.sets.index(s)] = 1
        return c

    def predict(self, b: Batch) -> dict[str, Tensor]:
        attributes = b.attributes if self.sets[0].binary else None
        return dict(img=b.img, **{f'fake_{name}': self.convert(b.img, name, attributes) for name in self.changes})

    def convert(self, x: Tensor, direction: str, attributes: Tensor | Sequence[str] | None = None) -> Tensor:
        """``x`` with one attribute, or in one domain.

        Args:
            x: ``(N, C, H, W)`` in [-1, 1].
            direction: name of a domain or of an attribute; ``not_<attribute>`` takes one away.
            attributes: those that the images have now, ``(N, c)`` of 0 and 1 or names; D tells them if not given.
        """
        s, change = self.changes[direction]
        if not s.binary:
            return self.generate(self.G, x, self.vector(s, torch.full((len(x),), change[direction], device=x.device)))
        labels = self._attributes_of(x, s, attributes).clone()
        for name, value in change.items():
            labels[:, s.names.index(name)] = value
        return self.generate(self.G, x, self.vector(s, labels))

    def _attributes_of(self, x: Tensor, s: LabelSet, given: Tensor | Sequence[str] | None) -> Tensor:
        if isinstance(given, Tensor):
            return given
        if given is None and 'D' in self.untrained:
            raise ConfigError('attributes: this checkpoint holds no discriminator that could tell what the images have now; '
                              'name it (--attributes NAME ..., in Python attributes=[...]).')
        if given is None:
            logits = self.D(resized(x, self.size))[1]
            return (logits[:, s.start:s.start + len(s.names)] > 0).to(x)
        for name in given:
            if name not in s.names:
                raise ConfigError(f'attributes: the model knows no {name!r}.{did_you_mean(name, s.names)}')
        return x.new_tensor([[float(name in given) for name in s.names]]).expand(len(x), -1)


def label_sets(attributes: Sequence[str], domains: Sequence[str]) -> list[LabelSet]:
    """One or two sets; raises :class:`ConfigError` without names, or for names that are not unique."""
    names = (*attributes, *domains)
    if not names or len(set(names)) < len(names):
        raise ConfigError(f'model: give attributes or domains (or both), each with a name of its own; found {list(names)}.')
    sets = []
    if attributes:
        sets.append(LabelSet(tuple(attributes), 'img', 'attributes', 'target_attributes', 0, binary=True))
    if domains:
        sets.append(LabelSet(tuple(domains), 'img2' if attributes else 'img', 'label', 'target', len(attributes), False))
    return sets


def exclusive_groups(groups: Sequence[Sequence[str]], attributes: Sequence[str]) -> list[tuple[str, ...]]:
    """The groups as tuples; raises :class:`ConfigError` for unknown names."""
    for name in (name for group in groups for name in group):
        if name not in attributes:
            raise ConfigError(f'model.exclusive: {name!r} is not among the attributes {list(attributes)}.')
    return [tuple(group) for group in groups]


def changes_of(s: LabelSet, groups: Sequence[tuple[str, ...]]) -> dict[str, tuple[LabelSet, dict[str, int]]]:
    """Direction -> the set and the labels that it sets."""
    if not s.binary:
        return {name: (s, {name: place}) for place, name in enumerate(s.names)}
    found: dict[str, tuple[LabelSet, dict[str, int]]] = {}
    for name in s.names:
        group = next((group for group in groups if name in group), None)
        if group:
            found[name] = (s, {other: int(other == name) for other in group})
        else:
            found |= {name: (s, {name: 1}), f'not_{name}': (s, {name: 0})}
    return found


def _with_labels(net: Any, labels: int, name: str) -> Any:
    """The config with the number of labels filled in."""
    given = net.get('labels', labels) if isinstance(net, dict) else getattr(net, 'labels', labels)
    if given != labels:
        raise ConfigError(f'model.{name}.labels: {labels} for these attributes and domains, found {given}; leave it out.')
    return {**net, 'labels': labels} if isinstance(net, dict) else net
