"""Write report.html about a training run: python tools/report.py work_dirs/cyclegan/synthetic"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', help='folder of the run')
    from toolbox.use.report import write_report
    print(write_report(parser.parse_args().work_dir))


if __name__ == '__main__':
    run(main)
