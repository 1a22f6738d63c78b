"""Write the generators of a run as safetensors: python tools/export_weights.py work_dirs/horse2zebra zebra.safetensors"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('run', metavar='RUN', help='work directory of a training run, or a checkpoint file')
    parser.add_argument('destination', metavar='OUT', help='file to write, *.safetensors')
    parser.add_argument('--networks', nargs='+', metavar='NAME', help='G_AB D_A ...; the generators by default')
    parser.add_argument('--checkpoint', default='last', help="of the run: 'last' (default), 'best' or a file name")
    parser.add_argument('--plugins', nargs='+', default=[], metavar='MODULE',
                        help='modules with parts of the run (its custom_imports) that you trust')
    args = parser.parse_args()
    from toolbox.use.export import export_weights
    path = export_weights(args.run, args.destination, args.networks, args.checkpoint, args.plugins)
    print(f'{path}: written; python tools/translate.py {path} IMAGE_OR_FOLDER OUT')


if __name__ == '__main__':
    run(main)
