"""Fixtures of the authors' numbers, small enough for every clone; ``tests/data/parity/make.py`` writes them.

A fixture is a dict as the authors' numbers come, with other forms in the place of a large tensor: every n-th number of
it (:func:`read` fills the others with ``UNKNOWN``, which passes through a converter, and :func:`assert_close` looks at
the known ones), the place of an equal or a near tensor in another fixture, or the rule of ``recipe.py`` that gives its
numbers.
"""

from __future__ import annotations

import functools
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from recipe import fill, uniform
from torch import Tensor

UNKNOWN = 2.0 ** 100  # finite, as converters refuse what is not; far above any number of a fixture
KEPT = 64
STEP = 2.0 ** -27  # between a weight and what it was one update before, where all of it is needed


def write(data: dict[str, Any], path: Path) -> None:
    stream = io.BytesIO()
    torch.save(each_tensor(data, _pack), stream)
    path.write_bytes(lzma.compress(stream.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def read(path: Path) -> dict[str, Any]:
    packed = torch.load(io.BytesIO(lzma.decompress(path.read_bytes())), weights_only=True)
    return unpack(packed, path.parent)


_read_once = functools.cache(read)  # another fixture is asked for hundreds of tensors


def sample(node: Any, kept: int = KEPT) -> Any:
    """Every n-th number of each long tensor of floats; n is odd, so that it meets all rows and channels."""
    def cut(x: Tensor) -> Any:
        if x.numel() <= kept or not x.is_floating_point():
            return x
        stride = -(-x.numel() // kept) | 1
        return {'stride': stride, 'shape': list(x.shape), 'values': x.flatten()[::stride]}
    return each_tensor(node, cut)


def known(expected: Tensor) -> Tensor:
    return expected.abs() < UNKNOWN / 2 if expected.is_floating_point() else torch.ones_like(expected, dtype=torch.bool)


def assert_close(found: Any, expected: Any, **tolerance: Any) -> None:
    """``torch.testing.assert_close`` of the tensors of any nested form, where they are known."""
    for ours, theirs in zip(flattened(found), flattened(expected), strict=True):
        assert ours.shape == theirs.shape and known(theirs).any()
        torch.testing.assert_close(ours[known(theirs)], theirs[known(theirs)], **tolerance)


def assert_outputs(found: Any, expected: Any, atol: float) -> None:
    """What networks give in float32: closer than ``atol``, or than that share of the largest number if it is above 1.

    (Processors round differently, and numbers of 10^8 have no digits behind the point.)
    """
    for ours, theirs in zip(flattened(found), flattened(expected), strict=True):
        largest = theirs[known(theirs)].abs().max().item()
        assert_close(ours, theirs, rtol=0, atol=atol * max(1.0, largest))


def flattened(node: Any) -> list[Tensor]:
    if isinstance(node, Tensor):
        return [node]
    return [x for part in (node.values() if isinstance(node, dict) else node) for x in flattened(part)]


def each_tensor(node: Any, change: Callable[[Tensor], Any]) -> Any:
    if isinstance(node, Tensor):
        return change(node)
    if isinstance(node, dict):
        return {key: each_tensor(part, change) for key, part in node.items()}
    return [each_tensor(part, change) for part in node] if isinstance(node, (list, tuple)) else node


def _pack(x: Tensor) -> Any:
    """Bytes of equal significance together: they repeat themselves, and can be compressed."""
    if not x.is_floating_point() or not x.numel():
        return x.clone()
    rows = x.contiguous().view(-1).view(torch.uint8).view(x.numel(), -1)
    return {'bytes': rows.T.contiguous(), 'dtype': str(x.dtype).removeprefix('torch.'), 'size': list(x.shape)}


def unpack(node: Any, folder: Path) -> Any:
    if isinstance(node, list):
        return [unpack(part, folder) for part in node]
    if not isinstance(node, dict):
        return node
    if node.keys() == {'bytes', 'dtype', 'size'}:
        return node['bytes'].T.contiguous().view(-1).view(getattr(torch, node['dtype'])).view(node['size'])
    if node.keys() == {'stride', 'shape', 'values'}:
        values = unpack(node['values'], folder)
        whole = torch.full(node['shape'], UNKNOWN, dtype=values.dtype)
        whole.view(-1)[::node['stride']] = values
        return whole
    if node.keys() == {'fixture', 'place'}:
        found: Any = _read_once(folder / f'{node["fixture"]}.pt.xz')
        for key in node['place']:
            found = found[key]
        return found.clone()
    if node.keys() == {'near', 'steps'}:
        return (unpack(node['near'], folder).double() + STEP * node['steps']).float()
    if node.keys() == {'weights by the rule'}:
        return fill(node['weights by the rule'])
    if node.keys() == {'numbers by the rule', 'low', 'high', 'shape'}:
        return uniform(node['numbers by the rule'], node['shape'], node['low'], node['high'])
    return {key: unpack(part, folder) for key, part in node.items()}
