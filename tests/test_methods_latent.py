"""GAN, WGAN, autoencoders: the authors' numbers, closed forms, schedules, noise."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from sampled import assert_close, known
from torch import Tensor, nn

from toolbox.backbones import ConvEncoder, CouplingFlow, DCGANGenerator, MLPEncoder, MLPGenerator, ResnetGANGenerator
from toolbox.converters import from_official
from toolbox.discriminators import DCGANDiscriminator, DeepResnetCritic, MLPDiscriminator, ResnetCritic
from toolbox.engine.optim import PhaseOptimizer
from toolbox.errors import CheckpointError, ConfigError
from toolbox.layers.init import init_weights
from toolbox.losses import AdversarialLoss, gradient_penalty
from toolbox.losses.divergence import kl_of_sample, kl_to_standard_normal
from toolbox.losses.penalties import input_gradients
from toolbox.methods import GAN, VAE, WGAN, Autoencoder, Batch
from toolbox.methods.wgan import CriticSteps
from toolbox.randomness.noise import noise

POINTS = dict(G=dict(type='MLPGenerator', z_dim=3, out_channels=2, size=1, hidden=8, layers=1),
              D=dict(type='MLPDiscriminator', in_channels=2, size=1, hidden=8, layers=1))
CLASSES = {name: {**part, 'classes': 3} for name, part in POINTS.items()}


def points(n: int = 6, seed: int = 0) -> dict[str, object]:
    torch.manual_seed(seed)
    return dict(img=torch.rand(n, 2, 1, 1) * 2 - 1, label=torch.arange(n) % 3, meta=[dict(seed=i) for i in range(n)])


def sgd(method: nn.Module, lr: float = 0.1) -> OptimWrapperDict:
    return OptimWrapperDict(**{phase.optimizer: PhaseOptimizer(torch.optim.SGD(
        [p for name in phase.trains for p in getattr(method, name).parameters()], lr)) for phase in method.schedule})


def flat(net: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


# The authors' numbers

class Replayed(WGAN):
    """WGAN on stored noise."""

    def replay(self, draws: list[Tensor]) -> None:
        self.draws = draws

    def latents(self, b: Batch, name: str = 'z') -> Tensor:
        return self.draws.pop(0).flatten(1)


def official_critic(data: dict, state: dict) -> nn.Module:
    """The authors' critic gives real images the *lower* score: it is ours with the sign of the last layer changed."""
    args = {key: data['models'][key] for key in ('isize', 'nz', 'nc', 'n_extra_layers', 'ndf')}
    D = from_official('wgan', 'DCGAN_D', args, state)
    with torch.no_grad():
        D.head.weight.neg_()
    return D


@pytest.mark.parity
@pytest.mark.parametrize(('dtype', 'largest'), [(torch.float64, 2e-7), (torch.float32, 3e-8)])
def test_wgan_equals_the_authors_training(dtype: torch.dtype, largest: float, parity) -> None:
    """To 1e-8. The stored run is float32: RMSprop divides by the size of the gradient, so that the rounding noise of
    gradients near zero becomes up to a thousandth of a step (1e-7), in less than 1 % of the weights. In float32, which
    repeats the noise, the last bits of weights differ."""
    data = parity('wgan')
    args = {key: data['models'][key] for key in ('isize', 'nz', 'nc', 'n_extra_layers', 'ngf')}
    G, D = from_official('wgan', 'DCGAN_G', args, data['models']['G']), official_critic(data, data['models']['D'])
    method = Replayed(G=G.to(dtype), D=D.to(dtype), clip=data['clip'], n_critic=data['Diters'])
    optims = OptimWrapperDict(**{name: PhaseOptimizer(torch.optim.RMSprop(getattr(method, name).parameters(),
                                                                          lr=data['lr']))
                                 for name in ('D', 'G')})
    method.replay([z.to(dtype) for i in range(2) for z in (*data['z_d'][2 * i:2 * i + 2], data['z_g'][i])])
    log = iter(data['log'])
    for real in data['reals']:
        before = flat(method.G)
        losses = method.train_step(dict(img=real.to(dtype)), optims)
        critic = next(log)
        assert abs(losses['D/real'] - critic['real']) <= 1e-8 and abs(losses['D/fake'] + critic['fake']) <= 1e-8
        steps = [('D', critic)]
        if 'G/adv' in losses:
            steps.append(('G', next(log)))
            assert abs(losses['G/adv'] - steps[1][1]['loss']) <= 1e-8
        else:
            assert torch.equal(flat(method.G), before)
        for name, expected in steps:
            params = expected['params'].clone()
            if name == 'D':
                params[-D.head.weight.numel():].neg_()
            error = (flat(getattr(method, name)).double() - params).abs()[known(params)]
            assert error.quantile(0.99) <= 1e-8 and error.max() <= largest, name
    assert next(log, None) is None and not method.draws
    last = ((G, from_official('wgan', 'DCGAN_G', args, data['G_after'])), (D, official_critic(data, data['D_after'])))
    for net, after in last:
        for key, value in after.state_dict().items():
            assert_close(net.state_dict()[key].double(), value.double(), rtol=0, atol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize('case', range(3))
def test_gradient_penalty_equals_the_authors(case: int, parity) -> None:
    data = parity('wgan_gp')['cases'][case]
    layers = {'conv': lambda: [nn.Conv2d(3, 6, 5, 2, 2), nn.LeakyReLU(0.2), nn.Conv2d(6, 8, 5, 2, 2), nn.LeakyReLU(0.2),
                               nn.Flatten(), nn.Linear(32, 1)],
              'mlp': lambda: [nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)],
              'convln': lambda: [nn.Conv2d(1, 6, 3, 1, 1), nn.GroupNorm(1, 6), nn.LeakyReLU(0.2), nn.AvgPool2d(2),
                                 nn.Flatten(), nn.Linear(216, 1)]}
    D = nn.Sequential(*layers[data['kind']]())
    D.load_state_dict(data['D'])
    real, fake = data['real'], data['fake']
    alpha = 1 - data['alpha'].flatten(1)  # theirs is the share of the fake
    assert abs(gradient_penalty(D, real, fake, weight=1.0, alpha=alpha) - data['gp']) <= 1e-6
    between = (real + data['alpha'] * (fake - real)).requires_grad_()
    torch.testing.assert_close(input_gradients(D, between).norm(2, 1), data['slopes'], rtol=0, atol=1e-6)
    loss = AdversarialLoss('wgan-gp', penalty_weight=data['lambda_'])
    total = (loss(D(real), real=True, for_D=True) + loss(D(fake), real=False, for_D=True)
             + loss.penalty(D, real, fake, alpha))
    assert abs(total - data['loss']) <= 1e-5  # 1e-6 of its size
    total.backward()
    for key, p in D.named_parameters():
        torch.testing.assert_close(p.grad, data['grads'][key], rtol=1e-4, atol=2e-6)


def test_official_wgan_networks_that_do_not_fit_are_refused(parity) -> None:
    state = parity('wgan')['models']['G']
    with pytest.raises(CheckpointError, match=r'missing in the weights:\n *main\.initial:11-32:convt\.weight'):
        from_official('wgan', 'DCGAN_G', dict(isize=32, nz=11, nc=3, ngf=8, n_extra_layers=1), state)
    with pytest.raises(CheckpointError, match='missing'):
        from_official('wgan', 'DCGAN_G', dict(isize=64, nz=10, nc=3, ngf=8, n_extra_layers=1), state)


# Closed forms

def test_gan_losses_are_those_of_the_paper() -> None:
    method = GAN(**POINTS)
    data = points()
    b = method._batch(data)
    method.prepare(b)
    p_real, p_fake = method.D(b.img).sigmoid(), method.D(b.fake).sigmoid()
    torch.testing.assert_close(method.loss_D(b), dict(real=-p_real.log().mean(), fake=-(1 - p_fake).log().mean()))
    torch.testing.assert_close(method.loss_G(b), dict(adv=-p_fake.log().mean()))
    method.adversarial = AdversarialLoss('saturating')
    torch.testing.assert_close(method.loss_G(b), dict(adv=(1 - p_fake).log().mean()))
    torch.testing.assert_close(method.loss_D(b), dict(real=-p_real.log().mean(), fake=-(1 - p_fake).log().mean()))


def test_saturating_gradient_vanishes_where_the_other_does_not() -> None:
    logit = torch.tensor([-20.0, 0.0], requires_grad=True)
    for mode, expected in {'vanilla': [-0.5, -0.25], 'saturating': [0.0, -0.25]}.items():
        grad, = torch.autograd.grad(AdversarialLoss(mode)(logit, real=True), logit)
        torch.testing.assert_close(grad, torch.tensor(expected))


def test_the_label_reaches_generator_and_discriminator() -> None:
    torch.manual_seed(0)
    method = GAN(**CLASSES)
    b = method._batch(points())
    other = Batch({**dict(b.items()), 'label': (b.label + 1) % 3}, b.meta)
    method.prepare(b)
    method.prepare(other)
    assert not torch.equal(b.fake, other.fake)
    other.fake = b.fake
    assert not torch.equal(method.loss_G(b)['adv'], method.loss_G(other)['adv'])
    assert not torch.equal(method.loss_D(b)['real'], method.loss_D(other)['real'])


def test_projection_is_the_inner_product_of_miyato_and_koyama() -> None:
    torch.manual_seed(0)
    D = DCGANDiscriminator(base_channels=4, size=16, classes=3, condition='projection')
    x, label = torch.randn(5, 3, 16, 16), torch.tensor([0, 1, 2, 0, 1])
    features = D.body(x)
    expected = D.head(features).flatten() + (D.embedding.weight.T[label] * features.sum((2, 3))).sum(1)
    torch.testing.assert_close(D(x, label).flatten(), expected)


def test_vae_loss_is_the_evidence_lower_bound() -> None:
    torch.manual_seed(0)
    coders = dict(E=MLPEncoder(1, 4, features=6, hidden=5), G=MLPGenerator(3, 1, 4, hidden=5, layers=1,
                                                                           activation='none'))
    x = torch.rand(7, 1, 4, 4) * 2 - 1
    for likelihood, sigma in (('bernoulli', 1.0), ('gaussian', 0.5)):
        method = VAE(**coders, likelihood=likelihood, sigma=sigma, beta=2.0)
        b = method._batch(dict(img=x, meta=[dict(seed=i) for i in range(7)]))
        losses = method.loss_EG(b)
        q = method.E(x)
        posterior = torch.distributions.Normal(q[:, :3], (q[:, 3:] / 2).exp())
        kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(torch.zeros(7, 3), 1.0))
        torch.testing.assert_close(losses['kl'], 2 * kl.sum() / 7)
        out = method.G(posterior.mean + posterior.stddev * method.noise(b, 'z', (3,)))
        pixels = (x + 1) / 2
        if likelihood == 'bernoulli':
            p = out.sigmoid()
            expected = -(pixels * p.log() + (1 - pixels) * (1 - p).log()).sum() / 7
        else:
            expected = -torch.distributions.Normal(out, sigma).log_prob(x).sum() / 7
        torch.testing.assert_close(losses['rec'], expected)
        assert method.predict(b)['rec'].abs().max() <= 1 or likelihood == 'gaussian'
    assert kl_to_standard_normal(torch.zeros(2, 3), torch.zeros(2, 3)) == 0
    torch.testing.assert_close(kl_to_standard_normal(torch.ones(2, 3), torch.full((2, 3), math.log(4.0))),
                               torch.tensor(3 * 0.5 * (1 + 4 - 1 - math.log(4.0))))


def flow(z_dim: int, **kwargs: Any) -> CouplingFlow:
    """One whose couplings do something: those of a new one only turn the order."""
    net = CouplingFlow(z_dim, **kwargs).double()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.4)
    return net


@pytest.mark.parametrize('z_dim', [2, 5])
def test_flow_is_invertible_and_knows_its_volume(z_dim: int) -> None:
    torch.manual_seed(0)
    new, net, x = CouplingFlow(z_dim, couplings=3), flow(z_dim, couplings=3, hidden=4), torch.randn(6, z_dim).double()
    torch.testing.assert_close(new(x.float()), (x.float().flip(1), torch.zeros(6)))  # an odd number of turns
    for to_code in (False, True):
        y, log_det = net(x, to_code)
        back, of_back = net(y, not to_code)
        torch.testing.assert_close((back, of_back), (x, -log_det))
        for i in range(6):
            jacobian = torch.autograd.functional.jacobian(lambda row, to=to_code: net(row[None], to)[0][0], x[i])
            torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, log_det[i])
    assert log_det.abs().min() > 0.01
    with pytest.raises(ConfigError, match=f'expects .N, {z_dim}.'):
        net(torch.randn(2, z_dim + 1).double())


def test_divergence_of_a_sample_is_that_of_the_densities() -> None:
    torch.manual_seed(0)
    net, mu, log_var, eps = flow(4, hidden=3), *(torch.randn(3, 9, 4).double())
    z = mu + (log_var / 2).exp() * eps
    noise, log_det = net(z)
    q = torch.distributions.Normal(mu, (log_var / 2).exp()).log_prob(z).sum(1)
    p = torch.distributions.Normal(0.0, 1.0).log_prob(noise).sum(1) + log_det
    torch.testing.assert_close(kl_of_sample(eps, log_var, noise, log_det), (q - p).mean())
    many = torch.randn(200000, 1).double()  # with noise = z it is the closed form on the average
    mean, spread = torch.full_like(many, 0.5), torch.full_like(many, 0.3)
    estimate = kl_of_sample(many, spread, mean + (spread / 2).exp() * many, many.new_zeros(len(many)))
    torch.testing.assert_close(estimate, kl_to_standard_normal(mean, spread), atol=0.01, rtol=0)


def test_vae_with_a_learnt_prior() -> None:
    """Codes are noise: what is decoded from noise is G of F's codes, and an image goes there and back as without F."""
    torch.manual_seed(0)
    nets = dict(E=MLPEncoder(1, 4, features=6, hidden=5), G=MLPGenerator(3, 1, 4, hidden=5, layers=1))
    F, x = flow(3, hidden=4).float(), torch.rand(7, 1, 4, 4) * 2 - 1
    method, plain = (VAE(**nets, likelihood='gaussian', sigma=0.5, beta=2.0, F=net) for net in (F, None))
    assert method.schedule[0].trains == ('E', 'G', 'F') and plain.schedule[0].trains == ('E', 'G')
    assert {name: asked.nets for name, asked in method.directions.items()} == {
        'encode': ('E', 'F'), 'sample': ('F', 'G'), 'reconstruct': ('E', 'F', 'G')}
    codes = torch.randn(7, 3)
    torch.testing.assert_close(method.sample(codes), method.G(F(codes, to_code=True)[0]))
    mu, log_var = method.E(x).chunk(2, 1)
    torch.testing.assert_close(method.ask('encode', {'img': x}), F(mu)[0])
    torch.testing.assert_close(method.reconstruct(x), plain.reconstruct(x))

    b = method._batch(dict(img=x, meta=[dict(seed=i) for i in range(7)]))
    losses, eps = method.loss_EG(b), method.noise(b, 'z', (3,))
    z = mu + (log_var / 2).exp() * eps
    torch.testing.assert_close(losses['rec'], plain.loss_EG(b)['rec'])
    torch.testing.assert_close(losses['kl'], 2 * kl_of_sample(eps, log_var, *F(z)))
    losses['kl'].backward()
    assert all(p.grad is not None for p in F.parameters())


def test_autoencoder_loss_and_reconstruction() -> None:
    torch.manual_seed(0)
    method = Autoencoder(E=MLPEncoder(1, 4, features=3, hidden=5), G=MLPGenerator(3, 1, 4, hidden=5, layers=1))
    x = torch.rand(7, 1, 4, 4) * 2 - 1
    losses = method.loss_EG(method._batch(dict(img=x)))
    torch.testing.assert_close(losses, dict(rec=(method.G(method.E(x)) - x).square().mean()))
    torch.testing.assert_close(method.reconstruct(x), method.G(method.E(x)))


# Architecture

def parameters_per_layer(net: nn.Module) -> list[int]:
    """Weights and biases of each layer that has some, in order."""
    return [sum(p.numel() for p in m.parameters()) for m in net.modules() if not [*m.children()] and [*m.parameters()]]


def test_layers_of_dcgan() -> None:
    """4x4 kernels, no bias, BatchNorm with two numbers per channel: the usual PyTorch code for 64x64."""
    G, D = DCGANGenerator(), DCGANDiscriminator()
    assert parameters_per_layer(G) == [100 * 512 * 16, 2 * 512, 512 * 256 * 16, 2 * 256, 256 * 128 * 16, 2 * 128,
                                       128 * 64 * 16, 2 * 64, 64 * 3 * 16]
    assert parameters_per_layer(D) == [3 * 64 * 16, 64 * 128 * 16, 2 * 128, 128 * 256 * 16, 2 * 256, 256 * 512 * 16,
                                       2 * 512, 512 * 16]
    assert sum(p.numel() for p in G.parameters()) == 3_576_704 and sum(p.numel() for p in D.parameters()) == 2_765_568
    assert not [m for m in (*G.modules(), *D.modules()) if 'Pool' in type(m).__name__ or isinstance(m, nn.Linear)]
    z = torch.randn(2, 100)
    assert G(z).shape == (2, 3, 64, 64) and G(z).abs().max() <= 1 and D(G(z)).shape == (2, 1)
    assert parameters_per_layer(ConvEncoder(features=7))[-1] == 512 * 16 * 7 + 7


def test_layers_of_the_first_gan_and_of_wgan_gp() -> None:
    assert parameters_per_layer(MLPGenerator()) == [101 * 1200, 1201 * 1200, 1201 * 784]
    assert parameters_per_layer(MLPDiscriminator()) == [785 * 1200, 241 * 1200, 241]
    conditional = MLPGenerator(classes=10, branches=(200, 1000), layers=1)
    assert parameters_per_layer(conditional) == [101 * 200, 11 * 1000, 1201 * 1200, 1201 * 784]
    conv = 128 * 128 * 9 + 128
    up = [256, conv, 256, conv, 128 * 128 + 128]
    assert parameters_per_layer(ResnetGANGenerator()) == [129 * 2048, *3 * up, 256, 3 * 128 * 9 + 3]
    assert parameters_per_layer(ResnetCritic()) == [3 * 128 * 9 + 128, conv, 3 * 128 + 128, conv, conv, 128 * 128 + 128,
                                                    *4 * [conv], 129]
    deep = DeepResnetCritic()
    assert [m.out_channels for m in deep.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)] == [
        128, 256, 512, 512]
    assert deep.head.in_features == 512 * 16
    G = ResnetGANGenerator(base_channels=64, size=64, doubling=True)
    assert [m.out_channels for m in G.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)] == [
        512, 256, 128, 64]
    assert G(torch.randn(2, 128)).shape == (2, 3, 64, 64) and deep(torch.randn(1, 3, 64, 64)).shape == (1, 1)


def test_initial_weights_of_the_residual_networks() -> None:
    """U with the standard deviation sqrt(2 / (fan_in + fan_out)), times sqrt(2) for the 3x3 convolutions of the
    blocks."""
    torch.manual_seed(0)
    G = init_weights(ResnetGANGenerator(), 'xavier_uniform', 1.0)
    block, fan = G.blocks[1], 128 * 9
    assert block.conv1.weight.std().item() == pytest.approx(math.sqrt(4 / (fan + fan)), rel=0.01)
    assert block.shortcut.weight.std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.02)
    assert G.head.weight.std().item() == pytest.approx(math.sqrt(2 / (fan + 27)), rel=0.02)
    bounds = init_weights(MLPGenerator(), 'uniform', 0.05).head.weight
    assert bounds.abs().max() <= 0.05 and bounds.std().item() == pytest.approx(0.05 / math.sqrt(3), rel=0.01)
    before = flat(G)
    assert torch.equal(flat(init_weights(G, 'default')), before)


def test_maxout_takes_the_largest_piece() -> None:
    layer = MLPDiscriminator(in_channels=1, size=2, hidden=3, layers=1, pieces=4).body[0]
    x = torch.randn(5, 4)
    pieces = (x @ layer.linear.weight.T + layer.linear.bias).view(5, 3, 4)
    torch.testing.assert_close(layer(x), pieces.max(2).values)


# Schedules

def steps_of_the_authors(generator_steps: int, usual: int, long: int, first: int, period: int) -> list[int]:
    """Critic steps before each generator step, as in their loop."""
    return [long if i < first or (period and i % period == 0) else usual for i in range(generator_steps)]


@pytest.mark.parametrize('numbers', [(5, 100, 25, 500), (5, 100, 0, 500), (2, 7, 3, 4), (2, 7, 4, 4), (3, 1, 5, 2),
                                     (2, 9, 3, 0), (1, 4, 0, 1), (2, 5, 0, 0)])
def test_critic_steps_are_those_of_the_authors(numbers: tuple[int, ...]) -> None:
    expected = steps_of_the_authors(1100 if numbers[3] == 500 else 40, *numbers)
    due = [step for step in range(1, sum(expected) + 1) if CriticSteps(*numbers).is_due(step)]
    assert [b - a for a, b in pairwise([0, *due])] == expected


def test_wgan_runs_its_generator_when_due() -> None:
    method = WGAN(**POINTS, clip=0.01, n_critic=2, long_runs=dict(long=4, first=1, period=0))
    optims = sgd(method)
    ran = ['G/adv' in method.train_step(points(), optims) for _ in range(8)]
    assert [i + 1 for i, flag in enumerate(ran) if flag] == [4, 6, 8]
    assert str(method.schedule[1].every) == '2 (4 for the first 1 times)'


def test_weights_are_clipped_before_each_critic_step() -> None:
    torch.manual_seed(0)
    method = WGAN(**POINTS, clip=0.01, n_critic=5)
    optims = sgd(method, lr=1e-5)
    assert flat(method.D).abs().max() > 0.01
    method.train_step(points(), optims)
    assert 0.0099 <= flat(method.D).abs().max() <= 0.0101


def test_frozen_weights_are_not_clipped() -> None:
    torch.manual_seed(0)
    method = WGAN(**POINTS, clip=0.01, n_critic=5)
    part, first = next((name, p.clone()) for name, p in method.D.named_parameters() if p.abs().max() > 0.01)
    frozen = WGAN(**POINTS, clip=0.01, n_critic=5, freeze=[f'D.{part.rpartition(".")[0]}'])
    frozen.load_state_dict(method.state_dict())
    frozen.train_step(points(), sgd(frozen, lr=1e-5))
    assert dict(frozen.D.named_parameters())[part].equal(first)
    others = [p for name, p in frozen.D.named_parameters() if name.rpartition('.')[0] != part.rpartition('.')[0]]
    assert others and all(p.abs().max() <= 0.0101 for p in others)


def test_the_loss_of_wgan_is_refused_where_nothing_keeps_d_lipschitz() -> None:
    for mode in ('wgan', 'wgan-gp'):
        with pytest.raises(ConfigError, match=r"what keeps D Lipschitz.*'WGAN'"):
            GAN(**POINTS, adversarial=dict(type='AdversarialLoss', mode=mode))


def test_wgan_gp_lets_its_penalty_mix_sample_by_sample() -> None:
    """The losses of a batch are the means of those of its halves: nothing depends on how the samples are spread."""
    torch.manual_seed(0)
    method = WGAN(**POINTS, adversarial=dict(type='AdversarialLoss', mode='wgan-gp'), G_batches=2, dequantize=0.1)
    data = points(8)
    half = [{k: v[:4] for k, v in data.items()}, {k: v[4:] for k, v in data.items()}]
    for loss in (method.loss_D, method.loss_G):
        whole, parts = loss(method._batch(data)), [loss(method._batch(part)) for part in half]
        for key in whole:
            torch.testing.assert_close(whole[key], (parts[0][key] + parts[1][key]) / 2)


# Noise and evaluation

def test_noise_belongs_to_the_sample() -> None:
    a = noise([5, 6, 7], 'z', (4, 2))
    assert torch.equal(noise([7, 5], 'z', (4, 2)), a[[2, 0]])
    assert not torch.equal(noise([5], 'other', (4, 2))[0], a[0])
    many = noise(range(2000), 'z', (50,))
    assert abs(many.mean()) < 0.01 and abs(many.std() - 1) < 0.01
    assert abs(torch.corrcoef(torch.stack([many[:-1].flatten(), many[1:].flatten()]))[0, 1]) < 0.02
    uniform = noise(range(2000), 'z', (50,), 'uniform')
    assert uniform.abs().max() <= 1 and abs(uniform.std() - 1 / math.sqrt(3)) < 0.01


def test_truncation_bounds_the_noise() -> None:
    z = noise(range(200), 'z', (100,), truncation=0.7)
    assert z.abs().max() <= 0.7
    free = noise(range(200), 'z', (100,))
    kept = free.abs() <= 0.7
    assert torch.equal(z[kept], free[kept])  # only what was beyond is drawn again
    assert noise(range(50), 'z', (100,), 'uniform', truncation=0.2).abs().max() <= 0.2


def test_validation_does_not_depend_on_the_batch_size() -> None:
    torch.manual_seed(0)
    method, data = GAN(**CLASSES), points()
    together = method.val_step(data)
    single = [method.val_step({k: v[i:i + 1] for k, v in data.items()})[0] for i in range(6)]
    assert together[0].keys() == {'meta', 'img', 'fake'}
    assert all(torch.equal(a['fake'], b['fake']) for a, b in zip(together, single, strict=True))
    method.test_cfg['seed'] = 1
    assert not torch.equal(method.val_step(data)[0]['fake'], together[0]['fake'])


def test_accumulated_parts_have_the_noise_of_the_whole_batch() -> None:
    states = []
    for parts in (1, 3):
        torch.manual_seed(0)
        method = GAN(**POINTS, accumulate=parts).double()
        method.train_step({**points(), 'img': points()['img'].double()}, sgd(method))
        states.append(torch.cat([flat(method.G), flat(method.D)]))
    torch.testing.assert_close(*states)


# What users write

@pytest.mark.parametrize(('build', 'message'), [
    (lambda: GAN(G=CLASSES['G'], D=POINTS['D']), 'classes=3 and D classes=0'),
    (lambda: GAN(**POINTS, adversarial=dict(type='AdversarialLoss', mode='wgan-gp')), "method 'WGAN'"),
    (lambda: GAN(**POINTS, prior='gauss'), r"GAN\.prior: expected one of 'normal', 'uniform'"),
    (lambda: WGAN(**POINTS), 'clip=0.01 with adversarial'),
    (lambda: WGAN(**POINTS, clip=0.01, adversarial=dict(type='AdversarialLoss', mode='wgan-gp')), 'found clip=0.01'),
    (lambda: WGAN(**POINTS, clip=0.01, long_runs=dict(long=0)), 'long'),
    (lambda: Autoencoder(E=dict(type='MLPEncoder', features=5), G=POINTS['G']), 'features: 5 does not fit'),
    (lambda: VAE(E=dict(type='MLPEncoder', features=3), G=POINTS['G']), 'needs 6'),
    (lambda: VAE(E=dict(type='MLPEncoder', features=6), G=POINTS['G']), 'gives logits'),
    (lambda: VAE(E=dict(type='MLPEncoder', features=6), G=POINTS['G'], F=dict(type='CouplingFlow', z_dim=4)),
     'F.z_dim: 4 does not fit'),
    (lambda: VAE(E=dict(type='MLPEncoder', features=6), G=POINTS['G'], F=dict(type='CouplingFlow', z_dim=3), beta=0.0),
     'nothing trains model.F'),
    (lambda: GAN(G=dict(type='UnetGenerator'), D=POINTS['D']), 'does not state z_dim'),
    (lambda: DCGANGenerator(size=28), 'size: expected one of .*, found 28'),
    (lambda: MLPGenerator(branches=(2, 3)), 'branches')])
def test_wrong_configs_are_explained(build, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


def test_wrong_data_is_explained() -> None:
    method = GAN(**CLASSES)
    data = points()
    with pytest.raises(ConfigError, match=r'from 0 to 3, but model\.G\.classes is 3'):
        method._batch({**data, 'label': torch.tensor([0, 1, 2, 3, 0, 1])})
    with pytest.raises(ConfigError, match="no 'label'"):
        method.prepare(method._batch({k: v for k, v in data.items() if k != 'label'}))
    with pytest.raises(ConfigError, match='found no label'):
        method.G(torch.zeros(1, 3))
    with pytest.raises(ConfigError, match="Resize', size=16"):
        DCGANDiscriminator(base_channels=2, size=16)(torch.zeros(1, 3, 28, 28))
