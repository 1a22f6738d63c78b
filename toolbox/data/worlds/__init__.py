"""Procedural worlds: a scene is drawn from a generator and shown in every domain, so the true translation is known.

A world is a function ``world(rng, size) -> views``: ``views`` maps the name of a domain to the same scene drawn in
it, an RGB uint8 array ``(size, size, 3)`` or an int32 label map ``(size, size)``. It draws from ``rng`` alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .animals import draw_animal
from .bags import draw_bag
from .houses import draw_house
from .shapes import draw_shapes

World = Callable[[np.random.Generator, int], dict[str, np.ndarray]]

WORLDS: dict[str, World] = {'animals': draw_animal, 'houses': draw_house, 'bags': draw_bag,
                            'shapes': draw_shapes}

__all__ = ['WORLDS', 'World', 'draw_animal', 'draw_bag', 'draw_house', 'draw_shapes']
