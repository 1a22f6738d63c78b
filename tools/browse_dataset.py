"""Show what the network sees: python tools/browse_dataset.py configs/cyclegan/synthetic.py --out sheet.png"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import add_config_arguments, prepare_cpu, run

prepare_cpu()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train', help='which dataloader')
    parser.add_argument('--n', type=int, default=16, help='number of samples (16)')
    parser.add_argument('--seed', type=int, default=0, help='of order and augmentation in the split train (0)')
    parser.add_argument('--out', default='sheet.png', help='the picture to write (sheet.png)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from toolbox.data.browse import contact_sheet, draw_samples
    from toolbox.data.io import write_image
    from toolbox.engine.config import load_config, parse_options
    from toolbox.errors import ConfigError
    from toolbox.registry import DATASETS, build

    if args.n < 1:
        raise ConfigError(f'--n: at least 1 sample, found {args.n}.')
    config = load_config(args.config, parse_options(args.cfg_options))
    where = f'{args.split}_dataloader'
    if not config.get(where):
        raise ConfigError(f'{args.config} has no {where}: choose another --split.')
    dataset = build(config[where]['dataset'], DATASETS, where=f'{where}.dataset')
    samples = draw_samples(dataset, args.n, args.split == 'train', args.seed)
    write_image(args.out, contact_sheet(samples))
    print(f'{args.out}: {len(samples)} of {len(dataset)} samples')


if __name__ == '__main__':
    run(main)
