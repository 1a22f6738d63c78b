"""Sets in archives, and sets of so many files that listing them takes time."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from runs import EXACT, assert_equal, train
from tiny import tiny_config
from torch.utils.data import DataLoader

from toolbox.data import index, listing, places
from toolbox.data.io import image_size, read_image, write_image
from toolbox.data.listing import list_images
from toolbox.data.names import Files, Names, Rows, natural
from toolbox.data.sets.attributes import AttributeImages
from toolbox.data.sets.classes import ClassFolders, ImageFolder, Places
from toolbox.data.sets.datasets import PairedDataset, UnpairedDataset
from toolbox.data.sets.hugging_face import HuggingFaceDataset
from toolbox.data.sets.masked import MaskedImages
from toolbox.data.sets.semantic import SemanticDataset
from toolbox.data.sets.superres import SuperResolutionDataset
from toolbox.data.sizes import image_sizes
from toolbox.errors import ConfigError, DataError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.metrics import PSNR, SSIM
from toolbox.metrics.folders import evaluate_folders
from toolbox.use.outputs import sources_of

CYCLEGAN = 'configs/cyclegan/horse2zebra.py'


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(places, '_open', {})


def zipped(folder: Path, target: Path, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(target, 'w', method) as archive:
        for path in sorted(folder.rglob('*')):
            archive.write(path, path.relative_to(folder))
    return target


def as_lmdb(files: dict[str, bytes], target: Path) -> Path:
    lmdb = pytest.importorskip('lmdb', reason='pip install lmdb')
    with lmdb.open(str(target), map_size=2**24) as environment, environment.begin(write=True) as edit:
        for name, data in files.items():
            edit.put(name.encode(), data)
    return target


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def packed(kind: str, folder: Path, at: Path) -> Path:
    if kind == 'lmdb':
        return as_lmdb(content(folder), at / 'set_lmdb')
    return zipped(folder, at / 'set.zip', zipfile.ZIP_DEFLATED if kind == 'deflated' else zipfile.ZIP_STORED)


KINDS = pytest.mark.parametrize('kind', ['stored', 'deflated', 'lmdb'])


@pytest.mark.parametrize('kind', ['stored', 'lmdb'])
def test_an_archive_trains_like_its_folder_bit_for_bit_also_after_a_resume_with_workers(
        kind: str, images: Path, trained: Callable[[str], Path], tmp_path: Path) -> None:
    archive = packed(kind, images, tmp_path)
    options = {f'{name}_dataloader.num_workers': 2 for name in ('train', 'val')}
    for stop, resume in ((3, False), (None, True)):
        cfg = tiny_config(CYCLEGAN, tmp_path / 'run', images, options={'data_root': str(archive), **options})
        assert cfg.train_dataloader.dataset.data_root == str(archive)
        train(cfg, stop, resume)
    whole, halves = (read_checkpoint(folder / 'iter_6.pth') for folder in (trained(CYCLEGAN), tmp_path / 'run'))
    for key in EXACT:
        assert_equal(whole.get(key), halves.get(key), key)


def sets(root: Path) -> Iterator[Any]:
    """One of each kind of data set of files."""
    yield UnpairedDataset(str(root))
    yield PairedDataset(str(root))
    yield PairedDataset(str(root), layout='side_by_side')
    yield PairedDataset(str(root), hold_out=dict(block=1, every=2), held_out=True)
    yield ImageFolder(str(root), split='testB')
    yield ClassFolders(str(root / 'domains'))
    yield AttributeImages(['Male', 'Young'], str(root / 'attributes'), test_size=1)
    yield SemanticDataset(str(root / 'semantic'), classes=8)
    yield SuperResolutionDataset(4, str(root), HR='trainA')
    yield MaskedImages(str(root), masks='semantic/train_label', split='semantic/train_img')


@KINDS
def test_every_kind_of_set_reads_the_same_from_an_archive(kind: str, images: Path, tmp_path: Path) -> None:
    archive = packed(kind, images, tmp_path)
    for of_folder, of_archive in zip(sets(images), sets(archive), strict=True):
        assert len(of_folder) == len(of_archive)
        for one, other in ((of_folder[i], of_archive[i]) for i in range(len(of_folder))):
            paths = [{key: str(value).replace(str(archive), str(images)) for key, value in sample.pop('meta').items()}
                     for sample in (one, other)]
            assert paths[0] == paths[1]
            assert_equal(one, other, type(of_folder).__name__)
        files = zip(of_folder.files_and_readers(), of_archive.files_and_readers(), strict=True)
        assert all(np.array_equal(read(), other()) for (_, read), (_, other) in files)


def test_a_set_from_an_archive_works_in_another_process_and_after_a_fork(images: Path, tmp_path: Path) -> None:
    for kind in ('stored', 'lmdb'):
        data = UnpairedDataset(str(packed(kind, images, tmp_path)))
        expected = [data[i]['A'] for i in range(len(data))]  # and so its archive is open before the fork
        loader = DataLoader(data, batch_size=1, num_workers=1, multiprocessing_context='fork')
        assert_equal(expected, [batch['A'][0] for batch in loader])
        copy = pickle.loads(pickle.dumps(data))
        places._open.clear()
        assert_equal(expected, [copy[i]['A'] for i in range(len(copy))])


def test_an_archive_is_translated_and_scored_as_a_folder(images: Path, tmp_path: Path) -> None:
    archive = packed('stored', images, tmp_path)
    found = sources_of(archive / 'testA', tmp_path / 'out')
    assert found.root == archive / 'testA' and [path.name for path in found.files] == [f'{i}.png' for i in range(5)]
    values, _ = evaluate_folders(images / 'testA', archive / 'testA', [PSNR(), SSIM()])
    assert values['PSNR'] == float('inf') and values['SSIM'] == 1


def test_lsun_as_published_is_a_set(tmp_path: Path) -> None:
    """Keys without suffix, in no order that a folder would have."""
    write_image(tmp_path / 'x.webp', np.full((8, 8, 3), 40, np.uint8))
    webp = (tmp_path / 'x.webp').read_bytes()
    as_lmdb(dict.fromkeys(('b7d0', 'a10', 'a9'), webp), tmp_path / 'bedroom_train_lmdb')
    data = ImageFolder(str(tmp_path), split='bedroom_train_lmdb')
    assert [path.name for path in data.files] == ['a9', 'a10', 'b7d0']
    assert image_size(data.files[0]) == (8, 8) and data[2]['img'].shape == (3, 8, 8)


@pytest.mark.fault
def test_an_lmdb_that_is_cut_short_or_none_is_one_error(tmp_path: Path) -> None:
    as_lmdb({str(i): bytes(5000) for i in range(9)}, tmp_path / 'a_lmdb')
    data = tmp_path / 'a_lmdb/data.mdb'
    data.write_bytes(data.read_bytes()[:-8192])
    with pytest.raises(DataError, match=r'a_lmdb.*cut short'):
        list_images(tmp_path / 'a_lmdb')
    (tmp_path / 'b_lmdb').mkdir()
    (tmp_path / 'b_lmdb/data.mdb').write_bytes(b'no database' * 1000)
    with pytest.raises(DataError, match=r'b_lmdb.*no readable LMDB'):
        list_images(tmp_path / 'b_lmdb')


def test_packages_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'data.mdb').write_bytes(b'x')
    for name in ('lmdb', 'datasets'):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match='pip install lmdb'):
        list_images(tmp_path)
    with pytest.raises(DataError, match='pip install datasets'):
        HuggingFaceDataset('somebody/set')


# Labels

def labelled(folder: Path, labels: object, count: int = 4) -> Path:
    for i in range(count):
        write_image(folder / f'0000{i % 2}/img{i}.png', np.full((8, 8, 3), i, np.uint8))
    (folder / 'dataset.json').write_text(json.dumps({'labels': labels}))
    return zipped(folder, folder.parent / 'stylegan.zip')


ROWS = [['00000/img0.png', 7], ['00001/img1.png', 0], ['00000/img2.png', 0], ['00001/img3.png', 11]]


def test_labels_of_stylegan_are_classes(tmp_path: Path) -> None:
    archive = labelled(tmp_path / 'set', ROWS)
    for root in (tmp_path / 'set', archive):
        data = ClassFolders(str(root), split='')
        assert data.classes == ['0', '7', '11'] and data.facts()['classes'] == data.classes
        found = [(int(sample['label']), int(sample['img'][0, 0, 0])) for sample in map(data.__getitem__, range(4))]
        assert found == [(0, 2), (0, 1), (1, 0), (2, 3)]
        assert ClassFolders(str(root), split='', classes=['11', '7'])[1]['label'] == 1
        assert len(ImageFolder(str(root))) == 4


@pytest.mark.fault
@pytest.mark.parametrize(('labels', 'message'), [
    (None, 'null.*ImageFolder'), (ROWS[:3], "1 images have no label.*img3.png'"),
    ([*ROWS[:3], ['x.png', 1]], "'x.png'"), ([*ROWS[:3], ['00001/img3.png', 0.5]], 'whole numbers.*0.5'),
    ({'a': 1}, 'whole numbers'),
    ([*ROWS, ROWS[0]], "img0.png' has two labels")])
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: object, message: str) -> None:
    archive = labelled(tmp_path / 'set', labels)
    with pytest.raises(DataError, match=f'(?s)dataset.json.*{message}'):
        ClassFolders(str(archive), split='')


# Zip files that nobody should have

def with_entry(name: str = 'bad.png', mode: int = 0, method: int = 0, flag: int = 0,
               claimed: int = 0) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr, info.compress_type = mode << 16, method
        with zipfile.ZipFile(path, 'w') as archive, pytest.warns(UserWarning) if name == 'twice.png' else io.BytesIO():
            archive.writestr('good.png', b'x')
            for _ in range(1 + (name == 'twice.png')):
                archive.writestr(info, b'x')
        raw = bytearray(path.read_bytes())
        entry = raw.rindex(b'PK\x01\x02')
        raw[entry + 8] |= flag
        if claimed:
            raw[entry + 24:entry + 28] = claimed.to_bytes(4, 'little')
        path.write_bytes(raw)
    return make


def cut(path: Path) -> None:
    with_entry()(path)
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.fault
@pytest.mark.parametrize(('make', 'message'), [
    (with_entry('../out.png'), "'../out.png'.*no path inside"), (with_entry('/etc/x.png'), "'/etc/x.png'.*no path"),
    (with_entry('a//b.png'), 'no path inside'), (with_entry('a\\b.png'), 'no path inside'),
    (with_entry('twice.png'), "'twice.png' is there twice"), (with_entry(mode=0o120777), "'bad.png' is a link"),
    (with_entry(flag=1), "'bad.png' is encrypted"), (with_entry(method=zipfile.ZIP_BZIP2), "'bad.png'.*method 12"),
    (with_entry(claimed=2**29, method=zipfile.ZIP_DEFLATED), "'bad.png' unpacks from"),
    (cut, r'set.zip.*cut short')])
def test_a_hostile_zip_is_one_error_that_names_archive_and_entry(tmp_path: Path, make: Callable[[Path], None],
                                                                 message: str) -> None:
    make(tmp_path / 'set.zip')
    for _ in range(2):  # the second time, too
        with pytest.raises(DataError, match=message) as error:
            ImageFolder(str(tmp_path / 'set.zip'))
        assert 'set.zip' in str(error.value) and '\n' not in str(error.value)


@pytest.mark.fault
@pytest.mark.parametrize('method', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_entry_is_named_or_skipped(tmp_path: Path, method: int) -> None:
    for i in range(3):
        write_image(tmp_path / f'set/{i}.png', np.random.default_rng(i).integers(0, 256, (9, 9, 3), np.uint8))
    archive = zipped(tmp_path / 'set', tmp_path / 'set.zip', method)
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b'1.png') + 60] ^= 255
    archive.write_bytes(raw)
    data = ImageFolder(str(archive))
    with pytest.raises(DataError, match=r"set.zip'.*'1.png'.*damaged"):
        data[1]
    skipping = ImageFolder(str(archive), on_bad_image='skip', max_bad=0.5)
    assert torch.equal(skipping[1]['img'], data[2]['img']) and skipping[1]['meta']['skipped']


@pytest.mark.fault
def test_an_archive_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    for level in (10, 200):
        write_image(tmp_path / f'set/{level}.png', np.full((8, 8, 3), level, np.uint8))
        archive = zipped(tmp_path / 'set', tmp_path / 'set.zip')
        assert int(ImageFolder(str(archive))[-1 + len(list_images(archive))]['img'][0, 0, 0]) == level
    os.truncate(archive, 40)
    with pytest.raises(DataError, match='cut short'):
        ImageFolder(str(archive))


# Names

def test_names_are_in_the_order_of_their_numbers() -> None:
    def as_before(text: str) -> tuple[list[Any], str]:
        parts = re.split(r'(\d+)', text.lower())
        return [(int(part), '') if i % 2 else (-1, part) for i, part in enumerate(parts)], text

    letters = random.Random(0)
    names = {''.join(letters.choices('aA0019/-_. é٣', k=letters.randint(1, 9))) for _ in range(3000)}
    assert natural(names) == sorted(names, key=as_before)


def test_lists_of_names_are_lists(tmp_path: Path) -> None:
    names = ['b/ü.png', 'a', '', 'c\udcff', 'dd']
    files = Files(tmp_path, names)
    assert list(files.names) == names and len(files) == 5 and files[1] == tmp_path / 'a'
    assert list(files) == [tmp_path / name for name in names] and files == list(files)
    for part in (slice(1, 3), slice(None, None, -1), slice(0, 0), slice(1, None)):
        assert list(files.names[part]) == names[part]
    assert list(files.names[np.array([4, 0, 3])]) == ['dd', 'b/ü.png', 'c\udcff']
    assert files[-1] == tmp_path / 'dd' and list(Names.of([])) == []
    with pytest.raises(IndexError):
        files[5]
    rows = Rows(lambda path, number: (path.name, int(number)), files, np.arange(5))
    assert rows[4] == ('dd', 4) and list(rows[1:3]) == [('a', 1), (tmp_path.name, 2)]
    spots = Places([2, 0, 3])
    assert list(spots) == [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]


def test_a_large_list_is_small_for_a_worker_and_shared_with_it(tmp_path: Path) -> None:
    files = Files(tmp_path, (f'img{i:08d}.png' for i in range(4000)))
    assert len(pickle.dumps(files)) < 36 * len(files)
    sent = ForkingPickler.dumps(files)  # as a DataLoader sends it to a process that it does not fork
    assert len(sent) < 4000 and list(pickle.loads(sent)) == list(files) == list(pickle.loads(pickle.dumps(files)))


# What is kept

@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of three files count as large, and folders as settled at once."""
    monkeypatch.setattr(index, 'WORTH', 3)
    monkeypatch.setattr(index, 'SETTLED', 0)


def fill(folder: Path, names: str, width: int = 16) -> None:
    for name in names.split():
        write_image(folder / name, np.zeros((8, width, 3), np.uint8))
    time.sleep(0.02)  # a tick of the clock of the disk


@pytest.mark.fault
def test_a_large_folder_is_listed_once_until_it_changes(tmp_path: Path, few: None,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    root, walks = tmp_path / 'set', []
    monkeypatch.setattr(listing, 'walk', lambda *args: walks.append(1) or places.walk(*args))

    def names(expected: str, walked: int) -> None:
        walks.clear()
        assert ' '.join(list_images(root).names) == expected and len(walks) == walked, walks
        time.sleep(0.02)
    fill(root, '10.png 2.png sub/1.png')
    names('2.png 10.png sub/1.png', 1)
    names('2.png 10.png sub/1.png', 0)
    fill(root, 'sub/3.png')
    names('2.png 10.png sub/1.png sub/3.png', 1)
    (root / '2.png').rename(root / '3.png')
    names('3.png 10.png sub/1.png sub/3.png', 1)
    times = root.stat()
    (root / '3.png').rename(root / '4.png')
    os.utime(root, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a copying program sets it
    names('4.png 10.png sub/1.png sub/3.png', 1)
    names('4.png 10.png sub/1.png sub/3.png', 0)
    next((tmp_path / 'cache/index').iterdir()).write_bytes(b'damaged')
    names('4.png 10.png sub/1.png sub/3.png', 1)
    shutil.rmtree(root / 'sub')
    names('4.png 10.png', 1)


@pytest.mark.fault
def test_a_folder_that_has_just_changed_is_not_kept(tmp_path: Path, few: None,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, 'SETTLED', 60)
    fill(tmp_path / 'set', '1.png 2.png 3.png')
    list_images(tmp_path / 'set')
    assert not (tmp_path / 'cache').exists()


@pytest.mark.fault
def test_a_cache_that_cannot_be_written_to_is_said(tmp_path: Path, few: None,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(index, 'print_log', lambda text, *_: said.append(text))
    (tmp_path / 'cache').write_text('no folder')
    fill(tmp_path / 'set', '1.png 2.png 3.png')
    assert len(list_images(tmp_path / 'set')) == 3
    assert len(said) == 1 and 'TOOLBOX_CACHE' in said[0]


@pytest.mark.fault
def test_headers_are_read_again_where_a_file_has_changed(tmp_path: Path, few: None,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / 'set', '1.png 2.png 3.png 4.png')
    read: list[str] = []
    monkeypatch.setattr('toolbox.data.sizes.image_size',
                        lambda path, *how: read.append(path.name) or image_size(path, *how))
    first, _ = image_sizes(list_images(tmp_path / 'set'), 'shown')
    fill(tmp_path / 'set', '2.png 5.png', width=20)
    second, _ = image_sizes(list_images(tmp_path / 'set'), 'shown')
    assert read == ['1.png', '2.png', '3.png', '4.png', '2.png', '5.png']
    assert first[:, 1].tolist() == [16] * 4 and second[:, 1].tolist() == [16, 20, 16, 16, 20]


def test_the_directory_of_an_archive_is_kept_until_it_changes(tmp_path: Path, few: None,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / 'set', '1.png 2.png 10.png')
    read: list[int] = []
    original = places.archive_kind
    archive = zipped(tmp_path / 'set', tmp_path / 'set.zip')
    of_zip = original(str(archive))
    assert of_zip is not None
    listing_of = of_zip._list
    monkeypatch.setattr(of_zip, '_list', lambda self: read.append(1) or listing_of(self))
    for count in (1, 1):
        places._open.clear()
        data = ImageFolder(str(archive))
        assert [path.name for path in data.files] == ['1.png', '2.png', '10.png'] and len(read) == count
        assert np.array_equal(read_image(data.files[2]), np.zeros((8, 16, 3), np.uint8))
    fill(tmp_path / 'set', '3.png')
    zipped(tmp_path / 'set', archive)
    assert len(ImageFolder(str(archive))) == 4 and len(read) == 2


# Hugging Face

@pytest.mark.filterwarnings('ignore')  # of dill
def test_a_table_of_datasets_is_a_set(tmp_path: Path) -> None:
    datasets = pytest.importorskip('datasets', reason='pip install datasets')
    levels = [np.full((8, 8, 3), i, np.uint8) for i in range(4)]
    for i, image in enumerate(levels):
        write_image(tmp_path / f'{i}.png', image)
    cells = [{'bytes': (tmp_path / f'{i}.png').read_bytes(), 'path': None} for i in range(3)]
    cells.append({'bytes': b'', 'path': None})
    features = datasets.Features(photo=datasets.Image(), sketch=datasets.Image(), kind=datasets.Value('string'),
                                 number=datasets.ClassLabel(names=['x', 'y']))
    table = datasets.Dataset.from_dict({'photo': cells, 'sketch': cells[::-1], 'kind': ['b10', 'b9', 'b9', 'b9'],
                                        'number': [0, 1, 1, 1]}, features)
    datasets.DatasetDict(train=table).save_to_disk(str(tmp_path / 'saved'))
    root = str(tmp_path / 'saved')
    data = HuggingFaceDataset(root, images={'img': 'photo'}, label='kind', max_samples=3)
    assert data.classes == ['b9', 'b10'] and [int(data[i]['label']) for i in range(3)] == [1, 0, 0]
    copy = pickle.loads(pickle.dumps(data))
    assert [int(copy[i]['img'].max()) for i in range(3)] == [0, 1, 2] and copy[1]['meta']['img_size'] == (8, 8)
    named = HuggingFaceDataset(root, images={'img': 'photo'}, label='number', on_bad_image='skip', max_bad=0.5)
    assert named.classes == ['x', 'y'] and int(named[3]['label']) == 0 and named[3]['meta']['skipped']
    pairs = HuggingFaceDataset(root, images={'A': 'sketch', 'B': 'photo'}, on_bad_image='skip')
    assert pairs.groups == (('A', 'B'),) and [int(pairs[1][key].max()) for key in 'AB'] == [2, 1]
    for cfg, error, message in (({'images': {'img': 'foto'}}, ConfigError, "'foto'.*photo"),
                                ({'images': {'img': 'kind'}}, ConfigError, "holds no images.*photo"),
                                ({'split': 'test'}, DataError, "no split 'test'")):
        with pytest.raises(error, match=message):
            HuggingFaceDataset(root, **{'images': {'img': 'photo'}, **cfg})
    with pytest.raises(DataError, match=r'0{7}3.png \(photo\)'):
        HuggingFaceDataset(root, images={'img': 'photo'})[3]


def test_what_a_photograph_costs_is_one_command() -> None:
    code, out, err = command('benchmark_sets.py', '--photographs', '2')
    assert (code, err) == (0, '')
    rows = {row[0]: [float(cell) for cell in row[1:]]
            for row in (line.strip('| ').split(' | ') for line in out.splitlines()[2:])}
    assert {*rows} == {'`bicubic`', '`fast`'}
    assert all(part > 0 for row in rows.values() for part in row)
