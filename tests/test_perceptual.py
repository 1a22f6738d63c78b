"""The perceptual loss: the authors' numbers, its closed form, and that its network is in nobody's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import EXACT, assert_equal, train
from sampled import assert_close
from tiny import tiny_config
from torch import Tensor

from toolbox import Translator
from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.features import VGG19, RandomFeatures
from toolbox.features.classifiers import NETWORKS, vgg
from toolbox.files.checkpoint import read_checkpoint
from toolbox.files.draft import limited_to
from toolbox.losses import PerceptualLoss
from toolbox.registry import LOSSES, build

RANDOM = {'type': 'VGG19', 'normalise': 'none', 'weights': 'random'}


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG19 with the widths of the fixture."""
    monkeypatch.setitem(NETWORKS, 'VGG19', (lambda: vgg(2, 2, 4, 4, 4, widths=(4, 6, 8, 8, 8)), NETWORKS['VGG19'][1]))


def random_images(size: int = 32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.rand(2, 3, size, size, generator=generator) * 2 - 1 for _ in range(2))


def test_a_small_method_with_a_published_network_is_not_larger_than_its_weights() -> None:
    with limited_to({'weight': torch.zeros(3)}, 'a checkpoint'):
        for _ in range(2):
            build({'type': 'PerceptualLoss'}, LOSSES)
        with pytest.raises(CheckpointError, match='far larger than its weights'):
            torch.nn.Linear(11_000, 11_000, device='cpu')


@pytest.mark.parity
def test_equals_the_loss_of_pix2pixhd_and_spade(narrow: None, parity: Callable) -> None:
    data = parity('hd_losses')
    fixture, loss = data['vgg'], PerceptualLoss(features=RANDOM)
    assert list(loss.layers.values()) == fixture['weights']
    vgg19 = loss.features.net.features
    vgg19.load_state_dict({key: fixture['features_state_dict'][key] for key in vgg19.state_dict()})
    taps = loss.features.taps(fixture['x'])
    for layer, expected in zip(loss.layers, fixture['slice_outputs'], strict=True):
        assert_close(taps[layer], expected)
    torch.testing.assert_close(loss(fixture['x'], fixture['y']), data['vgg_loss'])


@pytest.mark.parametrize('distance', ['l1', 'l2'])
def test_closed_form(narrow: None, distance: str) -> None:
    layers = {'relu1_2': 0.5, 'conv3_1': 2.0}
    loss = build(dict(type='PerceptualLoss', weight=3.0, layers=layers, distance=distance, features=RANDOM), LOSSES)
    a, b = random_images()
    seen, wanted = loss.features.taps(a), loss.features.taps(b)
    power = {'l1': 1, 'l2': 2}[distance]
    expected = 3 * sum(w * ((seen[k] - wanted[k]).abs() ** power).mean() for k, w in layers.items())
    torch.testing.assert_close(loss(a, b), expected)
    assert loss(a, a) == 0


def test_gradients_go_to_the_prediction_alone(narrow: None) -> None:
    loss = PerceptualLoss(features=RANDOM)
    pred, target = (image.requires_grad_() for image in random_images())
    loss(pred, target).backward()
    assert pred.grad.abs().sum() > 0 and target.grad is None
    assert not list(loss.parameters()) and loss.state_dict() == {}
    assert all(p.grad is None for p in loss.features.net.parameters())


def test_srgan_reads_the_last_layer_of_images_normalised_as_imagenet(narrow: None) -> None:
    loss = PerceptualLoss(layers={'relu5_4': 1}, distance='l2', features=dict(type='VGG19', weights='random'))
    a, b = random_images()
    ours, plain = loss(a, b), PerceptualLoss(layers={'relu5_4': 1}, distance='l2', features=RANDOM)(a, b)
    expected = (loss.features.taps(a)['relu5_4'] - loss.features.taps(b)['relu5_4']).square().mean()
    torch.testing.assert_close(ours, expected)
    assert not torch.isclose(ours, plain)


def test_a_network_that_is_already_built_serves(narrow: None) -> None:
    network = VGG19(('relu2_1',), normalise='none', weights='random')
    a, b = random_images()
    assert torch.equal(PerceptualLoss(layers={'relu1_1': 1}, features=network)(a, b),
                       PerceptualLoss(layers={'relu1_1': 1}, features=RANDOM)(a, b))


def test_wrong_arguments_are_explained(narrow: None) -> None:
    with pytest.raises(ConfigError, match=r"PerceptualLoss.distance: expected one of 'l1', 'l2', found 'l3'"):
        PerceptualLoss(distance='l3', features=RANDOM)
    with pytest.raises(ConfigError, match=r"VGG19.outputs: expected one of .*, found 'relu1_9'. Did you mean"):
        PerceptualLoss(layers={'relu1_9': 1}, features=RANDOM)
    with pytest.raises(ConfigError, match='RandomFeatures passes no gradients'):
        PerceptualLoss(features=RandomFeatures())
    loss = PerceptualLoss(layers={'relu1_1': 1}, features=RANDOM)
    for wrong in (torch.zeros(2, 3, 8, 9), torch.zeros(2, 1, 8, 8)):
        with pytest.raises(ConfigError, match='two RGB images'):
            loss(torch.zeros(2, 3, 8, 8), wrong)


def perceptual_config(work_dir: Path, images: Path, iters: int, **features: str) -> object:
    loss = dict(type='PerceptualLoss', layers={'relu1_1': 1.0, 'relu2_1': 0.5},
                features=dict(type='VGG19', normalise='none', **features))
    options = {'model.reconstruction': loss, 'model.w_rec': 1.0}
    return tiny_config('configs/pix2pix/facades.py', work_dir, images, iters, options)


def test_a_method_trains_resumes_and_translates_without_the_weights_in_its_checkpoint(
        narrow: None, tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(perceptual_config(tmp_path / 'whole', images, 4, weights='random'))
    train(perceptual_config(tmp_path / 'parts', images, 4, weights='random'), stop=2)
    train(perceptual_config(tmp_path / 'parts', images, 4, weights='random'), resume=True)
    whole, parts = (read_checkpoint(tmp_path / name / 'iter_4.pth') for name in ('whole', 'parts'))
    for key in EXACT:
        assert_equal(whole.get(key), parts.get(key), key)
    assert {key.split('.')[0] for key in whole['state_dict']} == {'G', 'D'}
    # Who translates needs no network of the loss.
    monkeypatch.delattr('toolbox.features.FeatureNetwork.load')
    assert Translator(tmp_path / 'whole')(np.zeros((32, 32, 3), np.uint8)).shape == (32, 32, 3)


def test_training_without_the_file_ends_with_what_to_do(
        narrow: None, tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(url: str, target: Path) -> None:
        raise DataError('no route to host') from OSError('no route to host')
    monkeypatch.setattr('toolbox.features.weights.download', offline)
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path / 'cache'))
    with pytest.raises(DataError, match=r'VGG19.weights: the file vgg19-dcbb9e9d.pth is needed(?s:.*)put it at'):
        train(perceptual_config(tmp_path / 'run', images, 4))
