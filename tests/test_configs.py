"""Every config of configs/: shrunk, trained, validated, saved, resumed, tested and used for translation."""

import functools
import math
from pathlib import Path

import numpy as np
import pytest
from tiny import CONFIGS, ROOT, config_file, default_and_slow, distinct_configs, tiny_config

from toolbox import Sampler, Translator
from toolbox.data.fetch.packaged import PACKAGED
from toolbox.engine import Runner
from toolbox.files.checkpoint import newest_checkpoint, read_checkpoint
from toolbox.methods import Image, LabelMap, Latent
from toolbox.use.load import load_method

TRANSLATIONS = ('CycleGAN', 'Pix2Pix', 'UGATIT', 'AGGAN', 'StarGAN', 'StarGANv2', 'DRIT')
ADAM = {'UGATIT': (1e-4, (0.5, 0.999)), 'AGGAN': (1e-4, (0.5, 0.999)), 'StarGAN': (1e-4, (0.5, 0.999)),
        'StarGANv2': (1e-4, (0.0, 0.99)), 'DRIT': (1e-4, (0.5, 0.999))}  # rate and betas where they are others


@pytest.mark.parametrize('path', default_and_slow(distinct_configs()))
def test_config_trains_tests_and_is_used(path, trained, images, tmp_path):
    """``test_matrix.py`` resumes it."""
    folder = trained(path)
    assert newest_checkpoint(folder).name == 'iter_6.pth'
    checkpoint = read_checkpoint(folder / 'iter_6.pth')
    assert checkpoint['meta']['iter'] == 6
    assert all(v.isfinite().all() for v in checkpoint['state_dict'].values() if hasattr(v, 'isfinite'))
    assert {p.name for p in (folder / 'samples').iterdir()} == {
        *(f'00000{i}.png' for i in (0, 3, 6)), 'latest.png', 'progress.gif'}

    cfg = tiny_config(path, tmp_path / 'test', images)
    cfg.load_from = str(folder / 'iter_6.pth')
    scores = Runner.from_cfg(cfg).test()
    assert len(scores) >= len(cfg.test_evaluator)
    assert all(math.isfinite(v) for v in scores.values())

    use(folder / 'iter_6.pth')


def use(checkpoint):
    """Whatever the method can be asked for after its training."""
    method, directions = load_method(checkpoint)
    picture = np.random.default_rng(0).integers(0, 256, (37, 45, 3), dtype=np.uint8)
    asked = [method.directions[name] for name in directions]
    of_any_size = [name for name in directions if (image := method.directions[name].first(Image)) and not image.side]
    for direction in of_any_size:
        ports, size = method.directions[direction].maps, method.size_of(direction, 37, 45)
        given = {port.name: picture if isinstance(port, Image) else picture[..., 0] for port in ports}  # or a mask
        channels = 1 if getattr(getattr(method, 'G', None), 'out_channels', 3) == 1 else 3  # made masks are gray
        assert Translator(checkpoint)(given, direction=direction).shape == (*size, channels)
    from_maps = [name for name in directions if method.directions[name].first(LabelMap)]
    for direction in from_maps:
        maps = {port.name: picture[..., i] % 8 for i, port in enumerate(method.directions[direction].takes)}
        assert Translator(checkpoint)(maps, direction=direction).shape == (37, 45, 3)
    latents = [direction.first(Latent) for direction in asked if direction.first(Latent)]
    if latents:
        sampler = Sampler(checkpoint)
        shape = (2, *sampler.sample(1).shape[1:]) if latents[0].prior else None
        if any(direction.gives == latents[0].name for direction in asked):
            rec = sampler.reconstruct([picture, picture])
            assert shape in (None, rec.shape) and len(rec) == 2
        ends = (1, 2) if latents[0].prior else (picture, picture)
        assert sampler.interpolate(*ends, steps=2).shape == (shape or rec.shape)
    assert of_any_size or from_maps or latents


@pytest.mark.parametrize('path', CONFIGS)
def test_config_says_what_it_is_and_how_to_run_it(path):
    head = (ROOT / path).read_text().split('_base_')[0]
    assert f'python tools/train.py {path}' in head
    assert 'Metric:' in head
    assert ('Time:' in head) or ('synthetic' in path)
    assert len((ROOT / path).read_text().splitlines()) <= 30


# Of small sets of one's own, which no paper has
RECIPES = ('configs/pix2pix/satellite_mask.py', 'configs/pix2pix/satellite_mask_pretrained.py',
           'configs/cyclegan/photos.py')


@pytest.mark.parametrize('path', CONFIGS)
def test_loss_weights_and_schedules_are_those_of_the_papers(path, tmp_path):
    from toolbox.engine.config import load_config
    cfg = load_config(ROOT / path)
    model = cfg.model
    if 'synthetic' in path or path in RECIPES:
        return  # small networks and short runs have settings of their own
    if Path(path).stem in PACKAGED:
        return  # the same
    if model.type not in TRANSLATIONS:
        return  # images from noise: SETTINGS below
    if model.type == 'CycleGAN':
        assert (model.w_cycle_A, model.w_cycle_B, model.w_identity_A, model.w_identity_B) == (10, 10, 5, 5)
        assert model.pool_size == 50
    if model.type == 'Pix2Pix':
        assert model.w_rec == 100
    if model.type == 'UGATIT':
        assert (model.w_adv, model.w_cycle, model.w_identity, model.w_cam) == (1, 10, 10, 1000)
        assert [cfg.optim_wrapper[key].optimizer.weight_decay for key in ('G', 'D')] == [1e-4, 1e-4]
        assert model.G_AB.light == model.G_BA.light == ('light' in path)
    if model.type == 'AGGAN':
        assert (model.w_cycle, model.attention_epochs, model.threshold, model.pool_size) == (10, 30, 0.1, 50)
    if model.type == 'StarGAN':
        assert (model.w_cls, model.w_rec, model.adversarial.penalty_weight, model.n_critic) == (1, 10, 10, 5)
    if model.type == 'StarGANv2':
        assert (model.w_style, model.w_cycle, model.w_r1, model.diversity_iters) == (1, 1, 1, 100_000)
        assert model.w_diversity == (2 if 'afhq' in path else 1)
        assert cfg.optim_wrapper.G.lr_mult == {'F': 0.01}
    if model.type == 'DRIT':
        assert [model[f'w_{term}'] for term in ('content', 'adv', 'cycle', 'rec', 'kl', 'latent', 'ms')] == [
            1, 1, 10, 10, 0.01, 10, 0]
        assert (model.d_iter, model.attribute.style, model.D_content.size) == (3, 8, 54)
        assert [cfg.optim_wrapper[key].optimizer.weight_decay for key in ('G', 'D', 'D_content')] == 3 * [1e-4]
        assert cfg.optim_wrapper.D_content.optimizer.lr == 4e-5 and cfg.optim_wrapper.D_content.clip_grad.max_norm == 5
        assert ('Concat' in model.G.type) == ('Concat' in model.attribute.type) == (
            'yosemite' in path or 'vangogh' in path)
        assert cfg.train_dataloader.batch_size == 2 and cfg.model.init.only == 'convolution weights'
    rate, betas = ADAM.get(model.type, (2e-4, (0.5, 0.999)))
    for key in ('G', 'D'):
        assert cfg.optim_wrapper[key].optimizer.lr == rate
        assert cfg.optim_wrapper[key].optimizer.betas == betas


# Settings of the papers and of the authors' code (shared notes refs_gen.md), by their place in the config.
SETTINGS = {
    'gan/mnist': {'model.G.hidden': 1200, 'model.D.hidden': 240, 'model.D.pieces': 5, 'model.D.input_dropout': 0.2,
                  'model.D.dropout': 0.5, 'model.prior': 'uniform', 'model.init.G.gain': 0.05,
                  'model.init.D.gain': 0.005,
                  'optim_wrapper.G.optimizer.lr': 0.1, 'train_dataloader.batch_size': 100},
    'cgan/mnist': {'model.G.branches': (200, 1000), 'model.D.branches': (240, 50), 'model.G.classes': 10},
    'dcgan/celeba': {'model.G.z_dim': 100, 'model.prior': 'uniform', 'optim_wrapper.G.optimizer.lr': 2e-4,
                     'optim_wrapper.D.optimizer.betas': (0.5, 0.999), 'train_dataloader.batch_size': 128},
    'vae/mnist': {'model.E.features': 40, 'model.G.z_dim': 20, 'model.G.hidden': 400,
                  'train_dataloader.batch_size': 128,
                  'optim_wrapper.EG.optimizer.lr': 1e-3, 'train_cfg.max_epochs': 10},
    'wgan/lsun_bedroom': {'model.clip': 0.01, 'model.n_critic': 5, 'model.long_runs.long': 100,
                          'model.long_runs.first': 25,
                          'model.long_runs.period': 500, 'optim_wrapper.D.optimizer.type': 'RMSprop',
                          'optim_wrapper.D.optimizer.lr': 5e-5, 'train_dataloader.batch_size': 64},
    'wgan_gp/cifar10': {'model.n_critic': 5, 'model.adversarial.penalty_weight': 10.0, 'model.G_batches': 2,
                        'optim_wrapper.G.optimizer.lr': 2e-4, 'optim_wrapper.G.optimizer.betas': (0.0, 0.9),
                        'train_dataloader.batch_size': 64, 'train_cfg.max_iters': 500_000},
    'spade/coco_stuff': {'model.w_feat': 10, 'model.w_vgg': 10, 'model.G.base_channels': 64, 'model.D.scales': 2,
                         'model.init.spectral': 'kept', 'optim_wrapper.G.optimizer.lr': 1e-4,
                         'optim_wrapper.D.optimizer.lr': 4e-4, 'optim_wrapper.D.optimizer.betas': (0.0, 0.9),
                         'train_dataloader.batch_size': 4, 'train_cfg.max_epochs': 100},
    'spade/cityscapes_vae': {'model.G.upsamplings': 6, 'model.G.size': (256, 512), 'model.G.z_dim': 256,
                             'model.w_kl': 0.05 / 8, 'optim_wrapper.G.nets': ('G', 'E'),
                             'train_dataloader.batch_size': 2, 'param_scheduler.decay': 100},
    'pix2pixhdpp/ade20k': {'model.G.type': 'Pix2PixHDPlusGenerator', 'model.G.downs': 4, 'model.G.blocks': 9,
                           'model.G.norm.type': 'SyncBN', 'model.adversarial.mode': 'hinge'},
    **{f'singan/{name}': {'model.scale_iters': 2000, 'model.D_steps': 3, 'model.G_steps': 3, 'model.w_rec': weight,
                          'model.adversarial.penalty_weight': 0.1, 'model.G.base_channels': 32,
                          'model.G.max_channels': 128, 'train_dataloader.dataset.min_size': least,
                          'train_dataloader.dataset.max_size': 250, 'optim_wrapper.D.optimizer.lr': 5e-4,
                          'optim_wrapper.G.optimizer.betas': (0.5, 0.999),
                          'param_scheduler.schedule.milestones': [1600]}
       for name, weight, least in (('image', 10, 25), ('balloons', 10, 25), ('animation', 10, 20),
                                   ('super_resolution', 100, 18))},
    'srgan/srresnet_x4': {'model.G.base_channels': 64, 'model.G.blocks': 16, 'model.reconstruction.type': 'L2Loss',
                          'model.w_content': 0, 'optim_wrapper.G.optimizer.lr': 1e-4,
                          'optim_wrapper.G.optimizer.betas': (0.9, 0.999), 'train_dataloader.batch_size': 16,
                          'train_cfg.max_iters': 1_000_000},
    'srgan/srgan_x4': {'model.D.size': 96, 'model.D.hidden': 1024, 'model.perceptual.layers': {'relu5_4': 1.0},
                       'model.perceptual.weight': 1 / 12.75 ** 2, 'model.perceptual.distance': 'l2',
                       'model.w_adv': 1e-3, 'model.w_rec': 0, 'model.pretrain_iters': 1_000_000,
                       'optim_wrapper.D.optimizer.lr': 1e-4, 'param_scheduler.milestones': [1_100_000],
                       'train_cfg.max_iters': 1_200_000},
    'esrgan/psnr_x4': {'model.G.blocks': 23, 'model.G.growth': 32, 'model.reconstruction.type': 'L1Loss',
                       'optim_wrapper.G.optimizer.lr': 2e-4, 'optim_wrapper.G.optimizer.betas': (0.9, 0.99),
                       'train_dataloader.batch_size': 16, 'train_cfg.max_iters': 1_000_000},
    'esrgan/x4': {'model.adversarial.type': 'RelativisticLoss', 'model.perceptual.layers': {'conv5_4': 1.0},
                  'model.perceptual.distance': 'l1', 'model.w_adv': 5e-3, 'model.w_rec': 1e-2, 'model.w_content': 1,
                  'model.D.size': 128, 'model.D.levels': 5, 'model.D.kernel': 4, 'model.D.hidden': 100,
                  'optim_wrapper.G.optimizer.lr': 1e-4, 'optim_wrapper.D.optimizer.lr': 1e-4,
                  'param_scheduler.milestones': [50_000, 100_000, 200_000, 300_000]},
    'munit/edges2shoes': {
        'model.content_A.base_channels': 64, 'model.content_A.downs': 2, 'model.content_A.blocks': 4,
        'model.style_B.style': 8, 'model.style_B.downs': 4, 'model.G_B.hidden': 256, 'model.G_B.style': 8,
        'model.D_A.scales': 3, 'model.D_A.layers': 4, 'model.D_A.base_channels': 64,
        'model.adversarial.mode': 'lsgan', 'model.adversarial.scales': 'sum', 'model.w_adv': 1, 'model.w_rec': 10,
        'model.w_style': 1, 'model.w_content': 1, 'model.w_cycle': 0, 'model.w_vgg': 0,
        'model.init.content_A.type': 'kaiming', 'model.init.style_B.type': 'kaiming', 'model.init.G_A.type': 'kaiming',
        'model.init.D_B': {'type': 'normal', 'gain': 0.02}, 'optim_wrapper.G.optimizer.lr': 1e-4,
        'optim_wrapper.D.optimizer.betas': (0.5, 0.999), 'optim_wrapper.G.optimizer.weight_decay': 1e-4,
        'optim_wrapper.D.optimizer.weight_decay': 1e-4, 'train_dataloader.batch_size': 1,
        'param_scheduler.every': 100_000, 'param_scheduler.gamma': 0.5, 'param_scheduler.off_by_one': True,
        'train_cfg.max_iters': 1_000_000},
    'munit/summer2winter': {'model.w_cycle': 10, 'model.w_vgg': 0}, 'munit/cat2dog': {'model.w_cycle': 0},
    'unit/cat2dog': {
        'model.E_A.base_channels': 64, 'model.G_B.blocks': 4, 'model.D_B.scales': 3, 'model.w_adv': 1,
        'model.w_rec': 10, 'model.w_kl': 0.01, 'model.w_cycle': 10, 'model.w_kl_cycle': 0.01, 'model.w_vgg': 0,
        'model.adversarial.scales': 'sum', 'model.init.E_B.type': 'kaiming', 'model.init.D_A.gain': 0.02,
        'optim_wrapper.G.optimizer.lr': 1e-4, 'optim_wrapper.D.optimizer.weight_decay': 1e-4,
        'param_scheduler.off_by_one': True, 'train_cfg.max_iters': 1_000_000},
    'unit/synthia2cityscapes': {'model.w_vgg': 1, 'model.perceptual.layers': {'relu5_3': 1.0},
                                'model.perceptual.distance': 'l2', 'model.perceptual.instance_norm': True,
                                'model.perceptual.features.type': 'CaffeVGG16'},
    'wgan_gp/lsun_bedroom': {'optim_wrapper.D.optimizer.lr': 1e-4, 'train_cfg.max_iters': 1_000_000,
                             'model.D.norm.type': 'LN', 'model.G.doubling': True},
}


@pytest.mark.parametrize('name', SETTINGS)
def test_generative_configs_have_the_settings_of_the_papers(name):
    cfg = config_file(f'configs/{name}.py')
    for key, expected in SETTINGS[name].items():
        found = functools.reduce(lambda node, part: node[part], key.split('.'), cfg)
        assert found == expected, key
