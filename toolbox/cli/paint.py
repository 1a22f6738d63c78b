"""Paint label maps on a page in the browser, and see the picture that a trained run makes of them.

toolbox paint work_dirs/spade/synthetic
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import add_run_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    parser.add_argument('--direction', metavar='NAME', help='by default the first one that takes label maps')
    parser.add_argument('--labels', metavar='FILE', type=Path, help='label map to begin with')
    parser.add_argument('--size', nargs=2, type=int, metavar=('HEIGHT', 'WIDTH'),
                        help='pixels of an empty map; by default those of the evaluation of the run')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen at; by default (127.0.0.1) this machine '
                        'alone reaches it')
    parser.add_argument('--port', type=int, default=8080, help='0 for any free one (default 8080)')


def main(args: argparse.Namespace) -> None:
    from ..painting.painter import Painter
    from ..painting.server import Server, is_local
    from ..use.translator import Translator
    translator = Translator(args.run, args.direction, args.device, args.checkpoint, args.plugins)
    with Server(Painter(translator, args.labels, args.size), args.host, args.port) as server:
        print(f'{translator.path} on {translator.device}: open {server.url} (Ctrl-C ends it)', flush=True)
        if not is_local(args.host):
            print(f'Everybody who reaches {args.host} can paint: there is no password.', flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
