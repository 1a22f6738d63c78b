"""The data set of the world 'styles': two unpaired domains of the same layouts, each in many styles."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...registry import DATASETS, Count, NonNegative, Transform
from ..worlds.styles import DOMAINS, draw_hues, draw_layout, paint, style_of
from .synthetic import Side, SyntheticDataset


@DATASETS.register_module()
class SyntheticStyles(SyntheticDataset):
    """Blobs, flat on a light ground (A), and with stripes on a dark one (B); the hues of both are the style.

    A and B of one sample have unrelated layouts and styles; the partner B is drawn at random in the split 'train'.
    Outside of it a sample holds the truth, too: 'layout_A' and 'layout_B', label maps with 1 on the object; 'style_A'
    and 'style_B', the colours of object and ground; and 'oracle_B', the layout of A in domain B and the style of B,
    which is the only right answer where B is the example ('oracle_A' the other way round). The feature network
    ``PaletteReader`` tells layout and style of any such picture, generated ones too.

    Args:
        size: side of the images, 16..1024.
        length: images per domain.
        split: 'train', 'val', ...; scenes of different splits are unrelated.
        seed: of the whole set.
        noise: standard deviation of Gaussian noise in grey levels, the same pattern in every view of a scene.
        gray_A: A is drawn in grays, all alike, and has no styles. By default the domains share their hues.
        pipeline: transforms; A, its layout and oracle_B share their draws, and so do B, its layout and oracle_A.
    """

    groups = (('A', 'layout_A', 'oracle_B'), ('B', 'layout_B', 'oracle_A'))
    maps = ('layout_A', 'layout_B')

    def __init__(self, size: Side = 32, length: Count = 1000, split: str = 'train', seed: int = 0,
                 noise: NonNegative = 0.0, gray_A: bool = False, pipeline: Sequence[Transform] = ()) -> None:
        super().__init__('styles', size, length, split, seed, 3, noise, pipeline)
        self.gray_A = gray_A

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        numbers = {'A': index, 'B': random.randint(0, self.length - 1) if self.split == 'train' else index}
        arrays: dict[str, np.ndarray] = {}
        generators = {key: self.generator(key, number) for key, number in numbers.items()}
        scenes = {key: (draw_layout(rng, self.size), draw_hues(rng)) for key, rng in generators.items()}
        if self.gray_A:
            scenes['A'] = scenes['A'][0], None
        for key, other, domain in zip('AB', 'BA', DOMAINS, strict=True):
            layout, hues = scenes[key]
            arrays[key] = self.noisy(paint(layout, domain, hues), copy.deepcopy(generators[key]))
            if self.split != 'train':
                arrays |= {f'layout_{key}': (layout > 0.5).astype(np.int32), f'style_{key}': style_of(domain, hues),
                           f'oracle_{key}': self.noisy(paint(scenes[other][0], domain, hues),
                                                       copy.deepcopy(generators[other]))}
        return arrays, self.meta(**numbers)
