"""What is made with a trained SinGAN: against the numbers of its authors' code, and as users ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from sampled import assert_close
from test_inference import save
from test_singan import ours
from torch import Tensor

from toolbox import Sampler, Translator
from toolbox.data.io import read_image, write_image
from toolbox.engine.optim import build_optimizers
from toolbox.errors import ConfigError, DataError
from toolbox.files.checkpoint import read_checkpoint, write_checkpoint
from toolbox.methods import SinGAN
from toolbox.methods.singan_generate import home_of, inject, injected, sample, upscale
from toolbox.methods.singan_paint import k_means, palette_of, pixels_of, quantized, soft_mask
from toolbox.pyramids import Pyramid
from toolbox.use.sampler import walk

Fixture = dict[str, Any]


def model_of(data: Fixture, factor: float | None = None) -> SinGAN:
    """A model with the weights and buffers of the authors' pyramid."""
    sizes = tuple(tuple(real.shape[2:]) for real in data['reals'])
    pyramid = Pyramid(sizes, factor or data['scale_factor'], border='singan', truncate=True)
    widths = dict(base_channels=len(data['G'][0]['head.conv.bias']))
    noisy = data['opt']['mode'] == 'animation_train'
    model = SinGAN(dict(type='SinGANGenerator', **widths), dict(type='SinGANDiscriminator', **widths),
                   pyramid.as_dict(), padding='noise' if noisy else 'zero').eval()
    with torch.no_grad():
        for n, (state, real) in enumerate(zip(data['G'], data['reals'], strict=True)):
            model.part(f'G.scales.{n}').load_state_dict(ours(state, 'G'))
            model.reals[n].copy_(real)
        border = 0 if noisy else model.pad
        height, width = data['Zs'][0].shape[2:]
        model.z0.copy_(data['Zs'][0][:, :1, border:height - border, border:width - border])
        model.amplitudes.copy_(torch.tensor(data['NoiseAmp']))
        model.reached.fill_(model.scales)
    return model


@torch.no_grad()
def replayed(data: Fixture, trained: Fixture) -> dict[str, Tensor]:
    """The images that ours makes of the authors' draws, by the name of the case."""
    model, found = model_of(trained), {}
    for name, case in data.items():
        if not isinstance(case, dict) or 'event_value' not in case:
            continue
        events, args = case['event_value'], case.get('args', {})
        if 'nframes' in case:
            found[name] = frames_of(model, case)
        elif 'sr_factor' in case:
            larger = model_of(trained, 1 / case['in_scale'])
            found[name] = upscale(larger, model.reals[-1], case['sr_factor'], lambda k, shape, e=events: e[k])
        elif 'ref' in case:
            start = args['n']
            if 'in_s' in case:
                assert_close(injected(model, case['ref'], start), case['in_s'], rtol=0, atol=1e-6)
            found[name] = inject(model, case['ref'], start, lambda n, shape, e=events, s=start: e[n - s])
        else:
            zoom = args.get('scale_v', 1), args.get('scale_h', 1)
            code = torch.cat([noise.flatten(1) for noise in events], 1)
            found[name] = sample(model, code, zoom, args.get('gen_start_scale', 0))
    return found


def frames_of(model: SinGAN, case: Fixture) -> Tensor:
    """Levels as the authors write them, cut to whole numbers, ``(frames, H, W, C)``."""
    each = case['nframes'] + 1  # draws of a scale
    steps = (torch.cat([case['event_value'][n * each + k].flatten() for n in range(model.scales)])
             for k in range(each))
    codes = walk(home_of(model)[0], steps, case['alpha'], case['beta'])
    frames = torch.cat([sample(model, code[None], start=case['start_scale']) for code in codes])
    return ((frames.clamp(-1, 1) + 1) / 2 * 255).floor().movedim(1, -1)


def kept_as(case: Fixture) -> str:
    """The name under which a case holds its images."""
    return next(name for name in ('frames_u8', 'out_cropped', 'out') if name in case)


def expected_of(case: Fixture) -> Tensor:
    return case[kept_as(case)].float()


@pytest.mark.parity
@pytest.mark.parametrize('name', ['singan_generate', 'singan_animation'])
def test_what_is_made_is_what_the_authors_make(parity, name):
    data = parity(name)
    trained = data.get('model') or parity('singan_traj3_reforward' if 'random' in data else 'singan_traj3_animation')
    made = replayed(data, trained)
    assert len(made) >= 3
    for case, images in made.items():
        levels = 'nframes' in data[case]  # one that rounds to another whole number is another level
        assert_close(images, expected_of(data[case]), rtol=0, atol=1 if levels else 1e-5)


@pytest.mark.parity
def test_masks_and_colours_are_those_of_the_authors(parity):
    data = parity('singan_misc')
    for case in data['masks']:
        assert_close(soft_mask(case['mask'][None, None], case['radius']), case['out'], rtol=0, atol=1e-6)
    # Their code takes three neighbours of one channel for the colours of a pixel
    case = {key: x.reshape(1, -1, 1, 3).permute(0, 3, 1, 2) for key, x in data['quant'].items()
            if isinstance(x, Tensor) and x.ndim == 4}
    centers = data['quant']['centers'].numpy()
    assert_close(quantized(case['paint'], centers), case['paint_out'], rtol=0, atol=1e-6)
    points, palette = pixels_of(case['x']), palette_of(case['x'], len(centers))
    theirs = np.square(points[:, None] - centers[None]).sum(2).min(1).sum()
    assert np.square(points[:, None] - palette[None]).sum(2).min(1).sum() <= theirs


# From a checkpoint

TINY = dict(type='SinGAN', G=dict(type='SinGANGenerator', base_channels=3),
            D=dict(type='SinGANDiscriminator', base_channels=3),
            pyramid=Pyramid.of_image((24, 30), 13, factor=0.5).as_dict())


def checkpoint(path: Path, **options: Any) -> Path:
    """Of a model with random weights, that has seen a random image."""
    save(path, TINY | options)
    saved = read_checkpoint(path)
    random = torch.Generator().manual_seed(0)
    model = SinGAN(**{key: value for key, value in (TINY | options).items() if key != 'type'})
    image = torch.rand(1, 3, *model.sizes[-1], generator=random) * 2 - 1
    buffers = {f'real_{n}': x for n, x in enumerate(model.pyramid.images(image))}
    buffers |= dict(z0=torch.randn(model.z0.shape, generator=random), reached=torch.tensor(model.scales),
                    amplitudes=torch.tensor([1.0, 0.1, 0.05][:model.scales]))
    write_checkpoint({**saved, 'state_dict': {**saved['state_dict'], **buffers}}, path)
    return path


@pytest.fixture(scope='module')
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp('singan') / 'model.pth')


@pytest.fixture(scope='module')
def sampler(file: Path) -> Sampler:
    return Sampler(file, device='cpu')


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def corner(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[:2, :2] = 255
    return mask


def test_samples_have_any_size_and_depend_on_the_seed_alone(sampler: Sampler) -> None:
    assert sampler.sample(2).shape == (2, 24, 30, 3)
    for size in ((24, 60), (50, 15), (2, 2)):
        made = sampler.sample(3, seed=4, size=size)
        assert made.shape == (3, *size, 3) and made.dtype == np.uint8
        assert np.array_equal(sampler.sample(2, seed=4, size=size), made[:2])
        assert not np.array_equal(made[0], made[1]) or size == (2, 2)
        assert not np.array_equal(sampler.sample(3, seed=5, size=size), made)
    assert sampler.interpolate(1, 2, steps=3, size=(24, 60)).shape == (3, 24, 60, 3)


def test_samples_from_a_scale_on_repeat_the_image_below_it(sampler: Sampler) -> None:
    """Whatever the noise below; from the last scale on they are near its reconstruction."""
    model = sampler.model
    shapes = [model.noise_shape(n) for n in range(3)]
    low, high = (torch.randn(1, torch.Size(shapes[n]).numel()) for n in (0, 2))
    middle = torch.randn(1, torch.Size(shapes[1]).numel())
    ask = lambda first, start: model.ask('sample', dict(z=torch.cat([first, middle, high], 1)), start=start)  # noqa: E731
    assert torch.equal(ask(low, 1), ask(-low, 1)) and not torch.equal(ask(low, 0), ask(-low, 0))
    rec = model.ask('sample', dict(z=home_of(model)))
    assert torch.equal(rec, model.shown([model.z0, None, None]))
    distances = [(ask(low, start) - rec).abs().mean() for start in (0, 1, 2)]
    assert distances[2] < distances[1] < distances[0]


def test_at_another_size_a_start_means_the_stretched_image(sampler: Sampler) -> None:
    model = sampler.model
    code = torch.zeros(1, *model.code_shape('sample', size=(24, 60)))
    made = model.ask('sample', dict(z=code), size=(24, 60), start=2)
    stretched = model.pyramid.resized(model.reals[-1], None, (24, 60))
    expected = inject(model, stretched, 2, lambda n, shape: torch.zeros(1, *shape), (1, 2))
    assert torch.equal(made, expected) and made.shape == (1, 3, 24, 60)


def test_results_have_the_size_of_the_image_whatever_was_painted(file: Path) -> None:
    painting, mask = picture(40, 90), corner(40, 90)
    t = Translator(file, 'paint', device='cpu')
    made = t(painting)
    assert made.shape == (24, 30, 3) and made.dtype == np.uint8
    assert np.array_equal(t(painting, seed=0), made) and not np.array_equal(t(painting, seed=1), made)
    assert not np.array_equal(t(painting, start=2), made)
    assert t(painting, size=(20, 71)).shape == (20, 71, 3)
    for direction in ('harmonize', 'edit'):
        assert t(dict(img=painting, mask=mask), direction).shape == (24, 30, 3)
    assert t(painting, 'upscale', factor=1.5).shape == (60, 135, 3)
    assert t(picture(20, 10), 'upscale').shape == (80, 40, 3)


def test_around_a_mask_the_image_is_kept(file: Path) -> None:
    """A mask of 2 pixels in the corner, a disk around it and an edge of at most 20: beyond them nothing is new."""
    large = checkpoint(file.with_name('large.pth'), pyramid=Pyramid.of_image((46, 54), 34, factor=0.5).as_dict())
    model = Translator(large, device='cpu').model
    inputs = dict(img=torch.rand(1, 3, 46, 54) * 2 - 1, mask=torch.from_numpy(corner(46, 54))[None, None].float())
    real, painted = model.reals[-1], model.ask('paint', dict(img=inputs['img']), start=1)
    for direction, radius in (('harmonize', 7), ('edit', 20)):
        changed = (model.ask(direction, inputs, start=1) != real).any(1)[0]
        end = 2 + radius + 20
        assert changed[:8, :8].all() and not changed[end:].any() and not changed[:, end:].any()
        assert changed[end - 5, 0] and changed[0, end - 5]
    assert painted.shape == real.shape


def test_a_quantized_painting_has_colours_of_the_image(file: Path) -> None:
    model = Translator(file, device='cpu').model
    painting = torch.from_numpy(picture(24, 30)).permute(2, 0, 1)[None] / 127.5 - 1
    simple = model.simplified(painting, 1, 4)
    palette = palette_of(model.reals[1], 4)
    assert len(np.unique(pixels_of(simple).round(5), axis=0)) == 4
    assert np.abs(pixels_of(simple)[:, None] - palette[None]).max(2).min(1).max() < 0.02
    made = [model.ask('paint', dict(img=painting), quantize=colours) for colours in (None, 4)]
    assert not torch.equal(*made)
    assert torch.equal(made[1], model.ask('paint', dict(img=simple)))


def test_a_scale_can_be_trained_again_for_paintings_in_few_colours(file: Path) -> None:
    """It sees images in three colours and no others, the other scales stay, and paintings get these colours."""
    options = {key: value for key, value in TINY.items() if key != 'type'} | dict(
        quantize=dict(scale=1, colours=3), scale_iters=2)
    model, state = SinGAN(**options), read_checkpoint(file)['state_dict']
    adam = dict(type='Adam', lr=0.01)
    optimizers = build_optimizers(model, dict(G=dict(nets=('G',), optimizer=adam), D=dict(nets=('D',), optimizer=adam)))
    batch = dict(img=torch.zeros(1, 3, 24, 30))
    with pytest.raises(ConfigError, match=r'quantize: trains scale 1 again, but the model has 0 .* load_from='):
        model.train_step(batch, optimizers)
    assert [stage.name for stage in model.stages] == ['scale 1']
    model = SinGAN(**options)
    model.load_state_dict(state)
    optimizers = build_optimizers(model, dict(G=dict(nets=('G',), optimizer=adam), D=dict(nets=('D',), optimizer=adam)))
    seen = []
    model.part('G.scales.1').register_forward_pre_hook(lambda net, args: seen.append(args[1]))
    model.train().train_step(batch, optimizers)
    assert len(seen) > 5
    for one in torch.cat(seen).split(1):
        assert len(np.unique(pixels_of(one).round(5), axis=0)) <= 3
    after = model.state_dict()
    changed = {key.split('.')[2] for key in state if key.startswith('G.') and not torch.equal(state[key], after[key])}
    assert changed == {'1'} and int(model.reached) == 3 and torch.equal(after['real_2'], state['real_2'])
    painting = torch.rand(1, 3, 24, 30)
    model.eval()
    assert torch.equal(model.ask('paint', dict(img=painting)),
                       model.ask('paint', dict(img=painting), start=1, quantize=3))
    for wrong in (dict(scale=0, colours=3), dict(scale=3, colours=3), dict(scale=1), dict(scale=1, colours=1)):
        with pytest.raises(ConfigError, match=r'model.quantize: expected dict\(scale=1\.\.2, colours=2\.\.256\)'):
            SinGAN(**options | dict(quantize=wrong))


def test_k_means_finds_classes_and_keeps_empty_ones() -> None:
    points = np.concatenate([np.full((5, 2), 1.0), np.full((3, 2), 4.0)])
    means, classes, distance = k_means(points, np.array([[0.0, 0.0], [9.0, 9.0], [5.0, 5.0]]))
    assert means.tolist() == [[1, 1], [9, 9], [4, 4]] and classes.tolist() == [0] * 5 + [2] * 3 and distance == 0


@pytest.mark.fault
def test_of_an_unfinished_training_the_trained_scales_are_used(file: Path) -> None:
    saved = read_checkpoint(file)
    young = file.with_name('young.pth')
    write_checkpoint({**saved, 'state_dict': {**saved['state_dict'], 'reached': torch.tensor(2)}}, young)
    t, whole = Translator(young, 'paint', device='cpu'), Translator(file, 'paint', device='cpu')
    assert t(picture(24, 30)).shape == (24, 30, 3) and not np.array_equal(t(picture(24, 30)), whole(picture(24, 30)))
    one = torch.rand(1, 3, 24, 30) * 2 - 1  # no scale from 2 on was trained: nothing is added
    assert torch.equal(t.model.ask('paint', dict(img=one), start=2), injected(t.model, one, 2))


# Animation


def test_an_animation_moves_about_the_image(sampler: Sampler) -> None:
    wide = sampler.animate(3, seed=1, size=(40, 90))
    assert wide.shape == (3, 40, 90, 3) and not np.array_equal(wide[0], wide[2])
    frames = sampler.animate(6, seed=1)
    assert frames.shape == (6, 24, 30, 3) and np.array_equal(sampler.animate(3, seed=1), frames[:3])
    assert not np.array_equal(sampler.animate(3, seed=2), frames[:3])
    rec = sampler._images('sample', sampler.latent, home_of(sampler.model), None)
    assert all(np.array_equal(frame, rec[0]) for frame in sampler.animate(3, alpha=1))
    still, moving = (np.abs(np.diff(sampler.animate(6, start=start).astype(float), axis=0)).mean() for start in (2, 0))
    assert 0 < still < moving


def test_a_walk_is_that_of_the_paper() -> None:
    place, noise = torch.tensor([1.0, -2.0]), [torch.tensor([x, 0.5]) for x in (1.0, -1.0, 2.0)]
    first, second = walk(place, iter(noise), 0.1, 0.8)
    start = 0.95 * place + 0.05 * noise[0]
    expected = 0.1 * place + 0.9 * (start + 0.8 * (start - place) + 0.2 * noise[1])
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(second, 0.1 * place + 0.9 * (expected + 0.8 * (expected - start) + 0.2 * noise[2]))


# Commands and what they refuse


def test_commands(file: Path, tmp_path: Path) -> None:
    run = lambda script, *argv: command(script, str(file), *map(str, argv))  # noqa: E731
    for name in ('a', 'b'):
        assert run('sample.py', tmp_path / name, '--count', 2, '--size', '20x50', '--start', 1, '--seed', 3)[0] == 0
    images = [read_image(tmp_path / name / '00001.png') for name in ('a', 'b')]
    assert images[0].shape == (20, 50, 3) and np.array_equal(*images)
    for name, frames in (('move.gif', 4), ('move.avi', 4)):
        code, out, _ = run('animate.py', tmp_path / name, '--frames', frames, '--start', 1)
        assert code == 0 and f'{frames} frames' in out and (tmp_path / name).stat().st_size > 500
    write_image(tmp_path / 'painting.png', picture(40, 90))
    write_image(tmp_path / 'mask.png', corner(40, 90)[..., None])
    for direction, options, size in (('paint', ('--size', '12x50', '--start', 2), (12, 50)),
                                     ('upscale', ('--options', 'factor=1.5'), (60, 135)),
                                     ('edit', ('--mask', tmp_path / 'mask.png', '--seed', 2), (24, 30))):
        code, _, err = run('translate.py', tmp_path / 'painting.png', tmp_path / direction, '--direction', direction,
                           '--side-by-side', *options)
        assert code == 0, err
        width = size[1] + round(90 * size[0] / 40)
        assert read_image(tmp_path / direction / 'painting.png').shape == (size[0], width, 3)
    assert run('sample.py', tmp_path / 'x.png', '--size', '20')[0] == 2
    assert 'a video ends in .gif' in run('animate.py', tmp_path / 'x.png')[2]


@pytest.mark.fault
def test_what_is_asked_for_must_be_there(file: Path, sampler: Sampler) -> None:
    t, image = Translator(file, 'paint', device='cpu'), picture(24, 30)
    for direction, options, message in (
            ('paint', dict(start=3), 'start: expected a scale from 1 to 2, .* found 3'),
            ('paint', dict(start=0), 'from 1 to 2'), ('paint', dict(start=1.5), 'found 1.5'),
            ('paint', dict(size=(0, 30)), 'size: expected .* at least 1x'), ('paint', dict(factor=2), 'factor: '),
            ('paint', dict(quantize=1), 'colours from 2 to '), ('paint', dict(quantize=10000), 'colours from 2 to '),
            ('upscale', dict(factor=1), 'factor: expected a number above 1, found 1'),
            ('upscale', dict(factor=float('nan')), 'above 1, found nan')):
        with pytest.raises(ConfigError, match=message):
            t(image, direction, **options)
    for options, message in ((dict(start=3), 'a scale from 0 to 2, .* found 3'), (dict(size=(0, 9)), 'at least')):
        with pytest.raises(ConfigError, match=message):
            sampler.sample(1, **options)
    for options in (dict(alpha=1.5), dict(beta=-1), dict(frames=0)):
        with pytest.raises(ConfigError, match='alpha and beta from 0 to 1'):
            sampler.animate(**options)


@pytest.mark.fault
def test_masks_must_fit(file: Path) -> None:
    t = Translator(file, 'edit', device='cpu')
    with pytest.raises(DataError, match=r'must have one size .* Save all of them at the size of .img.'):
        t(dict(img=picture(24, 30), mask=corner(24, 31)))
    with pytest.raises(DataError, match='black all over; expected white where'):
        t(dict(img=picture(24, 30), mask=np.zeros((24, 30), np.uint8)))
    with pytest.raises(ConfigError, match=r"takes \['img', 'mask'\]"):
        t(picture(24, 30))
