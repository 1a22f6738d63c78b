"""Score a checkpoint on the test set: python tools/test.py configs/pix2pix/maps.py work_dirs/pix2pix/maps"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import add_config_arguments, prepare_cpu, run

prepare_cpu()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='a .pth file, or a work_dir (its newest checkpoint)')
    parser.add_argument('--which', default='last', help="of a work_dir: 'last', 'best' or a file name")
    parser.add_argument('--work-dir', help='where results.json and logs go (<checkpoint folder>/test)')
    parser.add_argument('--out', help='also write the test images to this folder')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from toolbox.engine import Runner
    from toolbox.engine.config import load_config, parse_options
    from toolbox.errors import ConfigError
    from toolbox.use.load import find_checkpoint

    checkpoint = find_checkpoint(args.checkpoint, args.which)
    options = parse_options(args.cfg_options)
    options['work_dir'] = args.work_dir or str(checkpoint.parent / 'test')
    if args.launcher != 'none':
        options['launcher'] = args.launcher
    cfg = load_config(args.config, options)
    if cfg.get('test_dataloader') is None:
        raise ConfigError(f'{args.config}: test_dataloader: missing, there is nothing to test on.')
    cfg.load_from, cfg.resume = str(checkpoint), False
    if args.out:
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='SaveImagesHook', out_dir=args.out)]
    runner = Runner.from_cfg(cfg, trains=False)
    metrics = runner.test()
    if runner.rank == 0:
        Path(cfg.work_dir, 'results.json').write_text(json.dumps(dict(checkpoint=str(checkpoint), **metrics), indent=1))
        for name, value in metrics.items():
            print(f'{name}: {value}')


if __name__ == '__main__':
    run(main)
