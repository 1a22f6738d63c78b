"""UNIT and MUNIT against the authors' code, and what their parts promise."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from mmengine.optim import OptimWrapperDict
from recipe import assert_probe, fill
from sampled import assert_close, assert_outputs
from test_converters import official_state
from torch import Tensor, nn

from toolbox import Translator
from toolbox.backbones import MUNITDecoder
from toolbox.converters import FAMILIES, convert_checkpoint, from_official
from toolbox.converters.munit_run import GENERATORS, infer_discriminator
from toolbox.engine.optim import build_optimizers
from toolbox.engine.schedules import StepDecayLR
from toolbox.errors import CheckpointError, ConfigError
from toolbox.features import CaffeVGG16
from toolbox.features.classifiers import NETWORKS, vgg
from toolbox.features.weights import random_state
from toolbox.losses import PerceptualLoss
from toolbox.methods import MUNIT, UNIT
from toolbox.use.load import load_method

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
            assert_outputs(net(*data['inputs'].values()), expected, 1e-5)
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


# Files of the authors

GEN = dict(dim=2, n_res=1, style_dim=3, mlp_dim=4)
DIS = dict(dim=2, n_layer=2, num_scales=2)


def as_official(family: str, cls: str, params: dict) -> dict[str, Tensor]:
    """Random weights under the official names, in the form that the authors' networks have."""
    recipe = FAMILIES[family][cls]
    args = recipe.complete(dict(input_dim=3, params=params), cls)
    net = recipe.build(args)
    for p in net.parameters():
        nn.init.normal_(p)
    state = official_state(net, recipe, args)
    for leaf in ('weight', 'bias'):
        if parts := [state.pop(key) for key in sorted(state) if re.fullmatch(rf'mlp\.model\.2\.fc\.\d+\.{leaf}', key)]:
            state[f'mlp.model.2.fc.{leaf}'] = torch.cat([torch.cat(part.chunk(2)[::-1]) for part in parts])
    names = {} if params.get('norm') == 'bn' else {'norm.weight': 'norm.gamma', 'norm.bias': 'norm.beta'}
    return {next((key.replace(ours, theirs) for ours, theirs in names.items() if key.endswith(ours)), key): value
            for key, value in state.items()}


def a_run(folder: Path, family: str, old: bool = False) -> dict[str, dict]:
    torch.manual_seed(0)
    cls, _, encoder, _ = GENERATORS[family]
    states = {f'{kind}_{domain}': as_official(family, *of) for domain in 'ab'
              for kind, of in (('gen', (cls, GEN)), ('dis', ('MsImageDis', DIS)))}
    saved = {key: dict(state) for key, state in states.items()}
    for domain in 'ab' if old else '':  # PyTorch 0.3: instance norms have statistics, too
        for norm in (f'{encoder}.model.0.norm', f'{encoder}.model.3.model.0.model.1.norm',
                     'dec.model.0.model.0.model.0.norm'):
            saved[f'gen_{domain}'] |= {f'{norm}.running_mean': torch.zeros(2), f'{norm}.running_var': torch.ones(2)}
    for step in (20, 1000):
        for kind in ('gen', 'dis'):
            torch.save({domain: saved[f'{kind}_{domain}'] for domain in 'ab'}, folder / f'{kind}_{step:08d}.pt')
    return states


@pytest.mark.parametrize('old', [False, True])
@pytest.mark.parametrize('family', ['munit', 'unit'])
def test_a_run_becomes_a_checkpoint_that_translates(tmp_path: Path, family: str, old: bool) -> None:
    states = a_run(tmp_path, family, old)
    path = convert_checkpoint(family, tmp_path, tmp_path / 'ours.pth', epoch='1000')
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint['meta']['files'] == ['gen_00001000.pt', 'dis_00001000.pt']
    assert 'networks' not in checkpoint['meta']
    method, directions = load_method(path)
    assert directions[:2] == ('AtoB', 'BtoA')
    x = torch.rand(1, 3, 16, 20) * 2 - 1
    cls, _, _, _ = GENERATORS[family]
    of_a, of_b = (from_official(family, cls, dict(input_dim=3, params=GEN), states[f'gen_{domain}']) for domain in 'ab')
    with torch.no_grad():
        if family == 'unit':
            expected = of_b.decoder(of_a.encoder(x))
            found = method.ask('AtoB', {'A': x})
        else:
            reference = torch.rand(1, 3, 18, 16)
            expected = of_b.decoder(of_a.content(x), of_b.style(reference))
            found = method.ask('AtoB', {'A': x}, reference=reference)
        torch.testing.assert_close(found, expected)
        D = from_official(family, 'MsImageDis', dict(input_dim=3, params=DIS), states['dis_b'])
        torch.testing.assert_close(tuple(method.D_B(x)), D(x))


def test_a_file_of_generators_alone_translates(tmp_path: Path) -> None:
    a_run(tmp_path, 'munit', old=True)
    (tmp_path / 'gen_00001000.pt').rename(tmp_path / 'edges2shoes.pt')
    code, _, err = command('convert_checkpoint.py', 'munit', str(tmp_path / 'edges2shoes.pt'), str(tmp_path / 'a.pth'))
    assert (code, err) == (0, '')
    assert set(torch.load(tmp_path / 'a.pth', weights_only=True)['meta']['networks']) == {
        f'{net}_{domain}' for net in ('content', 'style', 'G') for domain in 'AB'}
    assert Translator(tmp_path / 'a.pth')(np.zeros((17, 30, 3), np.uint8)).shape == (17, 30, 3)


def test_files_that_do_not_fit_are_explained(tmp_path: Path) -> None:
    a_run(tmp_path, 'unit')
    with pytest.raises(CheckpointError, match=r"gen_<iteration>.pt of iteration '7' there. Iterations found: 20, 1000"):
        convert_checkpoint('unit', tmp_path, tmp_path / 'a.pth', epoch='7')
    with pytest.raises(CheckpointError, match=r'not an AdaINGen of MUNIT: .* is missing. For the files of UNIT type'):
        convert_checkpoint('munit', tmp_path, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='not an MsImageDis'):
        (tmp_path / 'gen_00001000.pt').replace(tmp_path / 'dis_00000020.pt')
        convert_checkpoint('unit', tmp_path, tmp_path / 'a.pth', epoch='20')
    for params, message in (({'pad_type': 'zero'}, "params.pad_type: 'zero' cannot be converted, only reflect"),
                            ({'activ': 'lrelu'}, "params.activ: 'lrelu' cannot be converted, only relu")):
        with pytest.raises(CheckpointError, match=message):
            from_official('munit', 'AdaINGen', dict(input_dim=3, params=params), {})
    with pytest.raises(CheckpointError, match='params: expected the dict of gen or dis'):
        from_official('munit', 'MsImageDis', dict(input_dim=3, params=4), {})


@pytest.mark.parametrize('norm', ['none', 'sn', 'in', 'ln', 'bn'])
def test_the_discriminator_is_read_off_the_weights(norm: str) -> None:
    params = {**DIS, 'norm': norm}
    state = as_official('munit', 'MsImageDis', params)
    if norm == 'sn':
        state = {re.sub(r'\.1\.conv\.', '.1.conv.module.', key).replace('weight_orig', 'weight_bar'): value
                 for key, value in state.items()}
    if norm == 'in':
        state |= {f'cnns.{i}.1.norm.running_{leaf}': torch.ones(4) for i in range(2) for leaf in ('mean', 'var')}
    args = infer_discriminator(state, 'here')
    assert args == dict(input_dim=3, params=params)
    net = from_official('munit', 'MsImageDis', args, state)
    assert net.net.scales[0][1].norm.__class__.__name__ == dict(
        none='NoNorm', sn='NoNorm', bn='BatchNorm', ln='LayerNorm')[norm] if norm != 'in' else 'InstanceNorm'


# What the parts promise

NET, JUDGE = dict(base_channels=2, blocks=1), dict(type='MultiscaleLogits', base_channels=2, scales=2, layers=2)


def munit(**changes: Any) -> MUNIT:
    torch.manual_seed(0)
    content, style = dict(type='MUNITContentEncoder', **NET), dict(type='MUNITStyleEncoder', base_channels=2, style=3)
    decoder = dict(type='MUNITDecoder', **NET, style=3, hidden=4)
    nets = dict(content=content, style=style, G=decoder, D=JUDGE)
    return MUNIT(**{**{f'{name}_{x}': net for name, net in nets.items() for x in 'AB'}, **changes}).double()


def unit(**changes: Any) -> UNIT:
    torch.manual_seed(0)
    nets = dict(E=dict(type='MUNITContentEncoder', **NET), G=dict(type='UNITDecoder', **NET), D=JUDGE)
    return UNIT(**{**{f'{name}_{x}': net for name, net in nets.items() for x in 'AB'}, **changes}).double()


def images(count: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {key: torch.rand(count, 3, 16, 16, generator=generator, dtype=torch.float64) * 2 - 1 for key in 'AB'}


CONFIG = dict(lr=1e-4, beta1=0.5, beta2=0.999, weight_decay=0.0)


def test_each_network_runs_no_more_often_than_the_losses_need() -> None:
    for method, weights, calls in (
            (munit, {}, dict(content=2, style=2, G=3, D=3)),
            (munit, dict(w_cycle=1.0), dict(content=2, style=2, G=4, D=3)),
            (munit, dict(w_content=0.0, w_rec=0.0), dict(content=1, style=2, G=2, D=3)),
            (unit, {}, dict(E=2, G=4, D=3)),
            (unit, dict(w_cycle=0.0, w_kl_cycle=0.0, w_rec=0.0, w_kl=0.0), dict(E=1, G=2, D=3))):
        model = method(**weights)
        found = dict.fromkeys(model.network_names(), 0)
        for name in found:
            getattr(model, name).register_forward_hook(lambda *_, n=name, c=found: c.__setitem__(n, c[n] + 1))
        model.train_step(images(), adam(model, CONFIG))
        assert found == {f'{name}_{x}': count for name, count in calls.items() for x in 'AB'}


def test_discriminators_alone_train_in_their_phase() -> None:
    for method in (munit(), unit()):
        optims = adam(method, CONFIG)
        before = {key: value.clone() for key, value in method.state_dict().items()}
        optims['G'].step = lambda: None
        method.train_step(images(), optims)
        changed = {key.partition('.')[0] for key, value in method.state_dict().items()
                   if not torch.equal(value, before[key])}
        assert changed == {'D_A', 'D_B'}


def test_a_translation_takes_the_style_that_is_asked_for() -> None:
    method, b = munit(), images(1)
    ask = partial(method.ask, 'BtoA', {'B': b['B']})
    by_seed = ask(seed=3)
    assert torch.equal(by_seed, ask(style=method.style_of('BtoA', seed=3))) and not torch.equal(by_seed, ask(seed=4))
    guided = ask(reference=b['A'])
    with torch.no_grad():
        torch.testing.assert_close(guided, method.G_A(method.content_B(b['B']), method.style_A(b['A'])))
    assert not torch.equal(guided, method.ask('BtoA', {'B': b['B']}, reference=b['B']))
    assert unit().directions['AtoB'].options == ()


def test_a_test_makes_as_many_translations_as_asked_for() -> None:
    method = munit(outputs=3)
    shown = method.test_step({**images(), 'meta': [{'seed': i} for i in range(2)]})[0]
    fakes = [shown[key] for key in ('fake_B', 'fake_B_1', 'fake_B_2')]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(fakes, 2))
    validated = method.val_step({**images(), 'meta': [{'seed': i} for i in range(2)]})[0]
    assert 'fake_B_1' not in validated and torch.equal(validated['fake_B'], fakes[0])
    assert validated.keys() - {'meta'} == method.pictures.keys() - {f'fake_{x}_{i}' for x in 'AB' for i in (1, 2)}


def test_the_codes_of_unit_have_noise_in_training_alone() -> None:
    method, b = unit(), images()
    seen: list[Tensor] = []
    method.G_B.register_forward_hook(lambda net, given, out: seen.append(given[0].detach()))
    method.train_step(b, adam(method, CONFIG))
    of_D, of_G = seen[0], seen[2]  # between them lies the cycle of B
    with torch.no_grad():
        again = unit().E_A(b['A'])
    assert not torch.equal(of_D, of_G), 'each update draws noise of its own'
    for code in (of_D, of_G):
        noise = code - again
        assert abs(float(noise.mean())) < 0.2 and 0.8 < float(noise.std()) < 1.2
    method = unit()
    assert torch.equal(method.ask('AtoB', {'A': b['A']}), method.ask('AtoB', {'A': b['A']}))
    with torch.no_grad():
        torch.testing.assert_close(method.ask('AtoB', {'A': b['A']}), method.G_B(method.E_A(b['A'])))


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: unit(G_B=dict(type='UNITDecoder', base_channels=2, ups=1)), r'found .*G_A 8 and 1/4, G_B 4 and 1/2'),
    (lambda: munit(content_A=dict(type='MUNITContentEncoder', base_channels=4)), 'must agree about the channels'),
    (lambda: munit(style_B=dict(type='MUNITStyleEncoder', base_channels=2, style=5)), 'found 5 and 3. Set style'),
    (lambda: unit(E_A=dict(type='ResnetGenerator', base_channels=2)), 'does not state content_channels; an encoder'),
    (lambda: munit().style_A(torch.zeros(1, 3, 15, 16)), 'at least 16'),
    (lambda: munit().content_A(torch.zeros(1, 3, 18, 16)), 'multiples of 4'),
    (lambda: munit().G_A(torch.zeros(1, 8, 4, 4), torch.zeros(2, 3)), r'styles \(1, 3\), found \(2, 3\)'),
    (lambda: unit().G_A(torch.zeros(1, 4, 4, 4)), r'contents \(N, 8, h, w\), found \(1, 4, 4, 4\)'),
])
def test_what_does_not_fit_is_explained(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_decoder_takes_other_norms() -> None:
    content, style = torch.rand(2, 8, 4, 4), torch.rand(2, 3)
    for norm, depends in (('AdaIN', True), ('AdaLIN', True), ('IN', False)):
        net = MUNITDecoder(**NET, style=3, hidden=4, norm=dict(type=norm))
        assert torch.equal(net(content, style), net(content, 1 - style)) != depends


def test_features_without_their_style_tell_the_domain_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaled and shifted features of a channel are the same features."""
    loss = PerceptualLoss(layers={'relu1_1': 1.0}, distance='l2', instance_norm=True,
                          features=dict(type='CaffeVGG16', weights='random'))
    taps = {'a': torch.rand(1, 4, 8, 8), 'b': torch.rand(1, 4, 8, 8)}
    monkeypatch.setattr(loss.features, 'taps', lambda x, names: {'relu1_1': taps['ab'[int(x.mean())]]})
    zero, one = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    normed = [(x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
              for x in taps.values()]
    torch.testing.assert_close(loss(zero, one), (normed[0] - normed[1]).square().mean())
    taps['b'] = 3 * taps['a'] + 5
    assert float(loss(zero, one)) < 1e-6


def test_the_weights_of_caffe_go_by_either_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, 'CaffeVGG16', (
        lambda: vgg(2, 2, 3, 3, 3, widths=(2, 2, 2, 2, 2), pooled=3), NETWORKS['CaffeVGG16'][1]))
    state = random_state(NETWORKS['CaffeVGG16'][0](), 5)
    places = {f'features.{i}': layer for layer, (_, i) in vgg(2, 2, 3, 3, 3, pooled=3).taps.items() if 'conv' in layer}
    official = {f'{places[key.rpartition(".")[0]]}.{key.rpartition(".")[2]}': value for key, value in state.items()}
    x, outs = torch.rand(1, 3, 32, 32) * 2 - 1, []
    for name, weights in (('ours', {**state, 'classifier.0.weight': torch.zeros(1)}), ('theirs', official)):
        torch.save(weights, tmp_path / name)
        outs.append(CaffeVGG16(('relu5_3',), weights=tmp_path / name).taps(x)['relu5_3'])
    assert outs[0].shape == (1, 2, 4, 4) and torch.equal(*outs) and outs[0].any()
