"""Let an image move: a video of a random walk of a generator's z.

toolbox animate work_dirs/singan/animation lightning.gif --start 2 --beta 0.9
toolbox animate work_dirs/cgan/synthetic digit.mp4 --label 5 --frames 200
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import add_run_arguments, add_size_arguments, size_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    parser.add_argument('output', metavar='OUT', type=Path, help='video to write: .gif, .mp4, .avi, .mkv, .webm ...')
    parser.add_argument('--frames', type=int, default=100, help='number of frames (default 100)')
    parser.add_argument('--rate', type=int, default=10, help='frames per second (default 10)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the walk (default 0)')
    parser.add_argument('--label', type=int, help='class of all frames (default 0)')
    parser.add_argument('--alpha', type=float, default=0.1,
                        help='from 0 to 1: how near the walk stays to where it began (default 0.1)')
    parser.add_argument('--beta', type=float, default=0.9,
                        help='from 0 to 1: how smooth it is, near 1 is slow (default 0.9)')
    add_size_arguments(parser)


def main(args: argparse.Namespace) -> None:
    from ..data.ranges import to_8bit
    from ..errors import ConfigError
    from ..pictures import as_rgb
    from ..use.grids import require_video, write_video
    from ..use.sampler import Sampler
    if not 1 <= args.rate <= 1000:
        raise ConfigError(f'--rate: expected from 1 to 1000 frames per second, found {args.rate}.')
    require_video(args.output, args.rate)
    sampler = Sampler(args.run, args.device, args.checkpoint, args.plugins)
    frames = sampler.animate(args.frames, args.seed, args.label, args.alpha, args.beta, **size_options(args))
    write_video(args.output, [as_rgb(frame) for frame in to_8bit(frames, sampler.value_range)], args.rate)
    print(f'{sampler.path}: {len(frames)} frames, {args.output}')
