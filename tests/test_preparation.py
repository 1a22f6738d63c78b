"""What changed the values of images in the evaluation of a run changes them when the run is used, or is an error."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from test_inference import cyclegan, image, save
from test_sampling import CODERS
from test_translate_files import LONG, UGATIT
from tiny import tiny_config

from toolbox import Sampler, Translator
from toolbox.data.io import read_image, write_image
from toolbox.data.listing import list_images
from toolbox.engine import Runner
from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.files.checkpoint import read_checkpoint, write_checkpoint
from toolbox.methods.directions import Direction
from toolbox.registry import TRANSFORMS
from toolbox.use.grids import domain_grid, shown
from toolbox.use.preparation import Preparation

PLUGIN = '''
import random
import numpy as np
from toolbox.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Stretch:
    """12 bits in 16 become 16 bits; images of 8 bits become darker."""

    def __init__(self, factor: int = 16) -> None:
        self.factor = factor

    def __call__(self, images):
        return {key: (image // 2 if image.dtype == np.uint8 else image * self.factor) for key, image in images.items()}


@TRANSFORMS.register_module()
class Jitter:
    def __call__(self, images):
        light = random.random()
        return {key: (image * light).astype(image.dtype) for key, image in images.items()}


@TRANSFORMS.register_module()
class Crop:
    def __call__(self, images):
        return {key: image[1:-1] for key, image in images.items()}


@TRANSFORMS.register_module()
class OfPairs:
    def __call__(self, images):
        return {'A': images['A'], 'B': images['B']}


@TRANSFORMS.register_module()
class Nothing:
    def __call__(self, images):
        pass


@TRANSFORMS.register_module()
class Floats:
    def __call__(self, images):
        return {key: image / 255 for key, image in images.items()}
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module with transforms of one's own, importable and not imported."""
    (tmp_path / 'own_transforms.py').write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    before = dict(TRANSFORMS.module_dict)
    yield 'own_transforms'
    sys.modules.pop('own_transforms', None)
    for name in TRANSFORMS.module_dict.keys() - before.keys():
        del TRANSFORMS.module_dict[name]


def config(*pipeline: Any, split: str = 'test', **more: Any) -> dict[str, Any]:
    """The config of a run whose evaluation has these transforms."""
    return {'model': cyclegan(), 'custom_imports': dict(imports=['own_transforms']),
            f'{split}_dataloader': dict(dataset=dict(type='UnpairedDataset', pipeline=[*pipeline])), **more}


def run_of(folder: Path, *pipeline: Any, **more: Any) -> Path:
    return save(folder / 'run.pth', cyclegan(), config=config(*pipeline, **more))


def own(name: str, **arguments: Any) -> dict[str, Any]:
    return dict(type=name, **arguments)


RESIZE, STRETCH = own('Resize', size=16), own('Stretch')


@pytest.mark.fault
@pytest.mark.parametrize('split', ['test', 'val', 'train'])
def test_a_transform_of_values_is_applied_or_missed(plugin: str, tmp_path: Path, split: str) -> None:
    run = run_of(tmp_path, RESIZE, STRETCH, own('RandomFlip'), split=split)
    with pytest.raises(ConfigError, match=rf"(?s)run\.pth: {split}_dataloader\.dataset\.pipeline\.1\.type: unknown "
                                          r"transform 'Stretch'.*--plugins own_transforms"):
        Translator(run)
    source = image(20, 24, dtype=np.uint16) // 16
    plain = Translator(save(tmp_path / 'plain.pth', cyclegan()))
    found = Translator(run, plugins=[plugin])(source)
    assert np.array_equal(found, plain(source * 16)) and not np.array_equal(found, plain(source))


def test_predictions_beside_a_transform_do_not_make_it_a_random_one(plugin: str, tmp_path: Path) -> None:
    """Files are read ahead, while the networks draw noise and put the generators back."""
    prepare = Translator(run_of(tmp_path, RESIZE, STRETCH), plugins=[plugin]).prepare
    pair = {'A': image(4, 4)}
    expected, stop = prepare(pair)['A'], threading.Event()

    def draw() -> None:
        while not stop.is_set():
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(300):
            assert np.array_equal(prepare(pair)['A'], expected)
    finally:
        stop.set()
        thread.join()


@pytest.mark.fault
def test_what_a_test_writes_equals_what_translate_writes(plugin: str, tmp_path: Path) -> None:
    """File by file: names, suffix and pixels, with a transform of one's own."""
    root = tmp_path / 'data'
    for domain in ('trainA', 'trainB', 'testA', 'testB'):
        for seed, name in enumerate(('a.b c.png', 'x.jpg', LONG, '10.png', '9.png')):
            write_image(root / domain / name, image(32, 32, 1 if name == '9.png' else 3, seed=seed))
    pipeline = [own('Resize', size=32), own('Stretch')]
    options = {**{f'{split}_dataloader.dataset.pipeline': pipeline for split in ('train', 'val')},
               'custom_imports': dict(imports=[plugin])}
    cfg = tiny_config('configs/cyclegan/horse2zebra.py', tmp_path / 'run', root, 2, options)
    Runner.from_cfg(cfg).train()
    text = '\n'.join(f'{key} = {value!r}' for key, value in cfg.to_dict().items())
    (tmp_path / 'config.py').write_text(text)
    tested = command('test.py', str(tmp_path / 'config.py'), str(tmp_path / 'run'), '--out', str(tmp_path / 'test'))
    assert tested[0] == 0, tested
    argv = (str(tmp_path / 'run'), str(root / 'testA'), str(tmp_path / 'out'))
    assert command('translate.py', *argv, '--plugins', plugin)[0] == 0
    written = {path.name.partition('_')[2]: path for path in list_images(tmp_path / 'test/fake_B')}
    made = {path.name: path for path in list_images(tmp_path / 'out')}
    assert len(written) == len(made) == 5
    for name, path in made.items():
        other = next(file for key, file in written.items() if name.startswith(key.removesuffix('.png')))
        assert np.array_equal(read_image(path, None), read_image(other, None)), name
    assert made.keys() - written.keys() <= {LONG}, 'beside its number, a name of 250 bytes does not fit'
    assert read_image(tmp_path / 'out/10.png').std() > 1


@pytest.mark.parametrize(('name', 'said'), [
    ('Jitter', r"Jitter draws random numbers.*write changes = 'augmentation'"),
    ('Crop', r"Crop makes \{'A': \(18, 24\)\} of .*\(20, 24\).*write changes = 'geometry'"),
    ('OfPairs', r"OfPairs needs an image 'B' beside \['A'\]"), ('Nothing', 'Nothing makes None of images')])
@pytest.mark.fault
def test_a_transform_that_cannot_be_repeated_is_an_error(plugin: str, tmp_path: Path, name: str, said: str) -> None:
    run = run_of(tmp_path, own(name))
    t = Translator(run, plugins=[plugin])
    for _ in range(2):  # each image is refused
        with pytest.raises(ConfigError, match=rf'(?s){said}'):
            t(image(20, 24))
    for kind in ('geometry', 'augmentation'):
        sys.modules[plugin].__dict__[name].changes = kind
        assert np.array_equal(Translator(run)(image(20, 24)),
                              Translator(save(tmp_path / 'plain.pth', cyclegan()))(image(20, 24)))
    sys.modules[plugin].__dict__[name].changes = 'colour'
    with pytest.raises(ConfigError, match=rf"{name}\.changes is 'colour'; expected one of \('values', 'geometry', "):
        Translator(run)


def test_what_comes_out_has_to_be_an_image(plugin: str, tmp_path: Path) -> None:
    write_image(tmp_path / 'a.png', image(20, 24))
    t = Translator(run_of(tmp_path, own('Floats')), plugins=[plugin])
    with pytest.raises(DataError, match=r'a\.png: after the transforms of the evaluation: .*float64'):
        t(tmp_path / 'a.png')


def test_references_heat_maps_and_reconstructions_see_the_same(plugin: str, tmp_path: Path) -> None:
    coder = dict(type='Autoencoder', **CODERS)
    coded = save(tmp_path / 'coded.pth', coder, config={**config(STRETCH), 'model': coder})
    small = image(4, 4, 1)
    with pytest.raises(ConfigError, match='--plugins own_transforms'):
        Sampler(coded).reconstruct([small])
    plain = Sampler(save(tmp_path / 'coder.pth', coder))
    assert np.array_equal(Sampler(coded, plugins=[plugin]).reconstruct([small]), plain.reconstruct([small // 2]))
    dark, plain = (save(tmp_path / f'{name}.pth', UGATIT, config={**config(*pipeline), 'model': UGATIT})
                   for name, pipeline in (('dark', [STRETCH]), ('plain', [])))
    source = image(16, 16)
    assert np.array_equal(Translator(dark).attention(source), Translator(plain).attention(source // 2))
    assert torch.equal(Translator(dark).tensor(source), Translator(plain).tensor(source // 2))


def test_sets_made_of_others_must_agree(plugin: str, tmp_path: Path) -> None:
    __import__(plugin)

    def joined(first: list, second: list) -> dict[str, Any]:
        sets = dict(first=dict(type='AttributeImages', pipeline=first), second=dict(pipeline=second))
        return {'test_dataloader': dict(dataset=dict(type='JoinedDatasets', **sets))}

    here = tmp_path / 'run.pth'
    source = {'img': image(20, 24)}
    assert np.array_equal(Preparation(joined([RESIZE, STRETCH], [STRETCH]), here)(source)['img'], source['img'] // 2)
    assert Preparation(joined([RESIZE], [own('RandomFlip')]), here)(source) == source
    with pytest.raises(ConfigError, match='change values in different ways'):
        Preparation(joined([STRETCH], [own('Stretch', factor=2)]), here)


def deep(levels: int) -> Any:
    node: Any = []
    for _ in range(levels):
        node = [node]
    return node


def shared(levels: int) -> Any:
    node: Any = {}
    for _ in range(levels):
        node = {'a': node, 'b': node}
    return node


@pytest.mark.fault
@pytest.mark.parametrize(('entries', 'said'), [
    ({'test_dataloader': 5}, None), ({'test_dataloader': {'dataset': [1]}}, None), ({'val_dataloader': None}, None),
    (config('Invert'), r'expected a list of dict'), (config({}), 'expected the name of a transform, found None'),
    ({'test_dataloader': {'dataset': {'pipeline': 'Resize'}}}, 'expected a list of dict'),
    (config(own('os.system')), r"'os\.system' is not a registered part; it was not called"),
    (config(own('subprocess.run', args='touch here')), 'is not a registered part|not in an imported module'),
    (config(own('Resize', sice=1)), None), ({'test_dataloader': {'dataset': {'a': deep(60_000)}}}, 'levels: refused'),
    ({'test_dataloader': {'dataset': shared(45)}}, 'more than 100,000 entries'),
    (config(own('Stretch', factor=shared(45))), 'more than 100,000 entries')])
def test_the_transforms_in_a_stranger_s_checkpoint_are_data(entries: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert Preparation(entries, Path('run.pth'))({'A': 1}) == {'A': 1}
    else:
        with pytest.raises((CheckpointError, ConfigError), match=rf'(?s)run\.pth: .*({said})'):
            Preparation(entries, Path('run.pth'))


# Grids


@pytest.mark.fault
@pytest.mark.parametrize(('pipeline', 'size'), [
    ([own('Resize', size=12)], (12, 9)), ([own('Resize', size=(30, 9))], (12, 9)), ([], (40, 30)),
    ([own('ResizeShort', size=60), own('CenterCrop', size=20)], (20, 15)), ([own('ScaleWidth', width=18)], (24, 18)),
    ([own('Pad', size=50)], (50, 38)), ([own('MakeDivisible', divisor=8), own('RandomFlip')], (40, 30))])
def test_a_grid_shows_images_in_the_size_of_the_evaluation(tmp_path: Path, pipeline: list, size: tuple) -> None:
    t = Translator(run_of(tmp_path, *pipeline))
    source = image(40, 30)
    assert shown(t, source).shape == (1, 3, *size)
    times = -(-128 // max(size))  # at which they are enlarged, below the captions
    height, width = (times * side for side in size)
    grid = domain_grid(t, [source, source])[-2 * (height + 4):]
    given, *made = (grid[:height:times, left:left + width:times] for left in range(4, 3 * (width + 4), width + 4))
    again = Translator(save(tmp_path / 'plain.pth', cyclegan()))
    for picture, direction in zip(made, ('AtoB', 'BtoA'), strict=True):
        assert np.array_equal(picture, again(given, direction))


def test_images_of_different_shapes_stand_in_one_grid(tmp_path: Path) -> None:
    t = Translator(run_of(tmp_path, own('Resize', size=20)))
    grid = domain_grid(t, [image(40, 30), image(30, 60), image(1, 300)])
    assert grid.shape == (21 + 140 + 70 + 7 + 4 * 4, 3 * (140 + 4) + 4, 3)


def test_without_data_in_the_config_a_grid_has_256_pixels_and_a_set_that_draws_says_its_own(tmp_path: Path) -> None:
    assert shown(Translator(save(tmp_path / 'a.pth', cyclegan())), image(40, 30)).shape[2:] == (256, 192)
    drawn = {'model': cyclegan(), 'val_dataloader': dict(dataset=dict(type='SyntheticUnpaired', size=32))}
    assert shown(Translator(save(tmp_path / 'b.pth', cyclegan(), config=drawn)), image(40, 30)).shape[2:] == (32, 24)


@pytest.mark.fault
@pytest.mark.parametrize('size', [10**6, (1, 10**9)])
def test_a_stranger_s_config_cannot_ask_for_any_number_of_pixels(tmp_path: Path, size: Any) -> None:
    t = Translator(run_of(tmp_path, own('Resize', size=size)))
    with pytest.raises(ConfigError, match=r'run\.pth: its config gives .* pixels to an image of 40x30; at most'):
        shown(t, image(40, 30))
    assert t(image(16, 16)).shape == (16, 16, 3), 'a translation resizes nothing'


# What networks make


@pytest.mark.fault
@pytest.mark.parametrize(('scale', 'claimed'), [(4, 1), (1, 4), (2, 4)])
def test_an_image_of_another_size_than_the_direction_says_is_not_cut(tmp_path: Path, scale: int, claimed: int) -> None:
    t = Translator(save(tmp_path / 'a.pth', cyclegan()))
    t.asked['AtoB'] = Direction(**{**vars(t.asked['AtoB']), 'scale': claimed})
    grow = torch.nn.Upsample(scale_factor=scale)
    t.model.G_AB.forward = lambda x: grow(x)
    with pytest.raises(ConfigError, match=rf"'AtoB' says that results have {claimed} times the size.* make "
                                          rf'{32 * scale}x{48 * scale} of 32x48'):
        t(image(30, 45))
    t.asked['AtoB'] = Direction(**{**vars(t.asked['AtoB']), 'scale': scale})
    assert t(image(30, 45)).shape == (30 * scale, 45 * scale, 3)


@pytest.mark.fault
def test_networks_that_make_nan_are_an_error_of_each_file(tmp_path: Path) -> None:
    run = save(tmp_path / 'a.pth', cyclegan())
    checkpoint = read_checkpoint(run)
    name = next(key for key in checkpoint['state_dict'] if key.startswith('G_AB') and key.endswith('weight'))
    checkpoint['state_dict'][name].fill_(3e38)
    write_checkpoint(checkpoint, run)
    write_image(tmp_path / 'in/a.png', image(16, 16))
    code, _, err = command('translate.py', str(run), str(tmp_path / 'in'), str(tmp_path / 'out'))
    assert code == 1 and 'its networks make NaN or infinite pixels' in err
    assert not list(tmp_path.glob('out/*'))
    assert np.isfinite(Translator(run)(image(16, 16), 'BtoA')).all()
