"""How the processes of a run find each other and exchange data."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import is_distributed
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous


def join_processes(launcher: str, backend: str = 'nccl', timeout: float | None = None) -> None:
    """Start the communication: gloo without GPUs, else NCCL or what ``env_cfg.dist_cfg.backend`` says.

    MMEngine does the same, but sets a CUDA device in any case, and joins the processes in a store that torchrun keeps
    when it restarts them: there they would find the addresses of those that are gone.
    """
    if launcher == 'slurm':
        _slurm_to_environment()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
    store, rank, world_size = next(rendezvous('env://'))
    # The machines of a run count their restarts each for itself: see docs/distributed.md.
    one_machine = os.environ.get('GROUP_WORLD_SIZE', '1') == '1'
    attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0') if one_machine else '0'
    dist.init_process_group(
        backend if torch.cuda.is_available() else 'gloo', store=PrefixStore(f'attempt_{attempt}', store),
        rank=rank, world_size=world_size, timeout=None if timeout is None else timedelta(seconds=timeout))


def _slurm_to_environment() -> None:
    """What torch.distributed reads, from what Slurm sets (torchrun sets it itself)."""
    os.environ.update(RANK=os.environ['SLURM_PROCID'], LOCAL_RANK=os.environ['SLURM_LOCALID'],
                      WORLD_SIZE=os.environ['SLURM_NTASKS'])
    hosts = subprocess.run(['scontrol', 'show', 'hostname', os.environ['SLURM_NODELIST']],
                           capture_output=True, text=True, check=True).stdout.split()
    os.environ.setdefault('MASTER_ADDR', hosts[0])
    os.environ.setdefault('MASTER_PORT', str(20000 + int(os.environ.get('SLURM_JOB_ID', 0)) % 20000))  # one per job


def gather(value: Any, group: Any = None) -> list[Any]:
    """The value of each process, in order of rank, in all of them; plain data only. ``group``: of all processes."""
    if not is_distributed():
        return [value]
    gathered: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, value, group)
    return gathered
