"""Colourisation: CIE L*a*b* against the authors' numbers, lightness that stays, gray photographs of every form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from test_converters import save, tiny
from tiny import ROOT, tiny_config
from torch import Tensor, nn

from toolbox import Translator
from toolbox.converters import convert_checkpoint
from toolbox.data.io import read_image, write_image
from toolbox.data.sets.classes import ClassFolders, ImageFolder
from toolbox.engine import Runner
from toolbox.engine.check import check_config
from toolbox.errors import ConfigError, DataError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.layers.lab import lab_to_srgb, shown_by_srgb, srgb_to_lab
from toolbox.methods import Pix2Pix
from toolbox.methods.batch import Batch
from toolbox.methods.colorization import Colorization, join, split
from toolbox.metrics import LabError
from toolbox.registry import BACKBONES
from toolbox.use.load import load_method

CONFIG = 'configs/pix2pix/synthetic_colorization.py'
D = dict(type='PixelDiscriminator', base_channels=2)


@BACKBONES.register_module()
class OneColour(nn.Module):
    """The same a* and b* for every pixel, and the largest lightness that it has seen."""

    size_divisor = 8

    def __init__(self, a: float = 0.0, b: float = 0.0, in_channels: int = 1, out_channels: int = 2) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.weight = nn.Parameter(torch.tensor([a, b]) / 110)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(tuple(x.shape[-2:]))
        return self.weight[None, :, None, None].expand(len(x), 2, *x.shape[-2:])


def method(a: float = 0.0, b: float = 0.0, **more: Any) -> Colorization:
    return Colorization(dict(type='OneColour', a=a, b=b), D, test_cfg=dict(norm='running', dropout=False), **more)


def photograph(*shape: int, seed: int = 0) -> Tensor:
    """Colours of all kinds in [-1, 1]."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


# L*a*b*


@pytest.mark.parity
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_lab_is_that_of_the_authors_data_set(dtype: torch.dtype, parity: Any) -> None:
    for case in parity('gen_colorization_lab')['cases'].values():
        rgb = case['rgb'].permute(2, 0, 1)
        lightness, colours = split(rgb[None].to(dtype) / 127.5 - 1)
        torch.testing.assert_close(lightness[0, 0], case['L'].to(dtype), rtol=0, atol=2e-6)
        torch.testing.assert_close(colours[0].permute(1, 2, 0), case['ab'].to(dtype), rtol=0, atol=2e-6)
        back = 255 * lab_to_srgb(srgb_to_lab(rgb.to(dtype) / 255)).permute(1, 2, 0)
        torch.testing.assert_close(back.clamp(0, 255), case['rgb_back'].to(dtype), rtol=0, atol=5e-3)


def test_lab_is_that_of_opencv() -> None:
    """Whose float version interpolates in tables."""
    image = photograph(3, 40, 50).add(1).div(2)
    theirs = cv2.cvtColor(image.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2Lab)
    torch.testing.assert_close(srgb_to_lab(image).permute(1, 2, 0), torch.from_numpy(theirs), rtol=0, atol=0.5)


def test_lab_of_known_colours_and_of_any_leading_shape() -> None:
    """Red, green, blue of Lindbloom's calculator (D65); white, black, and the gray of L* = 50."""
    rgb = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0], [0.46633] * 3], dtype=torch.float64)
    lab = torch.tensor([[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [100, 0, 0], [0, 0, 0],
                        [50, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(srgb_to_lab(rgb[:, :, None, None])[..., 0, 0], lab, rtol=0, atol=0.03)
    x = photograph(2, 4, 3, 5, 6).double().add(1).div(2)
    torch.testing.assert_close(srgb_to_lab(x)[1, 2], srgb_to_lab(x[1, 2]), rtol=0, atol=0)
    torch.testing.assert_close(shown_by_srgb(srgb_to_lab(x)), x, rtol=0, atol=1e-12)


def test_gradients_are_finite_at_black_and_white() -> None:
    x = torch.tensor([0.0, 1.0, 0.04]).expand(3, 1, 3).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(lab_to_srgb(srgb_to_lab(x)).sum() + srgb_to_lab(x).sum(), x)
    assert gradient.isfinite().all() and (gradient != 0).any()


def test_a_colour_that_srgb_lacks_keeps_lightness_and_hue_and_as_much_chroma_as_fits() -> None:
    lightness = torch.linspace(1, 99, 99, dtype=torch.float64)
    angle = torch.linspace(0, 6.2, 60, dtype=torch.float64)
    lab = torch.stack((lightness[:, None].expand(99, 60), 120 * angle.cos().expand(99, 60),
                       120 * angle.sin().expand(99, 60)))
    rgb = shown_by_srgb(lab)
    made = srgb_to_lab(rgb)
    assert rgb.min() >= 0 and rgb.max() <= 1 and (lab_to_srgb(lab) - rgb).abs().max() > 0.5
    assert (made[0] - lab[0]).abs().max() < 0.02, 'cutting channels off changes it by 30'
    assert (made[1:] * lab[1:].flip(0) * torch.tensor([1, -1])[:, None, None]).sum(0).abs().max() < 5, 'hue'
    chroma = made[1:].norm(dim=0) / 120
    assert (chroma > 0.01).all()
    for share in torch.linspace(0, 1, 201, dtype=torch.float64):  # some blues fit above shares that do not
        more = lab_to_srgb(torch.cat((lab[:1], share * lab[1:])))
        fits = ((more >= 0) & (more <= 1)).all(0)
        assert (chroma[fits] > share - 0.005).all(), 'more would fit'


# The method


def test_the_networks_see_lightness_and_colours_as_pix2pix_sees_a_and_b() -> None:
    G = dict(type='UnetGenerator', base_channels=2, downs=2)
    ours, theirs = (cls(dict(G, **more), dict(D, in_channels=3)) for cls, more in (
        (Colorization, {}), (Pix2Pix, dict(in_channels=1, out_channels=2))))
    theirs.load_state_dict(ours.state_dict())
    img = photograph(2, 3, 8, 8)
    lab = srgb_to_lab((img + 1) / 2)
    first, second = Batch({'img': img}), Batch({'A': lab[:, :1] / 50 - 1, 'B': lab[:, 1:] / 110})
    for one, batch in ((ours, first), (theirs, second)):
        torch.manual_seed(0)
        one.prepare(batch)
    for phase in ('loss_D', 'loss_G'):
        ours_terms, theirs_terms = getattr(ours, phase)(first), getattr(theirs, phase)(second)
        assert ours_terms.keys() == theirs_terms.keys() and len(ours_terms) == 2
        for term, value in ours_terms.items():
            torch.testing.assert_close(value, theirs_terms[term], rtol=0, atol=0)


@pytest.mark.parametrize('colour', [(20.0, -30.0), (-90.0, 90.0)], ids=['within sRGB', 'beyond it'])
def test_a_result_has_the_lightness_of_its_input_and_the_colours_of_g(colour: tuple[float, float]) -> None:
    img = photograph(2, 3, 16, 24)
    made = method(*colour).ask('colorize', {'img': img})
    lightness, colours = split(made)
    assert (50 * (lightness - split(img)[0])).abs().max() < 0.02
    wanted = torch.tensor(colour)[None, :, None, None].expand(2, 2, 16, 24) / 110
    middle = (split(img)[0] - 0.1).abs() < 0.1  # neither black nor white, where there are few colours
    if colour[0] > 0:
        torch.testing.assert_close(colours[middle.expand_as(colours)], wanted[middle.expand_as(colours)], rtol=0,
                                   atol=1e-4)
    else:
        assert (colours.norm(dim=1) < wanted.norm(dim=1)).all() and made.abs().max() <= 1


def test_join_is_the_inverse_of_split() -> None:
    img = photograph(1, 3, 20, 20)
    torch.testing.assert_close(join(*split(img)), img, rtol=0, atol=1e-4)


def test_g_sees_the_side_that_the_method_states() -> None:
    """Multiples of what it takes, in about the proportions of the photograph; its colours get the photograph's size."""
    whole, small = method(), method(30, 30, side=16)
    for model, shape, seen in ((whole, (40, 24), (40, 24)), (small, (100, 45), (32, 16)), (small, (16, 24), (16, 24)),
                               (small, (9, 7), (24, 16))):
        img = photograph(1, 3, *shape)
        made = model.ask('colorize', {'img': img})
        assert made.shape == img.shape and model.G.seen[-1] == seen
        assert (50 * (split(made)[0] - split(img)[0])).abs().max() < 0.02
    assert whole.directions['colorize'].divisor == 8 and small.directions['colorize'].divisor == 1


def test_wrong_channels_are_one_error() -> None:
    for message, build in (
            ('channels=3', lambda: method(channels=dict(img=1))),
            (r'model\.G\.in_channels: 3, but lightness is 1',
             lambda: Colorization(dict(type='UnetGenerator', in_channels=3), D)),
            (r'model\.D\.in_channels: 6', lambda: Colorization(dict(type='OneColour'), dict(D, in_channels=6)))):
        with pytest.raises(ConfigError, match=message):
            build()


def test_pictures_of_a_validation() -> None:
    (sample,) = method(20, 20).val_step({'img': photograph(1, 3, 16, 16).add(1).mul(127.5).to(torch.uint8)})
    assert list(sample) == ['meta', 'gray', 'fake', 'img']
    gray, fake, img = (srgb_to_lab(sample[key].double() / 255) for key in ('gray', 'fake', 'img'))
    assert gray[1:].abs().max() < 1 and (gray[0] - img[0]).abs().max() < 0.3  # half a level of 8 bits
    assert (fake[0] - img[0]).abs().max() < 0.7 and fake[1:].mean() > 5


# Photographs as users have them


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('colours')
    Runner.from_cfg(tiny_config(CONFIG, folder / 'run', folder, 2, {'model.init.gain': 0.7})).train()
    return folder / 'run' / 'iter_2.pth'


PHOTOGRAPHS = {'gray 8': ('.png', np.uint8, 1), 'gray 16': ('.png', np.uint16, 1),
               'gray 16, TIFF': ('.tif', np.uint16, 1), 'gray JPEG': ('.jpg', np.uint8, 1),
               'colour JPEG': ('.jpg', np.uint8, 3), 'colour 16': ('.png', np.uint16, 3),
               'alpha': ('.png', np.uint8, 4), 'alpha 16': ('.tif', np.uint16, 4)}


@pytest.mark.parametrize('kind', PHOTOGRAPHS)
def test_every_photograph_keeps_its_lightness_size_and_depth(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    suffix, dtype, channels = PHOTOGRAPHS[kind]
    top = np.iinfo(dtype).max
    image = np.random.default_rng(0).integers(top // 8, top, (5, 7, channels)).astype(dtype)
    image = cv2.resize(image, (45, 37), interpolation=cv2.INTER_LINEAR).reshape(37, 45, channels)
    write_image(tmp_path / f'in/x{suffix}', image)
    translator = Translator(checkpoint, device='cpu')
    assert translator.folder(tmp_path / 'in', tmp_path / 'out').exit_code == 0
    made, source = read_image(tmp_path / 'out/x.png', None), read_image(tmp_path / f'in/x{suffix}')
    assert made.shape == (37, 45, 3) and made.dtype == dtype
    before, after = (srgb_to_lab(torch.from_numpy(x.astype(np.float64) / top).permute(2, 0, 1)) for x in (source, made))
    assert (after[0] - before[0]).abs().max() < (0.6 if dtype == np.uint8 else 0.02)
    assert (made.max(2) > made.min(2)).mean() > 0.5, 'colours'
    np.testing.assert_array_equal(translator(tmp_path / f'in/x{suffix}'), made)


def test_photographs_of_other_numbers_are_coloured_in_these_numbers(tmp_path: Path) -> None:
    """12 bits in files of 16."""
    for split_name in ('train', 'val'):
        for i in range(2):
            colours = np.random.default_rng(i).integers(0, 4096, (48, 48, 3)).astype(np.uint16)
            write_image(tmp_path / f'{split_name}/{i}.png', colours)
    data = dict(type='ImageFolder', data_root=str(tmp_path), value_range=(0, 4095), _delete_=True)
    Runner.from_cfg(tiny_config(CONFIG, tmp_path / 'run', tmp_path, 2, {
        'train_dataloader.dataset': dict(data, split='train'), 'val_dataloader.dataset': dict(data, split='val'),
        'val_evaluator': [dict(type='LabError'), dict(type='LabError', pred='gray', prefix='gray')]})).train()
    gray = np.linspace(0, 4095, 37 * 45).reshape(37, 45).astype(np.uint16)
    made = Translator(tmp_path / 'run/iter_2.pth', device='cpu')(gray)
    assert made.dtype == np.uint16 and 3500 < made.max() <= 4095
    before, after = (srgb_to_lab(torch.from_numpy(x / 4095.0).permute(2, 0, 1))[0]
                     for x in (np.repeat(gray[:, :, None], 3, 2), made))
    assert (after - before).abs().max() < 0.1


@pytest.mark.fault
def test_gray_photographs_in_a_training_set_are_named_or_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(4):
        write_image(tmp_path / f'train/a/{i}.png', rng.integers(0, 256, (48, 48, 3)).astype(np.uint8))
    gray = rng.integers(0, 256, (48, 48, 1)).astype(np.uint8)
    write_image(tmp_path / 'train/a/4.jpg', np.repeat(gray, 3, 2))  # stored as colours
    for build in (ImageFolder, ClassFolders):
        assert len(build(str(tmp_path), 'train')[4]) >= 2, 'other methods do not mind'
        with pytest.raises(DataError, match=r"4\.jpg': a gray photograph.*on_bad_image='skip'"):
            build(str(tmp_path), 'train', gray='bad')[4]
        with pytest.raises(ConfigError, match=r"gray='bad'.*channels=3"):
            build(str(tmp_path), 'train', gray='bad', channels=1)
    data = dict(type='ImageFolder', data_root=str(tmp_path), split='train', gray='bad', on_bad_image='skip',
                max_bad=0.5, _delete_=True)
    cfg = tiny_config(CONFIG, tmp_path / 'run', tmp_path, 4, {'train_dataloader.dataset': data})
    Runner.from_cfg(cfg).train()
    (line,) = (tmp_path / 'run/skipped_images.txt').read_text().splitlines()
    assert line.startswith(f'{tmp_path}/train/a/4.jpg\t') and 'teaches gray' in line


# The metric


def sample(fake: Tensor, img: Tensor) -> dict[str, Any]:
    return {'fake': fake, 'img': img, 'gray': fake, 'meta': {}}


def score(metric: LabError, samples: list[dict[str, Any]]) -> float:
    metric.process(None, samples)
    return next(iter(metric.evaluate(len(samples)).values()))


def test_the_error_is_the_distance_of_the_colours_whatever_the_lightness() -> None:
    """(a*, b*) of red are (80.09, 67.20), those of magenta (98.25, -60.83), by Lindbloom's calculator."""
    red, magenta, gray, white = (torch.tensor(rgb, dtype=torch.uint8)[:, None, None].expand(3, 4, 4) for rgb in (
        (255, 0, 0), (255, 0, 255), (119, 119, 119), (255, 255, 255)))
    assert score(LabError('fake', 'img'), [sample(red, magenta)]) == pytest.approx(
        np.hypot(98.25 - 80.09, -60.83 - 67.20), abs=0.1)
    assert score(LabError('fake', 'img'), [sample(gray, white)]) == pytest.approx(0, abs=0.01)
    assert score(LabError('fake', 'img'), [sample(gray, red), sample(red, red)]) == pytest.approx(
        np.hypot(80.09, 67.20) / 2, abs=0.1)
    assert not LabError.higher_is_better


def test_the_mean_colour_of_a_data_set_is_scored_in_place_of_the_pictures(tmp_path: Path) -> None:
    for name, rgb in (('a', (255, 0, 0)), ('b', (119, 119, 119))):
        write_image(tmp_path / f'{name}.png', np.full((4, 4, 3), rgb, np.uint8))
    metric = LabError('fake', 'img', real=dict(type='ImageFolder', data_root=str(tmp_path)))
    green = torch.tensor((0, 255, 0), dtype=torch.uint8)[:, None, None].expand(3, 4, 4)
    assert score(metric, [sample(green, green)]) == pytest.approx(np.hypot(40.05 + 86.18, 33.60 - 83.18), abs=0.1)
    assert f'mean colour of ImageFolder {tmp_path}' in metric.protocol


def test_the_score_of_gray_needs_no_key_of_its_target() -> None:
    metric = LabError(pred='gray')
    metric.bind(Colorization.shows)
    assert metric.target == 'img'
    best = LabError()
    best.bind(Colorization.shows)
    assert (best.pred, best.target) == ('fake', 'img')


# Official files


def test_an_official_colourisation_becomes_this_method(tmp_path: Path) -> None:
    args, state = tiny('UnetGenerator', input_nc=1, output_nc=2, norm='batch', num_downs=6)
    save(tmp_path, latest_net_G=(args, state))
    model, directions = load_method(convert_checkpoint('pix2pix', tmp_path / 'latest_net_G.pth', tmp_path / 'ours.pth'))
    assert isinstance(model, Colorization) and directions == ('colorize',) and model.side == 256
    assert read_checkpoint(tmp_path / 'ours.pth')['config']['model']['D']['in_channels'] == 3
    made = Translator(tmp_path / 'ours.pth', device='cpu')(np.full((50, 70), 90, np.uint8))
    assert made.shape == (50, 70, 3) and made.dtype == np.uint8


def test_the_configs_have_the_networks_of_the_authors_model() -> None:
    from toolbox.engine.config import load_config
    cfg = load_config(ROOT / 'configs/pix2pix/colorization.py', {'data_root': '/nowhere'})
    assert cfg.model.G['downs'] == 8 and cfg.model.G['norm'] == dict(type='BN') and cfg.model.w_rec == 100
    assert not check_config(cfg)
