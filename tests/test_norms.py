"""Norms against closed forms, torch's own layers and the regressions they exist for."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from toolbox.errors import ConfigError
from toolbox.layers.spectral import raw_weight, spectral_norm
from toolbox.norms import (
    ILN,
    SPADE,
    AdaIN,
    AdaLIN,
    BatchNorm,
    InstanceNorm,
    LayerNorm,
    NoNorm,
    SyncBatchNorm,
    make_norm,
    synchronise_norms,
)


def images(*shape: int, seed: int = 0) -> Tensor:
    """Float64 images of mean 2 and deviation 3: a norm that does nothing is seen."""
    return 2 + 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def standardized(x: Tensor, dims: tuple[int, ...], correction: int = 0, eps: float = 1e-5) -> Tensor:
    mean = x.mean(dims, keepdim=True)
    return (x - mean) / (x.var(dims, correction=correction, keepdim=True) + eps).sqrt()


def test_batch_norm_in_training_and_evaluation() -> None:
    x, norm = images(3, 4, 5, 6), BatchNorm(4).double()
    torch.testing.assert_close(norm(x), standardized(x, (0, 2, 3)))
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean((0, 2, 3)))
    norm.eval()
    expected = (x - norm.running_mean.view(1, 4, 1, 1)) / (norm.running_var.view(1, 4, 1, 1) + 1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected)


def test_instance_norm_is_per_sample_and_channel() -> None:
    x = images(2, 3, 4, 5)
    torch.testing.assert_close(InstanceNorm(3).double()(x), standardized(x, (2, 3)))


@pytest.mark.parametrize('affine', [False, True])
def test_instance_norm_with_running_statistics_equals_torch(affine: bool) -> None:
    ours = InstanceNorm(3, affine=affine, track_running_stats=True).double()
    theirs = nn.InstanceNorm2d(3, affine=affine, track_running_stats=True).double()
    if affine:
        nn.init.normal_(ours.weight)
    theirs.load_state_dict(ours.state_dict())
    for seed in range(3):
        x = images(2, 3, 4, 5, seed=seed)
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize('norm', [InstanceNorm(8), AdaIN(8)], ids=['IN', 'AdaIN'])
def test_instance_norm_gradient_for_one_sample_and_channels_last(norm: nn.Module) -> None:
    """torch 2.13's own instance norm returns a gradient here that is wrong by more than its size."""
    x = images(1, 8, 16, 16)
    upstream = images(1, 8, 16, 16, seed=1)
    exact = x.clone().requires_grad_()
    standardized(exact, (2, 3)).backward(upstream)
    x32 = x.float().requires_grad_()
    y = norm(x32, torch.zeros(1, 16)) if isinstance(norm, AdaIN) else norm(x32)
    y.backward(upstream.float().to(memory_format=torch.channels_last))
    torch.testing.assert_close(x32.grad.double(), exact.grad, atol=1e-5, rtol=1e-4)


def test_instance_norm_of_one_pixel_is_refused() -> None:
    with pytest.raises(ConfigError, match='more than one pixel'):
        InstanceNorm(3)(torch.ones(2, 3, 1, 1))


def test_layer_norm_standard_and_munit_forms() -> None:
    x = images(2, 3, 4, 5)
    torch.testing.assert_close(LayerNorm(3).double()(x), standardized(x, (1, 2, 3)))
    munit = LayerNorm(3, form='munit').double()
    assert munit.weight.min() >= 0 and munit.weight.max() <= 1 and munit.weight.std() > 0
    std = x.std((1, 2, 3), keepdim=True)
    expected = (x - x.mean((1, 2, 3), keepdim=True)) / (std + 1e-5) * munit.weight.view(1, 3, 1, 1)
    torch.testing.assert_close(munit(x), expected)


def test_no_norm_returns_its_input() -> None:
    x = images(1, 2, 3, 3)
    assert NoNorm(2)(x) is x


@pytest.mark.filterwarnings('ignore:torch.distributed.nn.functional.all_reduce is deprecated:FutureWarning')
def test_sync_batch_norm_on_the_cpu_is_batch_norm_inside_a_process_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('toolbox.norms.batch.get_world_size', lambda: 2)  # one process alone is not joined
    x, sync, plain = images(2, 3, 4, 5), SyncBatchNorm(3).double(), BatchNorm(3).double()
    plain.load_state_dict(sync.state_dict())
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    try:
        torch.testing.assert_close(sync(x), plain(x))
    finally:
        dist.destroy_process_group()
    torch.testing.assert_close(dict(sync.state_dict()), dict(plain.state_dict()))


@pytest.mark.filterwarnings('ignore:torch.distributed.nn.functional.all_reduce is deprecated:FutureWarning')
@pytest.mark.parametrize('clamp', [False, True])
def test_joined_statistics_of_half_precision_are_float32(clamp: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('toolbox.norms.batch.get_world_size', lambda: 2)
    x, sync, plain = images(4, 3, 40, 50).float().bfloat16() + 7, SyncBatchNorm(3, clamp=clamp), BatchNorm(3)
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    try:
        made = sync(x)
    finally:
        dist.destroy_process_group()
    assert made.dtype == torch.bfloat16
    torch.testing.assert_close(made.float(), plain(x.float()), rtol=0.01, atol=0.01)
    torch.testing.assert_close(sync.running_mean, plain.running_mean)
    torch.testing.assert_close(sync.running_var, plain.running_var)


@pytest.mark.parametrize('residual', [True, False])
def test_adain_takes_scale_and_offset_from_the_condition(residual: bool) -> None:
    x, cond = images(2, 3, 4, 5), images(2, 6, seed=1)
    gamma, beta = cond[:, :3, None, None], cond[:, 3:, None, None]
    expected = (gamma + residual) * standardized(x, (2, 3)) + beta
    torch.testing.assert_close(AdaIN(3, residual=residual)(x, cond), expected)


@pytest.mark.parametrize('norm', [AdaIN, AdaLIN])
def test_a_style_goes_through_a_linear_layer(norm: type[nn.Module]) -> None:
    layer = norm(3, cond_channels=5).double()
    x, style = images(2, 3, 4, 5), images(2, 5, seed=1)
    plain = norm(3).double()
    torch.testing.assert_close(layer(x, style), plain(x, layer.style.linear(style)))


@pytest.mark.parametrize('cond', [None, torch.zeros(2, 5), torch.zeros(1, 6)])
def test_a_missing_or_misshapen_condition_is_named(cond: Tensor | None) -> None:
    with pytest.raises(ConfigError, match=r'shape \(2, 6\)'):
        AdaIN(3)(torch.rand(2, 3, 4, 4), cond)


def test_adalin_and_iln_mix_with_unbiased_variances() -> None:
    x, cond = images(2, 3, 4, 5), images(2, 6, seed=1)
    rho = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64).view(1, 3, 1, 1)
    mixed = rho * standardized(x, (2, 3), 1) + (1 - rho) * standardized(x, (1, 2, 3), 1)
    adalin, iln = AdaLIN(3).double(), ILN(3).double()
    assert adalin.rho.detach().unique().item() == pytest.approx(0.9) and iln.rho.detach().unique().item() == 0
    adalin.rho.data.copy_(rho), iln.rho.data.copy_(rho)
    torch.testing.assert_close(adalin(x, cond), cond[:, :3, None, None] * mixed + cond[:, 3:, None, None])
    torch.testing.assert_close(iln(x), mixed)


def test_rho_is_clipped_in_place() -> None:
    norm = ILN(3)
    rho = norm.rho
    rho.data.copy_(torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1))
    norm.after_step()
    assert norm.rho is rho and rho.flatten().tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize('base', ['BN', 'IN', 'SyncBN'])
def test_spade_scales_every_pixel_by_its_map(base: str) -> None:
    spade = SPADE(3, cond_channels=2, base=base, hidden=4, kernel_size=1).double()
    x, cond = images(2, 3, 4, 6), images(2, 2, 8, 12, seed=1)
    small = cond[:, :, ::2, ::2]
    features = F.relu(F.conv2d(small, spade.shared.weight, spade.shared.bias))
    gamma = F.conv2d(features, spade.gamma.weight, spade.gamma.bias)
    beta = F.conv2d(features, spade.beta.weight, spade.beta.bias)
    normal = standardized(x, (2, 3) if base == 'IN' else (0, 2, 3))
    torch.testing.assert_close(spade(x, cond), (1 + gamma) * normal + beta)


def test_spade_says_what_is_wrong_with_its_arguments() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'SyncBN'"):
        SPADE(3, 2, base='SyncBn')
    with pytest.raises(ConfigError, match=r'kernel_size.* odd, found 4'):
        SPADE(3, 2, kernel_size=4)
    with pytest.raises(ConfigError, match=r'map of shape \(1, 2, h, w\), found none'):
        SPADE(3, 2)(torch.ones(1, 3, 4, 4))


@pytest.mark.parametrize(('norm', 'cond'), [
    (BatchNorm(4), None), (InstanceNorm(4), None), (LayerNorm(4), None), (LayerNorm(4, form='munit'), None),
    (ILN(4), None), (AdaIN(4), torch.rand(2, 8)), (AdaLIN(4), torch.rand(2, 8)), (SPADE(4, 2), torch.rand(2, 2, 8, 8)),
])
def test_bfloat16_maps_under_autocast(norm: nn.Module, cond: Tensor | None) -> None:
    x = images(2, 4, 8, 8)
    expected = norm(x.bfloat16().float(), cond)
    x16 = x.bfloat16().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        y = norm(x16, cond)
    torch.testing.assert_close(y.float(), expected, atol=0.05, rtol=0.05)
    y.float().square().sum().backward()
    assert torch.isfinite(x16.grad).all()


@pytest.mark.parametrize('layer', [nn.Conv2d(3, 5, 3), nn.ConvTranspose2d(3, 5, 3), nn.Linear(3, 5)])
def test_spectral_norm_has_unit_norm_and_survives_a_copy(layer: nn.Module) -> None:
    torch.manual_seed(0)
    layer.reset_parameters()  # made while tests were collected, after whatever drew numbers there
    layer = spectral_norm(copy.deepcopy(layer))
    x = torch.rand(2, 3) if isinstance(layer, nn.Linear) else torch.rand(2, 3, 6, 6)
    for _ in range(100):
        y = layer(x)
    matrix = layer.weight.detach()
    matrix = matrix.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else matrix
    assert torch.linalg.matrix_norm(matrix.flatten(1), 2).item() == pytest.approx(1, abs=1e-4)
    y.sum().backward()
    assert raw_weight(layer).grad.abs().sum() > 0
    twin = copy.deepcopy(layer).eval()
    torch.testing.assert_close(twin(x), layer.eval()(x))


def test_spectral_norm_of_a_network_reaches_every_layer_once() -> None:
    net = spectral_norm(nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sequential(nn.ReLU(), nn.Conv2d(2, 1, 1))))
    assert sum(key.endswith('.original') for key in net.state_dict()) == 2
    with pytest.raises(ConfigError, match='already'):
        spectral_norm(net)
    with pytest.raises(ConfigError, match='no convolution'):
        spectral_norm(nn.ReLU())


def test_make_norm_binds_arguments_and_knows_the_bias_rule() -> None:
    norm = make_norm({'type': 'IN', 'affine': True})
    assert norm(4).affine and norm.conv_bias
    assert make_norm(norm) is norm
    assert not make_norm({'type': 'BN'}).conv_bias and not make_norm({'type': 'none'}).conv_bias
    assert isinstance(make_norm({'type': nn.BatchNorm2d})(4), nn.BatchNorm2d)


def test_a_norm_that_averages_all_batches_alike_is_not_synchronised_in_silence() -> None:
    with pytest.raises(ConfigError, match='sync_bn: 1, a BatchNorm with momentum=None'):
        synchronise_norms(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2, momentum=None)))


def test_make_norm_knows_which_norms_keep_samples_apart() -> None:
    apart = [name for name in ('IN', 'LN', 'ILN', 'none', 'BN', 'SyncBN') if make_norm({'type': name}).per_sample]
    assert apart == ['IN', 'LN', 'ILN', 'none']
    assert not make_norm({'type': 'IN', 'track_running_stats': True}).per_sample


@pytest.mark.parametrize(('cfg', 'message'), [
    ({'type': 'ln'}, "Did you mean 'LN'"),
    ({'type': 'IN', 'afine': True}, r"G\.norm\.afine: .* Did you mean 'affine'"),
    ({'type': 'IN', 'channels': 3}, r'G\.norm\.channels: set by the network'),
    ({'type': 'AdaIN'}, 'needs a condition'),
    ('IN', r"expected dict\(type='<norm>'\), found 'IN'"),
])
def test_make_norm_explains_mistakes(cfg: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_norm(cfg, 'G.norm')
