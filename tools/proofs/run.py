"""Run the proofs and print their table: python tools/proofs/run.py [NAME ...] [--out FOLDER]

Seconds are those of one core that the process had, not of a clock on the wall.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
sys.path[:0] = [str(Path(__file__).resolve().parents[i]) for i in (1, 2)]

import torch

import proofs
from toolbox.cli import run
from toolbox.errors import ConfigError, did_you_mean
from toolbox.progress import tracked


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = proofs.load()
    parser.add_argument('names', nargs='*', metavar='NAME', help='; '.join(known) + ' (all by default)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/proofs'),
                        help='folder of the pictures and of table.md')
    parser.add_argument('--photos', type=Path, metavar='FOLDER',
                        help=f'run the proofs on photographs instead: {"; ".join(proofs.ON_PHOTOGRAPHS)}. FOLDER has '
                             'train* and test* with images')
    parser.add_argument('--data', type=Path, default=proofs.DATA, metavar='FOLDER',
                        help='where `toolbox prepare` put the sets that some proofs need (default: data)')
    args = parser.parse_args()
    proofs.DATA = args.data
    if args.photos:
        known = {name: partial(one, photos=args.photos) for name, one in proofs.ON_PHOTOGRAPHS.items()}
    for name in args.names:
        if name not in known:
            raise ConfigError(f'no proof is called {name!r}.{did_you_mean(name, known)}')
    torch.set_num_threads(1)
    rows = []
    lacking = {name: needs for name in args.names or known if (needs := proofs.missing(name))}
    for name, needs in lacking.items():
        hint = f'{name}: needs {args.data / needs}. Make it by: toolbox prepare {needs} --root {args.data}'
        if args.names:
            raise ConfigError(hint)
        print(f'left out: {hint}', file=sys.stderr)
    for name in tracked([name for name in args.names or known if name not in lacking], 'proofs'):
        start = time.process_time()
        claims = known[name](args.out)
        rows.append((name, claims, time.process_time() - start))
        print(proofs.table(rows[-1:]).split('\n', 2)[2], flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / 'table.md').write_text(proofs.table(rows) + '\n')
    failed = [claim for _, claims, _ in rows for claim in claims if not claim.holds]
    for claim in failed:
        print(f'not so: {claim.what} is {claim.after:.4g}, must be {claim.bound}', file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__':
    run(main)
