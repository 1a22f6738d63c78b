"""Which networks and tensors are split over the processes (FSDP2).

Without processes nothing is, and torch's modules for it, which take as long to import as everything of the toolbox,
are left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from torch import distributed, nn

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def has_processes() -> bool:
    """Whether this process belongs to a group, be it the only one (``torchrun --nproc-per-node 1``)."""
    return distributed.is_available() and distributed.is_initialized()


def is_shard(module: nn.Module) -> bool:
    """Whether this process has a part of the module's weights only, or gathers them for its passes."""
    if not has_processes():
        return False
    from torch.distributed.fsdp import FSDPModule
    return isinstance(module, FSDPModule)


def shards_of(module: nn.Module) -> list[Any]:
    """The shards in a module, itself included: each is an ``FSDPModule``."""
    return [each for each in module.modules() if is_shard(each)]


def is_part(value: Any) -> TypeGuard[DTensor]:
    """Whether this process has a part of a tensor only."""
    if not has_processes():
        return False
    from torch.distributed.tensor import DTensor
    return isinstance(value, DTensor)
