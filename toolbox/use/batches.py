"""Which scenes go through the networks together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

PIXELS = 2**20  # of the first inputs of a batch; a larger scene is a batch of its own


def batches(scenes: Sequence[Mapping[str, np.ndarray]], most: int) -> Iterator[list[int]]:
    """Places of scenes of one size, at most ``most`` and ``PIXELS`` together, until each scene was in one batch."""
    by_size: dict[tuple[int, ...], list[int]] = {}
    for place, scene in enumerate(scenes):
        by_size.setdefault(next(iter(scene.values())).shape[:2], []).append(place)
    for (height, width), places in by_size.items():
        count = max(1, min(most, PIXELS // (height * width)))
        yield from (places[at:at + count] for at in range(0, len(places), count))
