"""Give the weights of a run to others: a repository on the Hugging Face hub, for Translator('hf://user/name').

toolbox push work_dirs/cyclegan/horse2zebra user/horse2zebra --license mit --data horse2zebra
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from .arguments import Extend, add_run_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser, device=False)
    parser.add_argument('repo', metavar='USER/NAME', help='repository; made if there is none')
    parser.add_argument('--license', required=True, metavar='ID', help='of the weights: mit, cc-by-nc-4.0, other ...')
    parser.add_argument('--data', required=True, metavar='NAME', help='data set that it was trained on, for the card')
    parser.add_argument('--networks', nargs='+', action=Extend, metavar='NAME',
                        help='by default all that a direction needs')
    parser.add_argument('--private', action='store_true', help='make a new repository private')
    parser.add_argument('--revision', metavar='BRANCH', help='branch to write to (default main)')
    parser.add_argument('--dry-run', metavar='FOLDER', type=Path, help='send nothing: write the files to this folder')


def main(args: argparse.Namespace) -> None:
    from ..files.hub import require_name, send
    from ..files.work_dir import make_folder
    from ..use.publishing import publish
    require_name(args.repo)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.dry_run or Path(temporary)
        make_folder(folder)
        publish(args.run, folder, args.repo, args.license, args.data, args.checkpoint, args.networks, args.plugins)
        if args.dry_run:
            print(f'{folder}: {", ".join(sorted(path.name for path in folder.iterdir()))}; nothing was sent')
        else:
            address = send(args.repo, folder, args.private, args.revision)
            print(f"sent: Translator('{address}') is this version for ever, 'hf://{args.repo}' the newest one")
