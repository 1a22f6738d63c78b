"""Translate over HTTP with a trained run: images in, images out, and a page to try it.

toolbox serve work_dirs/cyclegan/horse2zebra
curl --data-binary @horse.jpg -H 'Content-Type: image/jpeg' 'http://127.0.0.1:8080/translate?direction=AtoB' > zebra.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import add_listening_arguments, add_run_arguments
from .process import uncollected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    parser.add_argument('--direction', metavar='NAME', help='the one of requests that name none; by default the first')
    parser.add_argument('--images', metavar='FOLDER', type=Path, help='images to pick on the page')
    parser.add_argument('--max-pixels', type=int, metavar='N', help='of an image that is sent (default 4194304)')
    parser.add_argument('--queue', type=int, default=16, metavar='N',
                        help='requests that may wait; more are sent away (default 16)')
    add_listening_arguments(parser)


def main(args: argparse.Namespace) -> None:
    with uncollected():
        from ..painting.painter import Painter, painted_directions
        from ..painting.server import routes
        from ..serving.http import Server, run_until_interrupted
        from ..serving.service import MOST_PIXELS, Service
        from ..use.translator import Translator
    translator = Translator(args.run, args.direction, args.device, args.checkpoint, args.plugins)
    answers = Service(translator, args.images, args.max_pixels or MOST_PIXELS).routes()
    if painted_directions(translator):
        answers = routes(Painter(translator)).over(answers)
    with Server(answers, args.host, args.port, args.name, args.queue) as server:
        run_until_interrupted(server, f'{translator.path} on {translator.device}')
