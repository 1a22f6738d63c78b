"""Compare configs on one data set: equal budgets and seeds, the same scores, one table and one picture.

toolbox compare cyclegan/cat2dog ugatit/cat2dog --cfg-options data_root=path/to/my/set --iters 10000 --seeds 0 1
toolbox compare cyclegan/synthetic ugatit/synthetic --data ugatit/synthetic --features RandomFeatures --minutes 5

All configs are checked before anything is trained. The same command goes on where it was stopped or killed. It writes
comparison.csv, comparison.md and comparison.html to the work directory: docs/comparison.md
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .arguments import Extend, require_at_least


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='files or names of configs; NAME=CONFIG calls one '
                        'NAME in the table')
    parser.add_argument('--cfg-options', nargs='+', action=Extend, metavar='KEY=VALUE', default=[],
                        help='override values of all configs: data_root=PATH')
    parser.add_argument('--only', nargs='+', action='append', default=[], metavar=('NAME', 'KEY=VALUE'),
                        help='override values of one config, by its name in the table; may be given several times')
    parser.add_argument('--data', metavar='CONFIG', help='give all configs the data of this one; by default each '
                        'keeps its own, which must be of one set, and the test set of the first scores all')
    parser.add_argument('--seeds', nargs='+', action=Extend, type=int, default=[0], metavar='N',
                        help='train with each (default 0)')
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument('--iters', type=int, metavar='N', help='iterations of every training')
    budget.add_argument('--minutes', type=float, metavar='M', help='as many iterations as take so long on this '
                        'machine, measured once for each config')
    parser.add_argument('--work-dir', default='work_dirs/comparison', help='folder for everything '
                        '(default work_dirs/comparison)')
    parser.add_argument('--features', default='FIDInception', help='network of KID: a name or '
                        "dict(type=..., weights='PATH') (default FIDInception); RandomFeatures needs no file")
    parser.add_argument('--block', type=int, default=10, help='images in a block of KID (default 10)')
    parser.add_argument('--metrics', nargs='+', action=Extend, default=[], metavar='METRIC',
                        help='further metrics: names or dict(type=...)')
    parser.add_argument('--rows', type=int, default=6, help='inputs in the pictures (default 6)')
    parser.add_argument('--device', help="'cpu', 'cuda' or 'cuda:1'; a GPU if there is one by default")
    parser.add_argument('--plugins', nargs='+', action=Extend, default=[], metavar='MODULE',
                        help='modules that define further parts')


def main(args: argparse.Namespace) -> None:
    use_device(args.device)
    from ..comparing.comparison import Comparison
    from ..comparing.entries import read_entries, test_set
    from ..comparing.results import write_results
    from ..engine.config import parse_options
    from ..errors import ConfigError
    from ..registry.plugins import import_plugins
    require_numbers(args)
    if problems := import_plugins(args.plugins):
        raise ConfigError('\n'.join(f'--plugins: {problem}' for problem in problems))
    own = {label: parse_options(pairs, '--only') for label, *pairs in args.only}
    work_dir = Path(args.work_dir)
    entries, data = read_entries(args.configs, parse_options(args.cfg_options), own, args.data, work_dir)
    comparison = Comparison(entries, list(dict.fromkeys(args.seeds)), budget_of(args),
                            test_set(data, args.data or entries[0].path, args.rows), wanted_of(args), work_dir)
    path = work_dir
    for records in comparison.run():
        path = write_results(comparison, records)
    print(path.read_text(encoding='utf-8'))
    print(path.with_suffix('.html'))


def budget_of(args: argparse.Namespace) -> Any:
    from ..comparing.entries import Budget
    return Budget(args.iters, args.minutes)


def wanted_of(args: argparse.Namespace) -> Any:
    """How all are scored; names of parts are not told apart by capitals."""
    from ..comparing.scoring import Wanted
    from ..engine.config import parse_options
    from ..registry import METRICS, known_names

    def part(option: str, text: str) -> Any:
        value = parse_options([f'{option}={text}'], f'--{option}')[option]
        return value if isinstance(value, dict) else dict(type=str(value))

    by_lower = {name.lower(): name for name in known_names(METRICS)}
    further = [part('metrics', text) for text in args.metrics]
    return Wanted(part('features', args.features), args.block,
                  [{**cfg, 'type': by_lower.get(str(cfg.get('type')).lower(), cfg.get('type'))} for cfg in further])


def require_numbers(args: argparse.Namespace) -> None:
    from ..errors import ConfigError
    require_at_least(args, iters=1, block=2, rows=1)
    if args.minutes is not None and not 0 < args.minutes < float('inf'):
        raise ConfigError(f'--minutes: expected a number above 0, found {args.minutes}.')
    require_seeds(args.seeds)


def require_seeds(seeds: Sequence[int]) -> None:
    from ..errors import ConfigError
    if wrong := [seed for seed in seeds if not 0 <= seed < 2**32]:
        raise ConfigError(f'--seeds: expected numbers from 0 to 2**32 - 1, found {wrong[0]}.')


def use_device(name: str | None) -> None:
    """Show this process the asked device alone; trainings take what they see.

    Raises:
        ConfigError: there is no such device.
    """
    from ..errors import ConfigError
    kind, _, number = (name or '').partition(':')
    if name is not None and not re.fullmatch(r'cpu|cuda(:\d+)?', name):
        raise ConfigError(f"--device: expected 'cpu', 'cuda' or 'cuda:NUMBER', found {name!r}.")
    if kind == 'cpu':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    elif number:
        seen = os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',')
        os.environ['CUDA_VISIBLE_DEVICES'] = seen[int(number)] if int(number) < len(seen) and seen[0] else number
    if kind == 'cpu':
        import mmengine.device.utils
        mmengine.device.utils.DEVICE = 'cpu'
    if kind == 'cuda':
        import torch
        if not torch.cuda.is_available():
            raise ConfigError(f'--device {name}: this process sees no such GPU; --device cpu trains without one.')
