"""What surrounds the networks in an iteration and in a translation does nothing in vain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from toolbox.engine.optim import build_optimizers
from toolbox.methods.base import Method
from toolbox.methods.batch import Batch
from toolbox.methods.schedule import Phase
from toolbox.randomness.state import seed_torch

FLAGS: Counter[str] = Counter()


class Watched(nn.Parameter):
    """Counts how often its flag is set."""

    def __setattr__(self, name: str, value: Any) -> None:
        FLAGS[name] += 1
        super().__setattr__(name, value)


class TwoNetworks(Method):
    schedule = (Phase('D', ('D',), times=3), Phase('G', ('G',)))

    def __init__(self) -> None:
        super().__init__()
        self.G, self.D = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        for net in (self.G, self.D):
            net.weight = Watched(torch.ones(1, 1))

    def network_names(self) -> tuple[str, ...]:
        return ('G', 'D')

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        y = self.D(b.x)
        return {'one': y.mean(), 'two': y.sum(), 'three': y.amax()}

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return {'one': self.G(b.x).mean()}


@pytest.fixture
def trained() -> Iterator[tuple[TwoNetworks, Any, dict[str, Tensor]]]:
    method = TwoNetworks()
    optimizers = build_optimizers(method, {net: dict(nets=(net,), optimizer=dict(type='SGD', lr=0.1)) for net in 'DG'})
    data = {'x': torch.ones(2, 1)}
    method.train_step(data, optimizers)
    FLAGS.clear()
    yield method, optimizers, data


def test_a_flag_that_is_right_is_not_set_again(trained: tuple[TwoNetworks, Any, dict[str, Tensor]]) -> None:
    method, optimizers, data = trained
    method.train_step(data, optimizers)
    assert FLAGS['requires_grad'] == 4, 'two networks, two changes: not in each of four updates'


@pytest.mark.fault
def test_flags_that_others_changed_are_mended(trained: tuple[TwoNetworks, Any, dict[str, Tensor]]) -> None:
    method, optimizers, data = trained
    method.schedule = method.schedule[:1]  # the last update of an iteration and the first of the next have one network
    method.train_step(data, optimizers)
    before = [net.weight.detach().clone() for net in (method.G, method.D)]
    method.D.weight.requires_grad, method.G.weight.requires_grad = False, True
    method.train_step(data, optimizers)
    assert torch.equal(method.G.weight, before[0]) and not torch.equal(method.D.weight, before[1])
    assert not method.G.weight.requires_grad


def test_terms_are_added_and_nothing_else(trained: tuple[TwoNetworks, Any, dict[str, Tensor]],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    method, optimizers, data = trained
    made = []
    for name in 'DG':
        monkeypatch.setattr(optimizers[name], 'backward', lambda loss: made.append(loss.grad_fn))
    method.train_step(data, optimizers)
    assert [node.name() for node in made] == ['AddBackward0'] * 3 + ['MeanBackward0']
    sums = [node.name() for node, _ in made[0].next_functions]
    assert sums == ['AddBackward0', 'AmaxBackward0'], 'no zero is added to, nothing is divided by one'
    assert [node.name() for node, _ in made[0].next_functions[0][0].next_functions] == ['MeanBackward0', 'SumBackward0']


def test_a_method_in_evaluation_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    method = TwoNetworks().eval()
    monkeypatch.setattr(method, 'train', None)  # eval() would call it
    with method.evaluating():
        assert not method.training
    method = TwoNetworks()
    method.D.eval()
    with method.evaluating():
        assert not any(m.training for m in method.modules())
    assert method.training and method.G.training and not method.D.training


def test_seeding_without_devices_is_that_of_torch_without_its_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    monkeypatch.setattr(torch.accelerator, 'is_available', lambda: False)
    monkeypatch.setattr(torch, 'manual_seed', None)
    seed_torch(5)
    assert torch.equal(torch.rand(3), expected)
    asked: list[int] = []
    monkeypatch.setattr(torch, 'manual_seed', asked.append)
    monkeypatch.setattr(torch.accelerator, 'is_available', lambda: True)
    seed_torch(6, devices=False)
    assert asked == []
    seed_torch(7)
    assert asked == [7]
