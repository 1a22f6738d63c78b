"""Images in tiles: equal to the whole where networks look no further than the overlap, blended, and within memory."""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import forked
import numpy as np
import pytest
import strangers  # noqa: F401  registers HoleFiller and Enlarger
import torch
from commands import command
from test_inference import discriminator, image, save
from test_pix2pixhd import tiny
from test_stargan_use import STARGAN
from torch import Tensor, nn

from toolbox import Translator
from toolbox.data.io import check_size, read_image, write_image
from toolbox.errors import ConfigError, DataError
from toolbox.registry import BACKBONES
from toolbox.use.padding import mirrored, pad_to_multiple
from toolbox.use.tiles import Tiling


@BACKBONES.register_module()
class NearNet(nn.Module):
    """Convolutions alone: strided if ``divisor`` is 2, with ``scale`` by a pixel shuffle; ``blocks`` look 2 pixels
    further each."""

    def __init__(self, divisor: int = 1, scale: int = 1, blocks: int = 1, norm: bool = False) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.size_divisor = 3, 3, divisor
        grow = divisor * scale
        self.head = nn.Conv2d(3, 8, 3, divisor, 1)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.PReLU(8), nn.Conv2d(8, 8, 3, 1, 1))
                                    for _ in range(blocks))
        self.norm = nn.InstanceNorm2d(8) if norm else nn.Identity()
        self.tail = nn.Sequential(nn.Conv2d(8, 3 * grow ** 2, 3, 1, 1), nn.PixelShuffle(grow), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        for block in self.blocks:
            x = x + 0.1 * block(x)
        return self.tail(0.1 * self.norm(x))


def one(folder: Path, **net: object) -> Path:
    """A checkpoint with such a network."""
    G = dict(type='NearNet', **net)
    if net.get('scale', 1) == 4:
        return save(folder / 'x4.pth', dict(type='Enlarger', G=G, E=dict(type='StrangeEncoder')))
    return save(folder / 'one.pth', dict(type='CycleGAN', G_AB=G, G_BA=G, D_A=discriminator(), D_B=discriminator()))


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What is warned of while a test runs."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.extend([record.getMessage()] * (record.levelno >= logging.WARNING))

    from mmengine.logging import MMLogger
    logger, handler = MMLogger.get_current_instance(), Keep()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


@pytest.mark.parametrize(('side', 'tile', 'overlap', 'divisor'), [
    (100, 32, 8, 1), (100, 32, 16, 4), (96, 32, 0, 1), (33, 32, 5, 1), (512, 100, 30, 16), (20, 32, 8, 4)])
def test_weights_of_tiles_sum_to_one(side: int, tile: int, overlap: int, divisor: int) -> None:
    parts = Tiling(tile, overlap).parts(side, divisor)
    for scale in (1, 4):
        total = torch.zeros(scale * side)
        for part in parts:
            assert part.start <= part.rise[0] and part.fall[1] <= part.stop <= side
            assert part.start % divisor == 0 and part.stop - part.start <= tile
            total[scale * part.rise[0]:scale * part.fall[1]] += part.weights(scale)
        torch.testing.assert_close(total, torch.ones(scale * side))
    for left, right in pairwise(parts):
        assert left.stop - right.start >= overlap
        assert left.stop - left.fall[1] >= overlap // 4 <= right.rise[0] - right.start


@pytest.mark.parametrize(('side', 'divisor', 'smallest'), [(5, 4, 16), (17, 8, 1), (1, 4, 4), (16, 4, 16)])
def test_the_grown_border_is_that_of_the_whole_image(side: int, divisor: int, smallest: int) -> None:
    places, start = mirrored(side, divisor, smallest)
    x = torch.rand(1, 1, side, side)
    grown, (rows, _) = pad_to_multiple(x, divisor, smallest)
    assert rows.start == start
    torch.testing.assert_close(x[:, :, places][..., places], grown, rtol=0, atol=0)


@pytest.mark.parametrize(('net', 'size', 'dtype'), [
    (dict(), (150, 203), np.uint8), (dict(divisor=2), (131, 77), np.uint16), (dict(scale=4), (70, 101), np.uint8),
    (dict(scale=4), (20, 90), np.uint16)])
def test_tiles_of_local_networks_are_the_whole_image(tmp_path: Path, warnings: list[str], net: dict, size: tuple,
                                                     dtype: type) -> None:
    """Convolutions that look at most 8 pixels around, with an overlap of 32: everywhere, seams included."""
    run, source = one(tmp_path, **net), image(*size, dtype=dtype)
    whole, tiled = Translator(run, device='cpu')(source), Translator(run, device='cpu', tile=64)(source)
    assert tiled.dtype == whole.dtype == dtype and tiled.shape == whole.shape
    assert whole.std() > 0.1 * np.iinfo(dtype).max and difference(tiled, whole) <= 1
    assert not warnings


def test_far_layers_are_seen_and_the_overlap_that_they_need_is_told(tmp_path: Path, warnings: list[str]) -> None:
    run, source = one(tmp_path, blocks=6), image(60, 252)  # looks 14 pixels around
    whole, short = Translator(run, device='cpu')(source), Translator(run, device='cpu', tile=128, overlap=4)
    first = short(source)
    assert difference(first, whole) > 1
    assert difference(short(source), whole) == difference(first, whole)
    assert len(warnings) == 1 and 'with an overlap of 4, tiles differ' in warnings[0]  # once
    between, enough = map(int, re.findall(r'--overlap (\d+)', warnings[0]))
    assert between < enough < 64
    assert difference(Translator(run, device='cpu', tile=128, overlap=enough)(source), whole) <= 1
    assert len(warnings) == 1


def test_away_from_seams_a_tile_needs_less_overlap(tmp_path: Path) -> None:
    """What looks 14 pixels around is cut with an overlap of 20: between the seams it is the whole image."""
    run, source = one(tmp_path, blocks=6, scale=4), image(40, 120)
    whole, tiled = Translator(run, device='cpu')(source), Translator(run, device='cpu', tile=64, overlap=20)(source)
    parts = Tiling(64, 20).parts(120, 1)
    seam = np.zeros(480, bool)
    for part in parts[:-1]:
        seam[4 * part.fall[0]:4 * part.fall[1]] = True
    assert 0 < seam.sum() < 100 and difference(tiled[:, ~seam], whole[:, ~seam]) <= 1


def test_a_norm_of_the_whole_image_is_told(tmp_path: Path, warnings: list[str]) -> None:
    run, source = one(tmp_path, norm=True), image(60, 170)
    source[:, 100:] //= 4
    tiled = Translator(run, device='cpu', tile=64)(source)
    assert difference(tiled, Translator(run, device='cpu')(source)) > 1
    assert len(warnings) == 1 and 'look at the whole of what they are given' in warnings[0]


def test_an_image_no_larger_than_a_tile_is_not_cut(tmp_path: Path, warnings: list[str]) -> None:
    run, source = one(tmp_path, norm=True), image(60, 64)
    assert np.array_equal(Translator(run, device='cpu', tile=64)(source), Translator(run, device='cpu')(source))
    assert not warnings


def test_a_mask_keeps_its_meaning_in_tiles(tmp_path: Path) -> None:
    """Where a tile of a mask from 0 to 255 holds 1 at most, 1 is black there, too."""
    run = save(tmp_path / 'fill.pth', dict(type='HoleFiller', G=dict(type='NearNet4')))
    mask = np.zeros((60, 200), np.uint8)
    mask[10:50, 20:60], mask[:, 120:] = 255, 1
    given = {'img': image(60, 200), 'mask': mask}
    whole, tiled = Translator(run, device='cpu')(given), Translator(run, device='cpu', tile=64)(given)
    assert difference(tiled, whole) <= 1
    assert difference(whole[:, 130:], given['img'][:, 130:]) <= 1 < difference(whole[:, 20:60], given['img'][:, 20:60])


@BACKBONES.register_module()
class NearNet4(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(4, 3, 3, 1, 1), nn.Tanh())
        self.in_channels, self.out_channels, self.size_divisor = 4, 3, 1


def test_attributes_are_guessed_once_for_all_tiles(tmp_path: Path) -> None:
    run, source = save(tmp_path / 'stargan.pth', STARGAN), image(40, 150)
    t, seen, asked = Translator(run, 'Male', device='cpu', tile=64), [], []
    t.model.G.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[1][0].tolist())))
    t.model.D.register_forward_pre_hook(lambda _, inputs: asked.append(inputs[0].shape))
    t(source)
    assert len(asked) == 1 and len(seen) > 3 and len(set(seen)) == 1
    seen.clear()
    t(source, attributes=['Blond_Hair'])
    assert len(asked) == 1 and set(seen) == {(0, 1, 1)}


def test_looks_of_whole_objects_are_not_taken_in_tiles(tmp_path: Path) -> None:
    method = tiny()
    with pytest.raises(ConfigError, match='reference: is about the objects of one whole scene'):
        method.settled('synthesis', None, reference=torch.zeros(1, 3, 8, 8))
    assert method.settled('synthesis', None, seed=3) == dict(seed=3)


@pytest.mark.parametrize(('net', 'tile', 'overlap', 'said'), [
    (dict(), 8, 0, 'tile: expected a whole number of at least 16'), (dict(), 64, -1, 'overlap: expected'),
    (dict(), 64, 40, 'at least 80 pixels: --tile 80'), (dict(divisor=2), 17, 16, 'at least 32 pixels')])
def test_tiles_that_are_too_small_are_refused(tmp_path: Path, net: dict, tile: int, overlap: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Translator(one(tmp_path, **net), device='cpu', tile=tile, overlap=overlap)(image(100, 100))


@pytest.mark.fault
@pytest.mark.parametrize('error', [RuntimeError('DefaultCPUAllocator: not enough memory: you tried'), MemoryError(),
                                   torch.cuda.OutOfMemoryError('CUDA out of memory')])
def test_memory_that_is_not_enough_asks_for_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  error: Exception) -> None:
    def full(self: object, *_: object, **__: object) -> Tensor:
        raise error

    run = one(tmp_path)
    write_image(tmp_path / 'in/a.png', image(20, 90))
    t, cut = Translator(run, device='cpu'), Translator(run, device='cpu', tile=64)
    for model in (t.model, cut.model):
        monkeypatch.setattr(type(model), 'ask', full)
    summary = t.folder(tmp_path / 'in', tmp_path / 'out')
    assert summary.exit_code == 1 and not (tmp_path / 'out/a.png').exists()
    said = f'{tmp_path / "in/a.png"}: 20x90 pixels do not fit on cpu. Cut into smaller tiles: --tile 512'
    assert said in str(summary)
    with pytest.raises(DataError, match='in tiles of 64 do not fit'):
        cut(image(20, 90))


@pytest.mark.fault
def test_a_format_that_cannot_hold_the_result_is_refused_before_the_work(tmp_path: Path) -> None:
    run = one(tmp_path, scale=4)
    write_image(tmp_path / 'wide.png', image(2, 4100))
    t = Translator(run, device='cpu', tile=64)
    t.model.G.register_forward_pre_hook(lambda *_: pytest.fail('worked in vain'))
    summary = t.files([tmp_path / 'wide.png'], tmp_path, suffix='.webp')
    assert '.webp holds at most 16383 pixels a side, and not 8x16400' in str(summary)
    check_size('a.png', 1, 10 ** 6)


PEAK = """
import resource, sys
import numpy as np
import test_tiles
from toolbox import Translator
t = Translator(sys.argv[1], device='cpu', tile=128)
t(np.zeros((200, 200, 3), np.uint8))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made = t(np.random.default_rng(0).integers(0, 256, (1024, 600, 3), np.uint8))
assert made.shape == (4096, 2400, 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
"""


def test_memory_is_that_of_the_result_and_a_row_of_tiles(tmp_path: Path) -> None:
    """Input, result, and a row of 128 lines four times as large in floats: 2 + 30 + 15 MB, and what networks need for
    a tile, which the first image shows. The whole in floats, with 8 channels inside, would be 200 MB and more."""
    process = forked.Started(PEAK, str(one(tmp_path, scale=4)), cwd=tmp_path, folder=tmp_path, name='peak')
    assert process.wait().returncode == 0, process.stderr
    assert int(process.stdout) < 80_000  # kB


LARGE = """
import resource, sys
import test_tiles
from toolbox import Translator
summary = Translator(sys.argv[1], device='cpu', tile=512).files(['large.png'], 'out', suffix=sys.argv[2])
assert not summary.failed, summary
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000)
"""


@pytest.mark.slow
@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_a_photograph_of_12_megapixels_is_enlarged_by_4_within_4_gb(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / 'large.png', cv2.resize(image(30, 40), (4000, 3000), interpolation=cv2.INTER_CUBIC))
    process = forked.Started(LARGE, str(one(tmp_path, scale=4, blocks=4)), suffix, cwd=tmp_path, folder=tmp_path,
                             name='peak')
    assert process.wait().returncode == 0, process.stderr
    print(suffix, process.stdout, 'MB', (tmp_path / f'out/large{suffix}').stat().st_size >> 20, 'MB in the file')
    assert int(process.stdout) < 4000  # MB, those of Python and torch included
    with open(tmp_path / f'out/large{suffix}', 'rb') as file:  # Pillow opens no image so large without a warning
        head = file.read(2000)
    side = struct.pack('>II', 16000, 12000) if suffix == '.png' else struct.pack('>HH', 12000, 16000)
    assert side in head


def test_the_command_cuts(tmp_path: Path) -> None:
    run = one(tmp_path, scale=4)
    write_image(tmp_path / 'a.png', image(30, 100))
    code, out, err = command('translate.py', str(run), str(tmp_path / 'a.png'), str(tmp_path / 'out'), '--tile', '48',
                             '--overlap', '16', '--side-by-side', '--device', 'cpu')
    assert (code, err) == (0, '') and '1 translated' in out
    made = read_image(tmp_path / 'out/a.png')[:, 400:]
    assert np.array_equal(made, Translator(run, device='cpu', tile=48, overlap=16)(tmp_path / 'a.png'))
