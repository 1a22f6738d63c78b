"""What a pass through layers costs, counted before it is made."""

from __future__ import annotations

import torch
from torch import nn

SAVED = 25  # tensors per layer that a WGAN-GP update with double backward keeps (measured: 21 to 28)


def convolution_gflop(net: nn.Module, height: int, width: int) -> float:
    """Billions of operations of one pass of an image through the convolutions of ``net``, which come one by one."""
    total = 0
    for conv in (m for m in net.modules() if isinstance(m, nn.Conv2d)):
        padding = conv.padding if isinstance(conv.padding, tuple) else (0, 0)
        height, width = ((side + 2 * pad - kernel) // stride + 1 for side, pad, kernel, stride in zip(
            (height, width), padding, conv.kernel_size, conv.stride, strict=True))
        total += 2 * conv.weight.numel() * height * width
    return total / 1e9


def activation_gb(net: nn.Module, height: int, width: int) -> float:
    """Memory of the activations of ``net`` in a training of WGAN-GP, in GB of float32."""
    channels = sum(m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d))
    return SAVED * channels * height * width * torch.finfo(torch.float32).bits / 8 / 2 ** 30
