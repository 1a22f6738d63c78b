"""Base of all feature networks: frozen, in evaluation mode, float32, and invisible to the method that holds them."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..checks import require_choice
from ..errors import ConfigError, DataError
from .weights import Source


class FeatureNetwork(nn.Module):
    """A published network that computes features of images.

    Its weights are neither parameters nor buffers of this module: no checkpoint, optimiser, moving average or process
    wrapper of the method that holds it sees them. They follow it to another device, and stay float32 and in evaluation
    mode. They load lazily, on first use: neither checking a config nor translating images with a method whose loss has
    such a network needs them. :meth:`load` loads them at once.

    Args:
        net: the network, on the meta device; ``net(x, names)`` returns the named outputs.
        fill: loads its weights.
        available: the outputs it has.
        outputs: those that :meth:`extract` returns by default.
        preprocessing: what is done to an image before, in words; part of the protocol.
    """

    _net: nn.Module
    has_own_file: ClassVar[bool] = True  # for those who load checkpoints without importing all networks of this room
    images_at_once: ClassVar[int] = 32  # bounds the memory that extract needs on an accelerator

    def __init__(self, net: nn.Module, fill: Callable[[nn.Module], Source], available: Sequence[str],
                 outputs: str | Sequence[str], preprocessing: str) -> None:
        super().__init__()
        self.available = tuple(available)
        self.outputs = known_outputs(outputs, self.available, type(self).__name__)
        self.preprocessing = preprocessing
        self.device = torch.device('cpu')
        self._fill = fill
        self._source: Source | None = None
        self.__dict__['_net'] = net.eval()  # not as a child of this module

    @property
    def net(self) -> nn.Module:
        """The network with its weights."""
        self.load()
        return self._net

    @property
    def protocol(self) -> str:
        """Network, weights and preprocessing, in words."""
        return f'{type(self).__name__}, {self.load().text}, {self.preprocessing}'

    @property
    def key(self) -> str:
        """Identifies what :attr:`protocol` describes, for caches."""
        parts = (type(self).__name__, self.load().identity, self.preprocessing)
        return hashlib.sha256('\n'.join(parts).encode()).hexdigest()

    def load(self) -> Source:
        """Load the weights, unless they are loaded.

        Raises:
            DataError: the file is missing and cannot be downloaded; says which one, its source, and where to put it.
            CheckpointError: the file is damaged, of another kind, or does not fit; lists keys and shapes.
        """
        if self._source is None:
            with torch.inference_mode(False):  # weights made in inference mode never pass gradients
                self._source = self._fill(self._net)
                # Channels last: 1.25x the speed of VGG16 and 1.4x that of Inception on a CPU.
                self._net.float().eval().requires_grad_(False).to(  # type: ignore[call-overload]  # an overload that torch does not list
                    self.device, memory_format=torch.channels_last)
        return self._source

    @torch.no_grad()
    def extract(self, images: Tensor | Sequence[Tensor], outputs: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Features of images.

        Args:
            images: uint8 RGB ``(N, 3, H, W)``, or a list of ``(3, H, W)``, whose sizes may differ if the images are
                resized anyway.
            outputs: names from ``available``; ``self.outputs`` when None.

        Returns:
            Tensors with N rows by name, float32 (labels: int64), on the network's device.
        """
        names = self.names(outputs)
        assert len(images), 'no image'
        # On a CPU the last bits depend on the batch size, and one image at a time is nearly as fast.
        count = 1 if self.device.type == 'cpu' else self.images_at_once
        parts = [self._extract(images[i:i + count], names) for i in range(0, len(images), count)]
        return {name: torch.cat([part[name] for part in parts]) for name in names}

    def _extract(self, images: Tensor | Sequence[Tensor], names: Collection[str]) -> dict[str, Tensor]:
        batches = [images] if isinstance(images, Tensor) else [image[None] for image in images]
        for batch in batches:
            if batch.dtype != torch.uint8 or batch.ndim != 4 or batch.shape[1] != 3:
                raise DataError(f'{type(self).__name__} expects uint8 RGB images (N, 3, H, W), found {batch.dtype} '
                                f'{tuple(batch.shape)}.')
        with torch.autocast(self.device.type, enabled=False):
            inputs = torch.cat([self.preprocess(batch.to(self.device)) for batch in batches])
            return self.net(inputs.float(), names)  # uint8 images become torch's default type, which may be float64

    def names(self, outputs: Sequence[str] | None) -> tuple[str, ...]:
        """``outputs``, checked to be available; those given to the constructor when None."""
        return self.outputs if outputs is None else known_outputs(outputs, self.available, type(self).__name__)

    @abstractmethod
    def preprocess(self, images: Tensor) -> Tensor:
        """uint8 images ``(N, 3, H, W)`` as inputs of the network."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The same as :meth:`extract`."""
        return self.extract(images)

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stay in evaluation mode."""
        return super().train(False)

    def _load_from_state_dict(self, *args: Any) -> None:
        """Nothing: checkpoints of 0.1.0 hold the weights of a network that was none of these then."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FeatureNetwork:
        # The network follows the device of .to(), .half() and .cuda(), not their dtype.
        self.device = fn(torch.empty(0, device=self.device)).device
        if self._source is not None:
            self._net.to(self.device)
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch annotates it in part


def known_outputs(outputs: str | Sequence[str], available: Iterable[str], owner: str) -> tuple[str, ...]:
    """``outputs`` as a tuple.

    Raises:
        ConfigError: it is empty, or one of them is not available.
    """
    outputs = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    if not outputs:
        raise ConfigError(f'{owner}.outputs: expected at least one of {", ".join(available)}.')
    for output in outputs:
        require_choice(f'{owner}.outputs', output, available)
    return outputs
