"""The order of updates and the losses of each method against the authors' code."""

import random

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from sampled import assert_close
from tiny import ROOT
from torch.nn.parallel import DistributedDataParallel

from toolbox.converters import from_official
from toolbox.engine.optim import PhaseOptimizer
from toolbox.errors import ConfigError
from toolbox.methods import CycleGAN, Phase, Pix2Pix
from toolbox.randomness.state import rng_state


def official_network(opt: dict, name: str, state: dict) -> torch.nn.Module:
    norm = dict(norm=opt['norm'])
    if name.startswith('G'):
        if opt['netG'].startswith('resnet'):
            cls, args = 'ResnetGenerator', dict(n_blocks=int(opt['netG'][7]))
        else:
            cls, args = 'UnetGenerator', dict(num_downs={'unet_128': 7, 'unet_256': 8}[opt['netG']])
        args.update(input_nc=opt['input_nc'], output_nc=opt['output_nc'], ngf=opt['ngf'],
                    use_dropout=not opt['no_dropout'])
    else:
        cls = 'PixelDiscriminator' if opt['netD'] == 'pixel' else 'NLayerDiscriminator'
        args = dict(input_nc=next(v.shape[1] for v in state.values() if v.ndim == 4), ndf=opt['ndf'])
        if opt['netD'] != 'pixel':
            args['n_layers'] = opt['n_layers_D']
    return from_official('cyclegan', cls, {**args, **norm}, state).double()


def optimizers(method: torch.nn.Module, opt: dict) -> OptimWrapperDict:
    def adam(nets: tuple[str, ...]) -> PhaseOptimizer:
        params = [p for name in nets for p in getattr(method, name).parameters()]
        return PhaseOptimizer(torch.optim.Adam(params, opt['lr'], betas=(opt['beta1'], 0.999)))
    return OptimWrapperDict(**{phase.optimizer: adam(phase.trains) for phase in method.schedule})


def replay(method: torch.nn.Module, data: dict, names: dict[str, str], losses: dict[str, tuple],
           tolerance: float) -> None:
    """Train on the stored batches; compare every loss, and the weights after the stored numbers of steps."""
    optims = optimizers(method, data['opt'])
    expected_weights = {step: {k: official_network(data['opt'], k, state).state_dict() for k, state in nets.items()}
                        for step, nets in data['params_after'].items()}
    if data['py_seed'] is not None:
        random.seed(data['py_seed'])
    if data['torch_seed'] is not None:
        torch.manual_seed(data['torch_seed'])
    for step, (batch, expected) in enumerate(zip(data['batches'], data['losses'], strict=True), 1):
        logs = method.train_step({k: v.double() for k, v in batch.items()}, optims)
        for official, (ours, factor) in losses.items():
            torch.testing.assert_close(logs[ours] * factor, expected[official], rtol=0, atol=tolerance)
        for official, built in expected_weights.get(step, {}).items():
            for key, value in getattr(method, names[official]).state_dict().items():
                assert_close(value, built[key], rtol=0, atol=tolerance)


CYCLEGAN_LOSSES = dict(D_A=('D/B', 1), D_B=('D/A', 1), G_A=('G/adv_B', 1), G_B=('G/adv_A', 1), cycle_A=('G/cycle_A', 1),
                       cycle_B=('G/cycle_B', 1), idt_A=('G/identity_B', 1), idt_B=('G/identity_A', 1))


@pytest.mark.parity
@pytest.mark.parametrize('name', ['cg_traj_cyclegan_lsgan', 'cg_traj_cyclegan_pool2'])
@pytest.mark.parametrize('merged', [True, False])
def test_cyclegan_trains_as_the_authors_code(parity, name, merged):
    data = parity(name)
    opt = data['opt']
    names = dict(G_A='G_AB', G_B='G_BA', D_A='D_B', D_B='D_A')
    nets = {names[k]: official_network(opt, k, state) for k, state in data['init'].items()}
    for key in ('G_AB', 'G_BA'):
        nets[key].per_sample = merged
    identity = opt['lambda_identity'] * opt['lambda_A']
    method = CycleGAN(**nets, adversarial=dict(type='AdversarialLoss', mode=opt['gan_mode']), w_identity_A=identity,
                      w_identity_B=identity, pool_size=opt['pool_size'])
    replay(method, data, names, CYCLEGAN_LOSSES, 1e-8)


@pytest.mark.parity
@pytest.mark.parametrize('name', ['cg_traj_pix2pix_vanilla', 'cg_traj_pix2pix_dropout_seeded',
                                  'cg_traj_pix2pix_wgangp_value'])
def test_pix2pix_trains_as_the_authors_code(parity, name):
    data = parity(name)
    opt = data['opt']
    mode = {'wgangp': 'wgan'}.get(opt['gan_mode'], opt['gan_mode'])  # the authors' option never adds the penalty
    nets = {k: official_network(opt, k, state) for k, state in data['init'].items()}
    method = Pix2Pix(**nets, adversarial=dict(type='AdversarialLoss', mode=mode), w_rec=opt['lambda_L1'])
    losses = dict(G_GAN=('G/adv', 1), G_L1=('G/rec', 1), D_real=('D/real', 2), D_fake=('D/fake', 2))
    replay(method, data, dict(G='G', D='D'), losses, 1e-8)


# Plain unit tests, on networks of a few weights.

GENERATOR = dict(type='ResnetGenerator', base_channels=2, blocks=1)
DISCRIMINATOR = dict(type='PatchDiscriminator', base_channels=2, layers=1)


def tiny_cyclegan(**changes) -> CycleGAN:
    torch.manual_seed(0)
    return CycleGAN(**{**dict(G_AB=GENERATOR, G_BA=GENERATOR, D_A=DISCRIMINATOR, D_B=DISCRIMINATOR),
                       **changes}).double()


UNET = dict(type='UnetGenerator', base_channels=1, downs=6, norm=dict(type='BN'), dropout=0.5)  # 64 px; drops at 4 px


def tiny_pix2pix(**changes) -> Pix2Pix:
    torch.manual_seed(0)
    G = dict(type='UnetGenerator', base_channels=2, downs=3, norm=dict(type='IN'))
    return Pix2Pix(**{**dict(G=G, D=dict(DISCRIMINATOR, in_channels=6)), **changes}).double()


def batch_of(size: int, channels: tuple[int, int] = (3, 3), pixels: int = 16) -> dict:
    generator = torch.Generator().manual_seed(1)
    return {key: torch.rand(size, c, pixels, pixels, generator=generator, dtype=torch.float64) * 2 - 1
            for key, c in zip('AB', channels, strict=True)}


def sgd(method, **arguments) -> OptimWrapperDict:
    """Steps equal to gradients, so that weights tell about gradients."""
    return OptimWrapperDict(**{p.optimizer: PhaseOptimizer(torch.optim.SGD(
        [w for n in p.trains for w in getattr(method, n).parameters()], lr=0.1), **arguments) for p in method.schedule})


def calls_in_one_step(method, batch) -> dict[str, int]:
    calls = dict.fromkeys(method.network_names(), 0)
    for name in calls:
        getattr(method, name).register_forward_hook(lambda *_, n=name: calls.__setitem__(n, calls[n] + 1))
    method.train_step(batch, sgd(method))
    return calls


@pytest.mark.parametrize(('identity', 'generator', 'passes'), [
    (0.0, GENERATOR, 2),  # fake and reconstruction
    (5.0, GENERATOR, 2),  # the identity shares the pass of the translation
    (5.0, dict(GENERATOR, norm=dict(type='BN')), 3),  # not through BatchNorm: it would mix the statistics
    (5.0, dict(GENERATOR, dropout=0.5), 3)])
def test_cyclegan_does_no_forward_twice(identity, generator, passes):
    method = tiny_cyclegan(w_identity_A=identity, w_identity_B=identity, G_AB=generator, G_BA=generator)
    assert calls_in_one_step(method, batch_of(2)) == dict(G_AB=passes, G_BA=passes, D_A=3, D_B=3)


def test_pix2pix_generates_once_per_iteration():
    assert calls_in_one_step(tiny_pix2pix(), batch_of(1)) == dict(G=1, D=3)


def test_a_term_of_weight_zero_is_not_computed():
    assert set(tiny_cyclegan(w_cycle_A=0.0, w_cycle_B=0.0, w_identity_A=0.0, w_identity_B=0.0).train_step(
        batch_of(1), sgd(tiny_cyclegan()))) == {'G/adv_A', 'G/adv_B', 'D/A', 'D/B'}
    method = tiny_pix2pix(w_rec=0.0)
    assert 'G/rec' not in method.train_step(batch_of(1), sgd(method))


def test_the_generators_phase_leaves_no_gradient_on_the_discriminators():
    method = tiny_cyclegan()
    seen = {}
    original = method.loss_D

    def spy(b):
        seen.update({name: [p.grad for p in getattr(method, name).parameters()] for name in ('D_A', 'D_B')})
        seen['flags'] = [p.requires_grad for p in method.G_AB.parameters()]
        return original(b)
    method.loss_D = spy
    method.train_step(batch_of(1), sgd(method))
    assert all(g is None for name in ('D_A', 'D_B') for g in seen[name])
    assert not any(seen['flags'])


@pytest.mark.parametrize('make', [tiny_cyclegan, tiny_pix2pix])
def test_accumulated_parts_equal_the_whole_batch(make):
    weights = []
    for parts in (1, 2, 4):
        method = make(accumulate=parts)
        logs = method.train_step(batch_of(4), sgd(method))
        weights.append((method.state_dict(), logs))
    for state, logs in weights[1:]:
        for key, value in weights[0][0].items():
            if isinstance(value, torch.Tensor):
                torch.testing.assert_close(state[key], value, rtol=0, atol=1e-12)
        for key, value in weights[0][1].items():
            torch.testing.assert_close(logs[key], value, rtol=0, atol=1e-12)


def test_accumulation_prepares_with_the_same_random_numbers_in_each_phase():
    method = tiny_pix2pix(accumulate=2, G=UNET)
    batch = {k: v[:1].expand(2, -1, -1, -1) for k, v in batch_of(1, pixels=64).items()}
    fakes = []
    for phase in ('loss_D', 'loss_G'):
        original = getattr(method, phase)

        def spy(b, original=original):
            fakes.append(b.fake_B.detach().clone())
            return original(b)
        setattr(method, phase, spy)
    method.train_step(batch, sgd(method))
    assert torch.equal(fakes[0], fakes[2])
    assert torch.equal(fakes[1], fakes[3])
    assert not torch.equal(fakes[0], fakes[1])


def test_a_batch_that_cannot_be_split_is_refused():
    method = tiny_cyclegan(accumulate=2)
    with pytest.raises(ConfigError, match=r'accumulate.*batch of 3'):
        method.train_step(batch_of(3), sgd(method))


def test_gradients_are_clipped_per_phase_and_their_norm_is_logged():
    method = tiny_cyclegan()
    before = {k: v.clone() for k, v in method.state_dict().items() if isinstance(v, torch.Tensor)}
    logs = method.train_step(batch_of(1), sgd(method, clip_grad=dict(max_norm=1e-3)))
    for nets in (('G_AB', 'G_BA'), ('D_A', 'D_B')):
        change = sum(float(((v - before[k]) ** 2).sum()) for k, v in method.state_dict().items()
                     if k.split('.')[0] in nets) ** 0.5
        assert change == pytest.approx(0.1 * 1e-3, rel=1e-3)
    assert logs['grad_norm/G'] > 1e-3
    assert logs['grad_norm/D'] > 1e-3


def test_every_skips_a_phase():
    method = tiny_cyclegan()
    method.schedule = (Phase('G', ('G_AB', 'G_BA'), every=3), Phase('D', ('D_A', 'D_B')))
    method.loss_D = lambda b: dict(A=sum((p ** 2).sum() for p in method.D_A.parameters()))
    seen = [{k.split('/')[0] for k in method.train_step(batch_of(1), sgd(method))} for _ in range(6)]
    assert seen == [{'D'}, {'D'}, {'G', 'D'}] * 2


def test_bf16_autocast_runs_on_the_cpu_and_is_near_float32():
    losses = []
    for amp in (None, 'bf16-slow'):
        method = tiny_cyclegan().float()
        batch = {k: v.float() for k, v in batch_of(1, pixels=32).items()}
        seen = []
        method.G_AB.register_forward_hook(lambda _, __, out, s=seen: s.append(out.dtype))
        losses.append(method.train_step(batch, sgd(method, amp=amp)))
        assert seen[0] == (torch.bfloat16 if amp else torch.float32)
        assert all(p.dtype == torch.float32 for p in method.parameters())
    for key, value in losses[0].items():
        assert float(losses[1][key]) == pytest.approx(float(value), rel=0.05)


@pytest.mark.parametrize('make', [tiny_cyclegan, tiny_pix2pix])
def test_the_gradient_penalty_acts_with_wgan_gp(make):
    method = make(adversarial=dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=10.0))
    logs = method.train_step(batch_of(2), sgd(method))
    penalties = [float(v) for k, v in logs.items() if k.startswith('D/penalty')]
    assert penalties
    assert all(p > 0 for p in penalties)
    plain = make(adversarial=dict(type='AdversarialLoss', mode='wgan'))
    torch.manual_seed(0)
    plain.train_step(batch_of(2), sgd(plain))
    name = plain.schedule[-1].trains[-1] if make is tiny_cyclegan else 'D'
    pairs = zip(getattr(method, name).parameters(), getattr(plain, name).parameters(), strict=True)
    assert any(not torch.allclose(a, b) for a, b in pairs)


def test_domains_may_have_different_channels():
    method = tiny_cyclegan(
        G_AB=dict(GENERATOR, in_channels=1, out_channels=3), G_BA=dict(GENERATOR, in_channels=3, out_channels=1),
        D_A=dict(DISCRIMINATOR, in_channels=1), w_identity_A=0.0, w_identity_B=0.0)
    method.train_step(batch_of(1, (1, 3)), sgd(method))
    with pytest.raises(ConfigError, match=r'w_identity_B.*1 channel.* to 3.*w_identity_B=0'):
        tiny_cyclegan(G_AB=dict(GENERATOR, in_channels=1), D_A=dict(DISCRIMINATOR, in_channels=1))
    assert method.translate(batch_of(1, (1, 3))['A'], 'AtoB').shape[1] == 3
    assert method.translate(batch_of(1, (1, 3))['B'], 'BtoA').shape[1] == 1


@pytest.mark.parametrize('norm', ['running', 'batch'])
def test_evaluation_changes_nothing_and_does_not_depend_on_the_batch(norm):
    torch.manual_seed(0)
    method = Pix2Pix(G=UNET, D=dict(DISCRIMINATOR, in_channels=6), test_cfg=dict(dropout=norm == 'batch', norm=norm))
    method.train()
    data = {k: v.float() for k, v in batch_of(3, pixels=64).items()}
    state = {k: v.clone() for k, v in method.state_dict().items()}
    modes, draws = [m.training for m in method.modules()], rng_state()
    whole = method.val_step(data)
    again = method.val_step(data)
    single = [method.val_step({k: v[i:i + 1] for k, v in data.items()})[0] for i in range(3)]
    for i in range(3):
        assert torch.equal(whole[i]['fake_B'], again[i]['fake_B'])
        assert int((whole[i]['fake_B'].int() - single[i]['fake_B'].int()).abs().max()) <= 1  # rounding at a half
    assert [m.training for m in method.modules()] == modes
    for key, value in method.state_dict().items():
        assert torch.equal(value, state[key])
    after = rng_state()
    assert after['python'] == draws['python']
    assert torch.equal(after['torch'], draws['torch'])
    assert torch.equal(after['numpy'][1], draws['numpy'][1])


@pytest.fixture
def group(tmp_path):
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_evaluation_by_the_statistics_of_the_image_waits_for_no_other_process(group):
    """Samples are drawn by one process alone, so that a norm that synchronised there would wait for ever."""
    method = Pix2Pix(G=UNET, D=dict(DISCRIMINATOR, in_channels=6))
    expected = method.translate(batch_of(1, pixels=64)['A'].float())
    method.G = torch.nn.SyncBatchNorm.convert_sync_batchnorm(method.G)
    state = {k: v.clone() for k, v in method.state_dict().items()}
    # where it synchronises, torch's layer refuses CPU tensors
    assert torch.equal(method.translate(batch_of(1, pixels=64)['A'].float()), expected)
    assert all(torch.equal(v, state[k]) for k, v in method.state_dict().items())


@pytest.mark.filterwarnings('ignore:find_unused_parameters=True was specified:UserWarning')
@pytest.mark.parametrize('unused', [False, True])
@pytest.mark.parametrize('make', [tiny_cyclegan, tiny_pix2pix])
@pytest.mark.parametrize('parts', [1, 2])
def test_gradients_of_a_network_are_averaged_once_per_iteration(make, parts, unused, group):
    method, counts = make(accumulate=parts), {}
    optims = sgd(method)

    def count(name, bucket):
        counts[name] = counts.get(name, 0) + 1
        future = torch.futures.Future()
        future.set_result(bucket.buffer())
        return future
    for name in method.network_names():
        wrapped = DistributedDataParallel(getattr(method, name), find_unused_parameters=unused)
        wrapped.register_comm_hook(name, count)
        setattr(method, name, wrapped)
    for _ in range(3):
        method.train_step(batch_of(2), optims)
    assert counts == dict.fromkeys(method.network_names(), 3)


def test_prepare_builds_no_graph_for_a_network_that_is_not_due():
    method = tiny_pix2pix()
    method.schedule = (Phase('D', ('D',)), Phase('G', ('G',), every=2))
    graphs, original = [], method.loss_D
    method.loss_D = lambda b: (graphs.append(b.fake_B.requires_grad), original(b))[1]
    for _ in range(2):
        method.train_step(batch_of(1), sgd(method))
    assert graphs == [False, True]


def test_paper_protocol_uses_dropout_and_the_statistics_of_the_image():
    D = dict(DISCRIMINATOR, in_channels=6)
    results = []
    for dropout, norm in ((False, 'running'), (False, 'batch'), (True, 'batch')):
        test_cfg = dict(dropout=dropout, norm=norm)
        torch.manual_seed(0)
        results.append(Pix2Pix(G=UNET, D=D, test_cfg=test_cfg).translate(batch_of(1, pixels=64)['A'].float()))
    assert not torch.allclose(results[0], results[1], atol=1e-3)
    assert not torch.allclose(results[1], results[2], atol=1e-3)


def test_unknown_direction_and_unknown_test_cfg_say_what_is_known():
    with pytest.raises(ConfigError, match=r"'BtoA'.*AtoB"):
        tiny_pix2pix().translate(torch.zeros(1, 3, 16, 16), 'BtoA')
    with pytest.raises(ConfigError, match=r"test_cfg.droput.*'dropout'"):
        tiny_pix2pix(test_cfg=dict(droput=True))
    with pytest.raises(ConfigError, match=r'test_cfg.norm'):
        tiny_pix2pix(test_cfg=dict(norm='instance'))


def test_the_methods_read_like_the_paper():
    for module in ('cyclegan', 'pix2pix'):
        text = (ROOT / f'toolbox/methods/{module}.py').read_text()
        assert len(text.splitlines()) <= 150
        assert '.module' not in text
