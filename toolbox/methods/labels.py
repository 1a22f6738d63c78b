"""Label vectors: which sets of labels a model knows, and what a direction changes in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError


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


def label_sets(attributes: Sequence[str], domains: Sequence[str]) -> list[LabelSet]:
    """One or two sets; raises :class:`ConfigError` without names, or for names that are not unique."""
    names = (*attributes, *domains)
    if not names or len(set(names)) < len(names):
        raise ConfigError('model: give attributes or domains (or both), each with a name of its own; found '
                          f'{list(names)}.')
    sets = []
    if attributes:
        sets.append(LabelSet(tuple(attributes), 'img', 'attributes', 'target_attributes', 0, binary=True))
    if domains:
        image = 'img2' if attributes else 'img'
        sets.append(LabelSet(tuple(domains), image, 'label', 'target', len(attributes), binary=False))
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


def with_labels(net: Any, labels: int, name: str) -> Any:
    """The config with the number of labels filled in."""
    given = net.get('labels', labels) if isinstance(net, dict) else getattr(net, 'labels', labels)
    if given != labels:
        raise ConfigError(f'model.{name}.labels: expected {labels} for these attributes and domains, found {given}; '
                          'leave it out.')
    return {**net, 'labels': labels} if isinstance(net, dict) else net
