"""FullyShard: two processes (gloo) that share the weights equal two that have all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked
import pytest
import torch
from test_distributed import CASES, largest_difference, write_config
from test_matrix import steady
from tiny import tiny_config

from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.engine.optim import build_optimizers
from toolbox.engine.sharding import FullyShard, whole
from toolbox.errors import ConfigError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.registry import METHODS, build
from toolbox.use.load import load_method

CYCLEGAN, PIX2PIX = CASES['cyclegan'], CASES['pix2pix']
# What a sharded network must go through: units, averages, two calls before one backward, a frozen network; and with
# Pix2Pix a gradient penalty, spectral norm, joined BatchNorm, accumulation, clipping and the check of gradients.
SHARDED = {
    'cyclegan': (CYCLEGAN[0], {
        **CYCLEGAN[1], 'custom_hooks': [dict(type='EMAHook', nets=('G_AB', 'G_BA'), decay=0.9, begin=1)]},
        dict(type='FullyShard', units=('ResidualBlock', 'ConvNormReLU'))),
    'pix2pix': (PIX2PIX[0], {
        **PIX2PIX[1], 'model.G.norm': dict(type='BN'), 'sync_bn': 'torch',
        'model.adversarial': dict(type='AdversarialLoss', mode='wgan-gp'), 'model.D.spectral': True,
        'model.accumulate': 2,
        'train_dataloader.batch_size': 2, 'optim_wrapper.G.lr_mult': dict(G=0.5),
        'optim_wrapper.G.clip_grad': dict(max_norm=0.01),
        'optim_wrapper.D.clip_grad': dict(type='value', clip_value=0.01), 'default_hooks.health.on_nonfinite': 'skip',
        'custom_hooks': [dict(type='EMAHook', nets=('G', 'D'), decay=0.9)]},
        dict(type='FullyShard')),
    # Stages, at whose beginning processes take the weights of the first one, and which take over others in SinGAN.
    'singan': ('configs/singan/synthetic.py', {'default_hooks.samples': None, **steady('configs/singan/synthetic.py')},
               dict(type='FullyShard')),
}
WHOLE = ('cyclegan', 'pix2pix')  # in all combinations
ITERS = 4


@pytest.fixture(scope='module', autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def train_all(root: Path, images: Path) -> None:
    files = []

    def add(name: str, method: str, sharded: bool, source: str = '', **more: Any) -> None:
        path, options, wrapper = SHARDED[method]
        cfg = tiny_config(path, root / name, images, ITERS, {
            **options, **({'model_wrapper_cfg': wrapper} if sharded else {}), **more})
        if source:
            cfg.resume, cfg.load_from = not name.startswith('test'), str(root / source)
        files.append(write_config(cfg, root / f'{name}.py'))

    one = tiny_config(CYCLEGAN[0], root / 'one', images, ITERS,
                      {**SHARDED['cyclegan'][1], 'train_dataloader.batch_size': 2})
    Runner.from_cfg(one).train()
    for method in SHARDED:
        add(f'plain_{method}', method, sharded=False)
        add(f'watched_{method}' if method == 'cyclegan' else f'sharded_{method}', method, sharded=True)
    (root / 'sharded_cyclegan').symlink_to(root / 'watched_cyclegan')
    add('partial_cyclegan', 'cyclegan', True, load_from=str(root / 'one/iter_2.pth'), load_partial=True)
    for method in WHOLE:
        add(f'plain_after_sharded_{method}', method, False, f'sharded_{method}/iter_2.pth')
        add(f'sharded_after_plain_{method}', method, True, f'plain_{method}/iter_2.pth')
    turned = {'optim_wrapper.G.nets': ('G_BA', 'G_AB')}
    add('sharded_turned_cyclegan', 'cyclegan', True, 'sharded_cyclegan/iter_2.pth', **turned)
    add('sharded_after_one_cyclegan', 'cyclegan', True, 'one/iter_2.pth')
    add('spoilt_cyclegan', 'cyclegan', True, **{'default_hooks.health.on_nonfinite': 'rollback'})
    add('test_cyclegan', 'cyclegan', True, 'sharded_cyclegan/iter_4.pth')
    done = forked.torchrun('tests/sharding_driver.py', *files, folder=root)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope='module')
def runs(float64, images, once) -> Path:
    """Every method sharded and not, begun and resumed in all combinations, by the same two processes."""
    return once('sharding', lambda root: train_all(root, images))


def checkpoint(path: Path, iteration: int = ITERS) -> dict[str, Any]:
    return read_checkpoint(path / f'iter_{iteration}.pth')


def tensors(node: Any, where: str = '') -> dict[str, torch.Tensor]:
    if isinstance(node, torch.Tensor):
        return {where: node}
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    return {key: tensor for k, v in items for key, tensor in tensors(v, f'{where}.{k}').items()}


def size(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def assert_same_training(a: dict[str, Any], b: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        assert largest_difference(tensors(a[key]), tensors(b[key])) <= 1e-9, key
    for x, y in zip(a['history'], b['history'], strict=True):
        assert x == pytest.approx(y, rel=1e-9)


@pytest.mark.dist
@pytest.mark.parametrize('method', WHOLE)
@pytest.mark.parametrize('run', ['sharded', 'plain_after_sharded', 'sharded_after_plain'])
def test_sharded_equals_not_sharded(run, method, runs):
    plain, other = checkpoint(runs / f'plain_{method}'), checkpoint(runs / f'{run}_{method}')
    assert len(plain['history']) == 2  # of five images, three for the first process and two for the other
    assert plain['history'][-1]['PSNR_images'] == 5
    assert_same_training(plain, other, ('state_dict', 'optimizers', 'ema'))
    assert all(type(tensor) is torch.Tensor for tensor in tensors(other).values())
    for a, b in zip(plain['ranks'], other['ranks'], strict=True):
        assert torch.equal(a['rng']['torch'], b['rng']['torch'])


@pytest.mark.dist
def test_stages_of_sharded_networks_and_weights_that_fit_in_part(runs):
    plain, sharded = checkpoint(runs / 'plain_singan'), checkpoint(runs / 'sharded_singan')
    assert_same_training(plain, sharded, ('state_dict', 'optimizers'))
    assert checkpoint(runs / 'partial_cyclegan')['meta']['iter'] == ITERS


@pytest.mark.dist
def test_the_order_of_the_networks_may_change_at_a_resume(runs):
    plain, turned = checkpoint(runs / 'plain_cyclegan'), checkpoint(runs / 'sharded_turned_cyclegan')
    assert_same_training(plain, turned, ('state_dict', 'ema'))
    assert turned['optimizers']['G']['optimizer']['param_groups'][0]['param_names'][0].startswith('G_BA.')


@pytest.mark.dist
def test_sharded_training_goes_on_in_one_process_and_the_reverse(runs, images, tmp_path):
    path, options, wrapper = SHARDED['cyclegan']
    # without effect in one process
    options = {**options, 'train_dataloader.batch_size': 2, 'model_wrapper_cfg': wrapper}
    cfg = tiny_config(path, tmp_path, images, ITERS, options)
    cfg.resume, cfg.load_from = True, str(runs / 'sharded_cyclegan/iter_2.pth')
    Runner.from_cfg(cfg).train()
    for other in (checkpoint(tmp_path), checkpoint(runs / 'sharded_after_one_cyclegan')):
        plain = checkpoint(runs / 'plain_cyclegan')
        plain['state_dict'], other['state_dict'] = (  # without image pools, which are per process
            {k: v for k, v in state['state_dict'].items() if isinstance(v, torch.Tensor)} for state in (plain, other))
        assert_same_training(plain, other, ('state_dict', 'optimizers', 'ema'))


@pytest.mark.dist
def test_each_process_holds_its_share(runs):
    facts = json.loads((runs / 'watched_cyclegan/facts.json').read_text())
    assert 0.5 <= facts['held'] < 0.6  # a tensor with one row is not halved
    net = load_method(runs / 'sharded_cyclegan/iter_4.pth')[0].G_AB
    units = [size(module) for module in net.modules() if type(module).__name__ in SHARDED['cyclegan'][2]['units']]
    assert facts['gathered'] == size(net) - sum(units) + max(units)


@pytest.mark.dist
def test_rollback_of_a_sharded_training(runs):
    state = checkpoint(runs / 'spoilt_cyclegan')
    assert state['health']['rollbacks'] == 1
    assert all(tensor.isfinite().all() for tensor in tensors(state['state_dict']).values())


@pytest.mark.dist
def test_test_of_a_sharded_method(runs):
    facts = json.loads((runs / 'test_cyclegan/facts.json').read_text())
    scores = checkpoint(runs / 'plain_cyclegan')['history'][-1]
    assert {k: facts[k] for k in ('PSNR', 'SSIM')} == pytest.approx({k: scores[k] for k in ('PSNR', 'SSIM')}, rel=1e-9)


@pytest.mark.parametrize('options, words', [
    ({'optim_wrapper.amp': 'fp16'}, "use 'bf16'"),
    ({'optim_wrapper.constructor': 'DefaultOptimWrapperConstructor'}, 'optim_wrapper.constructor: FullyShard saves'),
    ({'compile': True}, 'compile: was never tried'),
    ({'find_unused_parameters': True}, 'find_unused_parameters: has no effect'),
    ({'model_wrapper_cfg': dict(type='FullyShard', units=3)}, 'units: expected names of classes, found 3'),
    ({'model_wrapper_cfg': dict(type='FullyShard', unit='ResidualBlock')}, "Did you mean 'units'"),
    ({'model_wrapper_cfg': dict(type='FulyShard')}, "Did you mean 'FullyShard'"),
])
def test_what_does_not_go_with_sharding_is_refused(options, words):
    with pytest.raises(ConfigError, match='mistake') as error:
        load_config('configs/cyclegan/synthetic.py', {'model_wrapper_cfg': dict(type='FullyShard'), **options})
    assert words in str(error.value)


@pytest.mark.dist
def test_one_forward_for_two_phases_and_fixed_parameters(images, tmp_path):
    """Pix2Pix prepares its fake once, and both phases use it; the first layer of G is not to be trained."""
    cfg = tiny_config(PIX2PIX[0], tmp_path, images, options=PIX2PIX[1])
    plain, sharded = (build(cfg.model, METHODS, 'model') for _ in range(2))
    sharded.load_state_dict(plain.state_dict())
    start = {k: v.clone() for k, v in plain.named_parameters()}
    batch = {key: torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8) for key in 'AB'}
    torch.distributed.init_process_group('gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        for method in (plain, sharded):
            next(method.G.parameters()).requires_grad = False
            method.note_frozen()
        FullyShard()(sharded)
        for method in (plain, sharded):
            method.train_step(batch, build_optimizers(method, cfg.optim_wrapper))
        end = {k: whole(v) for k, v in sharded.named_parameters()}
    finally:
        torch.distributed.destroy_process_group()
    assert largest_difference(end, {k: v.detach() for k, v in plain.named_parameters()}) <= 1e-9
    assert [k for k in start if torch.equal(start[k], end[k])] == [next(k for k in start if k.startswith('G.'))]


def test_unknown_unit_is_refused(runs):
    method = load_method(runs / 'one/iter_4.pth')[0]
    with pytest.raises(ConfigError,
                       match=r"units: no generator has a module 'ResBlock'\. Did you mean 'ResidualBlock'"):
        FullyShard(units=('ResBlock',))(method)


def test_only_two_modules_know_of_sharded_tensors() -> None:
    toolbox = Path(__file__).resolve().parents[1] / 'toolbox'
    knowing = {str(path.relative_to(toolbox)) for path in toolbox.rglob('*.py')
               if re.search(r'torch\.distributed\.(fsdp|tensor)', path.read_text())}
    assert knowing == {'engine/sharding.py', 'methods/shards.py'}
