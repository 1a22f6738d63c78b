"""StarGAN and StarGAN v2 after their training: domains, styles, grids, videos."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import command
from PIL import Image
from test_inference import image, recipes, save

from toolbox import Translator
from toolbox.data.io import read_image, write_image
from toolbox.errors import ConfigError, DataError
from toolbox.use.grids import domain_grid, durations, interpolation, latent_grid, reference_grid, swap_grid, write_video

ATTRIBUTES = ('Black_Hair', 'Blond_Hair', 'Male')
STARGAN = dict(type='StarGAN', attributes=ATTRIBUTES, exclusive=(ATTRIBUTES[:2],),
               G=dict(type='StarGANGenerator', base_channels=2, blocks=1),
               D=dict(type='StarGANDiscriminator', base_channels=2, size=16, layers=2))
SIZES = dict(size=16, base_channels=8, max_channels=16)
V2 = dict(type='StarGANv2', domains=('cat', 'dog'), G=dict(type='StarGANv2Generator', style=8, **SIZES),
          F=dict(type='MappingNetwork', latent=4, style=8, hidden=32), E=dict(type='StyleEncoder', style=8, **SIZES),
          D=dict(type='StarGANv2Discriminator', **SIZES))


@pytest.fixture(scope='module')
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp('runs')
    return {name: save(folder / f'{name}.pth', model) for name, model in (('stargan', STARGAN), ('v2', V2))}


def test_a_domain_is_a_direction(runs: dict[str, Path], tmp_path: Path) -> None:
    t = Translator(runs['stargan'], 'Blond_Hair', attributes=['Male'])
    assert t.directions == ('Black_Hair', 'Blond_Hair', 'Male', 'not_Male')
    source = image(21, 30)
    assert t(source).shape == source.shape
    write_image(tmp_path / 'a.png', source)
    argv = ('translate.py', str(runs['stargan']), str(tmp_path / 'a.png'), str(tmp_path / 'out'))
    code, text, err = command(*argv, '--domain', 'Blond_Hair', '--attributes', 'Male')
    assert (code, err) == (0, '') and 'Blond_Hair' in text
    assert np.array_equal(read_image(tmp_path / 'out/a.png'), t(source))
    code, _, err = command(*argv, '--domain', 'Blond')
    assert code == 2 and "Did you mean 'Blond_Hair'" in err


def test_the_label_vector_sets_what_is_asked_for_and_keeps_the_rest(runs: dict[str, Path]) -> None:
    t, seen = Translator(runs['stargan'], attributes=['Black_Hair', 'Male']), []
    t.model.G.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1].tolist()))
    for direction in t.directions:
        t(image(16, 16), direction)
    assert seen == [[[1, 0, 1]], [[0, 1, 1]], [[1, 0, 1]], [[1, 0, 0]]]
    with pytest.raises(ConfigError, match=r"knows no 'Males'.*Did you mean 'Male'"):
        Translator(runs['stargan'], attributes=['Males'])(image(16, 16))


def test_without_attributes_the_discriminator_tells_them(runs: dict[str, Path]) -> None:
    t, seen = Translator(runs['stargan'], 'Blond_Hair'), []
    t.model.G.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1][0].tolist()))
    for wanted in (0.0, 1.0):
        with torch.no_grad():
            t.model.D.domain.weight.fill_(0)
            t.model.D.forward = lambda x, wanted=wanted: (None, torch.full((len(x), 3), 2 * wanted - 1))
        t(image(40, 24))
    assert seen == [[0, 1, 0], [0, 1, 1]]


def test_styles_come_from_seeds_or_references(runs: dict[str, Path]) -> None:
    source, reference = image(16, 16), image(40, 24, seed=5)
    guides = ({}, dict(seed=0), dict(seed=1), dict(reference=reference), dict(reference=image(16, 16, seed=6)))
    results = [Translator(runs['v2'], 'dog', **guide)(source) for guide in guides]
    assert np.array_equal(results[0], results[1]), 'the seed of the evaluation is 0'
    assert all(not np.array_equal(a, b) for i, a in enumerate(results[1:]) for b in results[i + 2:])
    assert not np.array_equal(results[1], Translator(runs['v2'], 'cat', seed=0)(source))


def test_what_a_method_does_not_look_at_is_refused(runs: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match='seed: translations of StarGAN depend on attributes'):
        Translator(runs['stargan'], seed=1)
    with pytest.raises(ConfigError, match='attributes: translations of StarGANv2 depend on seed, reference'):
        Translator(runs['v2'], attributes=['Male'])
    with pytest.raises(ConfigError, match='StarGAN has no styles'):
        latent_grid(Translator(runs['stargan']), [image(16, 16)], [0])


def test_grids_show_what_the_translator_makes(runs: dict[str, Path]) -> None:
    t = Translator(runs['v2'], 'dog')
    images, references = [image(16, 16, seed=i) for i in range(2)], [image(16, 16, seed=i) for i in (7, 8, 9)]
    grid = latent_grid(t, images, [3, 4])
    assert grid.shape == (2 * 18 - 2, 3 * 18 - 2, 3)
    assert np.array_equal(grid[18:34, :16], images[1])
    assert np.array_equal(grid[18:34, 36:], Translator(runs['v2'], 'dog', seed=4)(images[1]))
    grid = reference_grid(t, images, references)
    assert grid.shape == (3 * 18 - 2, 4 * 18 - 2, 3)
    assert np.array_equal(grid[:16, 36:52], references[1])
    assert np.array_equal(grid[36:, 54:], Translator(runs['v2'], 'dog', reference=references[2])(images[1]))
    assert np.array_equal(swap_grid(t, images), reference_grid(t, images, images)), 'own styles on the diagonal'
    assert np.array_equal(swap_grid(t, images, references), swap_grid(t, images + references)), 'one kind of images'
    with pytest.raises(ConfigError, match=r"has no styles from references in direction 'Black_Hair'"):
        swap_grid(Translator(runs['stargan'], attributes=['Male']), images)
    grid = domain_grid(Translator(runs['stargan'], attributes=['Male']), images)
    assert grid.shape[1] == 6 * (128 + 4) - 128 and np.array_equal(grid[-132:-4:8, 4:132:8], images[1]), 'enlarged'


def test_an_interpolation_begins_and_ends_at_its_styles(runs: dict[str, Path], tmp_path: Path) -> None:
    t, source = Translator(runs['v2'], 'dog'), image(16, 16)
    frames = interpolation(t, [source], [3, 4, 5], steps=4)
    assert len(frames) == 9
    for place, seed in ((0, 3), (4, 4), (8, 5)):
        assert np.array_equal(frames[place], Translator(runs['v2'], 'dog', seed=seed)(source))
    assert len({frame.tobytes() for frame in frames}) == 9
    with Image.open(write_video(tmp_path / 'way.gif', frames)) as video:
        assert (video.n_frames, video.size) == (9, (16, 16))
    for rate in (24, 30, 50):
        assert sum(durations(2 * rate, rate)) == 2000 and max(durations(2 * rate, rate)) <= 1000 / rate + 10
    write_video(tmp_path / 'half.gif', frames[:2], 40)
    before = (tmp_path / 'half.gif').read_bytes()
    with pytest.raises(TypeError, match='Cannot handle'):  # as on a disk that is full: the old one stays
        write_video(tmp_path / 'half.gif', [*frames, np.zeros((3, 3, 7), np.uint8)], 40)
    assert (tmp_path / 'half.gif').read_bytes() == before
    with pytest.raises(DataError, match=r'way\.ogg: a video ends in \.gif'):
        write_video(tmp_path / 'way.ogg', frames)
    with pytest.raises(ConfigError, match='at least two styles'):
        interpolation(t, [source], [3], steps=4)


@pytest.mark.parametrize(('kind', 'more', 'size'), [
    ('domains', (), (400, 241)), ('latents', ('--seeds', '1', '2', '3'), (18 * 4 - 2, 28)),
    ('references', ('--references', 'in'), (18 * 3 - 2, 15 * 3 - 2)),
    ('swap', ('--direction', 'dog'), (18 * 3 - 2, 15 * 3 - 2)),
    ('interpolation', ('--seeds', '1', '2', '--steps', '3'), (34, 13))])
def test_the_command(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, more: tuple,
                     size: tuple[int, int]) -> None:
    monkeypatch.chdir(tmp_path)
    for i in range(2):
        write_image(Path(f'in/{i}.png'), image(20, 24, seed=i))
    out = 'out/way.gif' if kind == 'interpolation' else 'out/grid.png'
    code, text, err = command('grid.py', str(runs['v2']), 'in', out, '--kind', kind, *more)
    assert (code, err, text.strip()) == (0, '', out)
    with Image.open(out) as picture:
        assert picture.size == size


@pytest.mark.parametrize('option', ['--n', '--rate'])
def test_a_grid_of_nothing_is_refused(runs: dict[str, Path], tmp_path: Path, option: str) -> None:
    code, _, err = command('grid.py', str(runs['v2']), str(tmp_path), 'grid.png', option, '0')
    assert code == 2 and f'{option}: expected at least 1, found 0' in err


def test_the_recipes_for_grids_run(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    v2 = save(tmp_path / 'work_dirs/starganv2/afhq/iter_1.pth', {**V2, 'domains': ('cat', 'dog', 'wild')})
    v1 = save(tmp_path / 'work_dirs/stargan/celeba/iter_1.pth', STARGAN)
    for path in (v1, v2):
        (path.parent / 'last_checkpoint').write_text(path.name)
    for folder in ('faces', 'cats', 'photos/wild'):
        write_image(Path(folder, '1.png'), image(20, 24))
    lines = [line for block in recipes('bash') for line in block.splitlines()
             if 'tools/grid.py work_dirs/stargan' in line]
    assert len(lines) == 4
    for line in lines:
        python, script, *arguments = shlex.split(line)
        code, out, err = command(Path(script).name, *arguments)
        assert (python, code, err) == ('python', 0, '') and Path(out.strip()).stat().st_size
