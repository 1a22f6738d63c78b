"""Samplers that yield :class:`SampleKey`: order and randomness follow from (seed, position) alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from ..errors import DataError
from ..randomness.keys import SampleKey, hash_seed
from ..registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class InfiniteSampler(Sampler[SampleKey]):
    """Endless passes over a dataset, each in an order of its own; every process takes every W-th position.

    The position counts the samples consumed by all processes together. Position ``p`` is sample ``p % n`` of pass
    ``p // n``, so a run that stopped after ``p`` samples goes on exactly there, without loading what it has seen.

    Args:
        dataset: anything with a length.
        shuffle: permute every pass; otherwise the order of the dataset.
        seed: of order and samples. None: drawn once and agreed on by all processes.

    Attributes:
        position: where the next ``iter()`` starts; set it to resume.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None) -> None:
        if not len(dataset):
            raise DataError(f'{type(dataset).__name__} is empty: there is nothing to draw samples from.')
        self.size = len(dataset)
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else int(seed)
        self.rank, self.world_size = get_dist_info()
        self.position = 0

    def __len__(self) -> int:
        """Samples of one process in one pass (rounded up), although iteration does not end there."""
        return -(-self.size // self.world_size)

    def __iter__(self) -> Iterator[SampleKey]:
        position, epoch = self.position + self.rank, -1
        order: Sequence[int] = ()
        while True:
            if position // self.size != epoch:
                epoch = position // self.size
                order = self._order(epoch)
            yield SampleKey(order[position % self.size], hash_seed(self.seed, position))
            position += self.world_size

    def _order(self, epoch: int) -> Sequence[int]:
        if not self.shuffle:
            return range(self.size)
        generator = torch.Generator().manual_seed(hash_seed(self.seed, epoch, self.size))
        return torch.randperm(self.size, generator=generator).tolist()


@DATA_SAMPLERS.register_module()
class EvalSampler(Sampler[SampleKey]):
    """Every sample exactly once over all processes, in order and without padding: shares differ by at most one.

    Args:
        dataset: anything with a length.
        seed: MMEngine hands the run's seed to every sampler; evaluation ignores it, because two runs are to be
            scored on the same inputs. The seed of a sample is its index.
    """

    def __init__(self, dataset: Sized, seed: int | None = 0) -> None:
        rank, world_size = get_dist_info()
        self.indices = range(rank, len(dataset), world_size)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[SampleKey]:
        return (SampleKey(index, index) for index in self.indices)
