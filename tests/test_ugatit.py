"""U-GAT-IT against the authors' code, and what its parts promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from commands import command
from mmengine.optim import OptimWrapperDict
from recipe import assert_probe, fill
from sampled import assert_close, assert_outputs
from torch import Tensor, nn

from toolbox import Translator
from toolbox.backbones.ugatit import UGATITGenerator
from toolbox.converters import FAMILIES, convert_checkpoint, from_official
from toolbox.converters.base import official_key
from toolbox.converters.ugatit import NAMES
from toolbox.data.io import read_image, write_image
from toolbox.engine.optim import PhaseOptimizer
from toolbox.engine.schedules import LinearDecayLR
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import write_checkpoint
from toolbox.methods import UGATIT, CycleGAN, Pix2Pix
from toolbox.methods.attention import overlay, stretched
from toolbox.methods.ugatit import cam_loss
from toolbox.norms import ILN, AdaLIN
from toolbox.registry import BACKBONES, DISCRIMINATORS, build
from toolbox.use.load import load_method

CLASSES = {'gen': 'ResnetGenerator', 'dis': 'Discriminator'}
# official loss -> (ours, weight of ours)
LOSSES = {
    'D': {f'D_ad_{cam}loss_{name}': (f'D/{cam}{name}', 1) for cam in ('', 'cam_') for name in ('GA', 'LA', 'GB', 'LB')},
    'G': {f'G_ad_{cam}loss_{name}': (f'G/adv_{cam}{name}', 1) for cam in ('', 'cam_')
          for name in ('GA', 'LA', 'GB', 'LB')}
    | {f'G_{term}_loss_{name}': (f'G/{ours}_{name}', weight) for name in 'AB'
       for term, ours, weight in (('recon', 'cycle', 10), ('identity', 'identity', 10), ('cam', 'cam', 1000))}}


def official(data: dict, name: str, state: dict[str, Tensor]) -> nn.Module:
    args = data['args']['gen' if name.startswith('gen') else name[:4]]
    return from_official('ugatit', CLASSES[name[:3]], args, {k: v.double() for k, v in state.items()})


def adam(method: UGATIT, config: dict) -> OptimWrapperDict:
    """The official optimisers, weight decay on everything."""
    return OptimWrapperDict(**{phase.name: PhaseOptimizer(torch.optim.Adam(
        [p for name in phase.trains for p in getattr(method, name).parameters()], config['lr'], betas=(0.5, 0.999),
        weight_decay=config['weight_decay'])) for phase in method.schedule})


def official_state(net: nn.Module, family: str, data: dict) -> dict[str, Tensor]:
    """The state of one of our networks under the official names."""
    recipe = FAMILIES[family][data['cls']]
    table = {ours: name for name, ours in recipe.modules(recipe.complete(data['args'], data['cls'])).items()}
    return {official_key(key, table): value.clone() for key, value in net.state_dict().items()}


@pytest.mark.parity
@pytest.mark.parametrize('merged', [True, False])
@pytest.mark.parametrize('name', ['step_ugatit'])
def test_ugatit_trains_as_the_authors_code(parity, name: str, merged: bool) -> None:
    """Four steps: every loss, the weights after steps 1 and 3, rho at its bounds, the decay of the learning rate."""
    data = parity(name)
    method = UGATIT(**{NAMES[key]: official(data, key, state) for key, state in data['init'].items()})
    method.G_AB.per_sample = method.G_BA.per_sample = merged
    optims = adam(method, data['config'])
    schedules = [LinearDecayLR(optims[key].optimizer, constant=2, decay=1, by_epoch=False) for key in 'DG']
    assert len(data['steps']) == 8
    for step in range(1, 5):
        batch = data['batches'][(step - 1) % 2]
        rates = [optims[key].optimizer.param_groups[0]['lr'] for key in 'DG']
        logs = method.train_step({key: value.double() for key, value in batch.items()}, optims)
        for stored, rate in zip(data['steps'][2 * step - 2:2 * step], rates, strict=True):
            assert stored['step'] == step and rate == pytest.approx(stored['lr'], abs=1e-18)
            table = LOSSES[stored['net']]
            for key, (ours, weight) in table.items():
                torch.testing.assert_close(logs[ours] / weight,
                                           torch.tensor(stored['losses'][key], dtype=torch.float64),
                                           rtol=0, atol=1e-8)
        for key, state in data['params_after'].get(str(step), {}).items():
            expected = official(data, key, state).state_dict()
            for ours, value in getattr(method, NAMES[key]).state_dict().items():
                assert_close(value, expected[ours], rtol=1e-7, atol=1e-8)  # stored as float32
        for schedule in schedules:
            schedule.step()


@pytest.mark.parity
@pytest.mark.parametrize('mode', ['eval', 'train'])
@pytest.mark.parametrize('name', ['ug_generator', 'ug_generator_light', 'ug_discriminator_n7'])
def test_networks_of_the_authors(parity, name: str, mode: str) -> None:
    data = parity(name)
    net = from_official('ugatit', data['cls'], data['args'], data['state_dict']).train(mode == 'train')
    expected = data['outputs']['eval' if data['train_same_as_eval'] else mode]
    with torch.no_grad():
        assert_outputs(net(*data['inputs'].values()), expected, 1e-5)
    if mode == 'train':
        changed = official_state(net, 'ugatit', data)
        for key, value in data['state_after_train_forward'].items():
            assert_close(changed[key], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parity
@pytest.mark.parametrize('name', ['full_ug_generator_light', 'full_ug_generator_64px', 'full_ug_discriminator_n7'])
def test_default_widths_of_the_authors(parity, name: str) -> None:
    data = parity(name)
    shapes = dict(zip(data['state_keys'], map(tuple, data['state_shapes']), strict=True))
    net = from_official('ugatit', data['cls'], data['args'], fill(shapes))
    assert sum(p.numel() for p in net.parameters()) == data['num_params']
    for mode, probes in data['outputs'].items():
        with torch.no_grad():
            for out, probe in zip(net.train(mode == 'train')(*data['inputs'].values()), probes.values(), strict=True):
                assert_probe(out, probe)


GENERATOR = dict(type='UGATITGenerator', base_channels=2, blocks=1, image_size=16)
DISCRIMINATOR = dict(type='UGATITDiscriminator', base_channels=2, layers=2)


def tiny(**changes) -> UGATIT:
    torch.manual_seed(0)
    parts = dict.fromkeys(('G_AB', 'G_BA'), GENERATOR) | dict.fromkeys(('D_GA', 'D_LA', 'D_GB', 'D_LB'), DISCRIMINATOR)
    return UGATIT(**{**parts, 'init': dict(type='default'), **changes}).double()


def batch(pixels: int = 16, count: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {key: torch.rand(count, 3, pixels, pixels, generator=generator, dtype=torch.float64) * 2 - 1 for key in 'AB'}


def test_rho_stays_in_its_bounds_in_every_method_that_has_one() -> None:
    ugatit = tiny()
    networks = dict(G_AB=dict(type='ResnetGenerator', base_channels=2, blocks=1, norm=dict(type='ILN')),
                    D_A=dict(type='PatchDiscriminator', base_channels=2, layers=1, norm=dict(type='ILN')))
    cyclegan = CycleGAN(**networks, G_BA=networks['G_AB'], D_B=networks['D_A']).double()
    for method in (ugatit, cyclegan):
        optims = OptimWrapperDict(**{phase.name: PhaseOptimizer(torch.optim.SGD(
            [p for name in phase.trains for p in getattr(method, name).parameters()], lr=1e3))
            for phase in method.schedule})
        mixes = [p for key, p in method.named_parameters() if key.endswith('rho')]
        assert mixes
        method.train_step(batch(), optims)
        values = torch.cat([p.detach().flatten() for p in mixes])
        assert float(values.min()) == 0 and float(values.max()) == 1


def test_each_network_runs_no_more_often_than_the_losses_need() -> None:
    for per_sample, identity, passes in ((True, 10.0, 2), (False, 10.0, 3), (False, 0.0, 2)):
        method = tiny(w_identity=identity, w_cam=100 * identity)
        method.G_AB.per_sample = per_sample
        calls = dict.fromkeys(method.network_names(), 0)
        for name in calls:
            getattr(method, name).register_forward_hook(lambda *_, n=name, c=calls: c.__setitem__(n, c[n] + 1))
        logs = method.train_step(batch(), adam(method, dict(lr=1e-4, weight_decay=0.0)))
        assert calls == dict(G_AB=passes, G_BA=2, D_GA=3, D_LA=3, D_GB=3, D_LB=3)
        assert ('G/cam_A' in logs) == ('G/identity_A' in logs) == bool(identity)


def test_cam_loss_wants_ones_for_the_other_domain() -> None:
    other, own = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, 3.0]])
    expected = (-torch.log(torch.sigmoid(other))).mean() - torch.log(1 - torch.sigmoid(own)).mean()
    torch.testing.assert_close(cam_loss(other, own), expected)


def test_a_norm_without_condition_needs_no_style_layers() -> None:
    for norm in ('IN', 'LN', 'ILN', 'BN', 'none'):
        net = UGATITGenerator(base_channels=2, blocks=1, norm=dict(type=norm), up_norm=dict(type=norm))
        assert net.style is None and net.per_sample == (norm != 'BN')
    adain = UGATITGenerator(base_channels=2, blocks=1, light=True, norm=dict(type='AdaIN', residual=False))
    assert adain.style is not None
    with pytest.raises(ConfigError, match=r"up_norm.type: 'AdaLIN' needs a condition"):
        UGATITGenerator(up_norm=dict(type='AdaLIN'))


def test_the_full_version_takes_other_sizes_in_evaluation_alone() -> None:
    net = build(GENERATOR, BACKBONES).double()
    x = batch()['A']
    with pytest.raises(ConfigError, match=r'image_size is 16, .* 24x16 .*light=True'):
        net(torch.zeros(1, 3, 24, 16, dtype=torch.float64))
    net.eval()
    same = net(torch.cat([x, x], dim=3))[0]
    assert net(torch.zeros(1, 3, 24, 20, dtype=torch.float64))[0].shape == (1, 3, 24, 20)
    assert same.shape == (2, 3, 16, 32)


def test_the_weight_of_the_attention_is_raw_or_normalised() -> None:
    torch.manual_seed(0)
    raw = build(DISCRIMINATOR, DISCRIMINATORS).double().eval()
    other = build({**DISCRIMINATOR, 'cam_weight': 'normalised'}, DISCRIMINATORS).double().eval()
    other.load_state_dict(raw.state_dict())
    x = batch()['A']
    (_, logits, heat), (_, same_logits, other_heat) = raw(x), other(x)
    torch.testing.assert_close(logits, same_logits)
    assert not torch.allclose(heat, other_heat)
    with torch.no_grad():  # with weights of norm 1 both are the same
        for fc in (raw.cam.average, raw.cam.maximum):
            fc.parametrizations.weight.original.div_(fc.parametrizations.weight.original.norm())
    other.load_state_dict(raw.state_dict())
    torch.testing.assert_close(raw(x), other(x))
    with pytest.raises(ConfigError, match='cam_weight'):
        build({**DISCRIMINATOR, 'cam_weight': 'rough'}, DISCRIMINATORS)


def test_adalin_of_the_tensorflow_code() -> None:
    x = 3 * torch.randn(2, 4, 5, 6, dtype=torch.float64) + 1
    cond = torch.randn(2, 8, dtype=torch.float64)
    norm = AdaLIN(4, rho=1.0, unbiased=False, smoothing=0.1).double()
    with torch.no_grad():
        norm.rho[:, 0] = 0.05  # below the smoothing
    parts = [(x - x.mean(dims, keepdim=True)) / (x.var(dims, keepdim=True, correction=0) + 1e-5).sqrt()
             for dims in ((2, 3), (1, 2, 3))]
    rho = torch.tensor([0.0, 0.9, 0.9, 0.9], dtype=torch.float64).view(1, 4, 1, 1)
    gamma, beta = cond[:, :, None, None].chunk(2, 1)
    torch.testing.assert_close(norm(x, cond), gamma * (rho * parts[0] + (1 - rho) * parts[1]) + beta)
    norm = ILN(4, rho=0.3, unbiased=False).double()
    torch.testing.assert_close(norm(x), 0.3 * parts[0] + 0.7 * parts[1])


def test_predictions_and_heat_maps() -> None:
    method, b = tiny(), batch()
    images = method.val_step(b)[0]
    assert list(images) == ['meta', 'A', 'attention_A', 'fake_B', 'B', 'attention_B', 'fake_A']
    assert all(image.shape == (3, 16, 16) and image.dtype == torch.uint8 for key,
               image in images.items() if key != 'meta')
    heat = method.attention(b['A'], 'AtoB')
    assert heat.shape == (2, 1, 16, 16) and float(heat.min()) >= 0 and float(heat.max()) <= 1
    torch.testing.assert_close(method.translate(b['A']), method.eval().G_AB(b['A'])[0])
    with pytest.raises(ConfigError, match="'AtoC'"):
        method.attention(b['A'], 'AtoC')


def test_overlays_are_blue_green_and_red() -> None:
    heat = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    colours = overlay(torch.zeros(1, 3, 1, 3), heat, share=1.0)[0, :, 0]
    assert colours.T.tolist() == [[-1, -1, 0], [0, 1, 0], [0, -1, -1]]
    gray = overlay(torch.full((1, 1, 1, 3), 0.4), heat, share=0.0)
    assert gray.shape == (1, 3, 1, 3) and torch.all(gray == 0.4)
    flat = stretched(torch.full((1, 1, 2, 2), 7.0), (4, 4))
    assert torch.all(flat == 0)


def test_official_checkpoints_convert(tmp_path) -> None:
    source = tiny()
    nets = {official: getattr(source, ours) for official, ours in NAMES.items()}
    args = dict(gen=dict(input_nc=3, output_nc=3, ngf=2, n_blocks=1, img_size=16, light=False),
                dis=dict(input_nc=3, ndf=2, n_layers=4))
    params = {name: official_state(net, 'ugatit', dict(cls=CLASSES[name[:3]], args=args[name[:3]]))
              for name, net in nets.items()}
    for step in (900, 1000):
        torch.save(params, tmp_path / f'selfie2anime_params_{step:07d}.pt')
    path = convert_checkpoint('ugatit', tmp_path, tmp_path / 'ours.pth')
    assert torch.load(path, weights_only=True)['meta']['files'] == ['selfie2anime_params_0001000.pt']
    method, directions = load_method(path)
    assert directions == ('AtoB', 'BtoA')
    x = batch()['A']
    for direction in directions:
        torch.testing.assert_close(method.double().translate(x, direction), source.translate(x, direction))
    with pytest.raises(CheckpointError, match=r"step '7' .*900, 1000"):
        convert_checkpoint('ugatit', tmp_path, tmp_path / 'ours.pth', epoch='7')
    torch.save({'genA2B': params['genA2B']}, tmp_path / 'half.pt')
    with pytest.raises(CheckpointError, match='expected state dicts of genA2B, genB2A'):
        convert_checkpoint('ugatit', tmp_path / 'half.pt', tmp_path / 'ours.pth')
    del params['disLA']['gap_fc.weight_orig']
    torch.save(params, tmp_path / 'damaged.pt')
    with pytest.raises(CheckpointError, match=r'disLA.*\n.*missing in the weights:\n *gap_fc.weight_orig'):
        convert_checkpoint('ugatit', tmp_path / 'damaged.pt', tmp_path / 'ours.pth')


def test_translate_writes_heat_maps(tmp_path) -> None:
    model = dict(type='UGATIT', **dict.fromkeys(('G_AB', 'G_BA'), GENERATOR),
                 **dict.fromkeys(('D_GA', 'D_LA', 'D_GB', 'D_LB'), DISCRIMINATOR))
    state = {key: value.float() for key, value in tiny().state_dict().items()}
    write_checkpoint({'config': {'model': model}, 'meta': {'iter': 0}, 'state_dict': state}, tmp_path / 'run.pth')
    picture = np.random.default_rng(0).integers(0, 256, (21, 18, 3), dtype=np.uint8)
    write_image(tmp_path / 'in/x.png', picture)
    code, out, err = command('translate.py', str(tmp_path / 'run.pth'), str(tmp_path / 'in'), str(tmp_path / 'out'),
                             '--attention')
    assert code == 0 and '1 translated' in out, err
    shown = read_image(tmp_path / 'out/x_attention.png', 3)
    heat = Translator(tmp_path / 'run.pth').attention(tmp_path / 'in/x.png')
    assert read_image(tmp_path / 'out/x.png', 3).shape == shown.shape == picture.shape
    assert heat.shape == (21, 18) and heat.dtype == np.float32 and heat.min() >= 0 and heat.max() <= 1
    colours = (1.5 - np.abs(4 * heat[..., None] - [3, 2, 1])).clip(0, 1) * 255
    np.testing.assert_allclose(shown, (picture + colours) / 2, atol=1)


def test_a_method_without_attention_says_so() -> None:
    method = Pix2Pix(G=dict(type='UnetGenerator', base_channels=2, downs=3),
                     D=dict(type='PatchDiscriminator', in_channels=6, base_channels=2, layers=1))
    with pytest.raises(ConfigError, match='Pix2Pix has no attention'):
        method.attention(torch.zeros(1, 3, 16, 16))
