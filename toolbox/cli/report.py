"""Write a page about a training run (settings, curves and samples), or one that compares several runs.

toolbox report work_dirs/cyclegan/synthetic                              -> report.html in it
toolbox report work_dirs/plain work_dirs/pool --out work_dirs/report     -> runs.html, and runs.csv of all results
toolbox report work_dirs/plain work_dirs/pool --images path/to/photographs --direction AtoB
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('work_dir', nargs='+', help='work directory of a run; several are compared')
    several = parser.add_argument_group('several runs')
    several.add_argument('--out', default='work_dirs/report', help='folder for the page (default work_dirs/report)')
    several.add_argument('--images', metavar='PATH', help='a file, or a folder whose first images every run translates')
    several.add_argument('--direction', help='of these translations; the first of each run by default')
    several.add_argument('--plugins', nargs='+', default=[], metavar='MODULE',
                         help='modules that you trust and that define parts of the runs')


def main(args: argparse.Namespace) -> None:
    if len(args.work_dir) == 1:
        from ..use.report import write_report
        print(write_report(args.work_dir[0]))
        return
    from ..comparing.run_page import write_runs
    print(write_runs(args.work_dir, args.out, args.images, args.direction, args.plugins))
