"""LPIPS, the learned perceptual distance between two images (Zhang et al. 2018, version 0.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import CheckpointError, DataError
from ..registry import FEATURES, File
from .base import FeatureNetwork
from .classifiers import NETWORKS, Classifier
from .weights import RANDOM, Source, WeightFile, fill

# Per network: the classifier, its layers, their channels, and the start of the linear weights' checksum.
TRUNKS: dict[str, tuple[str, tuple[str, ...], tuple[int, ...], str]] = {
    'alex': ('AlexNet', tuple(f'relu{n}' for n in range(1, 6)), (64, 192, 384, 256, 256), 'df73285e'),
    'vgg': ('VGG16', ('relu1_2', 'relu2_2', 'relu3_3', 'relu4_3', 'relu5_3'), (64, 128, 256, 512, 512), 'a78928a0'),
    'squeeze': ('SqueezeNet', tuple(f'relu{n}' for n in range(1, 8)), (64, 128, 256, 384, 384, 512, 512), '4a5350f2')}
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_URL = 'https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/'


class Linear(nn.Module):
    """Channel weights of one layer, with the module names of the published file."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1, 1, bias=False))


class Embedding(nn.Module):
    """Images as vectors whose squared distance is LPIPS: normalised layers times the roots of the linear weights."""

    def __init__(self, trunk: Classifier, lins: nn.ModuleDict, layers: Sequence[str]) -> None:
        super().__init__()
        self.trunk, self.lins, self.layers = trunk, lins, tuple(layers)

    def forward(self, x: Tensor, names: Collection[str] = ()) -> dict[str, Tensor]:
        shift, scale = (x.new_tensor(values).view(3, 1, 1) for values in (SHIFT, SCALE))
        try:
            taps = self.trunk((x - shift) / scale, self.layers)
        except RuntimeError as error:
            if 'too small' not in str(error):
                raise
            raise DataError(f'LPIPS: images of {x.shape[2]}x{x.shape[3]} (HxW) are too small for this network: '
                            "'alex' needs 31 pixels a side, 'vgg' 16. Resize them, or choose another net.") from error
        parts = []
        for layer, lin in zip(self.layers, self.lins.values(), strict=True):
            y = taps[layer]
            # The gradient of the root is infinite at 0.
            y = y / (y.square().sum(1, keepdim=True).clamp(min=1e-20).sqrt() + 1e-10)
            weight = lin.get_parameter('model.1.weight').view(-1, 1, 1) / (y.shape[2] * y.shape[3])
            parts.append((y * weight.sqrt()).flatten(1))
        return {'embedding': torch.cat(parts, 1)}


@FEATURES.register_module()
class LPIPS(FeatureNetwork):
    """LPIPS 0.1. :meth:`distance` compares pairs; squared distances of ``'embedding'`` ``(N, D)`` are LPIPS.

    Embeddings save time if each image is in several pairs. D depends on the image size.

    Args:
        net: ``'alex'`` (the authors' choice for scores), ``'vgg'`` (for losses) or ``'squeeze'``.
        weights: path of the network's torchvision file, None for the cached or downloaded one, or ``'random'``.
        linear: the same for the authors' linear weights, ``lpips/weights/v0.1/NET.pth``.
        seed: seed of random weights.
    """

    def __init__(self, net: Literal['alex', 'vgg', 'squeeze'] = 'alex', weights: File | None = None,
                 linear: File | None = None, seed: int = 0) -> None:
        classifier, layers, channels, sha256 = TRUNKS[net]
        make, file = NETWORKS[classifier]
        with torch.device('meta'):
            trunk = make()
            trunk.keep(layers)
            lins = nn.ModuleDict({f'lin{i}': Linear(width) for i, width in enumerate(channels)})
        linear_file = WeightFile(f'lpips-v0.1-{net}.pth', sha256, f'{_URL}{net}.pth')
        load = partial(_fill, weights=weights, file=file, linear=linear, linear_file=linear_file, make=make, seed=seed)
        super().__init__(Embedding(trunk, lins, layers), load, ('embedding',), ('embedding',), f'{net}, not resized')

    def preprocess(self, images: Tensor) -> Tensor:
        return images / 127.5 - 1

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """LPIPS of pairs, with gradients.

        Args:
            a: ``(N, 3, H, W)`` in [-1, 1].
            b: the same shape.

        Returns:
            ``(N,)``, 0 for equal images.
        """
        with torch.autocast(a.device.type, enabled=False):
            first, second = (self.net(x.float())['embedding'] for x in (a, b))
        return (first - second).square().sum(1)


def _fill(net: Embedding, weights: File | None, file: WeightFile, linear: File | None, linear_file: WeightFile,
          make: Callable[[], Classifier], seed: int) -> Source:
    with torch.device('meta'):
        whole = make()
    trunk = fill(net.trunk, weights, file, 'LPIPS.weights', seed, layout=whole)
    lins = fill(net.lins, linear, linear_file, 'LPIPS.linear', seed)
    for name, weight in net.lins.named_parameters():
        if linear == RANDOM:
            weight.data.abs_()
        elif (weight < 0).any():
            raise CheckpointError(f'{lins.text}: {name} holds negative numbers, unlike any linear weights of LPIPS.')
    return Source(f'{trunk.text}, linear {lins.text}', f'{trunk.identity} {lins.identity}')
