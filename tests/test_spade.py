"""SPADE (GauGAN) and Pix2PixHD++: trainings against the authors' code, and what networks, norms and method promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sampled import assert_close
from test_converters import official_state
from test_stargan_methods import sgd
from torch import Tensor, nn

from toolbox.backbones import Pix2PixHDPlusGenerator, SPADEEncoder, SPADEGenerator
from toolbox.converters import FAMILIES, convert_checkpoint, from_official
from toolbox.converters.spade_run import labels_of, read_run
from toolbox.data.io import write_image
from toolbox.discriminators import MultiscaleDiscriminator
from toolbox.engine.optim import build_optimizers
from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.features.classifiers import vgg
from toolbox.layers.init import init_weights
from toolbox.layers.maps import MapCondition
from toolbox.layers.spectral import raw_weight
from toolbox.losses import AdversarialLoss, PerceptualLoss
from toolbox.losses.divergence import kl_to_standard_normal
from toolbox.methods import GauGAN
from toolbox.methods.batch import Batch
from toolbox.norms import Concat, SyncBatchNorm, make_map_norm
from toolbox.use.load import load_method
from toolbox.use.translator import Translator

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


def replay(data: dict[str, Any]) -> tuple[list[dict[str, Tensor]], dict[int, dict[str, dict[str, Tensor]]], Tensor]:
    """A training of the authors by our method: their losses by name, their weights after each step, the first fake."""
    opt, passes = data['opt'], []
    nets = {net: from_official('spade', class_of(net, opt), opt, state).double() for net, state in data['init'].items()}
    perceptual = PerceptualLoss(features=TinyVGG(data['vgg_features_state_dict']))
    method = GauGAN(**nets, classes=[str(i) for i in range(opt['label_nc'])], instances=not opt['no_instance'],
                    unknown=opt['contain_dontcare_label'], w_feat=opt['lambda_feat'], w_vgg=opt['lambda_vgg'],
                    w_kl=opt['lambda_kld'], perceptual=perceptual)
    optims = build_optimizers(method, {net: dict(nets=phase.networks, optimizer=dict(
        type='Adam', lr=data[f'lr_{net}'], betas=tuple(data['betas']))) for net, phase in zip('GD', method.schedule,
                                                                                            strict=True)})
    method.G.register_forward_hook(lambda *call: passes.append(call[2].detach()))
    eps = iter(data['eps'])
    method.noise = lambda b, name, shape: next(eps).double()  # type: ignore[method-assign]
    names = {'GAN': 'G/adv', 'GAN_Feat': 'G/feat', 'VGG': 'G/vgg', 'KLD': 'G/kl', 'D_Fake': 'D/fake',
             'D_real': 'D/real'}
    losses, after = [], {}
    for number, batch in enumerate(data['batches'], 1):
        logs = method.train_step({'label_map': batch['label'][:, 0].long(), 'img': batch['image'].double(),
                                  'instance_map': batch['instance'][:, 0].long()}, optims)
        assert len(logs) == len(data['losses'][number - 1])
        losses.append({theirs: logs[ours] for theirs, ours in names.items() if ours in logs})
        after[number] = {net: official_weights(getattr(method, net), class_of(net, opt), opt) for net in nets}
    assert len(passes) == 2 * len(data['batches'])  # D judges fakes that are made anew
    return losses, after, passes[0]


def official_weights(net: nn.Module, cls: str, opt: dict[str, Any]) -> dict[str, Tensor]:
    recipe = SPADES[cls]
    return official_state(net, recipe, recipe.complete(opt, cls))


def assert_replayed(data: dict[str, Any]) -> None:
    losses, after, fake = replay(data)
    assert_close(fake, data['step1_fake'], rtol=0, atol=1e-8)
    for ours, theirs in zip(losses, data['losses'], strict=True):
        found, wanted = ({key: float(value) for key, value in losses.items()} for losses in (ours, theirs))
        assert found == pytest.approx(wanted, rel=0, abs=1e-8)
    for step, nets in data['params_after'].items():
        for net, state in nets.items():
            for key, value in state.items():
                if not key.endswith('num_batches_tracked'):  # their synchronised norm does not count
                    assert_close(after[int(step)][net][key], value.double(), rtol=0, atol=1e-8,
                                 msg=lambda m, key=f'{net}.{key}': f'{key}: {m}')


@pytest.fixture
def float64() -> Iterator[None]:
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


# Networks


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(('args', 'parameters'), [
    (dict(in_channels=184), 97_480_899), (dict(in_channels=151), 96_492_483),
    (dict(in_channels=36, upsamplings=6), 93_048_003), (dict(in_channels=13), 92_359_107),
    (dict(in_channels=184, z_dim=256), 112_626_883),
    (dict(in_channels=36, upsamplings=6, z_dim=256, size=(256, 512)), 101_136_579)])
def test_generators_have_the_parameters_of_the_authors(args: dict[str, Any], parameters: int) -> None:
    with torch.device('meta'):
        assert count(SPADEGenerator(**args)) == parameters


@pytest.mark.parametrize(('make', 'millions'), [
    (lambda: SPADEGenerator(151, base_channels=48), 61), (lambda: SPADEGenerator(151, norm=dict(type='Concat')), 79),
    (lambda: Pix2PixHDPlusGenerator(151), 183), (lambda: Pix2PixHDPlusGenerator(151, concat=True), 195),
    (lambda: Pix2PixHDPlusGenerator(151, norm=dict(type='SPADE')), 237),
    (lambda: Pix2PixHDPlusGenerator(151, base_channels=48), 103)])
def test_the_variants_of_table_3_have_its_numbers_of_parameters(make: Any, millions: int) -> None:
    with torch.device('meta'):
        assert round(count(make()) / 1e6) == millions


def test_encoder_discriminators_and_the_baseline_have_the_parameters_of_the_authors() -> None:
    with torch.device('meta'):
        assert count(SPADEEncoder()) == 10_463_424
        assert count(Pix2PixHDPlusGenerator(184)) == 183_032_259
        for planes, millions in ((184, 5.90), (151, 5.84), (36, 5.60), (13, 5.55)):
            assert round(count(MultiscaleDiscriminator(planes + 3, spectral=True)) / 1e6, 2) == millions


def label_planes(height: int = 32, width: int = 32, planes: int = 3, samples: int = 2) -> Tensor:
    ids = torch.randint(planes, (samples, height, width), generator=torch.Generator().manual_seed(0))
    return nn.functional.one_hot(ids, planes).permute(0, 3, 1, 2).float()


def small(**options: Any) -> SPADEGenerator:
    return SPADEGenerator(**{**dict(base_channels=1, upsamplings=4, norm=dict(type='SPADE', hidden=4)), **options})


@pytest.mark.parametrize('z_dim', [0, 5])
def test_images_have_any_ratio_and_those_with_codes_any_size(z_dim: int) -> None:
    net, codes = small(z_dim=z_dim, size=(32, 64)), [torch.randn(2, z_dim)] if z_dim else []
    assert net.size_divisor == 16 and net.grid == (2, 4)
    for height, width in ((32, 64), (16, 16), (48, 32)):
        assert net(label_planes(height, width), *codes).shape == (2, 3, height, width)
    with pytest.raises(ConfigError, match='both sides of an image must be multiples of 16'):
        net(label_planes(24, 32), *codes)
    if z_dim:
        with pytest.raises(ConfigError, match=r'expected a code of shape \(2, 5\), found none'):
            net(label_planes())


@pytest.mark.parametrize(('upsamplings', 'blocks'), [(4, 7), (5, 7), (6, 7), (7, 8)])
def test_each_upsampling_doubles_the_size(upsamplings: int, blocks: int) -> None:
    net = small(base_channels=2, upsamplings=upsamplings)
    assert len(net.blocks) == blocks and sum(net.doubles) == upsamplings and not net.doubles[-1]
    sizes = []
    for block in net.blocks:
        block.register_forward_hook(lambda module, inputs, out: sizes.append(out.shape[-1]))
    net.eval()(label_planes(128, 128, samples=1))
    assert sizes[0] == 128 // 2 ** upsamplings and sizes[-1] == 128


def test_norms_read_the_map_in_their_size_or_the_share_of_each_class() -> None:
    planes, x = label_planes(8, 8), torch.randn(2, 4, 4, 4)
    as_map, as_style = MapCondition(planes, True), MapCondition(planes, False)
    assert torch.equal(as_map.at(x), planes[..., ::2, ::2]) and as_map.at(x) is as_map.at(x)
    torch.testing.assert_close(as_style.at(x), planes.mean((2, 3)))
    for norm, takes_map in (('SPADE', True), ('Concat', True), ('AdaIN', False), ('IN', False)):
        assert small(norm=dict(type=norm)).takes_map == takes_map


def test_concat_lays_the_map_beside_the_normalised_features() -> None:
    norm, planes, x = Concat(4, 3, base='BN'), label_planes(8, 8), torch.randn(2, 4, 4, 4)
    with torch.no_grad():
        norm.base.weight.fill_(2.0)
    y = norm(x, planes)
    torch.testing.assert_close(y[:, :4], 2 * nn.functional.batch_norm(x, None, None, training=True))
    assert torch.equal(y[:, 4:], planes[..., ::2, ::2])
    with pytest.raises(ConfigError, match=r'Concat: expected a map of shape \(2, 3, h, w\), found none'):
        norm(x)
    with pytest.raises(ConfigError, match="'Concat' adds channels"):
        Pix2PixHDPlusGenerator(3, base_channels=1, downs=1, blocks=1, norm=dict(type='Concat'))


def test_only_norms_that_read_the_map_tell_uniform_maps_apart_everywhere() -> None:
    """The text's claim in its simplest form: an instance norm after a convolution takes a uniform map out."""
    uniform = torch.eye(3)[:2, :, None, None].expand(2, 3, 16, 16)
    for norm, differs in ((dict(type='IN'), False), (dict(type='SPADE', base='IN', hidden=4), True),
                          (dict(type='AdaIN'), True)):
        torch.manual_seed(0)
        norm1 = make_map_norm(norm, 3)(4)
        cond = MapCondition(uniform, getattr(norm1, 'takes_map', False))
        x = nn.Conv2d(3, 4, 1)(uniform)
        a, b = norm1(x, cond.at(x))
        assert torch.allclose(a, b, atol=1e-6) != differs


def test_the_encoder_takes_images_of_any_size() -> None:
    net = SPADEEncoder(base_channels=1, z_dim=4, size=64)
    assert len(net.convs) == 4
    mu, logvar = net(torch.randn(2, 3, 40, 24))
    assert mu.shape == logvar.shape == (2, 4)
    x = torch.randn(2, 3, 40, 24)
    resized = nn.functional.interpolate(x, (64, 64), mode='bilinear', align_corners=False)
    torch.testing.assert_close(net.eval()(x), net(resized))


def test_layers_with_spectral_norm_keep_their_weights_as_on_a_gpu() -> None:
    net = small()
    before = raw_weight(net.blocks[0].conv1).clone()
    init_weights(net, 'xavier', 0.02, spectral='kept')
    assert torch.equal(raw_weight(net.blocks[0].conv1), before) and not net.blocks[0].conv1.bias.any()
    shared = net.blocks[0].norm1.shared.weight
    assert shared.detach().std().item() == pytest.approx(0.02 * (2 / ((3 + 4) * 9)) ** 0.5, rel=0.25)
    init_weights(net, 'xavier', 0.02)
    assert not torch.equal(raw_weight(net.blocks[0].conv1), before)


@pytest.mark.parametrize('clamp', [False, True])
def test_a_synchronised_norm_adds_eps_or_clamps(monkeypatch, clamp: bool) -> None:
    monkeypatch.setattr('toolbox.norms.batch.get_world_size', lambda: 2)
    monkeypatch.setattr('toolbox.norms.batch.all_reduce', lambda x: 2 * x)  # another process with the same images
    norm, x = SyncBatchNorm(3, eps=0.01, affine=False, clamp=clamp), torch.randn(4, 3, 5, 5)
    x[:, 0] *= 0.01  # a variance below eps
    var = x.var((0, 2, 3), correction=0, keepdim=True)
    spread = var.clamp(min=0.01) if clamp else var + 0.01
    torch.testing.assert_close(norm(x), (x - x.mean((0, 2, 3), keepdim=True)) / spread.sqrt())


# The method


NETS = dict(G=dict(type='SPADEGenerator', base_channels=1, upsamplings=4, norm=dict(type='SPADE', hidden=4)),
            D=dict(type='MultiscaleDiscriminator', base_channels=2, layers=2, spectral=True))
CODED = {**NETS, 'G': dict(NETS['G'], z_dim=5, size=32),
         'E': dict(type='SPADEEncoder', base_channels=1, z_dim=5, size=32)}


def gaugan(nets: dict[str, Any] = CODED, **options: Any) -> GauGAN:
    torch.manual_seed(0)
    usual = dict(classes=('a', 'b', 'c'), channels=dict(img=3), perceptual=dict(type='L1Loss'))
    return GauGAN(**nets, **{**usual, **options})


def batch(samples: int = 2, size: int = 32) -> dict[str, Any]:
    random = torch.Generator().manual_seed(1)
    return {'label_map': torch.randint(3, (samples, size, size), generator=random),
            'img': torch.rand(samples, 3, size, size, generator=random) * 2 - 1,
            'meta': [{'seed': i} for i in range(samples)]}


def test_d_judges_fakes_that_are_made_anew_with_another_code_in_training_mode() -> None:
    method = gaugan({**CODED, 'E': None})  # the code is the noise
    seen: list[tuple[Tensor, bool, bool]] = []
    method.G.register_forward_hook(lambda module, inputs, out: seen.append(
        (inputs[1].detach(), module.training, torch.is_grad_enabled())))
    judged: list[Tensor] = []
    method.D.register_forward_hook(lambda module, inputs, out: judged.append(inputs[0].detach()))
    method.train_step(batch(), sgd(method))
    (z, trained, graph), (z2, trained2, graph2) = seen
    assert trained and trained2 and graph and not graph2 and not torch.allclose(z, z2)
    assert [len(x) for x in judged] == [4, 4], 'fakes and photographs in one pass'
    assert torch.equal(judged[0][2:, 3:], batch()['img']) and not torch.equal(judged[0][:2], judged[1][:2])
    assert method.G.blocks[0].norm1.base.num_batches_tracked == 2


def test_the_divergence_is_summed_over_the_images_of_an_iteration_however_they_are_parted() -> None:
    whole, parts = gaugan(), gaugan(accumulate=2)
    logs = [method.train_step(batch(4), sgd(method)) for method in (whole, parts)]
    mu, logvar = gaugan().E(batch(4)['img'])
    expected = 0.05 * 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum()
    for log in logs:
        torch.testing.assert_close(log['G/kl'], expected.detach(), rtol=1e-3, atol=0)  # parts: other singular vectors


def test_terms_of_weight_zero_are_not_computed() -> None:
    method = gaugan(w_feat=0, w_vgg=0, w_kl=0)
    assert method.perceptual is None
    assert set(method.train_step(batch(), sgd(method))) == {'G/adv', 'D/fake', 'D/real'}
    assert gaugan(perceptual=None).perceptual is None


def test_a_discriminator_without_features_needs_no_matching() -> None:
    nets = {**NETS, 'D': dict(type='PatchDiscriminator', base_channels=2, layers=2)}
    with pytest.raises(ConfigError, match='PatchDiscriminator gives no features'):
        method = gaugan(nets)
        method.train_step(batch(), sgd(method))
    method = gaugan(nets, w_feat=0)
    assert all(value.isfinite() for value in method.train_step(batch(), sgd(method)).values())


def test_the_style_is_that_of_a_seed_a_reference_or_a_code() -> None:
    method = gaugan()
    with torch.no_grad():
        for p in method.parameters():
            p.normal_(0, 0.3)
    maps = {'label_map': batch()['label_map']}
    by_seed = [method.ask('synthesis', maps, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(by_seed[0], by_seed[1]) and not torch.allclose(by_seed[0], by_seed[2])
    assert torch.equal(by_seed[0], method.ask('synthesis', maps)), 'the seed of test_cfg'
    reference = batch()['img'][:1, :, :20]
    with method.evaluating(), torch.no_grad():
        style = method.style_of('synthesis', reference=reference)
        torch.testing.assert_close(style, method.E(reference)[0])
    by_reference = method.ask('synthesis', maps, reference=reference)
    torch.testing.assert_close(by_reference, method.ask('synthesis', maps, style=style))
    method.present = frozenset({'G'})
    with pytest.raises(ConfigError, match='no encoder E of its style in this checkpoint'):
        method.ask('synthesis', maps, reference=reference)


def test_options_are_those_of_the_networks() -> None:
    plain, noise = gaugan(NETS), gaugan({**NETS, 'G': CODED['G']})
    assert plain.directions['synthesis'].options == () and 'restyled' not in plain.pictures
    assert noise.directions['synthesis'].options == ('seed', 'style')
    shown = gaugan().val_step(batch())[0]
    assert {'label_map', 'img', 'fake', 'restyled'} <= shown.keys()
    assert plain.pictures['fake'].paired and not gaugan().pictures['fake'].paired
    for nets in ({**CODED, 'E': dict(CODED['E'], z_dim=4)}, {**NETS, 'E': CODED['E']}):
        with pytest.raises(ConfigError, match='G and E must agree about the length of a code'):
            gaugan(nets)


# Files of the authors


def save_run(folder: Path, generator: str, **more: Any) -> dict[str, Any]:
    """A run as the authors write it: opt.txt, and the networks."""
    opt = dict(netG=generator, norm_G='spectralspadesyncbatch3x3', ngf=1, ndf=2, label_nc=3, crop_size=64, z_dim=256,
               no_instance=False, contain_dontcare_label=True, dataset_mode='custom', use_vae=True, lambda_kld=0.1,
               num_upsampling_layers='normal', name='mine') | more
    if generator == 'pix2pixhd':
        opt |= dict(norm_G='spectralinstance', resnet_n_downsample=2, resnet_n_blocks=1, use_vae=False)
    lines = [f'{key:>25}: {value!s:<30}' + '\t[default: 1]' * (key == 'ngf') for key, value in opt.items()]
    (folder / 'opt.txt').write_text('\n'.join(lines) + '\n')
    torch.manual_seed(0)
    for net in 'GDE' if opt['use_vae'] else 'GD':
        recipe = SPADES[class_of(net, opt)]
        args = recipe.complete(opt, net)
        torch.save(official_state(recipe.build(args), recipe, args), folder / f'latest_net_{net}.pth')
    return opt


@pytest.mark.parametrize('generator', ['spade', 'pix2pixhd'])
def test_a_run_of_the_authors_becomes_a_checkpoint(tmp_path: Path, generator: str) -> None:
    opt = save_run(tmp_path, generator)
    model, directions = load_method(convert_checkpoint('spade', tmp_path, tmp_path / 'ours.pth', names=('x', 'y', 'z')))
    assert directions == ('synthesis',) and model.classes == ('x', 'y', 'z')
    assert (model.unknown, model.instances, model.w_kl) == (True, True, 0.1)
    assert (model.E is not None) == opt['use_vae'] and model.D.in_channels == 3 + 1 + 1 + 3
    state = torch.load(tmp_path / 'latest_net_G.pth')
    theirs = from_official('spade', class_of('G', opt), opt, state).eval()
    maps = {'label_map': torch.randint(4, (1, 64, 64)), 'instance_map': torch.randint(9, (1, 64, 64))}
    style = {'style': torch.randn(1, 256)} if opt['use_vae'] else {}
    with torch.no_grad():
        expected = theirs(model.condition(Batch(maps)), *style.values())
    torch.testing.assert_close(model.ask('synthesis', maps, **style), expected)


def test_a_converted_run_reads_unknown_pixels_as_in_the_files_of_its_data(tmp_path: Path) -> None:
    save_run(tmp_path, 'pix2pixhd')
    translator = Translator(convert_checkpoint('spade', tmp_path, tmp_path / 'ours.pth', names=('x', 'y', 'z')))
    ids = torch.randint(4, (64, 64), generator=torch.Generator().manual_seed(0)).numpy().astype('uint8')
    made = []
    for unknown in (3, 255):
        write_image(tmp_path / 'map.png', np.where(ids == 3, unknown, ids).astype('uint8'))
        made.append(translator({'label_map': tmp_path / 'map.png', 'instance_map': ids}))
    assert (made[0] == made[1]).all()
    write_image(tmp_path / 'map.png', ids + 1)
    with pytest.raises(DataError, match=r'no class has the number 4\. In files, .* the classes have \[0, 1, 2, 255, 3'):
        translator({'label_map': tmp_path / 'map.png', 'instance_map': ids})


def test_the_classes_of_a_run_are_those_of_its_data(tmp_path: Path) -> None:
    save_run(tmp_path, 'pix2pixhd', dataset_mode='ade20k')
    assert read_run('spade', tmp_path, 'latest')['config']['model']['classes'] == ['class_0', 'class_1', 'class_2']
    text = (tmp_path / 'opt.txt').read_text().replace('label_nc: 3 ', 'label_nc: 150 ')
    (tmp_path / 'opt.txt').write_text(text)
    with pytest.raises(CheckpointError, match='the weights do not fit'):
        read_run('spade', tmp_path, 'latest')
    facts = labels_of({'label_nc': 150, 'contain_dontcare_label': True, 'no_instance': True, 'dataset_mode': 'ade20k'})
    assert len(facts['classes']) == 151 and facts['classes'][1] == 'wall' and not facts['unknown']
    facts = labels_of({'label_nc': 182, 'contain_dontcare_label': True, 'dataset_mode': 'coco'})
    assert len(facts['classes']) == 182 and len(facts['palette']) == 183 and facts['unknown'] and facts['instances']


def test_what_a_run_lacks_is_named(tmp_path: Path) -> None:
    save_run(tmp_path, 'spade')
    with pytest.raises(CheckpointError, match=r'holds no 5_net_G\.pth\. Epochs in this folder: latest'):
        read_run('spade', tmp_path, '5')
    (tmp_path / 'opt.txt').rename(tmp_path / 'opt')
    with pytest.raises(CheckpointError, match=r'opt\.txt: is not there.*The weights do not tell labels and depth'):
        read_run('spade', tmp_path / 'latest_net_G.pth', 'latest')
