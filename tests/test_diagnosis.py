"""Signs of trouble begin exactly where the defaults of DiagnosisHook say, and not before."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from test_health import Recorder
from test_methods import tiny_cyclegan
from torch import Tensor

from toolbox.hooks import DiagnosisHook
from toolbox.methods import CycleGAN


class Lines(Recorder):
    """A runner whose status lines are made up."""

    def __init__(self) -> None:
        super().__init__(CycleGAN.shows)
        self.model = tiny_cyclegan()


def warnings(losses: list[float], data_share: float = 0.0) -> list[str]:
    hook, runner = DiagnosisHook(), Lines()
    for loss in losses:
        hook.after_status(runner, {'G/adv_A': 0.0, 'D/A': 0.75 * loss, 'D/B': 0.25 * loss}, data_share)
    return runner.lines


@pytest.mark.parametrize(('losses', 'said'), [
    ([2.0, *[0.0198] * 5], 1), ([2.0, *[0.0202] * 20], 0), ([2.0, *[0.0198] * 4, 2.0, *[0.0198] * 4], 0),
    ([2.0, *[0.0198] * 30], 1), ([2.0, *[0.0198] * 5, 2.0, *[0.0198] * 5], 2), ([2.0, *[-1.0] * 20], 0)])
def test_saturated_means_a_hundredth_of_the_first_value(losses: list[float], said: int) -> None:
    assert len(warnings(losses)) == said


@pytest.mark.parametrize(('share', 'said'), [(0.21, 1), (0.19, 0)])
def test_slow_means_a_fifth_of_the_time(share: float, said: int) -> None:
    assert len(warnings([1.0] * 10, share)) == said
    assert warnings([1.0] * 4, share) == []


def rows(change: float, correlation: float) -> list[dict[str, Tensor]]:
    """Four inputs, and translations that vary ``change`` times as much; luminance correlates as told."""
    random = torch.Generator().manual_seed(0)
    x, other = torch.randn(2, 4, 1, 64, 64, generator=random, dtype=torch.float64)
    other -= (other * x).sum() / (x * x).sum() * x
    made = correlation * x + (1 - correlation ** 2) ** 0.5 * other * (x.std() / other.std())
    return [dict(A=(128 + 40 * a).expand(3, -1, -1), fake_B=(128 + 40 * change * b).expand(3, -1, -1))
            for a, b in zip(x, made, strict=True)]


@pytest.mark.parametrize(('change', 'correlation', 'said'), [
    (0.021, 0.0, ''), (0.019, 0.0, 'hardly differ'), (1.0, -0.49, ''), (1.0, -0.51, 'is dark where')])
def test_collapsed_and_inverted_begin_at_their_thresholds(change: float, correlation: float, said: str) -> None:
    hook, runner = DiagnosisHook(), Recorder({'fake_B': CycleGAN.shows['fake_B']})
    runner.model = SimpleNamespace(pictures=runner.model.pictures)
    for _ in range(2):
        hook.after_samples(runner, rows(change, correlation))
    assert runner.lines == []
    for _ in range(2):
        hook.after_samples(runner, rows(change, correlation))
    assert [line for line in runner.lines if said and said in line] == runner.lines and len(runner.lines) == bool(said)
