"""Pictures from label maps: ids, palettes, colours, objects, styles, edited maps; files, folders and grids."""

from __future__ import annotations

import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import strangers  # registers MapPainter
from commands import command
from PIL import Image
from test_inference import recipes, save

from toolbox import Translator
from toolbox.data.io import read_image, write_image
from toolbox.data.semantics import coloured
from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.methods.directions import LabelMap
from toolbox.use import labels as label_module
from toolbox.use.export import export_weights
from toolbox.use.grids import latent_grid, reference_grid
from toolbox.use.inputs import read_input
from toolbox.use.labels import objects

CLASSES = ('sky', 'road', 'car', 'tree')
PORT = LabelMap('labels', 4, CLASSES)
PAINTER = {**strangers.PAINTER, 'classes': CLASSES, 'E': dict(type='StrangeEncoder', vectors=True)}


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painter(tmp_path_factory.mktemp('run') / 'painter.pth', 24, 32)


def painter(path: Path, height: int, width: int) -> Path:
    """A checkpoint whose evaluation has this size."""
    evaluation = dict(dataset=dict(pipeline=[dict(type='Resize', size=(height, width))]))
    return save(path, PAINTER, config={'model': PAINTER, 'val_dataloader': evaluation})


@pytest.fixture
def paint(run: Path) -> Translator:
    return Translator(run, 'restyle', device='cpu', seed=3)


def scene() -> np.ndarray:
    """A sky, a road with two cars, and a tree in the sky's colour-blind corner, 24 x 32."""
    labels = np.zeros((24, 32), np.uint8)
    labels[14:] = 1
    labels[15:19, 4:10] = labels[15:19, 20:28] = 2
    labels[2:14, 27:31] = 3
    return labels


def indexed(path: Path, numbers: np.ndarray, palette: object) -> Path:
    picture = Image.fromarray(numbers)
    picture.putpalette(np.array(palette, np.uint8).ravel().tolist())
    picture.save(path)
    return path


# What is read


@pytest.mark.parametrize('form', ['gray', 'indexed', 'colours', 'opaque', '16 bits', 'numpy', 'array of colours'])
def test_a_label_map_is_read_in_every_form(paint: Translator, tmp_path: Path, form: str) -> None:
    labels, file = scene(), tmp_path / 'x.png'
    colours = coloured(labels, PORT.palette)
    match form:
        case 'gray':
            write_image(file, labels)
        case 'indexed':
            indexed(file, labels, PORT.palette)
        case 'colours':
            write_image(file, colours)
        case 'opaque':
            write_image(file, np.dstack([colours, np.full_like(labels, 255)]))
        case '16 bits':
            write_image(file, labels.astype(np.uint16))
        case 'numpy':
            file = tmp_path / 'x.npy'
            np.save(file, labels.astype(np.int64))
    given = colours if form == 'array of colours' else file
    np.testing.assert_array_equal(paint(given), paint(labels))
    assert paint(labels).std() > 5, 'the networks make something of it'


@pytest.mark.fault
def test_a_colour_of_no_class_is_named_with_its_file_and_the_nearest_class(paint: Translator, tmp_path: Path) -> None:
    colours = coloured(scene(), PORT.palette)
    colours[3:5, 3] = (130, 1, 0)
    colours[0, 0] = (9, 9, 9)
    write_image(tmp_path / 'soft.png', colours)
    with pytest.raises(DataError, match=r"soft.png: labels: no class has the colour \(130, 1, 0\) \(and 1 "
                                        r"further colours\); the nearest is 'sky', \(128, 0, 0\)"):
        paint(tmp_path / 'soft.png')
    with pytest.raises(DataError, match='transparent pixels have no class'):
        paint(np.dstack([coloured(scene(), PORT.palette), np.full((24, 32), 254, np.uint8)]))
    with pytest.raises(DataError, match=r'expected ids \(H, W\) or colours'):
        paint(np.zeros((24, 32, 2), np.uint8))
    with pytest.raises(DataError, match=r'expected classes from 0 to 3, found \[4, 200\]'):
        paint(np.array([[4, 200]] * 2, np.uint8).repeat(8, 1))


def test_numbers_of_an_indexed_file_are_ids_whatever_its_colours(paint: Translator, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    labels, said = scene(), []
    monkeypatch.setattr(label_module, 'print_log', lambda text, **_: said.append(text))
    np.testing.assert_array_equal(paint(indexed(tmp_path / 'a.png', labels, [[9, 9, 9]] * 4)), paint(labels))
    assert not said
    turned = [PORT.palette[i] for i in (1, 0, 2, 3)]
    np.testing.assert_array_equal(paint(indexed(tmp_path / 'b.png', labels, turned)), paint(labels))
    assert said and all("b.png: the numbers count" in text for text in said)
    assert "0 has that of 'road'" in said[0]


@pytest.mark.fault
def test_numbers_in_files_mean_what_they_meant_in_the_training(tmp_path: Path) -> None:
    """A set whose classes have numbers of their own, and unknown pixels; arrays hold ids."""
    facts = dict(classes=list(CLASSES[:3]), palette=PORT.palette, unknown=True, numbers=[7, 300, 8],
                 unknown_numbers=[0, 255])
    run = save(tmp_path / 'a.pth', PAINTER, facts=facts)
    labels, stored = scene(), np.array([7, 300, 8, 255], np.uint16)[scene()]
    stored[2:5, 27:31] = 0
    write_image(tmp_path / 'x.png', stored)
    write_image(tmp_path / 'c.png', coloured(labels, PORT.palette))
    for file in (run, export_weights(run, tmp_path / 'a.safetensors')):
        paint = Translator(file, 'restyle', device='cpu')
        np.testing.assert_array_equal(paint(tmp_path / 'x.png'), paint(labels))
        np.testing.assert_array_equal(paint(tmp_path / 'c.png'), paint(labels))
    write_image(tmp_path / 'y.png', labels)
    with pytest.raises(DataError, match=r'y.png: labels: no class has the number 1, 2, 3. In.*\[7, 300, 8, 0, 255\]'):
        paint(tmp_path / 'y.png')
    for wrong, message in ((dict(numbers=[1]), 'expected a number of its own'),
                           (dict(classes=['a'], numbers=[1], palette=None), 'its facts name 1 classes, but')):
        with pytest.raises(CheckpointError, match=message):
            Translator(save(tmp_path / 'b.pth', PAINTER, facts={**facts, **wrong}))


def test_of_classes_with_one_colour_the_first_is_meant() -> None:
    port = LabelMap('labels', 3, palette=((1, 1, 1), (2, 2, 2), (1, 1, 1)))
    assert read_input(port, np.array([[[1, 1, 1], [2, 2, 2]]], np.uint8)).tolist() == [[0, 1]]
    with pytest.raises(ConfigError, match='labels: 3 classes, but 2 palette'):
        LabelMap('labels', 3, palette=((1, 1, 1), (2, 2, 2)))


def test_objects_are_connected_areas_of_one_class() -> None:
    found, labels = objects(scene()), scene()
    assert len(np.unique(found)) == 5 and len(np.unique(found[labels == 2])) == 2
    assert all(len(np.unique(labels[found == number])) == 1 for number in np.unique(found))
    assert len(np.unique(objects(np.array([[0, 1], [1, 0]])))) == 4, 'corners do not connect'


def test_without_an_instance_map_areas_are_objects(paint: Translator, run: Path, tmp_path: Path) -> None:
    labels = scene()
    np.testing.assert_array_equal(paint(labels), paint(dict(labels=labels, instances=objects(labels))))
    halves = objects(labels) * 2 + (np.arange(32) > 15)
    assert not np.array_equal(paint(labels), paint(dict(labels=labels, instances=halves)))
    write_image(tmp_path / 'in/a.png', labels)
    summary = paint.folder(tmp_path / 'in', tmp_path / 'out')
    assert 'no instances: each connected area of one class counted as one object' in str(summary)
    write_image(tmp_path / 'ids/a.png', halves.astype(np.uint16))
    argv = ('translate.py', str(run), str(tmp_path / 'in'), str(tmp_path / 'out'), '--direction', 'restyle')
    code, text, _ = command(*argv, '--seed', '3', '--overwrite', '--instances', str(tmp_path / 'ids'))
    assert code == 0 and 'no instances' not in text
    np.testing.assert_array_equal(read_image(tmp_path / 'out/a.png'), paint(dict(labels=labels, instances=halves)))


# What is made of it


def test_an_edited_map_gives_an_edited_picture_in_the_same_style(paint: Translator) -> None:
    labels, edited = scene(), scene()
    edited[4:10, 6:12] = 3
    before, after = paint(labels).astype(int), paint(edited).astype(int)
    changed = np.abs(before - after).max(2) > 0
    assert changed[5:9, 7:11].all()
    changed[2:12, 4:14] = False  # the edit, and as far as the network sees
    assert not changed.any()
    assert not np.array_equal(paint(labels), paint(labels, seed=4))
    np.testing.assert_array_equal(paint(labels, seed=3), before)


def test_a_call_has_a_style_of_its_own(paint: Translator, run: Path) -> None:
    labels, photo = scene(), np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    np.testing.assert_array_equal(paint(labels, reference=photo), Translator(run, 'restyle', reference=photo)(labels))
    assert not np.array_equal(paint(labels, reference=photo), paint(labels))
    with pytest.raises(ConfigError, match='reference: translations of MapPainter depend on seed'):
        paint(labels, 'paint', reference=photo)
    with pytest.raises(ConfigError, match='colour: translations of MapPainter depend on seed, reference'):
        paint(labels, colour=3)


def test_side_by_side_shows_the_colours_of_the_classes(paint: Translator, tmp_path: Path) -> None:
    write_image(tmp_path / 'in/a.png', scene())
    paint.folder(tmp_path / 'in', tmp_path / 'out', side_by_side=True)
    both = read_image(tmp_path / 'out/a.png')
    np.testing.assert_array_equal(both[:, :32], coloured(scene(), PORT.palette))
    np.testing.assert_array_equal(both[:, 32:], paint(scene()))


def test_a_grid_has_a_row_per_map_and_a_column_per_style(paint: Translator, run: Path, tmp_path: Path) -> None:
    maps = [scene(), scene()[:, ::-1].copy()]
    grid = latent_grid(paint, maps, [3, 8])
    assert grid.shape == (2 * 26 - 2, 3 * 34 - 2, 3)
    np.testing.assert_array_equal(grid[26:, :32], coloured(maps[1], PORT.palette))
    np.testing.assert_array_equal(grid[26:, 68:], paint(maps[1], seed=8))
    photos = [np.random.default_rng(i).integers(0, 256, (24, 32, 3), np.uint8) for i in range(2)]
    grid = reference_grid(paint, maps, photos)
    np.testing.assert_array_equal(grid[:24, 68:], photos[1])
    np.testing.assert_array_equal(grid[-24:, 68:], paint(maps[1], reference=photos[1]))

    for number, labels in enumerate(maps):
        write_image(tmp_path / f'in/{number}.png', labels)
        write_image(tmp_path / f'ids/{number}.png', objects(labels).astype(np.uint16) + 500)
    out, argv = str(tmp_path / 'grid.png'), ('grid.py', str(run), str(tmp_path / 'in'))
    code, _, err = command(*argv, out, '--kind', 'latents', '--seeds', '3', '8', '--instances', str(tmp_path / 'ids'))
    assert (code, err) == (0, '')
    np.testing.assert_array_equal(read_image(out), latent_grid(paint, maps, [3, 8]))


def test_a_large_map_is_shown_by_its_nearest_pixels(tmp_path: Path) -> None:
    small = Translator(painter(tmp_path / 'a.pth', 12, 16), device='cpu')
    labels = cv2.resize(scene(), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    grid = latent_grid(small, [labels], [1])
    assert grid.shape == (12, 34, 3)
    assert {*map(tuple, grid[:, :16].reshape(-1, 3).tolist())} == {*PORT.palette}


def test_the_recipes_of_the_page_run_with_spade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    norm, sizes = dict(type='SPADE', hidden=2), dict(base_channels=2, z_dim=4, size=32)
    spade = dict(type='GauGAN', classes=[f'class {i}' for i in range(8)], instances=True, perceptual=None,
                 G=dict(type='SPADEGenerator', norm=norm, **sizes), E=dict(type='SPADEEncoder', **sizes),
                 D=dict(type='MultiscaleDiscriminator', base_channels=2, layers=1, scales=1))
    run = save(Path('work_dirs/spade/cityscapes_vae/iter_1.pth'), spade)
    (run.parent / 'last_checkpoint').write_text(run.name)
    for name in ('labels/1.png', 'labels/2.png'):
        write_image(name, scene())
        write_image(name.replace('labels', 'instances'), objects(scene()).astype(np.uint16))
        write_image(name.replace('labels', 'streets'), np.full((20, 30, 3), 100, np.uint8))
    write_image('street.jpg', np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8))
    (section,) = (block for block in recipes('bash') if 'labels pictures' in block)
    for line in section.splitlines():
        python, script, *arguments = shlex.split(line)
        code, out, err = command(Path(script).name, *arguments)
        assert (python, code, err) == ('python', 0, ''), out
    assert read_image('pictures/1.png').shape == (24, 64, 3) and read_image('styles.png').size
    names: dict = {'np': np, 'Translator': Translator}
    exec(compile(recipes('python')[1], 'docs/translate.md', 'exec'), names)
    assert names['street'].shape == (256, 512, 3) and not np.array_equal(names['street'], names['same'])
