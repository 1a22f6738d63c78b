"""2,000 broken files through the loaders: an image of the stated kind or our own error, nothing else."""

import csv
import io
import json
import resource
import warnings

import cv2
import numpy as np
import pytest
from PIL import Image

from toolbox.data.io import image_size, read_image
from toolbox.data.sets.datasets import PairedDataset, UnpairedDataset
from toolbox.errors import DataError

pytestmark = pytest.mark.fault

FORMATS = ('png', 'jpg', 'bmp', 'tif', 'webp', 'ppm', 'gif')
IMAGES, LISTS = 1500, 500


def encoded(rng, kind):
    shape = (int(rng.integers(1, 40)), int(rng.integers(1, 40)), 3)
    image = Image.fromarray(rng.integers(0, 256, shape, np.uint8))
    mode = rng.choice(['RGB', 'L', 'P', '1', 'RGBA', 'CMYK'])
    stream = io.BytesIO()
    image.convert('RGB' if (kind in ('jpg', 'bmp', 'ppm', 'webp') and mode in ('RGBA', 'P', '1', 'CMYK'))
                  or (kind in ('png', 'gif') and mode == 'CMYK') else mode).save(
        stream, {'jpg': 'JPEG', 'tif': 'TIFF'}.get(kind, kind))
    return bytearray(stream.getvalue())


def broken_bytes(rng):
    """Cut off, flipped bits, overwritten headers, blocks of noise, two files in one, no image at all."""
    data = encoded(rng, rng.choice(FORMATS))
    how = rng.integers(7)
    if how == 0:
        return data[:rng.integers(len(data))]
    if how == 1:
        for _ in range(rng.integers(1, 20)):
            data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    elif how == 2:
        data[:rng.integers(1, 30)] = rng.bytes(int(rng.integers(1, 30)))
    elif how == 3:
        start = int(rng.integers(len(data)))
        data[start:start + 50] = rng.bytes(50)
    elif how == 4:
        other = encoded(rng, rng.choice(FORMATS))
        data = data[:rng.integers(len(data))] + other[rng.integers(len(other)):]
    elif how == 5:
        return bytearray(rng.bytes(int(rng.integers(0, 500))))
    else:  # a header that claims another size
        start = int(rng.integers(min(30, len(data))))
        data[start:start + 4] = rng.bytes(4)
    return data


def test_1500_broken_images(tmp_path):
    rng = np.random.default_rng(0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for i in range(IMAGES):
        path = tmp_path / f'{i}.{rng.choice(["png", "jpg", "bmp", "tif", "webp", "ppm"])}'
        path.write_bytes(broken_bytes(rng))
        channels = [1, 3, 4, None][i % 4]
        try:
            image_size(path)
            image = read_image(path, channels)
        except DataError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            assert image.ndim == 3
            assert image.size
            assert image.dtype in (np.uint8, np.uint16)
            assert image.shape[2] == channels or channels is None
        path.unlink()
    assert IMAGES / 3 < refused < IMAGES
    # kB: one image of MAX_BYTES and its copy
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 700_000


def row(rng):
    names = ['0.png', '1.png', 'missing.png', '', '../images/0.png', '/etc/passwd', '\0', 'x' * 5000, 'ä.png', '.',
             '..',
             '~', '0.png\n', 'sub/0.png', '?*[', '"', ',']
    return {str(key): str(rng.choice(names)) for key in rng.choice(['A', 'B', 'C', ''], int(rng.integers(1, 4)))}


def broken_list(rng, kind):
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
                 'A,B\n,\n',
                 'A,B\n0.png,1.png,2.png,3.png\n', 'A;B\n0.png;1.png', '"A","B"\n\r\n\r', 'A,B\r0.png,1.png\r', '']
    data = texts[rng.integers(len(texts))].encode(rng.choice(['utf-8', 'utf-16', 'utf-8-sig']))
    how = rng.integers(4)
    if how == 0 and data:
        data = data[:rng.integers(len(data))]
    elif how == 1:
        at = int(rng.integers(len(data) + 1))
        data = data[:at] + rng.bytes(int(rng.integers(1, 20))) + data[at:]
    return data


def test_500_broken_lists_of_pairs(tmp_path):
    rng = np.random.default_rng(1)
    for name in ('0.png', '1.png'):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    read = 0
    for i in range(LISTS):
        kind = ('csv', 'json')[i % 2]
        path = tmp_path / f'list.{kind}'
        path.write_bytes(broken_list(rng, kind))
        try:
            data = PairedDataset(str(tmp_path), ann_file=path.name, on_bad_pair='skip' if i % 3 else 'error')
            for k in range(len(data)):
                assert data[k]['A'].shape[0] == 3
                read += 1
        except DataError as error:
            assert str(error)
    assert read > 5


def test_skipping_under_fuzz_is_a_function_of_the_index(tmp_path):
    rng = np.random.default_rng(2)
    for domain in 'AB':
        (tmp_path / f'train{domain}').mkdir()
        for i in range(30):
            path = tmp_path / f'train{domain}' / f'{i}.png'
            path.write_bytes(encoded(rng, 'png') if i % 3 == 0 else broken_bytes(rng))
    data = [UnpairedDataset(str(tmp_path), on_bad_image='skip') for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for i in [*range(30), *range(29, -1, -1)]:
            first, second = (d[i] for d in data)
            assert first['meta'] == second['meta']
            assert (first['A'] == second['A']).all()
