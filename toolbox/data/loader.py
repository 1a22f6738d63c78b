"""Data sets and data loaders, as a config describes them."""

from __future__ import annotations

import copy
import functools
import logging
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size
from mmengine.logging import print_log
from torch.utils.data import DataLoader, Dataset

from ..registry import DATA_SAMPLERS, DATASETS, FUNCTIONS, find
from .workers import init_worker

CPU_QUOTA = Path('/sys/fs/cgroup/cpu.max')
OF_WORKERS = ('persistent_workers', 'prefetch_factor', 'timeout')  # refused by a DataLoader that has none


def build_dataset(cfg: dict[str, Any]) -> Any:
    dataset = DATASETS.build(copy.deepcopy(cfg))
    if hasattr(dataset, 'full_init'):  # those of MMEngine put their work off
        dataset.full_init()
    for remark in getattr(dataset, 'remarks', ()):
        print_log(f'{type(dataset).__name__}: {remark}', logger='current', level=logging.WARNING)
    return dataset


def build_dataloader(cfg: DataLoader[Any] | Mapping[str, Any], seed: int | None = None,
                     diff_rank_seed: bool = False) -> DataLoader[Any]:
    """A data loader from a config, whose ``dataset`` may be built already; a finished loader is returned unchanged.

    Args:
        cfg: ``dict(dataset=..., sampler=..., collate_fn=..., batch_size=..., ...)``. ``num_batch_per_epoch`` ends each
            pass over the data after so many batches.
        seed: of the sampler.
        diff_rank_seed: the processes agree on a seed in place of ``seed``.
    """
    if isinstance(cfg, DataLoader):
        return cfg
    options = copy.deepcopy({key: value for key, value in cfg.items() if key != 'dataset'})
    dataset = build_dataset(cfg['dataset']) if isinstance(cfg['dataset'], dict) else cfg['dataset']
    batches = options.pop('num_batch_per_epoch', None)
    if batches is not None:
        dataset = _Beginning(dataset, batches * options['batch_size'] * get_world_size())
    sampler = options.pop('sampler')
    if isinstance(sampler, dict):
        given = dict(dataset=dataset, seed=None if diff_rank_seed else seed)
        sampler = DATA_SAMPLERS.build(sampler, default_args=given)
    collate = _function(options.pop('collate_fn'), 'collate_fn')
    start_worker = _function(options.pop('worker_init_fn', dict(type=init_worker)), 'worker_init_fn')
    options['num_workers'] = workers_for(options.get('num_workers', 0), usable_cpus())
    if not options['num_workers']:
        options = {key: value for key, value in options.items() if key not in OF_WORKERS}
    return DataLoader(dataset, sampler=sampler, collate_fn=collate, worker_init_fn=start_worker, **options)


@functools.cache  # and so said once
def workers_for(asked: int, cpus: int) -> int:
    """As many workers as are asked for, but one per CPU at most; samples do not depend on their number."""
    if asked > cpus:
        print_log(f'num_workers: {asked} asked for, {cpus} started: this process may use {cpus} CPU(s).', 'current',
                  logging.WARNING)
    return min(asked, cpus)


def usable_cpus() -> int:
    """How many CPUs this process may use, which taskset, a scheduler or a container limits."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no cgroups, or no limit ('max')
        quota, period = CPU_QUOTA.read_text().split()
        cpus = min(cpus, math.ceil(int(quota) / int(period)))
    return max(cpus, 1)


def _function(cfg: Mapping[str, Any], where: str) -> Callable[..., Any]:
    return functools.partial(find(FUNCTIONS, cfg['type'], where), **{k: v for k, v in cfg.items() if k != 'type'})


class _Beginning(Dataset[Any]):
    """The first samples of a data set; all else is that of the data set."""

    def __init__(self, dataset: Any, length: int) -> None:
        self.dataset, self.length = dataset, min(length, len(dataset))

    def __getattr__(self, name: str) -> Any:
        if name == 'dataset':  # not there yet: a copy in a worker process is being made
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]

    def __len__(self) -> int:
        return self.length
