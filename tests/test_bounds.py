"""Bounds stand in annotations: every registered part refuses what is outside of them, from a config and in Python."""

from __future__ import annotations

import inspect
import math
import pickle
import re
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from mmengine.registry import Registry
from torch import nn

from toolbox import registry as registries
from toolbox.errors import ConfigError, shown
from toolbox.registry import (
    NORMS,
    Above,
    AtLeast,
    AtMost,
    Between,
    Bound,
    Count,
    Items,
    Natural,
    Odd,
    PathName,
    PowerOfTwo,
    Size,
    check_arguments,
    checked,
    expectations,
    parameters,
)
from toolbox.registry.arguments import _hints
from toolbox.registry.hints import expectation

ALL = [value for value in vars(registries).values() if isinstance(value, Registry)]


def marks(hint: Any) -> Iterator[Any]:
    """Bounds and tuples of choices anywhere in a hint."""
    if typing.get_origin(hint) is Literal:
        yield typing.get_args(hint)
        return
    yield from (mark for mark in getattr(hint, '__metadata__', ()) if isinstance(mark, Bound))
    for option in typing.get_args(hint):
        if not isinstance(option, (str, int)):
            yield from marks(option)


def outside(mark: Any) -> list[Any]:
    """Values just outside a bound."""
    if isinstance(mark, tuple):
        return ['no such choice', -12345, math.nan]
    if isinstance(mark, (AtLeast, Above)):
        low = mark.least - 1 if isinstance(mark, AtLeast) else mark.low
        return [low, math.nan, math.inf]
    if isinstance(mark, AtMost):
        return [mark.most + 1, math.nan, -math.inf]
    if isinstance(mark, Between):
        return [mark.low - (mark.ends[0] == '['), mark.high + (mark.ends[1] == ']'), math.nan]
    return {Odd: [2], PowerOfTwo: [0, 12], Items: [()], PathName: ['', 'x' * 300]}[type(mark)]


def bounded() -> Iterator[Any]:
    """(part, argument, values that are outside) of everything registered."""
    for registry in ALL:
        registry.import_from_location()
        for name, part in sorted(registry.module_dict.items()):
            for argument, hint in _hints(part).items():
                values = [value for mark in marks(hint) for value in outside(mark)]
                if isinstance(part, type) and argument in parameters(part)[0] and values:
                    # A list or a number may be what the other half of a union takes.
                    wrong = [v for v in (*values, object()) if not expectations(part)[argument].fits(v)]
                    yield pytest.param(part, argument, wrong, id=f'{registry.name}-{name}-{argument}')


@pytest.mark.parametrize(('part', 'argument', 'values'), [*bounded()])
def test_what_is_outside_a_bound_is_refused_and_the_default_is_within(part: type, argument: str, values: list) -> None:
    expected = expectations(part)[argument]
    assert values, 'nothing is outside of this bound'
    for value in values:
        said = f'.{argument}: expected {expected.words}, found {shown(value)}.'
        problems = check_arguments(part, {argument: value}, 'model.D', given=parameters(part)[0])
        assert [p.partition(' Did')[0].partition(' Whole')[0] for p in problems] == [f'model.D{said}']
        with pytest.raises(ConfigError, match='^' + re.escape(part.__name__ + said)):
            part(**{argument: value})
    default = parameters(part)[0][argument].default
    assert default is inspect.Parameter.empty or expected.fits(default)


@pytest.mark.parametrize(('hint', 'good', 'bad', 'words'), [
    (int, [0, -3], [True, 1.0, '1', None], 'an integer'),
    (float, [0, 1.5, math.inf, 1e30], [True, '1', None, math.nan, 10**30], 'a number'),
    (bool, [True], [0, 1, None], 'True or False'),
    (str, ['', 'a'], [1, None, 'a\0b'], 'a string'),
    (int | None, [3, None], ['3', False], 'an integer or None'),
    (Count, [1, 2**63 - 1], [2**63, 10**400, 0, -1, True, 1.0, math.nan, math.inf], 'an integer >= 1'),
    (Natural | None, [0, None], [-1], 'an integer >= 0 or None'),
    (Annotated[float, Above(0)], [1, 1e-9], [0, -1.0, math.nan, math.inf], 'a number > 0'),
    (Annotated[float, AtMost(2)], [2, -1e300], [2.1, math.nan, -math.inf], 'a number <= 2'),
    (Annotated[float, Between(0, 1)], [0, 1], [-0.1, 1.1, math.nan], 'a number in [0, 1]'),
    (Annotated[float, Between(0, 1, '[)')], [0, 0.9], [1, math.nan], 'a number in [0, 1)'),
    (Annotated[float, Between(0, 1, '()')], [0.1], [0, 1, math.nan], 'a number in (0, 1)'),
    (Annotated[float, Between(0, 1, '(]')], [1], [0, math.nan], 'a number in (0, 1]'),
    (Annotated[int, AtLeast(1), Odd()], [1, 3], [0, 2, -1], 'an integer >= 1 that is odd'),
    (Annotated[int, PowerOfTwo()], [1, 64], [0, -2, 12], 'an integer that is a power of two'),
    (Literal['a', 'b'], ['a'], ['c', 1, None, ['a']], "one of 'a', 'b'"),
    (Literal[1, 3], [1, 3], [True, 1.0, '1', 2], 'one of 1, 3'),
    (Literal['a'] | None, ['a', None], ['b'], "'a' or None"),
    (Size, [1, (1, 2), [2, 3]], [0, (1,), (1, 0), (1, 2, 3), 'ab', None],
     'an integer >= 1 or a list of 2 (each: an integer >= 1)'),
    (tuple[Count, float], [(1, 0)], [(0, 0), (1,)], '(an integer >= 1, a number)'),
    (typing.Sequence[str], [(), ['a'], ('a', 'b')], ['ab', 3, [1], None], 'a list (each: a string)'),
    (tuple[Count, ...], [(), [1, 2]], [[0], 1], 'a list (each: an integer >= 1)'),
    (list[dict], [[{}], []], [[3], {}, 'a'], 'a list (each: dict(...))'),
    (dict, [{}, {'a': 1}], [3, None, []], 'dict(...)'),
    (dict[str, float], [{}, {'a': 1}], [{'a': 'b'}, 3, []], 'a dict (each value: a number)'),
    (Annotated[typing.Sequence[str], Items(2)], [['a', 'b']], [['a'], ['a', 'a'], 'ab'],
     'a list (each: a string) with 2 or more different items')])
def test_a_hint_states_a_test_and_words(hint: Any, good: list, bad: list, words: str) -> None:
    expected = expectation(hint)
    assert expected.words == words
    assert [v for v in good if not expected.fits(v)] == []
    assert [v for v in bad if expected.fits(v)] == []


@pytest.mark.parametrize('hint', [Any, nn.Module, list, nn.Module | int, typing.Callable[[int], int],
                                  Annotated[dict, NORMS], Annotated[nn.Module, 'note'], typing.Iterable[int]])
def test_other_hints_are_not_judged(hint: Any) -> None:
    assert expectation(hint) is None


def test_a_near_choice_is_suggested() -> None:
    assert expectation(Literal['lsgan', 'vanilla'] | None).problem('model.loss.mode', 'lsgn') == (
        "model.loss.mode: expected one of 'lsgan', 'vanilla' or None, found 'lsgn'. Did you mean 'lsgan'?")


def part(cls: type) -> type:
    """Registered in a registry of its own."""
    return registries.parts.PartRegistry('toy').register_module()(cls)


class Base:
    def __init__(self, width: Count = 1) -> None:
        """What Base says."""
        self.width = width


class Derived(Base):
    def __init__(self, height: Count, *, mode: Literal['a', 'b'] = 'a', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height, self.mode = height, mode


SIGNATURE = inspect.signature(Derived)
REGISTERED = part(Derived)


def test_registration_returns_the_class_itself_with_its_signature() -> None:
    assert REGISTERED is Derived and isinstance(Derived.__init__, types.FunctionType)
    assert inspect.signature(Derived) == SIGNATURE
    assert typing.get_type_hints(Derived.__init__, include_extras=True)['height'] == Count
    assert Base.__init__.__doc__ == 'What Base says.'
    copy = pickle.loads(pickle.dumps(Derived(2, width=3)))
    assert (copy.height, copy.width, copy.mode) == (2, 3, 'a')


def test_arguments_by_position_by_name_and_for_a_base_class_are_judged() -> None:
    for call, said in ((lambda: Derived(0), 'Derived.height: expected an integer >= 1, found 0.'),
                       (lambda: Derived(height=0), 'Derived.height: expected an integer >= 1, found 0.'),
                       (lambda: Derived(1, mode='c'), "Derived.mode: expected one of 'a', 'b', found 'c'."),
                       (lambda: Derived(1, width=0), 'Derived.width: expected an integer >= 1, found 0.')):
        with pytest.raises(ConfigError, match=f'^{re.escape(said)}$'):
            call()
    with pytest.raises(ConfigError, match=r'height.*\n.*mode'):
        Derived(0, mode='c')
    with pytest.raises(TypeError, match='height'):
        Derived()


def test_a_subclass_of_a_part_that_is_not_registered_itself_is_judged_too() -> None:
    class Own(Derived):
        def __init__(self, height: int) -> None:
            super().__init__(height)

    assert Own(1).height == 1
    with pytest.raises(ConfigError, match=r'^Own\.height: '):
        Own(0)


def test_constructors_of_other_packages_are_left_alone() -> None:
    before = nn.Linear.__init__, nn.Module.__init__
    assert part(type('Mine', (nn.Linear,), {})).__init__ is before[0]
    assert (nn.Linear.__init__, nn.Module.__init__) == before


def test_functions_judge_their_arguments_as_well() -> None:
    @checked
    def draw(count: Count, mode: Literal['a', 'b'] = 'a') -> int:
        return count

    assert draw(3) == 3
    with pytest.raises(ConfigError, match=r'^draw\.count: expected an integer >= 1, found 0\.$'):
        draw(0)
