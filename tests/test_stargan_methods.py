"""StarGAN and StarGAN v2: the order of updates and the losses against the authors' code, and what the methods
promise."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from sampled import assert_close
from torch import Tensor, nn

from toolbox.converters import from_official
from toolbox.engine.optim import build_optimizers
from toolbox.errors import ConfigError
from toolbox.hooks import EMAHook
from toolbox.losses import r1_penalty
from toolbox.methods import StarGAN, StarGANv2
from toolbox.methods.base import Method


def assert_parameters(net: nn.Module, expected: nn.Module) -> None:
    for (key, ours), theirs in zip(net.named_parameters(), expected.parameters(), strict=True):
        assert_close(ours, theirs, rtol=0, atol=1e-8, msg=lambda m, key=key: f'{key}: {m}')


@pytest.mark.parity
@pytest.mark.parametrize('name', ['step_stargan_celeba', 'step_stargan_celeba_targets'])
def test_stargan_trains_as_the_authors_code(parity, monkeypatch, name: str) -> None:
    data = parity(name)
    args, opt = data['args'], data['config']

    def network(net: str, state: dict[str, Tensor]) -> nn.Module:
        return from_official('stargan', 'Generator' if net == 'G' else 'Discriminator', args[net], state)

    names = [f'label {i}' for i in range(args['D']['c_dim'])]
    method = StarGAN(G=network('G', data['init']['G']), D=network('D', data['init']['D']), n_critic=opt['n_critic'],
                     w_cls=opt['lambda_cls'], w_rec=opt['lambda_rec'], attributes=names,
                     adversarial=dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=opt['lambda_gp']))
    optims = build_optimizers(method, {net: dict(nets=(net,), optimizer=dict(
        type='Adam', lr=opt[f'{net.lower()}_lr'], betas=(opt['beta1'], opt['beta2']))) for net in 'GD'})
    official = dict(d_loss_real=('D/real', 1), d_loss_fake=('D/fake', 1), d_loss_cls=('D/cls', opt['lambda_cls']),
                    d_loss_gp=('D/penalty', opt['lambda_gp']), g_loss_fake=('G/adv', 1),
                    g_loss_cls=('G/cls', opt['lambda_cls']), g_loss_rec=('G/rec', opt['lambda_rec']))
    for iteration, batch in enumerate(data['batches'][1:], 1):
        steps = [step for step in data['steps'] if step['iteration'] == iteration]
        monkeypatch.setattr(method, 'noise', lambda *_, alpha=steps[0]['alpha']: 2 * alpha - 1)
        label = batch['label']
        if name == 'step_stargan_celeba_targets':
            assert not torch.equal(label, label[steps[0]['rand_idx']])
        logs = method.train_step({'img': batch['x_real'].double(), 'attributes': label,
                                  'target_attributes': label[steps[0]['rand_idx']]}, optims)
        for step in steps:
            for theirs, (ours, weight) in official.items():
                if theirs in step['losses']:
                    assert float(logs[ours]) == pytest.approx(weight * step['losses'][theirs], abs=1e-8)
        last = {step['net']: step for step in steps}  # D is not changed by the step of G
        for net, step in last.items():
            assert_parameters(getattr(method, net), network(net, step['params_after']))


V2 = dict(G='generator', F='mapping_network', E='style_encoder', D='discriminator')
CLASSES = dict(G='Generator', F='MappingNetwork', E='StyleEncoder', D='Discriminator')


@pytest.mark.parity
def test_starganv2_trains_as_the_authors_code(parity, monkeypatch) -> None:
    data = parity('step_sgv2')
    config = data['config']

    def network(net: str, state: dict[str, Tensor]) -> nn.Module:
        args = dict(data['args'][V2[net]])
        args.update(dict(hidden_dim=16) if net == 'F' else dict(dim_in=8))  # their own copy for this fixture
        return from_official('starganv2', CLASSES[net], args, state)

    nets = {net: network(net, data['init'][official]) for net, official in V2.items()}
    method = StarGANv2(**nets, domains=('a', 'b'), w_diversity=config['lambda_ds'], diversity_iters=config['ds_iter'])
    adam = dict(type='Adam', betas=(config['beta1'], config['beta2']), weight_decay=config['weight_decay'],
                lr=config['lr'])
    optims = build_optimizers(method, dict(
        G=dict(nets=('G', 'F', 'E'), optimizer=adam, lr_mult=dict(F=config['f_lr'] / config['lr'])),
        D=dict(nets=('D',), optimizer=adam)))
    hook, runner = averages(method, {net: network(net, data['init_ema'][V2[net]]) for net in 'GFE'})
    keys = dict(x_src='img', x_ref='ref', x_ref2='ref2', y_src='label', y_ref='target')
    for number, batch in enumerate(data['batches'], 1):
        assert (batch['y_src'] != batch['y_ref']).any()
        tensors = {ours: batch[theirs].double() if batch[theirs].is_floating_point() else batch[theirs]
                   for theirs, ours in keys.items()}
        latents = dict(z=batch['z_trg'].double(), z2=batch['z_trg2'].double())
        monkeypatch.setattr(method, 'noise', lambda b, name, shape, latents=latents: latents[name])
        logs = method.train_step(tensors, optims)
        hook.after_train_iter(runner, batch_idx=number - 1)
        steps = {step['name']: step for step in data['steps'] if step['iteration'] == number}
        for phase, name in dict(D_latent='d_latent', D_reference='d_ref', G_latent='g_latent',
                                G_reference='g_ref').items():
            losses = steps[name]['losses']
            factors = dict(real=1, fake=1, adv=1, reg=config['lambda_reg'], sty=config['lambda_sty'],
                           cyc=config['lambda_cyc'], ds=-steps[name]['lambda_ds'])
            ours = dict(reg='r1', sty='style', cyc='cycle', ds='diversity')
            for key, value in losses.items():
                assert float(logs[f'{phase}/{ours.get(key, key)}']) == pytest.approx(factors[key] * value, abs=1e-8)
        if str(number) not in data['params_after']:
            continue
        for net, official in V2.items():
            assert_parameters(getattr(method, net), network(net, data['params_after'][str(number)][official]))
        for net in 'GFE':
            expected = network(net, data['ema_after'][str(number)][V2[net]]).state_dict()
            for key, value in hook.averages[net].items():
                assert_close(value, expected[key], rtol=0, atol=1e-8)


def averages(method: Method, start: dict[str, nn.Module]) -> tuple[EMAHook, SimpleNamespace]:
    """A hook whose averages begin with these networks, and what it takes for a runner."""
    hook, runner = EMAHook(nets=tuple(start), decay=0.999), SimpleNamespace(model=method)
    hook.averages = {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in start.items()}
    hook.before_train(runner)
    return hook, runner


# Plain unit tests, on networks of a few weights.

SIZES = dict(size=16, base_channels=2, max_channels=4)
NETS = dict(G=dict(type='StarGANGenerator', base_channels=2, blocks=1),
            D=dict(type='StarGANDiscriminator', base_channels=2, size=16, layers=2))
V2_NETS = dict(G=dict(type='StarGANv2Generator', style=4, **SIZES),
               F=dict(type='MappingNetwork', latent=4, style=4, hidden=4),
               E=dict(type='StyleEncoder', style=4, **SIZES), D=dict(type='StarGANv2Discriminator', **SIZES))


def images(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def sgd(method: Method) -> OptimWrapperDict:
    """One optimiser per key, steps equal to gradients."""
    nets: dict[str, set[str]] = {}
    for phase in method.schedule:
        nets.setdefault(phase.optimizer, set()).update(phase.trains)
    return build_optimizers(method, {key: dict(nets=tuple(names), optimizer=dict(type='SGD', lr=0.1))
                                     for key, names in nets.items()})


def joint_batch() -> dict[str, Tensor]:
    return {'img': images(4), 'attributes': torch.eye(4, 2), 'target_attributes': torch.ones(4, 2),
            'img2': images(4, 1),
            'label': torch.tensor([0, 1, 2, 0]), 'target': torch.tensor([2, 2, 1, 1])}


def test_two_label_sets_share_the_label_vector() -> None:
    method = StarGAN(**NETS, attributes=('a', 'b'), domains=('x', 'y', 'z'))
    assert (method.G.labels, method.D.labels) == (7, 5)
    first, second = method.sets
    assert method.vector(first, torch.tensor([[0.0, 1.0]])).tolist() == [[0, 1, 0, 0, 0, 1, 0]]
    assert method.vector(second, torch.tensor([2])).tolist() == [[0, 0, 0, 0, 1, 0, 1]]
    logits = torch.randn(3, 5)
    binary = first.loss(logits, torch.tensor([[0.0, 1.0]] * 3))
    expected = nn.functional.softplus(torch.stack([logits[:, 0], -logits[:, 1]], 1)).sum(1).mean()
    torch.testing.assert_close(binary, expected)
    torch.testing.assert_close(second.loss(logits, torch.tensor([0, 1, 2])),
                               -logits[:, 2:].log_softmax(1)[[0, 1, 2], [0, 1, 2]].mean())


def test_two_label_sets_are_updated_one_after_the_other() -> None:
    method = StarGAN(**NETS, attributes=('a', 'b'), domains=('x', 'y', 'z'), n_critic=2)
    optims = sgd(method)
    seen = [[key.split('/')[0] for key in method.train_step(joint_batch(), optims)] for _ in range(2)]
    assert [list(dict.fromkeys(keys)) for keys in seen] == [['D', 'D2'], ['D', 'G', 'D2', 'G2']]
    method.eval()
    shown = method.val_step({**joint_batch(), 'meta': [{}] * 4})[0]
    assert {f'fake_{name}' for name in ('a', 'not_a', 'b', 'not_b', 'x', 'y', 'z')} <= set(shown)


@pytest.mark.parametrize(('options', 'message'), [
    ({}, 'give attributes or domains'),
    (dict(attributes=('a', 'a')), 'each with a name of its own'),
    (dict(attributes=('a', 'b'), exclusive=(('a', 'c'),)), "exclusive: 'c' is not among"),
    (dict(domains=('x', 'y'), G=dict(NETS['G'], labels=3)), r'model\.G\.labels: expected 2 for these.*found 3'),
])
def test_labels_that_do_not_fit_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StarGAN(**{**NETS, **options})


def test_terms_of_weight_zero_are_not_computed() -> None:
    method = StarGANv2(**V2_NETS, domains=('a', 'b'), w_style=0, w_diversity=0, w_cycle=0, w_r1=0)
    passes: list[str] = []
    for name in 'GFED':
        getattr(method, name).register_forward_hook(lambda *_, name=name: passes.append(name))
    logs = method.train_step(v2_batch(), sgd(method))
    assert set(logs) == {f'{phase}/{term}' for phase, terms in dict(
        D_latent=('real', 'fake'), D_reference=('real', 'fake'), G_latent=('adv',), G_reference=('adv',)).items()
        for term in terms}
    assert {name: passes.count(name) for name in 'GFED'} == dict(G=4, F=2, E=2, D=6)


def v2_batch() -> dict[str, Tensor]:
    return {'img': images(3), 'ref': images(3, 1), 'ref2': images(3, 2), 'label': torch.tensor([0, 1, 1]),
            'target': torch.tensor([1, 0, 1])}


def test_the_weight_of_the_diversity_follows_from_the_iteration() -> None:
    found = []
    for iteration in (0, 3, 4, 9):
        torch.manual_seed(0)
        method = StarGANv2(**V2_NETS, domains=('a', 'b'), w_diversity=2.0, diversity_iters=4)
        method.iteration = iteration
        torch.manual_seed(1)
        found.append(method.train_step(v2_batch(), sgd(method)).get('G_latent/diversity'))
    assert found[2] is found[3] is None
    assert float(found[1] / found[0]) == pytest.approx(0.25)


def test_the_reference_phase_trains_the_generator_alone() -> None:
    method = StarGANv2(**V2_NETS, domains=('a', 'b'))
    optims = sgd(method)
    before = {}
    original = method.loss_G_reference

    def spy(b: object) -> dict[str, Tensor]:
        before.update({name: [p.detach().clone() for p in getattr(method, name).parameters()] for name in 'GFE'})
        return original(b)
    method.loss_G_reference = spy
    method.train_step(v2_batch(), optims)
    changed = {name: not all(map(torch.equal, before[name], getattr(method, name).parameters())) for name in 'GFE'}
    assert changed == dict(G=True, F=False, E=False)


def test_networks_must_agree_about_styles_and_domains_need_two_names() -> None:
    with pytest.raises(ConfigError, match=r"agree about the length of a style.*'G': 4, 'F': 5"):
        StarGANv2(**{**V2_NETS, 'F': dict(V2_NETS['F'], style=5)}, domains=('a', 'b'))
    with pytest.raises(ConfigError, match='at least two different names'):
        StarGANv2(**V2_NETS, domains=('a', 'a'))


def test_r1_is_half_the_squared_gradient() -> None:
    x, w = torch.rand(3, 2, 4, 4), torch.rand(2, 4, 4)
    penalty, out = r1_penalty(lambda x: (w * x ** 2).sum((1, 2, 3)), x)
    torch.testing.assert_close(penalty, 0.5 * (2 * w * x).square().sum((1, 2, 3)).mean())
    torch.testing.assert_close(out, (w * x ** 2).sum((1, 2, 3)))
    with torch.autocast('cpu', torch.bfloat16):
        conv = nn.Conv2d(2, 1, 3)
        assert r1_penalty(lambda x: conv(x).flatten(1).sum(1), x.bfloat16())[1].dtype == torch.float32


def test_starganv2_gives_several_translations_in_a_test_and_one_in_a_validation() -> None:
    torch.manual_seed(0)
    method = StarGANv2(**{**V2_NETS, 'F': dict(V2_NETS['F'], hidden=16)}, domains=('cat', 'dog'), outputs=3)
    data = {key: images(2, i) for i, key in enumerate(('img', 'ref', 'ref2', 'ref3'))}
    data |= {'label': torch.tensor([0, 1]), 'target': torch.tensor([1, 0]),
             'meta': [{'index': i, 'seed': i} for i in range(2)]}
    once, several = method.val_step(data)[1], method.test_step(data)[1]
    assert {key for key in several if key.startswith('fake')} == {f'fake_{name}{i}' for name in ('cat', 'dog', 'ref')
                                                                  for i in ('', '_1', '_2')}
    for name in ('cat', 'dog', 'ref'):
        assert torch.equal(several[f'fake_{name}'], once[f'fake_{name}']) and f'fake_{name}_1' not in once
        assert not torch.equal(several[f'fake_{name}'], several[f'fake_{name}_1'])
    assert method.val_step(data)[1].keys() == once.keys()
    del data['ref3']
    with pytest.raises(ConfigError, match="the batch holds no 'ref3'"):
        method.test_step(data)
    with pytest.raises(ConfigError, match=r'StarGANv2\.outputs: expected an integer in \[1, 1000\], found 0'):
        StarGANv2(**V2_NETS, domains=('cat', 'dog'), outputs=0)
