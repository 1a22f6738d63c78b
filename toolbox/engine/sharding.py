"""Large networks: weights, gradients and optimiser states split over the processes (FSDP2).

The functions below :class:`FullyShard` do nothing where nothing is sharded: whoever saves, averages or looks at tensors
calls them always. Beside this file, only the base of all methods knows how sharded networks train;
:mod:`toolbox.methods.shards` tells both what is sharded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.device import get_device
from mmengine.dist import get_world_size, is_main_process
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from ..errors import ConfigError, did_you_mean
from ..methods.base import Method
from ..methods.shards import is_part, is_shard, shards_of
from ..registry import DISCRIMINATORS, MODEL_WRAPPERS, registries_of


@MODEL_WRAPPERS.register_module()
class FullyShard:
    """Shard each network of a method by itself, in place; the method and the names of its parameters stay as they are.

    A generator is gathered for its forward and backward passes only. A discriminator stays gathered during a phase: a
    gradient penalty passes through it backwards twice.

    Args:
        units: class names of modules within generators that are gathered one at a time, e.g. ``('ResidualBlock',)``.
            Without, the generator that is at work is gathered as a whole.
    """

    def __init__(self, units: str | Sequence[str] = ()) -> None:
        self.units = (units,) if isinstance(units, str) else tuple(units)

    def __call__(self, model: Method) -> nn.Module:
        """Shard the networks of ``model``, whose weights are equal on all processes.

        Raises:
            ConfigError: no generator has a unit of one of the names.
        """
        from torch.distributed.fsdp import fully_shard
        registries = registries_of(type(model))
        generators = [getattr(model, name) for name in model.network_names() if registries[name] is not DISCRIMINATORS]
        kinds = {type(module).__name__ for net in generators for module in [*net.modules()][1:]}
        for unit in self.units:
            if unit not in kinds:
                raise ConfigError(f'model_wrapper_cfg.units: no generator has a module {unit!r}.'
                                  f'{did_you_mean(unit, kinds)}')
        mesh = init_device_mesh(get_device(), (get_world_size(),))
        for net in generators:
            for module in [*net.modules()][:0:-1]:  # inner ones first: each takes the parameters that are left
                if type(module).__name__ in self.units:
                    fully_shard(module, mesh=mesh, reshard_after_forward=True)
        for name in model.network_names():
            net = fully_shard(getattr(model, name), mesh=mesh, reshard_after_forward=False)
            if net not in generators:
                net.set_reshard_after_backward(False)
        model.note_frozen()
        return model


def sharding_problems(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Messages about entries of a config that do not go with :class:`FullyShard`."""
    units = cfg['model_wrapper_cfg'].get('units', ())
    if not isinstance(units, (str, list, tuple)):
        yield f'model_wrapper_cfg.units: expected names of classes, found {units!r}.'
    optimizers = cfg.get('optim_wrapper')
    optimizers = optimizers if isinstance(optimizers, Mapping) else {}
    if optimizers.get('amp') == 'fp16':
        yield "optim_wrapper.amp: 'fp16' was never tried with FullyShard; use 'bf16'."
    if 'constructor' in optimizers:
        yield ('optim_wrapper.constructor: FullyShard saves and loads the states of the toolbox\'s own optimisers '
               'only; write dict(G=dict(nets=..., optimizer=...)).')
    if cfg.get('compile'):
        yield 'compile: was never tried with FullyShard; remove it.'
    if cfg.get('find_unused_parameters'):
        yield 'find_unused_parameters: has no effect with FullyShard, which does not need it; remove it.'


def is_sharded(model: nn.Module) -> bool:
    return any(is_shard(child) for child in model.children())


@contextmanager
def gathered(model: nn.Module) -> Iterator[None]:
    """Inside, every process has all weights and can call the networks without the others; all must enter.

    It costs the memory of all networks of the method, without gradients. Nothing happens where nothing is sharded.
    """
    networks = set(model.children())
    shards = shards_of(model)
    for module in shards:
        module.reshard()  # a copy from before an update is old
        module.set_reshard_after_forward(False, recurse=False)
        module.unshard()
    try:
        yield
    finally:
        for module in shards:
            module.set_reshard_after_forward(module not in networks, recurse=False)
            module.reshard()


def whole(value: Any) -> Any:
    """A tensor, or a dict or list of them, with sharded tensors gathered to the CPU of the first process; all must
    call.

    They are gathered one by one, so that a device needs memory for the largest only. Other processes get empty ones.
    """
    if is_part(value):
        detached: Any = value.detach()  # a DTensor again
        full = detached.full_tensor()
        return full.cpu() if is_main_process() else full.new_empty(0)
    if isinstance(value, Mapping):
        return {k: whole(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(whole(v) for v in value)
    return value


def unsharded(tensor: Tensor) -> Tensor:
    """All of a tensor, on its device, in every process; all must call."""
    return tensor.full_tensor() if is_part(tensor) else tensor


def local(tensor: Tensor) -> Tensor:
    """What this process has of a tensor, not copied."""
    return tensor.to_local() if is_part(tensor) else tensor


def sharded_like(value: Any, target: Any) -> Any:
    """``value`` as ``target`` is: this process's part of it where that is a sharded tensor of the same shape."""
    if isinstance(value, Tensor) and is_part(target) and value.shape == target.shape:
        from torch.distributed.tensor import distribute_tensor
        return distribute_tensor(value, target.device_mesh, target.placements, src_data_rank=None)
    return value
