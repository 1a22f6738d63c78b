"""Operations that need a few rows of their input for a few rows of their result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_map

from .recording import Node

aten = torch.ops.aten
ROWS = -2  # the dimension that is cut
Span = tuple[int, int]  # rows, from the first to before the last
@dataclass
class Rows:
    """How an operation is done on rows.

    Attributes:
        needs: rows of the result -> the rows of the inputs.
        run: (arguments, where such rows of inputs take the place of nodes; where these begin; the rows of the result).
    """

    needs: Callable[[int, int], Span]
    run: Callable[[tuple[Any, ...], int, Span], Tensor]


def rows_of(node: Node) -> Rows | None:
    """How a node is computed from rows; None for one that needs the whole of its inputs, or whose rule is not known."""
    if node.func is None or not node.height or not any(one.height for one in node.inputs):
        return None
    packet = node.func.overloadpacket
    if packet in RULES:
        return RULES[packet](node)
    return alike(node) if torch.Tag.pointwise in node.func.tags else None


def alike(node: Node) -> Rows | None:
    """The same rows of all inputs."""
    if any(one.height not in (0, node.height) for one in node.inputs):
        return None

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        return call(node, tree_map(lambda leaf: _cut(leaf, node, span), args))

    return Rows(lambda first, last: (first, last), run)


def _cut(leaf: Any, node: Node, span: Span) -> Any:
    """The rows of a tensor that is there as a whole; what is of rows already, or has one for all, stays."""
    if isinstance(leaf, Tensor) and leaf.dim() > 1 and leaf.shape[ROWS] == node.height != span[1] - span[0]:
        return leaf[..., span[0]:span[1], :]
    return leaf


def call(node: Node, args: tuple[Any, ...]) -> Tensor:
    """The operation of a node, whatever its arguments are."""
    assert node.func is not None
    made = node.func(*args, **node.kwargs)
    return made if node.pick is None else made[node.pick]


def outside(place: int) -> Callable[[Node], Rows | None]:
    """Operations on one dimension, argument ``place``: the same rows where it is before the rows."""
    def rule(node: Node) -> Rows | None:
        given = node.args[place] if len(node.args) > place else node.kwargs.get('dim', 0)
        dims = max(len(one.shape) for one in (node, *node.inputs))
        return alike(node) if given % dims < dims - 2 else None
    return rule


def reduced(node: Node) -> Rows | None:
    """Sums and extremes over dimensions before the rows."""
    given = node.args[1] if len(node.args) > 1 else node.kwargs.get('dim')
    dims = [given] if isinstance(given, int) else given
    count = len(node.args[0].shape)
    return alike(node) if dims and all(dim % count < count - 2 for dim in dims) else None


def settled_norm(node: Node) -> Rows | None:
    """Batch norm with statistics that are known; its place among the arguments differs."""
    trains = dict(zip((one.name for one in node.func._schema.arguments), node.args, strict=False)).get('training') \
        if node.func else None
    return None if trains or node.pick else alike(node)


def convolution(node: Node) -> Rows | None:
    x, weight, _, stride, padding, dilation, transposed, *_ = node.args
    if not _only_cut(node, x) or len(weight.shape) != 4:
        return None
    step, margin, reach = stride[0], padding[0], dilation[0] * (weight.shape[2] - 1)
    sides = [0, *padding[1:]]

    def needs(first: int, last: int) -> Span:
        return first * step - margin, (last - 1) * step - margin + reach + 1

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        x, weight, bias = args[:3]
        low, high = needs(*span)
        if start > low or high > start + x.shape[ROWS]:
            x = F.pad(x, (0, 0, start - low, high - start - x.shape[ROWS]))
        return aten.convolution(x, weight, bias, stride, sides, *args[5:])

    def needs_back(first: int, last: int) -> Span:
        return -((reach - first - margin) // step), (last - 1 + margin) // step + 1

    def run_back(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        x, weight, bias = args[:3]
        made = aten.convolution(x, weight, bias, stride, sides, *args[5:])
        first = span[0] + margin - start * step
        return made[..., first:first + span[1] - span[0], :]

    return Rows(needs_back, run_back) if transposed else Rows(needs, run)


def _only_cut(node: Node, *allowed: Node) -> bool:
    """Whether the rows of no other inputs are needed."""
    return all(one in allowed for one in node.inputs if one.height)


def mapped(node: Node) -> Rows | None:
    """Each row of the result is one row of the input: mirrored or repeated borders, nearest neighbours.

    Which one is found by doing it with the numbers of rows.
    """
    x = node.args[0]
    if len(node.shape) != 4 or node.func is None:
        return None
    packet = node.func.overloadpacket
    numbers = torch.arange(x.height, dtype=torch.float32).view(1, 1, -1, 1)
    if packet is aten.upsample_nearest2d:
        # the sides grow by factors of their own
        places = node.func(numbers, [node.height, 1], *_scales(node.args[2:3]), None)

        def across(rows: Tensor) -> Tensor:
            width = _scales(node.args[3:4])
            return aten.upsample_nearest2d(rows, [rows.shape[ROWS], node.shape[-1]], None, *width)
    else:
        left, right, top, bottom = node.args[1]
        places = node.func(numbers, [0, 0, top, bottom])

        def across(rows: Tensor) -> Tensor:
            made: Tensor = node.func(rows, [left, right, 0, 0]) if node.func and (left or right) else rows
            return made
    source = places.flatten().long()

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        rows = source[slice(*span)] - start
        whole = torch.equal(rows, torch.arange(args[0].shape[ROWS]))
        return across(args[0] if whole else args[0].index_select(args[0].dim() - 2, rows.to(args[0].device)))

    def needs(first: int, last: int) -> Span:
        rows = source[first:last]
        return int(rows.min()), int(rows.max()) + 1

    return Rows(needs, run)


def _scales(given: Sequence[Any]) -> list[Any]:
    return list(given) or [None]


def constant_pad(node: Node) -> Rows | None:
    margins = [*node.args[1], 0, 0, 0, 0]
    top = margins[2]
    value = node.args[2] if len(node.args) > 2 else 0
    height = node.args[0].height

    def needs(first: int, last: int) -> Span:
        return first - top, last - top

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        low, high = needs(*span)
        above, below = max(0, min(high, 0) - low), max(0, high - max(low, height))
        own = [*margins[:2], above, below, *margins[4:len(node.args[1])]]
        rows = args[0][..., max(0, low) - start:max(0, high) - start, :]
        return aten.constant_pad_nd(rows, own, value)

    return Rows(needs, run)


def sliced(node: Node) -> Rows | None:
    """A part of a dimension; of the rows, too."""
    usual: list[Any] = [None, 0, 0, None, 1]
    x, dim, first_row, _, step = [*node.args, *usual[len(node.args):]]
    if dim % len(x.shape) != len(x.shape) - 2:
        return alike(node)
    first_row = first_row or 0
    first_row = min(max(0, first_row + x.height if first_row < 0 else first_row), x.height)

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        return args[0][..., first_row + span[0] * step - start:first_row + (span[1] - 1) * step + 1 - start:step, :]

    return Rows(lambda first, last: (first_row + first * step, first_row + (last - 1) * step + 1), run)


def viewed(node: Node) -> Rows | None:
    """Another shape in which rows stay rows."""
    x = node.args[0]
    if x.shape[-2:] != node.shape[-2:]:
        return None
    return Rows(lambda first, last: (first, last),
                lambda args, start, span: args[0].reshape(*node.shape[:-2], span[1] - span[0], node.shape[-1]))


def expanded(node: Node) -> Rows | None:
    if node.args[0].height != node.height:
        return None
    return Rows(lambda first, last: (first, last), lambda args, start, span: args[0].expand(
        *node.shape[:-2], span[1] - span[0], node.shape[-1]))


def windows(node: Node) -> Rows | None:
    """Pooling. Rows beside those that count are pooled too, so that only the borders of the image are borders."""
    usual: list[Any] = [None, None, [], [0], False]
    size, step, margin, other = [*node.args[1:5], *usual[len(node.args):]]
    step, margin = (step or size)[0], margin[0]
    if node.pick or other is True or (isinstance(other, list) and any(rate != 1 for rate in other)):
        return None  # a size that is rounded up, or dilation

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        return call(node, args)[..., span[0] - start // step:span[1] - start // step, :]

    def needs(first: int, last: int) -> Span:
        return (first * step - margin) // step * step, (last - 1) * step - margin + size[0]

    return Rows(needs, run)


def averaged(node: Node) -> Rows | None:
    """Means over a grid of fields, of which neighbours may share a row."""
    x, (count, width) = node.args

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        fields = [needs(row, row + 1) for row in range(*span)]
        return torch.cat([F.adaptive_avg_pool2d(args[0][..., first - start:last - start, :], (1, width))
                          for first, last in fields], ROWS)

    def needs(first: int, last: int) -> Span:
        return first * x.height // count, math.ceil(last * x.height / count)

    return Rows(needs, run)


def enlarged(node: Node) -> Rows | None:
    """Linear and cubic interpolation to a multiple of the size."""
    x, _, corners = node.args[:3]
    factor = node.height // x.height
    if corners or node.height % x.height or factor < 1:
        return None
    reach = 2 if node.func and node.func.overloadpacket is aten.upsample_bicubic2d else 1

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        assert node.func is not None
        made = node.func(args[0], [factor * args[0].shape[ROWS], node.shape[-1]], False, None, *node.args[4:])
        return made[..., span[0] - factor * start:span[1] - factor * start, :]

    return Rows(lambda first, last: (first // factor - reach, (last - 1) // factor + 1 + reach), run)


def shuffled(node: Node) -> Rows | None:
    factor = node.args[1]

    def run(args: tuple[Any, ...], start: int, span: Span) -> Tensor:
        return call(node, args)[..., span[0] - factor * start:span[1] - factor * start, :]

    return Rows(lambda first, last: (first // factor, (last - 1) // factor + 1), run)


def unshuffled(node: Node) -> Rows | None:
    factor = node.args[1]
    return Rows(lambda first, last: (first * factor, last * factor), lambda args, start, span: call(node, args))


RULES: dict[Any, Callable[[Node], Rows | None]] = {
    aten.convolution: convolution, aten.constant_pad_nd: constant_pad, aten.slice: sliced,
    **dict.fromkeys((aten.reflection_pad2d, aten.replication_pad2d, aten.upsample_nearest2d), mapped),
    **dict.fromkeys((aten.view, aten._unsafe_view), viewed), aten.expand: expanded,
    **dict.fromkeys((aten.avg_pool2d, aten.max_pool2d_with_indices), windows),
    **dict.fromkeys((aten.upsample_bilinear2d, aten.upsample_bicubic2d), enlarged),
    **dict.fromkeys((aten.amin, aten.amax, aten.sum, aten.mean, aten.any, aten.all), reduced),
    aten._adaptive_avg_pool2d: averaged, aten.pixel_shuffle: shuffled, aten.pixel_unshuffle: unshuffled,
    **dict.fromkeys((aten.alias, aten.clone, aten._to_copy, aten.detach, aten._prelu_kernel), alike),
    **dict.fromkeys((aten.cat, aten.stack, aten.unsqueeze, aten.select, aten.squeeze, aten.unbind,
                     aten.scatter), outside(1)),
    **dict.fromkeys((aten.split, aten.split_with_sizes), outside(2)),
    **dict.fromkeys((aten.native_batch_norm, aten._native_batch_norm_legit, aten.cudnn_batch_norm,
                     aten._native_batch_norm_legit_no_training, aten.miopen_batch_norm), settled_norm),
}
