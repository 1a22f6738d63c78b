from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toolbox.data.io import convert_channels, image_size, list_images, read_image, write_image
from toolbox.errors import DataError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (9, 14, 3), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (9, 14, 3), dtype=np.uint16)


def pillow(mode: str) -> Image.Image:
    return Image.fromarray(RGB).convert(mode)


@pytest.mark.parametrize('mode', ['L', 'LA', 'RGB', 'RGBA', 'P', '1'])
@pytest.mark.parametrize('channels', [1, 3])
def test_png_of_any_mode_reads_as_pillow_converts(tmp_path: Path, mode: str, channels: int) -> None:
    image = pillow(mode)
    image.save(tmp_path / 'x.png')
    rgb = Image.open(tmp_path / 'x.png').convert('RGB')
    expected = np.asarray(rgb if channels == 3 else rgb.convert('L')).reshape(9, 14, channels)
    found = read_image(tmp_path / 'x.png', channels)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('suffix', ['jpg', 'bmp', 'ppm', 'tif', 'webp'])
def test_other_formats_read_as_pillow_decodes(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(RGB).save(tmp_path / f'x.{suffix}')
    np.testing.assert_array_equal(read_image(tmp_path / f'x.{suffix}'),
                                  np.asarray(Image.open(tmp_path / f'x.{suffix}').convert('RGB')))


def test_cmyk_jpeg_is_rgb_within_rounding(tmp_path: Path) -> None:
    pillow('CMYK').save(tmp_path / 'x.jpg', quality=95)
    expected = np.asarray(Image.open(tmp_path / 'x.jpg').convert('RGB')).astype(int)
    assert np.abs(read_image(tmp_path / 'x.jpg').astype(int) - expected).max() <= 1


def test_transparent_palette_loses_alpha_but_not_colour(tmp_path: Path) -> None:
    pillow('P').save(tmp_path / 'x.png', transparency=0)
    assert read_image(tmp_path / 'x.png', None).shape == (9, 14, 4)
    np.testing.assert_array_equal(read_image(tmp_path / 'x.png'),
                                  np.asarray(Image.open(tmp_path / 'x.png').convert('RGB')))


@pytest.mark.parametrize('name', ['x.png', 'x.tiff'])
def test_sixteen_bits_survive(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / name, RGB16)
    np.testing.assert_array_equal(read_image(tmp_path / name), RGB16)
    gray = read_image(tmp_path / name, 1)
    assert gray.dtype == np.uint16
    expected = RGB16.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert np.abs(gray[:, :, 0] - expected).max() < 1.5


def test_channels_none_keeps_and_four_adds_opaque_alpha(tmp_path: Path) -> None:
    write_image(tmp_path / 'gray.png', RGB[:, :, 0])
    assert read_image(tmp_path / 'gray.png', None).shape == (9, 14, 1)
    four = read_image(tmp_path / 'gray.png', 4)
    assert (four[:, :, 3] == 255).all()
    assert (four[:, :, :3] == RGB[:, :, :1]).all()
    assert (convert_channels(RGB16, 4)[:, :, 3] == 65535).all()
    with pytest.raises(DataError, match='channels=2, but the file has 1 of uint8'):
        read_image(tmp_path / 'gray.png', 2)


def test_exif_orientation_is_ignored(tmp_path: Path) -> None:
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / 'x.png', exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / 'x.png'), RGB)
    assert image_size(tmp_path / 'x.png') == (9, 14)


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'bmp', 'tif', 'webp'])
def test_truncated_file_is_refused_by_name_and_size(tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.tile(RGB, (8, 8, 1))).save(stream, {'jpg': 'JPEG', 'tif': 'TIFF'}.get(suffix, suffix))
    data = stream.getvalue()[:len(stream.getvalue()) * 3 // 4]
    (tmp_path / f'cut.{suffix}').write_bytes(data)
    with pytest.raises(DataError, match=rf'cut\.{suffix}.*{len(data)} bytes'):
        read_image(tmp_path / f'cut.{suffix}')
    assert capfd.readouterr().err == ''


def test_zero_bytes_no_image_and_missing_are_refused(tmp_path: Path) -> None:
    (tmp_path / 'empty.png').touch()
    (tmp_path / 'text.png').write_text('hello')
    for name, reason in {'empty': 'is empty', 'text': 'not a readable image', 'missing': 'No such file'}.items():
        with pytest.raises(DataError, match=rf'{name}\.png.*{reason}'):
            read_image(tmp_path / f'{name}.png')
    with pytest.raises(DataError, match=r'text\.png'):
        image_size(tmp_path / 'text.png')


def test_write_is_atomic_and_makes_folders(tmp_path: Path) -> None:
    write_image(tmp_path / 'a/b/x.png', RGB)
    np.testing.assert_array_equal(read_image(tmp_path / 'a/b/x.png'), RGB)
    rgba = np.concatenate([RGB, RGB[:, :, :1]], axis=2)
    write_image(tmp_path / 'a/b/x.png', rgba)
    np.testing.assert_array_equal(read_image(tmp_path / 'a/b/x.png', 4), rgba)
    assert [p.name for p in (tmp_path / 'a/b').iterdir()] == ['x.png']


@pytest.mark.parametrize(('name', 'image', 'message'), [
    ('x.gif', RGB, 'cannot write .gif'), ('x', RGB, 'without suffix'), ('x.jpg', RGB16, 'cannot hold uint16'),
    ('x.png', RGB.astype(np.float32), 'cannot hold float32'), ('x.jpg', np.zeros((2, 2, 4), np.uint8), 'no alpha'),
    ('x.png', np.zeros((2, 2, 2), np.uint8), 'found shape')])
def test_unwritable_images_are_refused(tmp_path: Path, name: str, image: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_image(tmp_path / name, image)
    assert not list(tmp_path.iterdir())


def test_list_is_recursive_natural_and_skips_hidden(tmp_path: Path) -> None:
    for name in ['10.png', '2.PNG', 'sub/1.JpEg', '._2.png', '.cache/9.png', 'notes.txt']:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in list_images(tmp_path)] == ['2.PNG', '10.png', 'sub/1.JpEg']


def test_list_follows_links_once(tmp_path: Path) -> None:
    (tmp_path / 'real').mkdir()
    (tmp_path / 'real/1.png').touch()
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set/link').symlink_to(tmp_path / 'real')
    (tmp_path / 'real/loop').symlink_to(tmp_path / 'set')
    assert [p.name for p in list_images(tmp_path / 'set')] == ['1.png']


def test_list_says_what_is_there_instead(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='No such folder'):
        list_images(tmp_path / 'none')
    (tmp_path / 'a.gif').touch()
    with pytest.raises(DataError, match=r"holds 'a\.gif'"):
        list_images(tmp_path)
