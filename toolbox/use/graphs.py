"""A direction of a trained method as one graph, from the pixels of files to the pixels of files, for other runtimes."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..data.preprocessor import to_uint8
from ..errors import ConfigError, did_you_mean
from ..methods.base import Method
from ..methods.batch import Batch
from ..methods.directions import Direction, Image, Port
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
    ``(N, H, W, C)`` uint8, maps ``(N, H, W)`` int64, masks ``(N, H, W)`` uint8 (not 0: missing), codes and styles as
    the method has them. Sides that are no multiples of the direction's divisor are grown by mirrored content, and the
    result is cut. It gives images ``(N, scale H, scale W, C)`` uint8.

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
        if plain := next((port.name for port in self.asked.takes if method.range_of(port.name)), None):
            raise ConfigError(f'{direction!r}: {plain!r} has numbers of its own range; a graph takes 8-bit images.')

    @property
    def names(self) -> tuple[str, ...]:
        """Its inputs."""
        return (*(port.name for port in self.asked.takes), *([STYLE] if self.takes_style else ()))

    def forward(self, *inputs: Tensor) -> Tensor:
        ports = self.asked.takes
        tensors = {port.name: as_networks(port, x) for port, x in zip(ports, inputs, strict=False)}
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
        return to_uint8(made).permute(0, 2, 3, 1)

    def example(self, count: int, size: tuple[int, int], random: torch.Generator | None = None) -> dict[str, Tensor]:
        """Made-up inputs by name; maps have this size, whatever the divisor."""
        found = {port.name: as_files(port, port.example(count, size, random)) for port in self.asked.takes}
        if self.takes_style:
            found[STYLE] = self.method.style_of(self.name, seed=0)
        return found


def as_networks(port: Port, x: Tensor) -> Tensor:
    """An input of a graph as the method takes it."""
    if isinstance(port, Image):
        return x.permute(0, 3, 1, 2).to(torch.float32) / HALF_RANGE - 1
    if port.is_map and x.dtype == torch.uint8:  # a mask
        return (x > 0).to(torch.float32)[:, None]
    return x


def as_files(port: Port, x: Tensor) -> Tensor:
    """The inverse of :func:`as_networks`."""
    if isinstance(port, Image):
        return to_uint8(x).permute(0, 2, 3, 1).contiguous()
    if port.is_map and x.is_floating_point():
        return x[:, 0].to(torch.uint8)
    return x


def mirrored_to(side: int, divisor: int, device: torch.device) -> tuple[Tensor, int]:
    """:func:`toolbox.use.padding.mirrored` by operations of tensors, since the side stays open in a graph; images
    shorter than the margins are not continued by their edge."""
    if divisor == 1:
        return torch.arange(side, device=device), 0
    missing = (divisor - side % divisor) % divisor
    before = missing // 2
    place = torch.arange(side + missing, device=device) - before
    place = torch.where(place < 0, -place, place)
    return torch.where(place >= side, 2 * (side - 1) - place, place), before


@dataclass
class Exported:
    """A graph that was written.

    Attributes:
        path: the file.
        free: what may differ from one use to the next, in words.
        difference: the largest one to torch, in levels of 255, over all images that were tried.
        notes: on what is otherwise than in ``toolbox translate``.
    """

    path: Path
    free: str
    difference: int
    notes: tuple[str, ...] = ()


def export_graph(run: str | Path, destination: str | Path, direction: str | None = None,
                 size: tuple[int, int] = (256, 256), which: str = 'last', plugins: Sequence[str] = ()) -> Exported:
    """Write a direction of a run as a graph, and compare it with torch.

    Args:
        run: work directory or checkpoint file.
        destination: ``*.onnx`` (package ``onnxscript``; ``onnxruntime`` is asked for the comparison) or ``*.pt2``
            (``torch.export.load(path).module(check_guards=False)``).
        direction: one of the run's; the first that makes a picture when None.
        size: height and width of the images of a graph that can take one size only.
        which: checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        plugins: modules with parts of the run, see :class:`toolbox.Translator`.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be used.
        ConfigError: there is no such direction, a package is missing, or the method cannot be written as a graph.
    """
    destination = Path(destination)
    if destination.suffix not in WRITERS:
        raise ConfigError(f'{destination}: expected a file name that ends in {" or ".join(WRITERS)}.')
    require_packages(destination.suffix)
    path = find_checkpoint(run, which)
    method, names = load_method(path, plugins)
    pictures = [name for name in names if method.directions[name].gives in method.pictures]
    direction = direction or next(iter(pictures), '')
    if direction not in pictures:
        raise ConfigError(f'{path}: makes no picture in direction {direction!r}.{did_you_mean(direction, pictures)}')
    notes: tuple[str, ...] = ()
    if method.test_cfg['dropout']:
        method.test_cfg['dropout'] = False
        notes = ('dropout, which translations of this run use, is off in the graph',)
    graph = Graph(method.eval().requires_grad_(False), direction)
    with method.evaluating(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch's, about its own parts
        return Exported(destination, *written(graph, size, destination), notes)


def require_packages(suffix: str) -> None:
    missing = [name for name in PACKAGES.get(suffix, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f'{suffix} files need {" and ".join(missing)}: pip install {" ".join(missing)}')


def written(graph: Graph, size: tuple[int, int], path: Path) -> tuple[str, int]:
    """Write the most general program of a graph that agrees with it; what is free in it, and the difference.

    Raises:
        ConfigError: there is none.
    """
    random, problem = torch.Generator().manual_seed(0), ''
    for count, free, words in ((2, True, 'number and size of images'), (1, True, 'size of images, one at a time'),
                               (1, False, f'nothing: one image of {size[0]}x{size[1]} (HxW)')):
        sizes = ((37, 50), (64, 41), (96, 100)) if free else (size, size)
        counts = (count, 1, 3) if count > 1 else (1, 1, 1)
        samples = [graph.example(n, each, random) for n, each in zip(counts, sizes, strict=False)]
        try:
            dynamic = (dynamic_sizes(graph, count > 1),) if free else None
            program = torch.export.export(graph, tuple(samples[0].values()), dynamic_shapes=dynamic, strict=False)
            found = difference(graph, WRITERS[path.suffix](graph, program, path), samples)
        except Exception as error:  # of any layer of torch, in any words
            problem = str(error).partition('\n')[0] or type(error).__name__
            continue
        if found <= LEVELS:
            return words, found
        problem = f'its results differ from those of torch by {found} levels'
    path.unlink(missing_ok=True)
    raise ConfigError(f'{type(graph.method).__name__} cannot be written as a graph in direction {graph.name!r}: '
                      f'{problem}')


def dynamic_sizes(graph: Graph, count: bool) -> tuple[dict[int, Any], ...]:
    """What may differ from the example when the graph is used: sides of maps, and the number of samples."""
    free = torch.export.Dim.DYNAMIC
    number = {0: free} if count else {}
    sizes = [{**number, 1: free, 2: free} if port.is_map and not getattr(port, 'side', None) else number
             for port in graph.asked.takes]
    return (*sizes, *([{}] if graph.takes_style else []))


def difference(graph: Graph, use: Callable[..., Tensor], samples: Sequence[Mapping[str, Tensor]]) -> int:
    """The largest difference of two forms of a graph, in levels."""
    pairs = [(graph(*sample.values()), use(*sample.values())) for sample in samples]
    return max(int((a.int() - b.int()).abs().max()) if a.shape == b.shape else 255 for a, b in pairs)


def write_pt2(graph: Graph, program: Any, path: Path) -> Callable[..., Tensor]:
    torch.export.save(program, path)
    return torch.export.load(path).module(check_guards=False)


def write_onnx(graph: Graph, program: Any, path: Path) -> Callable[..., Tensor]:
    onnxruntime: Any = importlib.import_module('onnxruntime')
    torch.onnx.export(program, (), path, input_names=list(graph.names), output_names=[graph.asked.gives], dynamo=True,
                      external_data=False, verbose=False)
    session = onnxruntime.InferenceSession(path)

    def use(*inputs: Tensor) -> Tensor:
        given = {name: x.numpy() for name, x in zip(graph.names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])
    return use


WRITERS: dict[str, Callable[[Graph, Any, Path], Callable[..., Tensor]]] = {'.onnx': write_onnx, '.pt2': write_pt2}
PACKAGES = {'.onnx': ('onnxscript', 'onnxruntime')}
