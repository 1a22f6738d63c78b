"""Pictures of a trained run with several domains or styles: grids, and a video from style to style."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import prepare_cpu, run

prepare_cpu()
KINDS = ('domains', 'latents', 'references', 'interpolation')


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('run', metavar='RUN', help='work directory of a training run, or a checkpoint file')
    parser.add_argument('input', metavar='INPUT', help='image, folder or quoted pattern')
    parser.add_argument('output', metavar='OUT', type=Path, help='picture; .gif, .mp4 or .avi for an interpolation')
    parser.add_argument('--kind', choices=KINDS, default='domains',
                        help='domains: every direction of the model (default); latents: styles of seeds; references: styles '
                             'of images; interpolation: a video through the styles of the seeds, or of the references')
    parser.add_argument('--domain', help='the first one of the checkpoint by default')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2, 3, 4, 5], metavar='N')
    parser.add_argument('--references', metavar='INPUT', help='image, folder or quoted pattern')
    parser.add_argument('--steps', type=int, default=12, help='frames from one style to the next (default 12)')
    parser.add_argument('--rate', type=int, default=12, help='frames per second (default 12)')
    parser.add_argument('--n', type=int, default=6, help='use so many images and references at most (default 6)')
    parser.add_argument('--checkpoint', default='last', help="of the run: 'last' (default), 'best' or a file name")
    parser.add_argument('--device', help="'cpu', 'cuda' ...; a GPU if there is one by default")
    parser.add_argument('--plugins', nargs='+', default=[], metavar='MODULE',
                        help='modules with parts of the run (its custom_imports) that you trust')
    return parser.parse_args()


def main() -> int:
    args = parse_arguments()
    from toolbox.data.io import write_image
    from toolbox.errors import ConfigError
    from toolbox.use.grids import domain_grid, interpolation, latent_grid, reference_grid, write_video
    from toolbox.use.translator import Translator, find_sources
    images = find_sources(args.input)[0][:args.n]
    references = find_sources(args.references)[0][:args.n] if args.references else []
    if args.kind == 'references' and not references:
        raise ConfigError('--kind references needs images: type --references FOLDER.')
    translator = Translator(args.run, args.domain, args.device, args.checkpoint, args.plugins)
    if args.kind == 'interpolation':
        write_video(args.output, interpolation(translator, images, references or args.seeds, args.steps), args.rate)
    else:
        grid = {'domains': lambda: domain_grid(translator, images),
                'latents': lambda: latent_grid(translator, images, args.seeds),
                'references': lambda: reference_grid(translator, images, references)}[args.kind]()
        write_image(args.output, grid)
    print(args.output)
    return 0


if __name__ == '__main__':
    run(main)
