"""Names, collisions and folders of a translation: every file gets its result or its error, none another's place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from commands import command
from test_big_sets import zipped
from test_inference import cyclegan, image, save

from toolbox import Translator
from toolbox.data.io import read_image, write_image
from toolbox.errors import DataError
from toolbox.files.replacing import replacing
from toolbox.use import outputs
from toolbox.use.outputs import find_sources, plan_outputs, sources_of

LONG = '猫' * 82 + '.png'  # 250 bytes
_G = dict(type='UGATITGenerator', base_channels=2, blocks=1, light=True)
_D = dict(type='UGATITDiscriminator', base_channels=2, layers=4)
UGATIT = dict(type='UGATIT', G_AB=_G, G_BA=_G, D_GA=_D, D_LA=_D, D_GB=_D, D_LB=_D)


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp('run') / 'a.pth', cyclegan())


@pytest.fixture(scope='module')
def attentive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp('run') / 'u.pth', UGATIT)


def draw(folder: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        write_image(folder / name, image(16, 16, seed=seed))
    return folder


def translate(*argv: object) -> tuple[int, str, str]:
    return command('translate.py', *map(str, argv))


@pytest.mark.fault
def test_a_name_of_250_bytes_is_translated(run: Path, tmp_path: Path) -> None:
    code, out, err = translate(run, draw(tmp_path / 'in', 'a.png', LONG, 'z.png'), tmp_path / 'out')
    assert (code, err) == (0, '') and '3 translated' in out
    assert sorted(os.listdir(tmp_path / 'out')) == sorted(['a.png', LONG, 'z.png'])
    assert np.array_equal(read_image(tmp_path / 'out' / LONG), Translator(run)(tmp_path / 'in' / LONG))


def test_a_temporary_name_fits_wherever_the_name_does(tmp_path: Path) -> None:
    for name in ('x' * 255, 'é' * 127, '\udcff' * 255, 'a'):
        with replacing(tmp_path / name) as new:
            assert len(os.fsencode(new.name)) <= 255 and new.name.startswith('.')
            new.write_text(name[:1].encode(errors='replace').decode())
        assert (tmp_path / name).exists()
    assert len(os.listdir(tmp_path)) == 4


@pytest.mark.fault
def test_a_file_that_cannot_be_written_does_not_stop_the_others(attentive: Path, tmp_path: Path) -> None:
    """The name of its heat map is too long; another result has a folder in its place."""
    sources = draw(tmp_path / 'in', 'a.png', LONG, 'b.png', 'z.png')
    (tmp_path / 'out/b.png').mkdir(parents=True)
    code, _, err = translate(attentive, sources, tmp_path / 'out', '--attention')
    assert code == 1 and '2 translated' in err and '2 failed' in err and 'Traceback' not in err
    assert f'{sources / LONG}: cannot write' in err and 'File name too long' in err
    assert f'{sources / "b.png"}: cannot write b.png: Is a directory' in err
    assert {'a.png', 'a_attention.png', 'z.png', 'z_attention.png'} <= set(os.listdir(tmp_path / 'out'))


@pytest.mark.fault
def test_a_full_disk_ends_a_translation_at_once(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def full(path: Path, array: np.ndarray) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_image(path, array)

    monkeypatch.setattr('toolbox.use.files.write_image', full)
    code, _, err = translate(run, draw(tmp_path / 'in', *(f'{i}.png' for i in range(1, 7))), tmp_path / 'out')
    assert code == 2 and len(calls) in (2, 3)  # the next result may have been on its way
    assert '2.png: No space left on device. Make room, and repeat the command' in err and '1 translated' in err


def test_an_output_that_is_a_file_is_refused_before_anything_is_read(run: Path, tmp_path: Path) -> None:
    (tmp_path / 'out').write_text('mine')
    code, _, err = translate(run, draw(tmp_path / 'in', 'a.png'), tmp_path / 'out')
    assert code == 2 and f'{tmp_path / "out"}: cannot write there: File exists' in err
    assert (tmp_path / 'out').read_text() == 'mine'


@pytest.mark.fault
def test_a_heat_map_takes_no_result_s_place(attentive: Path, tmp_path: Path) -> None:
    sources = draw(tmp_path / 'in', 'a.png', 'a_attention.png')
    code, _, err = translate(attentive, sources, tmp_path / 'out', '--attention')
    assert code == 2 and not (tmp_path / 'out').exists()
    assert (f'{sources / "a.png"} and {sources / "a_attention.png"} would both become '
            f'{tmp_path / "out/a_attention.png"}. To keep both, leave --attention out') in err
    assert translate(attentive, sources, tmp_path / 'out')[0] == 0


def test_a_heat_map_that_is_missing_is_made(attentive: Path, tmp_path: Path) -> None:
    sources, out = draw(tmp_path / 'in', 'a.png'), tmp_path / 'out'
    assert translate(attentive, sources, out)[0] == 0
    assert translate(attentive, sources, out, '--attention')[0] == 0
    assert (out / 'a_attention.png').is_file()
    assert '1 already there' in translate(attentive, sources, out, '--attention')[1]


@pytest.mark.fault
@pytest.mark.parametrize(('first', 'second', 'said'), [
    ('a.png', 'a.jpg', 'pass --suffix same'), ('x/a.png', 'y/a.png', 'rename one of them'),
    ('a.png', 'A.png', 'rename one of them'), ('a\u0301.png', '\u00e1.png', 'rename one of them')])
def test_two_sources_of_one_result_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str,
                                               second: str, said: str) -> None:
    sources = [tmp_path / first, tmp_path / second]
    monkeypatch.setattr(outputs, '_ignores_case', lambda folder: True)
    with pytest.raises(DataError, match=f'{sources[0]} and {sources[1]} would both become .*{said}'):
        plan_outputs(sources, tmp_path / 'out', None, '.png')


def test_capitals_count_where_the_file_system_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [tmp_path / 'a.png', tmp_path / 'A.png']
    assert len(plan_outputs(sources, tmp_path / 'out/of/it', None, '.png')) == 2
    assert os.listdir(tmp_path) == [], 'the question leaves nothing behind'
    monkeypatch.setattr(Path, 'exists', lambda path: True)  # as if capitals did not matter
    with pytest.raises(DataError, match='would both become'):
        plan_outputs(sources, tmp_path / 'out', None, '.png')


def test_a_result_never_replaces_another_source(tmp_path: Path) -> None:
    draw(tmp_path, 'x/a.png', 'y/a.jpg')
    with pytest.raises(DataError, match='would replace its source, or another one'):
        plan_outputs([tmp_path / 'x/a.png', tmp_path / 'y/b.png'], tmp_path / 'x', None, '.png')
    with pytest.raises(DataError, match=r'is not below .*/y'):
        plan_outputs([tmp_path / 'x/a.png'], tmp_path / 'out', tmp_path / 'y', '.png')


def test_a_result_never_replaces_a_further_input(tmp_path: Path) -> None:
    draw(tmp_path, 'in/b.png', 'in/sub/b.png', 'out/b.png', 'out/sub/b.png', 'masks/b.png', 'masks/out/b.png')
    sources = [tmp_path / 'in/b.png', tmp_path / 'in/sub/b.png']
    for other in (tmp_path / 'out/b.png', tmp_path / 'out/sub'):
        with pytest.raises(DataError, match='would replace a further input'):
            plan_outputs(sources, tmp_path / 'out', tmp_path / 'in', '.png', others=[other])
    for out, other in (('new', 'out/sub'), ('masks/out', 'masks')):  # results that are there already are no inputs
        assert len(plan_outputs(sources, tmp_path / out, tmp_path / 'in', '.png', others=[tmp_path / other])) == 2


@pytest.mark.fault
def test_results_are_not_translated_again(run: Path, tmp_path: Path) -> None:
    sources = draw(tmp_path / 'in', 'a.png', 'sub/b.png')
    for out in (sources / 'out', tmp_path / 'elsewhere'):
        out.mkdir()
        (sources / f'link to {out.name}').symlink_to(out)
        for kept in (False, True):
            code, text, _ = translate(run, sources, out)
            assert code == 0 and ('2 already there' if kept else '2 translated') in text
            assert (f'images in {out} left out, because results are not translated again' in text) == kept
        assert sorted(str(path.relative_to(out)) for path in out.rglob('*.png')) == ['a.png', 'sub/b.png']
        for path in (*out.rglob('*.png'), sources / f'link to {out.name}'):
            path.unlink()
    code, _, err = translate(run, sources, sources, '--overwrite')
    assert code == 2 and 'is the input folder itself' in err
    assert Translator(run).folder(sources, sources / 'out').left_out == []
    assert Translator(run).folder(sources, sources / 'out').left_out[0].startswith('2 images in ')


def test_an_archive_is_translated_as_its_folder_is(run: Path, tmp_path: Path) -> None:
    for width, name in enumerate(('a/x.png', 'y.png'), start=20):
        write_image(tmp_path / 'in' / name, image(20, width))
    archive = zipped(tmp_path / 'in', tmp_path / 'in.zip')
    translator = Translator(run, device='cpu')
    for source in (tmp_path / 'in', archive):
        assert len(translator.folder(source, tmp_path / f'{source.name}_out').done) == 2
    for name in ('a/x.png', 'y.png'):
        expected = read_image(tmp_path / 'in_out' / name)
        np.testing.assert_array_equal(read_image(tmp_path / 'in.zip_out' / name), expected)
    with pytest.raises(DataError, match='no such folder'):
        translator.folder(tmp_path / 'in/y.png', tmp_path / 'out')


def test_sources_inside_of_the_output_folder_are_sources(tmp_path: Path) -> None:
    draw(tmp_path, 'in/a.png', 'b.png')
    assert find_sources(tmp_path / 'in', tmp_path)[0] == [tmp_path / 'in/a.png']
    assert find_sources(f'{tmp_path}/in/*.png', tmp_path)[0] == [tmp_path / 'in/a.png']
    assert find_sources(f'{tmp_path}/**/*.png', tmp_path / 'in')[0] == [tmp_path / 'b.png']
    with pytest.raises(DataError, match='outside of'):
        find_sources(f'{tmp_path}/*/a.png', tmp_path / 'in')


@pytest.mark.fault
def test_files_that_are_not_translated_are_counted(run: Path, tmp_path: Path) -> None:
    sources = draw(tmp_path / 'in', 'a.png', 'sub/b.PNG')
    for name in ('1.psd', '2.PSD', 'sub/3.txt', 'README', '.hidden', '.git/x.psd'):
        (sources / name).parent.mkdir(exist_ok=True)
        (sources / name).touch()
    code, out, _ = translate(run, sources, tmp_path / 'out')
    assert code == 0 and '2 translated' in out
    assert '4 other files left out (2 .psd, 1 .txt, 1 without suffix); images end in .png, ' in out
    assert sources_of(f'{sources}/*').left_out[0].startswith('3 other files left out (2 .psd, 1 without suffix)')
    assert sources_of(sources / 'a.png').left_out == []
