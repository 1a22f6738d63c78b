"""A method in several processes: each network wrapped or sharded, the first weights the same everywhere."""

from __future__ import annotations

import os
from typing import Any

from mmengine.device import get_device
from mmengine.dist import broadcast
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..norms import synchronise_norms
from ..registry import MODEL_WRAPPERS, find
from .sharding import FullyShard, is_sharded
from .state import unwrap


def wrap_networks(model: Any, wrapper_cfg: dict[str, Any] | None = None, sync_bn: str | None = None,
                  find_unused_parameters: bool = False) -> nn.Module:
    """``model`` as the processes share it: one wrapper per network, since a single one cannot serve several optimisers.

    Args:
        model: the method, on its device.
        wrapper_cfg: ``dict(type=..., **arguments)`` of another wrapper than ``MMSeparateDistributedDataParallel``.
        sync_bn: not None: batch norms take the statistics of all processes.
        find_unused_parameters: of the usual wrapper.
    """
    if sync_bn:
        synchronise_norms(model)
    wrapper = dict(wrapper_cfg or dict(type='MMSeparateDistributedDataParallel',
                                       find_unused_parameters=find_unused_parameters))
    cls = find(MODEL_WRAPPERS, wrapper.pop('type'), 'model_wrapper_cfg')
    if cls is FullyShard:
        _initialise(model)  # while its weights are whole
        return cls(**wrapper)(model)
    if issubclass(cls, DistributedDataParallel):
        wrapper.setdefault('device_ids', None if get_device() == 'cpu' else [int(os.environ['LOCAL_RANK'])])
        wrapper.setdefault('gradient_as_bucket_view', True)  # no second copy of all gradients
    return cls(module=model, **wrapper)


def initialise(model: nn.Module) -> None:
    """The first weights of a method, wrapped or not; those of a sharded one were set before it was sharded."""
    if not is_sharded(model):
        _initialise(unwrap(model))


def _initialise(model: Any) -> None:
    model.init_weights()
    for tensor in (*model.parameters(), *model.buffers()):
        broadcast(tensor.data)
