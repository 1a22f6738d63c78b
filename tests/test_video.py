"""Videos through a translator: every frame as an image, one at a time, and whole files or none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import strangers  # noqa: F401  registers HoleFiller and Enlarger
from commands import command
from test_inference import cyclegan, image, save
from test_stargan_use import STARGAN

from toolbox import Translator
from toolbox.data.io import write_image
from toolbox.errors import ConfigError, DataError
from toolbox.use import video as videos
from toolbox.use import video_files
from toolbox.use.outputs import find_sources, sources_of
from toolbox.use.video import Steady, statistics
from toolbox.use.video_files import CODECS, Frames, VideoFile, closing

EXACT = 'FFV1'  # loses nothing


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp('run') / 'a.pth', cyclegan())


def clip(path: Path, frames: int = 5, size: tuple[int, int] = (32, 48), rate: float = 12.5,
         codec: str = EXACT) -> list[np.ndarray]:
    """A square that moves over a smooth background."""
    path.parent.mkdir(parents=True, exist_ok=True)
    back = cv2.resize(image(4, 5, seed=3), size[::-1], interpolation=cv2.INTER_CUBIC)
    drawn = [cv2.rectangle(back.copy(), (3 * i, 4), (3 * i + 9, 15), (250, 40, 10 * i), -1) for i in range(frames)]
    with closing(VideoFile(path, rate, codec)) as file:
        for frame in drawn:
            file.write(frame)
    return drawn


def frames_of(path: Path) -> list[np.ndarray]:
    with closing(Frames(path)) as frames:
        return list(frames)


@pytest.mark.parametrize('suffix', CODECS)
def test_every_format_is_written_and_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'a{suffix}'
    drawn = clip(path, codec=CODECS[suffix])
    with closing(Frames(path)) as frames:
        assert frames.rate == pytest.approx(12.5) and abs(frames.count - 5) <= 1
        read = list(frames)
    assert len(read) == 5
    right, swapped = (np.abs(np.array(read, int) - np.array(other)).mean() for other in (
        drawn, [frame[:, :, ::-1] for frame in drawn]))
    assert right < 8 and swapped > 25, (right, swapped)  # formats halve the size of colours


def test_every_frame_is_translated_as_an_image(run: Path, tmp_path: Path) -> None:
    drawn, t = clip(tmp_path / 'a.avi'), Translator(run, device='cpu')
    made = t.video(tmp_path / 'a.avi', tmp_path / 'out/b.mkv', codec=EXACT)
    assert (made.frames, made.missing, made.notes) == (5, 0, [])
    np.testing.assert_array_equal(frames_of(made.path), [t(frame) for frame in drawn])
    with closing(Frames(made.path)) as frames:
        assert frames.rate == pytest.approx(12.5)


def test_frames_are_not_collected(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame is read when the one before it is written."""
    clip(tmp_path / 'a.avi')
    seen, read = [], Frames.__iter__
    monkeypatch.setattr(Frames, '__iter__', lambda self: (seen.append('read') or frame for frame in read(self)))
    Translator(run, device='cpu').video(tmp_path / 'a.avi', tmp_path / 'b.avi', progress=lambda *n: seen.append(n))
    assert seen[:10] == [step for i in range(1, 6) for step in ('read', (i, 5))]


def test_an_odd_side_grows_by_a_pixel_and_is_told(run: Path, tmp_path: Path) -> None:
    t = Translator(save(tmp_path / 'x.pth', dict(
        type='Enlarger', G=dict(type='StrangeNet', scale=4), E=dict(type='StrangeEncoder'))), device='cpu')
    drawn = clip(tmp_path / 'a.avi', 3)
    made = t.video(tmp_path / 'a.avi', tmp_path / 'b.avi', codec=EXACT)
    np.testing.assert_array_equal(frames_of(made.path), [t(frame) for frame in drawn])
    assert made.notes == [] and frames_of(made.path)[0].shape == (128, 192, 3)
    with closing(VideoFile(tmp_path / 'odd.avi', 5, EXACT)) as file:
        file.write(odd := image(17, 21))
    assert np.array_equal(frames_of(tmp_path / 'odd.avi')[0], np.pad(odd, ((0, 1), (0, 1), (0, 0)), mode='edge'))


def test_a_folder_of_images_and_videos(run: Path, tmp_path: Path) -> None:
    drawn = clip(tmp_path / 'in/sub/a.avi')
    clip(tmp_path / 'in/b.mp4', codec='mp4v')
    write_image(tmp_path / 'in/a.png', drawn[0])
    argv = ('translate.py', str(run), str(tmp_path / 'in'), str(tmp_path / 'out'), '--device', 'cpu')
    code, out, err = command(*argv, '--suffix', '.tif')  # of images alone
    assert (code, err) == (0, '') and '3 translated' in out and out.count('the sound of videos is dropped') == 1
    assert {path.relative_to(tmp_path / 'out').as_posix() for path in (tmp_path / 'out').rglob('*.*')} == {
        'a.tif', 'b.mp4', 'sub/a.avi'}
    stamp = (tmp_path / 'out/b.mp4').stat().st_mtime_ns
    code, out, _ = command(*argv, '--suffix', '.tif')
    assert code == 0 and '3 already there and kept' in out and 'sound' not in out
    assert (tmp_path / 'out/b.mp4').stat().st_mtime_ns == stamp
    code, out, _ = command(*argv, '--suffix', '.mkv', '--overwrite', '--side-by-side', '--codec', EXACT)  # of videos
    assert code == 0 and (tmp_path / 'out/sub/a.mkv').is_file() and (tmp_path / 'out/a.png').is_file()
    made = frames_of(tmp_path / 'out/sub/a.mkv')[2]
    assert made.shape == (32, 96, 3) and np.array_equal(made[:, :48], drawn[2])


def test_who_takes_no_videos_leaves_them_out(tmp_path: Path) -> None:
    clip(tmp_path / 'b.avi')
    write_image(tmp_path / 'a.png', image(8, 8))
    assert find_sources(tmp_path)[0] == [tmp_path / 'a.png']
    assert sources_of(tmp_path, videos=True).files == [tmp_path / 'a.png', tmp_path / 'b.avi']
    assert sources_of(f'{tmp_path}/*.avi', videos=True).files == [tmp_path / 'b.avi']
    with pytest.raises(DataError, match='no image file'):
        sources_of(f'{tmp_path}/*.avi')


def test_what_is_guessed_is_guessed_from_the_first_frame(tmp_path: Path) -> None:
    clip(tmp_path / 'a.avi')
    t, seen, asked = Translator(save(tmp_path / 's.pth', STARGAN), 'Male', device='cpu'), [], []
    t.model.G.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[1][0].tolist())))
    t.model.D.register_forward_pre_hook(lambda _, inputs: asked.append(inputs[0].shape))
    t.video(tmp_path / 'a.avi', tmp_path / 'b.avi')
    assert len(asked) == 1 and len(seen) == 5 and len(set(seen)) == 1


def test_a_mask_is_a_picture_for_all_frames_or_a_video(tmp_path: Path) -> None:
    run = save(tmp_path / 'f.pth', dict(type='HoleFiller', G=dict(type='StrangeNet', in_channels=4)))
    t, drawn = Translator(run, device='cpu'), clip(tmp_path / 'in/a.avi')
    mask = np.zeros((32, 48), np.uint8)
    mask[8:20, 10:30] = 255
    masks = [np.roll(mask, 3 * i, 1) for i in range(5)]
    write_image(tmp_path / 'mask.png', mask)
    with closing(VideoFile(tmp_path / 'masks/a.avi', 5, EXACT)) as file:
        (tmp_path / 'masks').mkdir()
        for one in masks:
            file.write(np.repeat(one[:, :, None], 3, 2))
    for given, expected in ((tmp_path / 'mask.png', [mask] * 5), (tmp_path / 'masks', masks)):
        summary = t.folder(tmp_path / 'in', tmp_path / 'out', mask=given, codec=EXACT, overwrite=True)
        assert not summary.failed
        np.testing.assert_array_equal(frames_of(tmp_path / 'out/a.avi'), [
            t({'img': frame, 'mask': one}) for frame, one in zip(drawn, expected, strict=True)])
    clip(tmp_path / 'in/long.avi', 7)
    shutil.copy(tmp_path / 'masks/a.avi', tmp_path / 'masks/long.avi')
    summary = t.folder(tmp_path / 'in', tmp_path / 'out', mask=tmp_path / 'masks')
    assert 'long.avi: the video of a further input ends before it, after 5 frames' in str(summary)
    assert not (tmp_path / 'out/long.avi').exists()


# Flicker


def flicker(source: list[np.ndarray], made: list[np.ndarray]) -> float:
    """How much the mean of a frame changes against that of the source, in levels, as a root mean square."""
    added = np.array([statistics(b)[0] - statistics(a)[0] for a, b in zip(source, made, strict=True)])
    return float(np.sqrt(np.square(np.diff(added, axis=0)).mean()))


def test_steady_takes_flicker_away_and_leaves_what_the_source_does(tmp_path: Path) -> None:
    rng, source = np.random.default_rng(0), clip(tmp_path / 'a.avi', 40)
    source[20:] = [frame // 2 for frame in source[20:]]  # the light goes out
    shaken = [np.clip(frame * rng.normal(0.9, 0.06, 3) + rng.normal(10, 6, 3), 0, 255).astype(np.uint8)
              for frame in source]
    before = flicker(source, shaken)
    calm = Steady(0.9)
    steadied = [calm(a, b) for a, b in zip(source, shaken, strict=True)]
    assert before > 5 and flicker(source, steadied) < 0.25 * before
    dark = [statistics(frame)[0].mean() for frame in steadied[19:21]]
    assert dark[1] - dark[0] == pytest.approx(
        statistics(source[20])[0].mean() - statistics(source[19])[0].mean(), abs=6)
    same = Steady(0.9)
    assert all(np.array_equal(same(frame, frame), frame) for frame in source)  # an identity stays one
    nothing = Steady(0)
    assert all(nothing(a, b) is b for a, b in zip(source, shaken, strict=True))


def test_steady_is_an_exponential_average() -> None:
    gray = np.full((8, 8, 3), 100, np.uint8)
    calm = Steady(0.75)
    assert [int(calm(gray, gray + add)[0, 0, 0]) for add in (0, 20, 20, 0)] == [100, 105, 109, 107]
    unknown = Steady(0.5)  # a label map has no brightness
    assert [int(unknown(None, gray + add)[0, 0, 0]) for add in (0, 20, 20)] == [100, 110, 115]


def test_the_command_steadies(run: Path, tmp_path: Path) -> None:
    clip(tmp_path / 'a.avi')
    argv = ('translate.py', str(run), str(tmp_path / 'a.avi'), str(tmp_path / 'out'), '--device', 'cpu', '--codec',
            EXACT)
    assert command(*argv, '--steady', '0.9')[0] == 0
    t = Translator(run, device='cpu')
    t.video(tmp_path / 'a.avi', tmp_path / 'b.avi', codec=EXACT, steady=0.9)
    t.video(tmp_path / 'a.avi', tmp_path / 'c.avi', codec=EXACT)
    made = frames_of(tmp_path / 'out/a.avi')
    np.testing.assert_array_equal(made, frames_of(tmp_path / 'b.avi'))
    assert not np.array_equal(made, frames_of(tmp_path / 'c.avi'))
    code, _, err = command(*argv, '--steady', '1')
    assert code == 2 and 'steady: expected a number from 0 to below 1' in err


# Faults


@pytest.mark.fault
def test_a_cut_video_gives_the_frames_that_it_has(run: Path, tmp_path: Path) -> None:
    drawn = clip(tmp_path / 'in/a.avi', 20, codec='MJPG')
    data = (tmp_path / 'in/a.avi').read_bytes()
    (tmp_path / 'in/a.avi').write_bytes(data[:len(data) // 2])
    code, _, err = command('translate.py', str(run), str(tmp_path / 'in'), str(tmp_path / 'out'), '--device', 'cpu')
    there = len(frames_of(tmp_path / 'out/a.avi'))
    assert 5 < there < len(drawn) and code == 1
    assert f'a.avi: {there} of 20 frames could be read; the result ends there' in err and '1 translated' in err


@pytest.mark.fault
@pytest.mark.parametrize('damage', ['cut', 'text', 'empty', 'folder'])
def test_a_video_that_cannot_be_read_does_not_stop_the_others(run: Path, tmp_path: Path, damage: str) -> None:
    clip(tmp_path / 'in/a.mp4', codec='mp4v')
    clip(tmp_path / 'in/b.avi')
    bad = tmp_path / 'in/a.mp4'
    bad.write_bytes({'cut': bad.read_bytes()[:-400], 'text': b'no video at all', 'empty': b''}.get(damage, b''))
    if damage == 'folder':
        bad.unlink()
        bad.symlink_to(tmp_path / 'gone.mp4')
    code, _, err = command('translate.py', str(run), str(tmp_path / 'in'), str(tmp_path / 'out'), '--device', 'cpu')
    assert code == 1 and 'Traceback' not in err and '1 translated' in err and '1 failed' in err
    assert f'{bad}: {"no such video file" if damage == "folder" else "not a video that OpenCV can read here"}' in err
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['b.avi']


@pytest.mark.fault
@pytest.mark.parametrize('end', [KeyboardInterrupt, DataError])
def test_a_translation_that_ends_early_leaves_no_half_video(run: Path, tmp_path: Path, end: type) -> None:
    clip(tmp_path / 'a.avi')
    t = Translator(run, device='cpu')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/a.avi').write_bytes(b'the old one')

    def stop(done: int, _: int) -> None:
        if done == 3:
            raise end('stop')

    with pytest.raises(end):
        t.video(tmp_path / 'a.avi', tmp_path / 'out/a.avi', overwrite=True, progress=stop)
    assert [(path.name, path.read_bytes()) for path in (tmp_path / 'out').iterdir()] == [('a.avi', b'the old one')]


@pytest.mark.fault
def test_a_disk_that_takes_nothing_is_noticed(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV's writer reports nothing: the file is looked at afterwards."""
    clip(tmp_path / 'in/a.avi', 12)
    t, release = Translator(run, device='cpu'), VideoFile.close

    def half(self: VideoFile) -> None:
        release(self)
        if self.frames == 12:
            data = self.path.read_bytes()
            self.path.write_bytes(data[:len(data) * 4 // 5])

    monkeypatch.setattr(VideoFile, 'close', half)
    summary = t.folder(tmp_path / 'in', tmp_path / 'out')
    assert 'the 12 frames could not be written whole' in str(summary) and not list((tmp_path / 'out').iterdir())
    monkeypatch.setattr(video_files.shutil, 'disk_usage', lambda _: SimpleNamespace(free=0))
    with pytest.raises(DataError, match=r'No space left on device\. Make room, and repeat the command'):
        t.folder(tmp_path / 'in', tmp_path / 'out')


@pytest.mark.fault
@pytest.mark.parametrize(('options', 'said'), [
    (dict(codec='XXXX'), "cannot write .avi with the codec 'XXXX'"), (dict(codec='toolong'), 'codec: expected four'),
    (dict(destination='b.wmv'), r'b\.wmv: a video that is written ends in \.mp4'),
    (dict(destination='a.avi', overwrite=True), 'is already there'), (dict(destination='old.avi'), 'is already there')])
def test_what_cannot_be_written_is_refused(run: Path, tmp_path: Path, options: dict, said: str) -> None:
    clip(tmp_path / 'a.avi')
    (tmp_path / 'old.avi').write_bytes(b'old')
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    options = {'destination': 'b.avi', **options}
    with pytest.raises((ConfigError, DataError), match=said):
        Translator(run, device='cpu').video(tmp_path / 'a.avi', tmp_path / options.pop('destination'), **options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_rate_that_is_not_stated_is_the_usual_one(run: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    clip(tmp_path / 'a.avi')
    start: Callable = Frames.__init__

    def without(self: Frames, path: Path) -> None:
        start(self, path)
        self.rate = None if path.name == 'a.avi' else self.rate

    monkeypatch.setattr(videos.Frames, '__init__', without)
    made = Translator(run, device='cpu').video(tmp_path / 'a.avi', tmp_path / 'b.avi')
    assert made.notes == ['b.avi: the source states no frame rate; 25 per second']


def test_heat_maps_are_of_images(tmp_path: Path) -> None:
    from test_translate_files import UGATIT
    clip(tmp_path / 'in/a.avi')
    t = Translator(save(tmp_path / 'u.pth', UGATIT), device='cpu')
    with pytest.raises(ConfigError, match=r'heat maps are made of images; .*a\.avi is a video'):
        t.folder(tmp_path / 'in', tmp_path / 'out', attention=True)
    cut = Translator(tmp_path / 'u.pth', device='cpu', tile=64)
    with pytest.raises(ConfigError, match='not made in strips'):
        cut.files([], tmp_path / 'out', attention=True)
