"""Losses against the authors' numbers and closed forms; the image pool against the authors' draws."""

from __future__ import annotations

import copy
import io
import random

import pytest
import torch
from mmengine.runner.checkpoint import get_state_dict, weights_to_cpu
from sampled import assert_close
from torch import Tensor, nn

from toolbox.converters import from_official
from toolbox.discriminators import MultiscaleDiscriminator
from toolbox.errors import ConfigError
from toolbox.losses import (
    AdversarialLoss,
    DiceLoss,
    L1Loss,
    L2Loss,
    RelativisticLoss,
    SmoothL1Loss,
    gradient_penalty,
    input_gradients,
)
from toolbox.methods.image_pool import ImagePool


@pytest.mark.parametrize(('mode', 'official'), [('lsgan', 'lsgan'), ('vanilla', 'vanilla'), ('wgan', 'wgangp'),
                                                ('wgan-gp', 'wgangp')])
@pytest.mark.parametrize('real', [True, False])
@pytest.mark.parametrize('for_D', [True, False])
def test_adversarial_values_and_gradients_of_the_authors(parity, mode: str, official: str, real: bool,
                                                         for_D: bool) -> None:
    data = parity('cg_losses')
    name = f"{official}_{'real' if real else 'fake'}"
    pred = data['pred'].clone().requires_grad_()
    loss = AdversarialLoss(mode)(pred, real, for_D)
    loss.backward()
    torch.testing.assert_close(loss.detach(), data[name])
    torch.testing.assert_close(pred.grad, data[f'{name}_grad'])


@pytest.mark.parametrize('mode', ['lsgan', 'vanilla'])
def test_smoothed_labels_of_the_authors(parity, mode: str) -> None:
    data = parity('cg_losses')
    loss = AdversarialLoss(mode, real_label=0.9, fake_label=0.1)
    torch.testing.assert_close(loss(data['pred'], True), data[f'{mode}_real_label0.9'])
    torch.testing.assert_close(loss(data['pred'], False), data[f'{mode}_fake_label0.1'])


def test_hinge_differs_between_the_two_players() -> None:
    pred, hinge = torch.tensor([-2.0, 0.5, 3.0]), AdversarialLoss('hinge')
    assert hinge(pred, True, for_D=True).item() == pytest.approx((3 + 0.5 + 0) / 3)
    assert hinge(pred, False, for_D=True).item() == pytest.approx((0 + 1.5 + 4) / 3)
    assert hinge(pred, True).item() == pytest.approx(-0.5)
    assert hinge(pred, False).item() == pytest.approx(0.5)


def test_scales_are_averaged() -> None:
    loss = AdversarialLoss()
    assert loss([torch.full((1, 1, 2, 2), 3.0), torch.zeros(1, 1, 1, 1)], True).item() == pytest.approx((4 + 1) / 2)


def test_half_precision_predictions_lose_no_digits() -> None:
    pred = torch.full((1000,), 0.1).bfloat16()
    assert AdversarialLoss()(pred, False).item() == pytest.approx(pred[0].item() ** 2, rel=1e-6)


@pytest.mark.parametrize(('args', 'message'), [
    ({'mode': 'wgan_gp'}, "Did you mean 'wgan-gp'"),
    ({'mode': 'hinge', 'real_label': 0.9}, "real_label: has no effect with mode 'hinge'"),
    ({'mode': 'lsgan', 'penalty_weight': 5.0}, 'penalty_weight: has no effect'),
    ({'mode': 'wgan-gp', 'penalty_mode': 'mix'}, "Did you mean 'mixed'"),
    ({'mode': 'wgan-gp', 'penalty_weight': -1.0}, 'expected a number >= 0, found -1.0'),
])
def test_adversarial_arguments_are_checked(args: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AdversarialLoss(**args)


@pytest.mark.parametrize('mode', ['mixed', 'real', 'fake'])
def test_gradient_penalty_of_the_authors(parity, mode: str) -> None:
    data = parity('cg_losses')['gradient_penalty']
    D = from_official('cyclegan', data['cls'], data['args'], data['state_dict'])
    expected = data['results'][mode]
    penalty = gradient_penalty(D, data['real'], data['fake'], mode, data['constant'], data['lambda_gp'], data['alpha'])
    torch.testing.assert_close(penalty.detach(), expected['penalty'], rtol=1e-9, atol=0)
    penalty.backward()
    grads = {'model.0': D.stem, 'model.2': D.blocks[0].conv, 'model.5': D.blocks[1].conv, 'model.8': D.head}
    for name, layer in grads.items():
        assert_close(layer.weight.grad, expected['param_grads'][f'{name}.weight'], rtol=1e-8, atol=1e-12)
    a = data['alpha'].view(-1, 1, 1, 1)
    points = {'mixed': a * data['real'] + (1 - a) * data['fake'], 'real': data['real'], 'fake': data['fake']}
    gradients = input_gradients(D, points[mode].clone().requires_grad_()).detach()
    assert_close(gradients, expected['gradients'], rtol=1e-8, atol=1e-12)


class Quadratic(nn.Module):
    """``D(x) = |x|^2 / 2``, whose gradient is x."""

    def forward(self, x: Tensor) -> Tensor:
        return x.square().flatten(1).sum(1) / 2


def test_gradient_penalty_closed_form_and_random_points() -> None:
    real, fake = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    assert gradient_penalty(Quadratic(), real, fake, 'fake', 1.0, 10.0).item() == pytest.approx(10 * (2 - 1) ** 2)
    alpha = torch.tensor([[0.0], [1.0]])
    mixed = gradient_penalty(Quadratic(), real, fake, 'mixed', 0.5, 1.0, alpha)
    assert mixed.item() == pytest.approx((1.5 ** 2 + 0.5 ** 2) / 2)
    torch.manual_seed(3)
    drawn = gradient_penalty(Quadratic(), real, fake, 'mixed', 0.0, 1.0).item()
    torch.manual_seed(3)
    assert drawn == pytest.approx((2 * (1 - torch.rand(2, 1))).square().mean().item(), rel=1e-5)


def test_gradient_penalty_leads_away_from_a_zero_gradient() -> None:
    weight = torch.zeros(1, 1, 2, 2, requires_grad=True)
    images = torch.rand(3, 1, 2, 2)
    penalty = gradient_penalty(lambda x: (x * weight).flatten(1).sum(1), images, images, 'real')
    penalty.backward()
    assert penalty.item() == pytest.approx(10)
    torch.testing.assert_close(weight.grad, torch.full((1, 1, 2, 2), 10 * 2 * (0 - 1) / 2))


def test_gradient_penalty_runs_in_float32_under_autocast() -> None:
    seen: list[torch.dtype] = []
    layer = nn.Conv2d(1, 1, 1)

    def D(x: Tensor) -> Tensor:
        y = layer(x)
        seen.append(y.dtype)
        return y

    x = torch.rand(2, 1, 4, 4)
    with torch.autocast('cpu', torch.bfloat16):
        penalty = gradient_penalty(D, x.bfloat16(), x.bfloat16())
    assert seen == [torch.float32] and penalty.dtype == torch.float32


def test_penalty_belongs_to_one_mode() -> None:
    real, fake = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    loss = AdversarialLoss('wgan-gp', penalty_weight=3.0, penalty_mode='fake', penalty_target=0.0)
    assert loss.has_penalty and loss.penalty(Quadratic(), real, fake).item() == pytest.approx(12)

    def forbidden(x: Tensor) -> Tensor:
        raise AssertionError('D must not be called')

    lsgan = AdversarialLoss()
    assert not lsgan.has_penalty and lsgan.penalty(forbidden, real, fake).item() == 0


def test_penalty_refuses_images_of_two_sizes() -> None:
    with pytest.raises(ConfigError, match='the same shape'):
        gradient_penalty(Quadratic(), torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 3, 3))


@pytest.mark.parametrize(('cls', 'expected'), [(L1Loss, (0.5 + 2) / 2), (L2Loss, (0.25 + 4) / 2),
                                               (SmoothL1Loss, (0.125 + 1.5) / 2)])
def test_reconstruction_losses(cls: type[nn.Module], expected: float) -> None:
    pred, target = torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, -1.0]])
    assert cls(weight=10.0)(pred, target).item() == pytest.approx(10 * expected)
    with pytest.raises(ConfigError, match='weight: expected a number >= 0'):
        cls(weight=-1)
    with pytest.raises(ConfigError, match='differ in shape'):
        cls()(pred, target[0])


def test_dice_counts_what_both_masks_cover() -> None:
    """Two images of 2x2: three pixels of the first are marked by both, one of the second by one of the two."""
    pred, target = torch.full((2, 2, 1, 2, 2), -1.0)
    pred[0, 0, 0], target[0, 0, 0] = 1.0, 1.0
    pred[0, 0, 1, 0], target[0, 0, 1, 0], pred[1, 0, 0, 0] = 1.0, 1.0, 0.0
    assert DiceLoss(weight=10.0)(pred, target).item() == pytest.approx(10 * (1 - (2 * 3 + 1) / (3 + 0.25 + 3 + 1)))
    assert DiceLoss('black')(-pred, -target).item() == pytest.approx(1 - 7 / 7.25)
    assert DiceLoss()(target, target).item() == DiceLoss()(target[1:], target[1:]).item() == 0
    with pytest.raises(ConfigError, match='foreground'):
        DiceLoss('gray')
    with pytest.raises(ConfigError, match='differ in shape'):
        DiceLoss()(pred, target[0])


def test_dice_hears_a_small_thing_that_a_mean_hardly_sees() -> None:
    """One pixel of 64x64: an empty mask costs nearly all, and twice the picture around the thing costs no more."""
    target = torch.full((1, 1, 64, 64), -1.0)
    target[..., 9, 9] = 1.0
    empty = torch.full_like(target, -1.0)
    assert DiceLoss()(empty, target).item() == pytest.approx(1 - 1 / 2)
    assert L2Loss()(empty, target).item() == pytest.approx(4 / 64 ** 2)
    wider = [torch.nn.functional.pad(mask, (0, 64), value=-1.0) for mask in (empty, target)]
    assert DiceLoss()(*wider).item() == DiceLoss()(empty, target).item()


@pytest.mark.parametrize('case', ['size0_seed1_bs1', 'size5_seed7_bs1', 'size50_seed11_bs1', 'size4_seed13_bs3'])
def test_pool_draws_of_the_authors(parity, case: str) -> None:
    data = parity('cg_image_pool')[case]
    random.seed(data['seed'])
    pool = ImagePool(data['pool_size'])
    for step, expected in enumerate(data['returned_ids']):
        ids = torch.arange(step * data['batch'], (step + 1) * data['batch'], dtype=torch.float32)
        answer = pool.query(ids.view(-1, 1, 1, 1).expand(-1, 3, 2, 2))
        assert answer.shape == (data['batch'], 3, 2, 2)
        assert answer[:, 0, 0, 0].long().tolist() == expected.tolist()


def filled_pool() -> ImagePool:
    pool = ImagePool(3)
    pool.query(torch.arange(3.0).view(3, 1, 1, 1))
    return pool


def saved(module: nn.Module) -> dict:
    """The state dict after the way through MMEngine and a file that may hold no code."""
    file = io.BytesIO()
    torch.save(weights_to_cpu(get_state_dict(module)), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize('pool', [filled_pool(), ImagePool(3)], ids=['filled', 'empty'])
def test_pool_content_survives_a_checkpoint(pool: ImagePool) -> None:
    method = nn.ModuleDict({'pool': pool, 'net': nn.Linear(1, 1)})
    fresh = nn.ModuleDict({'pool': ImagePool(3), 'net': nn.Linear(1, 1)})
    fresh.load_state_dict(saved(method), strict=True)
    answers = []
    for module in (pool, fresh['pool'], copy.deepcopy(fresh['pool'])):
        random.seed(5)
        answers.append([module.query(torch.full((2, 1, 1, 1), 10.0 + i)).flatten().tolist() for i in range(12)])
    assert answers[0] == answers[1] == answers[2]
    returned = {value for step, values in enumerate(answers[0]) for value in values if value < 10 + step}
    assert returned, 'an old image came back'


def test_pool_loaded_into_a_smaller_one_keeps_what_fits() -> None:
    small = ImagePool(2)
    small.load_state_dict(saved(filled_pool()))
    assert len(small) == 2


def test_pool_answers_in_the_type_of_the_query_and_detached() -> None:
    random.seed(0)
    pool = filled_pool()
    queries = [torch.full((1, 1, 1, 1), 9.0, dtype=torch.float64, requires_grad=True) for _ in range(8)]
    answers = [pool.query(query) for query in queries]
    assert all(a.dtype == torch.float64 and not a.requires_grad for a in answers)
    assert any(a.item() < 3 for a in answers)


def test_pool_keeps_its_own_copy() -> None:
    random.seed(0)
    pool, first, second = ImagePool(1), torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    pool.query(first)
    first.fill_(7)
    assert pool.get_extra_state()['images'][0].item() == 0
    while pool.query(second).item() != 0:
        assert pool.get_extra_state()['images'][0].item() == 0
    second.fill_(7)
    assert pool.get_extra_state()['images'][0].item() == 1


def test_pool_mistakes() -> None:
    with pytest.raises(ConfigError, match=r'ImagePool.size: expected an integer >= 0, found -1'):
        ImagePool(-1)
    random.seed(0)
    pool = ImagePool(2)
    pool.query(torch.zeros(2, 1, 4, 4))
    with pytest.raises(ConfigError, match='cannot share a batch'):
        for _ in range(20):
            pool.query(torch.zeros(2, 1, 6, 6))


@pytest.mark.parametrize('loss', [
    AdversarialLoss('hinge', scales='sum'), AdversarialLoss('wgan-gp', penalty_weight=3.0), RelativisticLoss('lsgan')])
def test_scales_that_give_their_features_are_judged_by_their_last_layers(loss: AdversarialLoss) -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32)
    D = MultiscaleDiscriminator(base_channels=2)
    plain = of_features, of_outputs = [], []
    for given, net in zip(plain, (D, lambda x: [layers[-1] for layers in D(x)]), strict=True):
        torch.manual_seed(1)
        given += [float(value.detach()) for value in (loss.of_G(net, fake, real), *loss.of_D(net, fake, real).values())]
    assert len(of_features) >= 3 and of_features == of_outputs and len({*of_features}) > 1
