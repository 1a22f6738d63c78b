"""Face masks from landmarks: where the high-pass skip of StarGAN v2 acts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import BACKBONES, AtLeast, File

SIDE = 256  # the size that the detector was trained at, and that the shifts below assume
LANDMARKS = 98
# Per part: first landmark, end, pixels down, exponent. Heat maps are shifted and sharpened.
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


@BACKBONES.register_module()
class LandmarkMasks(nn.Module):
    """A detector of 98 facial landmarks (Wang et al. 2019), and masks from its heat maps; always frozen.

    Images ``(N, 3, H, W)`` in [-1, 1] to two masks ``(N, 1, 256, 256)`` in [0, 1], for ``StarGANv2Generator.masks``.

    Args:
        weights: the authors' ``wing.ckpt``. None: the weights come from a checkpoint (without one, the masks are
            meaningless).
        base_channels: width of the first layer; 64 in the authors' network.

    Raises:
        ConfigError: the file does not exist.
        CheckpointError: it holds other weights.
    """

    def __init__(self, weights: File | None, base_channels: Annotated[int, AtLeast(2)] = 64) -> None:
        super().__init__()
        c = base_channels
        self.weights, self.base_channels = weights, base_channels
        self.stem, self.stem_norm = CoordConv(3, c, kernel_size=7, stride=2, padding=3), nn.BatchNorm2d(c)
        self.blocks = nn.ModuleList([PyramidBlock(c, 2 * c), PyramidBlock(2 * c, 2 * c), PyramidBlock(2 * c, 4 * c)])
        self.coordinates = CoordConv(4 * c, 4 * c, kernel_size=1)
        self.hourglass = Hourglass(4 * c, depth=4)
        self.top = PyramidBlock(4 * c, 4 * c)
        self.last, self.last_norm = nn.Conv2d(4 * c, 4 * c, 1), nn.BatchNorm2d(4 * c)
        self.head = nn.Conv2d(4 * c, LANDMARKS + 1, 1)  # the last map, the face's boundary, is not used
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> LandmarkMasks:
        """Stay in evaluation mode."""
        return super().train(False)

    def load_pretrained(self) -> None:
        """Load ``weights``; called when networks are initialised."""
        if self.weights is None or self.head.weight.is_meta:  # a config that is only checked
            return
        path = Path(self.weights).expanduser()
        if not path.is_file():
            raise ConfigError(f'masks.weights: {str(path)!r}: no such file. Expected wing.ckpt of the StarGAN v2 '
                              'authors (docs/starganv2.md). To train without it: model.G.masks=None '
                              'model.G.high_pass=0.')
        from ..converters.starganv2 import landmark_weights  # the converters build networks of this package
        self.load_state_dict(landmark_weights(path))

    @torch.no_grad()
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return masks_of(F.interpolate(self.heat_maps(x), size=(SIDE, SIDE), mode='bilinear', align_corners=True))

    @torch.no_grad()
    def heat_maps(self, x: Tensor) -> Tensor:
        """One map per landmark, ``(N, 98, 64, 64)``."""
        x = F.interpolate(x, size=(SIDE, SIDE), mode='bilinear', align_corners=False) * 0.5 + 0.5
        first, second, third = self.blocks
        x = F.avg_pool2d(first(F.relu(self.stem_norm(self.stem(x)))), 2)
        x = self.top(self.hourglass(self.coordinates(third(second(x)))))
        return self.head(F.relu(self.last_norm(self.last(x))))[:, :LANDMARKS]
