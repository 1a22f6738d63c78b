"""The U-Net generator of pix2pix."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import require_image
from ..norms import BATCH_NORM, make_norm
from ..registry import BACKBONES, Between, Count, Fraction, Norm


class Down(nn.Module):
    """``norm(conv(leaky_relu(x)))``, halving the size."""

    def __init__(self, in_channels: int, out_channels: int, norm: nn.Module, bias: bool, activate: bool) -> None:
        super().__init__()
        self.activate = activate
        self.conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=bias)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(F.leaky_relu(x, 0.2) if self.activate else x))


class Up(nn.Module):
    """``dropout(norm(deconv(relu(x))))``, doubling the size."""

    def __init__(self, in_channels: int, out_channels: int, norm: nn.Module, bias: bool, dropout: float) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=bias)
        self.norm = norm
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.norm(self.conv(F.relu(x))))


@BACKBONES.register_module()
class UnetGenerator(nn.Module):
    """Encoder and decoder with a skip connection at every size (pix2pix, section 3.2.1 and appendix 6.1).

    Images ``(N, in_channels, H, W)`` to images ``(N, out_channels, H, W)`` in [-1, 1]; H and W multiples of
    ``2 ** downs``. The widths are ``base_channels * (1, 2, 4, 8, 8, ...)``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        downs: number of halvings, at least 2: 8 for 256x256 (the paper), 7 for 128x128.
        base_channels: width of the first layer.
        norm: config of the norm; the outermost layers and the innermost encoder layer have none.
        dropout: probability in the decoder. Placed as in the authors' PyTorch code: at the widest levels except the
            innermost, i.e. at ``downs - 5`` of them and nowhere in a network of 5 halvings or fewer. (The paper's Lua
            code has it one level further in.)
        bias: give the convolutions a bias. None: the authors' rule (only with instance norm). The last one always has.

    Raises:
        ConfigError: an invalid argument, or an image that does not fit.
    """

    def __init__(self, in_channels: Count = 3, out_channels: Count = 3, downs: Annotated[int, Between(2, 100)] = 8,
                 base_channels: Count = 64, norm: Norm = BATCH_NORM, dropout: Fraction = 0.5,
                 bias: bool | None = None) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.size_divisor = in_channels, out_channels, 2 ** downs
        make = make_norm(norm)
        bias = make.conv_bias if bias is None else bias
        # If set, a method may join several batches in one forward pass: the results are the same.
        self.per_sample = make.per_sample and not dropout
        widths = [base_channels * min(2 ** level, 8) for level in range(downs)]
        last = downs - 1
        self.down = nn.ModuleList([Down(in_channels, widths[0], nn.Identity(), bias, activate=False)])
        self.up = nn.ModuleList([Up(2 * widths[0], out_channels, nn.Identity(), bias=True, dropout=0.0)])
        for level in range(1, downs):
            outer, width = widths[level - 1], widths[level]
            innermost = level == last
            down_norm = nn.Identity() if innermost else make(width)
            self.down.append(Down(outer, width, down_norm, bias, activate=True))
            drop = dropout if 4 <= level < last else 0.0
            self.up.append(Up(width if innermost else 2 * width, outer, make(outer), bias, drop))

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size_divisor, type(self).__name__, self.size_divisor)
        features = []
        for down in self.down:
            x = down(x)
            features.append(x)
        x = self.up[-1](features.pop())
        for up in reversed(self.up[:-1]):
            x = up(torch.cat([features.pop(), x], dim=1))
        return torch.tanh(x)
