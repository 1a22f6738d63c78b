"""Download and unpack a published dataset.

toolbox prepare                  lists the datasets
toolbox prepare horse2zebra      -> data/horse2zebra
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('name', nargs='?', help='name of the dataset; without it, list the known ones')
    parser.add_argument('--root', default='data', help='folder for <root>/<name> and the archive (default: data)')
    parser.add_argument('--url', help='another source of the archive; may be file:///...')
    parser.add_argument('--sha256', help='expected checksum of the archive')


def main(args: argparse.Namespace) -> None:
    from ..data.fetch.prepare import prepare
    from ..data.fetch.published import SETS
    if args.name is None:
        print('\n'.join(f'{name:24} {", ".join(s.folders) or "by hand"}' for name, s in sorted(SETS.items())))
    else:
        prepare(args.name, args.root, args.url, args.sha256)
