"""Make grids or a style-interpolation video from a trained run with several domains or styles.

toolbox grid work_dirs/starganv2/afhq cats latents.png --kind latents --domain dog --seeds 1 2 3 4
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import (
    Extend,
    add_further_arguments,
    add_input_argument,
    add_run_arguments,
    further_inputs,
    require_at_least,
)
from .process import uncollected

KINDS = ('domains', 'latents', 'references', 'swap', 'interpolation')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    add_input_argument(parser)
    parser.add_argument('output', metavar='OUT', type=Path, help='picture; .gif, .mp4 or .avi for an interpolation')
    parser.add_argument('--kind', choices=KINDS, default='domains',
                        help='domains: every direction of the model (default); latents: styles of seeds; references: '
                             'styles of images; swap: the content of each image in the style of each, references '
                             'among them; interpolation: a video through the styles of the seeds, or of the '
                             'references')
    parser.add_argument('--domain', '--direction', metavar='NAME',
                        help='target domain, or AtoB or BtoA; by default the first one of the checkpoint')
    parser.add_argument('--seeds', nargs='+', action=Extend, type=int, default=[0, 1, 2, 3, 4, 5], metavar='N')
    parser.add_argument('--references', metavar='INPUT', help='image, folder or quoted pattern')
    add_further_arguments(parser)
    parser.add_argument('--steps', type=int, default=12, help='frames from one style to the next (default 12)')
    parser.add_argument('--rate', type=int, default=12, help='frames per second (default 12)')
    parser.add_argument('--n', type=int, default=6, help='maximum number of images and of references (default 6)')


def main(args: argparse.Namespace) -> None:
    with uncollected():
        from ..data.io import write_image
        from ..errors import ConfigError
        from ..use.grids import domain_grid, interpolation, latent_grid, reference_grid, swap_grid, write_video
        from ..use.translator import Translator, find_sources
    require_at_least(args, n=1, rate=1)
    sources, root = find_sources(args.input)
    references = find_sources(args.references)[0][:args.n] if args.references else []
    if args.kind == 'references' and not references:
        raise ConfigError('--kind references needs images: pass --references FOLDER.')
    translator = Translator(args.run, args.domain, args.device, args.checkpoint, args.plugins)
    places = translator.places(further_inputs(args))
    inputs = [translator.inputs_of(source, root, places) for source in sources[:args.n]]
    if args.kind == 'interpolation':
        write_video(args.output, interpolation(translator, inputs, references or args.seeds, args.steps), args.rate)
    else:
        grid = {'domains': lambda: domain_grid(translator, inputs),
                'latents': lambda: latent_grid(translator, inputs, args.seeds),
                'references': lambda: reference_grid(translator, inputs, references),
                'swap': lambda: swap_grid(translator, sources[:args.n], references)}[args.kind]()
        write_image(args.output, grid)
    print(args.output)
