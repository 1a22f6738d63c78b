"""Norms over the batch: BN, SyncBN, and no norm at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from mmengine.dist import get_world_size
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import ConfigError
from ..registry import NORMS, Count
from .instance import widen


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
    momentum: float

    def __init__(self, channels: Count, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        super().__init__(channels, eps, momentum, affine, track_running_stats)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return super().forward(x)


@NORMS.register_module(name='FrozenBN')
class FrozenBatchNorm(nn.Module):
    """Batch normalisation by statistics that never change: those of another training. Scale and offset are learnt.

    The keys of its state dict are those of :class:`BatchNorm` without ``num_batches_tracked``.

    Args:
        channels: number of channels C of the images ``(N, C, H, W)``.
        eps: added to the variance.
    """

    conv_bias, per_sample = False, True
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: Count, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer('running_mean', torch.zeros(channels))
        self.register_buffer('running_var', torch.ones(channels))
        self.eps = eps

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


@NORMS.register_module(name='SyncBN')
class SyncBatchNorm(BatchNorm):
    """:class:`BatchNorm` with training statistics over all processes; the same state-dict keys.

    With one process, and in evaluation, this layer is exactly BN. On the CPU it uses differentiable all-reduces:
    torch's layer is for accelerators only, and DistributedDataParallel rejects even a subclass of it there.

    Args:
        channels: as of :class:`BatchNorm`.
        eps: as of :class:`BatchNorm`.
        momentum: as of :class:`BatchNorm`.
        affine: as of :class:`BatchNorm`.
        track_running_stats: as of :class:`BatchNorm`.
        clamp: with several processes, divide by ``sqrt(max(var, eps))`` in place of ``sqrt(var + eps)``, as the layer
            with which the authors trained SPADE does.
    """

    process_group = None
    _check_non_zero_input_channels = nn.SyncBatchNorm._check_non_zero_input_channels

    def __init__(self, channels: Count, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True,
                 track_running_stats: bool = True, clamp: bool = False) -> None:
        super().__init__(channels, eps, momentum, affine, track_running_stats)
        self.clamp = clamp

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        if not self.training or get_world_size() == 1:
            return super().forward(x)
        return self._joined(x) if self.clamp or x.device.type == 'cpu' else self._by_torch(x)

    def _by_torch(self, x: Tensor) -> Tensor:
        return nn.SyncBatchNorm.forward(self, x)  # type: ignore[arg-type]  # it has all that this method uses

    def _joined(self, x: Tensor) -> Tensor:
        given, x = x.dtype, widen(x)
        count = all_reduce(x.new_tensor(x.numel() // x.shape[1]))
        mean = all_reduce(x.sum((0, 2, 3))) / count
        centred = x - mean[:, None, None]
        var = all_reduce(centred.square().sum((0, 2, 3))) / count
        if (self.track_running_stats and self.running_mean is not None and self.running_var is not None
                and self.num_batches_tracked is not None):
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(var.detach() * count / (count - 1), self.momentum)
        spread = var.clamp(min=self.eps) if self.clamp else var + self.eps
        y = centred * spread.rsqrt()[:, None, None]
        return (y * self.weight[:, None, None] + self.bias[:, None, None] if self.affine else y).to(given)


def synchronise_norms(model: nn.Module) -> None:
    """Replace every BN in a model with a SyncBN that has the same parameters and statistics."""
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                if child.momentum is None:
                    raise ConfigError(f'sync_bn: {name}, a BatchNorm with momentum=None (an average over all batches), '
                                      'cannot be synchronised. Give it a momentum, or leave out sync_bn.')
                sync = SyncBatchNorm(child.num_features, child.eps, child.momentum, child.affine,
                                     child.track_running_stats)
                sync._parameters, sync._buffers = child._parameters, child._buffers
                setattr(module, name, sync.train(child.training))


@contextlib.contextmanager
def uncounted(net: nn.Module) -> Iterator[None]:
    """Batch norms leave their running statistics as they are."""
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


@NORMS.register_module(name='none')
class NoNorm(nn.Identity):
    """No normalisation: the images pass unchanged."""

    conv_bias = False
    per_sample = True

    def __init__(self, channels: Count) -> None:
        super().__init__()

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return x
