"""DiffAugment: what it does to images, and where a method has it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import METHOD_CONFIGS, tiny_config
from torch import Tensor

from toolbox.engine.runner import Runner
from toolbox.errors import ConfigError
from toolbox.layers.augment import POLICIES, augment

ALL = tuple(POLICIES)


def images_of(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def seeded(x: Tensor, *policy: str, groups: tuple[int, ...] = ()) -> Tensor:
    torch.manual_seed(1)
    return augment(x, policy, groups)


@pytest.mark.parametrize('kind', ALL)
def test_every_sample_has_draws_of_its_own_and_gradients_pass(kind: str) -> None:
    one = images_of(1, 3, 16, 16).expand(8, -1, -1, -1)
    made = seeded(one, kind)
    assert made.shape == one.shape and len({tuple(x.flatten().tolist()) for x in made}) > 4
    assert not seeded(one, kind).equal(augment(one, [kind])), 'draws go on'
    x = images_of(2, 3, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: seeded(x, kind), x)


@pytest.mark.parametrize('kind', ALL)
def test_a_condition_and_its_picture_share_their_draws(kind: str) -> None:
    x = images_of(4, 3, 16, 16)
    made = seeded(torch.cat([x, x], 1), kind, groups=(3, 3))
    torch.testing.assert_close(made[:, :3], made[:, 3:])
    torch.testing.assert_close(made[:, :3], seeded(x, kind))


def test_colours_stay_those_of_each_image() -> None:
    """Contrast is about the mean of one image: a white condition does not brighten its picture."""
    dark, white = torch.full((16, 3, 8, 8), -0.5), torch.ones(16, 3, 8, 8)
    made = seeded(torch.cat([white, dark], 1), 'color', groups=(3, 3))
    shifts = made[:, 3:].mean((1, 2, 3)) + 0.5  # a plain image knows brightness alone
    assert shifts.abs().max() <= 0.5 and shifts.std() > 0.1
    torch.testing.assert_close(made[:, :3].mean((1, 2, 3)) - 1, shifts)


def test_translations_move_by_whole_pixels_up_to_an_eighth_and_fill_with_zeros() -> None:
    x = images_of(64, 1, 16, 32)
    moves = set()
    for before, after in zip(x[:, 0], seeded(x, 'translation')[:, 0], strict=True):
        found = [(dy, dx) for dy in range(-2, 3) for dx in range(-4, 5) if moved(before, dy, dx).equal(after)]
        assert len(found) == 1
        moves.add(found[0])
    assert {dy for dy, _ in moves} == {*range(-2, 3)} and {dx for _, dx in moves} == {*range(-4, 5)}


def moved(x: Tensor, dy: int, dx: int) -> Tensor:
    """Row r of the result is row r + dy of ``x``."""
    height, width = x.shape
    made = torch.zeros_like(x)
    made[max(0, -dy):height - max(0, dy), max(0, -dx):width - max(0, dx)] = \
        x[max(0, dy):height + min(0, dy), max(0, dx):width + min(0, dx)]
    return made


def test_a_hole_has_half_of_both_sides_at_most() -> None:
    x = images_of(64, 2, 12, 20) + 3
    made = seeded(x, 'cutout')
    holes = (made == 0)
    assert made[~holes].equal(x[~holes]) and holes[:, 0].equal(holes[:, 1])
    rows, columns = holes[:, 0].any(2).sum(1), holes[:, 0].any(1).sum(1)
    assert rows.max() == 6 and columns.max() == 10 and rows.min() < 6 and columns.min() < 10
    assert holes[:, 0].sum((1, 2)).equal(rows * columns), 'rectangles'


@pytest.mark.parametrize('method', ['Pix2Pix', 'Colorization', 'CycleGAN', 'DCGAN', 'StarGANv2'])
def test_discriminators_see_changed_images_while_they_train(method: str, images: Path, tmp_path: Path) -> None:
    cfg = tiny_config(METHOD_CONFIGS.get(method, 'configs/dcgan/synthetic.py'), tmp_path, images, 2,
                      {'model.diff_augment': ALL})
    runner = Runner.from_cfg(cfg)
    name, D = next((name, net) for name, net in runner.model.named_children() if name.startswith('D'))
    seen, inputs = [], images_of(2, D.in_channels, 32, 32).float()
    D.register_forward_pre_hook(lambda net, args: seen.append(args[0]))
    more = [torch.zeros(2, dtype=torch.long)] if method == 'StarGANv2' else []
    D.eval()(inputs, *more)
    D.train()(inputs, *more)
    assert seen[0].equal(inputs) and not seen[1].equal(inputs)
    assert not any('augment' in key for key in runner.model.state_dict())
    seen.clear()
    runner.train()
    assert len(seen) >= 4, f'{name} judged real and made images'


@pytest.mark.fault
def test_a_method_that_compares_features_has_none(images: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'diff_augment: Pix2PixHD compares'):
        tiny_config(METHOD_CONFIGS['Pix2PixHD'], tmp_path, images, 2, {'model.diff_augment': ['color']})
    with pytest.raises(ConfigError, match=r"model.diff_augment.*'colour'"):
        tiny_config(METHOD_CONFIGS['Pix2Pix'], tmp_path, images, 2, {'model.diff_augment': ['colour']})
