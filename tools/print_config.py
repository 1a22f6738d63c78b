"""Print a config as it will be run, after inheritance, overrides and defaults."""

import argparse
import pprint
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import add_config_arguments, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    args = parser.parse_args()
    from toolbox.engine.config import load_config, parse_options
    from toolbox.engine.state import plain_config

    cfg = load_config(args.config, parse_options(args.cfg_options))
    for key, value in plain_config(cfg.to_dict()).items():
        print(f'{key} = {pprint.pformat(value, width=110, sort_dicts=False)}')


if __name__ == '__main__':
    run(main)
