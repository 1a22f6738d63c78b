"""MATLAB's imresize and SinGAN's, by the numbers of both, and by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sampled import assert_close

from toolbox.errors import ConfigError
from toolbox.resampling import imresize, imresize_tensor, taps

ROUNDING = 1e-4  # of 255, in float32: the values are sums of up to 18 products


@pytest.mark.parity
def test_values_are_those_of_matlab(parity):
    for case in parity('bicubic_down')['cases']:
        image, expected = case['input'].numpy(), case['matlab'][0].permute(1, 2, 0)
        exact = imresize(image.astype(np.float64), case['scale'])
        assert_close(torch.from_numpy(exact).float(), expected, rtol=0, atol=0)
        for dtype, tolerance in ((torch.float64, 0.0), (torch.float32, ROUNDING)):
            small = imresize_tensor(case['input'].permute(2, 0, 1)[None].to(dtype), case['scale'])
            assert_close(small[0].permute(1, 2, 0).float(), expected, rtol=0, atol=tolerance)
        rounded = imresize(image, case['scale'])
        assert rounded.dtype == np.uint8 and np.array_equal(rounded, exact.clip(0, 255).round().astype(np.uint8))


@pytest.mark.parity
def test_singan_leaves_out_what_lies_before_the_start(parity):
    golden = parity('singan_imresize')
    for case in golden['cases']:
        image = case['input_u8'][0].permute(1, 2, 0).numpy().astype(np.float64)
        assert_close(torch.from_numpy(imresize(image, case['scale'], border='singan')).float(), case['out_raw_u8'],
                     rtol=0, atol=0)
    for case in golden['to_shape']:
        levels = case['input'].add(1).div(2).clamp(0, 1).mul(255).to(torch.uint8).double()
        resized = imresize_tensor(levels, size=tuple(case['shape']), border='singan') / 255 * 2 - 1
        assert_close(resized.clamp(-1, 1).float(), case['out'], rtol=0, atol=1e-6)
    for case in golden['contributions']:
        ours = taps(case['in_length'], case['out_length'], case['scale'], border='singan')
        theirs = (case['fov'].numpy(), case['weights'].numpy())
        assert np.abs(dense(*ours, case['in_length']) - dense(*theirs, case['in_length'])).max() < 1e-14


def dense(places, weights, length):
    table = np.zeros((len(places), length))
    np.add.at(table, (np.arange(len(places))[:, None], places), weights)
    return table


def test_constants_and_slopes_stay_what_they_are():
    ramp = np.add.outer(2.0 * np.arange(48), 3.0 * np.arange(64))
    for scale in (1 / 4, 1 / 3, 2, 3):
        assert np.allclose(imresize(np.full((48, 64), 7.0), scale), 7, atol=1e-12)
        small = imresize(ramp, scale)
        rows, columns = ((np.arange(n) + 0.5) / scale - 0.5 for n in small.shape)
        inside = slice(6, -6)  # the mirror bends a slope
        assert np.allclose(small[inside, inside], np.add.outer(2 * rows, 3 * columns)[inside, inside], atol=1e-9)


def test_the_mirror_makes_both_ends_alike_and_a_flip_commutes():
    image = np.random.default_rng(0).integers(0, 65536, (40, 24, 3), np.uint16)
    small = imresize(image, 1 / 4)
    assert small.dtype == np.uint16 and small.shape == (10, 6, 3)
    assert np.array_equal(imresize(image[::-1, ::-1], 1 / 4), small[::-1, ::-1])
    assert np.array_equal(imresize(np.pad(image, ((40, 40), (24, 24), (0, 0)), mode='symmetric'), 1 / 4)[10:20, 6:12],
                          small)


def test_sizes_are_rounded_up_and_the_given_scale_places_the_pixels():
    image = np.random.default_rng(0).random((25, 33))
    small = imresize(image, 0.75)
    assert small.shape == (19, 25)
    assert np.abs(small - imresize(image, size=(19, 25))).max() > 0.01
    assert np.array_equal(small, imresize(image, 0.75, size=(19, 25)))
    assert np.abs(imresize(image, 0.5, antialias=False) - imresize(image, 0.5)).max() > 0.1


def test_gradients_pass_to_the_images():
    x = torch.rand(1, 1, 6, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: imresize_tensor(y, 1 / 3), x)


@pytest.mark.parametrize('arguments', [{}, {'scale': 0.0}, {'scale': -1.0}, {'size': (0, 4)}])
def test_no_size_is_refused(arguments):
    with pytest.raises(ConfigError, match=r'imresize: a scale above 0 or a size \(height, width\) of 1 or more'):
        imresize(np.zeros((4, 4)), **arguments)


@pytest.mark.parity
def test_pixel_shuffle_orders_channels_as_the_papers_code_does(parity):
    golden = parity('pixelshuffle')
    assert torch.equal(torch.nn.PixelShuffle(2)(golden['x']), golden['y'])
