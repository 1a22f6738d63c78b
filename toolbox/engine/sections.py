"""The sections of a config that are no parts: which keys each takes, and what their values may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ..errors import did_you_mean
from ..registry import Between, Count, Natural, NonNegative, Path, Positive, Seed, check_arguments
from ..registry.hints import expectation
from .habits import other_word

Config = dict[str, Any]
Workers = Annotated[int, Between(0, 1024)]


@dataclass
class Environment:
    cudnn_benchmark: bool = False
    mp_cfg: Config | None = None
    dist_cfg: Config | None = None
    resource_limit: Count = 4096


@dataclass
class Processes:
    mp_start_method: Literal['fork', 'spawn', 'forkserver'] = 'fork'
    opencv_num_threads: Natural = 0


@dataclass
class Communication:
    backend: Literal['nccl', 'gloo', 'mpi', 'ucc'] = 'nccl'
    timeout: Positive | None = None


@dataclass
class Randomness:
    seed: Seed | None = None
    deterministic: bool = False
    diff_rank_seed: Literal[False] = False  # each process has data and noise of its own, derived from the one seed


@dataclass
class Scaling:
    base_batch_size: Count
    enable: bool = False


@dataclass
class Compilation:
    fullgraph: bool = False
    dynamic: bool | None = None
    backend: str = 'inductor'
    mode: Literal['default', 'reduce-overhead', 'max-autotune', 'max-autotune-no-cudagraphs'] | None = None
    options: dict[str, str | int | bool | float] | None = None
    disable: bool = False


@dataclass
class Imports:
    imports: str | Sequence[str] = ()
    allow_failed_imports: bool = False


@dataclass
class Loader:
    dataset: Config
    sampler: Config
    collate_fn: Config
    batch_size: Annotated[int, Between(1, 65536)] = 1
    num_workers: Workers = 0
    persistent_workers: bool = False
    pin_memory: bool = False
    prefetch_factor: Annotated[int, Between(1, 1024)] | None = None
    drop_last: bool = False
    timeout: NonNegative = 0
    worker_init_fn: Config | None = None
    multiprocessing_context: Literal['fork', 'spawn', 'forkserver'] | None = None
    num_batch_per_epoch: Count | None = None


@dataclass
class PhaseEntry:
    nets: str | Sequence[str]
    optimizer: Config
    lr_mult: dict[str, NonNegative] | None = None
    clip_grad: Config | None = None


SECTIONS = {'env_cfg': Environment, 'env_cfg.mp_cfg': Processes, 'env_cfg.dist_cfg': Communication,
            'randomness': Randomness, 'auto_scale_lr': Scaling, 'compile': Compilation, 'custom_imports': Imports}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Top-level entries; 'Any': a part, or parts, that are looked into elsewhere.
TOP_LEVEL: dict[str, Any] = {
    **dict.fromkeys(('data_root', 'load_from', 'experiment_name'), Path | None),
    'work_dir': str | None, 'find_unused_parameters': bool | None, 'resume': bool | Literal['auto'] | None,
    **dict.fromkeys((*(key for key in SECTIONS if '.' not in key), *LOADERS, 'default_hooks', 'visualizer', 'model',
                     'optim_wrapper', 'model_wrapper_cfg', 'train_cfg', 'val_cfg', 'test_cfg'), Config | None),
    **dict.fromkeys(('param_scheduler', 'val_evaluator', 'test_evaluator'), Any),
    'vis_backends': Sequence[Config] | None, 'load_networks': Sequence[str] | None, 'load_partial': bool | None,
    'custom_hooks': Sequence[Config] | None, 'compile': bool | Config | None, 'sync_bn': Literal['torch'] | None,
    'launcher': Literal['none', 'pytorch', 'slurm', 'mpi'] | None, 'default_scope': Literal['toolbox'] | None,
    'log_level': Literal['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG'] | None}


def top_level_problems(cfg: Any) -> Iterator[tuple[str, str]]:
    """(key, message) of every top-level entry that is unknown or not of the kind it must be."""
    for key, value in cfg.items():
        if key.startswith('_'):
            continue
        expected = expectation(TOP_LEVEL[key]) if key in TOP_LEVEL else None
        if key not in TOP_LEVEL:
            yield key, f'{key}: {other_word(key) or "unknown top-level key." + did_you_mean(key, TOP_LEVEL)}'
        elif expected and not expected.fits(value):
            yield key, expected.problem(key, value)


def section_problems(cfg: Any, path: str) -> Iterator[str]:
    """Mistakes of one section, if the config has it: keys it does not have, values of another kind."""
    node: Any = cfg
    for name in path.split('.'):
        node = node.get(name) if isinstance(node, Mapping) else None
    if isinstance(node, Mapping):
        yield from check_arguments(SECTIONS.get(path, Loader), node, path, is_section=True)
