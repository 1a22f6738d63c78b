"""The data set of the world 'scenes': label maps, objects and photographs in many styles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ...registry import DATASETS, Channels, Count, NonNegative, Probability, Transform
from ..facts import Facts
from ..io import convert_channels
from ..worlds.scenes import CLASSES, PALETTE, Scene, draw_scene, draw_style
from .synthetic import Side, SyntheticDataset


@DATASETS.register_module()
class SyntheticScenes(SyntheticDataset):
    """Landscapes with houses, trees and cars: 'label_map', 'instance_map', the picture 'img', and its 'style'.

    The style (daylight, season, vividness, each in [-1, 1]) changes the whole picture, and neither map tells it. The
    objects of a class differ in brightness and a little in hue. The feature network ``SceneReader`` tells classes and
    style of any such picture, generated ones too.

    Args:
        size: side of the images, 16..1024.
        length: number of scenes.
        split: any name; scenes of different splits are unrelated.
        seed: of the whole set.
        instances: give the instance map, too.
        uniform: share of scenes that are one class over the whole map.
        style: of all scenes, three numbers in [-1, 1]; None for one of its own for each.
        channels: 1, 3 or 4, of the picture.
        noise: standard deviation of Gaussian noise in grey levels, in the picture.
        pipeline: transforms, with the same draws for both maps and the picture.
    """

    groups = (('label_map', 'instance_map', 'img'),)
    maps = ('label_map', 'instance_map')
    classes: ClassVar[tuple[str, ...]] = CLASSES

    def __init__(self, size: Side = 64, length: Count = 200, split: str = 'train', seed: int = 0,
                 instances: bool = True, uniform: Probability = 0.0, style: tuple[float, float, float] | None = None,
                 channels: Channels = 3, noise: NonNegative = 0.0, pipeline: Sequence[Transform] = ()) -> None:
        super().__init__('scenes', size, length, split, seed, channels, noise, pipeline)
        self.channels = {'img': channels}
        self.instances, self.uniform, self.style = instances, uniform, style

    def facts(self) -> Facts:
        """Also the colours of the classes; no pixel is unknown."""
        return {**super().facts(), 'palette': list(PALETTE), 'unknown': False, 'instances': self.instances}

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        style = draw_style(rng)
        if self.style is not None:
            style = np.array(self.style, np.float32)
        is_uniform, label = rng.random() < self.uniform, int(rng.integers(len(CLASSES)))
        scene = Scene.uniform(self.size, label) if is_uniform else draw_scene(rng, self.size)
        return {'label_map': scene.labels, **({'instance_map': scene.objects} if self.instances else {}),
                'img': scene.paint(style), 'style': style}

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        views = self.views('scene', index)
        places = {key: index for key, view in views.items() if view.ndim > 1}
        return {**views, 'img': convert_channels(views['img'], self.channels['img'])}, self.meta(**places)
