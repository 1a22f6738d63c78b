"""The plain loops with which the toolbox's speed is compared do the same work: they train the same weights."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from test_distributed import largest_difference
from test_stargan_methods import sgd
from tiny import collect, config_file, some_by_turn

from toolbox.benchmarks.compared import plain_loop
from toolbox.benchmarks.plain import PLAIN
from toolbox.benchmarks.step import enter
from toolbox.engine.config import load_config
from toolbox.engine.optim import build_optimizers
from toolbox.errors import ConfigError
from toolbox.methods.base import Method
from toolbox.pyramids import Pyramid
from toolbox.registry import METHODS, build

L1 = dict(type='L1Loss', _delete_=True)
RATE = 1e-4
UNUSED = ''  # what a plain loop draws and does not use
ENCODED = ('content A', 'content B')
EXCHANGED = ('content of fake A', 'content of fake B', 'attribute of fake A', 'attribute of fake B')
ADAIN = ('style A of D', 'style B of D', 'style A', 'style B')
# Of each config: changes of its model, and the names of the toolbox's noise in the order in which the plain loop draws
# it, for each iteration of a cycle.
CASES: dict[str, tuple[dict[str, Any], list[tuple[str, ...]]]] = {
    'aggan/synthetic': (dict(w_cycle=3.0, pool_size=50), [()]),
    'autoencoder/synthetic': ({}, [()]),
    'cgan/synthetic': ({}, [('z',)]),
    'cyclegan/synthetic': (dict(w_identity_A=5.0, w_identity_B=5.0, pool_size=50), [()]),
    'dcgan/synthetic': ({}, [('z',)]),
    'drit/synthetic': (dict(d_iter=2, w_cycle=7.0, w_latent=3.0), [ENCODED, (
        *ENCODED, 'attribute A', 'attribute B', 'code 0', 'code 1', *EXCHANGED,
        'content again A', 'content again B', *2 * [UNUSED], 'code again 0', 'code again 1', *4 * [UNUSED])]),
    'esrgan/synthetic': (dict(pretrain_iters=0), [()]),
    'gan/synthetic': ({'D.dropout': 0.0}, [('z',)]),
    'inpainting/synthetic': (dict(region='whole', w_global=0.3, w_patch=0.2), [()]),
    'munit/synthetic': (dict(w_cycle=3.0, w_vgg=2.0, perceptual=L1), [ADAIN]),
    'pix2pix/synthetic': ({'G.dropout': 0.0}, [()]),
    'pix2pix/synthetic_colorization': ({'G.dropout': 0.0}, [()]),
    'pix2pixhd/synthetic': (dict(pool_size=0, perceptual=L1, w_vgg=10.0), [()]),
    'pix2pixhdpp/synthetic': (dict(perceptual=L1, w_vgg=10.0), [()]),
    'spade/synthetic': (dict(perceptual=L1, w_vgg=10.0), [()]),
    'spade/synthetic_vae': (dict(perceptual=L1, w_kl=0.3), [('z of G', 'z of D')]),
    'srgan/synthetic': (dict(pretrain_iters=0, w_rec=2.0), [()]),
    'stargan/synthetic': (dict(w_cls=2.0), [('penalty img',), ('penalty img',)]),
    'starganv2/synthetic': ({'w_style': 3.0, 'w_r1': 2.0}, [('z', 'z2')]),
    'ugatit/synthetic': (dict(w_adv=2.0, w_identity=5.0), [()]),
    'unit/synthetic': (dict(w_vgg=2.0, perceptual=L1), [(
        'noise A of D', 'noise B of D', 'noise A', 'noise B', 'noise B again', 'noise A again')]),
    'vae/fashion_mnist': (dict(beta=2.0), [('z',)]),
    'vae/synthetic': (dict(beta=2.0), [('z',)]),
    'wgan/synthetic': (dict(n_critic=2, long_runs=None), [('z of D',), ('z of D', 'z of G 0')]),
    'wgan_gp/synthetic': (dict(n_critic=2, dequantize=0.1, G_batches=2), [
        ('dequantize', 'z of D', 'penalty'), ('dequantize', 'z of D', 'penalty', 'z of G')])}


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def tiny_method(path: str, changes: dict[str, Any]) -> tuple[Method, Any]:
    """With optimisers whose steps are gradients, clipped where the config says so."""
    small: dict[str, Any] = {}
    collect(config_file(f'configs/{path}.py')._cfg_dict, '', small)
    model = {key: value for key, value in small.items() if key.startswith('model.')}
    cfg = load_config(path, {**model, **{f'model.{key}': value for key, value in changes.items()}})
    method = build(cfg.model, METHODS).train()
    method.init_weights()
    for part in cfg.optim_wrapper.values():
        part.optimizer = dict(type='SGD', lr=RATE)
    return method, build_optimizers(method, cfg.optim_wrapper)


def by_sgd(plain: Any) -> None:
    """Steps equal to gradients, in place of the authors' optimisers."""
    def replaced(optim: torch.optim.Optimizer) -> torch.optim.Optimizer:
        return torch.optim.SGD([p for group in optim.param_groups for p in group['params']], RATE)
    for name, value in list(vars(plain).items()):
        if isinstance(value, torch.optim.Optimizer):
            setattr(plain, name, replaced(value))
    if hasattr(plain, 'optims'):
        plain.optims = {name: replaced(optim) for name, optim in plain.optims.items()}


def play_back(monkeypatch: pytest.MonkeyPatch, plain: Any, drawn: dict[str, torch.Tensor], names: list[str]) -> None:
    """The plain loop draws what the toolbox drew, by these names."""
    if 'z of G 0' in drawn:
        drawn['z of G'] = torch.cat([x for name, x in drawn.items() if name.startswith('z of G ')])

    def normal(like: torch.Tensor, *shape: int) -> torch.Tensor:
        noise = drawn.get(names.pop(0), torch.zeros(shape))
        assert noise.shape == shape
        return noise
    monkeypatch.setattr(plain, 'normal', normal, raising=False)
    monkeypatch.setattr(plain, 'uniform', lambda *args: (normal(*args) + 1) / 2, raising=False)


@pytest.mark.parametrize('path', some_by_turn(CASES, 8))
def test_a_plain_loop_trains_the_same_weights(path: str, float64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, names = CASES[path]
    torch.manual_seed(0)
    ours, optims = tiny_method(path, changes)
    batches = [ours.example(2, (32, 32)) for _ in range(2 * len(names))]
    ours.enter_stage(batches[0])
    before, plain = copy.deepcopy(ours.state_dict()), plain_loop(theirs := copy.deepcopy(ours))
    by_sgd(plain)
    drawn, noise = {}, ours.noise

    def recorded(b: Any, name: str, *args: Any) -> torch.Tensor:
        drawn[name] = noise(b, name, *args)
        return drawn[name]
    monkeypatch.setattr(ours, 'noise', recorded)
    for iteration, batch in enumerate(batches):
        drawn.clear()
        ours.train_step(batch, optims)
        left = [*names[iteration % len(names)]]
        play_back(monkeypatch, plain, drawn, left)
        plain.step(batch)
        assert not left
    for name in ours.network_names():
        mine, plain_ones, old = ({key: value for key, value in state.items() if key.startswith(f'{name}.')}
                                 for state in (ours.state_dict(), theirs.state_dict(), before))
        assert largest_difference(mine, plain_ones) <= 1e-7 * largest_difference(plain_ones, old) > 0, name


@pytest.mark.parametrize('stage', ['scale 0', 'scale 2'])
def test_the_plain_loop_of_one_image_trains_the_same_weights(stage, float64, monkeypatch):
    torch.manual_seed(0)
    nets = {net: dict(type=f'SinGAN{kind}', base_channels=4) for net, kind in (('G', 'Generator'),
                                                                              ('D', 'Discriminator'))}
    ours = build(dict(type='SinGAN', **nets, pyramid=Pyramid.of_image((26, 33), min_size=20).as_dict()), METHODS)
    ours.init_weights()
    batch = ours.train().example(1, (26, 33))
    assert enter(ours, batch, stage) == f', {stage}'
    theirs = copy.deepcopy(ours)
    plain, before = PLAIN['SinGAN'](theirs), copy.deepcopy(ours.state_dict())
    plain.optim_G, plain.optim_D = (torch.optim.SGD(net.parameters(), 0.1) for net in (plain.G, plain.D))
    drawn, noise = {}, ours.noise

    def recorded(b, name, *args):
        drawn[name, ours.repetition] = noise(b, name, *args)
        return drawn[name, ours.repetition]
    monkeypatch.setattr(ours, 'noise', recorded)
    n, optims = int(stage[-1]), sgd(ours)
    for _ in range(2):
        ours.train_step(batch, optims)
        draws = [drawn[f'z at scale {n}', 0]]
        draws += [drawn[f'below {step} at scale {m}', 0] for step in range(3) for m in range(n)]
        alphas = [(drawn['penalty', step] + 1) / 2 for step in range(3)]
        monkeypatch.setattr(plain, 'normal', lambda shape, draws=draws: draws.pop(0))
        monkeypatch.setattr(plain, 'uniform', lambda alphas=alphas: alphas.pop(0))
        plain.step(batch)
        assert not draws and not alphas
    for key, value in theirs.state_dict().items():
        assert torch.allclose(ours.state_dict()[key], value, rtol=0, atol=1e-8), key
        if key.endswith('weight'):
            assert torch.equal(value, before[key]) != (f'.scales.{n}.' in key), key


def test_a_stage_that_is_not_there_is_one_error():
    cyclegan = build(dict(type='Pix2Pix', G=dict(type='UnetGenerator', base_channels=2, downs=5),
                          D=dict(type='PatchDiscriminator', in_channels=6, base_channels=2)), METHODS)
    with pytest.raises(ConfigError, match="no stages', found 'scale 0'"):
        enter(cyclegan, {}, 'scale 0')
