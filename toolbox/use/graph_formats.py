"""The files that a graph is written to, each with the way to use it from torch."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ConfigError, did_you_mean

Use = Callable[..., Tensor]
Inputs = tuple[Tensor, ...]


class Format(NamedTuple):
    """A kind of file.

    Attributes:
        suffixes: of its files.
        write: ``(graph, example, dynamic sizes or None, path)`` -> the graph in the file.
        packages: what it needs.
    """

    suffixes: tuple[str, ...]
    write: Callable[[Any, Inputs, Any, Path], Use]
    packages: tuple[str, ...] = ()


def format_of(path: Path, kind: str | None) -> str:
    """The name of the format of a file, by ``kind`` or by its suffix.

    Raises:
        ConfigError: there is no such format, or the suffix is that of another one.
    """
    if kind is not None and kind not in FORMATS:
        raise ConfigError(f'format {kind!r}: unknown.{did_you_mean(kind, FORMATS)}')
    suffixes = {suffix: name for name, known in FORMATS.items() for suffix in known.suffixes}
    found = suffixes.get(path.suffix)
    if found is None or kind not in (None, found):
        allowed = FORMATS[kind].suffixes if kind else tuple(suffixes)
        raise ConfigError(f'{path}: expected a file name that ends in {" or ".join(allowed)}'
                          + (f' for the format {kind}.' if kind else ' (or, for weights, .safetensors).'))
    return found


def require_packages(kind: str) -> None:
    missing = [name for name in FORMATS[kind].packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"{kind} files need {' and '.join(missing)}: pip install 'gan-toolbox[onnx]'")


def exported(graph: nn.Module, example: Inputs, dynamic: Any) -> Any:
    return torch.export.export(graph, example, dynamic_shapes=dynamic, strict=False)


def write_pt2(graph: Any, example: Inputs, dynamic: Any, path: Path) -> Use:
    torch.export.save(exported(graph, example, dynamic), path)
    return torch.export.load(path).module(check_guards=False)


def write_torchscript(graph: Any, example: Inputs, dynamic: Any, path: Path) -> Use:
    """A trace keeps operations on sizes as they are; where none is free, that of the exported program has none."""
    source = graph if dynamic else exported(graph, example, None).module(check_guards=False)
    torch.jit.save(torch.jit.trace(source, example, check_trace=False), path)
    use: Use = torch.jit.load(path)
    return use


def write_onnx(graph: Any, example: Inputs, dynamic: Any, path: Path) -> Use:
    onnxruntime: Any = importlib.import_module('onnxruntime')
    torch.onnx.export(exported(graph, example, dynamic), (), path, input_names=list(graph.names),
                      output_names=[graph.asked.gives], dynamo=True, external_data=False, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # errors are raised anyway
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

    def use(*inputs: Tensor) -> Tensor:
        given = {name: x.numpy() for name, x in zip(graph.names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])
    return use


FORMATS = {'onnx': Format(('.onnx',), write_onnx, ('onnxscript', 'onnxruntime')),
           'torchscript': Format(('.ts', '.torchscript'), write_torchscript),
           'pt2': Format(('.pt2',), write_pt2)}
