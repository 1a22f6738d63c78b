"""Write a run for use elsewhere: its generators as safetensors, or a direction as a graph (ONNX, torch.export).

toolbox export work_dirs/horse2zebra zebra.safetensors
toolbox export work_dirs/horse2zebra zebra.onnx --direction AtoB
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import add_run_arguments, how_to_translate

GRAPHS = ('.onnx', '.pt2')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser, device=False)
    parser.add_argument('destination', metavar='OUT', help='file to write: *.safetensors, *.onnx or *.pt2')
    parser.add_argument('--networks', nargs='+', metavar='NAME',
                        help='of safetensors: G_AB D_A ...; the generators by default')
    parser.add_argument('--direction', help='of a graph; the first one of the run by default')
    parser.add_argument('--size', nargs=2, type=int, default=(256, 256), metavar=('H', 'W'),
                        help='of the images of a graph that can take one size only (default 256 256)')


def main(args: argparse.Namespace) -> None:
    if Path(args.destination).suffix in GRAPHS:
        from ..use.graphs import export_graph
        made = export_graph(args.run, args.destination, args.direction, tuple(args.size), args.checkpoint, args.plugins)
        for note in made.notes:
            print(f'note: {note}')
        print(f'wrote {made.path}; free: {made.free}; largest difference to torch: {made.difference} of 255 levels')
        return
    from ..use.export import export_weights
    path = export_weights(args.run, args.destination, args.networks, args.checkpoint, args.plugins)
    print(f'wrote {path}; {how_to_translate(args, path)}')
