"""StarGAN and StarGAN v2: the order of updates and the losses against the authors' code, and what the methods promise."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from toolbox.converters import from_official
from toolbox.engine.optim import build_optimizers
from toolbox.errors import ConfigError
from toolbox.hooks import EMAHook
from toolbox.methods import StarGAN, StarGANv2
from toolbox.methods.base import Method


def assert_parameters(net: nn.Module, expected: nn.Module) -> None:
    for (key, ours), theirs in zip(net.named_parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-8, msg=lambda m, key=key: f'{key}: {m}')


@pytest.mark.parity
@pytest.mark.parametrize(('name', 'labels'), [('step_stargan_celeba', 'attributes'), ('step_stargan_rafd', 'domains')])
def test_stargan_trains_as_the_authors_code(parity, monkeypatch, name: str, labels: str) -> None:
    data = parity(name)
    args, opt = data['args'], data['config']

    def network(net: str, state: dict[str, Tensor]) -> nn.Module:
        return from_official('stargan', 'Generator' if net == 'G' else 'Discriminator', args[net], state)

    names = [f'label {i}' for i in range(args['D']['c_dim'])]
    method = StarGAN(G=network('G', data['init']['G']), D=network('D', data['init']['D']), n_critic=opt['n_critic'],
                     w_cls=opt['lambda_cls'], w_rec=opt['lambda_rec'], **{labels: names})
    adam = dict(type='Adam', lr=opt['g_lr'], betas=(opt['beta1'], opt['beta2']))
    optims = build_optimizers(method, {net: dict(nets=(net,), optimizer=adam) for net in 'GD'})
    keys = ('attributes', 'target_attributes') if labels == 'attributes' else ('label', 'target')
    official = dict(d_loss_real='D/real', d_loss_fake='D/fake', d_loss_cls='D/cls', g_loss_fake='G/adv', g_loss_cls='G/cls')
    for iteration, batch in enumerate(data['batches'][1:], 1):
        steps = [step for step in data['steps'] if step['iteration'] == iteration]
        monkeypatch.setattr(method, 'noise', lambda *_, alpha=steps[0]['alpha']: 2 * alpha - 1)
        label = batch['label']
        labels = {keys[0]: label, keys[1]: label[steps[0]['rand_idx']]}
        logs = method.train_step({'img': batch['x_real'].double(), **labels}, optims)
        for step in steps:
            for theirs, ours in official.items():
                if theirs in step['losses']:
                    assert float(logs[ours]) == pytest.approx(step['losses'][theirs], abs=1e-8)
            if step['net'] == 'D':
                assert float(logs['D/penalty']) == pytest.approx(opt['lambda_gp'] * step['losses']['d_loss_gp'], abs=1e-8)
            else:
                assert float(logs['G/rec']) == pytest.approx(opt['lambda_rec'] * step['losses']['g_loss_rec'], abs=1e-8)
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
    adam = dict(type='Adam', betas=(config['beta1'], config['beta2']), weight_decay=config['weight_decay'], lr=config['lr'])
    optims = build_optimizers(method, dict(
        G=dict(nets=('G', 'F', 'E'), optimizer=adam, lr_mult=dict(F=config['f_lr'] / config['lr'])),
        D=dict(nets=('D',), optimizer=adam)))
    hook, runner = averages(method, {net: network(net, data['init_ema'][V2[net]]) for net in 'GFE'})
    keys = dict(x_src='img', x_ref='ref', x_ref2='ref2', y_src='label', y_ref='target')
    for number, batch in enumerate(data['batches'], 1):
        tensors = {ours: batch[theirs].double() if batch[theirs].is_floating_point() else batch[theirs]
                   for theirs, ours in keys.items()}
        latents = dict(z=batch['z_trg'].double(), z2=batch['z_trg2'].double())
        monkeypatch.setattr(method, 'noise', lambda b, name, shape, latents=latents: latents[name])
        logs = method.train_step(tensors, optims)
        hook.after_train_iter(runner, batch_idx=number - 1)
        steps = {step['name']: step for step in data['steps'] if step['iteration'] == number}
        for phase, name in dict(D_latent='d_latent', D_reference='d_ref', G_latent='g_latent', G_reference='g_ref').items():
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
                torch.testing.assert_close(value, expected[key], rtol=0, atol=1e-8)


def averages(method: Method, start: dict[str, nn.Module]) -> tuple[EMAHook, SimpleNamespace]:
    """A hook whose averages begin with these networks, and what it takes for a runner."""
    hook, runner = EMAHook(nets=tuple(start), decay=0.999), SimpleNamespace(model=method)
    hook.averages = {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in start.items()}
    hook.before_train(runner)
    return hook, runner
