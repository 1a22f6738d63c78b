"""What a Translator is given: names, arrays, bytes, open files, pictures of Pillow, lists of them, folders."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_inference import cyclegan, image, save
from test_label_maps import PORT, painter, scene

from toolbox import Translator
from toolbox.data.io import write_image
from toolbox.data.semantics import coloured
from toolbox.errors import ConfigError, DataError
from toolbox.progress import Progress


@pytest.fixture(scope='module')
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return Translator(save(tmp_path_factory.mktemp('run') / 'a.pth', cyclegan(), std=0.05), device='cpu')


@pytest.fixture(scope='module')
def painted(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return Translator(painter(tmp_path_factory.mktemp('run') / 'a.pth', 24, 32), 'restyle', device='cpu', seed=3)


def forms(file: Path) -> Iterator[tuple[str, Any]]:
    content = file.read_bytes()
    yield from {'Path': file, 'bytes': content, 'bytearray': bytearray(content), 'memoryview': memoryview(content),
                'BytesIO': io.BytesIO(content), 'Pillow': Image.open(io.BytesIO(content)),
                'Pillow in memory': Image.open(io.BytesIO(content)).copy()}.items()
    with file.open('rb') as opened:
        yield 'open file', opened
    with Image.open(file) as picture:
        yield 'Pillow of a file', picture


@pytest.mark.parametrize('picture', [
    Image.fromarray(image(20, 30)), Image.fromarray(image(20, 30)).convert('L'),
    Image.fromarray(image(20, 30)[:, :, 0] > 99), Image.fromarray(image(20, 30, 4)),
    Image.fromarray(image(20, 30, dtype=np.uint16)[:, :, 0].copy()),
    Image.fromarray(image(20, 30)).quantize(9), Image.fromarray(image(20, 30)).convert('LA')], ids=lambda p: p.mode)
def test_every_form_of_a_file_gives_what_its_name_gives(translator: Translator, picture: Image.Image,
                                                        tmp_path: Path) -> None:
    picture.save(tmp_path / 'x.png')
    expected = translator(str(tmp_path / 'x.png'))
    for form, given in forms(tmp_path / 'x.png'):
        np.testing.assert_array_equal(translator(given), expected, form)
    several = [given for form, given in forms(tmp_path / 'x.png') if 'file' not in form]
    np.testing.assert_array_equal(translator(several)[-1], expected)


def test_pictures_of_pillow_in_modes_that_png_lacks_are_read(translator: Translator) -> None:
    rgb = Image.fromarray(image(20, 30))
    for picture in (rgb.convert('CMYK'), rgb.convert('YCbCr'), rgb.convert('HSV')):
        np.testing.assert_array_equal(translator(picture), translator(np.asarray(picture.convert('RGB'))))
    with pytest.raises(DataError, match='float32'):
        translator(rgb.convert('F'))


def test_a_label_map_in_memory_means_what_its_file_means(painted: Translator, tmp_path: Path) -> None:
    indexed = Image.fromarray(scene())
    indexed.putpalette(np.array(PORT.palette, np.uint8).ravel().tolist())
    indexed.save(tmp_path / 'x.png')
    write_image(tmp_path / 'y.png', coloured(scene(), PORT.palette))
    for file in ('x.png', 'y.png'):
        for form, given in forms(tmp_path / file):
            np.testing.assert_array_equal(painted(given), painted(scene()), form)
    photo = image(20, 20)
    write_image(tmp_path / 'photo.png', photo)
    for form, given in forms(tmp_path / 'photo.png'):
        np.testing.assert_array_equal(painted(scene(), seed=None, reference=given),
                                      painted(scene(), seed=None, reference=photo), form)


def test_nothing_of_bytes_is_written_to_a_disk(translator: Translator, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / 'x.png', image(20, 30))
    monkeypatch.setenv('TMPDIR', str(tmp_path / 'none'))
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'none'))
    content = (tmp_path / 'x.png').read_bytes()
    np.testing.assert_array_equal(translator(content), translator(tmp_path / 'x.png'))


def test_a_picture_of_pillow_is_shown_as_its_file_is(tmp_path: Path) -> None:
    shown = Translator(save(tmp_path / 'a.pth', cyclegan(), std=0.05, facts=dict(pixels='shown')), device='cpu')
    exif, photo = Image.Exif(), Image.fromarray(image(20, 30))
    exif[274] = 6
    for name in ('x.png', 'x.jpg'):
        photo.save(tmp_path / name, exif=exif)
        expected = shown(tmp_path / name)
        assert expected.shape == (30, 20, 3)
        for form, given in forms(tmp_path / name):
            if form != 'Pillow in memory':  # a copy without its tags
                np.testing.assert_array_equal(shown(given), expected, form)


@pytest.mark.fault
def test_what_is_no_image_is_refused_by_its_name(translator: Translator, tmp_path: Path) -> None:
    cut = png()[:-30]
    named = io.BytesIO(cut)
    named.name = 'album/cut.png'
    lazy = Image.open(io.BytesIO(cut))
    for given, message in ((b'', r"'the file' .0 bytes.: the file is empty"),
                           (b'#!/bin/sh', "'the file' .*not a readable image"), (cut, "'the file' .*cut short"),
                           (lazy, 'the picture: a picture of mode RGB that cannot be read'),
                           (named, "'album/cut.png' .*cut short"),
                           (io.StringIO('text'), r"open for text.* open it by open\(path, 'rb'\)"),
                           (7, 'expected a file name, .*or a picture of Pillow; found int'),
                           (None, 'found NoneType'), ([7], 'found int')):
        with pytest.raises(DataError, match=message):
            translator(given)


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(image(20, 30)).save(file, 'PNG')
    return file.getvalue()


def test_results_of_a_list_have_its_order_whatever_sizes_go_together(translator: Translator,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [(20, 30), (32, 32), (20, 30), (20, 30), (32, 32), (60, 60), (20, 30)]
    images = [image(*size, dtype=np.uint16 if i == 3 else np.uint8, seed=i) for i, size in enumerate(sizes)]
    alone, made, ask = [translator(one) for one in images], [], translator.model.ask
    monkeypatch.setattr(translator.model, 'ask', lambda direction, inputs, **guide:
                        made.append(tuple(inputs['A'].shape)) or ask(direction, inputs, **guide))
    monkeypatch.setattr(translator, 'batch', 3)
    monkeypatch.setattr('toolbox.use.batches.PIXELS', 3 * 32 * 32)
    for one, result in zip(alone, translator(images), strict=True):
        assert result.dtype == one.dtype and result.shape == one.shape
        assert np.abs(result.astype(int) - one).max() <= (1 if one.dtype == np.uint8 else 257)
    assert [shape[0] for shape in made] == [3, 1, 2, 1], 'at most three, and a large one alone'
    monkeypatch.setattr(translator, 'batch', 1)
    for one, result in zip(alone, translator(images), strict=True):
        np.testing.assert_array_equal(result, one)
    assert translator([]) == []


def test_a_batch_is_a_number_from_one_on(translator: Translator) -> None:
    with pytest.raises(ConfigError, match=r'batch: how many images go .* together, 1 or more; found -2'):
        Translator(translator.path, device='cpu', batch=-2)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_and_nobody_else_is_told_how_far_a_folder_is(translator: Translator, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        write_image(tmp_path / f'in/{i}.png', image(20, 30))
    monkeypatch.setattr('sys.stderr', quiet := io.StringIO())
    translator.folder(tmp_path / 'in', tmp_path / 'a')
    monkeypatch.setattr('sys.stderr', terminal := Terminal())
    translator.folder(tmp_path / 'in', tmp_path / 'b')
    assert quiet.getvalue() == '' and terminal.getvalue().endswith(' 0s left\n')
    lines = terminal.getvalue().split('\r\033[K')[1:]
    assert (lines[0][:7], lines[-1][:8]) == ('1/3 33%', '3/3 100%')
    clock = iter([0.0, 5.0, 60.0])
    monkeypatch.setattr('time.perf_counter', lambda: next(clock))
    progress = Progress(stream=(terminal := Terminal()))
    progress(10, 1000)
    progress(60, 1000)
    assert terminal.getvalue() == ('\r\033[K10/1000 1% | 2 files/s | 8m15 left'
                                   '\r\033[K60/1000 6% | 1 files/s | 15m40 left')
