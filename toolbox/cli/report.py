"""Write report.html about a training run: settings, curves and samples on one page.

toolbox report work_dirs/cyclegan/synthetic
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('work_dir', help='work directory of the run')


def main(args: argparse.Namespace) -> None:
    from ..use.report import write_report
    print(write_report(args.work_dir))
