"""Attribute tables, folders per domain, joined sets, and the world of toys."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.data.sets.attributes import AttributeImages, JoinedDatasets
from toolbox.data.sets.domains import DomainFolders
from toolbox.data.sets.toys import SyntheticAttributes, SyntheticDomains, changes
from toolbox.data.transforms import RandomResizedCrop, Resize
from toolbox.data.worlds.toys import ATTRIBUTES, DOMAINS, Looks, Toy, hue_distance, looks_of
from toolbox.errors import ConfigError, DataError
from toolbox.randomness.keys import SampleKey

NAMES = ('Black_Hair', 'Male', 'Young')


def gray(level: int, size: int = 8) -> np.ndarray:
    return np.full((size, size, 3), level, np.uint8)


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Ten images whose gray level is their number, and a table in the form of CelebA."""
    lines = ['10', ' '.join(NAMES)]
    for i in range(10):
        write_image(tmp_path / f'images/{i:06d}.png', gray(i))
        lines.append(f'{i:06d}.png  {" ".join("1" if i >> bit & 1 else "-1" for bit in range(3))}')
    (tmp_path / 'list_attr_celeba.txt').write_text('\n'.join(lines) + '\n')
    return tmp_path


def folders(root: Path, **counts: int) -> Path:
    for name, count in counts.items():
        for i in range(count):
            write_image(root / 'train' / name / f'{i}.png', gray(100 * sorted(counts).index(name) + i))
    return root


def test_the_split_and_the_labels_are_those_of_the_authors(celeba: Path) -> None:
    order = [f'{i:06d}.png' for i in range(10)]
    random.Random(1234).shuffle(order)
    sets = {split: AttributeImages(('Young', 'Male'), str(celeba), split, test_size=3) for split in ('test', 'train')}
    assert [path.name for s in sets.values() for path, _ in s.rows] == order
    for sample in (sets['train'][i] for i in range(7)):
        number = int(sample['img'][0, 0, 0])
        assert sample['attributes'].tolist() == [number >> 2 & 1, number >> 1 & 1]
        assert sample['attributes'].dtype == sample['target_attributes'].dtype == torch.float32


def test_targets_follow_the_seed_and_are_those_of_images_that_exist(celeba: Path) -> None:
    data = AttributeImages(NAMES, str(celeba), 'train', test_size=3)
    there = {tuple(values) for _, values in data.rows}
    targets = [tuple(data[SampleKey(0, seed)]['target_attributes'].tolist()) for seed in range(60)]
    assert set(targets) == there
    assert targets[5] == tuple(data[SampleKey(0, 5)]['target_attributes'].tolist())


def test_a_csv_table_says_the_same(celeba: Path) -> None:
    lines = (celeba / 'list_attr_celeba.txt').read_text().splitlines()[1:]
    rows = [['file', *lines[0].split()], *(line.split() for line in lines[1:])]
    (celeba / 'table.csv').write_text('\n'.join(','.join(row).replace('-1', '0') for row in rows))
    tables = ('list_attr_celeba.txt', 'table.csv')
    a, b = (AttributeImages(NAMES, str(celeba), ann_file=name, test_size=3) for name in tables)
    assert [(p, v.tolist()) for p, v in a.rows] == [(p, v.tolist()) for p, v in b.rows]


@pytest.mark.parametrize(('header', 'index'), [
    (',file,Black_Hair,Male,Young', [0, 1, 2]), (',file,Black_Hair,Male,Young', [7, 3, 1]),
    ('Unnamed: 0,img,Black_Hair,Male,Young', [1, 2, 3]), ('\n;file;Black_Hair;Male;Young', [3, 5, 4])])
def test_the_index_of_pandas_is_not_taken_for_the_files(celeba: Path, header: str, index: list[int]) -> None:
    for i in (1, 2, 3, 4, 5, 7):  # files that the index would name
        write_image(celeba / f'images/{i}.png', gray(i))
    separator = header[-6]
    lines = [separator.join(map(str, (row, f'00000{i}.png', 1, i // 2, i % 2))) for i, row in enumerate(index)]
    (celeba / 'table.csv').write_text('\n'.join([header, *lines]))
    data = AttributeImages(NAMES, str(celeba), ann_file='table.csv', test_size=0)
    assert {path.name: values.tolist() for path, values in data.rows} == {
        f'00000{i}.png': [1, i // 2, i % 2] for i in range(3)}


@pytest.mark.fault
def test_numbers_without_a_name_may_be_the_index_or_the_files(celeba: Path) -> None:
    (celeba / 'table.csv').write_text(',picture,Young\n4,000001.png,1\n2,000002.png,0\n')
    with pytest.raises(DataError, match=r"table\.csv: the first column has numbers \(4, .* and no name.*'picture'"):
        AttributeImages(('Young',), str(celeba), ann_file='table.csv', test_size=0)


def test_a_name_without_suffix_is_that_of_the_image_beside_its_notes(celeba: Path) -> None:
    (celeba / 'images/000001.txt').write_text('notes')
    (celeba / 'table.csv').write_text('file,Young\n000001,1\n000002,0\n')
    data = AttributeImages(('Young',), str(celeba), ann_file='table.csv', test_size=0)
    assert {path.name for path, _ in data.rows} == {'000001.png', '000002.png'}


@pytest.mark.parametrize(('line', 'error', 'message'), [
    ('000000.png 1 1', DataError, r'list_attr_celeba\.txt, line 3: 2 values for 3 attributes'),
    ('000000.png 1 2 1', DataError, r"line 3: the value '2' is none of 1, 0, -1"),
])
def test_a_broken_line_is_named(celeba: Path, line: str, error: type, message: str) -> None:
    (celeba / 'list_attr_celeba.txt').write_text(f'1\n{" ".join(NAMES)}\n{line}\n')
    with pytest.raises(error, match=message):
        AttributeImages(NAMES, str(celeba), test_size=0)


def test_what_is_missing_is_said(celeba: Path) -> None:
    with pytest.raises(ConfigError, match=r"no column 'Blond'.*Known: Black_Hair, Male, Young"):
        AttributeImages(('Blond',), str(celeba))
    with pytest.raises(DataError, match=r'no images are left.*test_size is 1999'):
        AttributeImages(NAMES, str(celeba))
    with pytest.raises(DataError, match=r'Expected:\n.*images/\*\.jpg\n.*list_attr'):
        AttributeImages(NAMES, str(celeba / 'images'))


def test_references_come_from_the_target_domain(tmp_path: Path) -> None:
    data = DomainFolders(str(folders(tmp_path, cat=4, dog=2, wild=3)), references=True, balanced=True)
    seen = []
    for seed in range(300):
        sample = data[SampleKey(0, seed)]
        domain = {key: int(sample[key][0, 0, 0]) // 100 for key in ('img', 'ref', 'ref2')}
        assert domain == {'img': int(sample['label']), 'ref': int(sample['target']), 'ref2': int(sample['target'])}
        seen.append((domain['img'], domain['ref']))
    counts = [seen.count((a, b)) for a in range(3) for b in range(3)]
    assert min(counts) > 15, 'every pair of domains, whatever their sizes'


def test_evaluation_takes_images_and_targets_in_turn(tmp_path: Path) -> None:
    (folders(tmp_path, cat=2, dog=2, wild=2) / 'train').rename(tmp_path / 'val')
    data = DomainFolders(str(tmp_path), 'val', references=True)
    samples = [data[i] for i in range(6)]
    assert [int(s['label']) for s in samples] == [0, 0, 1, 1, 2, 2]
    assert [int(s['target']) for s in samples] == [1, 2, 2, 0, 0, 1]
    assert all(not torch.equal(s['ref'], s['ref2']) for s in samples)
    with pytest.raises(ConfigError, match='at least two domains'):
        DomainFolders(str(tmp_path), 'val', domains=['cat'])


def test_as_many_references_as_are_asked_for(tmp_path: Path) -> None:
    root = str(folders(tmp_path, cat=4, dog=4))
    several = DomainFolders(root, references=4, serial=True)[0]
    assert [int(several[key][0, 0, 0]) for key in ('ref', 'ref2', 'ref3', 'ref4')] == [100, 101, 102, 103]
    for count, keys in ((0, []), (1, ['ref']), (2, ['ref', 'ref2']), (True, ['ref', 'ref2'])):
        sample = DomainFolders(root, references=count, serial=True)[0]
        assert [key for key in sample if key.startswith('ref')] == keys
    with pytest.raises(ConfigError, match=r'references: expected an integer >= 0 .*, found -1'):
        DomainFolders(root, references=-1)


def test_two_sets_as_one(celeba: Path, tmp_path: Path) -> None:
    folders(tmp_path / 'rafd', angry=3, happy=3)
    data = JoinedDatasets(dict(type='AttributeImages', attributes=NAMES, data_root=str(celeba), test_size=3),
                          dict(type='DomainFolders', data_root=str(tmp_path / 'rafd')))
    batch = stack_samples([data[SampleKey(i, 7 + i)] for i in range(4)])
    assert {key: tuple(value.shape) for key, value in batch.items() if key != 'meta'} == {
        'img': (4, 3, 8, 8), 'attributes': (4, 3), 'target_attributes': (4, 3), 'img2': (4, 3, 8, 8), 'label': (4,),
        'target': (4,)}
    assert len(data) == 7
    assert (batch['img2'][:, 0, 0, 0] // 100 == batch['label']).all()
    assert {'img_path', 'img2_path', 'index', 'seed'} <= set(batch['meta'][0])
    assert torch.equal(data[SampleKey(2, 9)]['img2'], data[SampleKey(2, 9)]['img2'])


@pytest.mark.parametrize('size', [32, 64])
def test_the_looks_of_a_toy_can_be_told(size: int) -> None:
    rng = np.random.default_rng(0)
    for i in range(120):
        toy, looks = Toy(rng, size), Looks(rng.random(), bool(i & 1), bool(i & 2))
        found = looks_of(toy.paint(looks), toy.mask)
        assert (found.striped, found.outlined) == (looks.striped, looks.outlined)
        assert hue_distance(found.hue, looks.hue) < 0.01


def test_true_answers_have_the_attribute_asked_for_and_keep_the_others() -> None:
    data = SyntheticAttributes(length=20, split='val', noise=4)
    for sample in (data[i] for i in range(20)):
        mask = sample['mask'][0].numpy() / 255
        before = looks_of(sample['img'].permute(1, 2, 0).numpy(), mask).attributes()
        assert np.array_equal(before, sample['attributes'])
        expected = changes(before)
        assert set(expected) == {*ATTRIBUTES, 'not_striped', 'not_outlined'}
        for name, values in expected.items():
            after = looks_of(sample[f'oracle_{name}'].permute(1, 2, 0).numpy(), mask).attributes()
            assert np.array_equal(after, values)
            if name in ('red', 'green', 'blue'):
                assert values[:3].sum() == 1
    assert 'mask' not in SyntheticAttributes(length=2)[0]


def test_domains_of_toys_have_styles() -> None:
    data = SyntheticDomains(length=12, split='val')
    for i in range(12):
        sample = data[i]
        mask = sample['mask'][0].numpy() / 255
        looks = {name: looks_of(sample[name].permute(1, 2, 0).numpy(), mask)
                 for name in ('img', *(f'oracle_{name}' for name in DOMAINS))}
        assert looks['img'].domain() == DOMAINS[int(sample['label'])]
        assert int(sample['target']) != int(sample['label'])
        for name in DOMAINS:
            assert looks[f'oracle_{name}'].domain() == name
            assert looks[f'oracle_{name}'].hue == pytest.approx(looks[f'oracle_{DOMAINS[0]}'].hue, abs=0.02)
    train = SyntheticDomains(length=12)
    assert {int(train[SampleKey(0, seed)]['target']) for seed in range(20)} == {0, 1, 2}
    with pytest.raises(ConfigError, match=r"domains: expected .*'plain', 'striped', 'outlined'.* 2 or more"):
        SyntheticDomains(domains=('plain', 'dotted'))


def test_windows_have_the_shape_and_share_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    crop = RandomResizedCrop(16, scale=(0.5, 0.6), ratio=(0.5, 0.8))
    random.seed(0)
    for _ in range(50):
        top, left, (h, w) = crop._window(40, 40)
        assert 0 <= top <= 40 - h and 0 <= left <= 40 - w
        assert 0.48 <= h * w / 1600 <= 0.62 and 0.45 <= w / h <= 0.85
    assert crop._window(4, 400) == (0, 198, (4, 3)), 'nothing fits: the widest allowed window in the middle'
    assert crop({'img': gray(3, 40)})['img'].shape == (16, 16, 3)
    assert RandomResizedCrop(16, p=0.0)({'img': gray(3, 40)})['img'].shape == (40, 40, 3)
    with pytest.raises(ConfigError, match='filter'):
        Resize(8, filter='lanczos')
