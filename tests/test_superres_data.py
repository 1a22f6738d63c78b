"""Small and large images of one scene: sets, degradations and what both share."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from tiny import draw_labelled

from toolbox.data.degradations import CV2
from toolbox.data.io import write_image
from toolbox.errors import ConfigError, DataError
from toolbox.randomness.keys import SampleKey, seeded
from toolbox.registry import DATASETS, TRANSFORMS, build
from toolbox.resampling import imresize

SHARED = [dict(type='ScaledCrop', size=24), dict(type='RandomFlip'), dict(type='RandomTurn')]


def photograph(height: int = 50, width: int = 70, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    full = np.iinfo(dtype).max
    coarse = np.random.default_rng(seed).uniform(0.1, 0.9, (12, 16, 3)) * full
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).round().astype(dtype)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, dtype in enumerate((np.uint8, np.uint16)):
        (tmp_path / 'HR').mkdir(exist_ok=True)
        write_image(tmp_path / f'HR/{i}.png', photograph(dtype=dtype, seed=i))
    return tmp_path


def dataset(folder: Path, **args: object):
    return build(dict(type='SuperResolutionDataset', **{'data_root': folder, 'HR': 'HR', 'scale': 4, **args}), DATASETS)


def as_image(tensor: torch.Tensor) -> np.ndarray:
    return tensor.permute(1, 2, 0).numpy()


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_hr_is_cut_to_a_multiple_and_lr_is_matlabs(folder, scale):
    data = dataset(folder, scale=scale)
    for i, dtype in enumerate((np.uint8, np.uint16)):
        hr = photograph(dtype=dtype, seed=i)[:50 // scale * scale, :70 // scale * scale]
        sample = data[i]
        assert np.array_equal(as_image(sample['HR']), hr) and sample['HR'].numpy().dtype == dtype
        assert np.array_equal(as_image(sample['LR']), imresize(hr, 1 / scale))
        assert sample['meta']['LR_size'] == (50 // scale, 70 // scale)
        assert sample['meta']['HR_path'].endswith(f'HR/{i}.png')
    assert data.facts() == {'channels': {'LR': 3, 'HR': 3}, 'pixels': 'shown'}


def test_crops_flips_and_turns_are_those_of_both(folder):
    """Nearest neighbours commute with all of them: LR stays the same function of HR."""
    data = dataset(folder, degradation=[dict(type='Downscale', by='cv2_nearest')], pipeline=SHARED, max_samples=1)
    seen = set()
    for seed in range(40):
        sample = data[SampleKey(0, seed)]
        lr, hr = sample['LR'], sample['HR']
        assert lr.shape == (3, 6, 6) and hr.shape == (3, 24, 24)
        shifts = {(y, x) for y in (0, 3) for x in (0, 3) if torch.equal(hr[:, y::4, x::4], lr)}
        assert len(shifts) == 1, 'LR is not of the same window'  # the corner that is kept turns with the image
        seen |= shifts
        assert torch.equal(data[SampleKey(0, seed)]['HR'], hr)
    assert len(seen) == 4


def test_turns_reach_all_eight_orientations():
    turn, flip = build(dict(type='RandomTurn'), TRANSFORMS), build(dict(type='RandomFlip'), TRANSFORMS)
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    with seeded(0):
        seen = {turn(flip({'HR': image}))['HR'].tobytes() for _ in range(100)}
    assert len(seen) == 8


def test_lr_from_files_by_name(folder):
    (folder / 'LR').mkdir()
    for i, name in enumerate(('0', '1x4')):
        write_image(folder / f'LR/{name}.png', np.full((12, 17, 3), 10 + i, np.uint8))
    data = dataset(folder, LR='LR')
    assert [int(data[i]['LR'].float().mean()) for i in range(2)] == [10, 11]
    assert data[1]['HR'].shape == (3, 48, 68) and data[1]['meta']['LR_path'].endswith('LR/1x4.png')
    assert [path.name for path, read in data.files_and_readers() if read() is not None] == [
        '0.png', '0.png', '1.png', '1x4.png']
    both = dataset(folder, HR=['HR', 'HR'], LR=['LR', 'LR'])
    assert len(both) == 4


@pytest.mark.fault
def test_lr_of_another_size_or_name_is_refused(folder):
    (folder / 'LR').mkdir()
    for i in range(2):
        write_image(folder / f'LR/{i}.png', np.zeros((12 + i, 17, 3), np.uint8))
    data = dataset(folder, LR='LR')
    assert data[0]['LR'].shape == (3, 12, 17)
    with pytest.raises(DataError, match=r"LR/1.png'.*HR is 70x50 .*LR must be 17x12, but is 17x13 in its file"):
        data[1]
    (folder / 'LR/1.png').rename(folder / 'LR/1x2.png')
    with pytest.raises(DataError, match=r"2 files in .* are no pair \(1 are\):\n.*HR/1.png: no small image of it .*LR\n"
                                        r".*LR/1x2.png: no photograph of it .*HR\n.*end in 'x4'"):
        dataset(folder, LR='LR')
    with pytest.raises(ConfigError, match='as many folders LR as HR, found 2 and 1'):
        dataset(folder, LR=['LR', 'LR'])
    with pytest.raises(DataError, match='No images found'):
        dataset(folder, HR='missing')
    write_image(folder / 'HR/0.png', np.zeros((3, 9, 3), np.uint8))
    with pytest.raises(DataError, match=r"HR/0.png'.*9x3 .*smaller than the scale 4"):
        dataset(folder)[0]


def test_images_of_another_set_serve_as_hr(folder):
    draw_labelled(folder, np.random.default_rng(0), 5)
    data = build(dict(type='SuperResolutionOf', scale=4, data_root=folder, hr=dict(type='CIFAR10', split='test'),
                      pipeline=SHARED), DATASETS)
    sample = data[3]
    assert len(data) == 5 and sample['HR'].shape == (3, 24, 24) and sample['LR'].shape == (3, 6, 6)
    assert sample['meta']['HR_path'].endswith('test/00003.png') and 'label' not in sample
    assert data.facts() == {'channels': {'LR': 3, 'HR': 3}}
    early = dict(type='ImageFolder', data_root=folder, split='HR', pipeline=[dict(type='CenterCrop', size=48)])
    sample = build(dict(type='SuperResolutionOf', scale=4, hr=early), DATASETS)[1]
    hr = photograph(dtype=np.uint16, seed=1)[1:49, 11:59]
    assert np.array_equal(as_image(sample['HR']), hr) and np.array_equal(as_image(sample['LR']), imresize(hr, 0.25))
    with pytest.raises(ConfigError, match=r"ImageFolder has no images 'A'; it has \['img'\]"):
        build(dict(type='SuperResolutionOf', scale=4, hr=early, key='A'), DATASETS)


def test_drawn_pictures_have_details_that_a_small_image_loses():
    args = dict(type='SuperResolutionOf', scale=4, hr=dict(type='SyntheticPhotographs', size=64, length=9))
    data = build(args, DATASETS)
    lost = [np.abs(as_image(s['HR']).astype(float)
                   - imresize(as_image(s['LR']).astype(float), 4)).mean() for s in (data[i] for i in range(9))]
    assert min(lost) > 2 and torch.equal(data[4]['HR'], build(args, DATASETS)[4]['HR'])
    assert len({data[i]['HR'].numpy().tobytes() for i in range(9)}) == 9


@pytest.mark.parametrize('by', ['matlab', 'pillow_bicubic', 'cv2_area', 'cv2_cubic'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_downscaling_is_that_of_the_named_library(by, dtype):
    image = photograph(48, 64, dtype)
    small = build(dict(type='Downscale', by=by, scale=4), TRANSFORMS)({'LR': image})['LR']
    if by in CV2:
        expected = cv2.resize(image, (16, 12), interpolation=CV2[by])
    elif by == 'matlab':
        expected = np.floor(imresize(image.astype(np.float64), 0.25) + 0.5).clip(0, np.iinfo(dtype).max)
    else:
        planes = [Image.fromarray(image[:, :, c] if dtype == np.uint8 else image[:, :, c].astype(np.float32))
                  for c in range(3)]
        expected = np.rint(np.stack([np.asarray(p.resize((16, 12), Image.Resampling.BICUBIC)) for p in planes], 2))
    assert small.dtype == dtype and np.array_equal(small, expected)
    gray = build(dict(type='Downscale', by=by, scale=4), TRANSFORMS)({'LR': image[:, :, :1]})['LR']
    assert gray.shape == (12, 16, 1)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_blur_noise_and_jpeg_are_of_the_stated_strength(dtype):
    level = 1 if dtype == np.uint8 else 257
    flat = np.full((128, 128, 3), 128 * level, dtype)
    with seeded(3):
        noisy = build(dict(type='GaussianNoise', sigma=(10, 10)), TRANSFORMS)({'LR': flat})['LR']
        assert noisy.dtype == dtype and noisy.std() / level == pytest.approx(10, rel=0.02)
        dot = flat * 0
        dot[64, 64] = 255 * level
        blurred = build(dict(type='GaussianBlur', sigma=(2, 2)), TRANSFORMS)({'LR': dot})['LR'].astype(float)
        spread = (blurred[:, :, 0].sum(0) * (np.arange(128) - 64) ** 2).sum() / blurred[:, :, 0].sum()
        assert spread == pytest.approx(4, rel=0.2 if level == 1 else 0.03)  # 8 bits cut off the tails
        image = photograph(64, 64, dtype)
        errors = [np.abs(build(dict(type='JPEG', quality=(q, q)), TRANSFORMS)({'LR': image})['LR'] / level
                         - image / level).mean() for q in (10, 95)]
    assert 0 < errors[1] < 5 < errors[0] < 20  # the colours of this picture are finer than JPEG keeps them


def test_degradations_are_drawn_from_the_seed_of_the_sample(folder):
    steps = [dict(type='GaussianBlur'), dict(type='Downscale', by='cv2_area'), dict(type='GaussianNoise'),
             dict(type='JPEG')]
    data = dataset(folder, degradation=steps)
    one, same, other = (data[SampleKey(0, seed)]['LR'] for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other) and one.shape == (3, 12, 17)
    assert torch.equal(data[SampleKey(0, 1)]['HR'], data[SampleKey(0, 2)]['HR'])


@pytest.mark.fault
def test_degradations_say_what_is_wrong(folder):
    with pytest.raises(DataError, match='LR must be 17x12, but is 68x48 after degradation, which must reduce sizes'):
        dataset(folder, degradation=[dict(type='JPEG')])[0]
    with pytest.raises(ConfigError, match=r"'cv2_areas'.*'cv2_area'"):
        dataset(folder, degradation=[dict(type='Downscale', by='cv2_areas')])
    with pytest.raises(ConfigError, match=r'JPEG.quality: from 1 to 100'):
        build(dict(type='JPEG', quality=(50, 101)), TRANSFORMS)
    with pytest.raises(ConfigError, match=r'GaussianBlur.sigma: \(smallest, largest\)'):
        build(dict(type='GaussianBlur', sigma=(3, 1)), TRANSFORMS)
    with pytest.raises(DataError, match='8 or 16 bits without sign, found float32'):
        build(dict(type='JPEG'), TRANSFORMS)({'LR': np.zeros((8, 8, 3), np.float32)})
    with pytest.raises(ConfigError, match=r'ScaledCrop.size=.*a multiple of 4 is needed'):
        dataset(folder, pipeline=[dict(type='ScaledCrop', size=26)])[0]
    with pytest.raises(DataError, match=r'ScaledCrop: the image is 68x48 .*smaller than the window 96x96'):
        dataset(folder, pipeline=[dict(type='ScaledCrop', size=96)])[0]
    with pytest.raises(DataError, match='no multiples of the smallest'):
        build(dict(type='ScaledCrop', size=8), TRANSFORMS)({'A': np.zeros((8, 8, 3)), 'B': np.zeros((24, 16, 3))})


def test_floats_with_a_range_go_through(tmp_path):
    image = photograph(48, 64).astype(np.float32) / 255 * 3 - 1
    np.save(tmp_path / 'a.npy', image)
    sample = dataset(tmp_path, HR='.', value_range=(-1.0, 2.0))[0]
    expected = imresize(image, 0.25) / 3 * 2 - 1 / 3
    assert np.allclose(as_image(sample['LR']), expected.clip(-1, 1), atol=1e-6)
    assert sample['meta']['LR_range'] == sample['meta']['HR_range'] == (-1.0, 2.0, 'float32')
