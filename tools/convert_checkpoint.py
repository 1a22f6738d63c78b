"""Convert the authors' files: python tools/convert_checkpoint.py cyclegan checkpoints/horse2zebra horse2zebra.pth"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('family', help="'cyclegan', 'pix2pix', 'stargan', 'starganv2' or 'ugatit'")
    parser.add_argument('source', help='a network file (latest_net_G.pth) or the folder of a run')
    parser.add_argument('destination', help='checkpoint to write, for tools/translate.py and Translator')
    parser.add_argument('--epoch', default='latest', help='of a folder: which epoch')
    parser.add_argument('--names', nargs='+', default=[], metavar='NAME',
                        help='of StarGAN: its attributes or domains in the order of their labels')
    args = parser.parse_args()
    from toolbox.converters import convert_checkpoint
    path = convert_checkpoint(args.family, args.source, args.destination, args.epoch, args.names)
    print(f'{path}: written; python tools/translate.py {path} IMAGE_OR_FOLDER OUT')


if __name__ == '__main__':
    run(main)
