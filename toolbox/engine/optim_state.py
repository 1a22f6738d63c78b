"""The state of an optimiser in a checkpoint: moments by the names of parameters, settings beside what was asked for.

Each group of an optimiser has ``param_names`` (as torch calls them) and ``asked``, its settings as the config gives
them: schedules and rollbacks change the settings, and what was asked for tells whether a config has changed since.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import CheckpointError
from ..methods.schedule import is_within
from .sharding import sharded_like
from .state import parameter_names

ABOUT = ('params', 'param_names', 'asked')  # all else in a group are settings
Member = TypeVar('Member')


def by_rate(part: Mapping[str, Any], members: Mapping[str, Iterable[tuple[str, Member]]]) -> dict[float, list[Member]]:
    """The parameters of the networks that an optimiser steps, by the factor of their learning rate.

    Args:
        part: entry of ``optim_wrapper``; its ``lr_mult`` names networks or parts, and the longest name counts.
        members: (plain name, parameter) of each network.
    """
    nets = (part['nets'],) if isinstance(part['nets'], str) else tuple(part['nets'])
    factors = part.get('lr_mult') or {}
    groups: dict[float, list[Member]] = {}
    for net in nets:
        for name, member in members[net]:
            path = max((path for path in factors if is_within(name, (path,))), key=len, default='')
            groups.setdefault(factors.get(path, 1.0), []).append(member)
    return groups


def note_groups(wrappers: OptimWrapperDict, model: nn.Module) -> None:
    """Write the names of its parameters and its settings into each group of newly built optimisers."""
    names = parameter_names(model)
    for wrapper in wrappers.values():
        for group in wrapper.optimizer.param_groups:
            group['param_names'] = [names[p] for p in group['params']]
            group['asked'] = copy.deepcopy({key: value for key, value in group.items() if key not in ABOUT})


def start_again(optimizer: Optimizer) -> None:
    """Back to the settings that the config asks for."""
    for group in optimizer.param_groups:
        group.update(copy.deepcopy(group['asked']))


def named(saved: dict[str, Any], part: Mapping[str, Any], weights: Iterable[str], optimizer: Optimizer
          ) -> dict[str, Any]:
    """``saved`` with names, which 0.1.0 did not write, in the order in which that version took the parameters.

    Args:
        saved: state dict of an optimiser.
        part: its config in the checkpoint.
        weights: names of all weights in the checkpoint, in their order.
        optimizer: that of this run.

    Raises:
        CheckpointError: it has another number of parameters.
    """
    groups = saved['param_groups']
    if all('param_names' in group for group in groups):
        return saved
    names = [group['param_names'] for group in optimizer.param_groups]
    if 'nets' in part:
        known = {name for group in names for name in group}
        nets: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for name in weights:
            nets[name.split('.')[0]] += [(name, name)] if name in known else []
        names = [*by_rate(part, nets).values()]
    if len(names) != len(groups):
        raise CheckpointError(f'{len(groups)} groups of parameters in the checkpoint, {len(names)} in its config')
    return {**saved, 'param_groups': [_named(*pair, saved['state']) for pair in zip(groups, names, strict=True)]}


def _named(group: dict[str, Any], names: list[str], state: Mapping[int, Any]) -> dict[str, Any]:
    numbers = group['params']
    if len(numbers) > len(names):  # frozen weights of feature networks were parameters then; they never moved
        numbers = [number for number in numbers if number in state]
    if len(numbers) != len(names):
        raise CheckpointError(f'{len(numbers)} parameters in the checkpoint, {len(names)} in the config')
    return {**group, 'params': numbers, 'param_names': names}


def settings_changed(saved: Mapping[str, Any], optimizer: Optimizer) -> bool:
    """Whether the config asks for other settings than the one that ``saved`` was trained with."""
    for group, source in _pairs(saved, optimizer):
        then = source.get('asked') or {key: source.get(f'initial_{key}', value) for key, value in source.items()}
        if any(not same(then.get(key, value), value) for key, value in group['asked'].items()):
            return True
    return False


def new_settings(saved: Mapping[str, Any], optimizer: Optimizer) -> Iterator[tuple[str, str]]:
    """(setting and networks, 'old -> new') for all that ``optimizer`` has otherwise than ``saved``."""
    several = len(optimizer.param_groups) > 1
    for group, source in _pairs(saved, optimizer):
        nets = ', '.join(dict.fromkeys(name.split('.')[0] for name in group['param_names']))
        for key in group['asked']:
            if not same(source.get(key, group[key]), group[key]):
                yield f'{key} of {nets}' if several else key, f'{_short(source[key])} -> {_short(group[key])}'


def _pairs(saved: Mapping[str, Any], optimizer: Optimizer) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each group with each of the saved ones that its parameters were in."""
    for group in optimizer.param_groups:
        names = {*group['param_names']}
        for source in saved['param_groups']:
            if names & {*source['param_names']}:
                yield group, source


def fitted(saved: Mapping[str, Any], optimizer: Optimizer, planned: bool = False) -> dict[str, Any]:
    """``saved`` in the order of ``optimizer``, for its ``load_state_dict``.

    Args:
        saved: a state dict with names.
        optimizer: it has parameters of the same names, in any order and in any groups.
        planned: keep the settings that it has now in place of the saved ones.

    Raises:
        CheckpointError: parameters, or entries of one, do not fit.
    """
    numbers = {name: number for group in saved['param_groups'] for name, number in
               zip(group['param_names'], group['params'], strict=True)}
    owners = {name: p for group in optimizer.param_groups
              for name, p in zip(group['param_names'], group['params'], strict=True)}
    if numbers.keys() != owners.keys():
        extra, missing = sorted(numbers.keys() - owners.keys()), sorted(owners.keys() - numbers.keys())
        raise CheckpointError('; '.join(f'{len(names)} parameters {how} (first: {names[0]})' for names, how in (
            (missing, 'are not in the checkpoint'), (extra, 'are in the checkpoint alone')) if names))
    sources = {name: group for group in saved['param_groups'] for name in group['param_names']}
    groups: list[dict[str, Any]] = []
    state = {}
    for group in optimizer.param_groups:
        names = group['param_names']
        source = {} if planned or not names else sources[names[0]]
        first = sum(len(done['params']) for done in groups)
        groups.append({key: value if key in ABOUT else source.get(key, value) for key, value in group.items()}
                      | {'params': list(range(first, first + len(names)))})
        for number, name in enumerate(names, first):
            entries = saved['state'].get(numbers[name])
            if entries is not None:
                _compare(entries, _made(optimizer, group, owners[name]), name)
                state[number] = {key: sharded_like(value, owners[name]) for key, value in entries.items()}
    return {'state': state, 'param_groups': groups}


def _compare(entries: Mapping[str, Any], made: Mapping[str, Any], name: str) -> None:
    for key, value in made.items():
        if isinstance(value, Tensor) and _form(entries.get(key)) != _form(value):
            raise CheckpointError(f'{key} of {name} is {_form(entries.get(key))}, expected {_form(value)}')


def _made(optimizer: Optimizer, group: Mapping[str, Any], p: Tensor) -> dict[str, Any]:
    """The entries that ``optimizer`` makes of a parameter in a step; none if it refuses a gradient of zeros."""
    twin = torch.zeros_like(p)
    twin.grad = torch.zeros_like(p)
    probe = object.__new__(type(optimizer))
    probe.__dict__.update(vars(optimizer), state=defaultdict(dict), param_groups=[{**group, 'params': [twin]}])
    try:
        type(probe).step(probe)
    except Exception:  # any plugin's
        return {}
    return probe.state[twin]


def _form(value: Any) -> str:
    if not isinstance(value, Tensor):
        return 'missing' if value is None else type(value).__name__
    kind = '' if value.layout == torch.strided and not value.is_meta else f' ({value.layout} on {value.device.type})'
    return f'{str(value.dtype).removeprefix("torch.")} {tuple(value.shape)}{kind}'


def _short(value: Any) -> str:
    return f'{value:.6g}' if isinstance(value, float) else str(value)


def same(a: Any, b: Any) -> bool:
    """Equal, be it as a list or a tuple."""
    a, b = (tuple(value) if isinstance(value, list) else value for value in (a, b))
    return bool(a == b)
