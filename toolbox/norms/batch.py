"""Norms over the batch: BN, SyncBN, and no norm at all."""

from __future__ import annotations

from torch import Tensor, nn

from ..registry import NORMS


@NORMS.register_module(name='BN')
class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe and Szegedy 2015); running statistics are used in evaluation mode.

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        eps: added to the variance.
        momentum: weight of the new batch in the running statistics.
        affine: learn a scale and an offset per channel.
        track_running_stats: False normalises by the batch in evaluation mode too.
    """

    conv_bias = False

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        super().__init__(channels, eps, momentum, affine, track_running_stats)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return super().forward(x)


@NORMS.register_module(name='SyncBN')
class SyncBatchNorm(nn.SyncBatchNorm):
    """:class:`BatchNorm` whose training statistics are those of all processes together; the same keys as BN.

    Only accelerators can synchronise: on the CPU, and with one process, this layer is exactly BN.
    """

    conv_bias = False

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        super().__init__(channels, eps, momentum, affine, track_running_stats)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        # torch's layer raises on CPU tensors as soon as a process group exists, even a group of one.
        if x.device.type == 'cpu':
            return nn.BatchNorm2d.forward(self, x)
        return super().forward(x)


@NORMS.register_module(name='none')
class NoNorm(nn.Identity):
    """No normalisation: the images pass unchanged."""

    conv_bias = False
    per_sample = True

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return x
