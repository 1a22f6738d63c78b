"""Photographs as viewers show them: turned by the orientation tag, in sRGB; and the same wherever a run reads files."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import toolbox
from mmengine.config import Config
from passing import PassingNet
from PIL import Image, ImageCms, ImageOps

from toolbox.data import showing
from toolbox.data.io import image_size, read_image, read_numbers, write_image
from toolbox.data.masks import read_mask
from toolbox.data.sets.classes import ImageFolder
from toolbox.data.sets.datasets import PairedDataset, UnpairedDataset
from toolbox.data.sets.masked import MaskedImages
from toolbox.data.sets.semantic import SemanticDataset
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.files.checkpoint import read_checkpoint, write_checkpoint
from toolbox.metrics.folders import evaluate_folders, metric_of
from toolbox.use.translator import Translator

RNG = np.random.default_rng(0)
WIDE = RNG.integers(0, 256, (8, 16, 3), np.uint8)
D50 = np.array([0.9642, 1.0, 0.8249])
# Red, green and blue of a space wider than sRGB, whose sum is D50.
PRIMARIES = np.array([[0.5151, 0.2412, -0.0011], [0.2920, 0.6922, 0.0419], [0.1571, 0.0666, 0.7841]])
TO_LINEAR_SRGB = np.array([[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540],
                           [0.0719453, -0.2289914, 1.4052427]])  # of XYZ with D50


def save(path: Path, image: np.ndarray, orientation: int = 1, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[showing.ORIENTATION] = orientation
    lossless = {'.webp': dict(lossless=True)}.get(path.suffix, {})
    tags = dict(tiffinfo={274: orientation}) if path.suffix == '.tif' else dict(exif=exif)
    Image.fromarray(image).save(path, **tags, **lossless, **options)
    return path


def profile(space: bytes, tags: dict[bytes, bytes], kind: bytes = b'mntr', pcs: bytes = b'XYZ ') -> bytes:
    """An ICC profile of version 2."""
    tags = {b'desc': b'desc' + bytes(4) + struct.pack('>I', 5) + b'test\0' + bytes(78),
            b'cprt': b'text' + bytes(4) + b'none\0', b'wtpt': xyz(D50), **tags}
    at, table, content = 132 + 12 * len(tags), b'', b''
    for name, value in tags.items():
        table += name + struct.pack('>II', at + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    head = (struct.pack('>I', at + len(content)) + bytes(4) + b'\2\x20\0\0' + kind + space + pcs + bytes(12) + b'acsp'
            + bytes(28) + b''.join(s15(value) for value in D50) + bytes(48))
    assert len(head) == 128
    return head + struct.pack('>I', len(tags)) + table + content


def s15(value: float) -> bytes:
    return struct.pack('>i', round(value * 65536))


def xyz(values: np.ndarray) -> bytes:
    return b'XYZ ' + bytes(4) + b''.join(map(s15, values))


GAMMA = b'curv' + bytes(4) + struct.pack('>IH', 1, round(1.8 * 256))
WIDE_GAMUT = profile(b'RGB ', {**{n + b'XYZ': xyz(p) for n, p in zip((b'r', b'g', b'b'), PRIMARIES, strict=True)},
                               **{n + b'TRC': GAMMA for n in (b'r', b'g', b'b')}})
DARK_GRAY = profile(b'GRAY', {b'kTRC': GAMMA})
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light as levels of sRGB (IEC 61966-2-1)."""
    x = np.clip(linear, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize('orientation', range(1, 9))
def test_pictures_are_turned_as_viewers_turn_them(orientation: int, tmp_path: Path) -> None:
    for suffix in ('.png', '.webp', '.tif', '.jpg'):
        path = save(tmp_path / f'x{suffix}', WIDE, orientation)
        with Image.open(path) as picture:
            shown = np.asarray(ImageOps.exif_transpose(picture.convert('RGB')) if suffix != '.tif' else picture)
        stored = read_image(path)
        assert stored.shape == (8, 16, 3)
        np.testing.assert_array_equal(read_image(path, pixels='shown'), showing.turned(stored, orientation))
        if suffix != '.jpg':  # of which two decoders round differently
            np.testing.assert_array_equal(read_image(path, pixels='shown'), shown)
        assert image_size(path, 'shown') == shown.shape[:2] and image_size(path) == (8, 16)


def test_the_tag_of_scans_maps_masks_and_of_a_png_that_says_it_last_counts(tmp_path: Path) -> None:
    tifffile = pytest.importorskip('tifffile')
    scan = RNG.integers(-99, 99, (8, 16, 5)).astype(np.int16)
    tifffile.imwrite(tmp_path / 'scan.tif', scan, photometric='minisblack', planarconfig='contig',
                     extratags=[(274, 3, 1, 6, True)])
    np.testing.assert_array_equal(read_image(tmp_path / 'scan.tif', 5, 'shown'), np.rot90(scan, -1))
    path, gray = tmp_path / 'x.png', WIDE[:, :, 0]
    data = save(path, gray, 6).read_bytes()
    at = data.index(b'eXIf') - 4
    end = at + 12 + int.from_bytes(data[at:at + 4], 'big')
    iend = data.index(b'IEND') - 4
    path.write_bytes(data[:at] + data[end:iend] + data[at:end] + data[iend:])
    upright = np.rot90(gray, -1)
    np.testing.assert_array_equal(read_image(path, 1, 'shown')[:, :, 0], upright)
    np.testing.assert_array_equal(read_numbers(path, 'shown'), upright)
    np.testing.assert_array_equal(read_mask(path, 'shown')[:, :, 0] > 0, upright > 127)
    np.testing.assert_array_equal(read_numbers(path), gray)


@pytest.mark.fault
@pytest.mark.parametrize('exif', [
    b'', b'Exif\0\0', b'Exif\0\0MM\0*\0\0\xff\xff', bytes(40),
    b'Exif\0\0II*\0\b\0\0\0\1\0\x12\1\3\0\1\0\0\0\x09\0\0\0'])
def test_a_damaged_tag_turns_nothing(exif: bytes, tmp_path: Path) -> None:
    assert showing.orientation_in(exif) == 1
    Image.fromarray(WIDE).save(tmp_path / 'x.png', exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / 'x.png', pixels='shown'), WIDE)


def test_colours_of_a_profile_become_those_of_srgb(tmp_path: Path) -> None:
    path = save(tmp_path / 'x.png', np.dstack([WIDE, WIDE[:, :, :1]]), icc_profile=WIDE_GAMUT)
    expected = encoded((WIDE / 255) ** 1.8 @ PRIMARIES @ TO_LINEAR_SRGB.T)
    shown = read_image(path, 4, 'shown')
    assert np.abs(shown[:, :, :3] - expected).max() < 2.5 and np.abs(expected - WIDE).max() > 40
    np.testing.assert_array_equal(shown[:, :, 3], WIDE[:, :, 0])
    np.testing.assert_array_equal(read_image(path, 3), WIDE)
    gray = read_image(save(tmp_path / 'g.png', WIDE[:, :, 0], icc_profile=DARK_GRAY), 1, 'shown')[:, :, 0]
    assert np.abs(gray - encoded((WIDE[:, :, 0] / 255) ** 1.8)).max() < 1.5
    for name, image, icc in (('s', WIDE, SRGB), ('sg', WIDE[:, :, 0], SRGB)):
        same = read_image(save(tmp_path / f'{name}.png', image, icc_profile=icc), None, 'shown')
        np.testing.assert_array_equal(same.squeeze(), image)


def test_inks_become_the_colours_that_their_profile_gives_them(tmp_path: Path) -> None:
    # Two grid points in each of four inks: no ink is white, anything with black is black, all others are a mid-gray.
    lab = np.zeros((2, 2, 2, 2, 3), np.uint8)
    lab[..., 0, :] = 128
    lab[0, 0, 0, 0] = 255, 128, 128
    lab[..., 1:] = 128
    line = np.arange(256, dtype=np.uint8).tobytes()
    lut = (b'mft1' + bytes(4) + bytes((4, 3, 2, 0)) + b''.join(map(s15, np.eye(3).ravel())) + 4 * line + lab.tobytes()
           + 3 * line)
    inks = np.zeros((8, 16, 4), np.uint8)
    inks[:, 4:8, 0], inks[:, 8:, 3] = 255, 255
    picture = Image.frombytes('CMYK', (16, 8), inks.tobytes())
    picture.save(tmp_path / 'x.jpg', quality=100, icc_profile=profile(b'CMYK', {b'A2B0': lut}, b'prtr', b'Lab '))
    shown = read_image(tmp_path / 'x.jpg', pixels='shown')[4, [1, 6, 14]].astype(int)
    assert np.abs(shown - [[255] * 3, [119] * 3, [0] * 3]).max() <= 6  # L* = 50 is 119
    assert np.abs(read_image(tmp_path / 'x.jpg')[4, 6].astype(int) - [0, 255, 255]).max() < 20  # cyan, without it


@pytest.mark.fault
def test_profiles_that_cannot_be_used_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, '_said', set())
    said: list[str] = []
    monkeypatch.setattr(showing, 'print_log', lambda message, **_: said.append(message))
    for i, icc in enumerate((b'nonsense', DARK_GRAY, WIDE_GAMUT[:200])):
        path = save(tmp_path / f'{i}.png', WIDE, icc_profile=icc)
        np.testing.assert_array_equal(read_image(path, pixels='shown'), WIDE)
    assert len(said) == 1 and "0.png: its colour profile is not used" in said[0]
    deep = np.frombuffer(RNG.bytes(8 * 16 * 6), '>u2').reshape(8, 16, 3)
    Image.fromarray(WIDE).save(tmp_path / 'x.png', icc_profile=WIDE_GAMUT)
    data, other = (tmp_path / 'x.png').read_bytes(), tmp_path / 'deep.png'
    write_image(other, deep.astype(np.uint16))
    at = data.index(b'iCCP') - 4
    chunk = data[at:at + 12 + int.from_bytes(data[at:at + 4], 'big')]
    other.write_bytes(other.read_bytes()[:33] + chunk + other.read_bytes()[33:])
    np.testing.assert_array_equal(read_image(other, pixels='shown'), deep)
    assert len(said) == 2 and "deep.png: its colours are in the profile 'test', and not converted" in said[1]


def test_label_maps_are_turned_and_keep_their_numbers(tmp_path: Path) -> None:
    labels = RNG.integers(0, 4, (8, 16), np.uint8)
    save(tmp_path / 'train_label/0.png', labels, 6, icc_profile=DARK_GRAY)
    save(tmp_path / 'train_img/0.png', WIDE, 6)
    sample = SemanticDataset(str(tmp_path), classes=4)[0]
    np.testing.assert_array_equal(sample['label_map'].numpy(), np.rot90(labels, -1))
    np.testing.assert_array_equal(sample['img'].numpy().transpose(1, 2, 0), np.rot90(WIDE, -1))
    palette = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    save(tmp_path / 'train_label/0.png', np.array(palette, np.uint8)[labels], 6, icc_profile=WIDE_GAMUT)
    sample = SemanticDataset(str(tmp_path), classes=4, palette=palette, coded='colours')[0]
    np.testing.assert_array_equal(sample['label_map'].numpy(), np.rot90(labels, -1))


@pytest.mark.fault
def test_pairs_of_which_one_was_turned_are_an_error_that_says_what_to_type(tmp_path: Path) -> None:
    for folder in ('trainA', 'train_img', 'images'):
        save(tmp_path / f'{folder}/0.png', WIDE, 6)
    for folder in ('trainB', 'train_label', 'masks'):
        write_image(tmp_path / f'{folder}/0.png', np.zeros((8, 16), np.uint8))
    hint = r"0\.png' was turned by its orientation tag; .* write pixels='stored'"
    steps = [dict(type='RandomCrop', size=4)]
    with pytest.raises(DataError, match=hint):
        PairedDataset(str(tmp_path), pipeline=steps)[0]
    with pytest.raises(DataError, match=hint):
        SemanticDataset(str(tmp_path), classes=4)[0]
    with pytest.raises(DataError, match=hint):
        MaskedImages(str(tmp_path))[0]
    assert PairedDataset(str(tmp_path), pipeline=steps, pixels='stored')[0]['A'].shape == (3, 4, 4)


def test_side_by_side_pairs_are_cut_as_they_are_shown(tmp_path: Path) -> None:
    save(tmp_path / 'train/0.png', np.rot90(WIDE).copy(), 6)  # stored upright it is 16 high and 8 wide
    sample = PairedDataset(str(tmp_path))[0]
    np.testing.assert_array_equal(sample['B'].numpy().transpose(1, 2, 0), WIDE[:, 8:])


# Runs

def draw(root: Path, orientation: int = 6) -> Path:
    for i, folder in enumerate(('trainA', 'trainB', 'testA', 'testB')):
        save(root / folder / '0.png', np.roll(WIDE, i, 1), orientation, icc_profile=WIDE_GAMUT)
    return root


def config(data: Path, run: Path, iters: int = 1, **options: Any) -> Config:
    sgd = dict(type='SGD', lr=0.0)
    loader = dict(batch_size=1, dataset=dict(type='PairedDataset', data_root=str(data), split='train'))
    entries = dict(
        model=dict(type='Pix2Pix', G=dict(type=PassingNet.__name__), D=dict(type='PatchDiscriminator', base_channels=2,
                                                                       layers=1)),
        train_dataloader=loader, val_dataloader=dict(loader, dataset=dict(loader['dataset'], split='test')),
        val_evaluator=[dict(type='L1')],
        optim_wrapper=dict(G=dict(nets=('G',), optimizer=sgd), D=dict(nets=('D',), optimizer=sgd)),
        train_cfg=dict(max_iters=iters, val_interval=1), work_dir=str(run))
    file = run.parent / f'{run.name}.py'
    file.write_text('\n'.join(f'{name} = {value!r}' for name, value in entries.items()))
    return load_config(file, options)


@pytest.fixture(scope='module')
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that sees pixels as shown, one that takes them as stored, and one of before there was a choice."""
    folder = tmp_path_factory.mktemp('runs')
    data = draw(folder / 'data')
    Runner.from_cfg(config(data, folder / 'shown')).train()
    Runner.from_cfg(config(data, folder / 'stored', **{'train_dataloader.dataset.pixels': 'stored'})).train()
    Runner.from_cfg(config(data, folder / 'old', **{'train_dataloader.dataset.pixels': 'stored'})).train()
    checkpoint = read_checkpoint(folder / 'old/iter_1.pth')
    assert checkpoint['facts'].pop('pixels') == 'stored'
    for stage in ('train', 'val', 'test'):
        del checkpoint['config'][f'{stage}_dataloader']['dataset']['pixels']
    write_checkpoint(checkpoint, folder / 'old/iter_1.pth')
    return folder


def test_a_run_reads_pixels_as_shown_and_its_checkpoint_says_so(runs: Path) -> None:
    assert read_checkpoint(runs / 'shown/iter_1.pth')['facts']['pixels'] == 'shown'
    assert read_checkpoint(runs / 'stored/iter_1.pth')['facts']['pixels'] == 'stored'
    log, = (runs / 'stored').rglob('*.log')
    assert "have an orientation tag" in log.read_text()
    file = runs / 'data/testA/0.png'
    np.testing.assert_array_equal(UnpairedDataset(str(runs / 'data'))[0]['A'].numpy().transpose(1, 2, 0),
                                  read_image(runs / 'data/trainA/0.png', pixels='shown'))
    for run, pixels in (('shown', 'shown'), ('stored', 'stored'), ('old', 'stored')):
        np.testing.assert_array_equal(Translator(runs / run)(file), read_image(file, pixels=pixels))
    assert not np.array_equal(np.rot90(read_image(file), -1), read_image(file, pixels='shown'))  # colours, too


def test_translations_and_scores_follow_the_training(runs: Path, tmp_path: Path) -> None:
    for run, pixels in (('shown', 'shown'), ('old', 'stored')):
        out = tmp_path / run
        assert toolbox('translate', str(runs / run), str(runs / 'data/testA'), str(out), '--device', 'cpu')[0] == 0
        np.testing.assert_array_equal(read_image(out / '0.png'), read_image(runs / 'data/testA/0.png', pixels=pixels))
        code, printed, err = toolbox('test', str(runs / f'{run}.py'), str(runs / run), '--out', str(out / 'tested'))
        assert code == 0, err
        score = float(next(line for line in printed.splitlines() if re.match(r'L1: [\d.]+$', line))[4:])
        a, b = (read_image(runs / f'data/test{key}/0.png', pixels=pixels).astype(float) for key in 'AB')
        assert score == pytest.approx(np.abs(a - b).mean() / 255, rel=1e-5)
        values, _ = evaluate_folders(runs / 'data/testB', out / 'tested/fake_B', [metric_of('l1')], pixels=pixels)
        assert values['L1'] == pytest.approx(score, rel=1e-5)


@pytest.mark.fault
def test_an_old_run_goes_on_with_stored_pixels_and_others_are_refused(runs: Path, tmp_path: Path) -> None:
    data, old = runs / 'data', str(runs / 'old/iter_1.pth')
    Runner.from_cfg(config(data, tmp_path / 'on', 2, load_from=old, resume=True)).train()
    assert read_checkpoint(tmp_path / 'on/iter_2.pth')['facts']['pixels'] == 'stored'
    other = {'train_dataloader.dataset.pixels': 'shown', 'load_from': old}
    with pytest.raises(ConfigError, match=r"pixels: 'stored' in .*iter_1\.pth, but 'shown' in train_dataloader"):
        Runner.from_cfg(config(data, tmp_path / 'a', 2, resume=True, **other)).train()
    with pytest.raises(ConfigError, match=r"pixels: 'stored' in .*iter_1\.pth, but 'shown' in test_dataloader"):
        Runner.from_cfg(config(data, tmp_path / 'b', **other), trains=False).test()
    Runner.from_cfg(config(data, tmp_path / 'c', **other)).train()  # a new training from old weights
    assert read_checkpoint(tmp_path / 'c/iter_1.pth')['facts']['pixels'] == 'shown'
    checkpoint = read_checkpoint(Path(old))
    checkpoint['facts']['pixels'] = 'sideways'
    write_checkpoint(checkpoint, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError, match=r"odd\.pth: facts\.pixels is 'sideways'"):
        Translator(tmp_path / 'odd.pth')


def test_frames_that_are_left_out_are_said(runs: Path, tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(WIDE, i, 0)) for i in range(3)]
    (tmp_path / 'in').mkdir()
    for name in ('a.gif', 'b.webp', 'c.tif'):
        frames[0].save(tmp_path / 'in' / name, save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / 'in/d.png')
    dataset = ImageFolder(str(tmp_path / 'in'))
    assert len(dataset.remarks) == 1
    assert '3 of the 4 files looked at have several frames' in dataset.remarks[0] and "a.gif': 3)" in dataset.remarks[0]
    _, printed, err = toolbox('translate', str(runs / 'shown'), str(tmp_path / 'in'), str(tmp_path / 'out'))
    assert 'with several frames or pages, of which the first was used (a.gif: 3)' in printed + err
    assert printed.count('3 with several frames') + err.count('3 with several frames') == 1
