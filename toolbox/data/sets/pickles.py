"""Reads a pickle of numbers, strings, lists, dicts and NumPy arrays of bytes. Nothing that a file names is called."""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

MAX_STEPS = 2**19  # a batch of CIFAR-10 takes up to 2**17
_CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}
_NUMBERS = ('BININT', 'BININT1', 'BININT2', 'LONG1', 'BINFLOAT')
_STRINGS = ('SHORT_BINSTRING', 'BINSTRING', 'SHORT_BINBYTES', 'BINBYTES', 'BINBYTES8')
_TEXTS = ('SHORT_BINUNICODE', 'BINUNICODE', 'BINUNICODE8')
_TUPLES = {'EMPTY_TUPLE': 0, 'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
_MARK = object()


class Array:
    """What a pickle says of a NumPy array or type: arguments, and the state that is set afterwards."""

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args = args
        self.state: Any = None

    def bytes_array(self) -> np.ndarray:
        """The array, of unsigned bytes.

        Raises:
            ValueError: it holds something else, or its shape and its bytes do not agree.
        """
        _, shape, kind, by_columns, data = self.state
        name = kind.args[0] if isinstance(kind, Array) and kind.args else None
        if name not in ('u1', b'u1', '|u1', b'|u1'):
            raise ValueError(f'the numbers of its array are {name!r}, expected u1')
        if type(data) is not bytes or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError('its array has no bytes, or no shape')
        return np.frombuffer(data, np.uint8).reshape(shape, order='F' if by_columns else 'C')


class Name:
    """A function or class that a pickle names."""

    def __init__(self, module: str, name: str) -> None:
        self.is_array = module.split('.')[0] == 'numpy' and name in ('_reconstruct', 'ndarray', 'dtype')
        self.is_bytes = (module, name) == ('_codecs', 'encode')  # how Python 3 writes bytes in protocol 2
        if not self.is_array and not self.is_bytes:
            raise ValueError(f'it names {module}.{name}, which is refused')


def read_pickle(data: bytes) -> Any:
    """The object in a pickle of protocol 2 to 5. Strings of Python 2 are bytes.

    Raises:
        ValueError: it is damaged, holds another kind of object, or takes more steps or memory than a table of numbers.
    """
    try:
        return _Machine(len(data)).run(data)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'it is damaged ({type(error).__name__}: {error})') from error


class _Machine:
    """The stack machine of the pickle format, as far as it is needed: no step makes anything that nests by itself, and
    keys are strings, so that depth does no harm."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.left = size  # bytes that encoding may make

    def run(self, data: bytes) -> Any:
        for step, (opcode, arg, _) in enumerate(pickletools.genops(io.BytesIO(data))):
            if step >= MAX_STEPS:
                raise ValueError(f'it takes more than {MAX_STEPS} steps')
            if opcode.name == 'STOP':
                return self.stack[-1]
            self._step(opcode.name, arg)
        raise ValueError('it has no end')

    def _step(self, name: str, arg: Any) -> None:
        if name in _STEPS:
            _STEPS[name](self, arg)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _NUMBERS or name in _TEXTS:
            self.stack.append(arg)
        elif name in _STRINGS:
            self.stack.append(arg if isinstance(arg, bytes) else arg.encode('latin-1'))
        elif name in _TUPLES:
            self.stack.append(tuple(self._pop(_TUPLES[name])))
        elif name not in ('PROTO', 'FRAME'):
            raise ValueError(f'it uses {name}, which a table of numbers does not need')

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise IndexError('stack')
        items = self.stack[len(self.stack) - count:]
        del self.stack[len(self.stack) - count:]
        return items

    def _from_mark(self) -> list[Any]:
        """Everything above the last mark, which goes too."""
        mark = next(i for i in range(len(self.stack) - 1, -1, -1) if self.stack[i] is _MARK)
        return self._pop(len(self.stack) - mark)[1:]

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or not all(type(key) in (bytes, str) for key in items[::2]):
            raise TypeError('keys that are no strings')
        target.update(zip(items[::2], items[1::2], strict=True))

    def _append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError('no list to append to')
        self.stack[-1].extend(items)

    def _call(self) -> None:
        function, args = self._pop(2)
        if not isinstance(function, Name) or type(args) is not tuple:
            raise TypeError('a call of something else than a name')
        self.stack.append(Array(args) if function.is_array else self._encoded(*args))

    def _encoded(self, text: str, encoding: str) -> bytes:
        self.left -= len(text)
        if self.left < 0:
            raise ValueError('it takes more memory than its size suggests')
        return text.encode('latin-1')

    def _set_state(self) -> None:
        state, = self._pop(1)
        if not isinstance(self.stack[-1], Array):
            raise TypeError('a state of something else than an array')
        self.stack[-1].state = state


_STEPS: dict[str, Callable[[_Machine, Any], Any]] = {
    'MARK': lambda m, arg: m.stack.append(_MARK), 'POP': lambda m, arg: m._pop(1),
    'EMPTY_LIST': lambda m, arg: m.stack.append([]), 'EMPTY_DICT': lambda m, arg: m.stack.append({}),
    'TUPLE': lambda m, arg: m.stack.append(tuple(m._from_mark())),
    'APPEND': lambda m, arg: m._append(m._pop(1)), 'APPENDS': lambda m, arg: m._append(m._from_mark()),
    'SETITEM': lambda m, arg: m._set_items(m._pop(2)), 'SETITEMS': lambda m, arg: m._set_items(m._from_mark()),
    'BINPUT': lambda m, arg: m.memo.update({arg: m.stack[-1]}), 'LONG_BINPUT': lambda m, arg: m.memo.update(
        {arg: m.stack[-1]}), 'MEMOIZE': lambda m, arg: m.memo.update({len(m.memo): m.stack[-1]}),
    'BINGET': lambda m, arg: m.stack.append(m.memo[arg]), 'LONG_BINGET': lambda m, arg: m.stack.append(m.memo[arg]),
    'GLOBAL': lambda m, arg: m.stack.append(Name(*arg.split(' ', 1))),
    'STACK_GLOBAL': lambda m, arg: m.stack.append(Name(*m._pop(2))),
    'REDUCE': lambda m, arg: m._call(), 'BUILD': lambda m, arg: m._set_state()}
