"""Broken files through every reader: the right content or our own error, nothing else.

A seeded part, another one each week, runs by default; 2,000 files per reader with ``-m slow``.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import resource
import tarfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from toolbox.data.io import image_size, read_image, read_numbers
from toolbox.data.sets.attributes import AttributeImages
from toolbox.data.sets.cifar import CIFAR10, read_batch
from toolbox.data.sets.datasets import PairedDataset, UnpairedDataset
from toolbox.data.sets.idx import read_idx
from toolbox.errors import ConfigError, DataError

pytestmark = pytest.mark.fault

FORMATS = ('png', 'jpg', 'bmp', 'tif', 'webp', 'ppm', 'gif')
WEEK = int(time.time() // (7 * 86400))
COUNTS = pytest.mark.parametrize(('seed', 'count'), [
    (WEEK, 100), pytest.param(0, 2000, marks=pytest.mark.slow)], ids=['some', 'all'])
Rng = np.random.Generator


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, {'jpg': 'JPEG', 'tif': 'TIFF'}.get(kind, kind), **options)
    return stream.getvalue()


def encoded(rng: Rng, kind: str) -> bytes:
    """A picture of any mode that the format has."""
    shape = (int(rng.integers(1, 40)), int(rng.integers(1, 40)), 3)
    image = Image.fromarray(rng.integers(0, 256, shape, np.uint8))
    mode = str(rng.choice(['RGB', 'L', 'P', '1', 'RGBA', 'CMYK']))
    if (kind in ('jpg', 'bmp', 'ppm', 'webp') and mode in ('RGBA', 'P', '1', 'CMYK')) or (
            kind in ('png', 'gif') and mode == 'CMYK'):
        mode = 'RGB'
    options = {'lossless': True} if kind == 'webp' else {'progressive': bool(rng.integers(2))} if kind == 'jpg' else {}
    return save(image.convert(mode), kind, **options)


def broken(data: bytes, rng: Rng, other: bytes = b'') -> bytes:
    """Cut off, flipped bits, overwritten headers, blocks of noise, lost or doubled parts, two files in one."""
    data = bytearray(data)
    size, how = len(data), int(rng.integers(9))
    start = int(rng.integers(size))
    if how == 0:
        return bytes(data[:start])
    if how == 1:
        for _ in range(rng.integers(1, 20)):
            data[rng.integers(size)] ^= 1 << int(rng.integers(8))
    elif how == 2:
        data[:rng.integers(1, 30)] = rng.bytes(int(rng.integers(1, 30)))
    elif how == 3:
        data[start:start + 50] = rng.bytes(50)
    elif how == 4:
        data = data[:start] + other[rng.integers(len(other) + 1):]
    elif how == 5:
        return rng.bytes(int(rng.integers(0, 500)))
    elif how == 6:  # a header that claims another size
        start = int(rng.integers(min(30, size)))
        data[start:start + 4] = rng.bytes(4)
    elif how == 7:
        del data[start:start + int(rng.integers(1, 50))]
    else:
        data[start:start] = data[start:start + int(rng.integers(1, 50))]
    return bytes(data)


def outcomes(count: int, attempt: Callable[[int], None], *errors: type[Exception]) -> tuple[int, int]:
    """How many of so many attempts end well, and how many in our error; any other one is a failure."""
    read = 0
    for i in range(count):
        try:
            attempt(i)
        except (DataError, *errors) as error:
            assert str(error)
        else:
            read += 1
    print(f'{count} files: {read} read, {count - read} refused')
    return read, count - read


@COUNTS
@pytest.mark.parametrize('kind', FORMATS)
def test_broken_images(tmp_path: Path, kind: str, seed: int, count: int) -> None:
    rng = np.random.default_rng([seed, FORMATS.index(kind)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def attempt(i: int) -> None:
        path = tmp_path / f'{i}.{kind}'
        path.write_bytes(broken(encoded(rng, kind), rng, encoded(rng, str(rng.choice(FORMATS)))))
        channels = [1, 3, 4, None][i % 4]
        try:
            height, width = image_size(path)
            image = read_image(path, channels)
        except DataError as error:
            assert str(path) in str(error)
            raise
        finally:
            path.unlink()
        assert image.shape[:2] == (height, width) and image.size
        assert image.dtype in (np.uint8, np.uint16)
        assert image.shape[2] == channels or channels is None
    _, refused = outcomes(count, attempt)
    assert refused > count / 5
    # kB: one image of MAX_BYTES and its copy
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 900_000


@COUNTS
@pytest.mark.parametrize('kind', FORMATS)
def test_good_images_have_the_pixels_that_went_in(tmp_path: Path, kind: str, seed: int, count: int) -> None:
    """Also with rubbish behind the end, which no format minds."""
    rng = np.random.default_rng([seed, FORMATS.index(kind), 1])

    def attempt(i: int) -> None:
        data = encoded(rng, kind)
        (tmp_path / 'x').write_bytes(data + rng.bytes(i % 3))
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(image.convert('RGB')).astype(int)
            tolerance = {'CMYK': 2, 'YCbCr': 1}.get(image.mode, 0)
        assert np.abs(read_image(tmp_path / 'x').astype(int) - expected).max() <= tolerance
    assert outcomes(count // 4, attempt) == (count // 4, 0)


@COUNTS
@pytest.mark.parametrize('mode', ['RGB', 'L', 'P', 'I;16'])
def test_a_png_is_right_or_refused(tmp_path: Path, mode: str, seed: int, count: int) -> None:
    """Every byte of its pixels is below a checksum: changed pixels, and changed ids, are never accepted."""
    rng = np.random.default_rng([seed, 20])
    numbers = rng.integers(0, 256, (20, 30, 3) if mode == 'RGB' else (20, 30), np.uint8)
    image = Image.fromarray(numbers.astype(np.uint16) * 257 if mode == 'I;16' else numbers)
    if mode == 'P':
        image.putpalette(rng.bytes(768))
    data = save(image, 'png')
    (tmp_path / 'x.png').write_bytes(data)
    read = read_image if mode == 'RGB' else read_numbers
    good = read(tmp_path / 'x.png')
    np.testing.assert_array_equal(good, np.asarray(image))

    def attempt(_: int) -> None:
        changed = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        (tmp_path / 'x.png').write_bytes(changed)
        np.testing.assert_array_equal(read(tmp_path / 'x.png'), good)
    assert outcomes(count, attempt)[1] > count / 2


@COUNTS
def test_a_jpeg_with_lost_bytes_is_mostly_refused(tmp_path: Path, seed: int, count: int) -> None:
    """It has no checksum; docs/data.md says how much is noticed."""
    rng = np.random.default_rng([seed, 21])
    data = save(Image.fromarray(np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)), 'jpg')
    first = data.index(b'\xff\xda') + 14

    def attempt(_: int) -> None:
        at = int(rng.integers(first, len(data) - 50))
        (tmp_path / 'x.jpg').write_bytes(data[:at] + bytes(40) + data[at + 40:])
        read_image(tmp_path / 'x.jpg')
    assert outcomes(count, attempt)[1] > 0.6 * count


@COUNTS
@pytest.mark.parametrize('form', ['binary', 'pickle 2', 'pickle 4', 'tar.gz'])
def test_broken_cifar(tmp_path: Path, form: str, seed: int, count: int) -> None:
    rng = np.random.default_rng([seed, 30])
    pixels, labels = rng.integers(0, 256, (2, 3072), np.uint8), [3, 9]
    batch = {b'data': pixels, b'labels': labels, b'filenames': [b'a.png', b'b.png']}
    binary = b''.join(bytes([n]) + row.tobytes() for n, row in zip(labels, pixels, strict=True))
    good = binary if form in ('binary', 'tar.gz') else pickle.dumps(batch, int(form[-1]))
    if form == 'tar.gz':
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode='w:gz') as archive:
            info = tarfile.TarInfo('cifar-10-batches-bin/test_batch.bin')
            info.size = len(binary)
            archive.addfile(info, io.BytesIO(binary))
        good = stream.getvalue()
    ends = np.r_[0:min(300, len(good)), max(0, len(good) - 300):len(good)]

    def read(data: bytes) -> tuple[np.ndarray, np.ndarray]:
        if form != 'tar.gz':
            return read_batch(data, 'x')
        (tmp_path / 'cifar-10-binary.tar.gz').write_bytes(data)
        found = CIFAR10(str(tmp_path), 'test')
        return found.images, found.labels

    def attempt(i: int) -> None:
        data = bytearray(good)
        if i % 2:  # where the structure is
            for _ in range(int(rng.integers(1, 4))):
                data[rng.choice(ends)] = int(rng.integers(256))
        images, numbers = read(bytes(data) if i % 2 else broken(good, rng, good))
        assert images.dtype == np.uint8 and images.shape == (len(numbers), 32, 32, 3)
        assert numbers.min() >= 0 and numbers.max() < 10
    images, numbers = read(good)
    np.testing.assert_array_equal(images.transpose(0, 3, 1, 2).reshape(2, -1), pixels)
    assert numbers.tolist() == labels
    assert outcomes(count, attempt)[1] > count / 5


@COUNTS
@pytest.mark.parametrize('packed', [False, True])
def test_broken_idx(tmp_path: Path, packed: bool, seed: int, count: int) -> None:
    rng = np.random.default_rng([seed, 40])
    images = rng.integers(0, 256, (3, 5, 7), np.uint8)
    content = bytes((0, 0, 8, 3)) + b''.join(n.to_bytes(4, 'big') for n in images.shape) + images.tobytes()
    good, path = gzip.compress(content) if packed else content, tmp_path / ('x.gz' if packed else 'x')
    path.write_bytes(good)
    np.testing.assert_array_equal(read_idx(path, 3), images)

    def attempt(_: int) -> None:
        path.write_bytes(broken(good, rng, good))
        found = read_idx(path, 3)
        assert found.ndim == 3 and found.dtype == np.uint8 and found.size
        if packed:  # gzip has a checksum
            np.testing.assert_array_equal(found, images)
    assert outcomes(count, attempt)[1] > count / 5


def row(rng: Rng) -> dict[str, str]:
    names = ['0.png', '1.png', 'missing.png', '', '../images/0.png', '/etc/passwd', '\0', 'x' * 5000, 'ä.png', '.',
             '..', '~', '0.png\n', 'sub/0.png', '?*[', '"', ',', '0', '0.jpg']
    return {str(key): str(rng.choice(names)) for key in rng.choice(['A', 'B', 'C', ''], int(rng.integers(1, 4)))}


def broken_list(rng: Rng, kind: str) -> bytes:
    rows = [row(rng) for _ in range(rng.integers(0, 5))]
    if kind == 'json':
        deep = int(rng.integers(1, 100_000))
        values = [rows, {'A': rows}, [rows], [1, None, 'x'], [{'A': 1, 'B': [2]}], [{'A': None, 'B': {}}], 3.5]
        texts = [json.dumps(values[rng.integers(len(values))]), '[' * deep, '[' * deep + ']' * deep, 'NaN', '1' * 5000,
                 '{"A":' * 2000, '']
    else:
        stream = io.StringIO()
        writer = csv.DictWriter(stream, ['A', 'B', 'C', ''], extrasaction='ignore')
        if rng.integers(2):
            writer.writeheader()
        writer.writerows(rows)
        texts = [stream.getvalue(), 'A,B\n"' + 'x' * 200_000, 'A,B\n' + 'x' * 200_000 + ',y', 'A,B\n0.png\n',
                 'A,B\n,\n', 'A,B\n0.png,1.png,2.png,3.png\n', 'A;B\n0.png;1.png', '"A","B"\n\r\n\r',
                 'A,B\r0.png,1.png\r', 'A,B\n0.png,1.png\n', ',A,B\n0,0.png,1.png\n', '']
    return damaged_text(texts[rng.integers(len(texts))], rng)


def damaged_text(text: str, rng: Rng) -> bytes:
    data = text.encode(str(rng.choice(['utf-8', 'utf-8', 'utf-8', 'utf-16', 'utf-8-sig'])))
    how = rng.integers(6)
    if how == 0 and data:
        data = data[:rng.integers(len(data))]
    elif how == 1:
        at = int(rng.integers(len(data) + 1))
        data = data[:at] + rng.bytes(int(rng.integers(1, 20))) + data[at:]
    return data


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two images of 8 levels, 0 and 1, beside the table that is to be read."""
    for i in range(2):
        cv2.imwrite(str(tmp_path / f'{i}.png'), np.full((8, 8, 3), i, np.uint8))
    return tmp_path


@COUNTS
def test_broken_lists_of_pairs(two: Path, seed: int, count: int) -> None:
    rng = np.random.default_rng([seed, 50])

    def attempt(i: int) -> None:
        kind = ('csv', 'json')[i % 2]
        path = two / f'list.{kind}'
        path.write_bytes(broken_list(rng, kind))
        data = PairedDataset(str(two), ann_file=path.name, on_bad_pair='skip' if i % 3 else 'error')
        for k in range(len(data)):
            sample = data[k]
            for key in 'AB':  # the image that the list names
                assert int(sample[key].max()) == int(Path(sample['meta'][f'{key}_path']).stem)
    read, refused = outcomes(count, attempt)
    assert read > count / 100 and refused > count / 5


@COUNTS
def test_broken_attribute_tables(two: Path, seed: int, count: int) -> None:
    rng = np.random.default_rng([seed, 60])
    texts = {'csv': 'image,x,y\n0.png,1,-1\n1.png,-1,1\n', 'txt': '2\nx y\n0.png 1 -1\n1.png -1 1\n'}

    def attempt(i: int) -> None:
        kind = ('csv', 'txt')[i % 2]
        text = texts[kind]
        for _ in range(rng.integers(0, 4)):
            at, lines = int(rng.integers(len(text) + 1)), text.split('\n')
            how, which = rng.integers(5), int(rng.integers(len(lines)))
            if how == 0:
                text = text[:at] + str(rng.choice([*', \n"1-x\0;\r', '0.png'])) + text[at:]
            elif how == 1:
                text = text[:at] + text[at + 1:]
            elif how == 2:
                text = '\n'.join([*lines[:which], *lines[which + 1:]])
            elif how == 3:
                text = '\n'.join([*lines[:which], lines[which], *lines[which:]])
            else:
                text = text.replace('-1', str(rng.choice(['0', '2', 'nan', '', '1e400', '-1.0', 'True'])), 1)
        (two / f'table.{kind}').write_bytes(damaged_text(text, rng))
        data = AttributeImages(('x', 'y'), str(two), images='.', ann_file=f'table.{kind}', test_size=0)
        for path, values in data.rows:
            assert path.is_file() and set(values.tolist()) <= {0.0, 1.0}
        if text == texts[kind]:
            assert {path.name: values.tolist() for path, values in data.rows}.items() <= {
                '0.png': [1.0, 0.0], '1.png': [0.0, 1.0]}.items()
    read, refused = outcomes(count, attempt, ConfigError)
    assert read > count / 20 and refused > count / 5


def test_skipping_under_fuzz_is_a_function_of_the_index(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for domain in 'AB':
        (tmp_path / f'train{domain}').mkdir()
        for i in range(30):
            good = encoded(rng, 'png')
            path = tmp_path / f'train{domain}' / f'{i}.png'
            path.write_bytes(good if i % 3 == 0 else broken(good, rng, encoded(rng, 'jpg')))
    data = [UnpairedDataset(str(tmp_path), on_bad_image='skip') for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for i in [*range(30), *range(29, -1, -1)]:
            first, second = (d[i] for d in data)
            assert first['meta'] == second['meta']
            assert (first['A'] == second['A']).all()
