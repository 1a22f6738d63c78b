"""Write a page about a training run (settings, curves and samples), or one that compares several runs.

toolbox report work_dirs/cyclegan/synthetic                              -> report.html in it
toolbox report work_dirs/plain work_dirs/pool --out work_dirs/report     -> runs.html, and runs.csv of all results
toolbox report work_dirs/plain work_dirs/pool --images path/to/photographs --direction AtoB
"""

from __future__ import annotations

import argparse

from .arguments import Extend


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('work_dir', nargs='+', help='work directory of a run; several are compared')
    several = parser.add_argument_group('several runs')
    several.add_argument('--out', help='folder for the page (default work_dirs/report)')
    several.add_argument('--images', metavar='PATH', help='a file, or a folder whose first images every run translates')
    several.add_argument('--direction', help='of these translations; the first of each run by default')
    several.add_argument('--plugins', nargs='+', action=Extend, default=[], metavar='MODULE',
                         help='modules that you trust and that define parts of the runs')


def main(args: argparse.Namespace) -> None:
    if len(args.work_dir) == 1:
        from ..errors import ConfigError
        from ..use.report import write_report
        if given := [name for name in ('out', 'images', 'direction', 'plugins') if getattr(args, name)]:
            raise ConfigError(f'--{given[0]}: is for several runs; the page about one is report.html in its folder.')
        print(write_report(args.work_dir[0]))
        return
    from ..comparing.run_page import write_runs
    print(write_runs(args.work_dir, args.out or 'work_dirs/report', args.images, args.direction, args.plugins))
