"""The state of a model and its config as plain data: the same names in one process and in many."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..files import fit
from .sharding import sharded_like, whole


def plain_state_dict(model: nn.Module) -> dict[str, Any]:
    """State of a model, on the CPU, under the names it has in a single process; of a sharded one, all must ask."""
    return {name: value.cpu() if isinstance(value, Tensor) else value for name, value in live_state(model).items()}


def plain_shapes(model: nn.Module) -> dict[str, tuple[int, ...] | None]:
    """The shapes of these, also of a sharded model without asking the others; None of what is no tensor."""
    return {plain: tuple(value.shape) if isinstance(value, Tensor) else None for plain, value in _plain_items(model)}


def live_state(model: nn.Module) -> dict[str, Any]:
    """The same, where it is: the tensors of the model itself."""
    return {plain: whole(value).detach() if isinstance(value, Tensor) else value
            for plain, value in _plain_items(model)}


def on_host(value: Any, copies: dict[Any, Tensor] | None = None) -> Any:
    """A copy of plain data with its tensors on the CPU, which does not change when the original does.

    A tensor that occurs several times (tied weights) is copied once, and stays one in a file.
    """
    copies = {} if copies is None else copies
    if isinstance(value, Tensor):
        place = (value.device, value.data_ptr() or id(value), value.dtype, value.shape, value.stride())
        if place not in copies:
            copies[place] = value.detach().to('cpu', copy=True)
        return copies[place]
    if isinstance(value, Mapping):
        return {key: on_host(entry, copies) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(on_host(entry, copies) for entry in value)
    return copy.deepcopy(value)


def load_weights(model: nn.Module, state: Mapping[str, Any], source: str = 'checkpoint',
                 networks: Sequence[str] | None = None) -> None:
    """Load ``state`` (plain names) into ``model``, wrapped or not.

    Args:
        model: a method.
        state: weights by plain name.
        source: named in the message.
        networks: only these networks are expected and loaded; all of the model when None.

    Raises:
        CheckpointError: keys or shapes differ, or weights are not finite; the message lists them.
    """
    model = unwrap(model)
    state = without_features(model, state)
    check_fit(model, state, source, networks)
    if networks is not None:
        state = {k: v for k, v in state.items() if k.split('.')[0] in networks}
    live = model.state_dict()
    wrapped = {plain: full for full, plain in _names(model)}
    numbers = {k: v.to(live[wrapped[k]].dtype) if isinstance(v, Tensor) else v for k, v in state.items()}
    fit.require_finite(numbers, finite_names(model), source)
    with fit.loading(f'{source}: the state of the model'):
        model.load_state_dict({wrapped[k]: sharded_like(v, live[wrapped[k]]) for k, v in numbers.items()}, strict=False)


def finite_names(model: nn.Module) -> set[str]:
    """Plain names of what is finite in every model that works: parameters and running statistics."""
    model = unwrap(model)
    names = [name for name, _ in model.named_parameters()]
    names += [name for name, _ in model.named_buffers() if '.running_' in name]
    return {_plain(name, _wrappers(model)) for name in names}


def used_state(model: Any, networks: Sequence[str]) -> tuple[str, ...]:
    """What of a method's state is needed to use it: first parts of names, for :func:`load_weights`.

    These networks, the method's own buffers and extra state, and the children that it names in ``used``. All else
    (image pools) matters to training alone.
    """
    own = [name for name, _ in model.named_buffers(recurse=False) if name not in model._non_persistent_buffers_set]
    return (*networks, *own, '_extra_state', *model.used)


def check_fit(model: nn.Module, state: Mapping[str, Any], source: str, networks: Sequence[str] | None = None) -> None:
    """Raise what :func:`load_weights` raises, and load nothing."""
    expected, state = dict(_plain_items(model)), without_features(model, state)
    if networks is not None:
        expected = {k: v for k, v in expected.items() if k.split('.')[0] in networks}
        state = {k: v for k, v in state.items() if k.split('.')[0] in networks}
    fit.check_fit(expected, state, f'{source} does not fit {type(model).__name__}:', source, '_extra_state')


def without_features(model: nn.Module, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """``state`` without weights of feature networks, which have files of their own; checkpoints of 0.1.0 hold some."""
    features = [f'{name}.' for name, module in unwrap(model).named_modules() if getattr(module, 'has_own_file', False)]
    prefixes = tuple(_plain(name, _wrappers(model)) for name in features)
    return {key: value for key, value in state.items() if not key.startswith(prefixes)} if prefixes else state


def extra_state(model: nn.Module) -> dict[str, Any]:
    """What modules keep beside weights and buffers: image pools."""
    return {k: v for k, v in model.state_dict().items() if is_extra(k)}


def is_extra(key: str) -> bool:
    return key.endswith('_extra_state')


def parameter_names(model: nn.Module) -> dict[nn.Parameter, str]:
    """Parameters and their plain names."""
    prefixes = _wrappers(model)
    return {p: _plain(full, prefixes) for full, p in unwrap(model).named_parameters()}


def unwrap(model: nn.Module) -> Any:  # a method or network: a wrapper does not say of which type
    """The method inside a process wrapper."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def plain_config(value: Any) -> Any:
    """A config as dicts, lists, tuples, numbers and strings; classes and functions become their dotted names."""
    if isinstance(value, Mapping):
        return {str(k): plain_config(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain_config(v) for v in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if inspect.isclass(value) or callable(value):
        return f'{value.__module__}.{value.__qualname__}'
    return str(value)


def _names(model: nn.Module) -> Iterator[tuple[str, str]]:
    """(name in ``model.state_dict()``, plain name) of every entry."""
    prefixes = _wrappers(model)
    return ((full, _plain(full, prefixes)) for full in model.state_dict())


def _wrappers(model: nn.Module) -> dict[str, str]:
    """Beginning of the names in each wrapped network -> what it is in a single process."""
    return {f'{name}.module.': f'{name}.' for name, child in unwrap(model).named_children()
            if isinstance(child, DistributedDataParallel)}


def _plain(full: str, wrappers: Mapping[str, str]) -> str:
    prefix = next((p for p in wrappers if full.startswith(p)), None)
    return full if prefix is None else wrappers[prefix] + full[len(prefix):]


def _plain_items(model: nn.Module) -> Iterator[tuple[str, Any]]:
    model = unwrap(model)
    state = model.state_dict()
    return ((plain, state[full]) for full, plain in _names(model))
