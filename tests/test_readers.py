"""Files as people's programs write them: tables, lists of pairs, folders of classes. The right labels, or one error."""

from __future__ import annotations

import gzip
import pickle
import re
import resource
import tarfile
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import command
from faults import in_child
from test_distributed import write_config
from tiny import draw_images, tiny_config

from toolbox.data import inspection as inspection_module
from toolbox.data.facts import facts_of, other_pairs
from toolbox.data.inspection import inspect_files
from toolbox.data.io import write_image
from toolbox.data.sets import attributes as attributes_module
from toolbox.data.sets import cifar as cifar_module
from toolbox.data.sets.attributes import AttributeImages
from toolbox.data.sets.cifar import CIFAR10, read_batch
from toolbox.data.sets.classes import ClassFolders
from toolbox.data.sets.datasets import PairedDataset, UnpairedDataset
from toolbox.data.sets.domains import DomainFolders
from toolbox.data.sets.idx import read_idx
from toolbox.data.sets.semantic import SemanticDataset
from toolbox.engine import Runner
from toolbox.errors import ConfigError, DataError, UserError
from toolbox.registry import DATASETS

pytestmark = pytest.mark.fault

NAMES = ('Smiling', 'Male', 'Bangs')
ROWS = [(f'{i:03d}.jpg', 1 if i % 2 else -1, 1 if i % 3 else -1, -1 if i % 5 else 1) for i in range(12)]
TEXT = '\n'.join('  '.join(map(str, row)) for row in ROWS) + '\n'
CSV = '\n'.join(','.join(map(str, row)) for row in ROWS) + '\n'
HEAD, NAMES_LINE = 'image_id,Smiling,Male,Bangs\n', 'Smiling Male Bangs\n'


def gray(height: int, width: int, level: int = 0) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    for i, (name, *_) in enumerate(ROWS):
        write_image(tmp_path / 'images' / name, gray(8, 8, 20 * i))
    return tmp_path


def read(root: Path, name: str, content: str | bytes, **options: object) -> AttributeImages:
    (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return AttributeImages(NAMES, str(root), ann_file=name, test_size=0, **options)


@pytest.mark.parametrize(('name', 'content'), [
    ('celeba.txt', f'12\n{NAMES_LINE}{TEXT}'), ('no_count.txt', NAMES_LINE + TEXT),
    ('head.txt', f'file {NAMES_LINE}{TEXT}'),
    ('crlf.txt', f'12\n{NAMES_LINE}{TEXT}'.replace('\n', '\r\n')), ('UPPER.CSV', HEAD + CSV),
    ('pandas.csv', ',' + HEAD + '\n'.join(f'{i},{line}' for i, line in enumerate(CSV.split('\n')[:-1]))),
    ('no_suffix.csv', HEAD + CSV.replace('.jpg', '')), ('bom.csv', '\ufeff' + HEAD + CSV),
    ('excel.csv', (HEAD + CSV).replace(',', ';')), ('table.tsv', (HEAD + CSV).replace(',', '\t')),
    ('csv.txt', HEAD + CSV), ('floats.csv', HEAD + CSV.replace('1,', '1.0,')), ('no_name.csv', HEAD[8:] + CSV)])
def test_tables_of_every_form_give_the_right_labels(faces: Path, name: str, content: str) -> None:
    found = {path.name: values.tolist() for path, values in read(faces, name, content).rows}
    assert found == {row[0]: [float(value > 0) for value in row[1:]] for row in ROWS}


@pytest.mark.parametrize('name', ['x.txt', 'x.csv'])
def test_names_of_files_may_hold_spaces(faces: Path, name: str) -> None:
    for row in ROWS:
        (faces / 'images' / row[0]).rename(faces / 'images' / f'my face {row[0]}')
    rows = [(f'my face {row[0]}', *row[1:]) for row in ROWS]
    separator, head = (' ', f'12\n{NAMES_LINE}') if name == 'x.txt' else (',', HEAD)
    data = read(faces, name, head + '\n'.join(separator.join(map(str, row)) for row in rows))
    assert {path.name: values.tolist() for path, values in data.rows} == {
        row[0]: [float(value > 0) for value in row[1:]] for row in rows}


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('missing.txt', f'14\n{NAMES_LINE}{TEXT}998.jpg 1 1 1\n999.jpg 1 1 1',
     r"missing\.txt: 2 of 14 rows name a file that is not in .*images'(?s:.)*line 15: '998\.jpg'\s+line 16: '999\.jpg'"
     r'(?s:.)*remove these rows'),
    ('suffix.csv', HEAD + CSV.replace('.jpg', '.png'), r"12 of 12 rows(?s:.)*'000\.png' \(there is '000\.jpg'\)"),
    ('latin1.csv', (HEAD.replace('Bangs', 'Bangs,M\xfctze') + CSV.replace('\n', ',1\n')).encode('latin-1'),
     r"latin1\.csv': expected UTF-8, but line 1 holds the byte 0xfc(?s:.)*iconv -f WINDOWS-1252"),
    ('utf16.csv', (HEAD + CSV).encode('utf-16'), 'it is UTF-16'),
    ('no_head.csv', CSV, r"has no column 'Smiling'.*header 'file,NAME"),
    ('no_head.txt', TEXT, r"no_head\.txt, line 2: 3 values for 4 attributes.*header 'file,NAME"),
    ('twice.csv', HEAD.replace('Bangs', 'Smiling') + CSV, r"has 2 column 'Smiling'"),
    ('other.csv', HEAD + CSV + '001.jpg,-1,-1,-1\n', r"line 3 and line 14 give different values to '001\.jpg'"),
    ('value.csv', HEAD + CSV.replace('-1', '2', 1), r"line 2: the value '2' is none of"),
    ('short.csv', HEAD + CSV + '000.jpg,1\n', r'short\.csv, line 14: 2 cells where the header has 4'),
    ('short.txt', f'12\n{NAMES_LINE}{TEXT}000.jpg 1\n', r'short\.txt, line 15: 1 values for 3 attributes'),
    ('quote.csv', HEAD + '"000.jpg,1,1,1\n', r'quote\.csv, line 2 is not valid CSV'),
    ('empty.csv', '', "no column 'Smiling'"), ('empty.txt', '12\n', 'it holds no rows')])
def test_a_table_that_cannot_be_right_is_one_error_at_the_start(faces: Path, name: str, content: str | bytes,
                                                               message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(faces, name, content)


def test_rows_without_a_file_can_be_skipped_in_training(faces: Path) -> None:
    data = read(faces, 'x.csv', HEAD + CSV + '998.jpg,1,1,1\n', on_bad_image='skip', max_bad=0.2)
    assert len(data) == 13 and sum('skipped' in data[i]['meta'] for i in range(13)) == 1


def test_what_a_table_leaves_out_or_promises_is_said(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(attributes_module, 'print_log', lambda text, **_: said.append(text))
    read(faces, 'fine.txt', f'12\n{NAMES_LINE}{TEXT}')
    assert not said
    read(faces, 'cut.txt', f'12\n{NAMES_LINE}' + TEXT[:-len('011.jpg  1  1  -1\n')])
    assert len(said) == 2 and 'says 12 images, 11 rows follow' in said[0]
    assert "1 image(s) without a row in" in said[1] and '011.jpg' in said[1]


def test_lists_of_pairs_are_read_with_the_same_care(tmp_path: Path) -> None:
    for folder, level in (('x', 1), ('y', 2)):
        write_image(tmp_path / folder / '1.png', gray(4, 4, level))
    for name, content in {'index.csv': ',A,B\n0,x/1.png,y/1.png\n', 'excel.csv': 'A;B\nx/1.png;y/1.png',
                          'UPPER.CSV': 'B,A\ny/1.png,x/1.png', 'no_suffix.csv': 'A,B\nx/1,y/1\n',
                          'extra.tsv': 'A\tnote\tB\nx/1.png\tfine\ty/1.png', 'p.json': '[{"A": "x/1", "B": "y/1.png"}]'
                          }.items():
        (tmp_path / name).write_text(content)
        sample = PairedDataset(str(tmp_path), ann_file=name)[0]
        assert (int(sample['A'].max()), int(sample['B'].max())) == (1, 2), name
    for content, message in {b'A,B\nx/1.png,y/1.png,z.png': 'line 2: 3 cells where the header has 2',
                             'A,B\nx/\xfc.png,y/1.png'.encode('latin-1'): 'expected UTF-8, but line 2',
                             b'A,A\nx/1.png,y/1.png': "header 'A,B'"}.items():
        (tmp_path / 'bad.csv').write_bytes(content)
        with pytest.raises(DataError, match=rf'bad\.csv.*{message}'):
            PairedDataset(str(tmp_path), ann_file='bad.csv')


@pytest.mark.parametrize(('rename', 'difference'), [
    (str.upper, 'only in upper and lower case'), (lambda stem: unicodedata.normalize('NFD', stem), 'NFC or NFD'),
    (lambda stem: f'{stem}_B', 'only in the ending that names its domain')])
def test_partners_that_differ_in_spelling_are_named_with_the_cure(tmp_path: Path, rename: Callable[[str], str],
                                                                  difference: str) -> None:
    for stem in ('f\xe4rbe', 'stra\xdfe_1'[:3] + '\xe4'):
        write_image(tmp_path / f'trainA/{stem}{"_A" if "ending" in difference else ""}.png', gray(4, 4))
        write_image(tmp_path / f'trainB/{rename(stem)}.png', gray(4, 4))
    with pytest.raises(DataError, match=rf'4 files (?s:.)*no partner in .*differs .*{difference}(?s:.)*Rename the '):
        PairedDataset(str(tmp_path))


def joined(root: Path, split: str, height: int, width: int) -> None:
    for i in range(3):
        write_image(root / split / f'{i}.png', gray(height, width))


def test_nearly_square_images_are_not_cut_in_half(tmp_path: Path) -> None:
    joined(tmp_path, 'train', 40, 39)
    with pytest.raises(DataError, match=r'3 images are nearly square(?s:.)*trainA and trainB(?s:.)*layout='):
        PairedDataset(str(tmp_path))
    assert PairedDataset(str(tmp_path), layout='side_by_side')[0]['A'].shape == (3, 40, 19)


def test_splits_of_pairs_with_other_shapes_are_refused(tmp_path: Path) -> None:
    joined(tmp_path / 'set', 'train', 40, 80)
    joined(tmp_path / 'set', 'val', 40, 54)  # single photographs, 4:3
    edits = {f'{split}_dataloader.dataset.data_root': str(tmp_path / 'set') for split in ('train', 'val')}
    edits['val_dataloader.dataset.split'] = 'val'
    cfg = tiny_config('configs/pix2pix/facades.py', tmp_path / 'run', draw_images(tmp_path / 'images'), 2, edits)
    with pytest.raises(ConfigError, match=r'train_dataloader\.dataset has pairs .*1\.00 \(joined\) but val_dataloader'
                                          r'\.dataset has pairs .*0\.68 \(joined\).*--no-validate'):
        Runner.from_cfg(cfg).train()
    two = {'pairs': {'stored': 'two files', 'aspect': 0.7}}
    assert not other_pairs(two, {'pairs': {'stored': 'two files', 'aspect': 2.0}}, ('x', 'y'))
    assert other_pairs(two, facts_of(PairedDataset(str(tmp_path / 'set'))), ('x', 'y'))
    assert not other_pairs(two, {'pairs': {'stored': 'joined', 'aspect': 'wide'}}, ('x', 'y'))


def test_a_folder_without_images_among_the_classes_is_named(tmp_path: Path) -> None:
    for name in ('cat', 'dog'):
        write_image(tmp_path / 'train' / name / '1.png', gray(4, 4))
    (tmp_path / 'train/masks').mkdir()
    (tmp_path / 'train/masks/note.txt').write_text('no image here')
    with pytest.raises(DataError, match=r"train/masks': a folder without images.*classes=\['cat', 'dog'\]"):
        ClassFolders(str(tmp_path))
    with pytest.raises(DataError, match=r"train/masks': a folder without images.*domains=\['cat', 'dog'\]"):
        DomainFolders(str(tmp_path))
    assert ClassFolders(str(tmp_path), classes=['dog', 'cat']).classes == ['dog', 'cat']


def test_networks_for_another_number_of_classes_are_refused(tmp_path: Path) -> None:
    images = draw_images(tmp_path / 'images')
    dataset = dict(type='ClassFolders', data_root=str(images / 'domains'), pipeline=[dict(type='Resize', size=32)],
                   classes=['cat', 'dog', 'wild'], _delete_=True)
    edits = {'train_dataloader.dataset': dataset, 'val_dataloader.dataset': dataset, 'model.G.classes': 6,
             'model.D.classes': 6}
    with pytest.raises(ConfigError, match=r"model\.G\.classes: 6, but train_dataloader\.dataset has 3: \['cat', 'dog'"):
        Runner.from_cfg(tiny_config('configs/dcgan/celeba.py', tmp_path / 'run', images, 2, edits)).train()


def test_a_set_without_validation_images_names_the_option(tmp_path: Path) -> None:
    images = draw_images(tmp_path / 'images')
    for domain in 'AB':
        (images / f'test{domain}').rename(images / f'other{domain}')
    with pytest.raises(DataError, match='--no-validate'):
        UnpairedDataset(str(images), split='test')
    with pytest.raises(DataError) as error:
        UnpairedDataset(str(images / 'nowhere'))
    assert '--no-validate' not in str(error.value)
    config = write_config(tiny_config('configs/cyclegan/facades.py', tmp_path / 'run', images, 2), tmp_path / 'c.py')
    code, _, err = command('train.py', config)
    assert code == 2 and '--no-validate' in err and 'Traceback' not in err
    assert command('train.py', config, '--no-validate')[0] == 0


def bounded(read: Callable[[], object], megabytes: int = 400) -> None:
    """``read`` gives our error within three seconds of CPU and so much more memory."""
    def limited() -> None:
        used = int(re.search(r'VmSize:\s+(\d+)', Path('/proc/self/status').read_text())[1]) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)
        started = time.process_time()
        with pytest.raises(DataError):
            read()
        assert time.process_time() - started < 3
    assert in_child(limited) == 0


PIXELS = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
LABELS = [3, 0, 9, 1]


@pytest.mark.parametrize('protocol', [2, 3, 4])
@pytest.mark.parametrize('key', [str.encode, str])
@pytest.mark.parametrize('order', ['C', 'F'])
def test_a_batch_of_cifar_has_the_right_pixels_in_every_form(protocol: int, key: Callable, order: str) -> None:
    batch = {key('data'): np.array(PIXELS, order=order), key('labels'): LABELS, key('filenames'): ['a.png'] * 4}
    images, labels = read_batch(pickle.dumps(batch, protocol), 'x')
    assert labels.tolist() == LABELS and labels.dtype == np.int64
    np.testing.assert_array_equal(images.transpose(0, 3, 1, 2).reshape(4, 3072), PIXELS)


def test_a_batch_written_by_python_2_is_read() -> None:
    """As in the published files: names of NumPy 1, strings without encoding."""
    text = b'\x80\x02}q\x00(U\x04dataq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85'
    text += b'q\x04U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x04M\x00\x0c\x86q\x08cnumpy\ndtype\nq\tU\x02u1q\nK\x00K\x01'
    text += b'\x87q\x0bRq\x0c(K\x03U\x01|q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89T\x000\x00\x00'
    text += PIXELS.tobytes() + b'q\x0ftq\x10bU\x06labelsq\x11]q\x12(K\x03K\x00K\x09K\x01eu.'
    images, labels = read_batch(text, 'x')
    np.testing.assert_array_equal(images.transpose(0, 3, 1, 2).reshape(4, 3072), PIXELS)
    assert labels.tolist() == LABELS


@pytest.mark.parametrize(('change', 'reason'), [
    ({b'labels': [3.9, 0, 9, 1]}, 'whole numbers from 0 to 9'), ({b'labels': ['3', 0, 9, 1]}, 'whole numbers'),
    ({b'labels': [True, 0, 9, 1]}, 'whole numbers'), ({b'labels': [10, 0, 9, 1]}, 'whole numbers from 0 to 9'),
    ({b'labels': [-1, 0, 9, 1]}, 'whole numbers'), ({b'labels': LABELS[:3]}, 'do not fit'),
    ({b'labels': None}, 'whole numbers'), ({b'data': PIXELS.astype(np.float32)}, "numbers of its array are 'f4'"),
    ({b'data': PIXELS.astype(np.int8)}, "are 'i1'"), ({b'data': PIXELS.reshape(-1)}, 'do not fit'),
    ({b'data': PIXELS.tolist()}, 'no batch'), ({b'data': None}, 'no batch')])
def test_a_batch_with_other_numbers_is_refused(change: dict, reason: str) -> None:
    batch = {b'data': PIXELS, b'labels': LABELS, **change}
    with pytest.raises(DataError, match=f'x.*: .*{reason}'):
        read_batch(pickle.dumps(batch, 2), 'x')


BOMBS = {
    'memo': b'\x80\x02]r\x00\x00\x00\x20.', 'lists': b'\x80\x02' + b']' * 10_000_000 + b'.',
    'nested': b'\x80\x02' + b']' * 200_000 + b'a' * 199_999 + b'.', 'no end': b'\x80\x02' + b'N' * 1000,
    'nested keys': b'\x80\x02}' + b'N' + b'\x85' * 200_000 + b'Ns.',
    'encode': b'\x80\x02c_codecs\nencode\nq\x00X\x40\x42\x0f\x00' + b'x' * 1_000_000
              + b'q\x01X\x06\x00\x00\x00latin1\x86q\x02(' + b'h\x00h\x02R' * 1000 + b't.'}


@pytest.mark.parametrize('name', BOMBS)
def test_a_pickle_cannot_take_much_memory_or_time(name: str) -> None:
    bounded(lambda: read_batch(BOMBS[name], 'x'))


def test_a_packed_idx_file_cannot_unpack_without_bound(tmp_path: Path) -> None:
    head = bytes((0, 0, 8, 3)) + b''.join(n.to_bytes(4, 'big') for n in (1_300_000, 32, 32))
    with gzip.open(tmp_path / 'x.gz', 'wb', compresslevel=1) as file:
        file.write(head)
        for _ in range(20):
            file.write(bytes(2**20))
    bounded(lambda: read_idx(tmp_path / 'x.gz', 3), 100)
    (tmp_path / 'y').write_bytes(head)  # not packed: what is there counts
    bounded(lambda: read_idx(tmp_path / 'y', 3), 100)


def test_an_archive_of_cifar_cannot_unpack_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar_module, 'MAX_ARCHIVE', 2**22)
    for kind, size in ((tarfile.REGTYPE, 2**24), (tarfile.GNUTYPE_LONGNAME, 2**30)):
        header = tarfile.TarInfo('other.bin')
        header.type, header.size = kind, size
        with gzip.open(tmp_path / 'cifar-10-binary.tar.gz', 'wb', compresslevel=1) as file:
            file.write(header.tobuf(tarfile.GNU_FORMAT) + bytes(2**23))
        with pytest.raises(DataError, match='it unpacks to more than 4 MB'):
            CIFAR10(str(tmp_path))
        bounded(lambda: CIFAR10(str(tmp_path)), 100)


def test_batches_that_hold_less_than_the_published_ones_are_said(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(cifar_module, 'print_log', lambda text, **_: said.append(text))
    (tmp_path / 'test_batch.bin').write_bytes(bytes(3073 * 7))
    assert len(CIFAR10(str(tmp_path), 'test')) == 7
    assert len(said) == 1 and '7 images' in said[0] and '10000' in said[0]


@pytest.fixture
def rotten(tmp_path: Path) -> Path:
    """A set in which an image of each domain is damaged, one in its header and one in its pixels."""
    images = draw_images(tmp_path / 'images')
    (images / 'trainB/3.png').write_text('no image')
    cut = images / 'testA/1.png'
    cut.write_bytes(cut.read_bytes()[:-200])
    return images


def test_a_dry_run_reads_every_image_and_names_each_bad_one_once(rotten: Path, tmp_path: Path) -> None:
    cfg = tiny_config('configs/cyclegan/facades.py', tmp_path / 'run', rotten, 2)
    code, out, err = command('train.py', write_config(cfg, tmp_path / 'c.py'), '--dry-run')
    assert code == 2 and 'data: 20 files read, 2 bad' in out and 'Traceback' not in err
    assert '2 files cannot be read' in err
    assert all(len(re.findall(rf"Cannot read the image '\S*{name}'", out + err)) == 1
               for name in (r'trainB/3\.png', r'testA/1\.png'))
    cfg.train_dataloader.dataset.on_bad_image = 'skip'
    cfg.train_dataloader.dataset.max_bad = 0.4
    code, out, err = command('train.py', write_config(cfg, tmp_path / 'c.py'), '--dry-run')
    assert 'data: 20 files read, 1 bad, 1 to skip\n' in out
    assert code == 2 and 'will be skipped: Cannot read' in out and 'trainB' not in err and 'testA' in err
    (rotten / 'testA/1.png').write_bytes((rotten / 'testA/2.png').read_bytes())
    code, out, err = command('train.py', write_config(cfg, tmp_path / 'c.py'), '--dry-run')
    assert code == 0 and 'everything works' in out, err


def test_reading_all_images_has_a_bound_in_time(rotten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = {split: UnpairedDataset(str(rotten), split=split) for split in ('train', 'test')}
    clock = iter(range(1000))
    monkeypatch.setattr(inspection_module.time, 'monotonic', lambda: next(clock))
    inspection = inspect_files(sets, 6)  # seconds of a clock that ticks at each file
    assert str(inspection) == 'data: 5 files read, the headers of 6 more, no time was left for 9, 1 bad'
    assert [path.name for path in inspection.bad] == ['3.png']


def test_every_kind_of_set_says_its_files(tmp_path: Path) -> None:
    images = draw_images(tmp_path / 'images')
    count = {'UnpairedDataset': 10, 'PairedDataset': 10, 'ImageFolder': 5}
    for name, files in count.items():
        split = 'trainA' if name == 'ImageFolder' else 'train'
        data = DATASETS.build(dict(type=name, data_root=str(images), split=split))
        found = list(data.files_and_readers())
        assert len({path for path, _ in found}) == len(found) == files
        assert all(read().shape[2] == 3 for _, read in found)
    maps = SemanticDataset(str(images / 'semantic'), classes='facades')
    assert [(path.parent.name, read().shape) for path, read in maps.files_and_readers()][:3] == [
        ('train_label', (32, 64)), ('train_inst', (32, 64)), ('train_img', (32, 64, 3))]
    joined(tmp_path / 'joined', 'train', 8, 16)
    assert len(list(PairedDataset(str(tmp_path / 'joined')).files_and_readers())) == 3
    classes = ClassFolders(str(images / 'domains'), classes=['cat', 'dog'])
    assert [path for path, _ in classes.files_and_readers()] == [path for files in classes.files for path in files]
