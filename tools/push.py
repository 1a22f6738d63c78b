"""``toolbox push`` in a checkout that need not be installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import script

if __name__ == '__main__':
    script('push')
