"""Validation and test: every sample predicted once and scored, the training left as it was."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.runner import BaseLoop

from ..errors import ConfigError
from ..methods.base import Method
from ..progress import tracked
from ..randomness.state import preserve_rng
from ..registry import LOOPS
from .sharding import gathered
from .state import unwrap


class _EvaluationLoop(BaseLoop):
    """Predict every sample once and score; weights, buffers, modes and random numbers stay as they were.

    Args:
        runner: set by the Runner.
        dataloader: set by the Runner.
        evaluator: set by the Runner.
        baseline: whether metrics that compare sets state the scores of untranslated images, too.
    """

    stage: str

    def __init__(self, runner: Any, dataloader: Any, evaluator: Any, baseline: bool = True) -> None:
        super().__init__(runner, dataloader)
        if getattr(self.dataloader.dataset, 'on_bad_image', 'error') != 'error':
            raise ConfigError(f"{self.stage}_dataloader.dataset.on_bad_image: 'skip' is for training; an evaluation "
                              "counts every image once. Write 'error', and mend or remove broken files.")
        self.evaluator = runner.build_evaluator(evaluator)
        with preserve_rng():
            for metric in self.evaluator.metrics:
                metric.baseline = baseline
                getattr(metric, 'bind', lambda pictures: None)(unwrap(runner.model).pictures)
                getattr(metric, 'load', lambda: None)()  # a missing file must not be found out after hours of training

    @torch.no_grad()
    def rehearse(self) -> None:
        """Predict and measure one sample, so that keys and sizes that do not fit are not found out after hours."""
        model, loader = unwrap(self.runner.model), self.dataloader
        if not self.evaluator.metrics or not len(loader.dataset):
            return
        try:
            with preserve_rng(), gathered(model):
                data = loader.collate_fn([loader.dataset[0]])
                self.evaluator.process(data_samples=model.val_step(data), data_batch=data)
        finally:
            self._forget()

    def _forget(self) -> None:
        for metric in self.evaluator.metrics:
            getattr(metric, 'forget', metric.results.clear)()  # those of MMEngine hold their results only

    @torch.no_grad()
    def run(self) -> dict[str, float]:
        with preserve_rng():
            return self._run()

    def _run(self) -> dict[str, float]:
        runner, stage = self.runner, self.stage
        model = unwrap(runner.model)
        runner.call_hook(f'before_{stage}')
        runner.call_hook(f'before_{stage}_epoch')
        try:
            with gathered(model):
                metrics = self._score(model)
        except BaseException:
            self._forget()
            runner.call_hook('evaluation_abandoned')  # a hook puts back what it exchanged before
            raise
        runner.call_hook(f'after_{stage}_epoch', metrics=metrics)
        runner.call_hook(f'after_{stage}')
        return metrics

    def _score(self, model: Method) -> dict[str, float]:
        runner, stage = self.runner, self.stage
        for buffer in model.buffers():  # running statistics are each process's own; those of the first are saved
            broadcast(buffer)
        batches = self.dataloader
        if is_main_process():
            batches = tracked(batches, 'batches', stage, len(batches), keep=False)
        for index, data in enumerate(batches):
            runner.call_hook(f'before_{stage}_iter', batch_idx=index, data_batch=data)
            outputs = model.val_step(data) if stage == 'val' else model.test_step(data)
            self.evaluator.process(data_samples=outputs, data_batch=data)
            runner.call_hook(f'after_{stage}_iter', batch_idx=index, data_batch=data, outputs=outputs)
        metrics = self.evaluator.evaluate(len(self.dataloader.dataset))
        # A metric may return scalars of NumPy, which a checkpoint must not hold.
        return {k: v.item() if hasattr(v, 'item') else v for k, v in metrics.items()}


@LOOPS.register_module()
class ValLoop(_EvaluationLoop):
    """Validation within training."""

    stage = 'val'


@LOOPS.register_module()
class TestLoop(_EvaluationLoop):
    """The test set, by ``tools/test.py``."""

    __test__ = False
    stage = 'test'
