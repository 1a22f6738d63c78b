"""Pix2PixHD against the authors' code, and what its parts promise."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from mmengine.optim import OptimWrapperDict
from sampled import assert_close
from test_converters import official_state
from test_spade import TinyVGG
from torch import Tensor, nn

from toolbox.backbones import InstanceEncoder, Pix2PixHDGenerator
from toolbox.converters import FAMILIES, convert_checkpoint, from_official
from toolbox.converters.pix2pixhd import OfficialOutput
from toolbox.data.io import read_image, write_image
from toolbox.engine.optim import PhaseOptimizer
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import write_checkpoint
from toolbox.hooks import EMAHook
from toolbox.layers.maps import instance_edges, instance_means, one_hot_map
from toolbox.losses import AdversarialLoss, PerceptualLoss
from toolbox.methods import Pix2PixHD
from toolbox.methods.feature_bank import SLOTS, FeatureBank, k_means
from toolbox.use.load import load_method
from toolbox.use.translator import Translator

LOSSES = {'G_GAN': 'G/adv', 'G_GAN_Feat': 'G/feat', 'G_VGG': 'G/vgg', 'D_real': 'D/real', 'D_fake': 'D/fake'}


# The authors' numbers


@pytest.fixture
def float64() -> Iterator[None]:
    """Planes and pictures in float64, as in the authors' run that the numbers are from."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def class_and_arguments(net: str, opt: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The official network for the options of a run."""
    planes = opt['label_nc'] + (not opt['no_instance'])
    if net == 'D':
        return 'MultiscaleDiscriminator', dict(
            input_nc=planes + opt['output_nc'], ndf=opt['ndf'], n_layers=opt['n_layers_D'], norm=opt['norm'],
            num_D=opt['num_D'], getIntermFeat=not opt['no_ganFeat_loss'])
    if net == 'E':
        return 'Encoder', dict(input_nc=opt['output_nc'], output_nc=opt['feat_num'], ngf=opt['nef'],
                               norm=opt['norm'], n_downsampling=opt['n_downsample_E'])
    common = dict(input_nc=planes + opt['feat_num'] * opt['instance_feat'], output_nc=opt['output_nc'],
                  ngf=opt['ngf'], norm=opt['norm'])
    if opt['netG'] == 'global':
        return 'GlobalGenerator', dict(common, n_downsampling=opt['n_downsample_global'],
                                       n_blocks=opt['n_blocks_global'])
    names = ('n_downsample_global', 'n_blocks_global', 'n_local_enhancers', 'n_blocks_local')
    return 'LocalEnhancer', dict(common, **{name: opt[name] for name in names})


def official_weights(net: nn.Module, name: str, opt: dict[str, Any]) -> dict[str, Tensor]:
    cls, args = class_and_arguments(name, opt)
    recipe = FAMILIES['pix2pixhd'][cls]
    net = OfficialOutput(net, True, False, True) if name == 'D' else net
    return official_state(net, recipe, recipe.complete(args, cls))


def adam(method: Pix2PixHD, lr: float = 2e-4) -> OptimWrapperDict:
    return OptimWrapperDict(**{phase.name: PhaseOptimizer(torch.optim.Adam(
        [p for net in phase.trains for p in getattr(method, net).parameters()], lr, betas=(0.5, 0.999)))
        for phase in method.schedule})


def replay(data: dict[str, Any]) -> tuple[list[dict[str, Tensor]], dict[int, dict[str, dict[str, Tensor]]], Tensor]:
    """A training of the authors by our method: their losses by name, their weights after each step, the first fake."""
    opt, passes = data['opt'], []
    nets = {net: from_official('pix2pixhd', *class_and_arguments(net, opt), state)
            for net, state in data['init'].items()}
    nets['D'] = nets['D'].net
    perceptual = None if opt['no_vgg_loss'] else PerceptualLoss(features=TinyVGG(data['vgg_features_state_dict']))
    method = Pix2PixHD(**nets, classes=[*map(str, range(opt['label_nc']))], instances=not opt['no_instance'],
                       w_feat=opt['lambda_feat'], w_vgg=opt['lambda_feat'], perceptual=perceptual,
                       pool_size=opt['pool_size'], fix_global=opt['niter_fix_global']).double()
    method.G.register_forward_hook(lambda *call: passes.append(call[2].detach()))
    optims, losses, after = adam(method, opt['lr']), [], {}
    for step, batch in enumerate(data['batches'], start=1):
        logs = method.train_step(dict(label_map=batch['label'][:, 0].long(), instance_map=batch['inst'][:, 0].long(),
                                      img=batch['image'].double()), optims)
        halves = {name: 2.0 if name.startswith('D') else 1.0 for name in LOSSES}
        losses.append({name: halves[name] * logs[ours] for name, ours in LOSSES.items() if ours in logs})
        assert len(logs) == len(losses[-1])
        after[step] = {net: official_weights(getattr(method, net), net, opt) for net in nets}
    assert len(passes) == len(data['batches'])  # one pass of G per iteration
    return losses, after, passes[0]


def assert_replayed(data: dict[str, Any]) -> None:
    losses, after, fake = replay(data)
    for ours, theirs in zip(losses, data['losses'], strict=True):
        wanted = {name: float(theirs[name]) for name in LOSSES if name in theirs}
        assert {name: float(value) for name, value in ours.items()} == pytest.approx(wanted, rel=0, abs=1e-8)
    for step, nets in data['params_after'].items():
        for net, state in nets.items():
            for key, value in state.items():
                assert_close(after[int(step)][net][key], value, rtol=0, atol=1e-8)
    assert_close(fake, data['step1_fake'], rtol=0, atol=1e-8)


@pytest.mark.parity
@pytest.mark.parametrize('name', ['hd_traj_global', 'hd_traj_local_features'])
def test_trains_as_the_authors_code(parity: Callable[[str], dict], float64: None, name: str) -> None:
    """Every loss of three steps, the first fake, and all weights, those of the encoder too."""
    assert_replayed(parity(name))


@pytest.mark.parity
@pytest.mark.parametrize('mode', ['eval', 'train'])
@pytest.mark.parametrize('name', ['hd_global_in', 'hd_local_1enh_in', 'hd_local_1enh_bn', 'hd_encoder_in',
                                  'hd_nlayerD_in', 'hd_multiD_feat_in', 'hd_multiD_nofeat_in',
                                  'hd_multiD_feat_bn_sigmoid'])
def test_networks_of_the_authors(parity: Callable[[str], dict], name: str, mode: str) -> None:
    data = parity(name)
    net = from_official('pix2pixhd', data['cls'], data['args'], data['state_dict']).train(mode == 'train')
    with torch.no_grad():
        assert_close(net(*data['inputs'].values()), data['outputs']['eval' if data['train_same_as_eval'] else mode],
                     rtol=0, atol=1e-5)


@pytest.mark.parity
def test_losses_and_encodings_of_the_authors(parity: Callable[[str], dict]) -> None:
    data, adversarial = parity('hd_losses'), AdversarialLoss('lsgan', scales='sum')
    logits = [layers[-1] for layers in data['preds']]
    for real in (True, False):
        torch.testing.assert_close(adversarial(logits, real), data[f'lsgan_{"real" if real else "fake"}'])
    data = parity('hd_encode_input')
    label_map, instances = (data[key][:, 0].long() for key in ('label', 'inst'))
    edges = instance_edges(instances)
    assert edges.equal(data['edges'])
    assert torch.cat([one_hot_map(label_map, data['label_nc']), edges], 1).equal(data['input_label'])


@pytest.mark.parametrize(('make', 'expected'), [
    (lambda: Pix2PixHDGenerator(36), 182_546_755), (lambda: Pix2PixHDGenerator(3), 182_443_267),
    (lambda: Pix2PixHDGenerator(36, base_channels=32, enhancers=1), 182_857_059),
    (lambda: InstanceEncoder(), 788_803)])
def test_parameter_counts_of_the_authors(make: Callable[[], nn.Module], expected: int) -> None:
    with torch.device('meta'):
        assert sum(p.numel() for p in make().parameters()) == expected


# Its parts

CLASSES = ('sky', 'road', 'car')
NETWORKS = dict(
    G=dict(type='Pix2PixHDGenerator', base_channels=2, downs=1, blocks=1, enhancers=2, enhancer_blocks=1),
    D=dict(type='MultiscaleDiscriminator', base_channels=2, layers=1),
    E=dict(type='InstanceEncoder', base_channels=2, downs=1))


def tiny(**changes: Any) -> Pix2PixHD:
    torch.manual_seed(0)
    return Pix2PixHD(**{**NETWORKS, 'classes': CLASSES, 'instances': True, 'channels': {'img': 3}, 'perceptual': None,
                        'init': dict(type='default'), **changes})


def a_batch(count: int = 1) -> dict[str, Tensor]:
    """A road under the sky, with two cars on it."""
    label_map = torch.zeros(count, 16, 16, dtype=torch.int64)
    label_map[:, 8:] = 1
    instance_map = label_map.clone()
    for number, column in ((2000, 1), (2001, 9)):
        label_map[:, 9:13, column:column + 5], instance_map[:, 9:13, column:column + 5] = 2, number
    return dict(label_map=label_map, instance_map=instance_map,
                img=torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1)


def test_the_coarser_parts_of_G_rest_and_are_then_released() -> None:
    method = tiny(fix_global=2)
    optims = adam(method)
    for epoch, moving in ((0, {'enhancers.1', 'head'}), (1, {'enhancers.1', 'head'}),
                          (2, {'coarse', 'enhancers.0', 'enhancers.1', 'head'})):
        before = {key: value.clone() for key, value in method.G.state_dict().items()}
        method.epoch = epoch
        method.train_step(a_batch(), optims)
        assert {re.match(r'enhancers\.\d|\w+', key)[0] for key, value in method.G.state_dict().items()
                if not value.equal(before[key])} == moving
        assert any(p.grad is not None and p.grad.any() for p in method.E.parameters())
    with pytest.raises(ConfigError, match=r'fix_global: .* has no enhancers'):
        tiny(fix_global=1, G={**NETWORKS['G'], 'enhancers': 0})


def test_D_judges_pairs_of_maps_and_fakes_from_the_history() -> None:
    method = tiny(pool_size=1)
    optims, seen = adam(method), []
    method.D.register_forward_pre_hook(lambda net, args: seen.append(args[0].detach()))
    random.seed(3)  # the second draw exceeds 0.5: the fake of the first iteration comes back
    assert random.uniform(0, 1) <= 0.5 < random.uniform(0, 1)
    random.seed(3)
    for _ in range(3):
        method.train_step(a_batch(), optims)
    real, of_G, fake = zip(*(seen[i:i + 3] for i in range(0, 9, 3)), strict=True)  # one look at each photograph
    assert [pair.shape[1] for pair in fake] == [4 + 3] * 3  # three classes, borders, colours
    assert fake[0].equal(of_G[0]) and fake[1].equal(of_G[1]) and fake[2].equal(of_G[0])
    assert all(pair[:, -3:].equal(a_batch()['img']) for pair in real)


def test_parts_of_a_batch_keep_no_graph_behind_a_phase() -> None:
    """What D said of a part's photograph is given up with the part's other graphs."""
    method, seen = tiny(accumulate=2), []
    loss = method.loss_D
    method.loss_D = lambda b: (seen.append((b, bool(b.kept['real'][0][-1].requires_grad))), loss(b))[1]
    method.train_step(a_batch(2), adam(method))
    assert [trains for _, trains in seen] == [True, True] and not any(b.kept for b, _ in seen)


def test_the_command_line_chooses_the_clusters_of_objects(tmp_path: Path) -> None:
    method = tiny(clusters=2)
    for step in range(3):
        method.train_step(a_batch() | {'img': torch.rand(1, 3, 16, 16) * 2 - 1}, adam(method, lr=0.01 * step))
    model = dict(type='Pix2PixHD', **NETWORKS, classes=list(CLASSES), instances=True, channels={'img': 3},
                 perceptual=None, clusters=2)
    write_checkpoint({'config': {'model': model}, 'meta': {'iter': 3}, 'state_dict': method.state_dict()},
                     tmp_path / 'iter_3.pth')
    maps = {key: a_batch()[key][0].numpy().astype(np.uint16) for key in ('label_map', 'instance_map')}
    write_image(tmp_path / 'map.png', maps['label_map'])
    write_image(tmp_path / 'objects.png', maps['instance_map'])
    translate = ('translate.py', str(tmp_path / 'iter_3.pth'), str(tmp_path / 'map.png'), str(tmp_path / 'out'),
                 '--overwrite', '--instances', str(tmp_path / 'objects.png'), '--options')
    translator, made = Translator(tmp_path / 'iter_3.pth'), []
    for cluster in (0, 1):
        code, text, error = command(*translate, f'clusters={{2000:{cluster}}}')
        assert code == 0, text + error
        made.append(read_image(tmp_path / 'out/map.png'))
        assert np.array_equal(made[-1], translator(maps, clusters={2000: cluster}))
    assert not np.array_equal(*made)
    for given, message in (('clusters={7:0}', 'no object has the number 7'), ('colour=1', 'depends on seed, reference'),
                           ('seed=3', 'has an argument of its own, --seed'), ('clusters=a', 'a number or a dict')):
        code, text, error = command(*translate, given)
        assert code and message in text + error


def test_every_weight_of_a_loss_reaches_G() -> None:
    methods = [tiny(w_feat=feat, w_vgg=vgg, perceptual=dict(type='L1Loss'))
               for feat, vgg in ((2.0, 3.0), (4.0, 3.0), (2.0, 9.0))]
    first, double, triple = (method.train_step(a_batch(), adam(method)) for method in methods)
    assert double['G/feat'].item() == pytest.approx(2 * first['G/feat'].item())
    assert triple['G/vgg'].item() == pytest.approx(3 * first['G/vgg'].item())
    assert double['G/vgg'].equal(first['G/vgg']) and triple['G/feat'].equal(first['G/feat'])
    assert 'G/feat' not in tiny(w_feat=0.0).train_step(a_batch(), adam(tiny(w_feat=0.0)))


def test_features_are_means_over_the_object_of_each_sample() -> None:
    x = torch.arange(8.0).view(2, 1, 2, 2)
    numbers = torch.tensor([[[5, 5], [5, 9]], [[5, 9], [9, 9]]])
    assert instance_means(x, numbers).flatten().tolist() == [1, 1, 1, 3, 4, 6, 6, 6]
    assert instance_means(x, numbers[:, None] - 7).equal(instance_means(x, numbers))


def test_the_clusters_of_a_class_are_those_of_its_objects(tmp_path: Path) -> None:
    bank = FeatureBank(3, 2, clusters=2, size=4, smallest=1 / 16)
    batch = a_batch()
    labels, numbers = batch['label_map'], batch['instance_map']
    looks = torch.zeros(1, 2, 16, 16)
    for number, value in ((0, 0.1), (1, 0.2), (2000, 0.3), (2001, 0.9)):
        looks[:, :, numbers[0] == number] = value
    for shift in (0.0, 0.01, 0.02):  # six cars, of which the newest four are kept
        bank.add(looks + shift, labels, numbers)
    assert bank.seen.tolist() == [3, 3, 6]
    assert sorted(x[0].item() for x in bank.centres()[2]) == pytest.approx([0.315, 0.915])
    chosen = bank.looks(torch.zeros(1, SLOTS), labels, numbers, {2000: 0, 2001: 1})[0, 0]
    drawn = bank.looks(torch.full((1, SLOTS), 0.99), labels, numbers)[0, 0]
    cars = [numbers[0] == number for number in (2000, 2001)]
    for where, index in zip(cars, (0, 1), strict=True):
        assert (chosen[where] == bank.centres()[2][index, 0]).all()
        assert (drawn[where] == bank.centres()[2][1, 0]).all()
    again = FeatureBank(3, 2, clusters=2, size=4)
    again.load_state_dict(bank.state_dict())
    assert all(a.equal(b) for a, b in zip(again._centres, bank.centres(), strict=True))
    for clusters, message in (({7: 0}, 'no object has the number 7'), ({2000: 2}, 'has 2 clusters')):
        with pytest.raises(ConfigError, match=message):
            bank.looks(torch.zeros(1, SLOTS), labels, numbers, clusters)
    looks[:] = torch.nan
    bank.add(looks, labels, numbers)
    assert bank.seen.tolist() == [3, 3, 6] and bank.rows.isfinite().all()


def test_small_objects_are_not_remembered_and_a_class_without_clusters_has_no_looks() -> None:
    bank = FeatureBank(3, 2)
    batch = a_batch()
    batch['label_map'][0, 0, 0] = batch['instance_map'][0, 0, 0] = 2
    batch['label_map'][batch['instance_map'] >= 2000] = 1
    bank.add(torch.ones(1, 2, 16, 16), batch['label_map'], batch['instance_map'])
    assert bank.seen.tolist() == [1, 3, 0]  # a pixel of 256 is less than 1 / 64
    assert bank.looks(torch.zeros(1, SLOTS), batch['label_map'], batch['instance_map'])[0, :, 0, 0].tolist() == [0, 0]


def test_k_means_finds_groups_and_at_most_as_many_centres_as_points() -> None:
    points = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.2], [9.0]])
    assert sorted(k_means(points, 3).flatten().tolist()) == pytest.approx([0.1, 5.1, 9.0])
    assert len(k_means(points[:2], 10)) == 2 and len(k_means(points[:1].expand(4, 1), 3)) == 1
    assert k_means(points[:0], 3).shape == (0, 1)


def test_looks_of_one_object_are_chosen_and_the_others_stay() -> None:
    """The features in front of G, with clusters, a seed and a reference; E sees the reference's own colours."""
    method = tiny().eval()
    batch, seen = a_batch(), []
    inputs = {key: batch[key] for key in ('label_map', 'instance_map')}
    numbers = batch['instance_map'][0]
    for i in range(40):
        method.bank.add(torch.full((1, 3, 16, 16), i % 4 / 4), batch['label_map'], batch['instance_map'])
    method.G.register_forward_pre_hook(lambda net, args: seen.append(args[0][0, 4:]))
    for options in (dict(seed=1), dict(seed=1), dict(seed=2), dict(seed=1, clusters={2001: 0}),
                    dict(seed=1, clusters={2001: 3}), dict(reference=batch['img'])):
        method.ask('synthesis', inputs, **options)
    same, again, other, first, last, reference = seen
    assert same.equal(again) and not same.equal(other)
    assert not first[:, numbers == 2001].equal(last[:, numbers == 2001])
    assert first[:, numbers != 2001].equal(last[:, numbers != 2001])
    torch.testing.assert_close(reference, method.E(batch['img'], batch['instance_map'])[0].detach())
    with pytest.raises(ConfigError, match='depends on its inputs alone'):
        tiny(E=None).ask('synthesis', inputs, clusters={2001: 0})


def test_a_run_starts_from_the_global_generator_of_another(tmp_path: Path) -> None:
    small = tiny(G={**NETWORKS['G'], 'enhancers': 0, 'base_channels': 8})
    for p in small.parameters():
        p.data += 0.1  # others than those that are drawn
    write_checkpoint({'config': {}, 'meta': {'iter': 5}, 'state_dict': small.state_dict()}, tmp_path / 'iter_5.pth')
    method = tiny(coarse_from=tmp_path, fix_global=1)
    method.train_step(a_batch(), adam(method))
    assert all(value.equal(small.G.coarse.state_dict()[key]) for key, value in method.G.coarse.state_dict().items())
    averaged = tiny(coarse_from=tmp_path, fix_global=3)
    hook, runner = EMAHook('G', decay=0.9), SimpleNamespace(model=averaged)
    hook.before_train(runner)
    for i in range(3):
        averaged.train_step(a_batch(), adam(averaged))
        hook.after_train_iter(runner, i)
    apart = {key for key, value in hook.averages['G'].items() if not value.equal(averaged.G.state_dict()[key])}
    assert apart and not any(key.startswith('coarse.') for key in apart), 'what was loaded is its own average'
    resumed = tiny(coarse_from=tmp_path / 'gone.pth', fix_global=1)
    resumed.resume_at(1, 0, 1)
    resumed.train_step(a_batch(), adam(resumed))  # a run that goes on needs no such file
    wide = tiny(coarse_from=tmp_path, G={**NETWORKS['G'], 'base_channels': 3})
    with pytest.raises(CheckpointError, match='one enhancer doubles the width'):
        wide.train_step(a_batch(), adam(wide))
    empty = tiny(coarse_from=tmp_path)
    (tmp_path / 'iter_5.pth').unlink()
    with pytest.raises(CheckpointError, match='holds no checkpoint'):
        empty.train_step(a_batch(), adam(empty))


@pytest.mark.parametrize('enhancers', [0, 2])
def test_files_of_the_authors_become_a_checkpoint(tmp_path: Path, enhancers: int) -> None:
    method = tiny(G={**NETWORKS['G'], 'enhancers': enhancers, 'in_channels': 7})
    generator = dict(input_nc=7, output_nc=3, ngf=2, norm='instance')
    cls, args = ('LocalEnhancer', dict(generator, n_downsample_global=1, n_blocks_global=1, n_blocks_local=1,
                                       n_local_enhancers=2)) if enhancers else (
        'GlobalGenerator', dict(generator, n_downsampling=1, n_blocks=1))
    official = {'G': (cls, args, method.G), 'E': ('Encoder', dict(input_nc=3, output_nc=3, ngf=2, n_downsampling=1,
                                                                 norm='instance'), method.E),
                'D': ('MultiscaleDiscriminator', dict(input_nc=7, ndf=2, n_layers=1, num_D=2, norm='instance',
                                                      getIntermFeat=True), OfficialOutput(method.D, True, False, True))}
    for name, (cls, args, net) in official.items():
        recipe = FAMILIES['pix2pixhd'][cls]
        torch.save(official_state(net, recipe, recipe.complete(args, cls)), tmp_path / f'latest_net_{name}.pth')
    (tmp_path / 'opt.txt').write_text('------------ Options -------------\nlabel_nc: 3\nno_instance: False\n')
    model, directions = load_method(convert_checkpoint('pix2pixhd', tmp_path, tmp_path / 'ours.pth'))
    assert [*directions] == ['synthesis'] and model.instances and len(model.classes) == 3
    for name in 'GDE':
        for key, value in getattr(method, name).state_dict().items():
            assert getattr(model, name).state_dict()[key].equal(value)
    batch = a_batch()
    inputs = {key: batch[key] for key in ('label_map', 'instance_map')}
    assert model.ask('synthesis', inputs, reference=batch['img']).equal(
        method.ask('synthesis', inputs, reference=batch['img']))
    with pytest.raises(CheckpointError, match='makes no pictures alone'):
        convert_checkpoint('pix2pixhd', tmp_path / 'latest_net_D.pth', tmp_path / 'other.pth')
    (tmp_path / 'opt.txt').write_text('label_nc: 0\n')
    with pytest.raises(CheckpointError, match='label_nc 0'):
        convert_checkpoint('pix2pixhd', tmp_path, tmp_path / 'other.pth')
