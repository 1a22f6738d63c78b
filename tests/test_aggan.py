"""AGGAN against the authors' code, and what its parts promise."""

from __future__ import annotations

import random

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from runs import train
from sampled import assert_outputs, known
from tiny import tiny_config
from torch import Tensor, nn

from toolbox.backbones.aggan import AttentionNetwork, SameConv2d, SameConvTranspose2d
from toolbox.converters import from_official
from toolbox.converters.aggan import NAMES
from toolbox.engine.optim import PhaseOptimizer
from toolbox.errors import ConfigError
from toolbox.methods import AGGAN

STEPS = {'g_A': 'G_AB', 'd_B': 'D_B', 'g_B': 'G_BA', 'd_A': 'D_A'}


class OneCounterAdam(torch.optim.Optimizer):
    """TensorFlow's Adam as the authors use it: one object, whose step counter all six minimisations advance."""

    def __init__(self, params: list, lr: float, counter: list[int]) -> None:
        super().__init__(params, dict(lr=lr))
        self.counter = counter

    @torch.no_grad()
    def step(self) -> None:
        self.counter[0] += 1
        t = self.counter[0]
        for group in self.param_groups:
            rate = group['lr'] * (1 - 0.999 ** t) ** 0.5 / (1 - 0.5 ** t)
            for p in group['params']:
                if p.grad is None:
                    continue
                m, v = self.state[p].setdefault('moments', (torch.zeros_like(p), torch.zeros_like(p)))
                m.mul_(0.5).add_(p.grad, alpha=0.5)
                v.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
                p.sub_(rate * m / (v.sqrt() + 1e-8))


def to_torch(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: batch[f'images_{key.lower()}'].permute(0, 3, 1, 2).double() for key in 'AB'}


@pytest.mark.parity
@pytest.mark.parametrize('name', ['ag_phase1', 'ag_phase2'])
def test_the_graph_of_the_authors(parity, name: str) -> None:
    data = parity(name)
    graph = from_official('aggan', data['cls'], data['args'], data['state_dict'])
    with torch.no_grad():
        outs = graph(*data['inputs'].values())
    for key, out in zip(data['outputs'], outs, strict=True):
        assert_outputs(out, data['outputs'][key], 1e-4)


def method_of(data: dict) -> AGGAN:
    stage = {} if data['args']['donorm'] else dict(attention_epochs=0, threshold=data['args']['transition_rate'])
    return AGGAN(**networks(data, data['init']), **stage)


def networks(data: dict, variables: dict[str, Tensor]) -> dict[str, nn.Module]:
    graph = from_official('aggan', 'get_outputs', data['args'],
                          {key: value.double() for key, value in variables.items()})
    return {name: getattr(graph, name) for name in NAMES.values()}


@pytest.mark.parity
@pytest.mark.parametrize('name', ['step_aggan_phase1', 'step_aggan_phase2'])
def test_aggan_trains_as_the_authors_code(parity, name: str) -> None:
    """Losses and weights of two iterations of four updates; the stored run is of float32."""
    data = parity(name)
    method, counter = method_of(data), [0]
    optims = OptimWrapperDict(**{key: PhaseOptimizer(OneCounterAdam(
        [p for net in NAMES.values() if (net[0] == 'D') == (key == 'D') for p in getattr(method, net).parameters()],
        data['config']['lr'], counter)) for key in 'GD'})
    for iteration, batch in enumerate(data['batches'], 1):
        logs = method.train_step(to_torch(batch), optims)
        for step in (step for step in data['steps'] if step['iteration'] == iteration):
            ours = sum(float(value) for key, value in logs.items() if key.startswith(STEPS[step['step']] + '/'))
            assert ours == pytest.approx(step['loss'], abs=1e-5)
        for net, stored in networks(data, data['params_after'][str(iteration)]).items():
            expected = stored.state_dict()
            # Biases in front of a norm have no gradient, and Adam makes whole steps of what rounding leaves of it.
            trained = getattr(method, net).state_dict()
            off = torch.cat([(trained[key] - expected[key]).abs()[known(expected[key])] for key in expected
                             if key.endswith('weight') or key.startswith('head')])
            assert float((off > 1e-7).double().mean()) < 0.005 and float((off > 1e-6).double().mean()) < 2e-4
            getattr(method, net).load_state_dict({key: torch.where(known(value), value, trained[key])
                                                  for key, value in expected.items()})  # rounding is not carried on


GENERATOR = dict(type='AGGANGenerator', base_channels=2, blocks=1)
ATTENTION = dict(type='AttentionNetwork', base_channels=2)
DISCRIMINATOR = dict(type='AGGANDiscriminator', base_channels=2, layers=2)


def tiny(**changes) -> AGGAN:
    torch.manual_seed(0)
    parts = dict(G_AB=GENERATOR, G_BA=GENERATOR, A_A=ATTENTION, A_B=ATTENTION, D_A=DISCRIMINATOR, D_B=DISCRIMINATOR)
    return AGGAN(**{**parts, **changes}).double()


def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {key: torch.rand(2, 3, 16, 16, generator=generator, dtype=torch.float64) * 2 - 1 for key in 'AB'}


def adam(method: AGGAN) -> OptimWrapperDict:
    nets = dict(G=('G_AB', 'G_BA', 'A_A', 'A_B'), D=('D_A', 'D_B'))
    return OptimWrapperDict(**{key: PhaseOptimizer(torch.optim.Adam(
        [p for name in names for p in getattr(method, name).parameters()], 1e-3)) for key, names in nets.items()})


def test_attention_rests_from_its_epoch_on() -> None:
    method = tiny(attention_epochs=2)
    optims = adam(method)
    changed = []
    for epoch in (0, 1, 2, 5):
        method.epoch = epoch
        before = {name: [p.clone() for p in getattr(method, name).parameters()] for name in method.network_names()}
        method.train_step(batch(), optims)
        changed.append({name for name, old in before.items()
                        if any(not torch.equal(p, q) for p, q in zip(getattr(method, name).parameters(), old,
                                                                     strict=True))})
    everything = set(method.network_names())
    assert changed == [everything, everything, everything - {'A_A', 'A_B'}, everything - {'A_A', 'A_B'}]
    norms = [key for key, p in method.D_A.named_parameters() if key.startswith('norms') and p.grad is not None]
    assert norms == []


def test_masked_discriminators_see_what_the_mask_shows() -> None:
    method = tiny(threshold=0.5)
    seen = []
    method.D_A.forward = lambda x, norm=True: seen.append((x, norm)) or x
    x, mask = torch.ones(1, 3, 2, 2), torch.tensor([[[[0.4, 0.5], [0.6, 0.0]]]], requires_grad=True)
    for method.epoch in (29, 30):
        method._judge(method.D_A, x, mask)
    assert torch.equal(seen[0][0], x) and seen[0][1] is True
    assert torch.equal(seen[1][0], (mask >= 0.5) * x) and seen[1][1] is False


def test_a_fake_of_the_history_keeps_its_own_mask() -> None:
    method = tiny(pool_size=1, attention_epochs=0)
    judged = []
    method._judge = lambda D, x, mask: judged.append((x, mask)) or x.mean()
    random.seed(2)
    images_and_masks = [(torch.full((1, 3, 2, 2), float(i)), torch.full((1, 1, 2, 2), i / 10)) for i in range(8)]
    for fake, mask in images_and_masks:
        method._loss_D(method.D_A, method.pool_A, fake, mask, fake, mask)
    shown = [(int(x[0, 0, 0, 0]), float(mask[0, 0, 0, 0])) for x, mask in judged[1::2]]
    assert all(mask == pytest.approx(number / 10) for number, mask in shown)
    assert any(number != i for i, (number, _) in enumerate(shown))


def test_a_translation_keeps_what_attention_leaves_out() -> None:
    method, x = tiny(), batch()['A']
    mask, made = method.A_A(x), method.G_AB(x)
    image, heat = method.attend(x, 'AtoB')
    torch.testing.assert_close(image, made * mask + x * (1 - mask))
    assert torch.equal(heat, mask) and mask.shape == (2, 1, 16, 16)
    method.A_B.forward = lambda x: torch.zeros_like(x[:, :1])
    assert torch.equal(method.translate(x, 'BtoA'), x)
    torch.testing.assert_close(method.attention(x, 'AtoB'), method.A_A(x))
    assert list(method.val_step(batch())[0]) == ['meta', 'A', 'attention_A', 'fake_B', 'B', 'attention_B', 'fake_A']


def test_same_padding_is_that_of_tensorflow() -> None:
    """SAME with stride 2 on even sizes adds zeros at the end alone: y[i] is a sum over x[2 i], x[2 i + 1], x[2 i +
    2]."""
    conv = SameConv2d(1, 1).double()
    x = torch.randn(1, 1, 6, 8, dtype=torch.float64)
    padded, y = torch.nn.functional.pad(x, (0, 1, 0, 1)), conv(x)
    assert y.shape == (1, 1, 3, 4)
    for i, j in ((0, 0), (2, 3)):
        expected = (padded[0, 0, 2 * i:2 * i + 3, 2 * j:2 * j + 3] * conv.weight[0, 0]).sum() + conv.bias[0]
        torch.testing.assert_close(y[0, 0, i, j], expected)
    up = SameConvTranspose2d(1, 1).double()  # the transposed map of the same kernel: <conv(x), z> == <x, up(z)>
    with torch.no_grad():
        up.weight.copy_(conv.weight), up.bias.zero_(), conv.bias.zero_()
    z = torch.randn_like(y)
    torch.testing.assert_close((conv(x) * z).sum(), (x * up(z)).sum())


def test_kernels_of_the_attention_network() -> None:
    net = AttentionNetwork()
    assert [conv.kernel_size for conv in (net.up[0].conv, net.up[1].conv, net.head)] == [(1, 1)] * 3
    paper = AttentionNetwork(base_channels=2, kernels=(3, 3, 7))
    assert paper(torch.zeros(1, 3, 16, 20)).shape == (1, 1, 16, 20)
    with pytest.raises(ConfigError, match=r'kernels: expected a list of 3 .*odd'):
        AttentionNetwork(kernels=(3, 3, 4))


@pytest.mark.parametrize(('changes', 'message'), [
    (dict(G_AB=dict(GENERATOR, out_channels=1)), 'G_AB.* 3 channel.* to 1'),
    (dict(threshold=1.5), 'threshold'),
    (dict(adversarial=dict(type='AdversarialLoss', mode='wgan-gp')), 'no gradient penalty')])
def test_what_cannot_be_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(**changes)


def test_the_stage_follows_from_the_epoch_also_after_a_resume(images, tmp_path, monkeypatch) -> None:
    seen, due = [], AGGAN.due
    monkeypatch.setattr(AGGAN, 'due', lambda self: seen.append((self.iteration, self.masked)) or due(self))
    config = 'configs/aggan/horse2zebra.py'
    train(tiny_config(config, tmp_path, images, 7), stop=6)  # 5 images, 1 epoch of attention
    train(tiny_config(config, tmp_path, images, 7), resume=True)
    assert seen == [(i, i >= 5) for i in range(7)]


def test_a_discriminator_that_cannot_do_without_norms_is_refused(images, tmp_path):
    D = dict(type='PatchDiscriminator', base_channels=2, _delete_=True)
    with pytest.raises(ConfigError, match=r"model\.D_B: .*norm=.*PatchDiscriminator does not take.*'AGGAN"):
        tiny_config('configs/aggan/synthetic.py', tmp_path, images, 2, {'model.D_B': D})
