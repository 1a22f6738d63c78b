"""Measure the speed of a config's training step, also against a plain PyTorch loop, and the Runner's overhead.

toolbox benchmark cyclegan/horse2zebra --size 128                      iterations/s and peak memory
toolbox benchmark cyclegan/horse2zebra --size 128 --against-plain-loop
toolbox benchmark singan/image --size 250 --stage 'scale 4'            a later stage of a method
toolbox benchmark cyclegan/horse2zebra --profile                       operators with the most CPU time
toolbox benchmark cyclegan/synthetic --size 64 --overhead              what surrounds the networks in an iteration
toolbox benchmark --table docs/benchmarks.md --threads 2               all systems against their plain loops
toolbox benchmark --variants gpu.md --minutes 10                       all systems with each setting of torch, on a GPU
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Extend, add_config_arguments, require_at_least
from .process import keep_freed_memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser, nargs='?')
    parser.add_argument('--size', type=int, default=256, help='height and width of the synthetic input')
    parser.add_argument('--iters', type=int, default=10,
                        help='measured iterations, or pairs (--overhead: 200 times as many)')
    parser.add_argument('--threads', type=int, help='number of torch CPU threads')
    parser.add_argument('--stage', metavar='NAME', help='of a method with stages; the first by default')
    parser.add_argument('--channels-last', action='store_true', help='weights and images with the channels last')
    parser.add_argument('--against-plain-loop', action='store_true',
                        help="alternate with a plain loop in the authors' order of operations, on the same networks")
    parser.add_argument('--shared', action='store_true',
                        help='compare beside other processes, in CPU time alone; without it they are an error')
    parser.add_argument('--profile', action='store_true', help='the operators of an iteration with the most CPU time')
    parser.add_argument('--overhead', action='store_true',
                        help='what surrounds the networks in a step, and what Runner and default hooks add to it')
    parser.add_argument('--table', metavar='PAGE', type=Path,
                        help='measure all systems against their plain loops, without CONFIG, and write the table of '
                             'this page after each; started again, it goes on where it stopped')
    parser.add_argument('--variants', metavar='PAGE', type=Path,
                        help='measure all systems at the sizes of the papers with one setting of torch after the other '
                             '(made for a GPU), and write a table to this file')
    parser.add_argument('--minutes', type=float, default=10, help='that --variants may take (10)')
    parser.add_argument('--rows', nargs='+', action=Extend, default=[], metavar='NAME', help='some rows of a table')
    parser.add_argument('--paper-sizes', action='store_true', help='the table at the sizes and batches of the papers')
    parser.add_argument('--quick', action='store_true', help='a trial: one pair on two samples')


def main(args: argparse.Namespace) -> None:
    import torch

    from ..benchmarks.compared import measure_against_plain_loop
    from ..benchmarks.overhead import measure_overhead
    from ..benchmarks.profile import print_profile
    from ..benchmarks.step import measure_step
    from ..benchmarks.table import write_table
    from ..benchmarks.variants import write_variants
    from ..engine.config import load_config, parse_options
    from ..errors import ConfigError
    require_at_least(args, iters=1, threads=0)
    keep_freed_memory()
    if args.threads:
        torch.set_num_threads(args.threads)
    if sum(map(bool, (args.config, args.table, args.variants))) != 1:
        raise ConfigError('benchmark: give a config to measure, --table PAGE or --variants PAGE for all systems.')
    if args.variants:
        write_variants(args.variants, args.rows, args.minutes, args.quick)
        return
    if args.table:
        write_table(args.table, args.rows, args.iters, args.shared, args.paper_sizes, args.quick)
        return
    cfg = load_config(args.config, parse_options(args.cfg_options))
    if args.overhead:
        measure_overhead(cfg, args.size, 200 * args.iters, args.stage)
    elif args.profile:
        print_profile(cfg, args.size, args.stage, args.channels_last)
    elif args.against_plain_loop:
        measure_against_plain_loop(cfg, args.size, args.iters, args.stage, args.shared)
    else:
        measure_step(cfg, args.size, args.iters, args.stage, args.channels_last)
