"""Train from a config: python tools/train.py configs/cyclegan/horse2zebra.py"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import add_config_arguments, prepare_cpu, run

prepare_cpu()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('--work-dir', help='where checkpoints, samples and logs go (work_dirs/<method>/<config>)')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='PATH',
                        help='go on from PATH (a checkpoint or a work_dir), or from the newest one of its own work_dir')
    parser.add_argument('--amp', nargs='?', const='bf16', choices=('bf16', 'fp16'), help='mixed precision')
    parser.add_argument('--no-validate', action='store_true', help='train without validation')
    parser.add_argument('--dry-run', action='store_true', help='build everything, train 3 iterations, estimate the time')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none')
    return parser.parse_args()


def options_of(args: argparse.Namespace) -> dict:
    from toolbox.engine.config import parse_options
    from toolbox.use.load import find_checkpoint
    options = parse_options(args.cfg_options)
    if args.amp:
        options['optim_wrapper.amp'] = args.amp
    if args.no_validate:
        options.update(val_dataloader=None, val_evaluator=None, val_cfg=None)
    if args.work_dir:
        options['work_dir'] = args.work_dir
    if args.resume:
        options['resume'] = True
        if args.resume != 'auto':
            options['load_from'] = str(find_checkpoint(args.resume))
    if args.launcher != 'none':
        options['launcher'] = args.launcher
    return options


def main() -> None:
    args = parse_args()
    from toolbox.engine import Runner
    from toolbox.engine.config import load_config
    from toolbox.errors import ConfigError, Interrupted
    from toolbox.files.checkpoint import newest_checkpoint

    options = options_of(args)
    cfg = load_config(args.config, options)
    if args.dry_run:
        dry_run(args.config, options)
        return
    newest = newest_checkpoint(cfg.work_dir)
    if newest is not None and not args.resume:
        raise ConfigError(f'{cfg.work_dir}: a training stands here already ({newest.name}). Type --resume to go on with '
                          f'it, or --work-dir to start a new one elsewhere.')
    try:
        Runner.from_cfg(cfg).train()
    except Interrupted:
        raise
    except KeyboardInterrupt:
        newest = newest_checkpoint(cfg.work_dir)
        print('\nstopped; ' + (f'{newest} is kept: the same command with --resume goes on from there' if newest else
                               f'no checkpoint was written to {cfg.work_dir} yet'), file=sys.stderr)
        raise


def dry_run(path: str, options: dict) -> None:
    """Three iterations, a validation of one sample and a sample grid, in a folder that is removed afterwards."""
    from toolbox.engine import Runner
    from toolbox.engine.config import load_config
    from toolbox.hooks.status import IterationClock, duration

    with tempfile.TemporaryDirectory() as folder:
        cfg = load_config(path, {**options, 'work_dir': folder})
        train_cfg = cfg.train_cfg
        cfg.train_cfg = dict(max_iters=3)
        cfg.resume, cfg.load_from = False, None
        if cfg.get('val_dataloader'):
            # Of one sample: MMEngine does not stop at the end of a set that is smaller than the batch.
            cfg.val_dataloader.batch_size = cfg.val_dataloader.num_batch_per_epoch = 1
        runner = Runner.from_cfg(cfg)
        clock = IterationClock()
        runner.register_hook(clock)
        runner.train()
        seconds, loop = min(clock.seconds), runner.train_loop
        iterations = train_cfg.get('max_iters') or train_cfg['max_epochs'] * loop.epoch_length
    print(f'dry run: everything works; {seconds:.3g} s per iteration, {duration(seconds * iterations)} for the '
          f'{iterations} iterations of {path} on this machine')


if __name__ == '__main__':
    run(main)
