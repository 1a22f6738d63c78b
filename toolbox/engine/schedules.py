"""Learning rate schedules beyond MMEngine's (``StepLR``, ``CosineAnnealingLR``, ... work too)."""

from __future__ import annotations

from typing import Any, Literal

from mmengine.optim.scheduler.param_scheduler import _ParamScheduler

from ..registry import PARAM_SCHEDULERS, Count, Natural


@PARAM_SCHEDULERS.register_module()
class LinearDecayLR(_ParamScheduler):
    """Constant, then linear to zero: the schedule of Zhu et al. 2017 and Isola et al. 2017.

    With ``s`` finished epochs (or iterations) the rate is ``lr * (1 - max(0, s + 1 - constant) / (decay + 1))``: epochs
    1 to ``constant`` use the full rate, the last of the ``decay`` epochs ``lr / (decay + 1)``.

    Args:
        optimizer: set by the Runner.
        constant: epochs (iterations with ``by_epoch=False``) at the full rate.
        decay: epochs (iterations) of decay.
        off_by_one: what the authors' PyTorch code does since July 2020: it steps at the *start* of an epoch, so that
            the decay begins one epoch early and the last epoch trains with a rate of 0.
        by_epoch: step after each epoch, else after each iteration.
    """

    def __init__(self, optimizer: Any, constant: Natural, decay: Count, off_by_one: bool = False, by_epoch: bool = True,
                 begin: Natural = 0, end: Count = 10**9, last_step: Literal[-1] = -1, verbose: bool = False) -> None:
        self.constant, self.decay, self.off_by_one = constant, decay, off_by_one
        super().__init__(optimizer, 'lr', begin, end, last_step, by_epoch, verbose)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on at the same step; the rate of this plan holds at once, not from the next step on."""
        super().load_state_dict(state_dict)
        if self.begin <= self._global_step < self.end:
            for group, value in zip(self.optimizer.param_groups, self._get_value(), strict=True):
                group['lr'] = value

    def _get_value(self) -> list[float]:
        done = self.last_step + self.off_by_one
        factor = 1.0 - max(0, done + 1 - self.constant) / float(self.decay + 1)
        return [base * max(0.0, factor) for base in self.base_values]


PROGRESS = ('last_step', '_global_step', '_last_value', 'best', 'num_bad_epochs', 'cooldown_counter')


def scheduler_state(scheduler: _ParamScheduler) -> dict[str, Any]:
    """How far a schedule is, without its settings: a resumed run with a longer plan follows the new plan."""
    return {key: value for key, value in scheduler.state_dict().items() if key in PROGRESS}
