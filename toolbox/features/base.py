"""What all feature networks share: frozen, in evaluation, in float32, and invisible to the method that holds them."""

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
    """A published network, with its weights, that describes images.

    The weights are no parameters and no buffers of this module: they appear in no checkpoint, optimiser, moving average or
    process wrapper of a method that holds one. They follow it to another device, and stay float32 and in evaluation.
    They are loaded when they are needed first, so that checking a config, or translating images with a method whose loss has
    such a network, does not ask for them; :meth:`load` asks at once.

    Args:
        net: the network, on the meta device; ``net(x, names)`` gives the named outputs.
        fill: gives it its weights.
        available: what it can give.
        outputs: those of them that :meth:`extract` gives when nothing else is asked for.
        preprocessing: what is done to an image before, in words. It is part of what the numbers mean.
    """

    images_at_once: ClassVar[int] = 32  # bounds the memory of extract on an accelerator

    def __init__(self, net: nn.Module, fill: Callable[[nn.Module], Source], available: Sequence[str],
                 outputs: str | Sequence[str], preprocessing: str) -> None:
        super().__init__()
        self.available = tuple(available)
        self.outputs = known_outputs(outputs, self.available, type(self).__name__)
        self.preprocessing = preprocessing
        self.device = torch.device('cpu')
        self._fill, self._source = fill, None
        self.__dict__['_net'] = net.eval()  # not as a child of this module

    @property
    def net(self) -> nn.Module:
        """The network with its weights."""
        self.load()
        return self._net

    @property
    def protocol(self) -> str:
        """Network, weights and preprocessing, for people."""
        return f'{type(self).__name__}, {self.load().text}, {self.preprocessing}'

    @property
    def key(self) -> str:
        """Identifies what :attr:`protocol` describes, for caches."""
        parts = (type(self).__name__, self.load().identity, self.preprocessing)
        return hashlib.sha256('\n'.join(parts).encode()).hexdigest()

    def load(self) -> Source:
        """Load the weights, unless that is done.

        Raises:
            DataError: there is no file and it cannot be downloaded; says which, from where, and where to put it.
            CheckpointError: the file is damaged, of another kind, or does not fit; lists the keys and shapes.
        """
        if self._source is None:
            with torch.inference_mode(False):  # weights made in inference mode would let no gradients through, ever
                self._source = self._fill(self._net)
                # Channels last: on a CPU VGG16 is 1.25 and Inception 1.4 times as fast.
                self._net.float().eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        return self._source

    @torch.no_grad()
    def extract(self, images: Tensor | Sequence[Tensor], outputs: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Features of images.

        Args:
            images: uint8 RGB ``(N, 3, H, W)``, or a list of ``(3, H, W)``, which may differ in size where the images are
                resized anyway.
            outputs: names out of ``available``; ``self.outputs`` when None.

        Returns:
            float32 (labels: int64) tensors with N rows, by name, on the network's device.
        """
        names = self.names(outputs)
        assert len(images), 'no image'
        # On a CPU the last bits depend on the size of the batch, and one image is nearly as fast as several.
        count = 1 if self.device.type == 'cpu' else self.images_at_once
        parts = [self._extract(images[i:i + count], names) for i in range(0, len(images), count)]
        return {name: torch.cat([part[name] for part in parts]) for name in names}

    def _extract(self, images: Tensor | Sequence[Tensor], names: Collection[str]) -> dict[str, Tensor]:
        batches = [images] if isinstance(images, Tensor) else [image[None] for image in images]
        for batch in batches:
            if batch.dtype != torch.uint8 or batch.ndim != 4 or batch.shape[1] != 3:
                raise DataError(f'{type(self).__name__} describes uint8 RGB images (N, 3, H, W), found {batch.dtype} '
                                f'{tuple(batch.shape)}.')
        with torch.autocast(self.device.type, enabled=False):
            inputs = torch.cat([self.preprocess(batch.to(self.device)) for batch in batches])
            return self.net(inputs.float(), names)  # uint8 images become torch's default type, which may be float64

    def names(self, outputs: Sequence[str] | None) -> tuple[str, ...]:
        """``outputs``, all of which must be available; those given to the constructor when None."""
        return self.outputs if outputs is None else known_outputs(outputs, self.available, type(self).__name__)

    @abstractmethod
    def preprocess(self, images: Tensor) -> Tensor:
        """uint8 images ``(N, 3, H, W)`` as the network takes them."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The same as :meth:`extract`."""
        return self.extract(images)

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stays in evaluation."""
        return super().train(False)

    def _load_from_state_dict(self, *args: Any) -> None:
        """Nothing: checkpoints of 0.1.0 hold the weights of a network that was none of these then."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FeatureNetwork:
        # Of .to(), .half() and .cuda() only the device concerns the network.
        self.device = fn(torch.empty(0, device=self.device)).device
        if self._source is not None:
            self._net.to(self.device)
        return super()._apply(fn, recurse)


def known_outputs(outputs: str | Sequence[str], available: Iterable[str], owner: str) -> tuple[str, ...]:
    """``outputs`` as a tuple.

    Raises:
        ConfigError: none is given, or one of them is not available.
    """
    outputs = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    if not outputs:
        raise ConfigError(f'{owner}.outputs: expected at least one of {", ".join(available)}.')
    for output in outputs:
        require_choice(f'{owner}.outputs', output, available)
    return outputs
