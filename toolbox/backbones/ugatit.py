"""The generator of U-GAT-IT: CycleGAN's, with attention in the middle and norms conditioned on the image."""

from __future__ import annotations

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import is_exporting, require_image
from ..errors import ConfigError
from ..layers.cam import CAM
from ..layers.convs import ConvNormReLU, ResidualBlock, StyledResidualBlock, upsampling_conv
from ..layers.pooling import averaged_in_graph
from ..norms import INSTANCE_NORM, make_norm
from ..registry import BACKBONES, AtLeast, Blocks, Count, Norm

ADALIN: dict[str, Any] = {'type': 'AdaLIN'}
ILN: dict[str, Any] = {'type': 'ILN'}


class Style(nn.Module):
    """Features ``(N, inputs)`` to the scale and the offset of all blocks, ``(N, 2 * width)``."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2, self.gamma, self.beta = (
            nn.Linear(n, width, bias=False) for n in (inputs, width, width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        return torch.cat([self.gamma(x), self.beta(x)], dim=1)


@BACKBONES.register_module()
class UGATITGenerator(nn.Module):
    """Encoder, attention, residual blocks whose scale and offset depend on the attended features, decoder (figure 1).

    Images ``(N, in_channels, H, W)`` to a tuple of images ``(N, out_channels, H, W)`` in [-1, 1], the logits
    ``(N, 2)`` of the auxiliary classifier (:class:`~toolbox.layers.cam.CAM`) and its heat map ``(N, 1, H / 4, W / 4)``.
    Neither the convolutions before a norm nor the last one have a bias.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        base_channels: width of the first layer; the blocks are four times as wide.
        blocks: number of residual blocks in the encoder, and as many in the decoder; 4 in the authors' code.
        image_size: side of the training images, which sets the size of a linear layer in the full version (268 million
            weights for 256). In evaluation, features of other sizes are averaged to the grid of that layer.
        light: derive scale and offset from the global averages of the features. (The authors warn of its quality.)
        norm: config of the norm of the decoder's residual blocks. With one that takes no condition (IN, LN), the layers
            that compute it are left out.
        up_norm: config of the norm of the upsampling layers.
        encoder_norm: config of the norm of the encoder.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    size_divisor = 4
    smallest_size = 8  # reflection padding in the blocks needs two pixels

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, base_channels: Count = 64, blocks: Blocks = 4,
                 image_size: Annotated[int, AtLeast(8)] = 256, light: bool = False, norm: Norm = ADALIN,
                 up_norm: Norm = ILN, encoder_norm: Norm = INSTANCE_NORM) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.image_size, self.light = image_size, light
        styled = make_norm(norm, 'norm', conditional=True)
        up, plain = make_norm(up_norm, 'up_norm'), make_norm(encoder_norm, 'encoder_norm')
        self.per_sample = all(make.per_sample for make in (styled, up, plain))
        c = base_channels
        self.stem = ConvNormReLU(
            nn.Conv2d(in_channels, c, 7, padding=3, padding_mode='reflect', bias=False), plain(c))
        self.down = nn.Sequential(*(ConvNormReLU(
            nn.Conv2d(n, 2 * n, 3, stride=2, padding=1, padding_mode='reflect', bias=False), plain(2 * n))
            for n in (c, 2 * c)))
        self.blocks = nn.Sequential(*(ResidualBlock(4 * c, plain, 'reflect', 0.0, False) for _ in range(blocks)))
        self.cam = CAM(4 * c)
        features = 4 * c * (1 if light else (image_size // 4) ** 2)
        self.style = Style(features, 4 * c) if getattr(styled.cls, 'needs_cond', False) else None
        self.styled = nn.ModuleList(StyledResidualBlock(4 * c, styled, 'reflect', 0.0, False) for _ in range(blocks))
        self.up = nn.Sequential(*(
            ConvNormReLU(upsampling_conv(2 * n, n, 'nearest', False), up(n)) for n in (2 * c, c)))
        self.head = nn.Conv2d(c, out_channels, 7, padding=3, padding_mode='reflect', bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        require_image(x, self.in_channels, self.smallest_size, type(self).__name__, self.size_divisor)
        y, logits, heat = self.cam(self.blocks(self.down(self.stem(x))))
        cond = None if self.style is None else self.style(self._summary(y).flatten(1))
        for block in self.styled:
            y = block(y, cond)
        return torch.tanh(self.head(self.up(y))), logits, heat

    def _summary(self, y: Tensor) -> Tensor:
        """The features that scale and offset are computed from."""
        if self.light:
            return F.adaptive_avg_pool2d(y, 1)
        grid = self.image_size // 4
        if not is_exporting() and y.shape[2:] == (grid, grid):
            return y
        if self.training:
            raise ConfigError(f'UGATITGenerator.image_size is {self.image_size}, but the training images are '
                              f'{4 * y.shape[2]}x{4 * y.shape[3]} (HxW). Set image_size to the size of the crops '
                              '(square), or light=True, which takes any size.')
        return averaged_in_graph(y, grid) if is_exporting() else F.adaptive_avg_pool2d(y, grid)
