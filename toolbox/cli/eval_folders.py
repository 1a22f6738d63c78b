"""Score a folder of generated images against one of real images, with the metrics of the validation loop.

toolbox eval-folders REAL FAKE --metrics fid kid
toolbox eval-folders REAL FAKE --metrics "dict(type='KID', estimator='blocks', size=10, scale=100)"
toolbox eval-folders REAL FAKE --metrics psnr ssim lpips        pairs by file name
toolbox eval-folders REAL FAKE --metrics psnr --value-range -1024 3071
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .arguments import Extend


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('real', help='folder of real images')
    parser.add_argument('fake', help='folder of generated images')
    parser.add_argument('--metrics', nargs='+', action=Extend, default=['fid', 'kid'], metavar='METRIC',
                        help='case-insensitive names (fid kid is precisionrecall swd psnr ...) or dict(type=...)')
    parser.add_argument('--features', help='network of the metrics that compare sets: a name or '
                        "dict(type='FIDInception', preprocess='clean', weights='PATH'); each metric's own by default")
    parser.add_argument('--size', type=int, help='resize all images to this side first')
    parser.add_argument('--value-range', type=float, nargs=2, metavar=('LOW', 'HIGH'),
                        help='numbers that are black and white, for images of other types than 8 and 16 bits without '
                             'sign, and for 12 bits in 16')
    parser.add_argument('--pixels', choices=('shown', 'stored'), default='shown',
                        help='read files as viewers show them, turned by the orientation tag and in sRGB (default), or '
                             'the numbers in them')
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--out', help='also write the results and their protocols to this JSON file')


def main(args: argparse.Namespace) -> None:
    from ..engine.config import parse_options
    from ..files.replacing import replacing
    from ..hooks.results import protocol_lines
    from ..metrics.folders import evaluate_folders, metric_of

    def part(option: str, text: str) -> Any:
        return parse_options([f'{option}={text}'])[option]

    features = part('features', args.features) if args.features else None
    if isinstance(features, str):
        features = dict(type=features)
    metrics = [metric_of(part('metrics', text), features) for text in args.metrics]
    values, protocols = evaluate_folders(args.real, args.fake, metrics, args.size, args.batch_size,
                                         args.value_range, args.pixels)
    for name, value in values.items():
        print(f'{name}: {value:.8g}')
    for line in protocol_lines([dict(name=name, protocol=text, data='') for name, text in protocols.items()]):
        print(line)
    if args.out:
        with replacing(Path(args.out)) as new:
            new.write_text(json.dumps(dict(results=values, protocols=protocols), indent=1))
