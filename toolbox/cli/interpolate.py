"""Write a checkpoint between two of the same networks.

toolbox interpolate work_dirs/esrgan/psnr_x4 work_dirs/esrgan/x4 --alpha 0.8 -o between.pth
"""

from __future__ import annotations

import argparse

from .arguments import Extend, how_to_translate
from .process import uncollected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('first', help='work directory or checkpoint: what alpha 0 would give')
    parser.add_argument('second', help='another one, of the same networks: what alpha 1 would give')
    parser.add_argument('--alpha', type=float, required=True, help='share of the second, from 0 to 1')
    parser.add_argument('-o', '--out', required=True, metavar='FILE', help='checkpoint to write, for toolbox translate')
    parser.add_argument('--checkpoint', default='last', metavar='WHICH',
                        help="of a work directory: 'last', 'best', or a file name in it")
    parser.add_argument('--plugins', nargs='+', action=Extend, default=[], metavar='MODULE',
                        help='modules with parts of the runs that you trust')


def main(args: argparse.Namespace) -> None:
    with uncollected():
        from ..use.interpolate import interpolate
    path = interpolate(args.first, args.second, args.alpha, args.out, args.checkpoint, args.plugins)
    print(f'wrote {path}; {how_to_translate(args, path)}')
