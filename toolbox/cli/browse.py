"""Show what the network sees: a contact sheet of samples of a config's data.

toolbox browse cyclegan/synthetic --out sheet.png
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
    parser.add_argument('--out', default='sheet.png', help='picture to write (sheet.png)')


def main(args: argparse.Namespace) -> None:
    from ..data.browse import contact_sheet, draw_samples
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
    write_image(args.out, contact_sheet(samples, facts_of(dataset).get('palette'), args.bands))
    print(f'{args.out}: {len(samples)} of {len(dataset)} samples')
