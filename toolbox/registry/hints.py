"""From a type hint to a check of values, and its wording in messages."""

from __future__ import annotations

import math
import os
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from mmengine.registry import Registry

from ..errors import nearest, shown
from .bounds import Bound


class Expectation(NamedTuple):
    """What an argument must be."""

    fits: Callable[[Any], bool]
    words: str
    choices: tuple[str, ...] = ()

    def problem(self, place: str, value: Any) -> str:
        """The message for a value that does not fit."""
        hint = nearest(value, self.choices) if isinstance(value, str) else _why_not(value)
        return f'{place}: expected {self.words}, found {shown(value)}.{hint}'


def _why_not(value: Any) -> str:
    """What is wrong with a number whose kind is right; nothing in most cases."""
    beyond = isinstance(value, int) and value.bit_length() > INT_BITS
    return f' Whole numbers have at most {INT_BITS} bits.' if beyond else ''


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= INT_BITS


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and not math.isnan(value))


INT_BITS = 63  # of what torch and NumPy take
PLAIN = {
    bool: Expectation(lambda value: isinstance(value, bool), 'True or False'),
    int: Expectation(_is_int, 'an integer'),
    float: Expectation(_is_number, 'a number'),
    str: Expectation(lambda value: isinstance(value, str) and '\0' not in value, 'a string'),
    os.PathLike: Expectation(lambda value: isinstance(value, os.PathLike), 'a path'),
    dict: Expectation(lambda value: isinstance(value, Mapping), 'dict(...)'),
    type(None): Expectation(lambda value: value is None, 'None')}


def expectation(hint: Any) -> Expectation | None:
    """The check that ``hint`` describes; None if it is not checked.

    Checked are numbers, strings, flags, paths, None, ``Literal``, the marks of :mod:`~toolbox.registry.bounds`, and
    unions, lists, tuples and mappings of these. Lists and tuples are interchangeable, as in configs.
    """
    origin, options = get_origin(hint), get_args(hint)
    if origin is os.PathLike:
        return PLAIN[origin]
    if not options:
        return PLAIN.get(hint) if isinstance(hint, type) else None
    if origin is Literal:
        return _one_of(options)
    if origin is Annotated:
        if any(isinstance(mark, Registry) for mark in options[1:]):  # a config of a part, or the part
            return None
        return _bounded(expectation(options[0]), [mark for mark in options[1:] if isinstance(mark, Bound)])
    if origin in (Union, types.UnionType):
        return _any_of([expectation(option) for option in options])
    if origin is tuple and options[-1:] != (...,):
        return _tuple_of([expectation(option) for option in options])
    if origin in (list, tuple, Sequence):
        return _list_of(expectation(options[0]))
    if origin in (dict, Mapping):
        return _dict_of(expectation(options[1]))
    return None


def _one_of(choices: tuple[Any, ...]) -> Expectation:
    def fits(value: Any) -> bool:
        return any(value == choice for choice in choices
                   if isinstance(value, type(choice)) and isinstance(value, bool) == isinstance(choice, bool))
    listed = ', '.join(map(repr, choices))
    return Expectation(fits, f'one of {listed}' if len(choices) > 1 else listed,
                       tuple(choice for choice in choices if isinstance(choice, str)))


def _bounded(kind: Expectation | None, bounds: list[Bound]) -> Expectation | None:
    if kind is None or not bounds:
        return kind
    return Expectation(lambda value: kind.fits(value) and all(bound.admits(value) for bound in bounds),
                       f'{kind.words} {" ".join(map(str, bounds))}')


def _any_of(options: list[Expectation | None]) -> Expectation | None:
    known = [option for option in options if option is not None]
    if len(known) < len(options):
        return None
    return Expectation(lambda value: any(option.fits(value) for option in known),
                       ' or '.join(option.words for option in known),
                       tuple(choice for option in known for choice in option.choices))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _tuple_of(items: list[Expectation | None]) -> Expectation:
    def fits(value: Any) -> bool:
        return _is_list(value) and len(value) == len(items) and all(
            item is None or item.fits(v) for item, v in zip(items, value, strict=True))
    words = [item.words if item else '...' for item in items]
    same = f'a list of {len(words)} (each: {words[0]})'
    return Expectation(fits, same if len({*words}) == 1 and len(words) > 1 else f'({", ".join(words)})')


def _list_of(item: Expectation | None) -> Expectation:
    return Expectation(lambda value: _is_list(value) and (item is None or all(map(item.fits, value))),
                       f'a list (each: {item.words})' if item else 'a list')


def _dict_of(item: Expectation | None) -> Expectation:
    return Expectation(
        lambda value: isinstance(value, Mapping) and (item is None or all(map(item.fits, value.values()))),
        f'a dict (each value: {item.words})' if item else 'dict(...)')
