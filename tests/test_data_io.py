from __future__ import annotations

import io
import re
import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toolbox.data import listing
from toolbox.data.io import convert_channels, image_size, read_image, read_numbers, write_image
from toolbox.data.listing import IMAGE_SUFFIXES, has_images, list_images
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
    (tmp_path / 'a.heic').touch()
    with pytest.raises(DataError, match=r"holds 'a\.heic'"):
        list_images(tmp_path)


def tiff(image: np.ndarray, photometric: int = 2, orientation: int = 1, planar: int = 1, order: str = '<',
         alpha: int | None = None) -> bytes:
    """A TIFF file of one strip, or one per channel, written by hand: Pillow writes no 16-bit colour."""
    height, width, samples = image.shape
    data = image.astype(image.dtype.newbyteorder(order))
    strips = [data.tobytes()] if planar == 1 else [data[:, :, i].tobytes() for i in range(samples)]
    bits, at = 8 * image.itemsize, 400
    starts = [at + sum(map(len, strips[:i])) for i in range(len(strips))]
    tags = {256: [width], 257: [height], 258: [bits] * samples, 259: [1], 262: [photometric], 273: starts,
            274: [orientation], 277: [samples], 278: [height], 279: list(map(len, strips)), 284: [planar],
            **({} if alpha is None else {338: [alpha]})}
    entries, further = b'', b''
    for tag, values in tags.items():
        content = struct.pack(f'{order}{len(values)}H', *values)
        if len(content) > 4:
            content, further = struct.pack(f'{order}I', 300 + len(further)), further + content
        entries += struct.pack(f'{order}HHI', tag, 3, len(values)) + content.ljust(4, b'\0')
    start = {'<': b'II', '>': b'MM'}[order] + struct.pack(f'{order}HIH', 42, 8, len(tags)) + entries + bytes(4)
    return (start.ljust(300, b'\0') + further).ljust(at, b'\0') + b''.join(strips)


@pytest.mark.fault
@pytest.mark.parametrize('orientation', range(1, 9))
def test_pixels_of_every_format_are_taken_as_stored(tmp_path: Path, orientation: int) -> None:
    for number, (image, order) in enumerate([(RGB, '<'), (RGB16, '>')]):
        path = tmp_path / f'{number}.tif'
        path.write_bytes(tiff(image, orientation=orientation, order=order))
        np.testing.assert_array_equal(read_image(path), image)
        assert image_size(path) == (9, 14)
    (tmp_path / 'map.tif').write_bytes(tiff(RGB[:, :, :1], 1, orientation))
    np.testing.assert_array_equal(read_numbers(tmp_path / 'map.tif'), RGB[:, :, 0])
    exif = Image.Exif()
    exif[0x0112] = orientation
    for suffix in ('png', 'webp', 'jpg'):
        Image.fromarray(RGB).save(tmp_path / f'x.{suffix}', exif=exif, lossless=True)
        plain = RGB
        if suffix == 'jpg':
            Image.fromarray(RGB).save(tmp_path / 'plain.jpg')
            plain = read_image(tmp_path / 'plain.jpg')
        np.testing.assert_array_equal(read_image(tmp_path / f'x.{suffix}'), plain)
        assert image_size(tmp_path / f'x.{suffix}') == (9, 14)


@pytest.mark.fault
def test_numbers_whose_checksum_is_wrong_are_refused(tmp_path: Path) -> None:
    """Pillow takes any pixels that unpack; a label map has no look by which one would notice."""
    streams = []
    for level in (7, 9):
        write_image(tmp_path / 'x.png', np.full((4, 4), level, np.uint8))
        data = (tmp_path / 'x.png').read_bytes()
        streams.append((data, data.index(b'IDAT') + 4, data.index(b'IEND') - 8))
    (data, start, end), (other, first, last) = streams
    assert last - first == end - start
    (tmp_path / 'x.png').write_bytes(data[:start] + other[first:last] + data[end:])
    with pytest.raises(DataError, match=r"x\.png'.*the checksum of its part b'IDAT' is wrong"):
        read_numbers(tmp_path / 'x.png')


@pytest.mark.fault
def test_tiff_variants_have_the_right_pixels_or_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    for image in (RGB[:, :, :1], RGB16[:, :, :1]):  # white is zero
        path.write_bytes(tiff(image, photometric=0))
        np.testing.assert_array_equal(read_image(path, 1), np.iinfo(image.dtype).max - image)
    for full in (RGB, RGB16):  # alpha that is not multiplied into the colours
        rgba = np.concatenate([full, full[:, :, :1]], 2)
        path.write_bytes(tiff(rgba, alpha=2))
        np.testing.assert_array_equal(read_image(path, None), rgba)
        np.testing.assert_array_equal(read_image(path), full)
    path.write_bytes(tiff(RGB, planar=2))
    np.testing.assert_array_equal(read_image(path), RGB)
    path.write_bytes(tiff(RGB16, planar=2))
    with pytest.raises(DataError, match=r'x\.tif.*stored one after the other.*PlanarConfiguration 1'):
        read_image(path)


@pytest.mark.fault
@pytest.mark.parametrize(('content', 'expected'), [
    (b'P2\n# made by hand\n3 1\n100\n0 50 100', [0, 128, 255]), (b'P5 3 1 100\n\x00\x32\x64', [0, 128, 255]),
    (b'P3 1 1 7 0 1 7', [0, 36, 255]), (b'P6 1 1 7 \x00\x01\x07', [0, 36, 255]),
    (b'P5 3 1 4095\n' + struct.pack('>3H', 0, 1000, 4095), [0, 16004, 65535]),
    (b'P6 1 1 1000\n' + struct.pack('>3H', 0, 500, 1000), [0, 32768, 65535]),
    (b'P5 3 1 255\n\x00\x32\x64', [0, 50, 100]), (b'P1 3 1\n010', [255, 0, 255]), (b'P4 3 1\n\x40', [255, 0, 255])])
def test_numbers_of_an_anymap_reach_the_full_range(tmp_path: Path, content: bytes, expected: list[int]) -> None:
    (tmp_path / 'x.ppm').write_bytes(content)
    image = read_image(tmp_path / 'x.ppm', None)
    assert image.ravel().tolist() == expected
    assert image.dtype == (np.uint16 if max(expected) > 255 else np.uint8)


def test_a_label_map_in_an_anymap_keeps_its_numbers(tmp_path: Path) -> None:
    (tmp_path / 'x.pgm').write_bytes(b'P5 3 1 100\n\x00\x32\x64')
    assert read_numbers(tmp_path / 'x.pgm').tolist() == [[0, 50, 100]]


@pytest.mark.fault
@pytest.mark.parametrize(('content', 'reason'), [
    (b'P5 3 1 100\n\x00\x32\xff', 'number 255, .*100 is the largest'), (b'P5 3 2 100\n\x00\x32\x64', 'cut short'),
    (b'P2 3 1 100\n0 -1 2', 'other than numbers'), (b'P2 3 1 100\n0 1', 'cut short'), (b'P1 3 1 01', 'cut short')])
def test_a_damaged_anymap_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / 'x.ppm').write_bytes(content)
    with pytest.raises(DataError, match=rf'x\.ppm.*{reason}'):
        read_image(tmp_path / 'x.ppm')


@pytest.mark.fault
@pytest.mark.parametrize('progressive', [False, True])
def test_a_jpeg_that_its_decoder_fills_up_is_refused(tmp_path: Path, progressive: bool,
                                                      capfd: pytest.CaptureFixture) -> None:
    stream = io.BytesIO()
    picture = np.kron(RGB, np.ones((16, 16, 1), np.uint8))
    Image.fromarray(picture).save(stream, 'JPEG', progressive=progressive)
    good, path = stream.getvalue(), tmp_path / 'x.jpg'
    sof = good.index(b'\xff\xc2' if progressive else b'\xff\xc0') + 5
    middle = len(good) * 2 // 3
    for data in (good[:sof] + struct.pack('>H', 2 * len(picture)) + good[sof + 2:],
                 good[:sof] + struct.pack('>H', len(picture) // 2) + good[sof + 2:],
                 good[:middle] + bytes(40) + good[middle + 40:]):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r'x\.jpg.*its data are damaged, or its header is wrong'):
            read_image(path)
    for data in (good, good[:-2] + bytes(6) + good[-2:]):  # cameras fill up with zeros
        path.write_bytes(data)
        assert np.abs(read_image(path).astype(int) - picture).mean() < 12
    assert capfd.readouterr().err == ''


@pytest.mark.fault
def test_memory_is_bounded_by_the_bytes_of_the_pixels(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    for depth, colours, taken in [(16, 6, 1023), (8, 2, 383), (8, 0, 383)]:
        (tmp_path / 'x.png').write_bytes(
            b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 11585, 11585, depth, colours, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(bytes(1000))) + chunk(b'IEND', b''))
        if taken < 384:
            assert image_size(tmp_path / 'x.png') == (11585, 11585)
        else:
            with pytest.raises(DataError, match=r'x\.png.*11585x11585, which take 1023 MB; more than 384 MB'):
                read_image(tmp_path / 'x.png')


@pytest.mark.fault
def test_every_kind_of_file_that_can_be_read_is_used(tmp_path: Path) -> None:
    formats = {'.jpg': 'JPEG', '.jpe': 'JPEG', '.jfif': 'JPEG', '.tif': 'TIFF', '.pgm': 'PPM', '.pbm': 'PPM',
               '.pnm': 'PPM'}
    for suffix in IMAGE_SUFFIXES:
        image = pillow({'.pgm': 'L', '.pbm': '1'}.get(suffix, 'RGB'))
        image.save(tmp_path / f'x{suffix.upper()}', formats.get(suffix))
    assert [path.suffix.lower() for path in list_images(tmp_path)] == sorted(IMAGE_SUFFIXES)
    for path in list_images(tmp_path):
        with Image.open(path) as image:
            decoded = np.asarray(image.convert('RGB'))
        assert np.abs(read_image(path).astype(int) - decoded).max() <= 1, path


@pytest.mark.fault
def test_a_png_whose_parts_claim_other_lengths_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    stream = io.BytesIO()
    pillow('RGB').save(stream, 'PNG')
    good, at = stream.getvalue(), stream.getvalue().index(b'IDAT')
    for content, reason in {good[:at - 4] + b'\x40' + good[at - 3:]: 'cut short', good[:-12]: 'cut short',
                            good[:at + 20] + bytes(4) + good[at + 24:]: "checksum of its part b'IDAT'"}.items():
        (tmp_path / 'x.png').write_bytes(content)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(DataError, match=rf'x\.png.*{reason}'):
            read_image(tmp_path / 'x.png')
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000  # kB; the first claims 1 GB
    assert capfd.readouterr().err == ''


def test_the_first_frame_of_a_gif_is_taken(tmp_path: Path) -> None:
    frames = [Image.fromarray(RGB[:, :, i]) for i in range(2)]
    frames[0].save(tmp_path / 'x.gif', save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / 'x.gif', 1)[:, :, 0], RGB[:, :, 0])


@pytest.mark.fault
def test_files_left_out_are_counted_and_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(listing, 'print_log', lambda text, **_: said.append(text))
    for name in ('a.png', 'b.heic', 'sub/c.HEIC', 'notes.txt', 'LICENSE', '.DS_Store'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert has_images(tmp_path) and not has_images(tmp_path / 'sub')
    for _ in range(2):
        assert len(list_images(tmp_path)) == 1
    assert len(said) == 1
    found = re.match(r'left out of .*: 4 file.*\((.*)\)', said[0])
    assert found and sorted(found[1].split(', ')) == ['1 .txt', '1 without suffix', '2 .heic']
