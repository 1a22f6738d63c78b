"""Names and channels come from the data, and a model never meets data with other names."""

import shutil

import numpy as np
import pytest
import torch
from tiny import METHOD_CONFIGS, ROOT, tiny_config

from toolbox.data.facts import differences, facts_of
from toolbox.data.sets.datasets import ImageDataset
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.errors import ConfigError
from toolbox.files.checkpoint import read_checkpoint, write_checkpoint
from toolbox.registry import DATASETS, METHODS, build

V2 = 'configs/starganv2/afhq.py'
DOMAINS = ('cat', 'dog', 'wild')


def options(**names):
    return {'train_dataloader.dataset.domains': names.get('train', DOMAINS),
            **{f'{stage}_dataloader.dataset.domains': names[stage] for stage in ('val', 'test') if stage in names}}


def test_names_are_written_once(images, tmp_path):
    cfg = tiny_config(V2, tmp_path, images)
    assert list(cfg.model.domains) == list(DOMAINS)
    assert list(cfg.val_dataloader.dataset.domains) == list(cfg.test_dataloader.dataset.domains) == list(DOMAINS)
    for metric in cfg.test_evaluator:
        assert list(metric.domains) == list(DOMAINS)
        assert 'real' not in metric or list(metric.real.domains) == list(DOMAINS)
    assert build(cfg.model, METHODS).domains == DOMAINS


def test_names_of_folders_are_read_where_nothing_states_them(images, tmp_path):
    for name in DOMAINS:
        shutil.copytree(images / 'domains/train' / name, tmp_path / 'set/train' / name)
    data = {f'{stage}_dataloader.dataset.data_root': str(tmp_path / 'set') for stage in ('train', 'val', 'test')}
    cfg = tiny_config(V2, tmp_path, images, options={**options(train=None), **data})
    assert list(cfg.model.domains) == list(DOMAINS)
    gone = {**data, 'train_dataloader.dataset.data_root': str(tmp_path / 'nowhere')}
    with pytest.raises(ConfigError, match=r'model\.domains: required by StarGANv2 and missing'):
        tiny_config(V2, tmp_path, images, options={**options(train=None), **gone})


def test_other_names_in_the_model_are_a_mistake_with_both_lists(images, tmp_path):
    with pytest.raises(ConfigError, match=r"model\.domains: \['dog', 'cat', 'wild'\] in model, but "
                                          r"\['cat', 'dog', 'wild'\] in train_dataloader\.dataset"):
        tiny_config(V2, tmp_path, images, options={'model.domains': ('dog', 'cat', 'wild')})


def test_a_validation_set_with_other_names_is_refused(images, tmp_path):
    cfg = tiny_config(V2, tmp_path, images, options=options(val=('cat', 'wild')))
    with pytest.raises(ConfigError, match=r"domains: \['cat', 'dog', 'wild'\] in train_dataloader\.dataset, but "
                                          r"\['cat', 'wild'\] in val_dataloader\.dataset"):
        Runner.from_cfg(cfg).train()


def test_a_split_that_lacks_a_class_is_refused_and_not_numbered_anew(images, tmp_path):
    for split, names in (('train', DOMAINS), ('val', DOMAINS[1:])):
        for name in names:
            shutil.copytree(images / 'domains/train' / name, tmp_path / split / name)
    dataset = dict(type='ClassFolders', data_root=str(tmp_path), pipeline=[dict(type='Resize', size=32)])
    edits = {f'{stage}_dataloader.dataset': dict(dataset, split=split, _delete_=True)
             for stage, split in (('train', 'train'), ('val', 'val'))}
    cfg = tiny_config('configs/dcgan/celeba.py', tmp_path / 'run', images, options=edits)
    with pytest.raises(ConfigError, match=r"classes: \['cat', 'dog', 'wild'\] in .*, but \['dog', 'wild'\] in val"):
        Runner.from_cfg(cfg).train()


@pytest.fixture(scope='module')
def trained(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp('trained')
    Runner.from_cfg(tiny_config(V2, folder, images, 2)).train()
    return folder / 'iter_2.pth'


def old(trained, path):
    """The checkpoint as version 0.1.0 wrote it."""
    checkpoint = read_checkpoint(trained)
    assert checkpoint.pop('facts')['domains'] == list(DOMAINS)
    write_checkpoint(checkpoint, path)
    return path


@pytest.mark.parametrize('version', ['0.1.0', 'now'])
@pytest.mark.parametrize('how', ['resume', 'load_from', 'test'])
def test_another_order_is_refused_when_a_checkpoint_meets_data(how, version, trained, images, tmp_path):
    checkpoint = trained if version == 'now' else old(trained, tmp_path / 'iter_2.pth')
    swapped = ('dog', 'cat', 'wild')
    cfg = tiny_config(V2, tmp_path / 'run', images, 4, options(train=swapped))
    cfg.load_from, cfg.resume = str(checkpoint), how == 'resume'
    runner = Runner.from_cfg(cfg, trains=how != 'test')
    with pytest.raises(ConfigError, match=r"domains: \['cat', 'dog', 'wild'\] in .*iter_2\.pth, but "
                                          r"\['dog', 'cat', 'wild'\] in (train|test)_dataloader\.dataset"):
        runner.test() if how == 'test' else runner.train()


def test_the_same_order_goes_on(trained, images, tmp_path):
    cfg = tiny_config(V2, tmp_path / 'run', images, 3)
    cfg.load_from, cfg.resume = str(old(trained, tmp_path / 'iter_2.pth')), True
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 3


def test_channels_follow_the_data(images, tmp_path):
    gray_B = {f'{stage}_dataloader.dataset.channels': dict(A=3, B=1) for stage in ('train', 'val')}
    no_identity = {'model.w_identity_A': 0, 'model.w_identity_B': 0}
    cfg = tiny_config(METHOD_CONFIGS['CycleGAN'], tmp_path, images, options={**gray_B, **no_identity})
    model = build(cfg.model, METHODS)
    assert (model.G_AB.in_channels, model.G_AB.out_channels, model.G_BA.in_channels) == (3, 1, 1)
    assert model.D_A(torch.zeros(1, 3, 32, 32)).ndim == model.D_B(torch.zeros(1, 1, 32, 32)).ndim == 4
    said = {'model.G_AB.out_channels': 3, 'model.G_BA.in_channels': 3, 'model.D_B.in_channels': 3}
    with pytest.raises(ConfigError, match=r'3 mistake(.|\n)*model\.G_AB\.out_channels: 3(.|\n)*images B .* 1 channel'):
        tiny_config(METHOD_CONFIGS['CycleGAN'], tmp_path, images, options={**gray_B, **no_identity, **said})
    cfg.model.G_AB.out_channels = 3
    assert build(cfg.model, METHODS).G_AB.out_channels == 3  # what a config says counts


def test_conditional_networks_get_the_classes_of_the_data(images, tmp_path):
    model = build(load_config(ROOT / 'configs/cgan/synthetic.py').model, METHODS)
    dataset = build(dict(type='SyntheticShapes', length=4), DATASETS)
    assert (model.G.classes, model.D.classes) == (len(facts_of(dataset)['classes']),) * 2 == (6, 6)
    plain = build(load_config(ROOT / 'configs/gan/synthetic.py').model, METHODS)
    assert plain.G.classes == plain.D.classes == 0  # the data has classes there, too
    with pytest.raises(ConfigError, match=r'model\.conditional: the data set does not say its classes'):
        tiny_config('configs/dcgan/celeba.py', tmp_path, images, options={'model.conditional': True})


def test_only_names_on_both_sides_are_compared():
    assert differences({'domains': ['a', 'b']}, {'classes': ['b', 'a']}, ('x', 'y')) == []
    assert differences({'domains': ['a', 'b'], 'classes': 3}, {'domains': ('a', 'b'), 'classes': 4}, ('x', 'y')) == []
    (text,) = differences({'classes': ['a', 'b']}, {'classes': ['a', 'b', 'c']}, ('one', 'other'))
    assert text == "classes: ['a', 'b'] in one, but ['a', 'b', 'c'] in other"


@pytest.mark.parametrize('how', ['attribute', 'facts'])
def test_channels_of_a_data_set_of_ones_own_reach_the_networks(how, images, tmp_path):
    """A plugin whose constructor takes no channels states them in its class, or by facts()."""
    class Bands(ImageDataset):
        groups = (('A', 'B'),)

        def __init__(self, split='train', pipeline=()):
            super().__init__(pipeline)

        def __len__(self):
            return 3

        def load(self, index):
            arrays = {'A': np.full((32, 32, 5), 40 * index, np.uint8), 'B': np.full((32, 32, 1), 90, np.uint8)}
            return arrays, {'A_path': 'a', 'B_path': 'b'}

    if how == 'attribute':
        Bands.channels = {'A': 5, 'B': 1}
    else:
        Bands.facts = lambda self: {'channels': {'A': 5, 'B': 1}}
    DATASETS.register_module(module=Bands, name='OwnBands')
    try:
        dataset = dict(type='OwnBands', _delete_=True)
        cfg = tiny_config('configs/pix2pix/synthetic.py', tmp_path, images, 2, {
            'train_dataloader.dataset': dataset, 'val_dataloader': None, 'val_evaluator': None, 'val_cfg': None,
            'test_dataloader': None, 'test_evaluator': None, 'test_cfg': None})
        runner = Runner.from_cfg(cfg)
        runner.train()
        assert (runner.model.G.in_channels, runner.model.G.out_channels, runner.model.D.in_channels) == (5, 1, 6)
    finally:
        del DATASETS.module_dict['OwnBands']
