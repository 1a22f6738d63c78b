"""Translate images and videos with a trained run: a file, a folder, or a pattern such as 'photos/**/*.jpg'.

toolbox translate work_dirs/cyclegan/horse2zebra horses zebras
toolbox translate work_dirs/singan/balloons painting.png out --direction paint --start 2
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .arguments import (
    Extend,
    add_further_arguments,
    add_input_argument,
    add_run_arguments,
    add_size_arguments,
    further_inputs,
    size_options,
)
from .process import uncollected

REPORT_EVERY = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    add_input_argument(parser)
    parser.add_argument('output', metavar='OUT', type=Path, help='folder for the results; created if missing')
    parser.add_argument('--direction', '--domain', metavar='NAME',
                        help='AtoB or BtoA, or the target domain or attribute; by default the first one of the '
                             'checkpoint')
    parser.add_argument('--seed', type=int, help='seed of the style, for methods with styles (StarGAN v2)')
    parser.add_argument('--reference', metavar='IMAGE', help='use the style of this image instead')
    parser.add_argument('--attributes', nargs='*', action=Extend, metavar='NAME',
                        help='current attributes of the images, for methods with attributes (StarGAN); by default '
                             'predicted by the discriminator')
    parser.add_argument('--options', nargs='+', action=Extend, metavar='NAME=VALUE', default=[],
                        help='what else the direction looks at, numbers or dicts: clusters={26001:4}')
    add_size_arguments(parser)
    add_further_arguments(parser)
    parser.add_argument('--side-by-side', action='store_true', help='write source and result next to each other')
    parser.add_argument('--attention', action='store_true',
                        help='also write NAME_attention.png: the source overlaid with the heat map of its translation')
    parser.add_argument('--tile', type=int, metavar='SIDE', help='make images with a longer side in strips, in less '
                        'memory; by default those with results of more than 2 million pixels')
    parser.add_argument('--steady', type=float, default=0.0, metavar='SHARE', help='of videos: share of the past, from '
                        '0 (default) to below 1, in averages of brightness and contrast over time; against flicker')
    parser.add_argument('--codec', metavar='LETTERS', help='of videos: mp4v, MJPG, FFV1 (without loss) ...; by default '
                        'the usual one of the format')
    parser.add_argument('--suffix', help="suffix of the results (default .png, or that of the source where PNG cannot "
                        "hold them; that of the source for videos); 'same': that of the source")
    parser.add_argument('--overwrite', action='store_true', help='overwrite results that are already in OUT')


def main(args: argparse.Namespace) -> int:
    with uncollected():
        from ..progress import Progress
        from ..use.outputs import sources_of
        from ..use.translator import Translator
    sources, root, others = sources_of(args.input, args.output, videos=True)
    translator = Translator(args.run, args.direction, args.device, args.checkpoint, args.plugins, args.seed,
                            args.reference, args.attributes, args.tile)
    translator.guide.update(further_options(args) | size_options(args))
    print(f'{translator.path}: {translator.direction} on {translator.device}, {len(sources)} images', flush=True)
    summary = translator.files(sources, args.output, root=root, suffix=args.suffix, side_by_side=args.side_by_side,
                               overwrite=args.overwrite, attention=args.attention, steady=args.steady,
                               codec=args.codec, progress=Progress(), frames=report_frames, **further_inputs(args))
    summary.left_out += others
    print(summary, file=sys.stderr if summary.exit_code else sys.stdout)
    return summary.exit_code


def further_options(args: argparse.Namespace) -> dict[str, Any]:
    """What ``--options`` gives; what has an argument of its own is refused, so that nothing is said twice."""
    from ..engine.config_text import parse_options
    from ..errors import ConfigError
    options = parse_options(args.options, '--options')
    for name, value in options.items():
        if hasattr(args, name):
            raise ConfigError(f'--options {name}: has an argument of its own, --{name}.')
        if not isinstance(value, (int, float, dict)):
            raise ConfigError(f'--options {name}: expected a number or a dict, found {value!r}.')
    return options


def report_frames(file: Path, done: int, total: int) -> None:
    if done % REPORT_EVERY == 0:
        print(f'{file.name}: frame {done}{f" of {total}" if total else ""}', flush=True)
