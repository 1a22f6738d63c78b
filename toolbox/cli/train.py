"""Train a config.

toolbox train cyclegan/synthetic                          -> work_dirs/cyclegan/synthetic
toolbox train my_config.py --work-dir work_dirs/mine --cfg-options data_root=path/to/my/set
toolbox train singan/image --data a.png b.png           -> work_dirs/singan/image/a and .../b
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Extend, add_config_arguments, add_launcher_arguments, launcher_options
from .process import keep_freed_memory, note_of_threads, uncollected

if TYPE_CHECKING:
    from mmengine.config import Config

SCORED = 8  # samples of the validation in a dry run: metrics of sets need several


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument('--work-dir', help='folder for checkpoints, samples and logs (work_dirs/<method>/<config>)')
    parser.add_argument('--data', nargs='+', action=Extend, metavar='PATH',
                        help='train once with each of these as data_root, in folders of their names within the '
                             'work_dir; one that fails does not stop the others')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='PATH',
                        help='resume from PATH (a checkpoint or a work_dir); without PATH, from the newest checkpoint '
                             'in the work_dir')
    parser.add_argument('--amp', nargs='?', const='bf16', choices=('bf16', 'fp16', 'bf16-slow'),
                        help="mixed precision; 'bf16-slow' on a processor without instructions for bf16, too")
    parser.add_argument('--no-validate', action='store_true', help='train without validation')
    parser.add_argument('--dry-run', action='store_true',
                        help='read all images, build everything, train 3 iterations, estimate the time')
    add_launcher_arguments(parser)


def main(args: argparse.Namespace) -> None:
    with uncollected():
        from ..errors import ConfigError, UserError
        from ..use import training  # noqa: F401  (what every run imports)
    keep_freed_memory()
    if note := note_of_threads():
        print(note, file=sys.stderr)
    if not args.data:
        train(args, options_of(args))
        return
    names = [Path(path).stem for path in args.data]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ConfigError(f'--data: {len(names)} paths, but several are called {twice[0]!r}: their runs would share a '
                          'folder. Rename them, or train them in commands of their own.')
    failed = {}
    for path, name in zip(args.data, names, strict=True):
        try:
            train(args, {**options_of(args), 'data_root': path}, name)
        except UserError as error:
            if len(names) == 1:
                raise
            failed[path] = str(error)
            print(f'\n{path}: {error}', file=sys.stderr)
    if failed:
        raise ConfigError(f'{len(failed)} of {len(names)} runs failed: ' + ', '.join(failed))


def train(args: argparse.Namespace, options: Mapping[str, Any], name: str = '') -> None:
    """One run, in the folder ``name`` of the work directory."""
    from ..engine.config import load_config
    from ..use.training import run
    cfg = load_config(args.config, options)
    cfg.work_dir = str(Path(cfg.work_dir, name))
    if args.dry_run:
        dry_run(cfg, args.config)
    else:
        run(cfg)


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """The changes that the arguments make to the config."""
    from ..engine.config import parse_options
    from ..use.training import changes
    resume = True if args.resume == 'auto' else args.resume
    return {**parse_options(args.cfg_options), **launcher_options(args),
            **changes(args.work_dir, resume, args.amp, not args.no_validate)}


def read_all_images(cfg: Config) -> None:
    """Read the files of all data sets for up to two minutes, so that a bad one is found now and not at night."""
    from ..data.inspection import inspect_files
    from ..data.loader import build_dataset
    from ..errors import DataError
    loaders = {stage: cfg.get(f'{stage}_dataloader') for stage in ('train', 'val', 'test')}
    inspection = inspect_files({stage: build_dataset(loader['dataset']) for stage, loader in loaders.items() if loader},
                               seconds=60)
    print(inspection)
    for reason in inspection.skipped.values():
        print(f'will be skipped: {reason}')
    if inspection.bad:
        raise DataError(f'{len(inspection.bad)} files cannot be read:\n  ' + '\n  '.join(inspection.bad.values()))


def dry_run(cfg: Config, name: str) -> None:
    """All images, three iterations, a validation of a few samples and a sample grid; its folder is removed
    afterwards."""
    from ..engine import Runner
    from ..engine.state import unwrap
    from ..hooks.status import IterationClock, speed_for
    from ..methods.schedule import length_of_stages, seconds_ahead
    from ..progress import duration
    read_all_images(cfg)
    wanted, cfg.train_cfg = cfg.train_cfg, dict(max_iters=3)
    cfg.resume, cfg.load_from = False, None
    if cfg.get('val_dataloader'):
        cfg.val_dataloader.batch_size = min(cfg.val_dataloader.batch_size, SCORED)
        cfg.val_dataloader.num_batch_per_epoch = SCORED // cfg.val_dataloader.batch_size
    with tempfile.TemporaryDirectory() as cfg.work_dir:
        runner, clock = Runner.from_cfg(cfg), IterationClock()
        runner.register_hook(clock)
        runner.train()
    model, loop, seconds = unwrap(runner.model), runner.train_loop, min(clock.seconds)
    iterations = wanted.get('max_iters') or wanted['max_epochs'] * loop.epoch_length
    if iterations == 'stages':
        iterations = length_of_stages(model, loop.epoch_length)
    whole = seconds_ahead(model.stages, (0, iterations), (0, 1), seconds, loop.dataloader.batch_size, speed_for(model))
    print(f'dry run: everything works; {seconds:.3g} s per iteration, {duration(whole)} for the '
          f'{iterations} iterations of {name} on this machine')
