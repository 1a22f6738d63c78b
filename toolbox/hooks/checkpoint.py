"""When checkpoints are written, which are kept, and which one is the best."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Annotated, Any, Literal

import torch.distributed as dist
from mmengine.dist import is_distributed, is_main_process
from mmengine.hooks import Hook

from ..engine.saving import Snapshot, take_snapshot
from ..errors import CheckpointError, ConfigError, did_you_mean
from ..files.checkpoint import NotFiniteError, newest_checkpoint, point_to
from ..files.rank_files import remove_rank_files
from ..registry import HOOKS, AtLeast, Count, ResultName

CURRENT = re.compile(r'iter_\d+\.pth')  # best_*.pth is none to go on from by itself


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Write ``iter_<n>.pth`` every ``interval`` and at the end, and ``best_<metric>.pth`` when a metric improves.

    The training waits for a copy of its state in the memory of the host, not for the disk: a thread writes the copy.
    There is one at a time, so that the next one waits for it, and so do the end of the training and a rollback.

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
        self.writing: tuple[str, ...] = ()  # names of the files that the thread writes
        self.group = self.loop = None
        self.failure = ''  # why the last checkpoint could not be written
        self.refused = 0  # checkpoints in a row with weights that are not finite

    def before_train(self, runner: Any) -> None:
        if runner.iter == 0:  # a new training that starts from the weights of another one has no best yet
            self.best = None
        self.loop = runner.train_loop
        if is_main_process():
            self._leave_branch(Path(runner.work_dir), Path(runner.resumed_from))
        self.group = dist.new_group(backend='gloo') if is_distributed() else None  # for the threads that write

    def before_run(self, runner: Any) -> None:
        if sum(isinstance(hook, CheckpointHook) for hook in runner.hooks) > 1:
            raise ConfigError('custom_hooks: a second CheckpointHook, but a checkpoint keeps the best score of one '
                              'alone: a resume would lose the other. Change default_hooks.checkpoint in its place.')

    def on_resume(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Also where a rollback goes back: what was better after this checkpoint is undone."""
        best = checkpoint.get('best')
        self.best, self.improved = (best if best and best.get('metric') == self.save_best else None), False

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
        loop, names = runner.train_loop, []
        if loop.saving is not None and loop.saving.done():
            self._finish(runner)
        if self.improved:
            self.improved = False
            names.append(f'best_{str(self.save_best).replace("/", "_")}.pth')
        done = loop.epoch if loop.by_epoch else loop.iter
        at_boundary = not loop.by_epoch or loop.epoch_iter == 0
        ends = loop.stop_training or loop.iter == loop.max_iters
        if ends or (at_boundary and done % self.interval == 0):
            names.append(self._current(runner))
        if names:
            self._write(runner, *names)
        if ends:
            self._finish(runner)

    def after_train(self, runner: Any) -> None:
        if self.saved_at != runner.iter and runner.train_loop.stop_training:  # by a hook that runs after this one
            self._write(runner, self._current(runner))
        self._finish(runner)
        if self.failure:
            raise CheckpointError(f'{self.failure} The state of iteration {runner.iter} is lost. Mend it, and go on '
                                  'from the checkpoint before with --resume.')

    @staticmethod
    def _leave_branch(folder: Path, begun: Path) -> None:
        """Of the checkpoints of this folder, those after the one that was resumed from are no longer gone on from."""
        newest = newest_checkpoint(folder)
        if CURRENT.fullmatch(begun.name) and newest is not None and begun.resolve() != newest.resolve() and (
                begun.parent.resolve() == folder.resolve()):
            point_to(begun)

    def close(self, runner: Any) -> None:
        if self.loop is not None and self.loop.saving is not None:  # the run ends with an error
            wait([self.loop.saving])

    def _current(self, runner: Any) -> str:
        self.saved_at = runner.iter
        return f'iter_{runner.iter}.pth'

    def _write(self, runner: Any, *names: str) -> None:
        """Begin to write files of these names, with the same content."""
        self._finish(runner)
        self.failure, self.writing = '', names
        try:
            snapshot = take_snapshot(runner, dict(best=self.best))
        except NotFiniteError as error:
            self.refused += 1
            if self.refused == 2:  # the losses, which say more, had their time
                runner.train_loop.votes.mine.add('not finite')
            self._failed(runner, names[-1], error)
        else:
            self.refused = 0
            thread = ThreadPoolExecutor(1, 'checkpoint')
            runner.train_loop.saving = thread.submit(self._write_files, snapshot, Path(runner.work_dir), names)
            thread.shutdown(wait=False)  # it ends with this job

    def _write_files(self, snapshot: Snapshot, folder: Path, names: Sequence[str]) -> list[tuple[str, OSError]]:
        """In the thread; what could not be written."""
        failed = []
        for name in names:
            try:
                snapshot.write(folder / name, self.group)
                if is_main_process() and CURRENT.fullmatch(name):
                    point_to(folder / name)
                    self._remove_old(folder, snapshot.iteration)
            except OSError as error:
                failed.append((name, error))
        return failed

    def _finish(self, runner: Any) -> None:
        """Wait for what is being written, and say why it was not."""
        loop = runner.train_loop
        if loop.saving is not None:
            try:
                for name, error in loop.saving.result():
                    self._failed(runner, name, error)
            finally:
                loop.saving = None

    def _failed(self, runner: Any, name: str, error: OSError | NotFiniteError) -> None:
        """A disk that is full now need not be full at the next checkpoint; the last name is the one to go on from."""
        text = f'{runner.work_dir}/{name} was not written: {getattr(error, "strerror", None) or error}.'
        self.failure = text if name == self.writing[-1] else ''
        runner.logger.warning(f'{text} Earlier checkpoints are untouched; the training goes on and tries '
                              'again at the next checkpoint.')

    def _remove_old(self, folder: Path, newest: int) -> None:
        numbers = sorted(int(p.stem[5:]) for p in folder.iterdir() if CURRENT.fullmatch(p.name))
        # Later ones were written before this training was resumed from an earlier one: they are not ours to remove.
        ours = [n for n in numbers if n <= newest]
        for number in ours[:-self.keep] if self.keep > 0 else ():
            old = folder / f'iter_{number}.pth'
            old.unlink()
            remove_rank_files(old)

    def _rule(self, runner: Any) -> str:
        metrics, name = runner.val_loop.evaluator.metrics, str(self.save_best)
        # Ours know which results are theirs; of others, the name is all there is.
        for metric in sorted(metrics, key=lambda metric: name not in getattr(metric, 'reported', ())):
            if name in getattr(metric, 'reported', ()) or type(metric).__name__ in name:
                return 'greater' if getattr(metric, 'higher_is_better', False) else 'less'
        raise ConfigError(f"default_hooks.checkpoint.rule: say 'greater' or 'less'; no metric is named like "
                          f'{self.save_best!r}.')
