"""Face masks from landmarks: where the high-pass skip of StarGAN v2 acts."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import CheckpointError
from ..files.foreign import load_state_dicts
from ..registry import FEATURES, AtLeast, File
from .base import FeatureNetwork
from .resize import bilinear
from .weights import WeightFile, fill

SIDE = 256  # the size that the detector was trained at, and that the shifts below assume
LANDMARKS = 98
OUTPUTS = ('heat', 'outer', 'inner')
FILE = WeightFile('wing.ckpt', page="https://github.com/clovaai/stargan-v2 ('bash download.sh wing'; its "
                  'nets_ema.ckpt of CelebA-HQ serves as well)')
# First and last + 1 of the landmarks of a part -> (pixels down, exponent): heat maps are moved and sharpened.
PARTS = {'chin': (8, 25, 0, 3), 'eyebrows': (33, 51, 7, 2), 'nose': (52, 55, -4, 1), 'nostrils': (55, 60, -8, 4),
         'upper lip': (77, 82, 8, 4), 'lower lip': (83, 88, -8, 4), 'inner lip': (88, 96, 2, 3)}
UNUSED = (*range(8), *range(25, 33), 33, 46, 76, 82)
EYES = slice(60, 76)
ONLY_OUTER = (slice(8, 25), slice(33, 51), slice(76, 96))  # only in the first mask: chin, eyebrows, mouth


def masks_of(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Heat maps of the landmarks ``(N, 98, 256, 256)`` to two masks ``(N, 1, 256, 256)`` in [0, 1].

    The first one covers chin, eyebrows, nose, eyes and mouth, the second nose and eyes.
    """
    heat = torch.where(heat < 0.1, 0.0, heat)
    low, high = heat.amin((2, 3), keepdim=True), heat.amax((2, 3), keepdim=True)
    heat = (heat - low) / (high - low + 1e-6)
    for first, end, down, exponent in PARTS.values():
        heat[:, first:end] = heat[:, first:end].roll(down, dims=2) ** exponent
    heat[:, UNUSED] = 0
    heat[:, EYES] = heat[:, EYES].roll(8, dims=2) ** 3 + heat[:, EYES].roll(24, dims=2)
    inner = heat.clone()
    for part in ONLY_OUTER:
        inner[:, part] = 0
    return heat.sum(1, keepdim=True).clamp(0, 1), inner.sum(1, keepdim=True).clamp(0, 1)


class CoordConv(nn.Module):
    """A convolution that also sees coordinates: row, column (both -1 to 1) and distance from the centre (0 to 1)."""

    def __init__(self, inside: int, outside: int, **arguments: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside + 3, outside, **arguments)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (torch.linspace(-1, 1, side, device=x.device, dtype=x.dtype) for side in x.shape[2:])
        row, column = rows[:, None].expand(x.shape[2:]), columns[None].expand(x.shape[2:])
        distance = (row.square() + column.square()).sqrt()
        place = torch.stack([row, column, distance / distance.max()]).expand(len(x), -1, -1, -1)
        return self.conv(torch.cat([x, place], 1))


class PyramidBlock(nn.Module):
    """Three convolutions in a row whose outputs are joined, and a shortcut (Bulat and Tzimiropoulos 2017)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        half, quarter = outside // 2, outside // 4
        pairs = ((inside, half), (half, quarter), (quarter, quarter))
        self.norms = nn.ModuleList(nn.BatchNorm2d(a) for a, _ in pairs)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairs)
        self.shortcut = nn.Identity() if inside == outside else nn.Sequential(
            nn.BatchNorm2d(inside), nn.ReLU(), nn.Conv2d(inside, outside, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        outputs, y = [], x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(F.relu(norm(y)))
            outputs.append(y)
        return self.shortcut(x) + torch.cat(outputs, 1)


class Hourglass(nn.Module):
    """``depth`` halvings and as many doublings, with a skip block at every size (Newell et al. 2016)."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.across, self.down, self.up = (
            nn.ModuleList(PyramidBlock(width, width) for _ in range(depth)) for _ in range(3))
        self.bottom = PyramidBlock(width, width)

    def forward(self, x: Tensor, level: int = 0) -> Tensor:
        inner = self.down[level](F.avg_pool2d(x, 2))
        inner = self.bottom(inner) if level + 1 == len(self.down) else self(inner, level + 1)
        return self.across[level](x) + F.interpolate(self.up[level](inner), scale_factor=2, mode='nearest')


class LandmarkNet(nn.Module):
    """A detector of 98 landmarks of a face (Wang et al. 2019), and two masks from its heat maps.

    Images ``(N, 3, 256, 256)`` in [-1, 1] to ``'heat'`` ``(N, 98, 64, 64)``, one map per landmark, and the masks
    ``'outer'`` and ``'inner'`` ``(N, 1, 256, 256)``, see :func:`masks_of`.

    Args:
        base_channels: width of the first layer.
    """

    def __init__(self, base_channels: int = 64) -> None:
        super().__init__()
        c = base_channels
        self.stem, self.stem_norm = CoordConv(3, c, kernel_size=7, stride=2, padding=3), nn.BatchNorm2d(c)
        self.blocks = nn.ModuleList([PyramidBlock(c, 2 * c), PyramidBlock(2 * c, 2 * c), PyramidBlock(2 * c, 4 * c)])
        self.coordinates = CoordConv(4 * c, 4 * c, kernel_size=1)
        self.hourglass = Hourglass(4 * c, depth=4)
        self.top = PyramidBlock(4 * c, 4 * c)
        self.last, self.last_norm = nn.Conv2d(4 * c, 4 * c, 1), nn.BatchNorm2d(4 * c)
        self.head = nn.Conv2d(4 * c, LANDMARKS + 1, 1)  # the last map is the face's boundary, which is not used

    def forward(self, x: Tensor, names: Collection[str] = OUTPUTS) -> dict[str, Tensor]:
        first, second, third = self.blocks
        x = F.avg_pool2d(first(F.relu(self.stem_norm(self.stem(x * 0.5 + 0.5)))), 2)
        x = self.top(self.hourglass(self.coordinates(third(second(x)))))
        out = {'heat': self.head(F.relu(self.last_norm(self.last(x))))[:, :LANDMARKS]}
        if 'outer' in names or 'inner' in names:
            large = F.interpolate(out['heat'], size=(SIDE, SIDE), mode='bilinear', align_corners=True)
            out['outer'], out['inner'] = masks_of(large)
        return {name: out[name] for name in names}


@FEATURES.register_module()
class LandmarkMasks(FeatureNetwork):
    """Where a face has its parts, from a detector of landmarks; ``StarGANv2Generator.masks`` takes it.

    Called with images ``(N, 3, H, W)`` in [-1, 1] it gives the masks ``'outer'`` and ``'inner'``, ``(N, 1, 256, 256)``
    in [0, 1]: chin, eyebrows, nose, eyes and mouth, and nose and eyes. ``'heat'``, ``(N, 98, 64, 64)``: landmarks.

    Args:
        weights: path of a file, None for the authors' in the cache, or ``'random'``. It may be their ``wing.ckpt`` or a
            checkpoint of StarGAN v2 that holds the detector (``100000_nets_ema.ckpt``).
        base_channels: width of the first layer; 64 in the authors' network.
        seed: of random weights.
    """

    images_at_once = 8

    def __init__(self, weights: File | None = None, base_channels: Annotated[int, AtLeast(2)] = 64,
                 seed: int = 0) -> None:
        with torch.device('meta'):
            net = LandmarkNet(base_channels)
        load = partial(fill, weights=weights, file=FILE, where='LandmarkMasks.weights', seed=seed, read=read_official)
        super().__init__(net, load, OUTPUTS, ('outer', 'inner'), f'torch bilinear to {SIDE}, x / 127.5 - 1')
        # The weights are read in the first call. As a decorator it would import torch's compiler in every process.
        self.uncompiled = torch.compiler.disable(_masks)

    def preprocess(self, images: Tensor) -> Tensor:
        return bilinear(images / 127.5 - 1, SIDE)

    def forward(self, x: Tensor) -> Any:
        """The two masks of images in [-1, 1], which a network may have made."""
        return self.uncompiled(self.net, x)


@torch.no_grad()
def _masks(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    with torch.autocast(x.device.type, enabled=False):
        masks = net(bilinear(x.float(), SIDE), ('outer', 'inner'))
    return masks['outer'].to(x.dtype), masks['inner'].to(x.dtype)


def official_layers() -> dict[str, str]:
    """Module of the authors' network -> ours; their levels of the hourglass count upwards to the outermost, 4."""
    table = {'conv1.conv': 'stem.conv', 'bn1': 'stem_norm', 'm0.coordconv.conv': 'coordinates.conv',
             'conv_last0': 'last', 'bn_end0': 'last_norm', 'l0': 'head',
             **_pyramid('top_m_0', 'top'), **_pyramid('m0.b2_plus_1', 'hourglass.bottom')}
    for i in range(3):
        table |= _pyramid(f'conv{i + 2}', f'blocks.{i}')
    for level in range(4):
        for theirs, mine in (('b1', 'across'), ('b2', 'down'), ('b3', 'up')):
            table |= _pyramid(f'm0.{theirs}_{4 - level}', f'hourglass.{mine}.{level}')
    return table


def _pyramid(official: str, ours: str) -> dict[str, str]:
    names = {'downsample.0': 'shortcut.0', 'downsample.2': 'shortcut.2',
             **{f'bn{i + 1}': f'norms.{i}' for i in range(3)}, **{f'conv{i + 1}': f'convs.{i}' for i in range(3)}}
    return {f'{official}.{theirs}': f'{ours}.{mine}' for theirs, mine in names.items()}


def read_official(path: Path) -> dict[str, Tensor]:
    """Our state dict of the authors' file, whose further entries belong to the training of the detector."""
    found = load_state_dicts(path, (), optional=('fan', 'state_dict'))
    if not found:
        raise CheckpointError(f"{path}: holds no landmark detector: 'state_dict' (wing.ckpt) or 'fan' "
                              '(nets_ema.ckpt) of the authors of StarGAN v2.')
    table, state = official_layers(), {}
    for key, value in next(iter(found.values())).items():
        module, _, leaf = key.removeprefix('module.').rpartition('.')  # DataParallel's
        if module in table:
            state[f'{table[module]}.{leaf}'] = value
    return state
