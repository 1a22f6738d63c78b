"""Large images in strips: the pixels of the whole image, whatever the networks look at, within memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import forked
import numpy as np
import pytest
import strangers  # noqa: F401  registers HoleFiller and Enlarger
import torch
import torch.nn.functional as F
from commands import command
from test_inference import discriminator, image, save
from test_pix2pixhd import tiny
from test_stargan_use import STARGAN
from torch import Tensor, nn

from toolbox import Translator
from toolbox.backbones import AGGANGenerator, ResnetGenerator, UGATITGenerator, UnetGenerator
from toolbox.data.io import check_size, read_image, write_image
from toolbox.errors import ConfigError, DataError
from toolbox.registry import BACKBONES
from toolbox.strips import Uncuttable, record, run, running
from toolbox.strips.plan import DEARER, Plan
from toolbox.use import maker


@pytest.fixture(autouse=True)
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of a few rows."""
    monkeypatch.setattr(running, 'STRIP', 2 ** 12)


def cut(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """What a function gives in strips."""
    named, made = {str(number): x for number, x in enumerate(inputs)}, []
    run(record(lambda found: function(*found.values()), named), named, made.append)
    assert len(made) > 1
    return torch.cat(made, -2)


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


OPERATIONS = dict(
    strided=lambda x: F.conv2d(x, KERNEL, stride=2, padding=1),
    dilated=lambda x: F.conv2d(x, KERNEL, None, 1, 2, 2),
    back=lambda x: F.conv_transpose2d(x, KERNEL, None, 2, 1, 1),
    back_wide=lambda x: F.conv_transpose2d(x, WIDE, None, 2, 1),
    reflect=lambda x: F.pad(x, (3, 2, 1, 3), 'reflect'),
    repeat=lambda x: F.pad(x, (0, 2, 3, 0), 'replicate'),
    constant=lambda x: F.pad(x, (1, -2, 3, 2), value=0.5),
    cropped=lambda x: F.pad(x, (0, 0, -3, -2)),
    nearest=lambda x: F.interpolate(x, scale_factor=2.0),
    odd=lambda x: F.interpolate(x, (37, 50)),
    linear=lambda x: F.interpolate(x, scale_factor=2, mode='bilinear'),
    unequal=lambda x: F.interpolate(x, (41, 7), mode='bilinear') * 2,
    cubic=lambda x: F.interpolate(x, scale_factor=4, mode='bicubic'),
    mean=lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    maximum=lambda x: F.max_pool2d(x, 3, 2, 1),
    grid=lambda x: x * F.adaptive_avg_pool2d(x, (5, 3)).flatten(1).std(),
    shuffle=lambda x: (
        F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2) + F.pixel_unshuffle(F.pad(x[:, :1], (0, 0, 0, 1)), 2).mean()),
    sliced=lambda x: x[:, 1:3, 5:-2:3, ::2],
    parts=lambda x: torch.cat([*x.chunk(2, 1), x[:, :1]], 1),
    chosen=lambda x: x[:, 0] + x.amax(1),
    stacked=lambda x: torch.stack(x.unbind(1), 1) * x.any(1, keepdim=True),
    instance=lambda x: F.instance_norm(x, weight=OWN, bias=OWN),
    layer=lambda x: F.group_norm(x, 1, OWN, OWN),
    groups=lambda x: F.group_norm(x, 2),
    batch=lambda x: F.batch_norm(x, None, None, training=True),
    running=lambda x: F.batch_norm(x, OWN, OWN, training=False),
    deviation=lambda x: (x - x.mean((1, 2, 3), True)) / x.std((1, 2, 3), keepdim=True),
    total=lambda x: x / x.sum() + x.var(2, keepdim=True),
    both=lambda x: torch.std_mean(x, (2, 3), correction=0)[1][..., None, None] * x,
    extremes=lambda x: (x - x.amin((2, 3), True)) / F.adaptive_max_pool2d(x, 1),
    pooled=lambda x: x * F.adaptive_avg_pool2d(x, 1),
    residual=lambda x: x + F.instance_norm(F.conv2d(F.pad(F.instance_norm(x).relu(), (1, 1, 1, 1), 'reflect'), KERNEL)),
    attention=lambda x: (x.flatten(2) @ (x.flatten(2).mT @ x.flatten(2)).softmax(-1)).view(x.shape) * x,
    one_hot=lambda x: torch.zeros(()).double().expand(1, 5, *x.shape[2:]).scatter(1, (x[:, :1] > 0).long(), 2.0),
    narrow=lambda x: F.conv2d(x, KERNEL, padding=1)[..., :-1, :-1],
    style=lambda x: torch.addcmul(OWN.view(1, -1, 1, 1), x, x))
KERNEL, WIDE = (torch.randn(4, 4, side, side, generator=torch.Generator().manual_seed(0)).double() for side in (3, 4))
OWN = torch.linspace(0.5, 2, 4).double()


@pytest.mark.parametrize('name', OPERATIONS)
def test_an_operation_on_rows_is_that_on_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, 'STRIP', 700)
    x = torch.randn(1, 4, 23, 18, generator=torch.Generator().manual_seed(1)).double() + 3

    def function(x: Tensor) -> Tensor:
        return OPERATIONS[name](1.5 * x)  # of rows that come and go, and not of an input, which stays

    torch.testing.assert_close(cut(function, x), function(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('make', [
    lambda: ResnetGenerator(base_channels=4, blocks=3), lambda: AGGANGenerator(base_channels=4, blocks=2),
    lambda: UnetGenerator(base_channels=4, downs=5, norm=dict(type='BN', track_running_stats=False)).train(),
    lambda: UGATITGenerator(base_channels=4, blocks=2, image_size=64, light=True)],
    ids=['resnet', 'aggan', 'unet', 'ugatit'])
def test_a_network_in_strips_is_the_whole_network(make: Callable[[], nn.Module]) -> None:
    """Norms over the image, skips, attention from an auxiliary classifier, dropout: one after the other."""
    net, x = make(), torch.rand(1, 3, 96, 64) * 2 - 1

    def ask(x: Tensor) -> Tensor:
        made = net(x)
        return made if isinstance(made, Tensor) else made[0]

    torch.manual_seed(3)
    with torch.no_grad():
        whole = ask(x)
    torch.manual_seed(3)
    torch.testing.assert_close(cut(ask, x), whole, rtol=1e-4, atol=1e-4)


def test_a_plan_keeps_the_narrow_maps_and_computes_the_wide_ones_anew() -> None:
    """Of CycleGAN's generator, kept are two maps at a quarter of the side; at the whole side they are four times as
    large."""
    net, x = ResnetGenerator(base_channels=8, blocks=9), torch.zeros(1, 3, 64, 64)
    plan = Plan(record(lambda found: net(found['x']), dict(x=x)).result)
    narrow = 32 * 16 * 16 * 4
    assert max(walk.size for walk in plan.walks) <= 4 * narrow  # two before a walk, two after it
    assert plan.cost <= DEARER and len(plan.walks) == 24


@pytest.mark.parametrize(('function', 'reason'), [
    (lambda x: x if x.mean() > 0 else -x, 'depends on pixels'), (lambda x: x[x > 0], 'depends on pixels'),
    (lambda x: x[:, :1].mul_(2), 'mul_ changes a tensor in place'), (lambda x: torch.bernoulli(x), 'random numbers'),
    (lambda x: torch.zeros(1, 3, 4, 4), 'does not depend on the image')])
def test_what_cannot_be_cut_is_told(function: Callable[[Tensor], Tensor], reason: str) -> None:
    with pytest.raises(Uncuttable, match=reason):
        record(lambda found: function(found['x']), dict(x=torch.rand(1, 3, 4, 4)))


def test_too_much_for_an_operation_without_a_rule_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('toolbox.strips.plan.WHOLE', 1000)
    with pytest.raises(Uncuttable, match='cumsum looks at the whole of maps'):
        cut(lambda x: x.cumsum(2), torch.rand(1, 3, 40, 40))


@pytest.mark.parametrize(('net', 'size', 'dtype'), [
    (dict(norm=True), (150, 203), np.uint8), (dict(divisor=2, blocks=6), (131, 77), np.uint16),
    (dict(scale=4), (70, 101), np.uint8)])
def test_an_image_in_strips_is_the_whole_image(tmp_path: Path, net: dict, size: tuple, dtype: type) -> None:
    run, source = one(tmp_path, **net), image(*size, dtype=dtype)
    whole, strips = Translator(run, device='cpu')(source), Translator(run, device='cpu', tile=64)(source)
    assert strips.dtype == whole.dtype == dtype and strips.shape == whole.shape
    assert whole.std() > 0.1 * np.iinfo(dtype).max and difference(strips, whole) <= 1


@BACKBONES.register_module()
class Choosy(nn.Conv2d):
    """Looks at pixels to decide."""

    size_divisor = 1

    def __init__(self) -> None:
        super().__init__(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.mean() > 0 else -x)


@pytest.mark.fault
def test_networks_that_cannot_be_cut_are_refused_or_taken_whole(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused if strips were asked for; else a large image is made as before."""
    G = dict(type='Choosy')
    run = save(tmp_path / 'one.pth', dict(type='CycleGAN', G_AB=G, G_BA=G, D_A=discriminator(), D_B=discriminator()))
    source = image(20, 40)
    with pytest.raises(ConfigError, match=r"one\.pth: direction 'AtoB' cannot be made in strips: .* depends on pixels"):
        Translator(run, device='cpu', tile=16)(source)
    whole = Translator(run, device='cpu')(source)
    monkeypatch.setattr(maker, 'LARGE', 100)
    np.testing.assert_array_equal(Translator(run, device='cpu')(source), whole)


def test_large_images_are_made_in_strips_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, source, seen = one(tmp_path, norm=True), image(60, 70), []
    monkeypatch.setattr(maker, 'in_strips', lambda *args: seen.append(args) or np.zeros((60, 70, 3), np.uint8))
    t = Translator(run, device='cpu')
    t(source)
    assert not seen
    monkeypatch.setattr(maker, 'LARGE', 60 * 70 - 1)
    t(source)
    assert seen


def test_a_mask_keeps_its_meaning_in_strips(tmp_path: Path) -> None:
    """Where a strip of a mask from 0 to 255 holds 1 at most, 1 is black there, too."""
    run = save(tmp_path / 'fill.pth', dict(type='HoleFiller', G=dict(type='NearNet4')))
    mask = np.zeros((60, 200), np.uint8)
    mask[10:50, 20:60], mask[:, 120:] = 255, 1
    given = {'img': image(60, 200), 'mask': mask}
    whole, strips = Translator(run, device='cpu')(given), Translator(run, device='cpu', tile=64)(given)
    assert difference(strips, whole) <= 1
    assert difference(whole[:, 130:], given['img'][:, 130:]) <= 1 < difference(whole[:, 20:60], given['img'][:, 20:60])


@BACKBONES.register_module()
class NearNet4(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(4, 3, 3, 1, 1), nn.Tanh())
        self.in_channels, self.out_channels, self.size_divisor = 4, 3, 1


def test_attributes_are_guessed_of_the_whole_image(tmp_path: Path) -> None:
    run, source = save(tmp_path / 'stargan.pth', STARGAN), image(40, 150)
    whole, strips = Translator(run, 'Male', device='cpu'), Translator(run, 'Male', device='cpu', tile=64)
    assert difference(strips(source), whole(source)) <= 1
    named = strips(source, attributes=['Blond_Hair'])
    assert difference(named, whole(source, attributes=['Blond_Hair'])) <= 1


def test_looks_of_whole_objects_are_not_taken_in_strips(tmp_path: Path) -> None:
    method = tiny()
    with pytest.raises(ConfigError, match='reference: is about the objects of one whole scene'):
        method.settled('synthesis', None, reference=torch.zeros(1, 3, 8, 8))
    assert method.settled('synthesis', None, seed=3) == dict(seed=3)


def test_a_tile_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='tile: expected a whole number of at least 16'):
        Translator(one(tmp_path), device='cpu', tile=8)


@pytest.mark.fault
@pytest.mark.parametrize('error', [RuntimeError('DefaultCPUAllocator: not enough memory: you tried'), MemoryError(),
                                   torch.cuda.OutOfMemoryError('CUDA out of memory')])
def test_memory_that_is_not_enough_asks_for_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
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
    said = f'{tmp_path / "in/a.png"}: 20x90 pixels do not fit on cpu. Make it in strips: --tile 512'
    assert said in str(summary)
    with pytest.raises(DataError, match='in strips do not fit'):
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
import test_strips
from toolbox import Translator
t = Translator(sys.argv[1], device='cpu', tile=128)
t(np.zeros((200, 200, 3), np.uint8))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made = t(np.random.default_rng(0).integers(0, 256, (512, 600, 3), np.uint8))
assert made.shape == (2048, 2400, 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
"""


def test_memory_is_that_of_the_result_and_of_strips(tmp_path: Path) -> None:
    """Input, also in floats, and result: 2 + 7 + 30 MB, and strips. The whole in floats, with 8 channels inside, would
    be 200 MB and more."""
    process = forked.Started(PEAK, str(one(tmp_path, scale=4)), cwd=tmp_path, folder=tmp_path, name='peak')
    assert process.wait().returncode == 0, process.stderr
    assert int(process.stdout) < 80_000  # kB


LARGE = """
import resource, sys
import test_strips
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
                             '--side-by-side', '--device', 'cpu')
    assert (code, err) == (0, '') and '1 translated' in out
    made = read_image(tmp_path / 'out/a.png')[:, 400:]
    assert np.array_equal(made, Translator(run, device='cpu', tile=48)(tmp_path / 'a.png'))
