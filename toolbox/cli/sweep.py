"""Train a config with several settings and seeds, and compare them: a value that is a list is tried one by one.

toolbox sweep cyclegan/synthetic --cfg-options model.pool_size=[0,50] --seeds 0 1 2 --work-dir work_dirs/pool
toolbox sweep pix2pix/maps --cfg-options "optim_wrapper.G.optimizer.lr=[1e-4,2e-4]" model.w_rec=[10,100] --jobs 2

Each training is a process of its own. The same command goes on where it was stopped or killed. It writes sweep.md and
sweep.csv (mean and spread over the seeds), runs.csv and runs.html to the work directory: docs/runs.md
"""

from __future__ import annotations

import argparse

from .arguments import Extend, add_config_arguments, require_at_least


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument('--seeds', nargs='+', action=Extend, type=int, default=[0], metavar='N',
                        help='train with each (default 0)')
    parser.add_argument('--jobs', type=int, default=1, metavar='N',
                        help='trainings at a time (default 1); with several GPUs, each of them sees another one')
    parser.add_argument('--work-dir', default='work_dirs/sweep', help='folder for everything (default work_dirs/sweep)')


def main(args: argparse.Namespace) -> None:
    from ..comparing.sweep import Sweep
    from ..engine.config import parse_options
    from .compare import require_seeds
    require_seeds(args.seeds)
    require_at_least(args, jobs=1)
    path = Sweep(args.config, parse_options(args.cfg_options), args.seeds, args.work_dir, args.jobs).run()
    print(path.read_text(encoding='utf-8'))
    print(path.with_name('runs.html'))
