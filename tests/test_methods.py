"""The order of updates and the losses of each method against the authors' code."""

import random

import pytest
import torch
from mmengine.optim import OptimWrapperDict

from toolbox.engine.optim import PhaseOptimizer
from toolbox.methods import CycleGAN, Pix2Pix
from toolbox.converters import from_official


def official_network(opt: dict, name: str, state: dict) -> torch.nn.Module:
    norm = dict(norm=opt['norm'])
    if name.startswith('G'):
        if opt['netG'].startswith('resnet'):
            cls, args = 'ResnetGenerator', dict(n_blocks=int(opt['netG'][7]))
        else:
            cls, args = 'UnetGenerator', dict(num_downs={'unet_128': 7, 'unet_256': 8}[opt['netG']])
        args.update(input_nc=opt['input_nc'], output_nc=opt['output_nc'], ngf=opt['ngf'], use_dropout=not opt['no_dropout'])
    else:
        cls = {'basic': 'NLayerDiscriminator', 'n_layers': 'NLayerDiscriminator', 'pixel': 'PixelDiscriminator'}[opt['netD']]
        channels = next(v.shape[1] for k, v in state.items() if v.ndim == 4)
        args = dict(input_nc=channels, ndf=opt['ndf'], **({} if opt['netD'] == 'pixel' else dict(n_layers=opt['n_layers_D'])))
    return from_official('cyclegan', cls, {**args, **norm}, state).double()


def optimizers(method: torch.nn.Module, opt: dict) -> OptimWrapperDict:
    def adam(nets: tuple[str, ...]) -> PhaseOptimizer:
        params = [p for name in nets for p in getattr(method, name).parameters()]
        return PhaseOptimizer(torch.optim.Adam(params, opt['lr'], betas=(opt['beta1'], 0.999)))
    return OptimWrapperDict(**{phase.optimizer: adam(phase.trains) for phase in method.schedule})


def replay(method: torch.nn.Module, data: dict, names: dict[str, str], losses: dict[str, tuple], tolerance: float) -> None:
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
                torch.testing.assert_close(value, built[key], rtol=0, atol=tolerance, msg=lambda m, k=key: f'{k} after {step}: {m}')


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
@pytest.mark.parametrize('name', ['cg_traj_pix2pix_vanilla', 'cg_traj_pix2pix_dropout_seeded', 'cg_traj_pix2pix_wgangp_value'])
def test_pix2pix_trains_as_the_authors_code(parity, name):
    data = parity(name)
    opt = data['opt']
    mode = {'wgangp': 'wgan'}.get(opt['gan_mode'], opt['gan_mode'])  # the authors' option never adds the penalty
    nets = {k: official_network(opt, k, state) for k, state in data['init'].items()}
    method = Pix2Pix(**nets, adversarial=dict(type='AdversarialLoss', mode=mode), w_rec=opt['lambda_L1'])
    losses = dict(G_GAN=('G/adv', 1), G_L1=('G/rec', 1), D_real=('D/real', 2), D_fake=('D/fake', 2))
    replay(method, data, dict(G='G', D='D'), losses, 1e-8)
