"""Print a config as it will be run, after inheritance, overrides and defaults.

toolbox print-config cyclegan/synthetic --cfg-options model.pool_size=0
"""

from __future__ import annotations

import argparse
import pprint

from .arguments import add_config_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)


def main(args: argparse.Namespace) -> None:
    from ..engine.config import load_config, parse_options
    from ..engine.state import plain_config
    cfg = load_config(args.config, parse_options(args.cfg_options))
    for key, value in plain_config(cfg.to_dict()).items():
        print(f'{key} = {pprint.pformat(value, width=110, sort_dicts=False)}')
