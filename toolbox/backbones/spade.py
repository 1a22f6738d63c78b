"""The generator of SPADE (GauGAN), whose norms read the label map, and its image encoder."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..errors import ConfigError
from ..layers.maps import MapCondition
from ..layers.spectral import spectral_norm
from ..layers.trunks import Side
from ..norms import INSTANCE_NORM, NO_NORM, NormFactory, make_map_norm, make_norm
from ..norms.spade import added_channels, resize_map
from ..registry import BACKBONES, Between, Count, Natural, Norm, Size

SPADE: dict[str, Any] = {'type': 'SPADE', 'base': 'SyncBN', 'kernel_size': 3}


class SPADEBlock(nn.Module):
    """``shortcut(x) + conv(act(norm(conv(act(norm(x))))))`` with norms that read a label map (Park et al., figure 4).

    The activation is a leaky ReLU of slope 0.2. Where the number of channels changes, the shortcut is a norm and a 1x1
    convolution without bias.

    Args:
        inside: channels of the input ``(N, inside, H, W)``.
        outside: channels of the output.
        make: makes the norms.
        spectral: normalise the convolutions spectrally; never those in the norms.
    """

    def __init__(self, inside: int, outside: int, make: NormFactory, spectral: bool = True) -> None:
        super().__init__()
        middle = min(inside, outside)
        self.norm1, self.norm2 = make(inside), make(middle)
        self.conv1 = nn.Conv2d(inside + added_channels(self.norm1), middle, 3, padding=1)
        self.conv2 = nn.Conv2d(middle + added_channels(self.norm2), outside, 3, padding=1)
        self.norm_s: nn.Module | None = None
        if inside != outside:
            self.norm_s = make(inside)
            self.conv_s = nn.Conv2d(inside + added_channels(self.norm_s), outside, 1, bias=False)
        if spectral:
            for conv in (self.conv1, self.conv2, *([self.conv_s] if self.norm_s else [])):
                spectral_norm(conv)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        y = self.conv1(F.leaky_relu(self.norm1(x, cond), 0.2))
        y = self.conv2(F.leaky_relu(self.norm2(y, cond), 0.2))
        return (x if self.norm_s is None else self.conv_s(self.norm_s(x, cond))) + y


@BACKBONES.register_module()
class SPADEGenerator(nn.Module):
    """Residual blocks and upsampling from a few pixels to the image, with a norm that reads the label map before each
    convolution (Park et al. 2019, section 3 and appendix A).

    Maps ``(N, in_channels, H, W)``, and with ``z_dim`` codes ``(N, z_dim)``, to images ``(N, out_channels, H, W)`` in
    [-1, 1]. H and W are multiples of ``size_divisor = 2 ** upsamplings``, in any ratio.

    Args:
        in_channels: channels of the map.
        out_channels: channels of the images.
        base_channels: width of the last block (with 7 upsamplings of the last but one); the first ones are 16 times as
            wide.
        upsamplings: 5, 6 or 7, the authors' 'normal', 'more' and 'most' (with one block more, half as wide); 4, which
            is ours, for small images.
        z_dim: length of the code that makes the first features; 0: they are a convolution of the map.
        size: side or (height, width) of the training images, for the layer that makes features of codes. Features of
            images of other sizes are interpolated from its.
        norm: config of the norms. SPADE and Concat read the map, and AdaIN the share of each class in it, as a style.
            Others (BN, IN) read nothing: the map is the input of the first layer alone.
        spectral: spectral normalisation of the convolutions in the blocks.

    Raises:
        ConfigError: an invalid argument, or a map or a code that does not fit.
    """

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 64,
                 upsamplings: Annotated[int, Between(4, 7)] = 5, z_dim: Natural = 0, size: Size = 256,
                 norm: Norm = SPADE, spectral: bool = True) -> None:
        super().__init__()
        if upsamplings == 7 and base_channels == 1:
            raise ConfigError('base_channels: expected 2 or more with upsamplings=7, found 1.')
        self.in_channels, self.out_channels, self.z_dim = in_channels, out_channels, z_dim
        self.size_divisor = 2 ** upsamplings
        make = make_map_norm(norm, in_channels)
        self.takes_map = make.takes_map
        widths = [16 * base_channels] * 4 + [base_channels * 2 ** level for level in (3, 2, 1, 0)]
        widths += [base_channels // 2] if upsamplings == 7 else []
        self.blocks = nn.ModuleList(SPADEBlock(a, b, make, spectral) for a, b in pairwise(widths))
        # Which blocks are followed by an upsampling; the last never is.
        self.doubles = [upsamplings > 4, upsamplings > 5, *[True] * (len(self.blocks) - 3), False]
        height, width = size if isinstance(size, tuple | list) else (size, size)
        self.grid = (max(1, height // self.size_divisor), max(1, width // self.size_divisor))
        self.start: nn.Module = nn.Linear(z_dim, widths[0] * self.grid[0] * self.grid[1]) if z_dim else nn.Conv2d(
            in_channels, widths[0], 3, padding=1)
        self.head = nn.Conv2d(widths[-1], out_channels, 3, padding=1)

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        require_image(x, self.in_channels, self.size_divisor, type(self).__name__, self.size_divisor)
        cond = MapCondition(x, self.takes_map)
        y = self._first(x, z)
        for block, doubles in zip(self.blocks, self.doubles, strict=True):
            y = block(y, cond.at(y))
            if doubles:
                y = F.interpolate(y, scale_factor=2, mode='nearest')
        return torch.tanh(self.head(F.leaky_relu(y, 0.2)))

    def _first(self, x: Tensor, z: Tensor | None) -> Tensor:
        grid = (x.shape[2] // self.size_divisor, x.shape[3] // self.size_divisor)
        if not self.z_dim:
            return self.start(resize_map(x, grid))
        if z is None or z.shape != (x.shape[0], self.z_dim):
            found = 'none' if z is None else f'one of shape {tuple(z.shape)}'
            raise ConfigError(f'{type(self).__name__}: expected a code of shape ({len(x)}, {self.z_dim}), found'
                              f' {found}.')
        y = self.start(z).view(len(x), -1, *self.grid)
        return y if self.grid == grid else F.interpolate(y, size=grid, mode='bilinear', align_corners=False)


@BACKBONES.register_module()
class SPADEEncoder(nn.Module):
    """Mean and logarithm of the variance of an image's code (Park et al. 2019, appendix A, figure 14).

    Images ``(N, in_channels, H, W)`` of any size, which are resized, to two tensors ``(N, z_dim)``.

    Args:
        in_channels: channels of the images.
        base_channels: width of the first layer; it doubles per layer, up to 8x.
        z_dim: length of the codes.
        size: side that images are resized to (bilinear, not antialiased); one layer of stride 2 for each halving down
            to 4. With the authors' 256 these are six; for crops below 256 their code leaves one out, and fails.
        norm: config of the norm after each convolution; the convolutions have a bias only without one.
        spectral: spectral normalisation of the convolutions.

    Raises:
        ConfigError: an invalid argument, or images of other channels.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, z_dim: Count = 256, size: Side = 256,
                 norm: Norm = INSTANCE_NORM, spectral: bool = True) -> None:
        super().__init__()
        self.in_channels, self.z_dim, self.size = in_channels, z_dim, size
        make, bias = make_norm(norm), norm == NO_NORM
        widths = [in_channels, *(base_channels * min(2 ** level, 8) for level in range(size.bit_length() - 3))]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=bias) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(make(width) for width in widths[1:])
        self.mu, self.logvar = (nn.Linear(widths[-1] * 16, z_dim) for _ in range(2))
        if spectral:
            spectral_norm(self.convs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        require_image(x, self.in_channels, 1, type(self).__name__)
        if x.shape[2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode='bilinear', align_corners=False)
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = norm(conv(F.leaky_relu(x, 0.2) if number else x))
        features = F.leaky_relu(x, 0.2).flatten(1)
        return self.mu(features), self.logvar(features)
