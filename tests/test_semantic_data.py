"""Label maps from files and from the world of scenes, what their numbers mean, and how pictures are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

import toolbox  # noqa: F401
from toolbox.data.browse import contact_sheet
from toolbox.data.facts import differences, facts_of
from toolbox.data.inspection import inspect_files
from toolbox.data.ranges import LOOKED_AT
from toolbox.data.semantics import LabelCode, class_table, class_tables, coloured
from toolbox.data.sets.scenes import SyntheticScenes
from toolbox.data.sets.semantic import SemanticDataset
from toolbox.data.worlds.scenes import CLASSES, OBJECTS, PALETTE, PER_CLASS, read_scenes
from toolbox.engine.facts import fill_facts
from toolbox.errors import ConfigError, DataError
from toolbox.metrics import SegmentationScore, StyleCorrelation
from toolbox.metrics.labels import confusion_matrix, segmentation_scores

SHARED = Path(__file__).resolve().parents[2] / 'shared/data'
READER = dict(type='SceneReader')


def write(path: Path, numbers: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), numbers)
    return path


def tree(root: Path, layout: dict[str, str], count: int = 3, top: int = 4, objects: int = 65535) -> Path:
    """A set of small files: ids 0 to ``top``, numbers of objects up to ``objects``; {} is the number of the file."""
    for i in range(count):
        labels = np.full((6, 8), top, np.uint8)
        labels[:3] = i
        instances = np.where(labels == top, objects, i).astype(np.uint16)
        photograph = np.full((6, 8, 3), (40 * i + 80) % 256, np.uint8)
        for key, numbers in (('label_map', labels), ('instance_map', instances), ('img', photograph)):
            if key in layout:
                write(root / layout[key].format(i), numbers)
    return root


FOLDERS = {'label_map': 'train_label/{}.png', 'instance_map': 'train_inst/{}.png', 'img': 'train_img/{}.png'}
CITY = {'label_map': 'gtFine/train/ulm/ulm_{}_gtFine_labelIds.png',
        'instance_map': 'gtFine/train/ulm/ulm_{}_gtFine_instanceIds.png',
        'img': 'leftImg8bit/train/ulm/ulm_{}_leftImg8bit.png'}


# Tables

def test_tables_of_published_sets() -> None:
    counts = dict(cityscapes=35, cityscapes_19=19, ade20k=150, ade20k_raw=151, coco_stuff=182, celebamask_hq=19,
                  facades=13, facades_12=12)
    assert counts == {name: len(class_table(name).names) for name in class_tables()}
    for name in class_tables():
        table = class_table(name)
        assert len(table.colours) == len(table.numbers) == len(set(table.names)) == len(table.names), name
    city, train = class_table('cityscapes'), class_table('cityscapes_19')
    assert (city.names[26], city.colours[26], train.numbers[13], train.names[13]) == ('car', (0, 0, 142), 26, 'car')
    assert {*train.numbers, *train.unknown} == {*range(35), 255}
    ade, coco = class_table('ade20k'), class_table('coco_stuff')
    assert (ade.names[ade.numbers.index(13)], ade.unknown) == ('person', (0, 255))
    assert (coco.names[0], coco.names[156], coco.names[181]) == ('person', 'sky-other', 'wood')
    with pytest.raises(ConfigError, match=r"no table is called 'ade20'.*'ade20k'"):
        class_table('ade20')


def test_numbers_in_files_become_ids() -> None:
    code = LabelCode.of('cityscapes_19')
    ids = code.ids(np.array([[7, 8, 33, 0, 255]], np.uint8), 'x.png')
    assert ids.tolist() == [[0, 1, 18, 19, 19]] and ids.dtype == np.int32
    own = LabelCode.of(['a', 'b'], unknown=True, numbers=[1000, 7], where='Set')
    assert own.ids(np.array([[7, 255, 1000]], np.int32), 'x.png').tolist() == [[1, 2, 0]]
    given = LabelCode.of(['a', 'b'], unknown_numbers=[9, 3])
    assert given.ids(np.array([[1, 9, 0, 3]], np.int32), 'x.png').tolist() == [[1, 2, 0, 2]]
    with pytest.raises(ConfigError, match=r'Set\.unknown_numbers: \[9\], but unknown=False'):
        LabelCode.of(['a', 'b'], unknown=False, unknown_numbers=[9], where='Set')
    for wrong in (-1, 3, 70000):
        with pytest.raises(DataError, match=rf"'x.png': ids {wrong} \(1 of 2 pixels\), but `classes` has 2"):
            own.ids(np.array([[7, wrong]], np.int32), 'x.png')
    with pytest.raises(ConfigError, match=r'Set\.numbers'):
        LabelCode.of(['a', 'b'], numbers=[1, 1], where='Set')
    with pytest.raises(ConfigError, match=r'Set\.palette: expected 2 colours'):
        LabelCode.of(['a', 'b'], palette=[(0, 0, 300), (1, 1, 1)], where='Set')


# Files

@pytest.mark.parametrize('layout', [
    FOLDERS, CITY, {'label_map': 'train/label/{}.png', 'instance_map': 'train/inst/{}.png', 'img': 'train/img/{}.jpg'},
    {'label_map': 'annotations/training/a_{}.png', 'img': 'images/training/a_{}.jpg'},
    {'label_map': 'annotations/train2017/{}.png', 'img': 'images/train2017/{}.jpg'},
    {'label_map': 'base/{}.png', 'img': 'base/{}.jpg'}, {'label_map': 'train/{}.png', 'img': 'train/{}.jpg'}])
def test_layouts(tmp_path: Path, layout: dict[str, str]) -> None:
    data = SemanticDataset(str(tree(tmp_path, layout)), classes=5)
    assert len(data) == 3 and data.instances == ('instance_map' in layout)
    sample = data[1]
    assert sample.keys() - {'meta'} == layout.keys()
    assert sample['label_map'].dtype == torch.int64 and sample['label_map'][:, 0].tolist() == [1, 1, 1, 4, 4, 4]
    assert abs(int(sample['img'][0, 0, 0]) - 120) < 4
    if data.instances:  # 16 bits without loss
        assert sample['instance_map'].unique().tolist() == [1, 65535]
    assert sample['meta']['label_map_path'] == str(tmp_path / layout['label_map'].format(1))


def test_facts_and_the_unknown_id(tmp_path: Path) -> None:
    root = str(tree(tmp_path, FOLDERS, top=255))
    data = SemanticDataset(root, classes=['a', 'b', 'c'], unknown=True, instances=False)
    assert data[0]['label_map'].unique().tolist() == [0, 3] and 'instance_map' not in data[0]
    facts = facts_of(data)
    assert facts['classes'] == ['a', 'b', 'c'] and len(facts['palette']) == 4 and facts['unknown'] is True
    assert facts['channels'] == {'img': 3} and facts['instances'] is False and facts['unknown_numbers'] == [255]
    again = SemanticDataset(root, **{name: facts[name] for name in facts if name != 'channels'})
    assert again.code == data.code


def test_another_split_has_the_classes_of_the_training() -> None:
    def loader(**dataset: Any) -> dict[str, Any]:
        return dict(dataset=dict(type='SemanticDataset', **dataset))

    cfg = Config(dict(train_dataloader=loader(classes='cityscapes_19'), val_dataloader=loader(split='val'),
                      test_dataloader=loader(split='test', classes=['road'])))
    fill_facts(cfg)
    table, dataset = class_table('cityscapes_19'), cfg.val_dataloader.dataset
    assert tuple(dataset.classes) == table.names and tuple(dataset.numbers) == table.numbers and dataset.unknown is True
    assert len(dataset.palette) == 20 and tuple(dataset.unknown_numbers) == table.unknown
    assert cfg.test_dataloader.dataset == dict(type='SemanticDataset', split='test', classes=['road'])


def test_palette_files_and_colours(tmp_path: Path) -> None:
    palette = [(0, 0, 0), (10, 20, 30), (200, 0, 5)]
    ids = np.array([[0, 1], [2, 2]], np.uint8)
    tree(tmp_path, {'img': 'train_img/{}.png'}, count=2)
    (tmp_path / 'train_label').mkdir()
    image = Image.fromarray(ids.repeat(4, 1).repeat(3, 0), 'P')
    image.putpalette([value for colour in palette for value in colour])
    image.save(tmp_path / 'train_label/0.png')
    image.save(tmp_path / 'train_label/1.png')
    wanted = torch.from_numpy(ids.astype(np.int64))
    assert torch.equal(SemanticDataset(str(tmp_path), classes=3)[0]['label_map'][::3, ::4], wanted)
    painted = coloured(ids.repeat(4, 1).repeat(3, 0), palette)
    write(tmp_path / 'train_label/1.png', painted[..., ::-1])
    data = dict(data_root=str(tmp_path), classes=3, palette=palette)
    assert torch.equal(SemanticDataset(**data, coded='colours')[1]['label_map'][::3, ::4], wanted)
    with pytest.raises(DataError, match=r"1\.png'.*coded='colours'"):
        SemanticDataset(**data)
    painted[0, 0] = 1, 2, 3
    write(tmp_path / 'train_label/1.png', painted[..., ::-1])
    with pytest.raises(DataError, match=r"1\.png': colours \(1, 2, 3\) \(1 of 48 pixels\)"):
        SemanticDataset(**data, coded='colours')


@pytest.mark.fault
def test_ids_beyond_the_classes_are_refused_before_training(tmp_path: Path) -> None:
    root = str(tree(tmp_path, FOLDERS, top=200))
    with pytest.raises(DataError, match=r"train_label/0\.png': ids 200 \(24 of 48 pixels\), but `classes` has 5"):
        SemanticDataset(root, classes=5)
    with pytest.raises(ConfigError, match=r'SemanticDataset\.classes is not set'):
        SemanticDataset(root)
    few = facts_of(SemanticDataset(root, classes=201)), facts_of(SemanticDataset(root, classes=202))
    assert differences(*few, ('train', 'val'))  # what refuses a validation set with other classes


@pytest.mark.fault
def test_a_wrong_id_deep_in_a_set_is_found_by_a_dry_run_and_on_reading(tmp_path: Path) -> None:
    root = tree(tmp_path, {key: FOLDERS[key] for key in ('label_map', 'img')}, count=12)
    write(root / 'train_label/2.png', np.full((6, 8), 77, np.uint8))  # two of three are looked at first
    data = SemanticDataset(str(root), classes=12)
    assert LOOKED_AT == 8 and list(inspect_files({'train': data}, 60).bad) == [root / 'train_label/2.png']
    with pytest.raises(DataError, match=r"2\.png': ids 77 \(48 of 48 pixels\)"):
        data[2]
    skipping = SemanticDataset(str(root), classes=12, on_bad_image='skip')
    assert skipping[2]['meta']['label_map_path'] == str(root / 'train_label/3.png')


@pytest.mark.fault
def test_maps_without_a_partner_or_of_another_shape_are_refused(tmp_path: Path) -> None:
    root = str(tree(tmp_path, FOLDERS))
    (tmp_path / 'train_inst/1.png').rename(tmp_path / 'train_inst/1_inst.png')
    with pytest.raises(DataError, match=r'1_inst\.png: no partner in .*train_label; 1\.png differs only in the ending'):
        SemanticDataset(root, classes=5)
    left = SemanticDataset(root, classes=5, on_bad_pair='skip')
    assert len(left) == 2 and len(left.skipped) == 2
    with pytest.raises(DataError, match=r'gtFine/val/NAME_gtFine_labelIds\.png'):
        SemanticDataset(root, 'val', classes=5)
    write(tmp_path / 'train_img/0.png', np.zeros((6, 30, 3), np.uint8))
    with pytest.raises(DataError, match=r"train_img/0\.png' is 30x6 .*train_label/0\.png' is 8x6"):
        left[0]
    write(tmp_path / 'train_img/0.png', np.zeros((12, 16, 3), np.uint8))  # of the same shape
    write(tmp_path / 'train_inst/0.png', np.zeros((12, 16), np.uint8))
    with pytest.raises(DataError, match=r"train_inst/0\.png' is 16x12"):
        left[0]


@pytest.mark.skipif(not SHARED.is_dir(), reason='the real sets stay in ../shared/data')
def test_real_sets_load() -> None:
    pipeline = [dict(type='Resize', size=72), dict(type='RandomCrop', size=64), dict(type='RandomFlip')]
    things = SemanticDataset(str(SHARED / 'coco_stuff'), classes='coco_stuff', pipeline=pipeline)
    assert len(things) == 13 and {*things[0]['label_map'].unique().tolist()} <= {*range(183)}
    streets = SemanticDataset(str(SHARED / 'cityscapes'), classes='cityscapes', pipeline=pipeline, max_samples=1)
    assert 26004 in streets[0]['instance_map'] and 26 in streets[0]['label_map']
    assert torch.equal(streets[0]['label_map'] == 26, streets[0]['instance_map'] // 1000 == 26)


# The world

def drawn(**settings: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures, label maps and styles of 24 scenes."""
    samples = list(map(SyntheticScenes(length=24, **settings).__getitem__, range(24)))
    return (np.stack([s['img'].numpy().transpose(1, 2, 0) for s in samples]),
            np.stack([s['label_map'].numpy() for s in samples]), np.stack([s['style'].numpy() for s in samples]))


@pytest.mark.parametrize('settings', [dict(size=32), dict(size=64, noise=2.0), dict(size=32, uniform=1.0),
                                      dict(size=32, style=(-1, -1, -1)), dict(size=32, style=(1, 1, 1))])
def test_classes_and_style_are_read_from_pictures(settings: dict[str, Any]) -> None:
    images, labels, style = drawn(**settings)
    found, read = read_scenes(images)
    assert segmentation_scores(confusion_matrix(labels, found, len(CLASSES)))['mIoU'] >= 0.95
    assert np.abs(read - style).max() < 0.15
    if 'style' not in settings:
        assert min(np.corrcoef(read[:, i], style[:, i])[0, 1] for i in range(3)) >= 0.95
    assert (settings.get('uniform') == 1) == (labels.max((1, 2)) == labels.min((1, 2))).all()


def test_style_is_not_in_the_maps_and_objects_differ() -> None:
    data = SyntheticScenes(size=64, length=40)
    other = SyntheticScenes(size=64, length=40, style=(0.5, -0.5, 0))
    assert torch.equal(data[3]['label_map'], other[3]['label_map']) and not torch.equal(data[3]['img'], other[3]['img'])
    differing = 0
    for sample in map(other.__getitem__, range(20)):
        objects, labels = sample['instance_map'], sample['label_map']
        numbers = objects.unique()
        assert torch.equal(objects[objects < PER_CLASS], labels[objects < PER_CLASS])
        assert torch.equal(objects[objects >= PER_CLASS] // PER_CLASS, labels[objects >= PER_CLASS])
        for label in map(CLASSES.index, OBJECTS):
            means = [sample['img'].float().mean(0)[objects == n].mean() for n in numbers if n // PER_CLASS == label]
            differing += len(means) > 1 and max(means) - min(means) > 10
    assert differing >= 15
    assert 'instance_map' not in SyntheticScenes(instances=False)[0]
    facts = facts_of(data)
    assert facts['classes'] == list(CLASSES) and facts['palette'] == list(PALETTE) and facts['channels'] == {'img': 3}


# Metrics

def scores(metric: Any, data: SyntheticScenes, pictures: list[torch.Tensor], **more: list[torch.Tensor]) -> dict:
    for i, picture in enumerate(pictures):
        batch = {key: data[i][key][None] for key in ('label_map', 'style')}
        metric.process(batch, [{'fake': picture, **{key: values[i] for key, values in more.items()}}])
    return metric.evaluate(len(pictures))


def test_metrics_of_the_world() -> None:
    data = SyntheticScenes(size=32, length=12)
    real = [data[i]['img'] for i in range(12)]
    same = [SyntheticScenes(size=32, length=12, style=(0, 0, 0))[i]['img'] for i in range(12)]
    right = scores(SegmentationScore(len(CLASSES), READER, pred='fake'), data, real)
    assert right['mIoU'] > 0.99
    assert scores(SegmentationScore(len(CLASSES), READER, pred='fake'), data, real[::-1])['mIoU'] < 0.6
    found = scores(StyleCorrelation(READER, pred='fake'), data, real)
    assert found['StyleCorrelation'] > 0.99 and found['StyleCorrelation_2'] > 0.99
    assert abs(scores(StyleCorrelation(READER, pred='fake'), data, same)['StyleCorrelation']) < 0.7
    grey = [torch.full_like(picture, 128) for picture in real]
    assert scores(StyleCorrelation(READER, pred='fake'), data, grey)['StyleCorrelation'] == 0
    following = StyleCorrelation(READER, pred='fake', target='ref')
    batch_of = {'ref': [picture.clone() for picture in real]}
    for i, picture in enumerate(real):
        following.process({'ref': batch_of['ref'][i][None]}, [{'fake': picture, 'ref': picture}])
    assert following.evaluate(12)['StyleCorrelation'] == pytest.approx(1)


def test_sheets_show_class_colours(tmp_path: Path) -> None:
    data = SyntheticScenes(size=32, length=1, uniform=1.0)
    sheet = contact_sheet([data[0]], facts_of(data).get('palette'))
    colour = PALETTE[int(data[0]['label_map'][0, 0])]
    assert (sheet == np.array(colour, np.uint8)).all(2).sum() >= 32 * 32
