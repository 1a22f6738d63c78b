"""What an iteration does: operators, arithmetic, passes of the networks; and what its convolutions cost alone."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

# Convolutions and matrix products, forwards and backwards: the work that no order of operations saves
HEAVY = {f'aten::{name}' for name in ('convolution', 'convolution_backward', 'mm', 'addmm', 'bmm', 'baddbmm')}


class Form(NamedTuple):
    """A tensor without its numbers."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def made(self, device: str) -> Tensor:
        if 0 in self.stride:  # expanded
            return torch.randn(self.shape, dtype=self.dtype, device=device)
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=device).normal_()


class Call(NamedTuple):
    """Of an operator, with tensors of these forms."""

    operator: Any
    args: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, operator: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Call:
        return cls(operator, tuple(map(_form, args)), tuple(options.items()))

    def made(self, device: str) -> Callable[[], object]:
        """The call, with numbers from N(0, 1)."""
        args = [x.made(device) if isinstance(x, Form) else x for x in self.args]
        return lambda: self.operator(*args, **dict(self.options))


def _form(x: Any) -> Any:
    if isinstance(x, Tensor):
        return Form(tuple(x.shape), x.stride(), x.dtype)
    return tuple(x) if isinstance(x, list) else x


@dataclass(frozen=True)
class Work:
    """Of one iteration, or of one cycle of iterations that do different work.

    Attributes:
        flops: of convolutions and matrix products, a multiplication and an addition counting as two.
        operators: of ATen, the optimisers' included.
        passes: calls of networks.
        heavy: how often each convolution and matrix product was called.
        reads: numbers that Python read from tensors, for each of which a GPU's host waits.
    """

    flops: int
    operators: int
    passes: int
    heavy: Mapping[Call, int]
    reads: int


class _Operators(TorchDispatchMode):
    def __init__(self) -> None:
        cast(Any, super()).__init__()  # torch states no types
        self.count, self.reads, self.flops, self.heavy = 0, 0, 0, Counter[Call]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        self.reads += func is torch.ops.aten._local_scalar_dense.default
        if func.name().partition('.')[0] in HEAVY:
            self.heavy[Call.of(func, args, kwargs or {})] += 1
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.flops += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=result)
        return result


def work_of(step: Callable[[], object], networks: Mapping[str, nn.Module]) -> Work:
    """Take a step, and count."""
    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += 1
    hooks = [net.register_forward_pre_hook(count) for net in networks.values()]
    try:
        with _Operators() as operators:
            step()
    finally:
        for hook in hooks:
            hook.remove()
    return Work(operators.flops, operators.count, passes, operators.heavy, operators.reads)


def alone(work: Work, device: str, repeats: int = 3) -> tuple[float, float]:
    """Seconds by the clock and of CPU time that the convolutions and matrix products take one by one, sum of medians.

    On a GPU, calls are timed in tens, so that what the host needs to start one is hidden as far as it can be.
    """
    total = [0.0, 0.0]
    for call, times in work.heavy.items():
        run, calls = call.made(device), 10 if device == 'cuda' else 1
        seconds = [_timed(run, calls) for _ in range(repeats + 1)][1:]
        for place, column in enumerate(zip(*seconds, strict=True)):
            total[place] += times * statistics.median(column)
    return total[0], total[1]


def seconds_of(step: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of CPU time in all threads of this process."""
    return _timed(step, 1)


def _timed(step: Callable[[], object], calls: int) -> tuple[float, float]:
    started, used = time.perf_counter(), time.process_time()
    for _ in range(calls):
        step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / calls, (time.process_time() - used) / calls
