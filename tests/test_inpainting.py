"""Inpainting: masks, the losses in closed form, what is kept exactly, and the networks."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from PIL import Image as Picture
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from toolbox import Translator
from toolbox.backbones import ResnetGenerator
from toolbox.data.io import read_image, write_image
from toolbox.data.masks import MasksFromFolder, RectangleHoles, StrokeHoles, is_missing, read_mask
from toolbox.data.sets.classes import ImageFolder
from toolbox.data.sets.masked import MaskedImages
from toolbox.data.transforms import CenterCrop
from toolbox.discriminators import PGGANDiscriminator
from toolbox.errors import ConfigError, DataError
from toolbox.files.checkpoint import write_checkpoint
from toolbox.methods import Batch, Inpainting, Stage
from toolbox.metrics import L1, L2, PSNR

MASK = torch.zeros(2, 1, 8, 8)
MASK[0, :, 2:4, 2:6], MASK[1, :, 4:8, 4:8] = 1, 1  # 8 and 16 of 64 pixels


class Constant(nn.Module):
    """A generator whose image is one number everywhere, and which notes what it was shown."""

    def __init__(self, value: float = 0.5, channels: int = 4) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.size_divisor = channels, 3, 4
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return self.value.expand(len(x), 3, *x.shape[2:])


class Mean(nn.Module):
    """A discriminator whose logits are the mean of the image, and three times its pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.weight * x.mean((1, 2, 3))[:, None], 3 * self.weight * x[:, :1]


def method(G: nn.Module | None = None, **kwargs: Any) -> Inpainting:
    return Inpainting(Constant() if G is None else G, Mean(), **kwargs)


def batch(model: Inpainting, value: float = -0.25) -> Batch:
    b = Batch({'img': torch.full((2, 3, 8, 8), value), 'mask': MASK.clone()})
    model.prepare(b)
    return b


# The objective


@pytest.mark.parametrize(('region', 'paste'), [('whole', True), ('whole', False), ('hole', True)])
def test_the_losses_are_those_of_the_paper(region: str, paste: bool) -> None:
    model = method(region=region, paste=paste, w_rec=2.0, w_global=3.0, w_patch=5.0)
    b = batch(model)
    fake = torch.where(MASK > 0, 0.5, -0.25) if paste else torch.full((2, 1, 8, 8), 0.5)
    ones, zeros = torch.ones(2, 1, 8, 8), torch.zeros(2, 1, 8, 8)
    whole, losses = fake.mean((1, 2, 3))[:, None], model.loss_G(b)
    assert losses['rec'].item() == pytest.approx(2 * 0.75)  # everywhere, or in the holes: G makes one number
    assert losses['global'].item() == pytest.approx(3 * bce(whole, ones[:, 0, 0, :1]).item())
    assert losses['patch'].item() == pytest.approx(5 * bce(3 * fake, ones).item())
    losses, real = model.loss_D(b), torch.full((2, 1, 8, 8), -0.25)
    halves = [(bce(3 * x, y) + bce(x.mean((1, 2, 3))[:, None], y[:, 0, 0, :1])) / 2
              for x, y in ((fake, zeros), (real, ones))]
    assert [losses['fake'].item(), losses['real'].item()] == pytest.approx([half.item() / 2 for half in halves])


def test_the_reconstruction_in_holes_is_the_mean_over_their_pixels_of_each_image() -> None:
    for kind, power in (('L1Loss', 1), ('L2Loss', 2)):
        model = method(region='hole', w_rec=1.0, reconstruction=dict(type=kind))
        b = batch(model)
        b.img = torch.rand(2, 3, 8, 8)
        model.complete(b, model.G)
        error = (b.made - b.img).abs() ** power
        expected = torch.stack([error[i][MASK[i].bool().expand(3, -1, -1)].mean() for i in range(2)]).mean()
        torch.testing.assert_close(model.distance(b), expected)
    b.mask = torch.zeros_like(MASK)
    model.complete(b, model.G)
    assert model.distance(b) == 0, 'an image without a hole teaches nothing'


def test_only_what_D_sees_reaches_G() -> None:
    """Pasted, known pixels have no gradient from D; a branch of weight 0 has none at all."""
    for paste in (True, False):
        model = method(paste=paste, w_rec=0.0)
        b = batch(model)
        b.made.retain_grad()
        losses = model.loss_G(b)
        assert losses.keys() == {'global', 'patch'}
        sum(losses.values()).backward()
        known = b.made.grad[~MASK.bool().expand(-1, 3, -1, -1)]
        assert (known == 0).all() if paste else known.abs().min() > 0
    model = method(w_global=0.0)
    b = batch(model)
    assert model.loss_G(b).keys() == {'rec', 'patch'}
    assert model.loss_D(b)['real'].item() == pytest.approx(0.5 * bce(torch.tensor(-0.75), torch.ones(())).item())
    with pytest.raises(ConfigError, match='both are 0, so that nothing trains D'):
        method(w_global=0.0, w_patch=0.0)


def test_the_penalty_is_that_of_what_D_sees() -> None:
    model = method(adversarial=dict(type='AdversarialLoss', mode='wgan-gp'))
    assert model.loss_D(batch(model))['penalty'] > 0


# What G sees


def test_holes_have_the_value_that_is_asked_for_and_nothing_else_changes() -> None:
    image = torch.rand(2, 3, 8, 8)
    hole = MASK.bool().expand(-1, 3, -1, -1)
    for value, channel in ((-1, True), ('mean', True), ('noise', False)):
        model = method(Constant(channels=3 + channel), hole=value, mask_channel=channel)
        b = Batch({'img': image, 'mask': MASK}, [{'seed': 1}, {'seed': 2}])
        model.begin(Stage('joint'), b)
        model.prepare(b)
        seen = model.G.seen
        assert torch.equal(seen[:, :3][~hole], image[~hole]) and torch.equal(seen[:, :3], b.masked)
        assert not channel or torch.equal(seen[:, 3:], MASK)
        if value == 'noise':
            inside = seen[hole]
            assert inside.unique().numel() == inside.numel() and inside.abs().max() <= 1 and inside.min() < -0.5
            model.prepare(b)
            assert torch.equal(model.G.seen, seen), 'noise belongs to the sample'
        else:
            colour = image.mean((0, 2, 3)) if value == 'mean' else torch.full((3,), -1.0)
            torch.testing.assert_close(seen[0, :3, 2, 2], colour)


def test_G_must_take_what_it_is_shown() -> None:
    with pytest.raises(ConfigError, match='takes 3 channels and gives 3; with mask_channel=True it must take 4'):
        method(Constant(channels=3))


def test_a_mask_of_the_data_is_a_picture_and_one_of_a_question_is_0_and_1() -> None:
    model = method()
    picture = (255 * MASK).to(torch.uint8)
    b = model._batch({'img': torch.zeros(2, 3, 8, 8), 'mask': picture, 'meta': [{}, {}]})
    assert torch.equal(b.mask, MASK)
    (first, _) = model.val_step({'img': torch.zeros(2, 3, 8, 8), 'mask': picture, 'meta': [{}, {}]})
    assert torch.equal(first['mask'], picture[0]), 'metrics find the holes white'
    assert torch.equal(first['fake'][:, MASK[0, 0] > 0], torch.full((3, 8), 191, dtype=torch.uint8))


# Masks


def seeded(transform: Any, seed: int, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    random.seed(seed)
    mask = transform({'img': np.zeros((*size, 3), np.uint8)})['mask']
    assert mask.shape == (*size, 1) and mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
    return mask[:, :, 0] > 0


def test_rectangles_have_their_share_of_the_sides() -> None:
    middle = seeded(RectangleHoles(0.5, 'center'), 0)
    assert middle[10:30, 15:45].all() and middle.sum() == 20 * 30
    places = set()
    for seed in range(30):
        rows, columns = np.nonzero(seeded(RectangleHoles((0.25, 0.5)), seed))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert 10 <= height <= 20 and 15 <= width <= 30 and len(rows) == height * width
        places.add((rows.min(), columns.min(), height, width))
    assert len(places) == 30
    one, many = (np.mean([seeded(RectangleHoles(0.2, count=count), i).mean() for i in range(30)])
                 for count in (1, (3, 5)))
    assert one == pytest.approx(0.04) and 0.08 < many <= 5 * 0.04
    assert (seeded(RectangleHoles(0.5), 3) == seeded(RectangleHoles(0.5), 3)).all()
    with pytest.raises(ConfigError, match=r'share: expected the smallest and the largest, found \(0.5, 0.2\)'):
        RectangleHoles((0.5, 0.2))


def test_strokes_cover_the_area_asked_for() -> None:
    for seed in range(20):
        area = seeded(StrokeHoles(area=0.2, width=(0.05, 0.1), length=(0.1, 0.2)), seed, (64, 64)).mean()
        assert 0.2 <= area <= 0.2 + 0.1 * 0.3 + 0.01, 'at most one line more'
    assert len({seeded(StrokeHoles(), seed).tobytes() for seed in range(5)}) == 5


def test_holes_of_several_transforms_are_added() -> None:
    images = CenterCrop(16)(RectangleHoles(0.5, 'center')({'img': np.zeros((32, 32, 3), np.uint8)}))
    assert images['mask'].all() and images['mask'].shape == (16, 16, 1), 'geometry moves the mask with its image'
    images['mask'][:, :8] = 0
    both = RectangleHoles(0.25, 'center')(images)['mask'][:, :, 0]
    assert both[:, 8:].all() and both[6:10, 6:10].all() and both.sum() == 255 * (16 * 8 + 4 * 2)


FORMS = {'1 bit': ('1', 255), '8 bits': ('L', 255), '0 and 1': ('L', 1), '16 bits': ('I;16', 65535),
         'RGB': ('RGB', 255), 'RGBA': ('RGBA', 255), 'palette': ('P', 255)}


def save_mask(path: Path, missing: np.ndarray, form: str) -> Path:
    mode, white = FORMS[form]
    numbers = np.where(missing, white, 0).astype(np.uint16 if '16' in mode else np.uint8)
    if mode == 'P':  # white is the first colour
        picture = Picture.fromarray(np.where(missing, 0, 1).astype(np.uint8), 'P')
        picture.putpalette([255, 255, 255, 0, 0, 0])
    else:
        picture = Picture.fromarray(numbers) if '16' in mode else Picture.fromarray(numbers).convert(mode)
    picture.save(path)
    return path


@pytest.mark.fault
@pytest.mark.parametrize('form', FORMS)
def test_white_is_missing_in_files_of_every_kind(form: str, tmp_path: Path) -> None:
    missing = np.eye(16, dtype=bool)
    mask = read_mask(save_mask(tmp_path / 'mask.png', missing, form))
    np.testing.assert_array_equal(mask[:, :, 0], 255 * missing.astype(np.uint8))


def test_gray_levels_are_missing_from_the_middle_on_and_colours_are_no_mask() -> None:
    np.testing.assert_array_equal(is_missing(np.array([[127, 128, 255]], np.uint8), ''), [[False, True, True]])
    np.testing.assert_array_equal(is_missing(np.array([[300, 32767, 32768]], np.uint16), ''), [[False, False, True]])
    assert not is_missing(np.zeros((2, 2), np.uint8), '').any()
    with pytest.raises(DataError, match=r'photo.png: expected a mask, white .* of shape \(2, 2, 3\) with colours'):
        is_missing(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), 'photo.png')


# Masks of users in a training


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images 0 and 1 of 32x24, with masks: the left half, the right half."""
    rng = np.random.default_rng(0)
    for i in range(2):
        write_image_at(tmp_path / f'images/sub/{i}.jpg', rng.integers(0, 256, (24, 32, 3), np.uint8))
        mask = np.zeros((24, 32), np.uint8)
        mask[:, 16 * i:16 * i + 16] = 255
        write_image_at(tmp_path / f'masks/sub/{i}.png', mask)
    return tmp_path


def write_image_at(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image)


def test_an_image_has_the_mask_of_its_name_and_crops_it_alike(folder: Path) -> None:
    data = MaskedImages(folder, pipeline=[dict(type='RandomCrop', size=(24, 8))])
    assert data.facts()['channels'] == {'img': 3}
    whole = MaskedImages(folder)
    for i in range(2):
        image = whole[i]['img']
        crop = data[i]
        left = next(x for x in range(25) if torch.equal(image[:, :, x:x + 8], crop['img']))
        assert torch.equal(crop['mask'][0], whole[i]['mask'][0][:, left:left + 8])
        assert (whole[i]['mask'][0, :, 16 * i:16 * i + 16] == 255).all() and whole[i]['mask'].sum() == 255 * 24 * 16
    assert len({path for path, _ in data.files_and_readers()}) == 4


def test_a_mask_of_the_exact_name_comes_before_one_of_another_suffix(tmp_path: Path) -> None:
    for name, level in (('1.bmp', 0), ('1.png', 255), ('2.png', 128)):
        write_image_at(tmp_path / 'masks' / name, np.full((8, 8), level, np.uint8))
    for name in ('1.bmp', '1.png', '2.jpg'):
        write_image_at(tmp_path / 'images' / name, np.zeros((8, 8, 3), np.uint8))
    assert [Path(row.mask).name for row in MaskedImages(tmp_path).rows] == ['1.bmp', '1.png', '2.png']
    write_image_at(tmp_path / 'masks/2.bmp', np.zeros((8, 8), np.uint8))
    with pytest.raises(DataError, match=r"masks/2\.bmp' and .*masks/2\.png' differ only in their suffix"):
        MaskedImages(tmp_path)


@pytest.mark.fault
def test_masks_that_are_missing_or_of_another_size_are_refused(folder: Path) -> None:
    data = MaskedImages(folder)
    write_image(folder / 'masks/sub/1.png', np.zeros((32, 24), np.uint8))
    with pytest.raises(DataError, match=r"1.png' is 24x32 \(width x height\), but its image .*1.jpg' is 32x24"):
        data[1]
    (folder / 'masks/sub/0.png').unlink()
    with pytest.raises(DataError, match=r"1 of 2 images have no mask in .*masks', such as .*0.jpg.*MasksFromFolder"):
        MaskedImages(folder)


def test_masks_of_a_folder_are_drawn_at_the_size_of_the_image(folder: Path) -> None:
    pool = dict(type='MasksFromFolder', folder=str(folder / 'masks'))
    data = ImageFolder(folder, 'images', pipeline=[dict(type='Resize', size=64), pool])
    drawn = {bytes(data[random.randrange(2)]['mask'].numpy()) for _ in range(1)} | {
        bytes(seeded(MasksFromFolder(folder / 'masks'), seed, (64, 64))) for seed in range(8)}
    assert len(drawn) >= 2 and data[0]['mask'].shape == (1, 64, 64)
    assert torch.equal(data[0]['mask'], data[0]['mask']), 'an evaluation draws the same'


# Scores of the holes


def test_scores_of_a_region_look_at_nothing_else() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 200, (3, 16, 16), np.uint8)
    mask = np.zeros((1, 16, 16), np.uint8)
    mask[:, 4:8, 4:12] = 255
    pred = np.where(mask > 0, target + 10, target)
    pred[:, 4, 4] += 10
    sample = {'fake': pred, 'img': target, 'mask': mask, 'meta': {}}
    keys: dict[str, Any] = dict(pred='fake', target='img')
    squared = (31 * 10 ** 2 + 20 ** 2) / 32
    expected = {L1: (31 * 10 + 20) / 32 / 255, L2: squared / 255 ** 2, PSNR: 10 * np.log10(255 ** 2 / squared)}
    for cls, value in expected.items():
        assert cls(**keys, mask='mask').measure([sample]) == pytest.approx([value])
    assert L2(**keys).measure([sample]) == pytest.approx([squared / 255 ** 2 * 32 / 256])
    with pytest.raises(DataError, match=r"metric L1.mask: 'mask' has 0 white pixels"):
        L1(**keys, mask='mask').measure([{**sample, 'mask': 0 * mask}])
    with pytest.raises(DataError, match=r'in a size of \(8, 16\)'):
        L1(**keys, mask='mask').measure([{**sample, 'mask': mask[:, :8]}])
    with pytest.raises(ConfigError, match='the pixels in a mask have no border'):
        PSNR(mask='mask', crop_border=2)


# Networks


def test_D_judges_pictures_of_any_size_and_at_its_own_without_averaging() -> None:
    D = PGGANDiscriminator(base_channels=2, layers=3, global_layers=2, grid=8)
    shapes = [tuple(p.shape[:2]) for p in D.parameters() if p.ndim == 4]
    assert shapes == [(2, 3), (4, 2), (8, 4), (16, 8), (1, 16), (16, 8), (16, 16)]
    for size, patches in (((256, 256), (32, 32)), ((64, 96), (8, 12))):
        whole, patch = D(torch.rand(2, 3, *size))
        assert whole.shape == (2, 1) and patch.shape == (2, 1, *patches)
    x = torch.rand(2, 3, 256, 256)
    D.eval()
    D.pool, (pooled, _) = nn.Identity(), D(x)
    assert torch.equal(D(x)[0], pooled)
    with pytest.raises(ConfigError, match='both sides must be at least 64'):
        D(torch.rand(1, 3, 32, 64))


def test_both_branches_teach_the_trunk_and_neither_the_other() -> None:
    D = PGGANDiscriminator(base_channels=2, layers=2, global_layers=1, grid=2)
    for branch, other in ((0, 'patch'), (1, 'whole')):
        D.zero_grad()
        D(torch.rand(2, 3, 32, 32))[branch].sum().backward()
        named = dict(D.named_parameters())
        assert named['stem.weight'].grad.abs().sum() > 0
        assert all(p.grad is None for key, p in named.items() if key.startswith(other))


@pytest.mark.parametrize('dilated', ['first', 'second'])
def test_dilations_grow_from_block_to_block_and_start_again(dilated: str) -> None:
    G = ResnetGenerator(base_channels=2, blocks=5, dilations=(1, 2, 4), dilated=dilated, padding='zero',
                        upsample='bilinear')
    rates = [(block.conv1.dilation[0], block.conv2.dilation[0]) for block in G.blocks]
    assert rates == [(r, 1) if dilated == 'first' else (1, r) for r in (1, 2, 4, 1, 2)]
    assert G(torch.rand(1, 3, 32, 40)).shape == (1, 3, 32, 40)
    with pytest.raises(ConfigError, match='dilations: 2 rates, but there are 1 blocks'):
        ResnetGenerator(blocks=1, dilations=(1, 2))


def test_reflection_needs_more_pixels_than_the_rate() -> None:
    G = ResnetGenerator(base_channels=2, blocks=1, dilations=(4,))
    assert G(torch.rand(1, 3, 20, 20)).shape == (1, 3, 20, 20)
    with pytest.raises(ConfigError, match='both sides must be at least 20'):
        G(torch.rand(1, 3, 16, 20))


# In use


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``checkpoint(**model)``: an untrained method as a file."""
    def make(**kwargs: Any) -> Path:
        config = dict(type='Inpainting', G=dict(type='ResnetGenerator', in_channels=4, base_channels=2, blocks=1),
                      D=dict(type='PGGANDiscriminator', base_channels=2, layers=1, grid=1), **kwargs)
        torch.manual_seed(0)
        model = Inpainting(**{key: value for key, value in config.items() if key != 'type'})
        model.mean.fill_(0.5)
        path = tmp_path_factory.mktemp('run') / 'file.pth'
        state = dict(model.state_dict())
        write_checkpoint({'state_dict': state, 'config': {'model': config}, 'meta': {}}, path)
        return path
    return make


NUMBERS = {'8 bits': (np.uint8, None), '16 bits': (np.uint16, None), '32 bits': (np.uint32, (0.0, 4e9, 'uint32'))}


@pytest.mark.fault
@pytest.mark.parametrize('numbers', NUMBERS)
def test_pixels_outside_of_the_holes_are_kept_exactly(numbers: str, checkpoint: Any) -> None:
    dtype, known = NUMBERS[numbers]
    path = checkpoint(**({'value_range': {'img': known}} if known else {}))
    rng = np.random.default_rng(0)
    image = rng.integers(0, int(4e9) if known else np.iinfo(dtype).max, (30, 41, 3), dtype, endpoint=True)
    missing = np.zeros((30, 41), bool)
    missing[5:20, 7:30] = True
    made = Translator(path, device='cpu')({'img': image, 'mask': missing})
    assert made.dtype == image.dtype
    np.testing.assert_array_equal(made[~missing], image[~missing])
    assert (made[missing] != image[missing]).mean() > 0.9


@pytest.mark.fault
def test_translate_with_masks_fills_white_and_refuses_other_sizes(checkpoint: Any, tmp_path: Path) -> None:
    path, rng = checkpoint(), np.random.default_rng(0)
    missing = np.zeros((24, 32), bool)
    missing[4:12, 4:20] = True
    forms = ['1 bit', '16 bits', 'palette', 'RGB']
    for i, form in enumerate(forms):
        write_image_at(tmp_path / f'in/{i}.png', rng.integers(0, 256, (24, 32, 3), np.uint8))
        (tmp_path / 'masks').mkdir(exist_ok=True)
        save_mask(tmp_path / f'masks/{i}.png', missing, form)
    arguments = [str(path), str(tmp_path / 'in'), str(tmp_path / 'out'), '--mask', str(tmp_path / 'masks')]
    assert command('translate.py', *arguments)[0] == 0
    for i in range(len(forms)):
        before, after = (read_image(tmp_path / f'{place}/{i}.png') for place in ('in', 'out'))
        changed = (before != after).any(2)
        assert not changed[~missing].any() and changed[missing].mean() > 0.9
    save_mask(tmp_path / 'masks/1.png', missing[:, :16], '8 bits')
    code, _, err = command('translate.py', *arguments, '--overwrite')
    assert code == 1 and "in/1.png" in err and "masks/1.png: the inputs of 'inpaint' must have one size" in err
    assert "'img': (24, 32), 'mask': (24, 16)" in err and "Save all of them at the size of 'img'" in err
    code, _, err = command('translate.py', *arguments[:3], '--overwrite')
    assert code == 2 and "beside its 'img', 'inpaint' takes ['mask'], found nothing" in err


def test_the_mean_colour_travels_with_the_checkpoint(checkpoint: Any) -> None:
    translator = Translator(checkpoint(), device='cpu')
    assert translator.model.mean.tolist() == [0.5, 0.5, 0.5]
