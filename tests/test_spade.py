"""SPADE (GauGAN) and Pix2PixHD++: trainings against the authors' code, and what networks, norms and method promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from sampled import assert_close
from test_converters import official_state
from test_stargan_methods import sgd
from tiny import ROOT
from torch import Tensor, nn

from toolbox.backbones import Pix2PixHDPlusGenerator, SPADEEncoder, SPADEGenerator
from toolbox.converters import FAMILIES, convert_checkpoint, from_official
from toolbox.engine.optim import build_optimizers
from toolbox.errors import CheckpointError, ConfigError
from toolbox.features.classifiers import vgg
from toolbox.layers.init import init_weights
from toolbox.layers.maps import MapCondition
from toolbox.layers.spectral import raw_weight
from toolbox.losses import AdversarialLoss, PerceptualLoss
from toolbox.losses.divergence import kl_to_standard_normal
from toolbox.methods import GauGAN
from toolbox.norms import SyncBatchNorm
from toolbox.registry import METHODS, build
from toolbox.use.load import load_method

SPADES = FAMILIES['spade']
CLASSES = {'G': {'spade': 'SPADEGenerator', 'pix2pixhd': 'Pix2PixHDGenerator'}, 'D': 'MultiscaleDiscriminator',
           'E': 'ConvEncoder'}


# The authors' numbers


class TinyVGG(nn.Module):
    """VGG19 with the widths of the fixtures, in float64."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.net = vgg(2, 2, 4, 4, 4, widths=(4, 6, 8, 8, 8)).double().requires_grad_(False)
        self.net.features.load_state_dict({key: value.double() for key, value in state.items()})

    def taps(self, x: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
        return self.net(x, names)


def class_of(net: str, opt: dict[str, Any]) -> str:
    return CLASSES['G'][opt['netG']] if net == 'G' else CLASSES[net]


def replay(data: dict[str, Any]) -> tuple[list[dict[str, float]], dict[int, dict[str, dict[str, Tensor]]]]:
    """A training of the authors by our method: their losses by name, and their weights after each step."""
    opt = data['opt']
    nets = {net: from_official('spade', class_of(net, opt), opt, state) for net, state in data['init'].items()}
    method = GauGAN(**nets, classes=[str(i) for i in range(opt['label_nc'])], instances=not opt['no_instance'],
                    unknown=opt['contain_dontcare_label'], w_feat=opt['lambda_feat'], w_vgg=opt['lambda_vgg'],
                    w_kl=opt['lambda_kld'], perceptual=PerceptualLoss(features=TinyVGG(data['vgg_features_state_dict'])))
    optims = build_optimizers(method, {net: dict(nets=phase.networks, optimizer=dict(
        type='Adam', lr=data[f'lr_{net}'], betas=tuple(data['betas']))) for net, phase in zip('GD', method.schedule,
                                                                                            strict=True)})
    eps = iter(data['eps'])
    method.noise = lambda b, name, shape: next(eps).double()  # type: ignore[method-assign]
    factors = {'GAN': ('G/adv', 1), 'GAN_Feat': ('G/feat', 1), 'VGG': ('G/vgg', 1), 'KLD': ('G/kl', 1),
               'D_Fake': ('D/fake', 1), 'D_real': ('D/real', 1)}
    losses, after = [], {}
    for number, batch in enumerate(data['batches'], 1):
        logs = method.train_step({'label_map': batch['label'][:, 0].long(), 'img': batch['image'].double(),
                                  'instance_map': batch['instance'][:, 0].long()}, optims)
        assert len(logs) == len(data['losses'][number - 1])
        losses.append({theirs: float(logs[ours]) for theirs, (ours, _) in factors.items() if ours in logs})
        after[number] = {net: official_weights(getattr(method, net), class_of(net, opt), opt) for net in nets}
    return losses, after


def official_weights(net: nn.Module, cls: str, opt: dict[str, Any]) -> dict[str, Tensor]:
    recipe = SPADES[cls]
    return official_state(net, recipe, recipe.complete(opt, cls))


def assert_replayed(data: dict[str, Any]) -> None:
    losses, after = replay(data)
    for ours, theirs in zip(losses, data['losses'], strict=True):
        assert ours == pytest.approx({key: float(value) for key, value in theirs.items()}, abs=1e-8)
    for step, nets in data['params_after'].items():
        for net, state in nets.items():
            for key, value in state.items():
                if not key.endswith('num_batches_tracked'):  # their synchronised norm does not count
                    assert_close(after[int(step)][net][key], value.double(), rtol=0, atol=1e-8,
                                 msg=lambda m, key=key: f'{net}.{key}: {m}')


@pytest.fixture
def float64() -> Any:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parity
@pytest.mark.parametrize('name', ['sp_traj_spade_novae', 'sp_traj_pix2pixhdpp'])
def test_trains_as_the_authors_code(parity, float64, name: str) -> None:
    """Losses, weights, running statistics and singular vectors after one and after three iterations."""
    assert_replayed(parity(name))


@pytest.mark.parity
def test_losses_of_the_authors(parity) -> None:
    data = parity('sp_losses')
    modes = {'hinge': 'hinge', 'ls': 'lsgan', 'original': 'vanilla', 'w': 'wgan'}
    logits = [layers[-1] for layers in data['preds']]
    compared = 0
    for name, mode in modes.items():
        loss = AdversarialLoss(mode=mode, scales='mean')
        for real in (True, False):
            for step in 'DG':
                key = f'{name}_{"real" if real else "fake"}_{step}'
                if key in data and (real or step == 'D'):  # G never asks for fakes
                    torch.testing.assert_close(loss(logits, real, for_D=step == 'D'), data[key].squeeze())
                    compared += 1
    assert compared == 12
    mu, logvar = data['mu'], data['logvar']
    torch.testing.assert_close(len(mu) * kl_to_standard_normal(mu, logvar), data['kld'])
    torch.testing.assert_close(mu + data['eps'] * (0.5 * logvar).exp(), data['reparam'])
