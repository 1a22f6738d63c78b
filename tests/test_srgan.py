"""SRGAN and ESRGAN: sizes of their networks, the closed forms of their losses, and the steps of their training."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn

from toolbox.backbones import RRDBNet, SRResNet
from toolbox.data.ranges import ValueRange, as_meta
from toolbox.discriminators import SRGANDiscriminator
from toolbox.engine.optim import PhaseOptimizer
from toolbox.errors import ConfigError
from toolbox.layers.intervals import IMAGENET_MEAN, IMAGENET_STD, converted
from toolbox.losses import AdversarialLoss, L2Loss, RelativisticLoss, total_variation
from toolbox.methods import SRGAN

NONE = {'type': 'none'}


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def srresnet_parameters(c: int, blocks: int, shuffles: tuple[int, ...]) -> int:
    """Of the paper's figure: convolutions before a norm have no bias; a PReLU has one parameter."""
    block = 2 * (9 * c * c + 2 * c) + 1
    up = sum(9 * c * c * factor ** 2 + c * factor ** 2 + 1 for factor in shuffles)
    return (81 * 3 * c + c + 1) + blocks * block + (9 * c * c + 2 * c) + up + (81 * c * 3 + 3)


def rrdb_parameters(c: int, blocks: int, growth: int, inputs: int) -> int:
    dense = sum(9 * (c + i * growth) * growth + growth for i in range(4)) + 9 * (c + 4 * growth) * c + c
    return (9 * inputs * c + c) + blocks * 3 * dense + 4 * (9 * c * c + c) + (9 * c * 3 + 3)


# Networks


@pytest.mark.parametrize(('make', 'expected'), [
    (lambda: SRResNet(), srresnet_parameters(64, 16, (2, 2))),
    (lambda: SRResNet(scale=2), srresnet_parameters(64, 16, (2,))),
    (lambda: SRResNet(scale=3, blocks=5, base_channels=32), srresnet_parameters(32, 5, (3,))),
    (lambda: SRResNet(scale=8), srresnet_parameters(64, 16, (2, 2, 2))),
    (lambda: SRResNet(), 1_547_350),
    (lambda: RRDBNet(), rrdb_parameters(64, 23, 32, 3)),
    (lambda: RRDBNet(), 16_697_987),  # stated by its authors' file
    (lambda: RRDBNet(scale=2, blocks=6), rrdb_parameters(64, 6, 32, 12)),
    (lambda: RRDBNet(scale=1), rrdb_parameters(64, 23, 32, 48)),
    (lambda: SRGANDiscriminator(), 23_563_649),
    (lambda: SRGANDiscriminator(size=128, levels=5, kernel=4, hidden=100), 14_499_401),
    (lambda: SRGANDiscriminator(head='pooled'), 23_563_649 - 1024 * 512 * 35),
])
def test_parameter_counts_of_the_papers(make: object, expected: int) -> None:
    with torch.device('meta'):
        assert count(make()) == expected


@pytest.mark.parametrize('scale', [1, 2, 3, 4, 8])
def test_srresnet_enlarges_images_of_any_size(scale: int) -> None:
    net = SRResNet(2, 1, 4, blocks=1, scale=scale)
    y = net(torch.randn(2, 2, 7, 5))
    assert y.shape == (2, 1, 7 * scale, 5 * scale)
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize(('scale', 'divisor'), [(1, 4), (2, 2), (4, 1)])
def test_rrdbnet_of_small_scales_takes_several_pixels_at_once(scale: int, divisor: int) -> None:
    net = RRDBNet(2, 1, 4, blocks=1, growth=2, scale=scale)
    assert net.size_divisor == divisor
    assert net(torch.randn(1, 2, 8, 12)).shape == (1, 1, 8 * scale, 12 * scale)
    if divisor > 1:
        with pytest.raises(ConfigError, match=f'multiples of {divisor}'):
            net(torch.randn(1, 2, 9, 12))


def test_residuals_of_rrdbnet_start_small() -> None:
    torch.manual_seed(0)
    net = RRDBNet(blocks=1, base_channels=8, growth=16)
    conv = net.blocks[0].dense[1].convs[4]
    assert conv.weight.std().item() == pytest.approx(0.1 * math.sqrt(2 / (9 * (8 + 64))), rel=0.05)
    assert not conv.bias.any() and net.stem.bias.any()
    for p in net.blocks[0].dense.parameters():
        nn.init.zeros_(p)
    x = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(net.blocks[0](x), x + 0.2 * x)


class Identity(SRResNet):
    """What the layers would see, unchanged."""

    def enlarge(self, x: Tensor) -> Tensor:
        self.seen = x
        return x


def test_the_intervals_that_layers_see_and_give() -> None:
    x = torch.rand(2, 3, 4, 5) * 2 - 1
    paper = Identity(scale=1, blocks=0, base_channels=1)
    torch.testing.assert_close(paper(x), (x + 1) / 2)  # [0, 1] goes in, and what comes out is taken for [-1, 1]
    unit = Identity(scale=1, blocks=0, base_channels=1, writes='unit')
    torch.testing.assert_close(unit(x), x)
    imagenet = Identity(scale=1, blocks=0, base_channels=1, reads='imagenet', writes='imagenet')
    torch.testing.assert_close(imagenet(x), x)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    torch.testing.assert_close(imagenet.seen, ((x + 1) / 2 - mean) / std)
    raw = Identity(scale=1, blocks=0, base_channels=1, images='unit', reads='unit', writes='unit')
    assert raw(x) is x
    for kinds in (('signed', 'unit'), ('unit', 'imagenet'), ('imagenet', 'signed')):
        torch.testing.assert_close(converted(converted(x, *kinds), *kinds[::-1]), x)


@pytest.mark.parametrize(('output', 'writes', 'expected'), [
    ('linear', 'signed', [-3.0, -0.5, 2.0]), ('clamp', 'signed', [-1.0, -0.5, 1.0]),
    ('clamp', 'unit', [-1.0, -1.0, 1.0]), ('tanh', 'signed', [math.tanh(v) for v in (-3.0, -0.5, 2.0)])])
def test_outputs(output: str, writes: str, expected: list[float]) -> None:
    net = Identity(1, 1, scale=1, blocks=0, base_channels=1, reads='signed', writes=writes, output=output)
    assert net(torch.tensor([[[[-3.0, -0.5, 2.0]]]])).flatten().tolist() == pytest.approx(expected)


def test_an_output_outside_of_the_interval_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"RRDBNet\.output: 'tanh' gives -1 to 1, but writes='unit'"):
        RRDBNet(base_channels=2, blocks=1, output='tanh')


def test_heads_of_the_discriminator() -> None:
    torch.manual_seed(0)
    args = dict(base_channels=2, levels=2, hidden=4, norm=NONE)
    dense = SRGANDiscriminator(size=10, **args)
    assert dense(torch.rand(2, 3, 10, 10)).shape == (2, 1) and dense.size == 10
    with pytest.raises(ConfigError, match='images of 10x10'):
        dense(torch.rand(2, 3, 12, 12))
    pooled, patch = (SRGANDiscriminator(head=head, **args) for head in ('pooled', 'patch'))
    patch.load_state_dict(pooled.state_dict())
    assert pooled.size is None and pooled(torch.rand(2, 3, 9, 14)).shape == (2, 1)
    x = torch.rand(1, 3, 4, 4)  # one place only: its mean is itself
    logits = patch(torch.rand(2, 3, 9, 14))
    assert logits.shape == (2, 1, 3, 4)
    torch.testing.assert_close(patch(x).flatten(), pooled(x).flatten())


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: SRResNet(scale=5), r'scale: expected one of 1, 2, 3, 4, 8, found 5'),
    (lambda: RRDBNet(scale=8), r'scale: expected one of 1, 2, 4, found 8'),
    (lambda: SRResNet(1, 1, reads='imagenet'), "'imagenet' is an interval of images with 3 channels, found 1 and 1"),
    (lambda: RRDBNet(writes='imagenet', output='clamp'), "needs writes='unit' or 'signed'"),
    (lambda: SRGANDiscriminator(size=8, levels=5, kernel=4), 'images of side 8 vanish in 5 levels'),
    (lambda: SRGANDiscriminator(head='dens'), "Did you mean 'dense'"),
])
def test_mistakes_are_explained(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


# Losses


@pytest.mark.parametrize(('mode', 'good', 'bad'), [
    ('vanilla', lambda d: math.log1p(math.exp(-d)), lambda d: math.log1p(math.exp(d))),
    ('lsgan', lambda d: (d - 1) ** 2, lambda d: (d + 1) ** 2),
    ('hinge', lambda d: max(0.0, 1 - d), lambda d: max(0.0, 1 + d))])
def test_relativistic_closed_forms(mode: str, good: Any, bad: Any) -> None:
    """``good(d)``: a logit d should look real."""
    real, fake = torch.tensor([[0.3], [1.1]]), torch.tensor([[-0.4], [0.2]])
    differences = dict(real=[x - (-0.1) for x in (0.3, 1.1)], fake=[x - 0.7 for x in (-0.4, 0.2)])
    loss, mean = RelativisticLoss(mode), lambda values: sum(values) / 2

    def D(x: Tensor) -> Tensor:
        return x
    of_D = loss.of_D(D, fake, real)
    assert of_D['real'].item() == pytest.approx(0.5 * mean([good(d) for d in differences['real']]), rel=1e-5)
    assert of_D['fake'].item() == pytest.approx(0.5 * mean([bad(d) for d in differences['fake']]), rel=1e-5)
    of_G = 0.5 * (mean([good(d) for d in differences['fake']]) + mean([bad(d) for d in differences['real']]))
    assert loss.of_G(D, fake, real).item() == pytest.approx(of_G, rel=1e-5)
    two = loss.of_G(lambda x: [x, 2 * x], fake, real)
    torch.testing.assert_close(two, (loss.of_G(D, fake, real) + loss.of_G(lambda x: 2 * x, fake, real)) / 2)


def test_gradients_pass_through_both_kinds_of_images() -> None:
    real, fake = torch.zeros(2, 1, requires_grad=True), torch.zeros(2, 1, requires_grad=True)
    RelativisticLoss().of_G(lambda x: x, fake, real).backward()
    # d/dx log(1 + exp(-x)) = -1/2 at 0; each fake is in its own term and in the mean of the other.
    torch.testing.assert_close(fake.grad, torch.full((2, 1), 0.5 * (-0.5 / 2 - 0.5 / 2)))
    torch.testing.assert_close(real.grad, -fake.grad)


def test_a_method_that_judges_images_one_by_one_cannot_use_it() -> None:
    with pytest.raises(ConfigError, match='this method judges them one by one'):
        RelativisticLoss()(torch.zeros(1, 1), real=True)


def test_plain_losses_in_the_same_form() -> None:
    loss, fake, real = AdversarialLoss('vanilla'), torch.tensor([[0.5]]), torch.tensor([[2.0]])
    assert loss.of_G(lambda x: x, fake, real).item() == pytest.approx(math.log1p(math.exp(-0.5)))
    terms = loss.of_D(lambda x: x, fake, real)
    assert terms['real'].item() == pytest.approx(0.5 * math.log1p(math.exp(-2.0)))
    assert terms['fake'].item() == pytest.approx(0.5 * math.log1p(math.exp(0.5)))
    penalised = AdversarialLoss('wgan-gp').of_D(lambda x: x.flatten(1).sum(1), torch.zeros(1, 1, 2, 2),
                                                torch.ones(1, 1, 2, 2))
    assert penalised['penalty'].item() == pytest.approx(10 * (2 - 1) ** 2, rel=1e-4)


def test_total_variation() -> None:
    image = torch.tensor([[[[0.0, 1.0], [3.0, 3.0]]]])
    assert total_variation(image).item() == pytest.approx((3 + 2) / 2 + (1 + 0) / 2)
    assert total_variation(torch.full((1, 2, 3, 4), 7.0)) == 0


# The method


def method(**args: Any) -> SRGAN:
    torch.manual_seed(0)
    G = dict(type='SRResNet', base_channels=4, blocks=1, norm=NONE, bias=True, scale=2)
    D = dict(type='SRGANDiscriminator', base_channels=2, size=8, levels=2, hidden=4, norm=NONE)
    return SRGAN(**{'G': G, 'D': D, 'perceptual': dict(type='L1Loss'), **args}).double()


def optimizers(model: SRGAN) -> OptimWrapperDict:
    return OptimWrapperDict(**{phase.optimizer: PhaseOptimizer(torch.optim.SGD(
        [p for net in phase.trains for p in model.part(net).parameters()], lr=0.1)) for phase in model.schedule})


def pairs(count: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.rand(count, 3, side, side, generator=generator).double() * 2 - 1
            for name, side in (('LR', 4), ('HR', 8))}


@pytest.mark.parametrize('relative', [False, True])
def test_a_step_is_that_of_the_paper(relative: bool) -> None:
    """Both updates by hand: G with the old D, then D on the fake from before G's update."""
    loss = dict(type='RelativisticLoss') if relative else dict(type='AdversarialLoss', mode='vanilla')
    model, twin = (method(adversarial=loss, w_content=0.7, w_adv=0.3, w_rec=0.2, w_tv=0.05) for _ in range(2))
    data = pairs()
    logs = model.train_step(data, optimizers(model))

    fake = twin.G(data['LR'])
    on_fake, on_real = twin.D(fake), twin.D(data['HR'])
    if relative:
        adv = (F.softplus(-(on_fake - on_real.mean())).mean() + F.softplus(on_real - on_fake.mean()).mean()) / 2
    else:
        adv = F.softplus(-on_fake).mean()
    total = (0.7 * (fake - data['HR']).abs().mean() + 0.3 * adv + 0.2 * (fake - data['HR']).square().mean()
             + 0.05 * total_variation(fake))
    gradients = torch.autograd.grad(total, [*twin.G.parameters()])
    on_fake, on_real = twin.D(fake.detach()), twin.D(data['HR'])
    if relative:
        terms = F.softplus(-(on_real - on_fake.mean())).mean(), F.softplus(on_fake - on_real.mean()).mean()
    else:
        terms = F.softplus(-on_real).mean(), F.softplus(on_fake).mean()
    torch.testing.assert_close([logs['D/real'], logs['D/fake']], [0.5 * term.detach() for term in terms])
    torch.testing.assert_close(logs['G/adv'], 0.3 * adv.detach())
    gradients += torch.autograd.grad(0.5 * sum(terms), [*twin.D.parameters()])
    for (name, p), before, gradient in zip(model.named_parameters(), twin.parameters(), gradients, strict=True):
        torch.testing.assert_close(p, before - 0.1 * gradient, msg=name)


def test_the_pre_training_is_that_of_srresnet() -> None:
    """And D, with its optimiser, starts with the stage after it."""
    both, alone = method(pretrain_iters=2), method(D=None, w_rec=1.0, w_content=0.0)
    start = {key: value.clone() for key, value in both.D.state_dict().items()}
    optims, optims_alone = optimizers(both), optimizers(alone)
    for _ in range(2):
        logs = both.train_step(pairs(), optims)
        assert logs.keys() == {'G/rec'} and logs == alone.train_step(pairs(), optims_alone)
    torch.testing.assert_close(both.G.state_dict(), alone.G.state_dict(), rtol=0, atol=0)
    assert all(value.equal(start[key]) for key, value in both.D.state_dict().items())
    logs = both.train_step(pairs(), optims)
    assert logs.keys() == {'G/content', 'G/adv', 'D/real', 'D/fake'}
    assert not all(value.equal(start[key]) for key, value in both.D.state_dict().items())


def test_parts_of_a_batch_give_the_step_of_the_whole() -> None:
    whole, parts = method(), method(accumulate=3)
    logs = [model.train_step(pairs(), optimizers(model)) for model in (whole, parts)]
    torch.testing.assert_close(*logs)
    torch.testing.assert_close(whole.state_dict(), parts.state_dict())


def test_photographs_of_any_size_are_shown_enlarged() -> None:
    model = method(G=dict(type='RRDBNet', base_channels=2, blocks=1, growth=2, scale=2)).float()
    shown = model.val_step(dict(LR=torch.rand(1, 3, 5, 7) * 2 - 1, HR=torch.rand(1, 3, 10, 14) * 2 - 1,
                                meta=[{}]))[0]
    assert shown['fake'].shape == shown['HR'].shape == (3, 10, 14)
    assert model.directions['upscale'].divisor == 2


def test_results_have_the_numbers_of_the_photographs() -> None:
    """Of 12 bits in files of 16: G's picture and the interpolated one, too."""
    model = method().float()
    known = as_meta({key: ValueRange(0, 4095, 'uint16') for key in ('LR', 'HR')})
    shown = model.val_step(dict(LR=torch.zeros(1, 3, 4, 4), HR=torch.zeros(1, 3, 8, 8), meta=[known]))[0]
    assert {key: str(shown[key].dtype) for key in ('LR', 'HR', 'fake', 'bicubic')} == dict.fromkeys(
        ('LR', 'HR', 'fake', 'bicubic'), 'torch.uint16')
    assert shown['bicubic'].int().unique().tolist() == shown['HR'].int().unique().tolist() == [2048]


@pytest.mark.parametrize(('args', 'message'), [
    (dict(G=dict(type='ResnetGenerator', base_channels=1, blocks=0)), 'ResnetGenerator does not state its scale'),
    (dict(D=None, w_content=0.0), 'Set model.w_rec=1.0'),
    (dict(D=None, pretrain_iters=5), 'model.pretrain_iters: 5, but without model.D nothing follows'),
    (dict(G=dict(type='SRResNet', base_channels=1, scale=3)), 'model.D.size: 8 is no multiple of the scale of G, 3'),
])
def test_settings_that_do_not_fit_together(args: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        method(**args)


def test_the_weight_of_the_paper_s_content_loss() -> None:
    """VGG5,4 with features times 1 / 12.75 is the squared distance of the features times 0.00615."""
    from toolbox.methods.srgan import VGG54
    features = torch.rand(1, 8), torch.rand(1, 8)
    rescaled = L2Loss()(*(x / 12.75 for x in features))
    torch.testing.assert_close(L2Loss(weight=VGG54['weight'])(*features), rescaled)
    assert VGG54['layers'] == {'relu5_4': 1.0} and VGG54['distance'] == 'l2'
