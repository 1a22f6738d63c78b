"""Config loading, optimisers, loops, checkpoints."""

import contextlib
import os
import platform
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from test_methods import tiny_cyclegan
from tiny import ROOT, tiny_config
from torch.nn.parallel import DistributedDataParallel

from toolbox.engine import Runner
from toolbox.engine.config import load_config, parse_options
from toolbox.engine.optim import PhaseOptimizer, build_optimizers
from toolbox.engine.precision import require_fast
from toolbox.engine.state import load_weights, plain_config, plain_state_dict
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import checkpoints, newest_checkpoint, point_to, read_checkpoint, write_checkpoint
from toolbox.metrics import ImageMetric
from toolbox.randomness.state import preserve_rng, rng_state, set_rng_state
from toolbox.registry import METHODS, METRICS, build

CYCLEGAN, PIX2PIX = 'configs/cyclegan/synthetic.py', 'configs/pix2pix/synthetic.py'


# Optimisers


def adam(nets, **more):
    return dict(nets=nets, optimizer=dict(type='Adam', lr=2e-4), **more)


def test_optimisers_hold_their_networks_and_multipliers():
    method = tiny_cyclegan()
    wrappers = build_optimizers(method, dict(G=adam(('G_AB', 'G_BA'), lr_mult=dict(G_BA=0.1)), D=adam(('D_A', 'D_B'))))
    groups = wrappers['G'].optimizer.param_groups
    assert [g['lr'] for g in groups] == [2e-4, pytest.approx(2e-5)]
    assert [len(g['params']) for g in groups] == [len(list(method.G_AB.parameters()))] * 2
    assert len(wrappers['D'].optimizer.param_groups) == 1


def test_multipliers_act_on_the_default_rate_of_an_optimiser():
    part = dict(nets=('G_AB', 'G_BA'), optimizer=dict(type='Adam'), lr_mult=dict(G_AB=2.0))
    groups = build_optimizers(tiny_cyclegan(), dict(G=part))['G'].optimizer.param_groups
    assert [g['lr'] for g in groups] == [2e-3, 1e-3]


def test_unknown_network_of_an_optimiser():
    with pytest.raises(ConfigError, match=r"optim_wrapper.G.*no network 'G_AC'.*'G_AB'"):
        build_optimizers(tiny_cyclegan(), dict(G=adam(('G_AC',))))


@pytest.mark.parametrize(('amp', 'message'), [('fp16', 'needs a GPU'), ('int8', "'fp16' or None, found 'int8'")])
def test_impossible_precision(amp, message):
    with pytest.raises(ConfigError, match=message):
        PhaseOptimizer(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), amp=amp)


@pytest.mark.fault
@pytest.mark.parametrize(('known', 'fast'), [
    ({'avx2': True, 'avx512_bf16': False}, False), ({'avx512_bf16': True}, True), ({'amx_bf16': True}, True),
    (None, False), ('elsewhere', True)])
def test_bf16_is_refused_where_the_processor_has_no_instructions_for_it(monkeypatch, known, fast):
    monkeypatch.setattr(platform, 'machine', lambda: 'arm64' if known == 'elsewhere' else 'x86_64')
    if isinstance(known, dict):
        monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: known, raising=False)
    else:  # a torch that does not list them
        monkeypatch.delattr(torch.cpu, 'get_capabilities', raising=False)
        for name in ('_is_avx512_bf16_supported', '_is_amx_tile_supported'):
            monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    with contextlib.nullcontext() if fast else pytest.raises(ConfigError, match=r'no instructions.*--amp bf16-slow'):
        require_fast('bf16', 'cpu')
    require_fast('bf16-slow', 'cpu')
    require_fast('bf16', 'cuda')


def test_clipping_by_value():
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = PhaseOptimizer(torch.optim.SGD([weight], lr=1.0), clip_grad=dict(type='value', clip_value=0.5))
    optimizer.backward((weight * torch.tensor([3.0, 0.1])).sum())
    optimizer.step()
    assert weight.tolist() == pytest.approx([-0.5, -0.1])


# Checkpoints


def test_checkpoint_round_trip_is_plain_and_atomic(tmp_path):
    path = tmp_path / 'deep' / 'a.pth'
    write_checkpoint(dict(meta=dict(iter=3), state_dict=dict(w=torch.ones(2))), path)
    assert torch.equal(read_checkpoint(path)['state_dict']['w'], torch.ones(2))
    before = path.read_bytes()
    with pytest.raises(Exception, match='cannot pickle'):
        write_checkpoint(dict(bad=(i for i in range(3))), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ['a.pth']


class Evil:
    def __reduce__(self):
        return os.system, ('touch ' + os.environ['EVIL'],)


def test_foreign_files_are_refused_and_execute_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv('EVIL', str(tmp_path / 'executed'))
    torch.save(dict(model=Evil()), tmp_path / 'evil.pth')
    (tmp_path / 'short.pth').write_bytes(b'PK\x03\x04')
    torch.save(dict(w=torch.ones(1)), tmp_path / 'official.pth')
    for name, message in (('evil', 'refused'), ('short', 'damaged'), ('official', 'toolbox convert'),
                          ('none', 'no such')):
        with pytest.raises(CheckpointError, match=message) as error:
            read_checkpoint(tmp_path / f'{name}.pth')
        assert f'{name}.pth' in str(error.value)
    assert not (tmp_path / 'executed').exists()


def test_keys_that_do_not_fit_are_listed_readably():
    method = tiny_cyclegan()
    state = plain_state_dict(method)
    gone = next(k for k in state if k.startswith('D_A.'))
    wrong = next(k for k in state if k.startswith('G_AB.'))
    state.pop(gone)
    state[wrong] = torch.zeros(7)
    state.update({f'G_XX.{i}': torch.zeros(1) for i in range(30)})
    with pytest.raises(CheckpointError) as error:
        load_weights(method, state, 'old.pth')
    text = str(error.value)
    for part in ('old.pth does not fit CycleGAN', '1 missing', gone, '30 unexpected', 'and 20 more',
                 f'{wrong}: (7,) in'):
        assert part in text
    assert len(text.splitlines()) < 20


def test_part_of_a_model_can_be_loaded():
    state = {k: v for k, v in plain_state_dict(tiny_cyclegan()).items() if k.startswith('G_AB.')}
    state = {k: v + 1 for k, v in state.items()}
    method = tiny_cyclegan()
    load_weights(method, state, networks=('G_AB',))
    assert all(torch.equal(v, state[f'G_AB.{k}']) for k, v in method.G_AB.state_dict().items())


def test_wrapped_and_plain_models_have_the_same_keys(tmp_path):
    plain, wrapped = tiny_cyclegan(), tiny_cyclegan()
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        for name in wrapped.network_names():
            setattr(wrapped, name, DistributedDataParallel(getattr(wrapped, name)))
        assert plain_state_dict(wrapped).keys() == plain_state_dict(plain).keys() == plain.state_dict().keys()
        state = {k: v + 1 if isinstance(v, torch.Tensor) else v for k, v in plain_state_dict(plain).items()}
        load_weights(wrapped, state)
        assert torch.equal(next(wrapped.D_B.parameters()), next(plain.D_B.parameters()) + 1)
    finally:
        torch.distributed.destroy_process_group()


def test_plain_config_has_no_objects():
    assert plain_config(dict(a=torch.nn.ReLU, b=(1, None), c=[dict(d=len)])) == dict(
        a='torch.nn.modules.activation.ReLU', b=(1, None), c=[dict(d='builtins.len')])


def test_newest_checkpoint_is_what_the_pointer_names(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    for number in (3, 20, 100):
        (tmp_path / f'iter_{number}.pth').touch()
    assert newest_checkpoint(tmp_path).name == 'iter_100.pth'
    point_to(tmp_path / 'iter_20.pth')
    assert [path.name for path in checkpoints(tmp_path)] == ['iter_20.pth', 'iter_3.pth']


def test_a_checkpoint_of_a_run_is_plain_data(images, tmp_path):
    Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 2)).train()
    checkpoint = torch.load(tmp_path / 'iter_2.pth', weights_only=True)
    assert {'toolbox', 'config', 'meta', 'state_dict', 'optimizers', 'schedulers', 'ranks'} <= checkpoint.keys()
    assert checkpoint['config']['model']['type'] == 'Pix2Pix'
    assert checkpoint['meta'] | dict(time='') == dict(
        iter=2, epoch=0, epoch_iter=2, samples=2, samples_per_iter=1, seed=0, time='', method='Pix2Pix')
    assert load_config(tmp_path / 'config.py').model.type == 'Pix2Pix'


def test_resume_with_another_architecture_is_a_readable_diff(images, tmp_path):
    Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 2)).train()
    cfg = tiny_config(PIX2PIX, tmp_path, images, 4, {'model.G.base_channels': 3})
    cfg.resume = True
    with pytest.raises(CheckpointError, match=r'does not fit Pix2Pix[\s\S]*of another shape'):
        Runner.from_cfg(cfg).train()


def test_weights_only_files_start_a_training_but_do_not_resume_one(images, tmp_path):
    Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 2)).train()
    checkpoint = read_checkpoint(tmp_path / 'iter_2.pth')
    weights = tmp_path / 'weights.pth'
    write_checkpoint({k: checkpoint[k] for k in ('config', 'meta', 'state_dict')}, weights)
    cfg = tiny_config(PIX2PIX, tmp_path / 'new', images, 2)
    cfg.load_from = str(weights)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2
    cfg.resume = True
    with pytest.raises(CheckpointError, match='load_from='):
        Runner.from_cfg(cfg).train()


# Random numbers


def test_rng_state_is_plain_and_restores_everything(tmp_path):
    import random

    import numpy as np
    torch.save(rng_state(), tmp_path / 'rng.pt')
    draw = lambda: (random.random(), np.random.rand(), float(torch.rand(())))  # noqa: E731
    first = draw()
    set_rng_state(torch.load(tmp_path / 'rng.pt', weights_only=True))
    assert draw() == first
    set_rng_state(torch.load(tmp_path / 'rng.pt', weights_only=True))
    with preserve_rng(seed=5):
        inside = draw()
    assert draw() == first
    with preserve_rng(seed=5):
        assert draw() == inside


# Loops


class Trace(Hook):
    """Which hook points are passed in which order."""

    def __init__(self):
        self.seen = []

    def before_train_epoch(self, runner):
        self.seen.append('epoch')

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append(f'iter {batch_idx}')

    def after_train_epoch(self, runner):
        self.seen.append('epoch ends')

    def after_val_epoch(self, runner, metrics=None):
        self.seen.append('val')

    def after_iteration(self, runner):
        self.seen.append(f'done {runner.iter} {runner.epoch}')


def test_order_of_one_epoch(images, tmp_path):
    options = {'train_cfg': dict(_delete_=True, max_epochs=2, val_interval=1), 'train_dataloader.batch_size': 3}
    runner = Runner.from_cfg(tiny_config('configs/pix2pix/facades.py', tmp_path, images, options=options))
    trace = Trace()
    runner.register_hook(trace)
    runner.train()
    assert trace.seen == ['epoch', 'iter 0', 'done 1 0', 'iter 1', 'epoch ends', 'val', 'done 2 1',
                          'epoch', 'iter 2', 'done 3 1', 'iter 3', 'epoch ends', 'val', 'done 4 2']


def test_two_runs_are_equal(images, tmp_path):
    for name in 'ab':
        torch.manual_seed(ord(name))
        Runner.from_cfg(tiny_config(CYCLEGAN, tmp_path / name, images, 3)).train()
    states = [read_checkpoint(tmp_path / name / 'iter_3.pth')['state_dict'] for name in 'ab']
    assert all(torch.equal(v, states[1][k]) for k, v in states[0].items() if isinstance(v, torch.Tensor))


def test_validation_does_not_change_the_training(images, tmp_path):
    for name, interval in (('a', 1), ('b', None)):
        options = {'train_cfg': dict(_delete_=True, max_iters=3, val_interval=interval)}
        Runner.from_cfg(tiny_config('configs/pix2pix/facades.py', tmp_path / name, images, options=options)).train()
    states = [read_checkpoint(tmp_path / name / 'iter_3.pth')['state_dict'] for name in 'ab']
    assert all(torch.equal(v, states[1][k]) for k, v in states[0].items() if isinstance(v, torch.Tensor))


# Configs


def test_options_are_parsed():
    assert parse_options(['a.b=(1,2)', 'c=None', 'd=x', 'e=0.5', 'f=True']) == {
        'a.b': (1, 2), 'c': None, 'd': 'x', 'e': 0.5, 'f': True}
    assert parse_options(["a=dict(type='BN', b=[1, dict(c=2)])", "b=[{'type': 'X'}]", 'c=[train,val]', 'd=1,2',
                          'e=data/x y',
                          'f=1e-3', 'g=', 'h=(0.5, 0.9)', 'i=a=b']) == {
        'a': dict(type='BN', b=[1, dict(c=2)]), 'b': [dict(type='X')], 'c': ['train', 'val'], 'd': (1, 2),
        'e': 'data/x y', 'f': 1e-3, 'g': '', 'h': (0.5, 0.9), 'i': 'a=b'}
    with pytest.raises(ConfigError, match='KEY=VALUE'):
        parse_options(['nonsense'])
    for broken in ('a=dict(b=', 'a=[1, foo()]', 'a=dict(b=open("x"))'):
        with pytest.raises(ConfigError, match='neither a Python literal'):
            parse_options([broken])


def test_defaults_are_filled_in():
    cfg = load_config('configs/cyclegan/horse2zebra.py')
    assert cfg.work_dir == 'work_dirs/cyclegan/horse2zebra'
    assert cfg.train_dataloader.sampler.type == 'InfiniteSampler'
    assert cfg.val_dataloader.sampler.type == 'EvalSampler'
    assert cfg.train_dataloader.persistent_workers
    assert cfg.train_dataloader.dataset.data_root == cfg.val_dataloader.dataset.data_root == 'data/horse2zebra'
    assert cfg.test_dataloader == cfg.val_dataloader


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(ConfigError) as error:
        load_config(CYCLEGAN, {'model.w_cycl': 1, 'train_dataloder': {}, 'optim_wrapper.G.nets': ('G_AX',),
                               'model.D_A.norm.type': 'INN', 'param_scheduler.decy': 3})
    for part in ('5 mistake', 'model.w_cycl', 'train_dataloder', 'G_AX', 'model.D_A.norm.type', 'param_scheduler.decy'):
        assert part in str(error.value)


@pytest.mark.parametrize('name', sorted(path.parent.name for path in Path('configs').glob('*/synthetic.py')))
def test_one_mistake_in_a_model_is_reported_as_one(name):
    with pytest.raises(ConfigError, match=r'1 mistake(.|\n)*model\.w_wrong: '):
        load_config(f'configs/{name}/synthetic.py', {'model.w_wrong': 1})


def test_pools_are_resumed_but_not_taken_over_by_a_new_training(images, tmp_path):
    def pools(runner):
        return len(runner.model.pool_A)

    class Seen(Hook):
        def before_train(self, runner):
            self.pool = pools(runner)

    Runner.from_cfg(tiny_config(CYCLEGAN, tmp_path, images, 2)).train()
    for resume, expected in ((True, 2), (False, 0)):
        cfg = tiny_config(CYCLEGAN, tmp_path / str(resume), images, 3)
        cfg.load_from, cfg.resume = str(tmp_path / 'iter_2.pth'), resume
        runner, seen = Runner.from_cfg(cfg), Seen()
        runner.register_hook(seen)
        runner.train()
        assert seen.pool == expected


@pytest.mark.filterwarnings('default')  # dynamo looks at .grad of tensors that have none
def test_compile_compiles_each_network_and_keeps_the_keys(images, tmp_path):
    runs = []
    for name, value in (('eager', False), ('compiled', dict(backend='eager'))):
        runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path / name, images, 2, {'compile': value}))
        runner.train()
        runs.append(runner)
    assert runs[0].model.G._compiled_call_impl is None
    assert runs[1].model.G._compiled_call_impl is not None
    states = [read_checkpoint(tmp_path / name / 'iter_2.pth')['state_dict'] for name in ('eager', 'compiled')]
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings('default')
def test_networks_whose_gradients_are_differentiated_are_not_compiled(images, tmp_path):
    """AOT autograd, on which inductor stands, cannot; 'eager' can, and so does not show it."""
    runner = Runner.from_cfg(tiny_config('configs/wgan_gp/synthetic.py', tmp_path, images, 2, {
        'compile': dict(backend='aot_eager'), 'train_cfg': dict(_delete_=True, max_iters=2)}))
    runner.train()
    assert runner.model.D._compiled_call_impl is None and runner.model.G._compiled_call_impl is not None
    for kind, left_out in (('starganv2/synthetic', ('D',)), ('wgan/synthetic', ()), ('cyclegan/synthetic', ())):
        assert build(load_config(ROOT / f'configs/{kind}.py').model, METHODS).penalised() == left_out


def epochs(images, tmp_path, name, max_epochs, **options):
    options = {'train_cfg': dict(_delete_=True, max_epochs=max_epochs), **options,
               'default_hooks.checkpoint': dict(type='CheckpointHook', interval=1, keep=0, _delete_=True)}
    return tiny_config('configs/pix2pix/facades.py', tmp_path / name, images, options=options)


def test_epochs_keep_their_meaning_when_a_resume_changes_the_batch(images, tmp_path):
    Runner.from_cfg(epochs(images, tmp_path, 'run', 2)).train()  # 5 images: 2 epochs of 5 iterations
    cfg = epochs(images, tmp_path, 'run', 4, **{'train_dataloader.batch_size': 3})
    cfg.resume = True
    runner, trace = Runner.from_cfg(cfg), Trace()
    runner.register_hook(trace)
    runner.train()  # 2 more epochs of 2 iterations
    assert (runner.iter, runner.epoch, runner.train_loop.samples) == (14, 4, 22)
    assert trace.seen.count('epoch ends') == 2
    assert sorted(p.name for p in (tmp_path / 'run').glob('iter_*.pth')) == [
        'iter_10.pth', 'iter_12.pth', 'iter_14.pth', 'iter_5.pth']


def test_a_training_that_is_done_is_not_continued(images, tmp_path):
    Runner.from_cfg(epochs(images, tmp_path, 'run', 1)).train()
    cfg = epochs(images, tmp_path, 'run', 1)
    cfg.resume = True
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 5


def test_a_sampler_that_ends_is_started_again(images, tmp_path):
    options = {'train_dataloader.sampler': dict(type='DefaultSampler', shuffle=True)}
    runner = Runner.from_cfg(tiny_config('configs/pix2pix/facades.py', tmp_path, images, 12, options))
    runner.train()
    assert (runner.iter, runner.epoch) == (12, 2)


def test_resuming_an_earlier_checkpoint_removes_none_that_it_did_not_write(images, tmp_path):
    cfg = tiny_config(PIX2PIX, tmp_path, images, 6)
    Runner.from_cfg(cfg).train()
    cfg = tiny_config(PIX2PIX, tmp_path, images, 4, {'default_hooks.checkpoint': dict(
        type='CheckpointHook', interval=2, keep=1)})
    cfg.resume, cfg.load_from = True, str(tmp_path / 'iter_2.pth')
    Runner.from_cfg(cfg).train()
    assert {p.name for p in tmp_path.glob('iter_*.pth')} == {'iter_4.pth', 'iter_6.pth'}
    assert newest_checkpoint(tmp_path).name == 'iter_4.pth'


@METRICS.register_module()
class NumpyScore(ImageMetric):
    """A score as a plugin may state it: a scalar of NumPy."""

    def score(self, pred, target):
        return np.float32(0.25)

    def compute_metrics(self, results):
        return {self.name: np.mean(results)}


def test_scores_of_a_plugin_do_not_make_the_checkpoint_unreadable(images, tmp_path):
    Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 2, {'val_evaluator': [dict(type='NumpyScore')]})).train()
    assert read_checkpoint(tmp_path / 'iter_2.pth')['history'] == [dict(iter=2, NumpyScore=0.25, NumpyScore_images=6)]


@pytest.mark.filterwarnings('ignore:`broadcast_buffers` is deprecated:FutureWarning')  # MMEngine's wrapper sets it
def test_find_unused_parameters_reaches_every_wrapper(images, tmp_path):
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        runner = object.__new__(Runner)
        runner._distributed, runner.cfg = True, dict(find_unused_parameters=True)
        os.environ.setdefault('LOCAL_RANK', '0')
        wrapped = runner.wrap_model(None, tiny_cyclegan()).module
        assert all(getattr(wrapped, name).find_unused_parameters for name in wrapped.network_names())
    finally:
        torch.distributed.destroy_process_group()
