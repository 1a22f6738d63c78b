"""Non-finite losses and gradients: stop, skip or roll back."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import torch
import torch.distributed as dist
from mmengine.dist import get_rank, is_distributed
from mmengine.hooks import Hook
from torch import Tensor, nn

from ..engine.loading import newest_intact_of
from ..engine.optim import PhaseOptimizer
from ..engine.sharding import local
from ..engine.state import unwrap
from ..errors import ConfigError, TrainingError
from ..registry import HOOKS, Between, Natural
from .ema import EMAHook

# Consecutive overflows tolerated while GradScaler halves its scale: 2**30 -> 1.
MAX_SCALER_BACKOFFS = 30

MOST_PENDING = 50  # iterations that a GPU may be behind


@HOOKS.register_module()
class HealthHook(Hook):
    """Act when a loss or a gradient is not finite; the message names term, network, iteration and files.

    A gradient that is not finite shows in the losses of the next iteration, since it spoils the weights. On a GPU the
    losses are read one iteration later, so that the device is never waited for. All processes act at the same
    iteration. Networks that are not finite are never saved, whatever the policy (``Runner.save_checkpoint``); the
    second checkpoint in a row that was refused counts as losses that are not finite.

    Args:
        on_nonfinite: 'stop' raises :class:`toolbox.errors.TrainingError`. 'skip' leaves out the optimiser steps whose
            gradients are not finite; it waits for the device once per step. 'rollback' loads the newest checkpoint and
            lowers all learning rates.
        max_skips: steps of one optimiser that may be skipped in a row.
        rollback_factor: of the learning rates, in (0, 1).
        max_rollbacks: in one training; a further one is an error.
    """

    priority = 'HIGH'

    def __init__(self, on_nonfinite: Literal['stop', 'skip', 'rollback'] = 'stop', max_skips: Natural = 10,
                 rollback_factor: Annotated[float, Between(0, 1, '()')] = 0.5, max_rollbacks: Natural = 3) -> None:
        self.policy, self.max_skips = on_nonfinite, max_skips
        self.rollback_factor, self.max_rollbacks = rollback_factor, max_rollbacks
        self.rollbacks = self.nonfinite_in_a_row = 0
        self.factor = 1.0  # of all learning rates, by rollbacks
        self.pending: deque[Losses] = deque()
        self.bad: Losses | None = None

    def before_train(self, runner: Any) -> None:
        wrappers = dict(runner.optim_wrapper.items()).values()
        self.tolerated = MAX_SCALER_BACKOFFS if any(getattr(w, 'scaler', None) for w in wrappers) else 0
        if self.policy == 'skip':
            for wrapper in wrappers:
                if not isinstance(wrapper, PhaseOptimizer):
                    raise ConfigError("default_hooks.health.on_nonfinite: 'skip' needs the toolbox's own optimisers, "
                                      f"found {type(wrapper).__name__}; use 'stop' or 'rollback'.")
                wrapper.skip_nonfinite = True

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict[str, Tensor] | None = None) -> None:
        if not outputs:
            return
        self.pending.append(Losses(batch_idx + 1, outputs, data_batch))
        while self.pending and (self.pending[0].ready or len(self.pending) > MOST_PENDING):
            losses = self.pending.popleft()
            self.nonfinite_in_a_row = 0 if losses.finite() else self.nonfinite_in_a_row + 1
            if self.nonfinite_in_a_row == 1:
                self.bad = losses
            if self.nonfinite_in_a_row and self.policy == 'skip':
                self._forget_images(runner)
        limit = self.max_skips if self.policy == 'skip' else self.tolerated
        skipped = max(getattr(wrapper, 'skipped', 0) for _, wrapper in runner.optim_wrapper.items())
        if max(self.nonfinite_in_a_row, skipped) > limit:
            runner.train_loop.votes.mine.add('not finite')

    def after_iteration(self, runner: Any) -> None:
        votes = runner.train_loop.votes
        if 'not finite' not in votes.agreed:
            return
        report = self._report(runner)
        if self.policy == 'rollback' and self.rollbacks < self.max_rollbacks:
            votes.withdraw('not finite')
            self._roll_back(runner, report)
        else:
            raise TrainingError(report + self._advice(runner))

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint['health'] = dict(rollbacks=self.rollbacks, factor=self.factor)

    def on_resume(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        state = checkpoint.get('health', {})
        self.rollbacks = max(self.rollbacks, state.get('rollbacks', 0))
        self.factor = 1.0  # optimisers and schedules are as the config gives them
        self._scale(runner, state.get('factor', 1.0))

    def _roll_back(self, runner: Any, report: str) -> None:
        found = newest_intact_of(runner) or (runner.resumed_from and (runner.resumed_from, None))
        if not found:
            raise TrainingError(f'{report}\nThere is no checkpoint to go back to.')
        factor = self.factor * self.rollback_factor
        runner.train_loop.go_back(*found)
        self._scale(runner, factor)
        self.rollbacks += 1
        self.nonfinite_in_a_row, self.bad = 0, None
        self.pending.clear()
        runner.logger.warning(f'{report}\nBack to {found[0]}, with learning rates times {self.rollback_factor} '
                              f'(rollback {self.rollbacks} of {self.max_rollbacks}).')

    def _scale(self, runner: Any, factor: float) -> None:
        """Make rates ``factor`` times what they are without rollbacks."""
        for wrapper in runner.optim_wrapper.values():
            for group in wrapper.optimizer.param_groups:
                group['lr'] *= factor / self.factor
        for group in (runner.param_schedulers or {}).values():
            for scheduler in group:
                if hasattr(scheduler, 'base_values'):
                    scheduler.base_values = [value * factor / self.factor for value in scheduler.base_values]
        self.factor = factor

    @staticmethod
    def _forget_images(runner: Any) -> None:
        for module in runner.model.modules():
            if (drop := getattr(module, 'drop_not_finite', None)) is not None:  # what remembers earlier iterations
                drop()

    def _report(self, runner: Any) -> str:
        """What all processes found, in one text."""
        found: list[Any] = [self._findings(runner)]
        if is_distributed():
            found = [None] * dist.get_world_size()
            dist.all_gather_object(found, self._findings(runner))
        return '\n'.join(dict.fromkeys(text for text in found if text))

    def _findings(self, runner: Any) -> str:
        lines = []
        if self.nonfinite_in_a_row and self.bad is not None:
            process = f' of process {get_rank()}' if is_distributed() else ''
            lines.append(f'iteration {self.bad.iteration}{process}: not finite: {", ".join(self.bad.terms())}')
            lines += [f'  images: {", ".join(self.bad.files)}'] if self.bad.files else []
        elif any(getattr(w, 'skipped', 0) for _, w in runner.optim_wrapper.items()):
            lines.append(f'iteration {runner.iter}: gradients are not finite')
        broken = broken_networks(unwrap(runner.model)) + broken_averages(runner.hooks)
        if broken and not lines:  # losses need not show it: a network in training does not use its running statistics
            lines.append(f'iteration {runner.iter}: networks are not finite')
        return '\n'.join(lines + [f'  {line}' for line in broken] if lines else lines)

    def _advice(self, runner: Any) -> str:
        rates = ', '.join(f'{k} {w.optimizer.param_groups[0]["lr"]:g}' for k, w in runner.optim_wrapper.items())
        return (f'\nThe training stops; checkpoints of {runner.work_dir} are finite. Look at the images named above; '
                f'lower the learning rate (now {rates}); clip gradients '
                '(optim_wrapper.NAME.clip_grad=dict(max_norm=10)); train without --amp. Or go on automatically: '
                'default_hooks.health.on_nonfinite=skip or =rollback, with --resume.')


class Losses:
    """The losses of one iteration, on their way to the CPU."""

    def __init__(self, iteration: int, outputs: dict[str, Tensor], data_batch: Any) -> None:
        self.iteration, self.outputs = iteration, outputs
        self.metas = data_batch.get('meta') or () if isinstance(data_batch, Mapping) else ()
        # Not finite if any of them is not.
        total = torch.stack([*outputs.values()]).float().sum()
        self.total, self.copied = total, None
        if total.is_cuda:
            self.total = torch.empty((), pin_memory=True).copy_(total, non_blocking=True)
            self.copied = torch.cuda.Event()
            self.copied.record()

    @property
    def ready(self) -> bool:
        return self.copied is None or self.copied.query()

    def finite(self) -> bool:
        if self.copied is not None:
            self.copied.synchronize()
        return math.isfinite(self.total.item())

    def terms(self) -> list[str]:
        bad = {key: value.item() for key, value in self.outputs.items()}
        return [f'{key} = {value}' for key, value in bad.items()
                if not math.isfinite(value)] or ['the sum of all losses']

    @property
    def files(self) -> list[str]:
        return [str(value) for meta in self.metas for key, value in meta.items() if key.endswith('_path')]


def broken_averages(hooks: Iterable[Hook]) -> list[str]:
    """One line per averaged network: its first average that is not finite."""
    return [f'average of network {name} ({type(hook).__name__}): not finite, first in {bad[0]}'
            for hook in hooks if isinstance(hook, EMAHook) for name, average in hook.averages.items()
            if (bad := [key for key, value in average.items() if not local(value).isfinite().all()])]


def broken_networks(model: torch.nn.Module) -> list[str]:
    """One line per network: its first parameter (or running statistic) that is not finite, or whose gradient is not."""
    lines = []
    for name, net in model.named_children():
        for key, p in itertools.chain(unwrap(net).named_parameters(), unwrap(net).named_buffers()):
            what = (('weights' if isinstance(p, nn.Parameter) else 'statistics') if not local(p).isfinite().all() else
                    'gradients' if p.grad is not None and not local(p.grad).isfinite().all() else None)
            if what:
                lines.append(f'network {name}: {what} are not finite, first in {key}')
                break
    return lines
