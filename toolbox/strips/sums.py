"""Operations that sum over the whole image: means, variances, extremes, and the norms made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from .recording import Node
from .rows import ROWS, Rows

aten = torch.ops.aten


class Sums(Protocol):
    """What is gathered of an input, rows by rows."""

    def add(self, rows: Tensor) -> None: ...


class Moments:
    """Number, mean and sum of squared differences over dimensions, in float64 from one part to the next.

    Args:
        dims: over which is summed.
        groups: of the channels, as of a group norm; 0: channels are as they are.
    """

    def __init__(self, dims: Sequence[int], groups: int = 0) -> None:
        self.dims, self.groups = tuple(dims), groups
        self.count, self.mean, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, rows: Tensor) -> None:
        x = rows.unflatten(1, (self.groups, -1)) if self.groups else rows
        x = x if x.is_floating_point() else x.double()
        var, mean = (part.double() for part in torch.var_mean(x.float() if x.element_size() < 4 else x, self.dims,
                                                             correction=0, keepdim=True))
        count = x.numel() // mean.numel()
        total, apart = self.count + count, mean - self.mean.to(mean)
        self.squares = self.squares.to(mean) + var * count + apart.square() * (self.count * count / total)
        self.mean, self.count = self.mean.to(mean) + apart * (count / total), total

    def variance(self, correction: float) -> Tensor:
        return self.squares / max(0, self.count - correction)


class Extreme:
    """The largest or the smallest over dimensions."""

    def __init__(self, dims: Sequence[int], of: Callable[..., Tensor]) -> None:
        self.dims, self.of, self.found = dims, of, None

    found: Tensor | None

    def add(self, rows: Tensor) -> None:
        part = self.of(rows, self.dims, keepdim=True)
        self.found = part if self.found is None else self.of(torch.stack([self.found, part]), 0)


@dataclass
class Summed:
    """How an operation is done that needs sums of its input first.

    Attributes:
        sums: empty ones.
        finish: their result, of a node that is nothing more.
        rows: how rows are made by them, of a norm; its function has the sums as a further argument at the end.
    """

    sums: Callable[[], Any]
    finish: Callable[[Any], Tensor] | None = None
    rows: Callable[[Any], Rows] | None = None


def summed_of(node: Node) -> Summed | None:
    """How a node is computed from sums; None for one that is not, or whose rule is not known."""
    if node.func is None or not node.args or not isinstance(node.args[0], Node) or not node.args[0].height:
        return None
    rule = RULES.get(node.func.overloadpacket)
    return rule(node) if rule else None


def group_norm(node: Node) -> Summed | None:
    x, _, _, samples, _, _, groups, eps = node.args
    if node.pick or len(x.shape) != 4:
        return None

    def rows(moments: Moments) -> Rows:
        mean, scale = (part.flatten(2).expand(-1, -1, x.shape[1] // groups).reshape(samples, -1, 1, 1)
                       for part in (moments.mean, (moments.variance(0) + eps).rsqrt()))
        return normed(mean, scale)

    return Summed(lambda: Moments((2, 3, 4), groups), rows=rows)


def batch_norm(node: Node) -> Summed | None:
    """With the statistics of the image itself."""
    given = dict(zip((one.name for one in node.func._schema.arguments), node.args, strict=False)) if node.func else {}
    if node.pick or not given.get('training', True) or given.get('running_mean') is not None:
        return None
    eps = given.get('eps', given.get('epsilon'))
    return Summed(lambda: Moments((0, 2, 3)),
                  rows=lambda moments: normed(moments.mean, (moments.variance(0) + eps).rsqrt()))


def normed(mean: Tensor, scale: Tensor) -> Rows:
    """Rows less a mean, times a scale, then with the learned scale and offset, which are the next two arguments."""

    def run(args: tuple[Any, ...], start: int, span: tuple[int, int]) -> Tensor:
        x, weight, bias = args[:3]
        factor = scale if weight is None else scale * weight.double().view(1, -1, 1, 1)
        offset = -mean * factor if bias is None else bias.double().view(1, -1, 1, 1) - mean * factor
        wide = x.float() if x.element_size() < 4 else x
        return torch.addcmul(offset.to(wide), wide, factor.to(wide)).to(x.dtype)

    return Rows(lambda first, last: (first, last), run)


def _dims(node: Node, given: Any) -> list[int]:
    count = len(node.args[0].shape)
    dims = [given] if isinstance(given, int) else given
    return sorted(dim % count for dim in dims) if dims else [*range(count)]


def over(finish: Callable[[Moments, Node, dict[str, Any]], Tensor]) -> Callable[[Node], Summed | None]:
    """An operation by moments over its dimensions."""
    def rule(node: Node) -> Summed | None:
        assert node.func is not None
        given = dict(zip((one.name for one in node.func._schema.arguments), node.args, strict=False)) | node.kwargs
        dims = _dims(node, given.get('dim'))
        if len(node.args[0].shape) + ROWS not in dims:
            return None

        def finished(moments: Moments) -> Tensor:
            made = finish(moments, node, given).reshape(node.shape)
            return made.to(node.dtype) if node.dtype.is_floating_point else made.round().to(node.dtype)
        return Summed(lambda: Moments(dims), finish=finished)
    return rule


def _spread(moments: Moments, given: dict[str, Any]) -> Tensor:
    correction = given.get('correction', given.get('unbiased', 1))
    return moments.variance(1 if correction is None else float(correction))


def pooled(node: Node) -> Summed | None:
    """The mean of the whole image."""
    if any(side != 1 for side in node.shape[-2:]):
        return None
    return Summed(lambda: Moments((2, 3)) if len(node.shape) == 4 else Moments((1, 2)),
                  finish=lambda moments: moments.mean.reshape(node.shape).to(node.dtype))


def extreme(of: Callable[..., Tensor]) -> Callable[[Node], Summed | None]:
    def rule(node: Node) -> Summed | None:
        dims = _dims(node, node.args[1] if len(node.args) > 1 else node.kwargs.get('dim'))
        if node.pick or len(node.args[0].shape) + ROWS not in dims:
            return None
        return Summed(lambda: Extreme(dims, of), finish=lambda found: found.found.reshape(node.shape))
    return rule


def pooled_maximum(node: Node) -> Summed | None:
    if node.pick or any(side != 1 for side in node.shape[-2:]):
        return None
    return Summed(lambda: Extreme((-2, -1), torch.amax), finish=lambda found: found.found.reshape(node.shape))


RULES: dict[Any, Callable[[Node], Summed | None]] = {
    aten.native_group_norm: group_norm,
    **dict.fromkeys((aten.native_batch_norm, aten._native_batch_norm_legit, aten.cudnn_batch_norm,
                     aten.miopen_batch_norm), batch_norm),
    aten.mean: over(lambda moments, node, given: moments.mean),
    aten.sum: over(lambda moments, node, given: moments.mean * moments.count),
    aten.var: over(lambda moments, node, given: _spread(moments, given)),
    aten.std: over(lambda moments, node, given: _spread(moments, given).sqrt()),
    aten.var_mean: over(lambda moments, node, given: moments.mean if node.pick else _spread(moments, given)),
    aten.std_mean: over(lambda moments, node, given: moments.mean if node.pick else _spread(moments, given).sqrt()),
    aten._adaptive_avg_pool2d: pooled, aten.adaptive_max_pool2d: pooled_maximum,
    aten.amax: extreme(torch.amax), aten.amin: extreme(torch.amin),
}
