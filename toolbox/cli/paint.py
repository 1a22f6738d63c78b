"""Paint label maps on a page in the browser, and see the picture that a trained run makes of them.

toolbox paint work_dirs/spade/synthetic
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import add_listening_arguments, add_run_arguments
from .process import uncollected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    parser.add_argument('--direction', metavar='NAME', help='by default the first one that takes label maps')
    parser.add_argument('--labels', metavar='FILE', type=Path, help='label map to begin with')
    parser.add_argument('--size', nargs=2, type=int, metavar=('HEIGHT', 'WIDTH'),
                        help='pixels of an empty map; by default those of the evaluation of the run')
    add_listening_arguments(parser)


def main(args: argparse.Namespace) -> None:
    with uncollected():
        from ..painting.painter import Painter
        from ..painting.server import routes
        from ..serving.http import Server, run_until_interrupted
        from ..use.translator import Translator
    translator = Translator(args.run, args.direction, args.device, args.checkpoint, args.plugins)
    with Server(routes(Painter(translator, args.labels, args.size)), args.host, args.port, args.name) as server:
        run_until_interrupted(server, f'{translator.path} on {translator.device}')
