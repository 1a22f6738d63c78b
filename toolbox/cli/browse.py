"""Show what the network sees: samples of a config's data on a contact sheet, or as single files to play with.

toolbox browse cyclegan/synthetic --out sheet.png
toolbox browse cyclegan/synthetic --files --split val --out animals
"""

from __future__ import annotations

import argparse

from .arguments import add_config_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train', help='which dataloader')
    parser.add_argument('--n', type=int, default=16, help='number of samples (16)')
    parser.add_argument('--seed', type=int, default=0, help='seed of order and augmentation in the train split (0)')
    parser.add_argument('--bands', type=int, nargs='+', metavar='BAND',
                        help='three to show as red, green and blue, or one as gray, of images with other than one or '
                             'three; the first is 1 (the first three)')
    parser.add_argument('--files', action='store_true', help='write each image as a file, in folders of a data set')
    parser.add_argument('--out', help='picture to write (sheet.png); with --files, a folder (images)')


def main(args: argparse.Namespace) -> None:
    from pathlib import Path

    from ..data.browse import contact_sheet, draw_samples, write_files
    from ..data.facts import facts_of
    from ..data.io import write_image
    from ..engine.config import load_config, parse_options
    from ..errors import ConfigError
    from ..registry import DATASETS, build
    if args.n < 1:
        raise ConfigError(f'--n: expected at least 1, found {args.n}.')
    if args.bands and (len(args.bands) not in (1, 3) or min(args.bands) < 1):
        raise ConfigError(f'--bands: expected one band or three, counted from 1, found {args.bands}.')
    config = load_config(args.config, parse_options(args.cfg_options))
    where = f'{args.split}_dataloader'
    if not config.get(where):
        raise ConfigError(f'{args.config} has no {where}; choose another --split.')
    dataset = build(config[where]['dataset'], DATASETS, where=f'{where}.dataset')
    samples = draw_samples(dataset, args.n, args.split == 'train', args.seed)
    if args.files:
        for folder, count in write_files(dataset, samples, Path(args.out or 'images'), args.split).items():
            print(f'{folder}: {count} images')
        return
    out = args.out or 'sheet.png'
    write_image(out, contact_sheet(samples, facts_of(dataset).get('palette'), args.bands))
    print(f'{out}: {len(samples)} of {len(dataset)} samples')
