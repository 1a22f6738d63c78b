"""Pix2PixHD against the authors' code, and what its parts promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from sampled import assert_close
from torch import Tensor, nn

from toolbox.backbones import InstanceEncoder, Pix2PixHDGenerator
from toolbox.converters import from_official
from toolbox.engine.optim import PhaseOptimizer
from toolbox.features.classifiers import NETWORKS, vgg
from toolbox.layers.maps import instance_edges, one_hot_map
from toolbox.losses import AdversarialLoss
from toolbox.methods import Pix2PixHD

LOSSES = {'G_GAN': 'G/adv', 'G_GAN_Feat': 'G/feat', 'G_VGG': 'G/vgg'}


@pytest.fixture
def double() -> Iterator[None]:
    """Planes and pictures in float64, as in the authors' run that the numbers are from."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def official(opt: dict[str, Any], name: str, state: dict[str, Tensor]) -> nn.Module:
    """One of our networks for the options of a run."""
    planes = opt['label_nc'] + (not opt['no_instance'])
    inputs = dict(input_nc=planes + opt['feat_num'] * opt['instance_feat'], output_nc=opt['output_nc'],
                  ngf=opt['ngf'], norm=opt['norm'])
    if name == 'D':
        args = dict(input_nc=planes + opt['output_nc'], ndf=opt['ndf'], n_layers=opt['n_layers_D'], norm=opt['norm'],
                    num_D=opt['num_D'], getIntermFeat=not opt['no_ganFeat_loss'])
        return from_official('pix2pixhd', 'MultiscaleDiscriminator', args, state).net
    if name == 'E':
        return from_official('pix2pixhd', 'Encoder', dict(
            input_nc=opt['output_nc'], output_nc=opt['feat_num'], ngf=opt['nef'], norm=opt['norm'],
            n_downsampling=opt['n_downsample_E']), state)
    if opt['netG'] == 'global':
        return from_official('pix2pixhd', 'GlobalGenerator', dict(
            inputs, n_downsampling=opt['n_downsample_global'], n_blocks=opt['n_blocks_global']), state)
    return from_official('pix2pixhd', 'LocalEnhancer', dict(
        inputs, **{key: opt[key] for key in ('n_downsample_global', 'n_blocks_global', 'n_local_enhancers',
                                             'n_blocks_local')}), state)


def adam(method: Pix2PixHD, opt: dict[str, Any]) -> OptimWrapperDict:
    return OptimWrapperDict(**{phase.name: PhaseOptimizer(torch.optim.Adam(
        [p for name in phase.trains for p in getattr(method, name).parameters()], opt['lr'], betas=(opt['beta1'], 0.999)
    )) for phase in method.schedule})


@pytest.mark.parity
@pytest.mark.parametrize('name', ['hd_traj_global', 'hd_traj_local_features'])
def test_trains_as_the_authors_code(parity: Callable[[str], dict], double: None, monkeypatch: pytest.MonkeyPatch,
                                    name: str) -> None:
    """Every loss of the steps, the first fake, and all weights, those of the encoder and of resting parts too."""
    data = parity(name)
    opt, has_vgg = data['opt'], not data['opt']['no_vgg_loss']
    monkeypatch.setitem(NETWORKS, 'VGG19', (lambda: vgg(2, 2, 4, 4, 4, widths=(4, 6, 8, 8, 8)), NETWORKS['VGG19'][1]))
    perceptual = dict(type='PerceptualLoss', features=dict(type='VGG19', normalise='none', weights='random'))
    method = Pix2PixHD(**{key: official(opt, key, state) for key, state in data['init'].items()}, classes=list('abcde'),
                       instances=not opt['no_instance'], w_feat=opt['lambda_feat'], w_vgg=opt['lambda_feat'],
                       perceptual=perceptual if has_vgg else None, pool_size=opt['pool_size'],
                       fix_global=opt['niter_fix_global']).double()
    if has_vgg:
        features = method.perceptual.features.net.double().features
        features.load_state_dict({key: data['vgg_features_state_dict'][key] for key in features.state_dict()})
    optims, fakes = adam(method, opt), []
    method.G.register_forward_hook(lambda *call: fakes.append(call[2].detach()))
    for step, (batch, losses) in enumerate(zip(data['batches'], data['losses'], strict=True), start=1):
        logs = method.train_step(dict(label_map=batch['label'][:, 0].long(), instance_map=batch['inst'][:, 0].long(),
                                      img=batch['image'].double()), optims)
        expected = {ours: losses[key] for key, ours in LOSSES.items() if key in losses}
        expected |= {f'D/{key}': 0.5 * losses[f'D_{key}'] for key in ('real', 'fake')}
        assert logs.keys() == expected.keys()
        for key, value in expected.items():
            torch.testing.assert_close(logs[key], value, rtol=0, atol=1e-8)
        for key, state in data['params_after'].get(step, {}).items():
            wanted = official(opt, key, state).state_dict()
            for ours, value in getattr(method, key).state_dict().items():
                assert_close(value, wanted[ours], rtol=0, atol=1e-8)
    assert len(fakes) == len(data['batches'])  # one pass of G per iteration
    assert_close(fakes[0], data['step1_fake'], rtol=0, atol=1e-8)


@pytest.mark.parity
@pytest.mark.parametrize('mode', ['eval', 'train'])
@pytest.mark.parametrize('name', ['hd_global_in', 'hd_local_1enh_in', 'hd_local_1enh_bn', 'hd_encoder_in',
                                  'hd_nlayerD_in', 'hd_multiD_feat_in', 'hd_multiD_nofeat_in',
                                  'hd_multiD_feat_bn_sigmoid'])
def test_networks_of_the_authors(parity: Callable[[str], dict], name: str, mode: str) -> None:
    data = parity(name)
    net = from_official('pix2pixhd', data['cls'], data['args'], data['state_dict']).train(mode == 'train')
    with torch.no_grad():
        assert_close(net(*data['inputs'].values()), data['outputs']['eval' if data['train_same_as_eval'] else mode],
                     rtol=0, atol=1e-5)


@pytest.mark.parity
def test_losses_and_encodings_of_the_authors(parity: Callable[[str], dict]) -> None:
    data, adversarial = parity('hd_losses'), AdversarialLoss('lsgan', scales='sum')
    logits = [layers[-1] for layers in data['preds']]
    for real in (True, False):
        torch.testing.assert_close(adversarial(logits, real), data[f'lsgan_{"real" if real else "fake"}'])
    data = parity('hd_encode_input')
    label_map, instances = (data[key][:, 0].long() for key in ('label', 'inst'))
    edges = instance_edges(instances)
    assert edges.equal(data['edges'])
    assert torch.cat([one_hot_map(label_map, data['label_nc']), edges], 1).equal(data['input_label'])


@pytest.mark.parametrize(('make', 'expected'), [
    (lambda: Pix2PixHDGenerator(36), 182_546_755), (lambda: Pix2PixHDGenerator(3), 182_443_267),
    (lambda: Pix2PixHDGenerator(36, base_channels=32, enhancers=1), 182_857_059),
    (lambda: InstanceEncoder(), 788_803)])
def test_parameter_counts_of_the_authors(make: Callable[[], nn.Module], expected: int) -> None:
    with torch.device('meta'):
        assert sum(p.numel() for p in make().parameters()) == expected
