"""Score a checkpoint on the test set.

toolbox test pix2pix/maps work_dirs/pix2pix/maps
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .arguments import add_config_arguments, add_launcher_arguments, launcher_options
from .process import uncollected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='a .pth file, or a work_dir (its newest checkpoint)')
    parser.add_argument('--which', default='last', help="which one of a work_dir: 'last', 'best' or a file name")
    parser.add_argument('--work-dir', help='folder for results.json and logs (<checkpoint folder>/test)')
    parser.add_argument('--out', help='also write the test images to this folder')
    add_launcher_arguments(parser)


def main(args: argparse.Namespace) -> None:
    with uncollected():
        from ..engine import Runner
        from ..engine.config import load_config, parse_options
        from ..errors import ConfigError
        from ..files.hub import is_address
        from ..files.strangers import refuse_odd_entries
        from ..use.load import find_checkpoint
    if is_address(args.checkpoint) and not args.work_dir:
        raise ConfigError(f'{args.checkpoint}: lies in no folder of yours; pass --work-dir FOLDER for the results.')
    checkpoint = find_checkpoint(args.checkpoint, args.which)
    options = {**parse_options(args.cfg_options), **launcher_options(args)}
    if not args.work_dir:
        refuse_odd_entries(checkpoint.parent, (), ['test'])
    options.update(work_dir=args.work_dir or str(checkpoint.parent / 'test'), load_from=str(checkpoint), resume=False)
    cfg = load_config(args.config, options)
    if cfg.get('test_dataloader') is None:
        raise ConfigError(f'{args.config}: test_dataloader: missing; there is nothing to test on.')
    if args.out:
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='SaveImagesHook', out_dir=args.out)]
    runner = Runner.from_cfg(cfg, trains=False)
    metrics = runner.test()
    if runner.rank == 0:
        Path(cfg.work_dir, 'results.json').write_text(json.dumps(dict(checkpoint=str(checkpoint), **metrics), indent=1))
        for name, value in metrics.items():
            print(f'{name}: {value}')
