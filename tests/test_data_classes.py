"""Sets with classes: folders, idx files, CIFAR-10, and the world of single shapes."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from toolbox.data.io import write_image
from toolbox.data.sets.cifar import read_batch
from toolbox.data.sets.idx import read_idx
from toolbox.data.worlds.shapes import CLASSES, classify_shapes, draw_shape
from toolbox.errors import ConfigError, DataError
from toolbox.registry import DATASETS, build


def make(name: str, **args: object) -> object:
    return build({'type': name, **args}, DATASETS)


def fill(folder: Path, levels: list[int]) -> None:
    for level in levels:
        write_image(folder / f'{level}.png', np.full((8, 8, 3), level, np.uint8))


def test_image_folder(tmp_path: Path) -> None:
    fill(tmp_path / 'train', [1, 2, 10])
    data = make('ImageFolder', data_root=str(tmp_path))
    assert [int(data[i]['img'][0, 0, 0]) for i in range(len(data))] == [1, 2, 10]
    data = make('ImageFolder', data_root=str(tmp_path), split='train', channels=1, max_samples=2,
                pipeline=[dict(type='Resize', size=4)])
    assert len(data) == 2 and data[1]['img'].shape == (1, 4, 4)
    assert data[1].keys() == {'img', 'meta'} and data[1]['meta']['img_path'].endswith('2.png')
    with pytest.raises(DataError, match=r'test/\*\.jpg'):
        make('ImageFolder', data_root=str(tmp_path), split='test')


def test_class_folders(tmp_path: Path) -> None:
    for name, levels in {'9_cats': [1, 2], '10_dogs': [11, 12, 13]}.items():
        fill(tmp_path / 'train' / name, levels)
    (tmp_path / 'train' / '.cache').mkdir()
    data = make('ClassFolders', data_root=str(tmp_path))
    assert data.classes == ['9_cats', '10_dogs']
    samples = [data[i] for i in range(len(data))]
    assert [(int(s['img'][0, 0, 0]), int(s['label'])) for s in samples] == [(1, 0), (2, 0), (11, 1), (12, 1), (13, 1)]
    assert samples[0]['label'].dtype == torch.int64 and samples[0]['label'].shape == ()
    chosen = make('ClassFolders', data_root=str(tmp_path / 'train'), split='', classes=['10_dogs', '9_cats'],
                  max_samples=1)
    assert [int(chosen[i]['label']) for i in range(2)] == [0, 1] and int(chosen[0]['img'][0, 0, 0]) == 11
    with pytest.raises(ConfigError, match="Did you mean '9_cats'"):
        make('ClassFolders', data_root=str(tmp_path), classes=['9_cat'])
    with pytest.raises(ConfigError, match='twice'):
        make('ClassFolders', data_root=str(tmp_path), classes=['9_cats', '9_cats'])
    with pytest.raises(DataError, match=r'test/CLASS_1/\*\.jpg'):
        make('ClassFolders', data_root=str(tmp_path), split='test')


def test_a_bad_file_is_replaced_by_one_of_its_class(tmp_path: Path) -> None:
    for name, levels in {'a': [1, 2], 'b': [11, 12]}.items():
        fill(tmp_path / 'train' / name, levels)
    (tmp_path / 'train/a/2.png').write_bytes(b'no image')
    data = make('ClassFolders', data_root=str(tmp_path), on_bad_image='skip', max_bad=0.5)
    assert int(data[1]['img'][0, 0, 0]) == 1 and int(data[1]['label']) == 0
    assert data[1]['meta']['skipped'][0][0].endswith('2.png')
    with pytest.raises(DataError, match=r'2\.png'):
        _ = make('ClassFolders', data_root=str(tmp_path))[1]


def idx(array: np.ndarray, code: int = 8) -> bytes:
    return bytes((0, 0, code, array.ndim)) + b''.join(n.to_bytes(4, 'big') for n in array.shape) + array.tobytes()


@pytest.mark.parametrize('packed', [False, True])
def test_idx_files(packed: bool, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7), dtype=np.uint8)
    for name, array in {'images-idx3': images, 'labels-idx1': np.arange(5, dtype=np.uint8)}.items():
        path = tmp_path / f't10k-{name}-ubyte'
        if packed:
            path.with_name(f'{path.name}.gz').write_bytes(gzip.compress(idx(array)))
        else:
            path.write_bytes(idx(array))
    data = make('IdxImages', data_root=str(tmp_path), split='test', max_samples=4)
    assert len(data) == 4 and int(data[3]['label']) == 3
    assert np.array_equal(data[3]['img'][0], images[3])
    assert make('IdxImages', data_root=str(tmp_path), split='test', channels=3)[0]['img'].shape == (3, 6, 7)
    with pytest.raises(DataError, match='train-images-idx3-ubyte'):
        make('IdxImages', data_root=str(tmp_path))


@pytest.mark.parametrize(('content', 'reason'), [
    (idx(np.zeros((2, 3, 3), np.uint8))[:-1], '17 are there'),
    (idx(np.zeros((2, 3, 3), np.uint8)) + b'x', 'more are there'),
    (idx(np.zeros((2, 3, 3), np.float32), 13), 'no idx file'), (idx(np.zeros((2, 9), np.uint8)), 'no idx file'),
    (b'', 'nothing'), (bytes((0, 0, 8, 3)) + b'\xff' * 12, 'header says')])
def test_damaged_idx_files_are_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / 'x'
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read_idx(path, 3)
    path = tmp_path / 'x.gz'
    path.write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(DataError, match=r'x\.gz'):
        read_idx(path, 3)


def cifar_batch(seed: int, form: str) -> tuple[np.ndarray, list[int], bytes]:
    rng = np.random.default_rng(seed)
    pixels, labels = rng.integers(0, 256, (4, 3072), dtype=np.uint8), rng.integers(0, 10, 4).tolist()
    if form == 'bin':
        return pixels, labels, b''.join(bytes([n]) + row.tobytes() for n, row in zip(labels, pixels, strict=True))
    return pixels, labels, pickle.dumps({b'data': pixels, b'labels': labels, b'batch_label': b'x'}, protocol=2)


@pytest.mark.parametrize('form', ['bin', 'py'])
@pytest.mark.parametrize('packed', [False, True])
def test_cifar(form: str, packed: bool, tmp_path: Path) -> None:
    names = [f'data_batch_{i}' for i in range(1, 6)]
    suffix = '.bin' if form == 'bin' else ''
    files = {f'cifar-10-batches-{form}/{name}{suffix}': cifar_batch(i, form)[2] for i, name in enumerate(names)}
    if packed:
        with tarfile.open(tmp_path / f'cifar-10-{"binary" if form == "bin" else "python"}.tar.gz', 'w:gz') as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    else:
        (tmp_path / f'cifar-10-batches-{form}').mkdir()
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
    data = make('CIFAR10', data_root=str(tmp_path))
    assert len(data) == 20
    pixels, labels, _ = cifar_batch(2, form)
    assert np.array_equal(data[9]['img'].flatten(), pixels[1]) and int(data[9]['label']) == labels[1]
    with pytest.raises(DataError, match='test_batch'):
        make('CIFAR10', data_root=str(tmp_path), split='test')


class Evil:
    def __reduce__(self):
        return os.mkdir, ('executed',)


def test_a_pickle_that_names_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r'mkdir, which is refused'):
        read_batch(pickle.dumps({b'data': Evil(), b'labels': []}, protocol=2), 'x')
    with pytest.raises(DataError, match=r'numpy.*fromfile, which is refused'):
        read_batch(b'\x80\x02cnumpy\nfromfile\n(U\x01xtR.', 'x')
    for content in (b'', b'\x80\x02', pickle.dumps([1], 2), cifar_batch(0, 'bin')[2][:-1],
                    pickle.dumps({b'data': np.zeros((2, 9), np.uint8), b'labels': [1, 2]}, 2)):
        with pytest.raises(DataError):
            read_batch(content, 'x')
    assert not (tmp_path / 'executed').exists()


@pytest.mark.parametrize('size', [28, 32, 64])
def test_the_classifier_knows_every_shape(size: int) -> None:
    drawn = [draw_shape(np.random.default_rng([5, i]), size) for i in range(120)]
    images, labels = np.stack([image for image, _ in drawn]), np.array([label for _, label in drawn])
    assert set(labels) == set(range(len(CLASSES)))
    assert (classify_shapes(images) == labels).all()
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 12, images.shape), 0, 255).astype(np.uint8)
    assert (classify_shapes(noisy) == labels).mean() > 0.97
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    assert (classify_shapes(noise) == labels).mean() < 0.4


def test_synthetic_shapes() -> None:
    data = make('SyntheticShapes', size=28, length=5, channels=1, noise=3.0, pipeline=[dict(type='Pad', size=32)])
    assert data[2]['img'].shape == (1, 32, 32) and data[2]['label'].dtype == torch.int64
    assert torch.equal(data[2]['img'], data[2]['img']) and not torch.equal(data[2]['img'], data[3]['img'])
    other = make('SyntheticShapes', size=28, length=5, split='val')
    assert not torch.equal(other[2]['img'][:1], make('SyntheticShapes', size=28, length=5)[2]['img'][:1])
