"""Generate images with a trained run: a grid of samples, an interpolation, or reconstructions.

toolbox sample work_dirs/cgan/synthetic grid.png --count 36 --seed 1 --label 5
toolbox sample work_dirs/cgan/synthetic way.png --interpolate 1 2 --steps 9
toolbox sample work_dirs/vae/synthetic rec.png --reconstruct photos
toolbox sample work_dirs/singan/balloons wide.png --size 186x400 --start 1 --count 4
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Extend, add_run_arguments, add_size_arguments, size_options
from .process import uncollected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    parser.add_argument('output', metavar='OUT', type=Path,
                        help='picture to write (grid.png), or folder for single images')
    parser.add_argument('--count', type=int, default=64, help='number of samples (default 64)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the samples (default 0)')
    parser.add_argument('--label', type=int, nargs='+', action=Extend,
                        help='class of all images, or one per image; by default the classes in turn')
    parser.add_argument('--truncation', type=float, help='bound on the values of z: more typical, less varied images')
    parser.add_argument('--interpolate', nargs=2, metavar='PLACE',
                        help='interpolate between two seeds, or two image files')
    parser.add_argument('--steps', type=int, default=9, help='number of interpolated images (default 9)')
    parser.add_argument('--reconstruct', metavar='INPUT', help='image, folder or quoted pattern (autoencoder, VAE)')
    add_size_arguments(parser)
    parser.add_argument('--columns', type=int, default=8, help='columns of the grid (default 8)')


def main(args: argparse.Namespace) -> None:
    with uncollected():
        from ..data.arrays import fitting_suffix
        from ..data.io import write_image
        from ..data.listing import WRITABLE_SUFFIXES
        from ..data.ranges import to_8bit
        from ..errors import ConfigError
        from ..use.sampler import Sampler, grid
        from ..use.translator import find_sources
    if args.columns < 1:
        raise ConfigError(f'--columns: expected 1 or more, found {args.columns}.')
    sampler = Sampler(args.run, args.device, args.checkpoint, args.plugins)
    label = args.label[0] if args.label and len(args.label) == 1 else args.label
    if args.reconstruct:
        images = sampler.reconstruct(find_sources(args.reconstruct)[0], label)
    elif args.interpolate:
        first, second = (int(place) if place.isdecimal() else place for place in args.interpolate)
        images = sampler.interpolate(first, second, steps=args.steps, label=label, truncation=args.truncation,
                                     **size_options(args))
    else:
        images = sampler.sample(args.count, args.seed, label, args.truncation, **size_options(args))
    if args.output.suffix.lower() in WRITABLE_SUFFIXES:
        write_image(args.output, grid(to_8bit(images, sampler.value_range), args.columns))
    else:
        for i, image in enumerate(images):
            suffix = fitting_suffix(image.dtype.name, image.shape[2])
            write_image(args.output / f'{i:05d}{suffix}', image)
    print(f'{sampler.path}: {len(images)} images, {args.output}')
