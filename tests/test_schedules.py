"""Learning rates per epoch against the authors' tables."""

from types import SimpleNamespace

import pytest
import torch
from tiny import tiny_config

from toolbox.engine import Runner
from toolbox.engine.optim import PhaseOptimizer
from toolbox.engine.schedules import LinearDecayLR, _found_last, _stepped_to_last, follow, scheduler_state
from toolbox.errors import ConfigError
from toolbox.registry import PARAM_SCHEDULERS, find


def rates(epochs: int, kind: str, start: int = 0, **arguments) -> list[float]:
    """The rate used in each epoch, ``start`` epochs into the training."""
    optimizer = PhaseOptimizer(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4))
    scheduler = find(PARAM_SCHEDULERS, kind, 'x')(optimizer=optimizer, **arguments)
    optimizer._global_step = 0
    used = []
    for _ in range(start + epochs):
        used.append(optimizer.optimizer.param_groups[0]['lr'])
        scheduler.step()
    return used[start:]


@pytest.mark.parity
@pytest.mark.parametrize(('table', 'off_by_one'), [('step_at_epoch_end_before_2020_07', False),
                                                   ('step_at_epoch_start_2020_07_and_later', True)])
@pytest.mark.parametrize(('name', 'arguments', 'start'), [
    ('linear_100_100_count1', dict(constant=100, decay=100), 0),
    ('linear_100_100_count151', dict(constant=100, decay=100), 150),
    ('linear_5_5_count1', dict(constant=5, decay=5), 0)])
def test_linear_decay_equals_the_authors_tables(parity, table, off_by_one, name, arguments, start):
    expected = parity('cg_lr_schedules')[table][name]
    ours = rates(len(expected), 'LinearDecayLR', start, off_by_one=off_by_one, **arguments)
    assert torch.equal(torch.tensor(ours, dtype=torch.float64), expected)


@pytest.mark.parity
@pytest.mark.parametrize(('name', 'kind', 'arguments'), [
    ('step_100_100_count1', 'StepLR', dict(step_size=50)),
    ('cosine_100_0_count1', 'CosineAnnealingLR', dict(T_max=100))])
def test_step_and_cosine_equal_the_authors_tables(parity, name, kind, arguments):
    tables = parity('cg_lr_schedules')
    expected = tables['step_at_epoch_end_before_2020_07'][name]
    ours = torch.tensor(rates(len(expected) + 1, kind, **arguments), dtype=torch.float64)
    torch.testing.assert_close(ours[:-1], expected, rtol=1e-12, atol=1e-19)
    early = tables['step_at_epoch_start_2020_07_and_later'][name]  # the same, one epoch early
    torch.testing.assert_close(ours[1:], early, rtol=1e-12, atol=1e-19)


def test_step_decay_is_torchs_and_one_iteration_early_as_in_the_code_of_munit():
    ours = rates(9, 'StepDecayLR', every=3, gamma=0.1)
    assert ours == pytest.approx(rates(9, 'StepLR', step_size=3, gamma=0.1, by_epoch=False), rel=1e-12)
    assert rates(8, 'StepDecayLR', every=3, gamma=0.1, off_by_one=True) == ours[1:]
    with pytest.raises(ConfigError, match=r'gamma: expected a number in \(0, 1\], found 0'):
        rates(1, 'StepDecayLR', every=3, gamma=0.0)


def test_last_epochs_of_both_orders():
    assert rates(200, 'LinearDecayLR', constant=100, decay=100)[-1] == pytest.approx(2e-4 / 101)
    assert rates(200, 'LinearDecayLR', constant=100, decay=100, off_by_one=True)[-1] == 0.0


def test_rates_scale_with_the_multiplier_of_a_group():
    optimizer = PhaseOptimizer(torch.optim.SGD([dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=lr)
                                                for lr in (1.0, 0.1)], lr=1.0))
    scheduler = LinearDecayLR(optimizer, constant=0, decay=3)
    optimizer._global_step = 0
    scheduler.step()
    assert [g['lr'] for g in optimizer.optimizer.param_groups] == [pytest.approx(0.5), pytest.approx(0.05)]


def test_a_longer_plan_is_followed_after_a_resume():
    optimizer = PhaseOptimizer(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0))
    short = LinearDecayLR(optimizer, constant=2, decay=2, end=4)
    assert set(scheduler_state(short)) == {'last_step', '_global_step', '_last_value'}
    longer = LinearDecayLR(optimizer, constant=20, decay=10, end=30)
    longer.load_state_dict(scheduler_state(short))
    assert (longer.end, longer.constant) == (30, 20)


def test_plateau_reacts_to_the_metric_it_is_given():
    optimizer = PhaseOptimizer(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0))
    scheduler = find(PARAM_SCHEDULERS, 'ReduceOnPlateauLR', 'x')(optimizer=optimizer, monitor='L1', patience=1,
                                                                 factor=0.5)
    for value in (1.0, 0.5, 0.5, 0.5):
        scheduler.step(dict(L1=value))
    assert optimizer.optimizer.param_groups[0]['lr'] == 0.5


@pytest.mark.parametrize('arguments', [dict(constant=-1, decay=5), dict(constant=5, decay=0)])
def test_impossible_lengths_are_refused(arguments):
    with pytest.raises(ConfigError, match=r'constant: .* >= 0, found -1|decay: .* >= 1, found 0'):
        rates(1, 'LinearDecayLR', **arguments)


@pytest.mark.parametrize('by_epoch', [False, True])
@pytest.mark.parametrize(('constant', 'decay', 'off_by_one', 'end', 'done'), [
    (3, 4, False, 10**9, 0), (3, 4, True, 10**9, 0), (0, 5, True, 10**9, 3), (2, 30, False, 10**9, 5),
    (2, 4, False, 5, 0), (1, 2, False, 10**9, 8)])
def test_the_last_iteration_that_trains_is_found_as_by_steps(constant, decay, off_by_one, end, done, by_epoch):
    optimizer = torch.optim.SGD([{'params': [torch.nn.Parameter(torch.zeros(1))], 'lr': lr} for lr in (0.0, 0.3)])
    schedule = LinearDecayLR(optimizer, constant, decay, off_by_one, by_epoch, end=end)
    optimizer.step()
    length = 3 if by_epoch else 1
    follow([schedule], done, done // 3)
    loop = SimpleNamespace(iter=done, max_iters=40, epoch_iter=done % length, epoch_length=length)
    expected = _stepped_to_last(optimizer, [schedule], loop)
    assert _found_last(schedule, loop) == expected
    assert done <= expected <= 40


@pytest.mark.parametrize(('schedule', 'last'), [
    (dict(type='StepDecayLR', every=2), 1 / 8), (dict(type='StepDecayLR', every=1, by_epoch=True), 1),
    (dict(type='MultiStepLR', milestones=[2, 4], gamma=0.5, by_epoch=False), 1 / 4),
    ([dict(type='StepDecayLR', every=3), dict(type='MultiStepLR', milestones=[1], gamma=0.1)], 1 / 4)])
def test_the_schedule_of_a_run_counts_as_its_class_says(schedule, last, images, tmp_path):
    """Seven iterations of an epoch that is longer: MMEngine takes epochs for granted where a config does not say it."""
    schedule = {**schedule, '_delete_': True} if isinstance(schedule, dict) else schedule
    cfg = tiny_config('configs/cyclegan/synthetic.py', tmp_path, images, 7, {
        'param_scheduler': schedule, 'train_dataloader.dataset.length': 40,
        'train_cfg': dict(_delete_=True, max_iters=7)})
    runner = Runner.from_cfg(cfg)
    runner.train()
    (group,) = runner.optim_wrapper['G'].optimizer.param_groups
    assert group['lr'] == pytest.approx(group['initial_lr'] * last)


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_schedules_that_are_followed_step_in_turn(order):
    """Warm-up and cosine: each goes on from the rate that the other left, as in a training."""
    def built():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        kinds = (('CosineAnnealingLR', dict(T_max=20, eta_min=0.1, begin=2)),
                 ('LinearLR', dict(start_factor=0.1, end=6)))
        schedules = [find(PARAM_SCHEDULERS, name, 'x')(optimizer=optimizer, by_epoch=False, **arguments)
                     for name, arguments in (kinds[i] for i in order)]
        optimizer.step()
        return optimizer, schedules
    trained, schedules = built()
    for _ in range(9):
        for schedule in schedules:
            schedule.step()
    followed, schedules = built()
    follow(schedules, 9, 3)
    assert followed.param_groups[0]['lr'] == pytest.approx(trained.param_groups[0]['lr'], rel=1e-12)


@pytest.mark.parametrize(('iterations', 'epochs'), [(10, 3), (9, 3), (4, 0), (7, 7), (12, 1)])
def test_followed_schedules_take_as_many_steps_of_each_kind_as_the_training_had(iterations, epochs):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    by_epoch, by_iteration = (LinearDecayLR(optimizer, 0, 50, by_epoch=kind) for kind in (True, False))
    optimizer.step()
    follow([by_epoch, by_iteration], iterations, epochs)
    assert (by_epoch.last_step, by_iteration.last_step) == (epochs, iterations)
