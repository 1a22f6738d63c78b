"""A direction of a trained method as one graph, from the pixels of files to the pixels of files, for other runtimes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..data.preprocessor import to_uint8
from ..data.ranges import ValueRange, from_networks
from ..errors import ConfigError, did_you_mean
from ..files.replacing import OF_THE_WHOLE_DISK
from ..methods.base import Method
from ..methods.batch import Batch
from ..methods.directions import Direction, Image, Port
from .graph_formats import FORMATS, Use, format_of, require_packages
from .graph_speed import Speed, speed_of
from .load import find_checkpoint, load_method

HALF_RANGE = 127.5
STYLE = 'style'
LEVELS = 1  # of 255 by which a graph may differ from torch


class SymbolicBatch(Batch):
    """A batch whose length may stay open: nothing is counted."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        vars(self).update(_tensors=dict(tensors), meta=[], kept={})


class Graph(nn.Module):
    """What ``toolbox translate`` does with a direction, as a module without Python around its tensors.

    It takes the inputs of the direction in their order, then a style where the direction depends on one: images
    ``(N, H, W, C)`` uint8, or in the type of the training's files where those have a range of their own, maps
    ``(N, H, W)`` int64, masks ``(N, H, W)`` uint8 (not 0: missing), codes and styles as the method has them. Sides that
    are no multiples of the direction's divisor are grown by mirrored content, and the result is cut. It gives images
    ``(N, scale H, scale W, C)`` in the type of the target's files.

    Args:
        method: trained, in evaluation.
        direction: one of its directions, that makes a picture.
    """

    def __init__(self, method: Method, direction: str) -> None:
        super().__init__()
        self.method, self.name = method, direction
        self.asked: Direction = method.direction(direction)
        self.takes_style = STYLE in self.asked.options
        if self.asked.gives not in method.pictures:
            raise ConfigError(f'{direction!r} gives a code and no picture.')
        if self.asked.own_size:
            raise ConfigError(f'{direction!r} makes pictures of a size of its own; a graph follows that of its inputs.')
        self.ranges = {port.name: method.range_of(port.name) for port in self.asked.takes}
        self.made = method.range_of(self.asked.gives)
        counters_to_numbers(method)

    @property
    def names(self) -> tuple[str, ...]:
        """Its inputs."""
        return (*(port.name for port in self.asked.takes), *([STYLE] if self.takes_style else ()))

    def forward(self, *inputs: Tensor) -> Tensor:
        ports = self.asked.takes
        tensors = {port.name: as_networks(port, x, self.ranges[port.name])
                   for port, x in zip(ports, inputs, strict=False)}
        first = self.asked.maps[0].name if self.asked.maps else None
        margins: Any = None
        if first is not None:
            height, width = tensors[first].shape[-2:]
            rows, columns = (mirrored_to(side, self.asked.divisor, tensors[first].device) for side in (height, width))
            tensors = {name: x[..., rows[0][:, None], columns[0][None, :]] if x.dim() > 2 else x
                       for name, x in tensors.items()}
            margins = rows[1], columns[1], height, width
        options = {STYLE: inputs[len(ports)]} if self.takes_style else {}
        made = self.method.answer(self.name, SymbolicBatch(tensors), **options)
        if margins is not None:
            top, left, height, width = margins
            scale = self.asked.scale
            made = made.narrow(2, top * scale, height * scale).narrow(3, left * scale, width * scale)
        return in_files(made, self.made)

    def example(self, count: int, size: tuple[int, int], random: torch.Generator | None = None) -> dict[str, Tensor]:
        """Made-up inputs by name; maps have this size, whatever the divisor."""
        found = {port.name: as_files(port, port.example(count, size, random), self.ranges[port.name])
                 for port in self.asked.takes}
        if self.takes_style:
            found[STYLE] = self.method.style_of(self.name, seed=0)
        return found


def as_networks(port: Port, x: Tensor, known: ValueRange | None) -> Tensor:
    """An input of a graph as the method takes it."""
    if isinstance(port, Image):
        x = x.permute(0, 3, 1, 2)
        return x.to(torch.float32) / HALF_RANGE - 1 if known is None else scaled(x, known).to(torch.float32)
    if port.is_map and x.dtype == torch.uint8:  # a mask
        return (x > 0).to(torch.float32)[:, None]
    return x


def scaled(x: Tensor, known: ValueRange) -> Tensor:
    """Numbers of files in [-1, 1], float64, what is outside the range cut off."""
    return ((x.double() - known.low) / (known.high - known.low) * 2 - 1).clamp(-1, 1)


def as_files(port: Port, x: Tensor, known: ValueRange | None) -> Tensor:
    """The inverse of :func:`as_networks`."""
    if isinstance(port, Image):
        return in_files(x, known).contiguous()
    if port.is_map and x.is_floating_point():
        return x[:, 0].to(torch.uint8)
    return x


def in_files(x: Tensor, known: ValueRange | None) -> Tensor:
    """Images ``(N, C, H, W)`` in [-1, 1] as files hold them, ``(N, H, W, C)``."""
    return (to_uint8(x) if known is None else from_networks(x, known)).permute(0, 2, 3, 1)


def mirrored_to(side: int, divisor: int, device: torch.device) -> tuple[Tensor, int]:
    """:func:`toolbox.use.padding.mirrored` by operations of tensors, since the side stays open in a graph."""
    if divisor == 1:
        return torch.arange(side, device=device), 0
    missing = (divisor - side % divisor) % divisor
    before = missing // 2
    place = torch.arange(side + missing, device=device) - before
    edge = place.clamp(min=0)
    edge = torch.where(edge >= side, side - 1, edge)
    mirror = place.abs()
    mirror = torch.where(mirror >= side, 2 * (side - 1) - mirror, mirror)
    return torch.where(place[-1] - (side - 1) < side, mirror, edge), before  # the last margin is the longest


def counters_to_numbers(method: nn.Module) -> None:
    """What a method counts in buffers of one whole number steers Python, and is no part of a graph."""
    for module in method.modules():
        for name, buffer in [*module.named_buffers(recurse=False)]:
            if not buffer.dim() and buffer.dtype == torch.int64:
                delattr(module, name)
                setattr(module, name, int(buffer))


@dataclass
class Exported:
    """A graph that was written.

    Attributes:
        path: the file.
        free: what may differ from one use to the next, in words.
        difference: the largest one to torch, in levels of 255, over all images that were tried.
        notes: on what is otherwise than in ``toolbox translate``.
        speed: what was measured, if that was asked for.
    """

    path: Path
    free: str
    difference: float
    notes: tuple[str, ...] = ()
    speed: Speed | None = None


def export_graph(run: str | Path, destination: str | Path, direction: str | None = None,
                 size: tuple[int, int] = (256, 256), which: str = 'last', plugins: Sequence[str] = (),
                 kind: str | None = None, rounds: int = 0) -> Exported:
    """Write a direction of a run as a graph, and compare it with torch.

    Args:
        run: work directory or checkpoint file.
        destination: file to write.
        direction: one of the run's; the first that makes a picture when None.
        size: height and width of the images of a graph that can take one size only, and of those that are timed.
        which: checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        plugins: modules with parts of the run, see :class:`toolbox.Translator`.
        kind: ``'onnx'`` (package ``onnxscript``; ``onnxruntime`` is asked for the comparison), ``'torchscript'``
            (``torch.jit.load``) or ``'pt2'`` (``torch.export.load(path).module(check_guards=False)``); when None, the
            suffix of ``destination`` tells.
        rounds: images for which graph and torch are timed in turns; 0: none.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be used.
        ConfigError: there is no such direction or format, a package is missing, or the method cannot be written as a
            graph.
    """
    destination = Path(destination)
    kind = format_of(destination, kind)
    require_packages(kind)
    path = find_checkpoint(run, which)
    method, names = load_method(path, plugins)
    pictures = [name for name in names if method.directions[name].gives in method.pictures]
    direction = direction or next(iter(pictures), '')
    if direction not in pictures:
        raise ConfigError(f'{path}: makes no picture in direction {direction!r}.{did_you_mean(direction, pictures)}')
    notes = evaluation_notes(method)
    graph = Graph(method.eval().requires_grad_(False), direction)
    with method.evaluating(), torch.no_grad(), quiet():
        free, found, use = written(graph, size, destination, kind)
        speed = speed_of(graph, use, graph.example(1, size), rounds) if rounds else None
    return Exported(destination, free, found, notes, speed)


def evaluation_notes(method: Method) -> tuple[str, ...]:
    """What the settings of evaluation mean for a graph; dropout is switched off."""
    notes = []
    if method.test_cfg['dropout']:
        method.test_cfg['dropout'] = False
        notes.append('dropout, which translations of this run use, is off in the graph')
    if takes_batch_statistics(method):
        notes.append('norms take the statistics of each image, as translations of this run do')
    return tuple(notes)


def takes_batch_statistics(method: Method) -> bool:
    """Whether a result depends on what else is in its batch."""
    norms = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in method.modules())
    return norms and method.test_cfg['norm'] == 'batch'


@contextmanager
def quiet() -> Iterator[None]:
    """Without torch's warnings about its own parts."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(level)


def written(graph: Graph, size: tuple[int, int], path: Path, kind: str) -> tuple[str, float, Use]:
    """Write the most general program of a graph that agrees with it; what is free in it, the difference, and its use.

    Raises:
        ConfigError: there is none.
    """
    random, problem = torch.Generator().manual_seed(0), ''
    for count, free, words in forms(graph, size):
        sizes = ((37, 50), (64, 41), (96, 160)) if free else (size, size)
        counts = (count, 1, 3) if count > 1 else (1, 1, 1)
        samples = [tuple(graph.example(n, each, random).values()) for n, each in zip(counts, sizes, strict=False)]
        try:
            expected = [graph(*sample) for sample in samples]  # first: what a method keeps is a constant of the graph
            dynamic = (dynamic_sizes(graph, count > 1),) if free else None
            use = FORMATS[kind].write(graph, samples[0], dynamic, path)
            found = max(difference(use(*sample), wanted, graph.made)
                        for sample, wanted in zip(samples, expected, strict=True))
        except Exception as error:  # of any layer of torch, in any words
            if isinstance(error, OSError) and error.errno in OF_THE_WHOLE_DISK:
                raise
            problem = str(error).strip().partition('\n')[0] or type(error).__name__
            continue
        if found <= LEVELS:
            return words, found, use
        problem = f'its results differ from those of torch by {found:g} levels'
    path.unlink(missing_ok=True)
    raise ConfigError(f'{type(graph.method).__name__} cannot be written as {kind} in direction {graph.name!r}: '
                      f'{problem}')


def forms(graph: Graph, size: tuple[int, int]) -> list[tuple[int, bool, str]]:
    """From the most general to the least: images in the example, whether anything is free, and that in words."""
    maps, one = bool(graph.asked.maps), takes_batch_statistics(graph.method)
    several = [(2, True, 'number and size of images' if maps else 'number of images')]
    alone = [(1, True, 'size of images, one at a time')] if maps else []
    fixed = f'nothing: one image of {size[0]}x{size[1]} (HxW)' if maps else 'nothing: one image'
    return [*([] if one else several), *alone, (1, False, fixed)]


def dynamic_sizes(graph: Graph, count: bool) -> tuple[dict[int, Any], ...]:
    """What may differ from the example when the graph is used: sides of maps, and the number of samples."""
    free = torch.export.Dim.DYNAMIC
    number = {0: free} if count else {}
    sizes = [{**number, 1: free, 2: free} if port.is_map and not getattr(port, 'side', None) else number
             for port in graph.asked.takes]
    return (*sizes, *([{}] if graph.takes_style else []))


def difference(a: Tensor, b: Tensor, known: ValueRange | None) -> float:
    """The largest difference of two results ``(N, H, W, C)`` in levels of 255, which it is for different shapes."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return 255.0
    span = 255.0 if known is None else known.high - known.low
    return float((a.double() - b.double()).abs().max()) * 255 / span
