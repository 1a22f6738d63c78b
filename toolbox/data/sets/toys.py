"""Data sets of the world 'toys': attributes, and domains with styles, with the true answers beside them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from ...registry import DATASETS, Count, Items, NonNegative, Transform
from ..worlds.toys import ATTRIBUTES, DOMAINS, HUES, Looks, Toy
from .synthetic import Side, SyntheticDataset

if TYPE_CHECKING:
    Domains = Sequence[str]
else:  # a Literal of names that are listed elsewhere is nothing for a type checker
    Domains = Annotated[Sequence[Literal[DOMAINS]], Items(2)]


class SyntheticToys(SyntheticDataset):
    """Base: scenes by number, and their looks, a function of (seed, split, index) alone."""

    def __init__(self, size: Side, length: Count, split: str, seed: int, noise: NonNegative,
                 pipeline: Sequence[Transform]) -> None:
        super().__init__('toys', size, length, split, seed, 3, noise, pipeline)

    def truth(self, toy: Toy, oracles: dict[str, Looks]) -> dict[str, np.ndarray]:
        """Outside the split 'train': the true answers ``oracle_<direction>``, and the 'mask' of the object."""
        if self.split == 'train':
            return {}
        mask = np.rint(toy.mask * 255).astype(np.uint8)[:, :, None]
        return {**{f'oracle_{name}': toy.paint(looks) for name, looks in oracles.items()}, 'mask': mask}


@DATASETS.register_module()
class SyntheticAttributes(SyntheticToys):
    """Toys with attributes: three hues that exclude each other, stripes, and an outline.

    A sample holds 'img', 'attributes' and 'target_attributes' as :class:`~.attributes.AttributeImages` does. Outside
    the split 'train' it holds the true answers ``oracle_<attribute>`` and ``oracle_not_<attribute>`` besides, and the
    'mask' of the object.

    Args:
        size: side of the images, 16..1024.
        length: number of images.
        split: 'train', 'val', ...
        seed: of the whole set.
        noise: standard deviation of Gaussian noise in grey levels.
        pipeline: transforms.
    """

    attributes = ATTRIBUTES

    def __init__(self, size: Side = 32, length: Count = 1000, split: str = 'train', seed: int = 0,
                 noise: NonNegative = 0.0, pipeline: Sequence[Transform] = ()) -> None:
        super().__init__(size, length, split, seed, noise, pipeline)
        oracles = [f'oracle_{name}' for name in changes(np.zeros(len(ATTRIBUTES), np.float32))]
        self.groups = (('img', 'mask', *oracles),)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        rng = self.generator('attributes', index)
        toy, values = Toy(rng, self.size), draw_attributes(rng)
        target = draw_attributes(np.random.default_rng(random.getrandbits(32)))
        oracles = {name: Looks.of_attributes(v) for name, v in changes(values).items()}
        return ({'img': self.noisy(toy.paint(Looks.of_attributes(values)), rng), 'attributes': values,
                 'target_attributes': target, **self.truth(toy, oracles)}, self.meta(img=index))


def draw_attributes(rng: np.random.Generator) -> np.ndarray:
    """One hue, stripes and an outline with probability 1/2 each; float32 of 0 and 1."""
    values = np.zeros(len(ATTRIBUTES), np.float32)
    values[rng.integers(len(HUES))] = 1
    values[len(HUES):] = rng.random(len(ATTRIBUTES) - len(HUES)) < 0.5
    return values


def changes(values: np.ndarray) -> dict[str, np.ndarray]:
    """Direction -> the attributes after it."""
    found = {}
    for place, name in enumerate(ATTRIBUTES):
        after = values.copy()
        if name in HUES:
            after[:len(HUES)] = 0
        after[place] = 1
        found[name] = after
        if name not in HUES:
            found[f'not_{name}'] = after.copy()
            found[f'not_{name}'][place] = 0
    return found


@DATASETS.register_module()
class SyntheticDomains(SyntheticToys):
    """Toys in three domains, 'plain', 'striped' and 'outlined'; the hue is the style within each.

    A sample holds 'img', 'label', 'target', and of the target domain two other toys of any hue, 'ref' and 'ref2'.
    Outside the split 'train' it holds the true answers ``oracle_<domain>`` (in the hue of 'ref') and the 'mask' of the
    object besides.

    Args:
        size: side of the images, 16..1024.
        length: number of images.
        split: 'train', 'val', ...
        domains: at least two of the three, in the order of their labels.
        seed: of the whole set.
        noise: standard deviation of Gaussian noise in grey levels.
        pipeline: transforms; 'img', 'ref' and 'ref2' have draws of their own.
    """

    def __init__(self, size: Side = 32, length: Count = 1000, split: str = 'train', domains: Domains = DOMAINS,
                 seed: int = 0, noise: NonNegative = 0.0, pipeline: Sequence[Transform] = ()) -> None:
        super().__init__(size, length, split, seed, noise, pipeline)
        self.domains = tuple(domains)
        self.groups = (('img', 'mask', *(f'oracle_{name}' for name in (*self.domains, 'ref'))), ('ref',), ('ref2',))

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        label = index % len(self.domains)
        target = random.randrange(len(self.domains))
        if self.split != 'train':
            target = (label + 1 + index // len(self.domains) % (len(self.domains) - 1)) % len(self.domains)
        rng = self.generator('img', index)
        toy = Toy(rng, self.size)
        images = {'img': self.noisy(toy.paint(Looks.of_domain(self.domains[label], rng.random())), rng)}
        hues = {}
        for key in ('ref', 'ref2'):
            other = np.random.default_rng(random.getrandbits(32))
            hues[key] = other.random()
            looks = Looks.of_domain(self.domains[target], hues[key])
            images[key] = self.noisy(Toy(other, self.size).paint(looks), other)
        oracles = {name: Looks.of_domain(name, hues['ref']) for name in self.domains}
        images |= self.truth(toy, {**oracles, 'ref': oracles[self.domains[target]]})
        return {**images, 'label': np.int64(label), 'target': np.int64(target)}, self.meta(img=index)
