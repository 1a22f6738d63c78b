"""In which order a recording is computed, and what is kept between one walk over the image and the next."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from .recording import Node, Uncuttable
from .rows import Rows, rows_of
from .sums import Summed, summed_of

DEARER = 1.25  # times the arithmetic of the whole image is what less memory may cost
WHOLE = 2 ** 29  # bytes that an operation without a rule may take and give
NORM = 4  # operations per number of one that is no convolution, about


@dataclass
class Walk:
    """One walk over the image, from the top to the bottom.

    Attributes:
        stream: what is made row by row, in order.
        sums: what is then known by its sums over the image.
        keep: of the stream, what is kept.
        gone: what was kept before, and is needed for the last time.
        size: bytes of what is kept before and after, of which rows come and go.
    """

    stream: list[Node]
    sums: list[Node]
    keep: set[Node]
    gone: set[Node]
    size: int

    def cost(self) -> float:
        return sum(map(cost_of, self.stream))


class Plan:
    """The walks from the inputs of a recording to its result.

    Maps are kept where they are needed again and are small; those of many bytes are computed anew from smaller ones.
    Of all limits to what is kept, the lowest one counts for which that costs at most ``DEARER`` times the arithmetic.

    Args:
        result: the node that is asked for.

    Attributes:
        walks: in order; the last one gives the result.
        cost: arithmetic of all walks / that of the whole image at once.

    Raises:
        Uncuttable: an operation would need too much as a whole.
    """

    def __init__(self, result: Node) -> None:
        self.result = result
        self.nodes = sorted(_reached([result], lambda node: node.inputs), key=lambda node: node.place)
        self.rows: dict[Node, Rows] = {}
        self.summed: dict[Node, Summed] = {}
        self.level: dict[Node, int] = {}  # the first walk in which it can be computed
        self.users: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            self._place(node)
            for one in node.inputs:
                self.users[one].append(node)
        self.last = self.level[result]
        self.frontiers = [self._frontier(walk) for walk in range(self.last)]
        once = sum(map(cost_of, self.nodes))
        limits = sorted({0, *(sum(one.size for one in frontier) for frontier in self.frontiers)})
        best = bisect.bisect_left(limits, True, hi=len(limits) - 1, key=lambda limit: cheap(self._with(limit), once))
        self.walks = self._with(limits[best])
        self.cost = sum(map(Walk.cost, self.walks)) / once

    def _place(self, node: Node) -> None:
        before = max((self.level[one] for one in node.inputs), default=0)
        self.level[node] = before
        if node.func is None:
            return
        if summed := summed_of(node):
            self.summed[node], self.level[node] = summed, before + 1
        elif rows := rows_of(node):
            self.rows[node] = rows
        elif cut := [one for one in node.inputs if one.height]:
            self.level[node] = before + 1
            if sum(one.size for one in cut) + node.size > WHOLE:
                raise Uncuttable(f'{node.func.overloadpacket.__name__} looks at the whole of maps '
                                  f'{" and ".join(str(one.shape) for one in cut)}')

    def streams(self, node: Node) -> bool:
        """Whether it is made row by row, and not there as a whole at once."""
        return node in self.rows or (node in self.summed and self.summed[node].rows is not None)

    def _frontier(self, walk: int) -> list[Node]:
        """What is made in a walk or before, and read in a later one."""
        return [node for node in self.nodes if self.streams(node) and self.level[node] <= walk and any(
            self.level[user] > walk + (not self.streams(user)) for user in self.users[node])]

    def _with(self, limit: int) -> list[Walk]:
        """The walks, if so many bytes may be kept from one to the next."""
        kept: set[Node] = set()
        walks = []
        for number in range(self.last + 1):
            due = [node for node in self.nodes if self.level[node] == number + 1]
            sums = [node for node in due if node in self.summed]
            whole = [one for node in due if node not in self.summed and not self.streams(node) for one in node.inputs]
            chosen = {one for one in whole if self.streams(one)}
            frontier = self.frontiers[number] if number < self.last else []
            for node in sorted(frontier, key=lambda node: node.size):
                if node not in chosen and sum(one.size for one in chosen) + node.size <= limit:
                    chosen.add(node)
            targets = {node.args[0] for node in sums} | chosen | ({self.result} if number == self.last else set())
            stream = self._stream(targets, kept)
            after = chosen | self._origins(set(frontier) - chosen, kept)
            walks.append(Walk(stream, sums, chosen - kept, kept - after, sum(one.size for one in kept | chosen)))
            kept = after
        return walks

    def _stream(self, targets: Iterable[Node], kept: set[Node]) -> list[Node]:
        """What has to be made for the targets from what is kept, in order."""
        def made(nodes: Iterable[Node]) -> list[Node]:
            return [node for node in nodes if self.streams(node) and node not in kept]
        return sorted(_reached(made(targets), lambda node: made(node.inputs)), key=lambda node: node.place)

    @staticmethod
    def _origins(targets: Iterable[Node], kept: set[Node]) -> set[Node]:
        """What of the kept is needed to make the targets."""
        return kept & _reached(targets, lambda node: () if node in kept else node.inputs)

    def at_once(self, number: int) -> list[Node]:
        """What is computed as a whole before a walk."""
        return [node for node in self.nodes if self.level[node] == number and node.func is not None
                and node not in self.summed and not self.streams(node)]


def cheap(walks: Sequence[Walk], once: float) -> bool:
    return sum(map(Walk.cost, walks)) <= DEARER * once


def _reached(starts: Iterable[Node], further: Callable[[Node], Sequence[Node]]) -> set[Node]:
    found, todo = set(starts), list(starts)
    while todo:
        for node in further(todo.pop()):
            if node not in found:
                found.add(node)
                todo.append(node)
    return found


def cost_of(node: Node) -> float:
    """Operations, about."""
    name = node.func.overloadpacket.__name__ if node.func else ''
    if name != 'convolution':
        return NORM * math.prod(node.shape)
    x, weight, transposed = node.args[0], node.args[1], node.args[6]
    assert isinstance(weight, (Tensor, Node))
    return math.prod(x.shape if transposed else node.shape) * math.prod(weight.shape[1:])
