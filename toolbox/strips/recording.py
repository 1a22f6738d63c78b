"""What networks compute of an image, as a list of operations, found without its pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_flatten, tree_map


class Uncuttable(Exception):
    """Why something cannot be computed in strips."""


@dataclass(eq=False)
class Node:
    """A tensor that is computed later.

    Attributes:
        func: the operation of torch; None: an input.
        args: its arguments, with nodes in place of what is computed later.
        kwargs: the same.
        pick: which of several results.
        shape: of the tensor.
        dtype: of the tensor.
        place: in the order of the program.
        inputs: the nodes among the arguments.
    """

    func: OpOverload | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    pick: int | None
    shape: tuple[int, ...]
    dtype: torch.dtype
    place: int
    inputs: tuple[Node, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = (leaf for leaf in tree_flatten((self.args, self.kwargs))[0] if isinstance(leaf, Node))
        self.inputs = tuple(dict.fromkeys(found))

    @property
    def height(self) -> int:
        """Its rows; 0 for what is taken whole."""
        return self.shape[-2] if len(self.shape) in (3, 4) and self.shape[-2] > 1 else 0

    @property
    def size(self) -> int:
        """Bytes."""
        return int(torch.Size(self.shape).numel()) * self.dtype.itemsize


class Recorder:
    """Nodes in the order of the program."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(self, func: OpOverload | None, args: tuple[Any, ...], kwargs: dict[str, Any], meta: Tensor,
            pick: int | None = None) -> Node:
        node = Node(func, args, kwargs, pick, tuple(meta.shape), meta.dtype, len(self.nodes))
        self.nodes.append(node)
        return node


def _noted(cls: type, func: OpOverload, types: Any, args: tuple[Any, ...] = (),
           kwargs: dict[str, Any] | None = None) -> Any:
    """An operation on tensors of which one is computed later: noted, or done at once if it asks for no pixels."""
    kwargs = kwargs or {}
    first = next(leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Later))
    name = func.overloadpacket.__name__
    if name.endswith('_like') or name.startswith('new_'):  # depends on shape and type alone
        return func(*tree_map(_bare, args), **{'device': first.device, **kwargs})
    if func is torch.ops.aten.native_dropout.default:  # what is dropped depends on the shape alone, too
        x, rate, trains = args
        kept = func(torch.ones(x.shape, dtype=x.dtype, device=x.device), rate, trains)[0]
        return x * kept, kept != 0
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise Uncuttable(f'{name} draws random numbers')
    if func._schema.is_mutable:
        raise Uncuttable(f'{name} changes a tensor in place')
    if any(isinstance(leaf, Later) for leaf in tree_flatten(kwargs)[0]):
        raise Uncuttable(f'{name} takes what depends on the image by keyword')
    options = {key: 'meta' if key == 'device' else value for key, value in tree_map(_bare, kwargs).items()}
    try:
        metas = func(*tree_map(_bare, args), **options)
    except (RuntimeError, NotImplementedError) as error:
        raise Uncuttable(f'{name} depends on pixels ({str(error).partition(chr(10))[0]:.200})') from error
    if not tree_flatten(metas)[0] or not all(isinstance(leaf, Tensor) for leaf in tree_flatten(metas)[0]):
        raise Uncuttable(f'{name} depends on pixels')

    def nodes_of(leaf: Any) -> Any:
        return leaf.node if isinstance(leaf, Later) else leaf

    args, kwargs = tree_map(nodes_of, args), tree_map(nodes_of, kwargs)
    several = not isinstance(metas, Tensor)
    made = [Later.of(first.recorder.add(func, args, kwargs, meta, number if several else None), first.device,
                     first.recorder) for number, meta in enumerate(metas if several else [metas])]
    return made if several else made[0]


class Later(Tensor):
    """A tensor without numbers, of which every operation is recorded."""

    node: Node
    recorder: Recorder

    @staticmethod
    def of(node: Node, device: torch.device, recorder: Recorder) -> Later:
        made: Any = torch.Tensor._make_wrapper_subclass  # torch states no types of it
        later: Later = made(Later, node.shape, dtype=node.dtype, device=device)
        later.node, later.recorder = node, recorder
        return later

    __torch_dispatch__: Any = classmethod(_noted)


def _bare(leaf: Any) -> Any:
    """A tensor as one that has a shape and no numbers."""
    if isinstance(leaf, Later):
        return torch.empty(leaf.node.shape, dtype=leaf.node.dtype, device='meta')
    return torch.empty_like(leaf, device='meta') if isinstance(leaf, Tensor) else leaf


@dataclass
class Recording:
    """What :func:`record` found.

    Attributes:
        sources: the inputs by name.
        result: what is made of them.
    """

    sources: dict[str, Node]
    result: Node


@torch.no_grad()
def record(function: Callable[[Mapping[str, Tensor]], Tensor], inputs: Mapping[str, Tensor]) -> Recording:
    """The operations from tensors to the result of a function of them; tensors that do not depend on them are computed.

    Args:
        function: of tensors by name.
        inputs: shapes, types and devices count, numbers do not.

    Raises:
        Uncuttable: the function decides by pixels, or changes them in place.
    """
    recorder = Recorder()
    later = {name: Later.of(recorder.add(None, (), {}, x), x.device, recorder) for name, x in inputs.items()}
    made = function(later)
    if not isinstance(made, Later):
        raise Uncuttable('the result does not depend on the image')
    return Recording({name: x.node for name, x in later.items()}, made.node)
