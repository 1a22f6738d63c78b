"""UNIT and MUNIT against the authors' code, and what their parts promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from recipe import assert_probe, fill
from sampled import assert_close
from torch import Tensor, nn

from toolbox.converters import from_official
from toolbox.converters.munit_run import GENERATORS
from toolbox.engine.optim import build_optimizers
from toolbox.engine.schedules import StepDecayLR
from toolbox.methods import MUNIT, UNIT

METHODS = {'munit': MUNIT, 'unit': UNIT}


def split(family: str, args: dict, init: dict) -> dict[str, nn.Module]:
    """Our networks with the authors' weights of ``gen_a``, ``gen_b``, ``dis_a`` and ``dis_b``."""
    cls, _, _, parts = GENERATORS[family]
    nets: dict[str, nn.Module] = {}
    for domain in 'ab':
        whole = from_official(family, cls, args['gen'], init[f'gen_{domain}'])
        nets |= {f'{ours}_{domain.upper()}': whole.get_submodule(part) for ours, part, _ in parts}
        nets[f'D_{domain.upper()}'] = from_official(family, 'MsImageDis', args['dis'], init[f'dis_{domain}']).net
    return {name: net.double() for name, net in nets.items()}


def by_net(init: dict) -> dict[str, dict[str, Tensor]]:
    """Weights by the rule are those of one large network, as equal ones could be exchanged unseen."""
    if 'gen_a' in init:
        return init
    return {net: {key.removeprefix(f'{net}.'): value for key, value in init.items() if key.startswith(f'{net}.')}
            for net in ('gen_a', 'gen_b', 'dis_a', 'dis_b')}


def adam(method: nn.Module, config: dict) -> OptimWrapperDict:
    optimizer = dict(type='Adam', lr=config['lr'], betas=(config['beta1'], config['beta2']),
                     weight_decay=config['weight_decay'])
    return build_optimizers(method, {phase.name: dict(nets=phase.trains, optimizer=optimizer)
                                     for phase in method.schedule})


# Official loss -> (ours, the authors' weight of it)
SHARED = {f'gen_{official}_{x}': (f'G/{ours}_{x.upper()}', weight) for x in 'ab' for official, ours, weight in (
    ('recon_x', 'rec', 'recon_x_w'), ('adv', 'adv', 'gan_w'))} | {
    f'dis_{x}': (f'D/{x.upper()}', 'gan_w') for x in 'ab'}
LOSSES = {
    'munit': SHARED | {f'gen_{official}_{x}': (f'G/{ours}_{x.upper()}', weight) for x in 'ab'
                       for official, ours, weight in (('recon_s', 'style', 'recon_s_w'),
                                                      ('recon_c', 'content', 'recon_c_w'),
                                                      ('cycrecon_x', 'cycle', 'recon_x_cyc_w'))},
    'unit': SHARED | {f'gen_{official}_{x}': (f'G/{ours}_{x.upper()}', weight) for x in 'ab' for official, ours, weight
                      in (('recon_kl', 'kl', 'recon_kl_w'), ('cyc_x', 'cycle', 'recon_x_cyc_w'))} | {
        f'gen_recon_kl_cyc_{loop}': (f'G/kl_cycle_{x}', 'recon_kl_cyc_w') for x, loop in (('A', 'aba'), ('B', 'bab'))}}
# What each noise of a step is for, in the order in which the authors draw it
NOISE = {('munit', 'dis'): ('style A of D', 'style B of D'), ('munit', 'gen'): ('style A', 'style B'),
         ('unit', 'dis'): ('noise A of D', 'noise B of D'),
         ('unit', 'gen'): ('noise A', 'noise B', 'noise B again', 'noise A again')}


def replay(data: dict[str, Any]) -> tuple[list[dict[str, float]], dict[int, dict[str, dict[str, Tensor]]]]:
    """A training of the authors by our method: their losses by name, the weights of our networks after each iteration.
    """
    family, config = data['name'].removeprefix('step_'), data['config']
    weights = dict(w_adv=config['gan_w'], w_rec=config['recon_x_w'], w_cycle=config['recon_x_cyc_w'])
    weights |= (dict(w_style=config['recon_s_w'], w_content=config['recon_c_w']) if family == 'munit' else
                dict(w_kl=config['recon_kl_w'], w_kl_cycle=config['recon_kl_cyc_w']))
    method: Any = METHODS[family](**split(family, data['args'], by_net(data['init'])), **weights)
    optims = adam(method, config)
    schedules = [StepDecayLR(optims[key], every=config['step_size'], gamma=config['gamma'], off_by_one=True)
                 for key in 'DG']
    losses, after = [], {}
    for iteration, batch in enumerate(data['batches'], 1):
        steps = {step['net']: step for step in data['steps'] if step['iteration'] == iteration}
        drawn = {name: x.double().view(len(x), -1) if family == 'munit' else x.double()
                 for net, step in steps.items() for name, x in zip(NOISE[family, net], step['noise'], strict=True)}

        def noise(b: Any, name: str, shape: Any, drawn: dict[str, Tensor] = drawn) -> Tensor:
            assert drawn[name].shape[1:] == tuple(shape)
            return drawn.pop(name)
        method.noise = noise
        for key, net in (('D', 'dis'), ('G', 'gen')):
            assert optims[key].optimizer.param_groups[0]['lr'] == pytest.approx(steps[net]['lr'], abs=1e-18)
        logs = method.train_step({'A': batch['x_a'].double(), 'B': batch['x_b'].double()}, optims)
        assert not drawn, 'every noise is used once'
        assert {ours for ours, _ in LOSSES[family].values()} == logs.keys()
        losses.append({theirs: float(logs[ours]) / config[weight] for theirs, (ours, weight) in LOSSES[family].items()})
        after[iteration] = {name: {key: x.clone() for key, x in getattr(method, name).state_dict().items()}
                            for name in method.network_names()}
        for schedule in schedules:
            schedule.step()
    return losses, after


def assert_replayed(data: dict[str, Any]) -> None:
    losses, after = replay(data)
    for step in data['steps']:
        for key, value in step['losses'].items():
            if not key.endswith(('total', 'vgg_a', 'vgg_b')):
                assert losses[step['iteration'] - 1][key.removeprefix('loss_')] == pytest.approx(value, abs=1e-8), key
    for iteration, expected in data['params_after'].items():
        if 'made_by' not in data:
            nets = split(data['name'].removeprefix('step_'), data['args'], expected)
            expected = {name: net.state_dict() for name, net in nets.items()}
        found = after[int(iteration)]
        assert found.keys() == expected.keys()
        for name, state in found.items():
            for key, value in state.items():
                assert_close(value, expected[name][key], rtol=0, atol=1e-8,
                             msg=lambda m, key=f'{name}.{key}': f'{key}: {m}')


@pytest.mark.parity
@pytest.mark.parametrize('name', ['step_munit', 'step_unit'])
def test_trains_as_the_authors_code(parity: Callable, name: str) -> None:
    """Three iterations: every loss, the weights after iterations 1 and 3, the rate halved one iteration early."""
    assert_replayed(parity(name))


@pytest.mark.parity
@pytest.mark.parametrize(('family', 'name'), [('munit', 'mu_adaingen_b1'), ('munit', 'mu_msimagedis'),
                                              ('unit', 'mu_msimagedis_sn'), ('unit', 'un_vaegen')])
def test_networks_of_the_authors(parity: Callable, family: str, name: str) -> None:
    data = parity(name)
    for mode, expected in sorted(data['outputs'].items()):
        net = from_official(family, data['cls'], data['args'], data['state_dict']).train(mode == 'train')
        with torch.no_grad():
            assert_close(net(*data['inputs'].values()), expected, rtol=0, atol=1e-5)
        if mode == 'train':
            state = net.state_dict()
            for key, value in data['state_after_train_forward'].items():  # singular vectors
                layer, _, leaf = key.partition('.conv.module.weight_')
                ours = f'{layer.replace("cnns", "net.scales")}.conv.parametrizations.weight.0.{leaf}'
                assert_close(state[ours], value, rtol=0, atol=1e-5)


@pytest.mark.parity
@pytest.mark.parametrize(('family', 'name'), [('munit', 'full_mu_adaingen'), ('unit', 'full_un_vaegen'),
                                              ('munit', 'full_mu_vgg_loss')])
def test_default_widths_of_the_authors(parity: Callable, family: str, name: str) -> None:
    data = parity(name)
    shapes = dict(zip(data['state_keys'], map(tuple, data['state_shapes']), strict=True))
    net = from_official(family, data['cls'], data['args'], fill(shapes))
    assert sum(p.numel() for p in net.parameters()) == data['num_params']
    with torch.no_grad():
        outs = net(*data['inputs'].values())
    for out, probe in zip(outs, data['outputs']['eval'].values(), strict=name != 'full_mu_adaingen'):  # ours gives more
        assert_probe(out, probe)
