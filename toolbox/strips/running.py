"""A plan, done: walks over the image, a few rows at a time."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from .plan import Plan, Walk
from .recording import Node, Recording
from .rows import ROWS, Rows, call

Taker = tuple[Node, Callable[[Tensor], None]]  # what is done with the rows of a map
STRIP = 2 ** 22  # bytes of the widest map that are made at a time, about


class Flow:
    """Rows of a map, of which the first may be gone and the last not yet there."""

    def __init__(self, rows: Tensor | None = None, kept: bool = False) -> None:
        self.kept = kept
        self.parts = [] if rows is None else [rows]
        self.first, self.last = 0, 0 if rows is None else rows.shape[ROWS]
        self.needed: dict[Any, int] = {}  # by its users: the first row that each has not used yet

    def add(self, rows: Tensor) -> None:
        self.parts.append(rows.contiguous() if self.kept else rows)  # no view, behind which more would stay
        self.last += rows.shape[ROWS]

    def take(self, low: int, high: int) -> Tensor:
        found, at = [], self.first
        for part in self.parts:
            end = at + part.shape[ROWS]
            if at < high and end > low:
                found.append(part[..., max(0, low - at):high - at, :])
            at = end
        if not found:
            return self.parts[-1][..., :0, :]
        return found[0] if len(found) == 1 else torch.cat(found, ROWS)

    def used(self, user: Any, rows: int) -> None:
        """A user needs no rows before; what nobody needs is gone."""
        self.needed[user] = rows
        least = min(self.needed.values())
        while len(self.parts) > 1 and self.first + self.parts[0].shape[ROWS] <= least:
            self.first += self.parts.pop(0).shape[ROWS]


def find_trim() -> Callable[[int], int]:
    """What gives memory that is free back to the system, where the C library can do that (glibc)."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return lambda keep: 0
    return trim


@torch.inference_mode()
def run(recording: Recording, inputs: Mapping[str, Tensor], write: Callable[[Tensor], None]) -> None:
    """Compute what was recorded.

    Args:
        recording: of the networks.
        inputs: by name, as they were recorded.
        write: takes the rows of the result ``(N, C, h, W)``, from the top to the bottom.

    Raises:
        Uncuttable: an operation would need too much as a whole.
    """
    plan = Plan(recording.result)
    there = {recording.sources[name]: x for name, x in inputs.items()}  # known as a whole
    kept: dict[Node, Flow] = {}
    rows = dict(plan.rows)

    def known(leaf: Any) -> Any:
        if not isinstance(leaf, Node):
            return leaf
        return there[leaf] if leaf in there else kept[leaf].take(0, leaf.height)

    for number, walk in enumerate(plan.walks):
        for node in plan.at_once(number):
            there[node] = call(node, tree_map(known, node.args))
        sums = {node: plan.summed[node].sums() for node in walk.sums}
        takers: list[Taker] = [(node.args[0], part.add) for node, part in sums.items()]
        if number == plan.last and plan.streams(plan.result):
            takers.append((plan.result, write))
        kept |= walked(walk, rows, kept, there, takers)
        for node in walk.gone:
            del kept[node]
        for node, part in sums.items():
            how = plan.summed[node]
            if how.rows is not None:
                rows[node] = how.rows(part)
            elif how.finish is not None:
                there[node] = how.finish(part)
    if not plan.streams(plan.result):
        write(there[plan.result])


def walked(walk: Walk, rows: Mapping[Node, Rows], kept: Mapping[Node, Flow], there: Mapping[Node, Tensor],
           takers: Sequence[Taker]) -> dict[Node, Flow]:
    """Make the rows of a walk and hand them to their takers; what is to be kept."""
    flows = {node: Flow(kept=node in walk.keep) for node in walk.stream}

    def flow(node: Node) -> Flow:
        if node not in flows:
            flows[node] = kept[node] if node in kept else Flow(there[node])
        return flows[node]

    cut = {node: [one for one in node.inputs if one.height] for node in walk.stream}
    for node in [*walk.keep, *(kept.keys() - walk.gone)]:
        flow(node).needed['kept'] = 0
    for node in walk.stream:
        for one in cut[node]:
            flow(one).needed[node] = 0
    for number, (node, _) in enumerate(takers):
        flow(node).needed[number] = 0
    trim, ends = find_trim(), {*walk.keep, *(node for node, _ in takers)}
    count = max(1, math.ceil(max((node.size for node in walk.stream), default=0) / STRIP))
    for step in range(1, count + 1):
        wanted = {node: math.ceil(node.height * step / count) for node in ends}
        for node in reversed(walk.stream):
            first, last = flows[node].last, wanted.get(node, 0)
            if last > first:
                for one in cut[node]:
                    needs = max(1, rows[node].needs(first, last)[1])  # a map without a row has no shape
                    wanted[one] = max(wanted.get(one, 0), min(one.height, needs))
        for node in walk.stream:
            if wanted.get(node, 0) > flows[node].last:
                extend(node, wanted[node], rows[node], flows, there)
        for number, (node, take) in enumerate(takers):
            source = flow(node)
            before, now = source.needed[number], max(wanted[node], source.last if node in walk.stream else 0)
            if now > before:
                take(source.take(before, now))
                source.used(number, now)
        trim(0)  # else the holes between what is kept grow to twice its size
    for made in flows.values():
        made.needed.clear()
    return {node: flows[node] for node in walk.keep}


def extend(node: Node, last: int, how: Rows, flows: Mapping[Node, Flow], there: Mapping[Node, Tensor]) -> None:
    """Make the next rows of a map, up to before ``last``."""
    span = flows[node].last, last
    low, high = how.needs(*span)
    start = 0

    def given(leaf: Any) -> Any:
        nonlocal start
        if not isinstance(leaf, Node):
            return leaf
        if not leaf.height:
            return there[leaf]
        start = min(max(low, 0), leaf.height)
        return flows[leaf].take(start, min(max(high, start), leaf.height))

    args = tree_map(given, node.args)
    flows[node].add(how.run(args, start, span))
    for one in node.inputs:
        if one.height:
            following = how.needs(last, node.height)[0] if last < node.height else one.height
            flows[one].used(node, min(max(following, 0), one.height))
