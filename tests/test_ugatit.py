"""U-GAT-IT against the authors' code, and what its parts promise."""

from __future__ import annotations

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn

from toolbox.backbones.ugatit import UGATITGenerator
from toolbox.converters import from_official
from toolbox.converters.ugatit import NAMES
from toolbox.engine.optim import PhaseOptimizer
from toolbox.engine.schedules import LinearDecayLR
from toolbox.errors import ConfigError
from toolbox.methods import UGATIT
from toolbox.methods.ugatit import cam_loss

CLASSES = {'gen': 'ResnetGenerator', 'dis': 'Discriminator'}
# official loss -> (ours, weight of ours)
LOSSES = {
    'D': {f'D_ad_{cam}loss_{name}': (f'D/{cam}{name}', 1) for cam in ('', 'cam_') for name in ('GA', 'LA', 'GB', 'LB')},
    'G': {f'G_ad_{cam}loss_{name}': (f'G/adv_{cam}{name}', 1) for cam in ('', 'cam_') for name in ('GA', 'LA', 'GB', 'LB')}
    | {f'G_{term}_loss_{name}': (f'G/{ours}_{name}', weight) for name in 'AB'
       for term, ours, weight in (('recon', 'cycle', 10), ('identity', 'identity', 10), ('cam', 'cam', 1000))}}


def official(data: dict, name: str, state: dict[str, Tensor]) -> nn.Module:
    args = data['args']['gen' if name.startswith('gen') else name[:4]]
    return from_official('ugatit', CLASSES[name[:3]], args, {k: v.double() for k, v in state.items()})


def adam(method: UGATIT, config: dict) -> OptimWrapperDict:
    """The official optimisers, weight decay on everything."""
    return OptimWrapperDict(**{phase.name: PhaseOptimizer(torch.optim.Adam(
        [p for name in phase.trains for p in getattr(method, name).parameters()], config['lr'], betas=(0.5, 0.999),
        weight_decay=config['weight_decay'])) for phase in method.schedule})


def clipped(method: UGATIT) -> list[Tensor]:
    """Every rho of both generators."""
    return [p for name in ('G_AB', 'G_BA') for key, p in getattr(method, name).named_parameters() if key.endswith('rho')]


@pytest.mark.parity
@pytest.mark.parametrize('merged', [True, False])
@pytest.mark.parametrize('name', ['step_ugatit'])
def test_ugatit_trains_as_the_authors_code(parity, name: str, merged: bool) -> None:
    """Four steps: every loss, the weights after steps 1 and 3, rho at its bounds, the decay of the learning rate."""
    data = parity(name)
    method = UGATIT(**{NAMES[key]: official(data, key, state) for key, state in data['init'].items()})
    method.G_AB.per_sample = method.G_BA.per_sample = merged
    optims = adam(method, data['config'])
    schedules = [LinearDecayLR(optims[key].optimizer, constant=2, decay=1, by_epoch=False) for key in 'DG']
    assert len(data['steps']) == 8
    for step in range(1, 5):
        batch = data['batches'][(step - 1) % 2]
        rates = [optims[key].optimizer.param_groups[0]['lr'] for key in 'DG']
        logs = method.train_step({key: value.double() for key, value in batch.items()}, optims)
        for stored, rate in zip(data['steps'][2 * step - 2:2 * step], rates, strict=True):
            assert stored['step'] == step and rate == pytest.approx(stored['lr'], abs=1e-18)
            table = LOSSES[stored['net']]
            for key, (ours, weight) in table.items():
                torch.testing.assert_close(logs[ours] / weight, torch.tensor(stored['losses'][key], dtype=torch.float64),
                                           rtol=0, atol=1e-8)
        for key, state in data['params_after'].get(str(step), {}).items():
            expected = official(data, key, state).state_dict()
            for ours, value in getattr(method, NAMES[key]).state_dict().items():
                torch.testing.assert_close(value, expected[ours], rtol=0, atol=1e-7)
        for schedule in schedules:
            schedule.step()
