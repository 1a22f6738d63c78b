"""Translate images with a trained run: an image, a folder, or a pattern such as 'photos/**/*.jpg'."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import prepare_cpu, run

prepare_cpu()
REPORT_EVERY = 50


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('run', metavar='RUN', help='work directory of a training run, or a checkpoint file')
    parser.add_argument('input', metavar='INPUT', help='image, folder or quoted pattern')
    parser.add_argument('output', metavar='OUT', type=Path, help='folder for the results; made if missing')
    parser.add_argument('--direction', '--domain', metavar='NAME',
                        help='AtoB or BtoA, or the domain or attribute wanted; the first one of the checkpoint by default')
    parser.add_argument('--seed', type=int, help='of the style, for methods with styles (StarGAN v2)')
    parser.add_argument('--reference', metavar='IMAGE', help='take the style of this image instead')
    parser.add_argument('--attributes', nargs='*', metavar='NAME',
                        help='what the images have now, for methods with attributes (StarGAN); else the discriminator tells')
    parser.add_argument('--checkpoint', default='last', help="of the run: 'last' (default), 'best' or a file name")
    parser.add_argument('--device', help="'cpu', 'cuda' ...; a GPU if there is one by default")
    parser.add_argument('--side-by-side', action='store_true', help='write source and result next to each other')
    parser.add_argument('--attention', action='store_true',
                        help='write NAME_attention.png too: the source under the heat map of its translation')
    parser.add_argument('--suffix', default='.png', help="of the results (default .png); 'same': as the source")
    parser.add_argument('--plugins', nargs='+', default=[], metavar='MODULE',
                        help='modules with parts of the run (its custom_imports) that you trust')
    parser.add_argument('--overwrite', action='store_true', help='translate again what is already in OUT')
    return parser.parse_args()


def report(done: int, total: int) -> None:
    if done % REPORT_EVERY == 0 and done < total:
        print(f'{done} of {total}', flush=True)


def main() -> int:
    args = parse_arguments()
    from toolbox.use.translator import Translator, find_sources
    sources, root = find_sources(args.input)
    translator = Translator(args.run, args.direction, args.device, args.checkpoint, args.plugins, args.seed, args.reference,
                            args.attributes)
    print(f'{translator.path}: {translator.direction} on {translator.device}, {len(sources)} images', flush=True)
    summary = translator.files(sources, args.output, root=root, suffix=args.suffix, side_by_side=args.side_by_side,
                               overwrite=args.overwrite, attention=args.attention, progress=report)
    print(summary, file=sys.stderr if summary.failed else sys.stdout)
    return summary.exit_code


if __name__ == '__main__':
    run(main)
