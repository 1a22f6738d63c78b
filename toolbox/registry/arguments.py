"""What the arguments of a part must be, read from its signature."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

from mmengine.registry import Registry

from ..errors import did_you_mean


def parameters(cls: Callable) -> tuple[dict[str, inspect.Parameter], bool]:
    """Named arguments of a constructor, and whether any other name is accepted too.

    ``**kwargs`` are followed up the base classes, so that a typo is not swallowed on its way to ``super().__init__``.
    """
    targets = [cls]
    if inspect.isclass(cls):
        targets = [k.__init__ for k in cls.__mro__ if '__init__' in vars(k) and k is not object]
    found: dict[str, inspect.Parameter] = {}
    for function in targets:
        try:
            params = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return found, True
        if inspect.isclass(cls):
            params = params[1:]
        for p in params:
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                found.setdefault(p.name, p)
        if not any(p.kind is p.VAR_KEYWORD for p in params):
            return found, False
    return found, True


def registries_of(cls: Callable) -> dict[str, Registry]:
    """Which arguments of ``cls`` are configs (or lists of configs) of which registry, read from its annotations."""
    found: dict[str, Registry] = {}
    for name, hint in _hints(cls).items():
        for option in (hint, *typing.get_args(hint)):
            for mark in getattr(option, '__metadata__', ()):
                if isinstance(mark, Registry):
                    found[name] = mark
    return found


def check_arguments(cls: Callable, args: dict[str, Any], where: str, given: Iterable[str] = ()) -> list[str]:
    """Messages about unknown, missing and wrongly typed arguments of ``cls``; empty when ``args`` fit.

    Args:
        cls: class or function.
        args: what the config gives.
        where: path of ``args`` in the config.
        given: arguments that somebody else supplies.
    """
    params, any_name = parameters(cls)
    name = getattr(cls, '__name__', str(cls))
    known = params.keys() - set(given)
    problems = []
    if not any_name:
        problems += [f'{where}.{key}: {name} takes no such argument.{did_you_mean(key, known)}'
                     for key in args if key not in params]
    problems += [f'{where}.{key}: required by {name} and missing.'
                 for key, p in params.items() if p.default is p.empty and key not in args and key not in given]
    hints = _hints(cls)
    problems += [f'{where}.{key}: expected {_hint_name(hints[key])}, found {value!r}.'
                 for key, value in args.items() if key in hints and not _fits(value, hints[key])]
    return problems


def _hints(cls: Callable) -> dict[str, Any]:
    """Type hints of all constructor arguments, those passed on to base classes included."""
    functions = [cls]
    if inspect.isclass(cls):
        functions = [k.__init__ for k in reversed(cls.__mro__) if '__init__' in vars(k) and k is not object]
    found: dict[str, Any] = {}
    for function in functions:
        try:
            found.update(typing.get_type_hints(function, include_extras=True))
        except (NameError, TypeError):
            continue
    return found


def _fits(value: Any, hint: Any) -> bool:
    """Whether ``value`` fits ``hint``; only plain numbers, strings, flags and None (and unions of them) are judged."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    plain = {bool: (bool,), int: (int,), float: (int, float), str: (str,), type(None): (type(None),)}
    if any(option not in plain for option in options):
        return True
    return any(isinstance(value, plain[o]) and (o is bool or not isinstance(value, bool)) for o in options)


def _hint_name(hint: Any) -> str:
    return getattr(hint, '__name__', None) or str(hint)
