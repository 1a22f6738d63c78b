"""Convert the authors' checkpoints.

toolbox convert cyclegan checkpoints/horse2zebra horse2zebra.pth
"""

from __future__ import annotations

import argparse

from .arguments import Extend, how_to_sample, how_to_translate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('family', help="'cyclegan', 'drit', 'esrgan', 'munit', 'pix2pix', 'pix2pixhd', 'singan', "
                                       "'spade', 'srgan', 'stargan', 'starganv2', 'ugatit', 'unit'")
    parser.add_argument('source', help='a network file (latest_net_G.pth, RRDB_ESRGAN_x4.pth) or the folder of a run')
    parser.add_argument('destination', help='checkpoint to write, for toolbox translate or sample')
    parser.add_argument('--epoch', default='latest', help='which epoch of a folder')
    parser.add_argument('--names', nargs='+', action=Extend, default=[], metavar='NAME',
                        help='attributes, domains or classes in the order of their labels')


def main(args: argparse.Namespace) -> None:
    from ..converters import convert_checkpoint
    from ..use.load import load_method
    path = convert_checkpoint(args.family, args.source, args.destination, args.epoch, args.names)
    how = how_to_sample if 'sample' in load_method(path)[1] else how_to_translate
    print(f'wrote {path}; {how(args, path)}')
