"""Download and unpack a published set: python tools/prepare_data.py horse2zebra"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import run
from toolbox.data.fetch.prepare import prepare
from toolbox.data.fetch.published import SETS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('name', nargs='?', help='name of the set; without it, the known sets are listed')
    parser.add_argument('--root', default='data', help='where <root>/<name> and the archive go (default: data)')
    parser.add_argument('--url', help='another source of the archive, also file:///...')
    parser.add_argument('--sha256', help='expected checksum of the archive')
    args = parser.parse_args()
    if args.name is None:
        print('\n'.join(f'{name:24} {", ".join(s.folders) or "by hand"}' for name, s in sorted(SETS.items())))
        return
    prepare(args.name, args.root, args.url, args.sha256)


if __name__ == '__main__':
    run(main)
