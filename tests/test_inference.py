"""Translator: checkpoints in, images of any kind in and out, files and folders, the command line."""

from __future__ import annotations

import copy
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from toolbox import Translator
from toolbox.data.io import read_image, write_image
from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.files.checkpoint import write_checkpoint
from toolbox.registry import BACKBONES, METHODS, build
from toolbox.use.padding import pad_to_multiple
from toolbox.use.translator import as_image, find_sources, from_tensor, to_tensor

ROOT = Path(__file__).resolve().parents[1]


def generator(in_channels: int = 3, out_channels: int = 3) -> dict:
    return {'type': 'ResnetGenerator', 'base_channels': 4, 'blocks': 1,
            'in_channels': in_channels, 'out_channels': out_channels}


def discriminator(channels: int = 3) -> dict:
    return {'type': 'PatchDiscriminator', 'base_channels': 4, 'layers': 1, 'in_channels': channels}


def cyclegan(a: int = 3, b: int = 3) -> dict:
    return {'type': 'CycleGAN', 'G_AB': generator(a, b), 'G_BA': generator(b, a),
            'D_A': discriminator(a), 'D_B': discriminator(b), 'w_identity_A': 0, 'w_identity_B': 0}


def save(path: Path, model: dict, seed: int = 0, std: float = 0.3, **entries: object) -> Path:
    """A checkpoint of a method with random weights that visibly change an image."""
    torch.manual_seed(seed)
    method = build(model, METHODS, 'model')
    for name in method.network_names():
        for parameter in getattr(method, name).parameters():
            torch.nn.init.normal_(parameter, std=std)
    networks = entries.get('meta', {}).get('networks') or method.network_names()
    state = {k: v for k, v in method.state_dict().items() if k.split('.')[0] in networks}
    write_checkpoint({'config': {'model': model}, 'state_dict': state, 'meta': {'iter': 7}, **entries}, path)
    return path


def image(height: int = 37, width: int = 53, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


@pytest.fixture(scope='module')
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work directory: three checkpoints, the pointer to the newest, and the best."""
    folder = tmp_path_factory.mktemp('run')
    for seed, name in enumerate(('iter_9', 'iter_10', 'best_PSNR')):
        save(folder / f'{name}.pth', cyclegan(), seed)
    (folder / 'last_checkpoint').write_text('iter_10.pth')
    return folder


@pytest.fixture(scope='module')
def translator(run_dir: Path) -> Translator:
    return Translator(run_dir, device='cpu')


@pytest.fixture(scope='module')
def gray_to_color(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return Translator(save(tmp_path_factory.mktemp('gray') / 'gray.pth', cyclegan(1, 3)))


# Pixels


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_pixels_survive_the_way_to_the_network_and_back(translator: Translator, dtype: type) -> None:
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(16, -1, 1)
    x = translator.preprocess({'x': to_tensor(levels)})['x']
    assert x.dtype == torch.float32 and (x.min(), x.max()) == (-1, 1)
    assert np.array_equal(from_tensor(x, levels.dtype), levels)


def test_values_beyond_the_range_are_clamped_and_rounded() -> None:
    x = torch.tensor([-1.5, 0.001, 1.5]).reshape(1, 1, 3)
    assert from_tensor(x, np.dtype(np.uint8)).ravel().tolist() == [0, 128, 255]
    assert from_tensor(x, np.dtype(np.uint16)).ravel().tolist() == [0, 32800, 65535]


@pytest.mark.parametrize(('size', 'divisor', 'smallest', 'expected'), [
    ((37, 53), 4, 1, (40, 56)), ((40, 56), 4, 1, (40, 56)), ((1, 5), 8, 16, (16, 16)), ((37, 53), 256, 1, (256, 256)),
])
def test_padding_grows_and_cuts_back(size: tuple, divisor: int, smallest: int, expected: tuple) -> None:
    x = torch.rand(2, 3, *size)
    padded, (rows, columns) = pad_to_multiple(x, divisor, smallest)
    assert padded.shape[2:] == expected
    assert torch.equal(padded[..., rows, columns], x)


def test_padding_mirrors_or_repeats_the_edge() -> None:
    x = torch.arange(6.0).reshape(1, 1, 1, 6)
    wide, _ = pad_to_multiple(x, 8)
    assert wide[0, 0, 0].tolist() == [1, 0, 1, 2, 3, 4, 5, 4], 'mirrored'
    assert wide.shape[2] == 8 and torch.equal(wide[0, 0, 0], wide[0, 0, 7]), 'one row cannot be mirrored'


@pytest.mark.parametrize(('have', 'want'), [(1, 3), (3, 1), (4, 3), (4, 1), (2, 3), (2, 1), (3, 3), (3, 4)])
def test_channels_become_those_of_the_generator(have: int, want: int) -> None:
    source = image(channels=have)
    result = as_image(source, want)
    assert result.shape == (37, 53, want)
    if have in (3, 4) and want >= 3:
        assert np.array_equal(result[:, :, :3], source[:, :, :3])
    if have in (1, 2):
        assert np.array_equal(result, np.repeat(source[:, :, :1], want, axis=2))


@pytest.mark.parametrize('wrong', [np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8),
                                   np.zeros(4, np.uint8), np.zeros((4, 4, 5), np.uint8)])
def test_arrays_that_are_no_image_are_refused(translator: Translator, wrong: np.ndarray) -> None:
    with pytest.raises(DataError, match='array: '):
        translator(wrong)


# Arrays and lists


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('size', [(37, 53), (32, 48), (1, 1), (3, 130)])
def test_size_and_depth_stay(translator: Translator, size: tuple, dtype: type) -> None:
    result = translator(image(*size, dtype=dtype))
    assert result.shape == (*size, 3) and result.dtype == dtype


def test_a_fitting_image_is_what_the_generator_says(translator: Translator) -> None:
    source = image(32, 48)
    x = torch.from_numpy(source.transpose(2, 0, 1))[None] / 127.5 - 1
    with torch.no_grad():
        y = translator.model.G_AB(x)[0].permute(1, 2, 0)
    assert np.array_equal(translator(source), ((y + 1) * 127.5).round().numpy().astype(np.uint8))
    assert not np.array_equal(translator(source), source)


def test_deep_and_shallow_images_agree(translator: Translator) -> None:
    source = image()
    deep = translator(source.astype(np.uint16) * 257)
    assert np.abs(deep / 257 - translator(source)).max() <= 0.51


def test_both_directions(translator: Translator) -> None:
    source = image(32, 48)
    assert translator.directions == ('AtoB', 'BtoA') and translator.direction == 'AtoB'
    assert not np.array_equal(translator(source), translator(source, 'BtoA'))
    other = Translator(translator.path, 'BtoA')
    assert np.array_equal(other(source), translator(source, 'BtoA'))


def test_lists_arrays_and_files_mix(translator: Translator, tmp_path: Path) -> None:
    arrays = [image(20, 24, seed=1), image(seed=2)]
    write_image(tmp_path / 'one.png', arrays[0])
    results = translator([tmp_path / 'one.png', arrays[1], str(tmp_path / 'one.png')])
    assert [r.shape for r in results] == [(20, 24, 3), (37, 53, 3), (20, 24, 3)]
    for result, source in zip(results, (arrays[0], arrays[1], arrays[0]), strict=True):
        assert np.array_equal(result, translator(source))


def test_gray_in_colour_out(gray_to_color: Translator) -> None:
    source = image(channels=1)
    result = gray_to_color(source)
    assert result.shape == (37, 53, 3)
    assert np.array_equal(gray_to_color(source[:, :, 0]), result), 'a 2-D array is a gray image'
    assert np.array_equal(gray_to_color(np.repeat(source, 3, axis=2)), result), 'luma of gray is gray'
    assert gray_to_color(image(), 'BtoA').shape == (37, 53, 1)


def test_alpha_is_dropped(translator: Translator) -> None:
    source = image(channels=4)
    assert np.array_equal(translator(source), translator(source[:, :, :3]))


def test_translation_leaves_the_random_numbers_alone(translator: Translator) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    translator(image())
    assert torch.equal(torch.rand(2), expected)


def test_dropout_at_test_time_is_seeded(tmp_path: Path) -> None:
    unet = {'type': 'UnetGenerator', 'base_channels': 4, 'downs': 5, 'dropout': 0.5}
    model = {'type': 'Pix2Pix', 'G': unet, 'D': discriminator(6)}
    t = Translator(save(tmp_path / 'p.pth', model))
    assert t.directions == ('AtoB',)
    result = t(image(70, 33))
    assert result.shape == (70, 33, 3) and np.array_equal(t(image(70, 33)), result)


# Checkpoints


def test_which_checkpoint(run_dir: Path) -> None:
    assert Translator(run_dir).path.name == 'iter_10.pth'
    assert Translator(run_dir, checkpoint='best').path.name == 'best_PSNR.pth'
    assert Translator(run_dir, checkpoint='iter_9.pth').path.name == 'iter_9.pth'
    source = image(16, 16)
    assert not np.array_equal(Translator(run_dir)(source), Translator(run_dir, checkpoint='best')(source))


def test_a_checkpoint_that_is_not_there_says_which_are(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no 'iter_19\.pth'.*iter_9\.pth"):
        Translator(run_dir, checkpoint='iter_19.pth')
    with pytest.raises(CheckpointError, match=r'holds no \.pth file'):
        Translator(tmp_path)
    with pytest.raises(CheckpointError, match='neither a work directory nor a checkpoint'):
        Translator(tmp_path / 'nowhere')


def test_the_checkpoint_alone_is_enough(run_dir: Path, tmp_path: Path) -> None:
    moved = tmp_path / 'shared.pth'
    moved.write_bytes((run_dir / 'iter_10.pth').read_bytes())
    source = image(16, 16)
    assert np.array_equal(Translator(moved)(source), Translator(run_dir)(source))


def test_moving_averages_are_preferred(tmp_path: Path) -> None:
    averaged = torch.load(save(tmp_path / 'other.pth', cyclegan(), seed=5), weights_only=True)['state_dict']
    ema = {'G_AB': {k.removeprefix('G_AB.'): v for k, v in averaged.items() if k.startswith('G_AB.')}}
    plain = Translator(save(tmp_path / 'plain.pth', cyclegan()))
    with_ema = Translator(save(tmp_path / 'ema.pth', cyclegan(), ema=ema))
    source = image(16, 16)
    assert np.array_equal(with_ema(source), Translator(tmp_path / 'other.pth')(source))
    assert not np.array_equal(with_ema(source), plain(source))
    assert np.array_equal(with_ema(source, 'BtoA'), plain(source, 'BtoA')), 'no average of G_BA: its weights'


def test_a_converted_generator_offers_its_direction(tmp_path: Path) -> None:
    path = save(tmp_path / 'horse2zebra.pth', cyclegan(), meta={'iter': 0, 'networks': ['G_BA']})
    t = Translator(path)
    assert t.directions == ('BtoA',) and t(image(16, 16)).shape == (16, 16, 3)
    with pytest.raises(ConfigError, match=r"'AtoB'.*Known: BtoA"):
        Translator(path, 'AtoB')


def test_a_checkpoint_without_generator_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / 'd.pth', cyclegan(), meta={'networks': ['D_A']})
    with pytest.raises(CheckpointError, match='no generator to translate'):
        Translator(path)


@pytest.mark.parametrize('direction', ['atob', 'AtoC'])
def test_an_unknown_direction_says_what_there_is(translator: Translator, direction: str) -> None:
    with pytest.raises(ConfigError, match='Known: AtoB, BtoA'):
        translator(image(), direction)
    with pytest.raises(ConfigError, match='Known: AtoB, BtoA'):
        Translator(translator.path, direction)


def test_weights_that_do_not_fit_are_listed(tmp_path: Path) -> None:
    checkpoint = torch.load(save(tmp_path / 'a.pth', cyclegan()), weights_only=True)
    wider = copy.deepcopy(checkpoint['config'])
    wider['model']['G_AB']['base_channels'] = 8
    write_checkpoint({**checkpoint, 'config': wider}, tmp_path / 'b.pth')
    with pytest.raises(CheckpointError, match='of another shape'):
        Translator(tmp_path / 'b.pth')


def test_a_checkpoint_without_config_is_refused(tmp_path: Path) -> None:
    write_checkpoint({'state_dict': {}}, tmp_path / 'bare.pth')
    with pytest.raises(CheckpointError, match=r"no 'config\.model'"):
        Translator(tmp_path / 'bare.pth')


@pytest.mark.parametrize('name', ['subprocess.check_output', 'builtins.exec', 'pathlib.Path', 'no.such.thing', '.x'])
def test_a_checkpoint_cannot_name_code(tmp_path: Path, name: str) -> None:
    model = cyclegan()
    model['reconstruction'] = {'type': 'L1Loss', 'parts': [{'type': name}]}
    write_checkpoint({'config': {'model': model}, 'state_dict': {}}, tmp_path / 'evil.pth')
    with pytest.raises(CheckpointError, match=r'model\.reconstruction\.parts\.0\.type'):
        Translator(tmp_path / 'evil.pth')


PLUGIN = """
from torch import nn
from toolbox.registry import BACKBONES

@BACKBONES.register_module()
class NegativeOf{name}(nn.Module):
    in_channels = out_channels = 3
    {divisor}
    def forward(self, x):
        return -x
"""


@pytest.fixture
def clean_registry() -> Iterator[None]:
    before = dict(BACKBONES.module_dict)
    yield
    for name in BACKBONES.module_dict.keys() - before.keys():
        del BACKBONES.module_dict[name]


def plugin(folder: Path, name: str, divisor: str = 'size_divisor = 1') -> Path:
    (folder / f'{name}_parts.py').write_text(PLUGIN.format(name=name, divisor=divisor))
    model = {**cyclegan(), 'G_AB': {'type': f'NegativeOf{name}'}}
    config = {'model': model, 'custom_imports': {'imports': [f'{name}_parts'], 'allow_failed_imports': False}}
    real = build(cyclegan(), METHODS, 'model').state_dict()
    state = {k: v for k, v in real.items() if not k.startswith('G_AB.')}
    write_checkpoint({'config': config, 'state_dict': state}, folder / 'plugin.pth')
    return folder / 'plugin.pth'


@pytest.mark.usefixtures('clean_registry')
def test_plugins_are_imported_by_those_who_trust_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plugin(tmp_path, 'inside')
    with pytest.raises(ConfigError, match=r"'inside_parts'.*PYTHONPATH"):
        Translator(path, plugins=['inside_parts'])
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'broken_parts.py').write_text('x = 1\ny = (')
    with pytest.raises(ConfigError, match=r"plugins: 'broken_parts' fails .*broken_parts\.py, line 2\): SyntaxError"):
        Translator(path, plugins=['broken_parts'])
    with pytest.raises(ConfigError, match=r"(?s)unknown backbone 'NegativeOfinside'.*--plugins inside_parts"):
        Translator(path)
    assert 'inside_parts' not in sys.modules, 'a checkpoint imports nothing'
    source = image()
    assert np.array_equal(Translator(path, plugins=['inside_parts'])(source), 255 - source)
    assert np.array_equal(Translator(path)(source), 255 - source), 'imported already'


@pytest.mark.usefixtures('clean_registry')
def test_a_generator_must_state_what_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r'model\.G_AB: NegativeOfmute does not state size_divisor'):
        Translator(plugin(tmp_path, 'mute', divisor='scale = 1'), plugins=['mute_parts'])


# Files


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / 'album'
    for index, name in enumerate(('img10.png', 'img2.jpg', 'sub/deep.png', 'sub/gray.png')):
        write_image(folder / name, image(20 + index, 24, 1 if 'gray' in name else 3,
                                         np.uint16 if 'deep' in name else np.uint8, seed=index))
    return folder


def test_a_folder_keeps_names_order_and_sizes(translator: Translator, album: Path, tmp_path: Path) -> None:
    ticks: list[tuple[int, int]] = []
    summary = translator.folder(album, tmp_path / 'out', progress=lambda *tick: ticks.append(tick))
    names = [path.relative_to(tmp_path / 'out').as_posix() for path in summary.done]
    assert names == ['img2.png', 'img10.png', 'sub/deep.png', 'sub/gray.png'], 'natural order'
    assert ticks == [(1, 4), (2, 4), (3, 4), (4, 4)] and summary.exit_code == 0
    for name, source in (('img10.png', 'img10.png'), ('sub/deep.png', 'sub/deep.png'), ('img2.png', 'img2.jpg')):
        assert np.array_equal(read_image(tmp_path / 'out' / name, None), translator(album / source)), name
    assert read_image(tmp_path / 'out/sub/deep.png').dtype == np.uint16


@pytest.mark.fault
def test_corrupt_files_do_not_stop_the_others(translator: Translator, album: Path, tmp_path: Path) -> None:
    (album / 'img3.png').write_bytes((album / 'img10.png').read_bytes()[:60])
    (album / 'img4.png').write_bytes(b'')
    summary = translator.folder(album, tmp_path / 'out')
    assert len(summary.done) == 4 and set(summary.failed) == {album / 'img3.png', album / 'img4.png'}
    assert summary.exit_code == 1
    assert '2 failed' in str(summary) and 'img4.png' in str(summary)
    assert not (tmp_path / 'out/img3.png').exists()


def test_what_is_there_is_kept_unless_told(translator: Translator, album: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    write_image(out / 'img10.png', image(4, 4))
    first = translator.folder(album, out)
    assert first.kept == [out / 'img10.png'] and len(first.done) == 3
    assert read_image(out / 'img10.png').shape == (4, 4, 3) and '--overwrite' in str(first)
    second = translator.folder(album, out, overwrite=True)
    assert not second.kept and read_image(out / 'img10.png').shape == (20, 24, 3)


def test_side_by_side(gray_to_color: Translator, album: Path, tmp_path: Path) -> None:
    gray_to_color.files([album / 'sub/gray.png'], tmp_path / 'out', side_by_side=True)
    source, pair = read_image(album / 'sub/gray.png', 3), read_image(tmp_path / 'out/gray.png', None)
    assert pair.shape == (23, 48, 3)
    assert np.array_equal(pair[:, :24], source) and np.array_equal(pair[:, 24:], gray_to_color(source))


def test_the_suffix_can_stay(translator: Translator, album: Path, tmp_path: Path) -> None:
    summary = translator.folder(album, tmp_path / 'out', suffix='same')
    assert {path.name for path in summary.done} == {'img2.jpg', 'img10.png', 'deep.png', 'gray.png'}
    with pytest.raises(DataError, match=r"'\.pgn'.*mean '\.png'"):
        translator.folder(album, tmp_path / 'out', suffix='.pgn')


def test_results_that_would_collide_are_refused(translator: Translator, album: Path, tmp_path: Path) -> None:
    write_image(album / 'img2.png', image())
    with pytest.raises(DataError, match=r'img2\.\w+ and .*img2\.\w+ would both become .*--suffix same'):
        translator.folder(album, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
    with pytest.raises(DataError, match='would replace its source'):
        translator.folder(album, album, suffix='same', overwrite=True)


def test_sources_are_a_file_a_folder_or_a_pattern(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names(pattern: str | Path) -> tuple[list[str], Path]:
        files, root = find_sources(pattern)
        return [path.relative_to(root).as_posix() for path in files], root

    assert names(album / 'img2.jpg') == (['img2.jpg'], album)
    assert names(album) == (['img2.jpg', 'img10.png', 'sub/deep.png', 'sub/gray.png'], album)
    assert names(f'{album}/*.png') == (['img10.png'], album)
    assert names(f'{album}/**/*.png') == (['img10.png', 'sub/deep.png', 'sub/gray.png'], album)
    monkeypatch.chdir(album)
    assert names('sub/*') == (['deep.png', 'gray.png'], Path('sub'))
    assert names('*.jpg') == (['img2.jpg'], Path('.'))
    with pytest.raises(DataError, match=r'\*\.gif: no image file'):
        find_sources('*.gif')


# Command line


@pytest.fixture
def translate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable:
    """Run tools/translate.py with arguments: exit code, stdout, stderr."""
    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, 'argv', ['translate.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(str(ROOT / 'tools/translate.py'), run_name='__main__')
        return (exit_.value.code, *capsys.readouterr())
    return command


def test_the_command_translates_and_reports(translate: Callable, run_dir: Path, album: Path, tmp_path: Path) -> None:
    (album / 'broken.png').write_bytes(b'no image')
    options = ('--direction', 'BtoA', '--device', 'cpu', '--suffix', '.tif')
    code, out, err = translate(run_dir, album, tmp_path / 'out', *options)
    assert code == 1 and 'BtoA on cpu, 5 images' in out
    assert '4 translated' in err and '1 failed' in err and 'broken.png' in err
    written = read_image(tmp_path / 'out/img10.tif')
    assert np.array_equal(written, Translator(run_dir, 'BtoA')(album / 'img10.png'))
    (album / 'broken.png').unlink()
    code, out, err = translate(run_dir, album, tmp_path / 'out', *options)
    assert (code, err) == (0, '') and '4 already there' in out


def test_the_command_explains_a_mistake_without_traceback(translate: Callable, run_dir: Path, tmp_path: Path) -> None:
    code, _, err = translate(run_dir, tmp_path / 'nothing', tmp_path / 'out')
    assert code == 2 and 'nothing: no image file' in err and 'Traceback' not in err


# The recipes of docs/translate.md


def recipes(language: str) -> list[str]:
    return re.findall(rf'```{language}\n(.*?)```', (ROOT / 'docs/translate.md').read_text(), re.DOTALL)


@pytest.fixture
def home(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the recipes can be typed."""
    (tmp_path / 'work_dirs').mkdir()
    (tmp_path / 'work_dirs/horse2zebra').symlink_to(run_dir)
    if not (run_dir / 'iter_2000.pth').exists():
        (run_dir / 'iter_2000.pth').symlink_to(run_dir / 'iter_10.pth')
    for name in ('horse.jpg', 'horses/1.png', 'horses/brown/2.png'):
        write_image(tmp_path / name, image(18, 20))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_page_run(translate: Callable, home: Path) -> None:
    commands = [shlex.split(line) for line in recipes('bash')[0].splitlines()]
    assert len(commands) == 3
    for python, script, *arguments in commands:
        assert (python, script) == ('python', 'tools/translate.py')
        code, out, err = translate(*arguments)
        assert code == 0, (out, err)
    written = {path.relative_to(home / 'zebras').as_posix() for path in (home / 'zebras').rglob('*.*')}
    assert written == {'1.png', '1.tif', 'brown/2.png', 'brown/2.tif', 'horse.png'}
    assert read_image(home / 'zebras/horse.png').shape == (18, 40, 3)


def test_the_python_of_the_page_runs(home: Path) -> None:
    block, _ = recipes('python')  # the other is tried in test_label_maps.py
    names: dict = {}
    exec(compile(block, 'docs/translate.md', 'exec'), names)
    assert names['zebra'].shape == names['back'].shape == (18, 20, 3)
    assert len(names['summary'].done) == 2 and not names['summary'].failed
