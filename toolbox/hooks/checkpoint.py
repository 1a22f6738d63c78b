"""When checkpoints are written, which are kept, and which one is the best."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ..errors import CheckpointError, ConfigError, did_you_mean
from ..files.checkpoint import NotFiniteError, point_to
from ..registry import HOOKS, AtLeast, Count, ResultName


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Write ``iter_<n>.pth`` every ``interval`` and at the end, and ``best_<metric>.pth`` when a metric improves.

    Args:
        interval: epochs if the training is given in epochs, else iterations.
        keep: how many of the newest ``iter_*.pth`` stay on disk; 0 and -1 (MMEngine's word) keep all.
        save_best: a result name of the validation (``'PSNR'``); None writes no best checkpoint.
        rule: ``'greater'`` or ``'less'``; None asks the metric which is better.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: Count = 1000, keep: Annotated[int, AtLeast(-1)] = 3,
                 save_best: ResultName | None = None,
                 rule: Literal['greater', 'less'] | None = None) -> None:
        self.interval, self.keep, self.save_best, self.rule = interval, keep, save_best, rule
        self.best: dict[str, Any] | None = None
        self.improved = False
        self.saved_at = -1
        self.failure = ''  # why the last checkpoint could not be written
        self.refused = 0  # checkpoints in a row with weights that are not finite

    def before_train(self, runner: Any) -> None:
        if runner.iter == 0:  # a new training that starts from the weights of another one has no best yet
            self.best = None

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        if (checkpoint.get('best') or {}).get('metric') == self.save_best:
            self.best = checkpoint.get('best')

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        if self.save_best is None or not metrics:
            return
        if self.save_best not in metrics:
            raise ConfigError(f'default_hooks.checkpoint.save_best: the validation has no result {self.save_best!r}.'
                              f'{did_you_mean(self.save_best, metrics)}')
        value = float(metrics[self.save_best])
        if math.isnan(value):
            return
        greater = (self.rule or self._rule(runner)) == 'greater'
        if self.best is None or (value > self.best['value'] if greater else value < self.best['value']):
            self.best = dict(metric=self.save_best, value=value, iter=runner.iter)
            self.improved = True

    def after_iteration(self, runner: Any) -> None:
        loop = runner.train_loop
        if self.improved:
            self.improved = False
            self._write(runner, f'best_{str(self.save_best).replace("/", "_")}.pth')
        done = loop.epoch if loop.by_epoch else loop.iter
        at_boundary = not loop.by_epoch or loop.epoch_iter == 0
        if loop.stop_training or loop.iter == loop.max_iters or (at_boundary and done % self.interval == 0):
            self._save(runner)

    def after_train(self, runner: Any) -> None:
        if self.saved_at != runner.iter and runner.train_loop.stop_training:  # by a hook that runs after this one
            self._save(runner)
        if self.failure:
            raise CheckpointError(f'{self.failure} The state of iteration {runner.iter} is lost. Mend it, and go on '
                                  'from the checkpoint before with --resume.')

    def _save(self, runner: Any) -> None:
        name = f'iter_{runner.iter}.pth'
        self.saved_at = runner.iter
        if self._write(runner, name, current=True) and is_main_process():
            self._remove_old(Path(runner.work_dir))

    def _write(self, runner: Any, name: str, current: bool = False) -> bool:
        """Whether it was written; a disk that is full now need not be full at the next checkpoint."""
        self.failure = ''
        try:
            runner.save_checkpoint(runner.work_dir, name, best=self.best)
            if current and is_main_process():
                point_to(Path(runner.work_dir, name))
        except (OSError, NotFiniteError) as error:
            self.refused += isinstance(error, NotFiniteError)
            if self.refused == 2:  # the losses, which say more, had their time
                runner.train_loop.votes.mine.add('not finite')
            self.failure = f'{runner.work_dir}/{name} was not written: {getattr(error, "strerror", None) or error}.'
            runner.logger.warning(f'{self.failure} Earlier checkpoints are untouched; the training goes on and tries '
                                  'again at the next checkpoint.')
        else:
            self.refused = 0
        return not self.failure

    def _remove_old(self, folder: Path) -> None:
        numbers = sorted(int(p.stem[5:]) for p in folder.iterdir() if re.fullmatch(r'iter_\d+\.pth', p.name))
        # Later ones were written before this training was resumed from an earlier one: they are not ours to remove.
        ours = [n for n in numbers if n <= self.saved_at]
        for number in ours[:-self.keep] if self.keep > 0 else ():
            (folder / f'iter_{number}.pth').unlink()

    def _rule(self, runner: Any) -> str:
        metrics, name = runner.val_loop.evaluator.metrics, str(self.save_best)
        # Ours know which results are theirs; of others, the name is all there is.
        for metric in sorted(metrics, key=lambda metric: name not in getattr(metric, 'reported', ())):
            if name in getattr(metric, 'reported', ()) or type(metric).__name__ in name:
                return 'greater' if getattr(metric, 'higher_is_better', False) else 'less'
        raise ConfigError(f"default_hooks.checkpoint.rule: say 'greater' or 'less'; no metric is named like "
                          f'{self.save_best!r}.')
