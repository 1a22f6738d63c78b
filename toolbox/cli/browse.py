"""Show what the network sees: samples of a config's data on a contact sheet, or as single files to play with.

toolbox browse cyclegan/synthetic --out sheet.png
toolbox browse cyclegan/synthetic --files --split val --out animals
toolbox browse pix2pix/facades --alike --split val --n 20      images of the split that the training set nearly has
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Extend, add_config_arguments

if TYPE_CHECKING:
    from mmengine.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument('--split', choices=('train', 'val', 'test'), help='which dataloader (train; with --alike val)')
    parser.add_argument('--n', type=int, default=16, help='number of samples (16)')
    parser.add_argument('--seed', type=int, default=0, help='seed of order and augmentation in the train split (0)')
    parser.add_argument('--bands', type=int, nargs='+', action=Extend, metavar='BAND',
                        help='three to show as red, green and blue, or one as gray, of images with other than one or '
                             'three; the first is 1 (the first three)')
    either = parser.add_mutually_exclusive_group()
    either.add_argument('--files', action='store_true', help='write each image as a file, in folders of a data set')
    either.add_argument('--alike', action='store_true',
                        help='look for images of --split that the training set has, too, or nearly: the N most like '
                             'one of it, with the difference in gray levels of 255, and both on the sheet')
    parser.add_argument('--out', help='picture to write (sheet.png); with --files, a folder (images)')


def main(args: argparse.Namespace) -> None:
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
    split, out = args.split or ('val' if args.alike else 'train'), args.out or 'sheet.png'
    where = f'{split}_dataloader'
    if not config.get(where):
        raise ConfigError(f'{args.config} has no {where}; choose another --split.')
    if args.alike:
        show_alike(config, split, args.n, out, args.bands)
        return
    dataset = build(config[where]['dataset'], DATASETS, where=f'{where}.dataset')
    samples = draw_samples(dataset, args.n, split == 'train', args.seed)
    if args.files:
        for folder, count in write_files(dataset, samples, Path(args.out or 'images'), split).items():
            print(f'{folder}: {count} images')
        return
    write_image(out, contact_sheet(samples, facts_of(dataset).get('palette'), args.bands))
    print(f'{out}: {len(samples)} of {len(dataset)} samples')


def show_alike(config: Config, split: str, count: int, out: str, bands: Sequence[int] | None = None) -> None:
    """Print and draw the images of a split that are most like one of the training set, as the files have them."""
    from ..data.browse import contact_sheet, first_image, most_alike
    from ..data.io import write_image
    from ..errors import ConfigError
    from ..registry import DATASETS, build
    if split == 'train' or not config.get('train_dataloader'):
        raise ConfigError('--alike compares another split with the training set: choose --split val or test, and a '
                          'config with a train_dataloader.')
    asked, known = (build(dataset | ({'pipeline': []} if 'pipeline' in dataset else {}), DATASETS)
                    for dataset in (config[f'{name}_dataloader']['dataset'] for name in (split, 'train')))
    rows = []
    for levels, place, other in most_alike(asked, known)[:count]:
        one, two = asked[place], known[other]
        key = first_image(one)
        print(f'{levels:6.2f}  {name_of(one, key)}  {name_of(two, key)}')
        rows.append({split: one[key], 'train': two[key]})
    write_image(out, contact_sheet(rows, bands=bands))
    print(f'{out}: {len(rows)} of {len(asked)} images of {split}, each beside the most similar one of the training set')


def name_of(sample: dict[str, Any], key: str) -> str:
    """The file of an image of a sample, or its number in the set where it has no file."""
    meta = sample['meta']
    return str(meta.get(f'{key}_path', f'number {meta["index"]}'))
