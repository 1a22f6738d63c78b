"""Datasets that need no files: scenes drawn on the fly, with the true answers beside them."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from ...errors import ConfigError
from ...registry import DATASETS, Between, Channels, Count, NonNegative, Transform
from ..io import convert_channels
from ..worlds import WORLDS
from ..worlds.shapes import CLASSES, draw_shape
from .datasets import ImageDataset, channels_of

if TYPE_CHECKING:
    World = str
else:  # a Literal of names that are listed elsewhere is nothing for a type checker
    World = Literal[tuple(WORLDS)]
Side = Annotated[int, Between(16, 1024)]
DrawnChannels = Channels | dict[str, Channels]  # colours, gray or with alpha: there is nothing else to draw
PICTURES = (('animals', 'striped'), ('houses', 'photo'), ('bags', 'photo'))
PAIRED_TASKS = {'labels': ('houses', 'labels', 'photo'), 'edges': ('bags', 'edges', 'photo')}


class SyntheticDataset(ImageDataset):
    """Base: a numbered stream of scenes of one world, a function of (seed, split, stream, index) alone.

    Args:
        world: name in ``toolbox.data.worlds.WORLDS``.
        size: side of the images, 16..1024.
        length: images per domain and epoch.
        split: any name; scenes of different splits are unrelated.
        seed: of the whole set.
        channels: 1, 3 or 4, or ``dict(A=..., B=...)``.
        noise: standard deviation of Gaussian noise in grey levels, the same pattern in every view of a scene.
        pipeline: transforms.
    """

    channels: dict[str, int]
    titles: Mapping[str, str] = MappingProxyType({})  # names of the domains, for captions

    def __init__(self, world: str, size: Side, length: Count, split: str, seed: int, channels: DrawnChannels,
                 noise: NonNegative, pipeline: Sequence[Transform]) -> None:
        super().__init__(pipeline)
        self.world = world
        self.size = size
        self.length = length
        self.split = split
        self.seed = seed
        self.channels = channels_of(channels, type(self).__name__)
        self.noise = noise

    def __len__(self) -> int:
        return self.length

    def views(self, stream: str, index: int) -> dict[str, np.ndarray]:
        """Scene ``index`` of a stream ('A', 'B', 'pair') in every domain of the world."""
        rng = self.generator(stream, index)
        views = self.draw(rng)
        if not self.noise:
            return views
        pattern = rng.normal(0, self.noise, (self.size, self.size, 3))
        return {name: np.clip(np.rint(view + pattern), 0, 255).astype(np.uint8) if view.ndim == 3 else view
                for name, view in views.items()}

    def generator(self, stream: str, index: int) -> np.random.Generator:
        """The generator of scene ``index`` of a stream."""
        return np.random.default_rng([self.seed & 0xFFFFFFFF, zlib.crc32(f'{self.split}/{stream}'.encode()), index])

    def noisy(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One picture with noise of its own."""
        if not self.noise:
            return picture
        return np.clip(np.rint(picture + rng.normal(0, self.noise, picture.shape)), 0, 255).astype(np.uint8)

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A scene without noise."""
        return WORLDS[self.world](rng, self.size)

    def meta(self, **indices: int) -> dict[str, Any]:
        """Names and sizes as a dataset of files would give them."""
        paths = {f'{key}_path': f'{self.world}/{self.split}{key}/{index:05d}.png' for key, index in indices.items()}
        return {**paths, **{f'{key}_size': (self.size, self.size) for key in indices}}


@DATASETS.register_module()
class SyntheticUnpaired(SyntheticDataset):
    """Two unpaired domains with known translations; the world 'animals': plain animals (A), striped animals (B).

    'oracle_B' is the scene of A drawn in domain B, 'oracle_A' the scene of B drawn in domain A. A and B of one sample
    are unrelated scenes; the partner B is drawn at random, as in :class:`UnpairedDataset`.

    Args:
        size: side of the images, 16..1024.
        length: images per domain.
        split: 'train', 'test', ...
        seed: of the whole set.
        world: name of the world.
        domains: its views used as A and B.
        channels: 1, 3 or 4, or ``dict(A=..., B=...)``.
        noise: standard deviation of Gaussian noise in grey levels.
        serial: the partner of A number i is B number i. None: random in the split 'train', serial elsewhere.
        pipeline: transforms; A and oracle_B share their draws, and so do B and oracle_A.
    """

    groups = (('A', 'oracle_B'), ('B', 'oracle_A'))

    def __init__(self, size: Side = 64, length: Count = 200, split: str = 'train', seed: int = 0,
                 world: World = 'animals', domains: Sequence[str] = ('plain', 'striped'),
                 channels: DrawnChannels = 3, noise: NonNegative = 0.0, serial: bool | None = None,
                 pipeline: Sequence[Transform] = ()) -> None:
        super().__init__(world, size, length, split, seed, channels, noise, pipeline)
        known = [name for name, view in self.views('A', 0).items() if view.ndim == 3]
        if len(domains) != 2 or not set(domains) <= set(known):
            raise ConfigError(f'SyntheticUnpaired.domains: two of {known}, found {list(domains)!r}.')
        self.domains = tuple(domains)
        self.titles = dict(zip('AB', self.domains, strict=True))
        self.serial = split != 'train' if serial is None else serial

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        partner = index if self.serial else random.randint(0, self.length - 1)
        first, second = self.domains
        a, b = self.views('A', index), self.views('B', partner)
        images = {'A': a[first], 'B': b[second], 'oracle_B': a[second], 'oracle_A': b[first]}
        return ({key: convert_channels(image, self.channels[key[-1]]) for key, image in images.items()},
                self.meta(A=index, B=partner))


@DATASETS.register_module()
class SyntheticPaired(SyntheticDataset):
    """Pairs whose B is a function of A.

    Args:
        task: 'labels' (colour-coded layout of a house -> picture) or 'edges' (outlines of a bag -> picture).
        size: side of the images, 16..1024.
        length: number of pairs.
        split: 'train', 'test', ...
        seed: of the whole set.
        channels: 1, 3 or 4, or ``dict(A=1, B=3)``.
        noise: standard deviation of Gaussian noise in grey levels, the same in A and B.
        pipeline: transforms; A and B share their draws.
    """

    def __init__(self, task: Literal['labels', 'edges'] = 'labels', size: Side = 64, length: Count = 200,
                 split: str = 'train', seed: int = 0, channels: DrawnChannels = 3, noise: NonNegative = 0.0,
                 pipeline: Sequence[Transform] = ()) -> None:
        world, *self.domains = PAIRED_TASKS[task]
        super().__init__(world, size, length, split, seed, channels, noise, pipeline)
        self.titles = dict(zip('AB', self.domains, strict=True))

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        views = self.views('pair', index)
        images = {key: convert_channels(views[name], self.channels[key])
                  for key, name in zip('AB', self.domains, strict=True)}
        return images, self.meta(A=index, B=index)


@DATASETS.register_module()
class SyntheticShapes(SyntheticDataset):
    """A bright shape on a dark ground as 'img', and its class as 'label'.

    The classes are disc, square, triangle, cross, ring and star; place, size, turn and colours vary.
    :func:`toolbox.data.worlds.shapes.classify_shapes` tells the class of any such image, generated ones too.

    Args:
        size: side of the images, 16..1024.
        length: number of images.
        split: 'train', 'test', ...
        seed: of the whole set.
        channels: 1, 3 or 4.
        noise: standard deviation of Gaussian noise in grey levels.
        pipeline: transforms.
    """

    groups = (('img',),)
    classes = CLASSES

    def __init__(self, size: Side = 32, length: Count = 1000, split: str = 'train', seed: int = 0,
                 channels: Channels = 3, noise: NonNegative = 0.0, pipeline: Sequence[Transform] = ()) -> None:
        super().__init__('shapes', size, length, split, seed, channels, noise, pipeline)

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        image, label = draw_shape(rng, self.size)
        return {'img': image, 'label': np.int64(label)}

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        views = self.views('img', index)
        return {**views, 'img': convert_channels(views['img'], self.channels['A'])}, self.meta(img=index)


@DATASETS.register_module()
class SyntheticPhotographs(SyntheticDataset):
    """Pictures of several worlds as 'img': striped animals on meadows, houses and bags, in the place of photographs.

    Args:
        size: side of the images, 16..1024.
        length: number of images.
        split: 'train', 'test', ...
        seed: of the whole set.
        channels: 1, 3 or 4.
        noise: standard deviation of Gaussian noise in grey levels.
        pipeline: transforms.
    """

    groups = (('img',),)

    def __init__(self, size: Side = 64, length: Count = 200, split: str = 'train', seed: int = 0,
                 channels: Channels = 3, noise: NonNegative = 0.0, pipeline: Sequence[Transform] = ()) -> None:
        super().__init__('photographs', size, length, split, seed, channels, noise, pipeline)
        self.channels = {'img': channels}

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        world, view = PICTURES[rng.integers(len(PICTURES))]
        return {'img': WORLDS[world](rng, self.size)[view]}

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {'img': convert_channels(self.views('img', index)['img'], self.channels['img'])}, self.meta(img=index)
