"""A training from the name of a config to its end, for commands and for Python (:func:`toolbox.train`)."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config

from ..engine import Runner
from ..engine.config import load_config
from ..engine.precision import Amp
from ..errors import ConfigError, Interrupted
from ..files.checkpoint import newest_checkpoint
from .load import find_checkpoint


@dataclass(frozen=True)
class Trained:
    """A training that has ended.

    Attributes:
        work_dir: its folder.
        iteration: its last one.
        scores: of its last validation, by name; empty without one.
    """

    work_dir: Path
    iteration: int
    scores: dict[str, float] = field(default_factory=dict)


def train(config: str | Path, /, *, work_dir: str | Path | None = None, resume: bool | str | Path = False,
          amp: Amp | None = None, validate: bool = True,
          launcher: Literal['none', 'pytorch', 'slurm'] = 'none', **options: Any) -> Trained:
    """Train a config in this process, as ``toolbox train`` does.

    Args:
        config: a Python config, or the name of one (``'cyclegan/synthetic'``).
        work_dir: folder for checkpoints, samples and logs; ``work_dirs/<method>/<config>`` when None.
        resume: go on from the newest checkpoint in the work directory, if there is one; or from this checkpoint or
            work directory.
        amp: mixed precision: ``'bf16'``, ``'fp16'`` (GPU only), or ``'bf16-slow'``, which a processor without
            instructions for bf16 takes, too.
        validate: False trains without validation.
        launcher: how this process finds the others: 'pytorch' by the environment that torchrun sets, 'slurm' by that
            of srun.
        **options: values of the config by their keys, as ``--cfg-options``: ``**{'model.pool_size': 0}``.

    Raises:
        ConfigError: mistakes in the config, or a run in the work directory that is not to be resumed.
        Interrupted: a signal asked to stop; all is saved, and ``resume=True`` goes on.
        UserError: data, checkpoints or numbers that are wrong.
    """
    return run(load_config(config, {**options, **changes(work_dir, resume, amp, validate, launcher)}))


def changes(work_dir: str | Path | None = None, resume: bool | str | Path | None = None, amp: str | None = None,
            validate: bool = True, launcher: str = 'none') -> dict[str, Any]:
    """What the arguments of :func:`train` change in a config."""
    options: dict[str, Any] = {}
    if launcher != 'none':
        options['launcher'] = launcher
    if amp:
        options['optim_wrapper.amp'] = amp
    if not validate:
        options.update(val_dataloader=None, val_evaluator=None, val_cfg=None)
    if work_dir is not None:
        options['work_dir'] = str(work_dir)
    if resume:
        options['resume'] = 'auto' if resume is True else True
        if resume is not True:
            options['load_from'] = str(find_checkpoint(resume))
    return options


def run(cfg: Config) -> Trained:
    """Train a complete config to the end; a second Ctrl-C says what is kept."""
    newest = newest_checkpoint(cfg.work_dir)
    if newest is not None and not cfg.get('resume'):
        raise ConfigError(f'{cfg.work_dir} already contains a run ({newest.name}); pass --resume to continue it, '
                          'or --work-dir to start elsewhere.')
    try:
        runner = Runner.from_cfg(cfg)
        runner.train()
    except Interrupted:
        raise
    except KeyboardInterrupt:
        newest = newest_checkpoint(cfg.work_dir)
        print('\nstopped; ' + (f'{newest} is kept; run the same command with --resume to continue it' if newest else
                               f'no checkpoint was written to {cfg.work_dir} yet'), file=sys.stderr)
        raise
    history = runner.train_loop.history
    scores = {key: float(value) for key, value in history[-1].items() if key != 'iter'} if history else {}
    return Trained(Path(cfg.work_dir), runner.iter, scores)
