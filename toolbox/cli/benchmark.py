"""Measure the speed of a config's training step, also against a plain PyTorch loop, and the Runner's overhead.

toolbox benchmark cyclegan/horse2zebra --size 128                      iterations/s and peak memory
toolbox benchmark cyclegan/horse2zebra --size 128 --against-plain-loop
toolbox benchmark singan/image --size 250 --stage 'scale 4'            a later stage of a method
toolbox benchmark cyclegan/synthetic --overhead                        Runner + hooks against a bare loop
"""

from __future__ import annotations

import argparse

from .arguments import add_config_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument('--size', type=int, default=256, help='height and width of the synthetic input')
    parser.add_argument('--iters', type=int, default=10,
                        help='measured iterations (--overhead: 200 times as many)')
    parser.add_argument('--threads', type=int, help='number of torch CPU threads')
    parser.add_argument('--stage', metavar='NAME', help='of a method with stages; the first by default')
    parser.add_argument('--against-plain-loop', action='store_true',
                        help="alternate with a plain loop in the authors' order of operations, on the same networks")
    parser.add_argument('--overhead', action='store_true', help='what Runner and default hooks add to an iteration')


def main(args: argparse.Namespace) -> None:
    import torch

    from ..benchmarks.overhead import measure_overhead
    from ..benchmarks.step import measure_against_plain_loop, measure_step
    from ..engine.config import load_config, parse_options
    if args.threads:
        torch.set_num_threads(args.threads)
    cfg = load_config(args.config, parse_options(args.cfg_options))
    if args.overhead:
        measure_overhead(cfg, 200 * args.iters)
    elif args.against_plain_loop:
        measure_against_plain_loop(cfg, args.size, args.iters, args.stage)
    else:
        measure_step(cfg, args.size, args.iters, args.stage)
