"""Checks of a part's arguments against its signature, both in a config and when the part is built."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mmengine.registry import Registry

from ..errors import ConfigError, did_you_mean
from .bounds import NameOf
from .foreign import hints_of
from .hints import Expectation, expectation

Part = TypeVar('Part', bound=Callable[..., Any])


@functools.cache
def parameters(cls: Callable[..., Any]) -> tuple[dict[str, inspect.Parameter], bool]:
    """Named arguments of a constructor, and whether any other name is accepted too.

    ``**kwargs`` are followed up the base classes, so that a typo is not lost on its way to ``super().__init__``.
    """
    found: dict[str, inspect.Parameter] = {}
    functions = _functions(cls)
    if not functions:  # a class without a constructor
        return found, cls.__new__ is not object.__new__
    for function in functions:
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


def registries_of(cls: Callable[..., Any]) -> dict[str, Registry]:
    """The arguments of ``cls`` that are configs (or lists of configs), with their registries, from its annotations."""
    found: dict[str, Registry] = {}
    for name, hint in _hints(cls).items():
        for option in (hint, *typing.get_args(hint)):
            for mark in getattr(option, '__metadata__', ()):
                if isinstance(mark, Registry):
                    found[name] = mark
    return found


def names_in(cls: Callable, args: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    """(argument, name) of all that ``args`` say about arguments annotated with a :class:`NameOf` of this kind."""
    found = []
    for argument, hint in _hints(cls).items():
        value = args.get(argument)
        if value and any(isinstance(mark, NameOf) and mark.kind == kind for mark in _marks(hint)):
            found += [(argument, name) for name in ([value] if isinstance(value, str) else value)]
    return found


def _marks(hint: Any) -> Iterator[Any]:
    yield from getattr(hint, '__metadata__', ())
    for option in typing.get_args(hint) if typing.get_origin(hint) is not typing.Literal else ():
        yield from _marks(option)


def takes_several(cls: Callable, name: str) -> bool:
    """Whether the annotation of an argument is a list of configs."""
    hint = _hints(cls).get(name)
    return any(issubclass(origin, Sequence) for option in (hint, *typing.get_args(hint))
               if isinstance(origin := typing.get_origin(option), type))


def check_arguments(cls: Callable, args: Mapping[str, Any], where: str, given: Iterable[str] = (),
                    is_section: bool = False) -> list[str]:
    """Messages about unknown, missing and wrong arguments of ``cls``; empty when ``args`` fit.

    Args:
        cls: class or function.
        args: what the config gives.
        where: path of ``args`` in the config.
        given: arguments supplied elsewhere.
        is_section: ``args`` are a part of a config of which ``cls`` only says the keys: it is not named.
    """
    params, any_name = parameters(cls)
    name = getattr(cls, '__name__', str(cls))
    known = params.keys() - set(given)
    problems = []
    if not any_name:
        refusal = 'unknown' if is_section else f'{name} takes no such argument'
        problems += [f'{where}.{key}: {refusal}.{did_you_mean(key, known)}'
                     for key in args if key not in params]
    required = 'required' if is_section else f'required by {name}'
    problems += [f'{where}.{key}: {required} and missing.'
                 for key, p in params.items() if p.default is p.empty and key not in args and key not in given]
    return problems + _misfits(args.items(), expectations(cls), where)


@functools.cache
def expectations(cls: Callable[..., Any]) -> dict[str, Expectation]:
    """What each argument of a class or function must be, for annotations that can be checked."""
    checks = {name: expectation(hint) for name, hint in _hints(cls).items()}
    return {name: expected for name, expected in checks.items() if expected}


def checked(part: Part) -> Part:
    """Make a class or function check its arguments against their annotations in every call.

    A class is modified in place: its constructor, and those it inherits from its own package, raise
    :class:`ConfigError` for arguments that do not fit; signature and documentation stay. Registered parts have this.
    """
    if not inspect.isclass(part):
        return _checked(part, lambda *args: part.__name__) if isinstance(part, types.FunctionType) else part
    packages = {module.partition('.')[0] for module in (__name__, part.__module__)}
    for base in part.__mro__:
        own = vars(base).get('__init__')
        if isinstance(own, types.FunctionType) and base.__module__.partition('.')[0] in packages:
            base.__init__ = _checked(  # type: ignore[misc]  # of this class and no other
                own, lambda self, *args: type(self).__name__)
    return part


def _checked(function: Callable[..., Any], place: Callable[..., str]) -> Any:
    if hasattr(function, 'checks_arguments'):
        return function

    passes_on = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        names, expected = _positional(function), expectations(function)
        if passes_on and args:  # what goes to a base class is judged before anything is built
            expected = {**expectations(args[0].__class__), **expected}
        problems = _misfits((*zip(names, args, strict=False), *kwargs.items()), expected)
        if problems:
            raise ConfigError('\n'.join(f'{place(*args)}.{problem}' for problem in problems))
        return function(*args, **kwargs)

    vars(call)['checks_arguments'] = True
    return call


@functools.cache
def _positional(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(p.name for p in inspect.signature(function).parameters.values()
                 if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def _misfits(args: Iterable[tuple[str, Any]], expected: dict[str, Expectation], where: str = '') -> list[str]:
    return [expected[name].problem(f'{where}.{name}' if where else name, value) for name, value in args
            if name in expected and not expected[name].fits(value)]


def _functions(cls: Callable[..., Any]) -> list[Callable[..., Any]]:
    """The function itself, or the constructors of a class and its bases in calling order."""
    if not inspect.isclass(cls):
        return [cls]
    return [vars(k)['__init__'] for k in cls.__mro__ if '__init__' in vars(k) and k is not object]


def _hints(cls: Callable[..., Any]) -> dict[str, Any]:
    """Type hints of all constructor arguments, including those passed on to base classes."""
    found: dict[str, Any] = {}
    for function in reversed(_functions(cls)):
        try:
            found.update(typing.get_type_hints(function, include_extras=True))
        except (NameError, TypeError):
            continue
        finally:
            found.update(hints_of(function))
    found.pop('return', None)
    return found
