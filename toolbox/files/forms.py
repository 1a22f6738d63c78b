"""The form of each entry of a checkpoint: an untrusted or damaged file may hold anything under our names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from .fit import all_finite

EXTRA = '_extra_state'  # the end of a name in a state dict whose value is a module's own affair
MOST = 2 ** 63 - 1  # of whole numbers, here and in torch


class _Misfit(Exception):
    """Says which entry has another form, what it is and what is expected."""


Form = Callable[[Any, str], None]  # raises _Misfit where (value, where) does not have it


def refuse_other_forms(checkpoint: Any, path: Path) -> None:
    """Refuse a checkpoint of which an entry has not the form that those who use it rely on, or holds NaN.

    Entries under other names, which hooks of plugins may have written, are theirs to judge.

    Raises:
        CheckpointError: names the file and the entry, with what was found and what is expected.
    """
    try:
        _record({}, ENTRIES)(checkpoint, '')
        if 'optimizers' in checkpoint:
            _record({'meta': _record(POSITION), 'schedulers': _any, 'history': _any, 'ranks': _any})(checkpoint, '')
        _averages_are_of_weights(checkpoint)
    except _Misfit as problem:
        raise CheckpointError(f'{path}: {problem}.') from None


# Building blocks


def _value(what: str, fits: Callable[[Any], bool]) -> Form:
    def check(value: Any, where: str) -> None:
        if not fits(value):
            raise _Misfit(f'{where} is {_shown(value)}, expected {what}')
    return check


def _list(item: Form, least: int = 0, most: float = math.inf) -> Form:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, (list, tuple)):
            raise _Misfit(f'{where} is {_shown(value)}, expected a list')
        if not least <= len(value) <= most:
            raise _Misfit(f'{where} has {len(value)} entries, expected {least}{"" if least == most else " or more"}')
        for index, entry in enumerate(value):
            item(entry, f'{where}.{index}')
    return check


def _dict(entry: Form, key: type = str) -> Form:
    def check(value: Any, where: str) -> None:
        _require_dict(value, where, key)
        for name, one in value.items():
            entry(one, f'{where}.{name}')
    return check


def _record(required: Mapping[str, Form], optional: Mapping[str, Form] | None = None, others: Form | None = None
            ) -> Form:
    def check(value: Any, where: str) -> None:
        _require_dict(value, where, str)
        for name in required:
            if name not in value:
                raise _Misfit(f'{where}.{name}'.strip('.') + ' is missing')
        forms = {**required, **(optional or {})}
        for name, one in value.items():
            forms.get(name, others or _any)(one, f'{where}.{name}'.strip('.'))
    return check


def _require_dict(value: Any, where: str, key: type) -> None:
    if not isinstance(value, Mapping):
        raise _Misfit(f'{where} is {_shown(value)}, expected a dict')
    for name in value:
        if type(name) is not key:
            raise _Misfit(f'{where or "it"} has the key {_shown(name)}, expected '
                          f'{"names" if key is str else "whole numbers"}')


def _shown(value: Any) -> str:
    """A value in a message: short, whatever it is."""
    if isinstance(value, Tensor):
        return f'a tensor of {value.dtype} {tuple(value.shape)}'
    if isinstance(value, str):
        return repr(value[:40])
    if isinstance(value, int) and abs(value) > MOST:
        return f'a whole number of {value.bit_length()} bits'
    return repr(value) if value is None or isinstance(value, (int, float)) else f'of the type {type(value).__name__}'


def _any(value: Any, where: str) -> None:
    """A module or a plugin knows."""


def _is_whole(value: Any, least: int, most: int = MOST) -> bool:
    return type(value) is int and least <= value <= most


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value, -MOST)


TEXT = _value('text', lambda value: isinstance(value, str))
NUMBER = _value('a number', _is_number)
FINITE = _value('a finite number', lambda value: _is_number(value) and math.isfinite(value))
POSITIVE = _value('a positive number', lambda value: _is_number(value) and 0 < value < math.inf)
COUNT = _value('a whole number from 0 to 2**63 - 1', lambda value: _is_whole(value, 0))
STEP = _value('a whole number from -1 to 2**63 - 1', lambda value: _is_whole(value, -1))
WHOLE = _value('a tensor of whole numbers', lambda value: isinstance(value, Tensor) and not value.is_floating_point())


def _leaf(what: str, *types: type) -> Form:
    """A value of these types, or lists and dicts with names of such, at any depth."""
    def check(value: Any, where: str) -> None:
        if isinstance(value, Mapping):
            _dict(check)(value, where)
        elif isinstance(value, (list, tuple)):
            _list(check)(value, where)
        elif not (value is None or isinstance(value, types)) or (isinstance(value, int) and abs(value) > MOST):
            raise _Misfit(f'{where} is {_shown(value)}, expected {what}')
    return check


PLAIN = _leaf('text, numbers, lists and dicts', str, int, float)
TREE = _leaf('tensors, text, numbers, lists and dicts', Tensor, str, int, float)


def _numbers(value: Any, where: str) -> None:
    if not isinstance(value, Tensor):
        raise _Misfit(f'{where} is {_shown(value)}, expected a tensor')
    if value.is_floating_point() and not all_finite(value) and value.isnan().any():
        raise _Misfit(f'{where} is NaN (in {int(value.isnan().sum())} of {value.numel()} places): the training that '
                      'wrote it had failed, or the file is damaged')


# The entries


def _state_dict(value: Any, where: str) -> None:
    _require_dict(value, where, str)
    for name, one in value.items():
        if not name.endswith(EXTRA):
            _numbers(one, f'{where}.{name}')


def _moments(value: Any, where: str) -> None:
    TREE(value, where)
    for name, one in value.items() if isinstance(value, Mapping) else ():
        if isinstance(one, Tensor):
            _numbers(one, f'{where}.{name}')


def _rate(value: Any, where: str) -> None:
    (_numbers if isinstance(value, Tensor) else FINITE)(value, where)


def _phase(value: Any, where: str) -> None:
    """Of our optimisers, or of MMEngine's, which a ``constructor`` may have made."""
    own = {'type': TEXT, 'optimizer': OPTIMIZER}
    (OPTIMIZER if isinstance(value, Mapping) and 'param_groups' in value else _record(own, {'scaler': PLAIN}))(
        value, where)


def _numpy_state(value: Any, where: str) -> None:
    _list(_any, 5, 5)(value, where)
    place = _value('a whole number from 0 to 624', lambda number: _is_whole(number, 0, 624))
    for index, form in enumerate((TEXT, WHOLE, place, COUNT, FINITE)):
        form(value[index], f'{where}.{index}')
    if value[1].shape != (624,):
        raise _Misfit(f'{where}.1 has {value[1].numel()} numbers, expected 624')


def _averages_are_of_weights(checkpoint: Mapping[str, Any]) -> None:
    weights = checkpoint.get('state_dict', {})
    for net, state in checkpoint.get('ema', {}).items():
        for name, value in state.items():
            live = weights.get(f'{net}.{name}')
            if not isinstance(live, Tensor):
                raise _Misfit(f'ema.{net}.{name} is the average of weights that state_dict does not hold')
            if live.shape != value.shape:
                raise _Misfit(f'ema.{net}.{name} is {_shown(value)}, expected the shape of its weights, '
                              f'{tuple(live.shape)}')


OPTIMIZER = _record({'state': _dict(_moments, key=int),
                     'param_groups': _list(_record({'params': _list(COUNT)}, {'lr': _rate}, TREE))})
RANDOM = _record({'python': _list(_any, 3, 3), 'numpy': _numpy_state, 'torch': WHOLE}, {'cuda': _list(WHOLE)})
POSITION = dict.fromkeys(('iter', 'epoch', 'epoch_iter', 'samples', 'seed'), COUNT)
PROGRESS: dict[str, Form] = {'last_step': STEP, '_global_step': COUNT, '_last_value': _list(FINITE), 'best': NUMBER,
                             'num_bad_epochs': COUNT, 'cooldown_counter': COUNT}
SCHEDULE = _record({}, {**PROGRESS, 'schedule': _record({}, PROGRESS, PLAIN)}, PLAIN)
LENGTH: Form = lambda value, where: None if value is None else COUNT(value, where)  # noqa: E731
BEST = _record({'metric': TEXT, 'value': NUMBER, 'iter': COUNT})
FACTS = {**{name: _list(TEXT) for name in ('domains', 'classes', 'attributes')}, 'channels': _dict(COUNT),
         **{name: _list(COUNT) for name in ('numbers', 'unknown_numbers')}}
ENTRIES: dict[str, Form] = {
    'toolbox': TEXT,
    'config': _record({}, {'model': _dict(PLAIN)}, PLAIN),
    'meta': _record({}, {**POSITION, 'networks': _list(TEXT), 'method': TEXT, 'time': TEXT,
                         'stages': _list(_record({'name': TEXT, 'length': LENGTH}))}, PLAIN),
    'state_dict': _state_dict,
    'optimizers': _dict(_phase),
    'schedulers': _dict(_list(SCHEDULE)),
    'history': _list(_record({'iter': COUNT}, None, TREE)),
    'facts': _record({}, FACTS, PLAIN),
    'ranks': _list(_record({'rng': RANDOM, 'extra': _dict(_any)}, {'beside': TEXT}), least=1),
    'ema': _dict(_dict(_numbers)),
    'best': lambda value, where: None if value is None else BEST(value, where),
    'health': _record({}, {'rollbacks': COUNT, 'factor': POSITIVE}),
    'diagnosis': _record({}, {'first': _dict(NUMBER), 'count': _dict(COUNT)}),
}
