from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from toolbox.data.io import convert_channels
from toolbox.data.preprocessor import DataPreprocessor, to_tensor
from toolbox.data.transforms import compose, resize
from toolbox.errors import ConfigError, DataError
from toolbox.randomness.keys import seeded
from toolbox.registry import TRANSFORMS, build

RNG = np.random.default_rng(0)


def make(name: str, **args: object) -> object:
    return build(dict(type=name, **args), TRANSFORMS)


def authors_pipeline(case: dict) -> list:
    """Our transforms for a preprocess option of the authors, without the random ones."""
    load, crop = case['load_size'], case['crop_size']
    steps = {'resize': make('Resize', size=load), 'scale_width': make('ScaleWidth', width=load, min_height=crop),
             'none': make('MakeDivisible', divisor=4)}
    return [step for name, step in steps.items() if case['preprocess'].startswith(name)]


def test_pixels_equal_the_authors(parity, monkeypatch: pytest.MonkeyPatch) -> None:
    for case in parity('data_transforms')['cyclegan_get_transform']:
        pipeline = authors_pipeline(case)
        if 'crop' in case['preprocess']:
            pipeline.append(make('RandomCrop', size=case['crop_size']))
        pipeline.append(make('RandomFlip'))
        draws = iter(case['crop_pos'])
        monkeypatch.setattr(random, 'randint', lambda low, high, draws=draws: next(draws))
        monkeypatch.setattr(random, 'random', lambda case=case: 0.75 if case['flip'] else 0.25)
        image = convert_channels(case['input_rgb_hwc'].numpy(), 1 if case['grayscale'] else 3)
        ours = DataPreprocessor()({'A': to_tensor(compose(pipeline, {'A': image})['A'])})['A']
        torch.testing.assert_close(ours, case['output_chw'], rtol=0, atol=1e-6)


def test_draws_equal_the_authors(parity) -> None:
    seed = None
    for case in parity('data_transforms')['cyclegan_get_params_draws']:
        width, height = case['size_wh']
        if case['preprocess'] == 'resize_and_crop':
            width, height = 286, 286
        elif case['preprocess'] == 'scale_width_and_crop':
            width, height = 286, max(286 * height // width, 256)
        rows = np.arange(height, dtype=np.int32)[:, None] * 1000
        place = rows + np.arange(width, dtype=np.int32)[None]
        if case['seed'] != seed:  # the cases of one seed were drawn one after the other
            seed = case['seed']
            random.seed(seed)
        images = make('RandomCrop', size=256)({'L': place})
        flipped = make('RandomFlip')(images)['L']
        assert images['L'][0, 0] == case['y'] * 1000 + case['x']
        assert (flipped[0, 0] != images['L'][0, 0]) == case['flip']


@pytest.mark.parametrize('key', ['pix2pixhd_get_transform', 'spade_get_transform'])
def test_label_maps_are_resized_as_the_authors_do(parity, key: str) -> None:
    for case in parity('data_transforms')[key]:
        label = case['label'].numpy()[0]
        mode = case['opt'].get('resize_or_crop', case['opt'].get('preprocess_mode'))
        if 'crop' in mode or case['params']['flip'] or mode == 'scale_shortside':  # (the last is an official defect)
            continue  # in the whole fixture alone: the small one has what is compared
        source = case['input_label_hw'].numpy().astype(np.int32)
        ours = make('Resize', size=label.shape)({'L': source})['L']
        known = source < case['opt'].get('label_nc', 256)  # SPADE writes unknown labels as label_nc
        assert known.any()
        np.testing.assert_array_equal(np.minimum(ours, case['opt'].get('label_nc', 255)), label)


def semantic_pipeline(opt: dict) -> list | None:
    """Our transforms for the options of Pix2PixHD and SPADE; None for SPADE's scale_shortside, which is defect."""
    mode = opt.get('resize_or_crop', opt.get('preprocess_mode'))
    load, crop = opt.get('loadSize', opt.get('load_size')), opt.get('fineSize', opt.get('crop_size'))
    divisor = 32 if 'preprocess_mode' in opt else 2 ** (
        opt['n_downsample_global'] + (opt['n_local_enhancers'] if opt['netG'] == 'local' else 0))
    steps = {'resize': make('Resize', size=load), 'scale_width': make('ScaleWidth', width=load),
             'fixed': make('Resize', size=(round(crop / opt.get('aspect_ratio', 1)), crop)),
             'none': make('MakeDivisible', divisor=divisor), 'crop': make('RandomCrop', size=crop)}
    if mode.startswith('scale_shortside'):
        return None
    return [steps[name] for name in mode.split('_and_')] + [make('RandomFlip')]


@pytest.mark.parametrize('key', ['pix2pixhd_get_transform', 'spade_get_transform'])
def test_photographs_and_label_maps_go_the_authors_way_together(
        parity, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [case for case in parity('data_transforms')[key] if 'image' in case]
    if not cases:
        pytest.skip('the whole fixture alone has the photographs')
    compared = 0
    for case in cases:
        if (pipeline := semantic_pipeline(case['opt'])) is None:
            continue
        draws = iter(case['params']['crop_pos'])
        monkeypatch.setattr(random, 'randint', lambda low, high, draws=draws: next(draws))
        monkeypatch.setattr(random, 'random', lambda case=case: 0.75 if case['params']['flip'] else 0.25)
        unknown = case['opt'].get('label_nc', 255)
        images = compose(pipeline, {'L': case['input_label_hw'].numpy().astype(np.int32),
                                    'A': case['input_rgb_hwc'].numpy()})
        ours = DataPreprocessor()({name: to_tensor(image) for name, image in images.items()})
        torch.testing.assert_close(ours['A'], case['image'], rtol=0, atol=1e-6)
        theirs = case['label'][0]  # SPADE writes unknown labels as label_nc
        assert torch.equal(ours['L'].clamp(max=unknown), theirs.long())
        compared += 1
    assert compared >= 4


def test_the_shorter_side_is_right_where_the_authors_code_is_not() -> None:
    """SPADE's scale_shortside makes 59x61 of 90x61 (height x width) for 40."""
    image = {'A': np.zeros((90, 61, 3), np.uint8), 'L': np.zeros((90, 61), np.int32)}
    assert [x.shape[:2] for x in make('ResizeShort', size=40)(image).values()] == [(59, 40)] * 2


def test_pixels_do_not_depend_on_the_version_of_pillow() -> None:
    """Of Pillow 12.2; version 13 takes the height first where it shrinks more, and was up to 10 levels off here."""
    y, x = np.mgrid[:12, :5]
    stripes = ((37 * y * y + 101 * x) % 256 // 128 * 255).astype(np.uint8)
    expected = [[72, 180, 149, 91, 94, 183], [71, 137, 125, 85, 89, 191], [63, 153, 87, 92, 167, 75]]
    assert resize(stripes[:, :, None], 3, 6)[:, :, 0].tolist() == expected
    assert resize(np.stack([255 - stripes, stripes, stripes[::-1]], 2), 3, 6)[:, :, 1].tolist() == expected


def test_four_channels_are_resized_each_for_itself() -> None:
    """A fourth band is not the alpha of the others, in 8 bits as in 16."""
    image = RNG.integers(0, 256, (20, 16, 4), dtype=np.uint8)
    image[:, :8, 3] = 0
    for filter in ('bicubic', 'fast'):
        whole = resize(image, 9, 11, filter)
        assert np.array_equal(whole[:, :, :3], resize(image[:, :, :3], 9, 11, filter))
        assert np.array_equal(whole[:, :, 3:], resize(image[:, :, 3:], 9, 11, filter))


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize(('given', 'size'), [((60, 40), (67, 45)), ((40, 60), (20, 30)), ((90, 40), (30, 38)),
                                             ((30, 90), (40, 20)), ((50, 1), (1, 1)), ((1, 1), (3, 2))])
def test_the_fast_filter_is_within_two_levels_of_the_exact_one(channels: int, given: tuple, size: tuple) -> None:
    image = RNG.integers(0, 256, (*given, channels), dtype=np.uint8)
    fast, exact = (resize(image, *size, filter) for filter in ('fast', 'bicubic'))
    assert fast.dtype == np.uint8 and fast.shape == exact.shape == (*size, channels)
    off = np.abs(fast.astype(int) - exact)
    assert off.max() <= 2 and (off > 1).mean() < 1e-3


@pytest.mark.parametrize(('dtype', 'channels'), [('uint8', 2), ('uint16', 3), ('int16', 1), ('float32', 6),
                                                 ('float64', 2), ('uint32', 3)])
@pytest.mark.parametrize('size', [(9, 14), (40, 30)])
def test_the_fast_filter_gives_nearly_the_same_picture_in_its_type(dtype: str, channels: int, size: tuple) -> None:
    y, x = np.mgrid[:20, :24]
    image = np.stack([(3 + c) * x + 2 * y + 20 for c in range(channels)], 2).astype(dtype)
    fast, exact = (resize(image, *size, filter) for filter in ('fast', 'bicubic'))
    assert fast.dtype == exact.dtype == dtype and fast.shape == exact.shape == (*size, channels)
    inside = np.abs(fast.astype(float) - exact)[2:-2, 2:-2]
    assert inside.max() < 2 and not np.array_equal(fast, image[:9, :14])
    assert np.ptp(fast.astype(float)) > 50


def test_the_fast_filter_takes_means_where_an_image_of_16_bits_shrinks() -> None:
    image = np.zeros((8, 8, 3), np.uint16)
    image[::2, ::2] = 200  # a quarter of the pixels: without antialiasing all of them, or none
    assert (resize(image, 4, 4, 'fast') == 50).all()
    assert make('Resize', size=4, filter='fast')({'img': image})['img'].tolist() == resize(image, 4, 4, 'fast').tolist()


def test_sixteen_bit_resize_agrees_with_eight_bit_and_clips() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, 8:] = 255
    small = make('Resize', size=(11, 7))({'A': image})['A']
    deep = make('Resize', size=(11, 7))({'A': image.astype(np.uint16) * 257})['A']
    assert deep.dtype == np.uint16
    assert deep.max() == 65535 and deep.min() == 0  # bicubic overshoot would wrap around
    assert np.abs(deep / 257 - small).max() <= 1


@pytest.mark.parametrize(('name', 'args', 'shape', 'expected'), [
    ('Resize', {'size': 8}, (10, 20), (8, 8)), ('Resize', {'size': (6, 9)}, (10, 20), (6, 9)),
    ('ResizeShort', {'size': 5}, (10, 20), (5, 10)), ('ResizeShort', {'size': 5}, (20, 10), (10, 5)),
    ('ScaleWidth', {'width': 10}, (10, 20), (5, 10)), ('ScaleWidth', {'width': 10, 'min_height': 7}, (10, 20), (7, 10)),
    ('MakeDivisible', {'divisor': 4}, (10, 21), (8, 20)), ('MakeDivisible', {'divisor': 8}, (1, 3), (8, 8)),
    ('CenterCrop', {'size': (4, 6)}, (10, 20), (4, 6)), ('RandomCrop', {'size': 10}, (10, 20), (10, 10)),
    ('Pad', {'size': (12, 8)}, (10, 20), (12, 20)), ('RandomFlip', {'p': 1.0}, (10, 20), (10, 20))])
def test_sizes_and_types(name: str, args: dict, shape: tuple, expected: tuple) -> None:
    images = {'A': RNG.integers(0, 256, (*shape, 3), dtype=np.uint8),
              'gray': RNG.integers(0, 256, (*shape, 1), dtype=np.uint8),
              'deep': RNG.integers(0, 65536, (*shape, 3), dtype=np.uint16),
              'labels': RNG.integers(0, 9, shape, dtype=np.int32)}
    done = make(name, **args)(images)
    for key, image in images.items():
        assert done[key].shape == expected + image.shape[2:]
        assert done[key].dtype == image.dtype


def test_entries_share_the_draw() -> None:
    place = np.arange(400, dtype=np.int32).reshape(20, 20)
    image = np.repeat((place % 251).astype(np.uint8)[:, :, None], 3, axis=2)
    pipeline = [make('RandomCrop', size=7), make('RandomFlip')]
    seen = set()
    for seed in range(20):
        with seeded(seed):
            done = compose(pipeline, {'A': image, 'labels': place})
        np.testing.assert_array_equal(done['A'][:, :, 0], done['labels'] % 251)
        seen.add(int(done['labels'][0, 0]))
    assert len(seen) > 10


def test_flip_probability() -> None:
    image = np.arange(4, dtype=np.uint8).reshape(1, 4, 1)
    random.seed(0)
    flip = make('RandomFlip', p=0.3)
    share = np.mean([flip({'A': image})['A'][0, 0, 0] == 3 for _ in range(2000)])
    assert abs(share - 0.3) < 0.04
    never = make('RandomFlip', p=0.0)
    assert not any(never({'A': image})['A'][0, 0, 0] == 3 for _ in range(50))


def test_pad_modes() -> None:
    row = np.array([[1, 2, 3]], np.uint8)[:, :, None]
    assert make('Pad', size=(1, 5))({'A': row})['A'][0, :, 0].tolist() == [2, 1, 2, 3, 2]
    assert make('Pad', size=(1, 6), mode='edge')({'A': row})['A'][0, :, 0].tolist() == [1, 1, 2, 3, 3, 3]
    filled = make('Pad', size=(1, 4), mode='constant', value=9)({'A': row, 'L': row[:, :, 0].astype(np.int32)})
    assert filled['A'][0, :, 0].tolist() == [1, 2, 3, 9]
    assert filled['L'][0].tolist() == [1, 2, 3, 255]


@pytest.mark.parametrize('name', ['RandomCrop', 'CenterCrop'])
def test_crop_refuses_small_and_unequal_images(name: str) -> None:
    crop = make(name, size=256)
    with pytest.raises(DataError, match=r'178x218.*256x256'):
        crop({'A': np.zeros((218, 178, 3), np.uint8)})
    with pytest.raises(DataError, match=r'A 300x300, B 299x300'):
        crop({'A': np.zeros((300, 300, 3), np.uint8), 'B': np.zeros((300, 299, 3), np.uint8)})


@pytest.mark.parametrize(('name', 'args'), [
    ('Resize', {'size': 0}), ('Resize', {'size': 'big'}), ('Resize', {'size': (1, 2, 3)}), ('Pad', {'size': 4.0}),
    ('RandomFlip', {'p': 1.5}), ('MakeDivisible', {'divisor': True}), ('Pad', {'size': 4, 'mode': 'wrap'}),
    ('ScaleWidth', {'width': -1}), ('Resise', {'size': 4})])
def test_wrong_arguments_are_refused(name: str, args: dict) -> None:
    with pytest.raises(ConfigError):
        make(name, **args)
