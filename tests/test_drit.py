"""DRIT against the authors' code, and what its parts promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from commands import command
from conftest import ROOT, SHARED
from recipe import assert_probe, fill
from sampled import assert_close, assert_outputs, flattened
from tiny import tiny_config
from torch import Tensor, nn

from toolbox import Translator
from toolbox.converters import convert_checkpoint, from_official
from toolbox.converters.base import official_key
from toolbox.converters.drit import NAMES, RECIPES
from toolbox.data.io import read_image, write_image
from toolbox.data.listing import list_images
from toolbox.discriminators import ContentDiscriminator
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.engine.optim import build_optimizers
from toolbox.engine.schedules import LinearDecayLR
from toolbox.errors import CheckpointError, ConfigError
from toolbox.layers.init import init_weights
from toolbox.losses.divergence import kl_to_standard_normal
from toolbox.methods import DRIT
from toolbox.methods.batch import Batch
from toolbox.methods.drit import encoded, halves, mode_seeking
from toolbox.use.load import load_method

NETWORKS = ('dr_e_content', 'dr_e_attr', 'dr_e_attr_concat', 'dr_g', 'dr_g_concat', 'dr_dis_content',
            'dr_multiscaledis', 'dr_dis')
FULL = tuple(f'full_{name}' for name in NETWORKS if name != 'dr_g_concat')
STEPS = ('step_drit_concat_legacy', 'step_drit_fwt_legacy', 'step_drit_fwt_reforward')
UPDATES = dict(D_content=dict(nets=('D_content',), optimizer=dict(type='Adam', lr=4e-5), clip_grad=dict(max_norm=5.0)),
               D=dict(nets=('D_A', 'D_A2', 'D_B', 'D_B2'), optimizer=dict(type='Adam', lr=1e-4)),
               G=dict(nets=('content', 'attribute', 'G'), optimizer=dict(type='Adam', lr=1e-4)))


# The authors' numbers


@pytest.mark.parity
@pytest.mark.parametrize('name', NETWORKS)
def test_networks_of_the_authors(parity, name: str) -> None:
    data = parity(name)
    net = from_official('drit', data['cls'], data['args'], data['state_dict']).eval()
    with torch.no_grad():
        assert_outputs(net(*data['inputs'].values()), data['outputs']['eval'], 1e-5)


@pytest.mark.parity
@pytest.mark.parametrize('name', [pytest.param(name, marks=pytest.mark.slow) if '_dis' in name else name
                                  for name in FULL])
def test_default_widths_of_the_authors(parity, name: str) -> None:
    data = parity(name)
    shapes = dict(zip(data['state_keys'], map(tuple, data['state_shapes']), strict=True))
    net = from_official('drit', data['cls'], data['args'], fill(shapes))
    assert sum(p.numel() for p in net.parameters()) == data['num_params']
    with torch.no_grad():
        outputs = flattened(net.eval()(*data['inputs'].values()))
    for out, probe in zip(outputs, data['outputs']['eval'].values(), strict=True):
        assert_probe(out, probe)


def classes(concat: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """Official class and arguments of each network of the trainings, but for their width."""
    images = dict(input_dim_a=3, input_dim_b=3)
    nets = dict(enc_c=('E_content', images), enc_a=('E_attr_concat' if concat else 'E_attr', images),
                gen=('G_concat' if concat else 'G', dict(output_dim_a=3, output_dim_b=3, nz=8)),
                disContent=('Dis_content', {}))
    return nets | dict.fromkeys(('disA', 'disA2', 'disB', 'disB2'), ('MultiScaleDis', dict(input_dim=3, n_scale=2)))


def official(data: dict, name: str, state: dict[str, Tensor]) -> nn.Module:
    cls, args = classes(data['config']['concat'])[name]
    net = from_official('drit', cls, {**args, 'ch': data['args']['ch']}, {k: v.double() for k, v in state.items()})
    return getattr(net, 'net', net)


def official_losses(logs: dict[str, Tensor]) -> dict[str, float]:
    """Those of an iteration under the names of the authors' code."""
    found = {'disContent_loss': logs['D_content/A'] + logs['D_content/B']}
    if 'D/A' in logs:
        found |= {f'dis{name}_loss': logs[f'D/{name}'] for name in ('A', 'A2', 'B', 'B2')}
        terms = {'gan_loss_{}': 'G/adv_', 'gan_loss_{}content': 'G/content_', 'kl_loss_za_{}': 'G/kl_',
                 'kl_loss_zc_{}': 'G/kl_content_', 'l1_recon_z_loss_{}': 'G_random/latent_',
                 'gan2_loss_{}': 'G_random/adv_'}
        for d in 'AB':
            found |= {theirs.format(d.lower()): logs[f'{ours}{d}'] for theirs, ours in terms.items()}
            found |= {f'l1_recon_{d}_loss': logs[f'G/cycle_{d}'], f'l1_recon_{d}{d}_loss': logs[f'G/rec_{d}']}
        found |= {'lz_AB': logs['G_random/ms_B'], 'lz_BA': logs['G_random/ms_A'],
                  'G_loss': sum(value for key, value in logs.items() if key.startswith('G/'))}
    return {key: float(value) for key, value in found.items()}


def draws(concat: int, again: str = '') -> list[str]:
    """Our names of the noise of one forward pass of the authors' code, in its order."""
    def both(name: str) -> list[str]:
        return [f'{name} A', f'{name} B']
    return [*both(f'content{again}'), *(both(f'attribute{again}') if concat else []), f'code{again} 0',
            f'code{again} 1', *both('content of fake'), *(both('attribute of fake') if concat else [])]


def replay(data: dict) -> tuple[list[dict[str, float]], dict[str, nn.Module]]:
    """The losses of the three iterations of a training of the authors, and the networks after it."""
    method = DRIT(**{NAMES[name]: official(data, name, state) for name, state in data['init'].items()}, w_ms=1.0,
                  legacy='legacy' in data['name'])
    adam = dict(betas=(0.5, 0.999), weight_decay=1e-4)
    optims = build_optimizers(method, {key: {**part, 'optimizer': {**part['optimizer'], **adam}}
                                       for key, part in UPDATES.items()})
    concat, losses = data['config']['concat'], []
    for step, batch in zip(data['steps'], data['batches'], strict=False):
        drawn = dict(zip(draws(concat), step['noise'], strict=False))
        drawn |= {name: x for name, x in zip(draws(concat, ' again'), data['steps'][-1]['noise'], strict=False)
                  if 'again' in name}
        method.noise = lambda b, name, shape, drawn=drawn: drawn[name].double()
        tensors = {key.upper(): value.double() for key, value in batch.items()}
        losses.append(official_losses(method.train_step(tensors, optims)))
    return losses, {name: getattr(method, ours) for name, ours in NAMES.items()}


def assert_replayed(data: dict) -> None:
    losses, nets = replay(data)
    steps = [step['losses'] for step in data['steps']]
    for found, expected in zip(losses, [*steps[:2], steps[2] | steps[3]], strict=True):
        assert found == pytest.approx(expected, rel=0, abs=1e-8) and found.keys() == expected.keys()
    for name, state in data['final'].items():
        # A bias before an instance norm has no gradient, and Adam makes steps of its rounding noise.
        idle = data['steps'][3]['zero_grad_params'][name]
        marked = official(data, name, {key: torch.full_like(x, key in idle) for key, x in state.items()}).state_dict()
        expected = official(data, name, state).state_dict()
        for key, value in nets[name].state_dict().items():
            if not marked[key].any():
                assert_close(value, expected[key], rtol=0, atol=1e-8)


def official_states(data: dict, nets: dict[str, nn.Module]) -> dict[str, dict[str, Tensor]]:
    """The states of our networks under the names of the authors' code."""
    found = {}
    for name, net in nets.items():
        recipe = RECIPES[classes(data['config']['concat'])[name][0]]
        table = {ours.removeprefix('net.'): theirs for theirs, ours in recipe.modules(
            recipe.complete(classes(data['config']['concat'])[name][1], name)).items()}
        found[name] = {official_key(key, table): value.clone() for key, value in net.state_dict().items()}
    return found


@pytest.mark.parity
@pytest.mark.parametrize('name', STEPS)
def test_drit_trains_as_the_authors_code(parity, name: str) -> None:
    """D_content alone twice, then all networks: every loss and all weights after it, in both readings of the second
    update of encoders and generators."""
    torch.set_default_dtype(torch.float64)
    try:
        assert_replayed(parity(name))
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_rate_is_that_of_the_authors_code_in_every_epoch() -> None:
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=1e-4)
    schedule = LinearDecayLR(optimizer, constant=601, decay=600)  # configs/_base_/schedules/linear_1200e.py
    for epoch in range(1200):
        assert optimizer.param_groups[0]['lr'] == pytest.approx(1e-4 * (1 - max(0, epoch - 600) / 601), rel=1e-9)
        optimizer.step()
        schedule.step()


class OldSpectralNorm(nn.Module):
    """torch 0.4.1's spectral normalisation of a weight: v is found anew in training and not kept."""

    def __init__(self, weight: Tensor, u: Tensor) -> None:
        super().__init__()
        self.orig, self.u, self.divided = weight, u, weight

    def step(self) -> None:
        matrix = self.orig.flatten(1)
        v = F.normalize(matrix.T @ self.u, dim=0)
        self.u = F.normalize(matrix @ v, dim=0)
        self.divided = self.orig / (self.u @ matrix @ v)


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_spectral_normalisation_of_the_authors_code(mode: str) -> None:
    """Their copy keeps u and the divided weight: what they divide by in an evaluation is no longer said by u alone."""
    torch.manual_seed(0)
    shapes = [('model.0.model.1', 4, 3, 3), *((f'model.{i}.model.1', 2 ** (i + 2), 2 ** (i + 1), 3)
                                              for i in range(1, 6)), ('model.6', 1, 128, 1)]
    state, norms = {}, {}
    for stem, outside, inside, kernel in shapes:
        norms[stem] = OldSpectralNorm(torch.randn(outside, inside, kernel, kernel).double(),
                                      F.normalize(torch.randn(outside).double(), dim=0))
        norms[stem].step()
        state |= {f'{stem}.bias': torch.randn(outside).double(), f'{stem}.weight_orig': norms[stem].orig,
                  f'{stem}.weight_u': norms[stem].u, f'{stem}.weight': norms[stem].divided}
    net = from_official('drit', 'Dis', dict(input_dim=3, ch=4, sn=True), state).train(mode == 'train')
    x = expected = torch.rand(2, 3, 64, 64).double()
    for stem, *_, kernel in shapes:
        if mode == 'train':
            norms[stem].step()
        strided = kernel == 3
        expected = F.pad(expected, (1,) * 4, 'reflect') if strided else expected
        expected = F.conv2d(expected, norms[stem].divided, state[f'{stem}.bias'], 2 if strided else 1)
        expected = F.leaky_relu(expected, 0.01) if strided else expected
    with torch.no_grad():
        torch.testing.assert_close(net(x), [expected.flatten()], rtol=1e-9, atol=1e-9)


# Tiny networks

ENCODER, JUDGE = dict(base_channels=2), dict(type='MultiscaleLogits', base_channels=2, scales=1, layers=2)


def tiny(concat: bool = True, **changes: Any) -> DRIT:
    """In float64 and training mode."""
    torch.manual_seed(0)
    names = ('DRITConcatAttributeEncoder', 'DRITConcatGenerator') if concat else ('DRITAttributeEncoder',
                                                                                  'DRITGenerator')
    parts = dict(content=dict(type='DRITContentEncoder', blocks=1, **ENCODER), attribute=dict(type=names[0], **ENCODER),
                 G=dict(type=names[1], blocks=1, **ENCODER),
                 D_content=dict(type='ContentDiscriminator', size=4, layers=1, kernel=3),
                 **dict.fromkeys(('D_A', 'D_B', 'D_A2', 'D_B2'), JUDGE))
    return DRIT(**{**parts, **changes}).double().train()


def batch(count: int = 2, **channels: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    images = {key: torch.rand(count, channels.get(key, 3), 16, 16, generator=generator, dtype=torch.float64) * 2 - 1
              for key in 'AB'}
    return {**images, 'meta': [{'seed': i} for i in range(count)]}


def test_two_of_three_iterations_train_the_discriminator_of_contents_alone() -> None:
    method = tiny()
    optims, changed = build_optimizers(method, UPDATES), []
    for _ in range(6):
        before = {key: value.clone() for key, value in method.state_dict().items()}
        method.train_step(batch(), optims)
        changed.append({key.split('.')[0] for key, value in method.state_dict().items()
                        if not value.equal(before[key])})
    alone, everything = {'D_content'}, set(method.network_names())
    assert changed == [alone, alone, everything] * 2


def test_without_its_term_the_discriminator_of_contents_rests() -> None:
    method = tiny(w_content=0.0)
    optims = build_optimizers(method, UPDATES)
    before = {key: value.clone() for key, value in method.D_content.state_dict().items()}
    logs = [method.train_step(batch(), optims) for _ in range(3)]
    assert logs[:2] == [{}, {}] and {key.split('/')[0] for key in logs[2]} == {'D', 'G', 'G_random'}
    assert all(value.equal(before[key]) for key, value in method.D_content.state_dict().items())


def test_half_of_a_batch_is_encoded_and_the_other_half_only_shown_as_real() -> None:
    assert [len(half) for count in (1, 2, 3, 4) for half in halves(torch.zeros(count))] == [1, 1, 1, 1, 1, 2, 2, 2]
    method, seen = tiny(d_iter=1), {}

    def note(net: nn.Module, args: tuple[Tensor, ...]) -> None:
        seen.setdefault(net, args[0].detach())
    for net in (method.content, method.D_A, method.D_A2):
        net.register_forward_pre_hook(note)
    data = batch(4)
    method.train_step(data, build_optimizers(method, UPDATES))
    assert torch.equal(seen[method.content], data['A'][:2]) and torch.equal(seen[method.D_A], data['A'][:2])
    assert torch.equal(seen[method.D_A2], data['A'][2:])
    b = Batch({key: data[key] for key in 'AB'}, data['meta'])
    assert [meta['seed'] for meta in encoded(b).meta] == [0, 1], 'noise belongs to the sample'


def test_contents_have_noise_in_training_and_none_in_use() -> None:
    method = tiny()
    b = Batch({key: batch()[key] for key in 'AB'}, [{'seed': 0}, {'seed': 1}])
    method.prepare(b)
    noise = (b.c_A - method.content(b.A[:1], 'A')).detach()
    assert 0.8 < float(noise.std()) < 1.2
    x = b.A.float()
    assert torch.equal(method.float().translate(x, seed=1), method.translate(x, seed=1))


def test_the_end_of_the_content_encoder_serves_both_domains() -> None:
    method = tiny()
    x = batch()['A']
    for domain in 'AB':
        assert {key.split('.')[0] for key, p in method.content.named_parameters()
                if torch.autograd.grad(method.content(x, domain).sum(), p, allow_unused=True)[0] is not None} == {
                    'stems', 'shared'}
    assert not torch.allclose(method.content(x, 'A'), method.content(x, 'B'))


def test_mode_seeking_is_a_switch() -> None:
    """Without it there is no second code; with it, the discriminators see translations by both."""
    drawn = {}
    for weight in (0.0, 1.0):
        method = tiny(w_ms=weight, d_iter=1)
        noise, drawn[weight] = method.noise, set()
        method.noise = lambda b, name, shape, noise=noise, names=drawn[weight]: names.add(name) or noise(b, name, shape)
        logs = method.train_step(batch(), build_optimizers(method, UPDATES))
        assert ('G_random/ms_A' in logs) == bool(weight)
    assert drawn[1.0] - drawn[0.0] == {'code 1', 'code again 1'}
    images, z = torch.tensor([[0.0], [0.0], [1.0], [3.0]]), torch.tensor([[0.0], [0.0], [4.0], [4.0]])
    assert float(mode_seeking(images, z)) == pytest.approx((1 / (1 / 4 + 1e-5) + 1 / (3 / 4 + 1e-5)) / 2)


def test_the_divergence_of_an_attribute_is_summed_over_its_numbers() -> None:
    logs = {}
    for concat in (True, False):
        method = tiny(concat, d_iter=1, w_kl=0.5)
        logs = method.train_step(batch(), build_optimizers(method, UPDATES))
        fresh = tiny(concat)
        found = fresh.attribute(batch()['A'][:1], 'A').detach()
        expected = kl_to_standard_normal(*found.chunk(2, 1)) if concat else found.square().mean()
        assert float(logs['G/kl_A']) == pytest.approx(0.5 * float(expected))


def test_domains_may_have_images_of_different_channels() -> None:
    method = tiny(channels=dict(A=3, B=1), d_iter=1)
    data = batch(B=1)
    logs = method.train_step(data, build_optimizers(method, UPDATES))
    assert all(value.isfinite() for value in logs.values())
    assert method.translate(data['A'], 'AtoB').shape[1] == 1 and method.translate(data['B'], 'BtoA').shape[1] == 3


@pytest.mark.parametrize('concat', [True, False])
def test_an_attribute_comes_from_a_seed_an_example_or_a_code(concat: bool) -> None:
    method = tiny(concat).float()
    with torch.no_grad():
        for p in method.parameters():
            p.add_(0.2 * torch.randn_like(p))
    data = {key: batch()[key].float() for key in 'AB'}
    by_seed = [method.translate(data['A'], seed=seed) for seed in (1, 2)]
    assert not torch.allclose(*by_seed)
    example = data['B'][:1]
    guided = method.translate(data['A'], reference=example)
    with torch.no_grad(), method.evaluating():
        code = method.style_of('AtoB', reference=example)
        assert torch.equal(code, method.attribute(example, 'B')[:, :8])
    assert torch.equal(guided, method.translate(data['A'], style=code))
    pictures = method.eval().predict(Batch(dict(data), [{'seed': 0}, {'seed': 1}]))
    torch.testing.assert_close(pictures['guided_B'][:1], guided[:1])
    torch.testing.assert_close(pictures['rec_A'], method.translate(data['A'], 'AtoA'))
    torch.testing.assert_close(pictures['rec_A'][:1], method.translate(data['A'][:1], 'AtoA', reference=data['A'][:1]))
    assert pictures.keys() == method.shows.keys()


def test_a_test_has_several_translations() -> None:
    method = tiny(outputs=3).eval()
    b = Batch({key: batch()[key] for key in 'AB'}, [{'seed': 0}, {'seed': 1}])
    assert {'fake_B', 'fake_B_1', 'fake_B_2'} <= method.predict_test(b).keys() == method.shows.keys()
    assert 'fake_B_1' not in method.predict(b)


def test_weights_of_convolutions_alone_are_filled() -> None:
    method = tiny()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    for net in method.children():
        init_weights(net, 'normal', gain=0.02, only='convolution weights')
    changed = {key for key, value in method.state_dict().items() if not value.equal(before[key])}
    assert changed == {f'{name}.weight' for name, layer in method.named_modules()
                       if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))}
    assert 0.015 < float(torch.cat([method.state_dict()[key].flatten() for key in changed]).std()) < 0.025


def test_the_short_run_begins_with_outputs_that_are_not_saturated(tmp_path: Path) -> None:
    config = load_config(ROOT / 'configs/drit/synthetic.py', {'work_dir': str(tmp_path)})
    method = Runner.from_cfg(config).model
    method.init_weights()
    images = method.translate(torch.rand(8, 3, 32, 32) * 2 - 1, 'AtoB', seed=1)
    assert float((images.abs() > 0.9).float().mean()) < 0.25  # 0.4 to 0.8 by He's rule, from which nothing was learnt


# Mistakes


@pytest.mark.parametrize(('changes', 'message'), [
    (dict(legacy=True, accumulate=2), r'model\.legacy: .*accumulate=2'),
    (dict(G=dict(type='DRITConcatGenerator', base_channels=4)), r'found content 8 and 1/4, G 16 and 1/4'),
    (dict(attribute=dict(type='DRITAttributeEncoder', base_channels=2, style=4)), r'length of a code, found'),
    (dict(content=dict(type='StyleEncoder', size=16)), r'content: StyleEncoder does not state content_channels'),
    (dict(G=dict(type='MUNITDecoder', base_channels=2)), r'G: MUNITDecoder does not state channels; a network of DRIT'),
    (dict(adversarial=dict(type='AdversarialLoss', mode='wgan-gp')), 'no gradient penalty'),
])
def test_networks_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(**changes)


def test_contents_that_are_too_small_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'contents of 16x16 are too small for 3 layers with a kernel of 7'):
        ContentDiscriminator(4, size=16)
    with pytest.raises(ConfigError, match=r'too small; both sides must be at least 54'):
        ContentDiscriminator(4)(torch.zeros(1, 4, 53, 54))


# Official files


@pytest.fixture
def files(parity, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each variant, as the authors' code writes them."""
    folder, found = tmp_path_factory.mktemp('official'), {}
    for name in STEPS[:2]:
        init = {key: {k: v.float() for k, v in state.items()} for key, state in parity(name)['init'].items()}
        others = {'disA_opt': {'state': {}, 'param_groups': [{'lr': 1e-4}]}, 'ep': 599, 'total_it': 7}
        found[name] = folder / name / '00599.pth'
        found[name].parent.mkdir()
        torch.save({**init, **others}, found[name])
    return found


@pytest.mark.parity
@pytest.mark.parametrize('name', STEPS[:2])
def test_an_official_file_becomes_a_checkpoint(parity, files: dict[str, Path], name: str, tmp_path: Path) -> None:
    path = convert_checkpoint('drit', files[name].parent, tmp_path / 'ours.pth')
    model, directions = load_method(path)
    assert directions == ('AtoB', 'BtoA', 'AtoA', 'BtoB')
    assert 'networks' not in torch.load(path, weights_only=True)['meta']
    data = parity(name)
    for official_name, ours in NAMES.items():
        expected = official(data, official_name, data['init'][official_name]).float().state_dict()
        assert_equal_states(getattr(model, ours).state_dict(), expected)
    write_image(tmp_path / 'a.png', np.random.default_rng(0).integers(0, 256, (30, 34, 3), np.uint8))
    code, _, err = command('translate.py', str(path), str(tmp_path / 'a.png'), str(tmp_path / 'out'), '--seed', '3')
    assert not code, err
    (made,) = (tmp_path / 'out').glob('*.png')
    assert np.array_equal(read_image(made), Translator(path, seed=3)(tmp_path / 'a.png'))


def assert_equal_states(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for key, value in found.items():
        assert torch.equal(value, expected[key]), key


def test_a_file_without_discriminators_translates(files: dict[str, Path], tmp_path: Path) -> None:
    content = torch.load(files[STEPS[0]], weights_only=True)
    torch.save({key: content[key] for key in ('enc_c', 'enc_a', 'gen')}, tmp_path / '1.pth')
    path = convert_checkpoint('drit', tmp_path, tmp_path / 'ours.pth', epoch='00001')
    assert torch.load(path, weights_only=True)['meta']['networks'] == ['G', 'attribute', 'content']
    assert Translator(path)(np.zeros((30, 34, 3), np.uint8)).shape == (30, 34, 3)


def test_files_that_are_not_of_drit(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r'holds no <epoch>\.pth of epoch .7.\. Epochs there: 599'):
        convert_checkpoint('drit', files[STEPS[0]].parent, tmp_path / 'ours.pth', epoch='7')
    content = torch.load(files[STEPS[0]], weights_only=True)
    torch.save({**content, 'gen': content['enc_c']}, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=r"gen: not a network of DRIT: it has no layer 'dec_share"):
        convert_checkpoint('drit', tmp_path / 'x.pth', tmp_path / 'ours.pth')


# Photographs


@pytest.mark.skipif(not (SHARED / 'data/cat2dog').is_dir(), reason='the photographs stay in ../shared/data')
def test_photographs_train_resume_and_translate(tmp_path: Path) -> None:
    data = SHARED / 'data/cat2dog'
    options = {'train_dataloader.dataset.max_samples': 6, 'val_dataloader.dataset.max_samples': 1}
    for iters in (2, 4):
        cfg = tiny_config('configs/drit/cat2dog.py', tmp_path, data, iters, options)
        cfg.resume = iters == 4
        runner = Runner.from_cfg(cfg)
        runner.train()
    assert runner.iter == 4 and (tmp_path / 'samples/000003.png').is_file()
    cat, dog = (read_image(list_images(data / folder)[0])[:64, :96] for folder in ('testA', 'testB'))
    for direction, source, other in (('AtoB', cat, dog), ('BtoA', dog, cat)):
        made = [Translator(tmp_path, direction, **guide)(source) for guide in (dict(seed=1), dict(reference=other))]
        assert all(image.shape == source.shape and np.ptp(image) > 0 for image in made)
