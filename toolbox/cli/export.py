"""Write a run for use elsewhere: its generators as safetensors, or a direction as a graph (ONNX, TorchScript, pt2).

toolbox export work_dirs/horse2zebra zebra.safetensors
toolbox export work_dirs/horse2zebra zebra.onnx --direction AtoB
toolbox export work_dirs/horse2zebra --format torchscript                -> horse2zebra.ts
toolbox export work_dirs/horse2zebra zebra.onnx --time 20                images/s of the graph against torch
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Extend, add_run_arguments, how_to_translate
from .process import uncollected

SUFFIXES = {'onnx': '.onnx', 'torchscript': '.ts', 'pt2': '.pt2', 'safetensors': '.safetensors'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser, device=False)
    parser.add_argument('destination', metavar='OUT', nargs='?', help='file to write: *.safetensors, *.onnx, *.ts or '
                        '*.pt2; with --format, it may be left out')
    parser.add_argument('--format', choices=SUFFIXES, help='by default, the suffix of OUT tells')
    parser.add_argument('--networks', nargs='+', action=Extend, metavar='NAME',
                        help='of safetensors: G_AB D_A ...; the generators by default')
    parser.add_argument('--direction', help='of a graph; the first one of the run by default')
    parser.add_argument('--size', nargs=2, type=int, default=(256, 256), metavar=('H', 'W'),
                        help='of the images of a graph that can take one size only, and of --time (default 256 256)')
    parser.add_argument('--time', type=int, default=0, metavar='N', help='time N images with the graph and with torch')


def main(args: argparse.Namespace) -> None:
    from ..errors import ConfigError
    if not (args.destination or args.format):
        raise ConfigError('OUT: what should be written? Name a file (zebra.onnx), or a format (--format onnx).')
    if args.time < 0 or min(args.size) < 1:
        raise ConfigError(f'--time and --size: expected numbers of images and pixels, found {args.time} and '
                          f'{" ".join(map(str, args.size))}.')
    path = Path(args.destination or f'{Path(args.run).resolve().stem}{SUFFIXES[args.format]}')
    if 'safetensors' in (args.format, path.suffix[1:]):
        ignored = [f'--{name}' for name in ('direction', 'time') if getattr(args, name)]
        if args.format not in (None, 'safetensors') or ignored:
            raise ConfigError(f'{path}: holds weights and no graph, but {" and ".join(ignored) or args.format} was '
                              'asked for. A graph is a file *.onnx, *.ts or *.pt2.')
        export_weights(args, path)
        return
    with uncollected():
        from ..use.graphs import export_graph
    made = export_graph(args.run, path, args.direction, tuple(args.size), args.checkpoint, args.plugins, args.format,
                        args.time)
    for note in made.notes:
        print(f'note: {note}')
    print(f'wrote {made.path}; free: {made.free}; largest difference to torch: {made.difference:.3g} of 255 levels')
    if made.speed is not None:
        print(made.speed)


def export_weights(args: argparse.Namespace, path: Path) -> None:
    with uncollected():
        from ..use import export
    path = export.export_weights(args.run, path, args.networks, args.checkpoint, args.plugins)
    print(f'wrote {path}; {how_to_translate(args, path)}')
