"""Building networks that are described by a stranger: no larger than the weights that come with them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..errors import CheckpointError

# (in any case, and for each tensor or number that the file holds). The networks of this toolbox are built with 4 to 8
# operations for each tensor. A file may lack networks that the method has: exported generators, without judges.
OPERATIONS = (5_000, 50)
NUMBERS = (50_000_000, 2)


@contextmanager
def limited_to(state: Mapping[str, Any], source: str, draft: bool = True) -> Iterator[None]:
    """Inside, networks can be built that are not much larger than the weights that they are going to have.

    Args:
        state: the weights.
        source: where they come from, for messages.
        draft: what is built has shapes, but takes no memory, whatever device it asks for.

    Raises:
        CheckpointError: networks are being built that are far larger.
    """
    numbers = sum(value.numel() for value in state.values() if isinstance(value, Tensor))
    limits = _Limits(OPERATIONS[0] + OPERATIONS[1] * len(state), NUMBERS[0] + NUMBERS[1] * numbers, draft,
                     f'{source}: the networks of its config are far larger than its weights ({len(state)} tensors of '
                     f'{numbers} numbers in all).')
    with torch.device('meta') if draft else contextlib.nullcontext(), limits:
        yield


class _Limits(TorchFunctionMode):
    """Counts torch's operations, which every layer needs, a copied one too, and the numbers that they make."""

    def __init__(self, operations: int, numbers: int, draft: bool, message: str) -> None:
        super().__init__()
        self.operations, self.numbers, self.draft, self.message = operations, numbers, draft, message

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        weightless = str(kwargs.get('device')) == 'meta'  # as published networks are until they are used
        if self.draft and kwargs.get('device') is not None:
            kwargs['device'] = 'meta'
        made = func(*args, **kwargs)
        self.operations -= 1
        given = any(isinstance(arg, Tensor) for arg in (*args, *kwargs.values()))
        if isinstance(made, Tensor) and not weightless and (func is Tensor.clone or not given):
            self.numbers -= made.numel()
        if min(self.operations, self.numbers) < 0:
            raise CheckpointError(self.message)
        return made
