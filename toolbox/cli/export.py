"""Write the generators of a run as safetensors.

toolbox export work_dirs/horse2zebra zebra.safetensors
"""

from __future__ import annotations

import argparse

from .arguments import add_run_arguments, how_to_translate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser, device=False)
    parser.add_argument('destination', metavar='OUT', help='file to write, *.safetensors')
    parser.add_argument('--networks', nargs='+', metavar='NAME', help='G_AB D_A ...; the generators by default')


def main(args: argparse.Namespace) -> None:
    from ..use.export import export_weights
    path = export_weights(args.run, args.destination, args.networks, args.checkpoint, args.plugins)
    print(f'wrote {path}; {how_to_translate(args, path)}')
