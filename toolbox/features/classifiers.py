"""ImageNet classifiers whose layers serve as features: VGG, AlexNet, SqueezeNet.

Their modules are numbered as in torchvision's files, which load unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ..files.foreign import load_state_dict
from ..layers.intervals import converted
from ..registry import FEATURES, Count, File
from .base import FeatureNetwork, known_outputs
from .resize import tensorflow1_bilinear
from .weights import WeightFile, fill

_URL = 'https://download.pytorch.org/models/'


class Classifier(nn.Module):
    """Convolutions, pooling to a fixed size, and a head; any layer can be read.

    Args:
        features: the convolutions.
        pool: the pooling between the two.
        classifier: the head.
        taps: layer name -> (part, index).
    """

    def __init__(self, features: nn.Sequential, pool: nn.Module, classifier: nn.Sequential,
                 taps: dict[str, tuple[str, int]]) -> None:
        super().__init__()
        self.features, self.pool, self.classifier, self.taps = features, pool, classifier, taps

    def keep(self, names: Collection[str]) -> None:
        """Drop the layers after the last of ``names``."""
        last = {part: max((i for p, i in (self.taps[name] for name in names) if p == part), default=-1)
                for part in ('features', 'classifier')}
        if last['classifier'] < 0:
            self.features = nn.Sequential(*list(self.features)[:last['features'] + 1])
        self.classifier = nn.Sequential(*list(self.classifier)[:last['classifier'] + 1])
        self.taps = {name: (part, i) for name, (part, i) in self.taps.items() if i < len(getattr(self, part))}

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """The outputs ``names`` of normalised images; later layers are not computed."""
        wanted = {self.taps[name]: name for name in names}
        out: dict[str, Tensor] = {}
        for part in ('features', 'classifier'):
            for i, layer in enumerate(getattr(self, part)):
                x = layer(x)
                if (part, i) in wanted:
                    out[wanted[part, i]] = x
                if len(out) == len(wanted):
                    return out
            x = self.pool(x)
        raise AssertionError(f'{names}: not all are in {list(self.taps)}')


def vgg(*blocks: int, widths: Sequence[int] = (64, 128, 256, 512, 512), pooled: int | None = None) -> Classifier:
    """Simonyan & Zisserman 2015: ``blocks`` convolutions per block, layers ``relu1_1`` (``conv1_1`` before ReLU).

    ``pooled``: only at the end of so many blocks do the maps become half as large, and there is no head.
    """
    layers: list[nn.Module] = []
    taps, channels = {}, 3
    for block, (count, width) in enumerate(zip(blocks, widths, strict=True), start=1):
        for number in range(1, count + 1):
            taps[f'conv{block}_{number}'] = ('features', len(layers))
            taps[f'relu{block}_{number}'] = ('features', len(layers) + 1)
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2) if pooled is None or block <= pooled else nn.Identity())
    if pooled is not None:
        return Classifier(nn.Sequential(*layers), nn.Identity(), nn.Sequential(), taps)
    head = nn.Sequential(nn.Linear(widths[-1] * 49, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
                         nn.Dropout(), nn.Linear(4096, 1000))
    taps.update(fc1=('classifier', 1), fc2=('classifier', 4), logits=('classifier', 6))
    return Classifier(nn.Sequential(*layers), nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.Flatten()), head, taps)


def alexnet() -> Classifier:
    """Krizhevsky 2014 ("one weird trick"), layers ``relu1`` to ``relu5``."""
    layers = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
              nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
              nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
              nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
              nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)]
    head = nn.Sequential(nn.Dropout(), nn.Linear(256 * 36, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096),
                         nn.ReLU(), nn.Linear(4096, 1000))
    taps = {f'relu{n}': ('features', i) for n, i in enumerate((1, 4, 7, 9, 11), start=1)}
    taps.update(fc1=('classifier', 2), fc2=('classifier', 5), logits=('classifier', 6))
    return Classifier(nn.Sequential(*layers), nn.Sequential(nn.AdaptiveAvgPool2d(6), nn.Flatten()), head, taps)


class Fire(nn.Module):
    """Squeeze by a 1x1 convolution, then expand by a 1x1 and a 3x3 one side by side."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1).relu()


def squeezenet() -> Classifier:
    """Iandola et al. 2016, version 1.1, layers ``relu1`` to ``relu7`` as in LPIPS."""
    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)
    layers = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool(), Fire(64, 16, 64), Fire(128, 16, 64), pool(),
              Fire(128, 32, 128), Fire(256, 32, 128), pool(), Fire(256, 48, 192), Fire(384, 48, 192),
              Fire(384, 64, 256), Fire(512, 64, 256)]
    head = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    taps = {f'relu{n}': ('features', i) for n, i in enumerate((1, 4, 7, 9, 10, 11, 12), start=1)}
    return Classifier(nn.Sequential(*layers), nn.Identity(), head, {**taps, 'logits': ('classifier', 4)})


NETWORKS: dict[str, tuple[Callable[[], Classifier], WeightFile]] = {
    'VGG16': (lambda: vgg(2, 2, 3, 3, 3), WeightFile('vgg16-397923af.pth', '397923af', f'{_URL}vgg16-397923af.pth')),
    'VGG19': (lambda: vgg(2, 2, 4, 4, 4), WeightFile('vgg19-dcbb9e9d.pth', 'dcbb9e9d', f'{_URL}vgg19-dcbb9e9d.pth')),
    'AlexNet': (alexnet, WeightFile('alexnet-owt-7be5be79.pth', '7be5be79', f'{_URL}alexnet-owt-7be5be79.pth')),
    'SqueezeNet': (squeezenet,
                   WeightFile('squeezenet1_1-b8a52dc0.pth', 'b8a52dc0', f'{_URL}squeezenet1_1-b8a52dc0.pth')),
    'CaffeVGG16': (lambda: vgg(2, 2, 3, 3, 3, pooled=3),
                   WeightFile('vgg16.weight', page='https://github.com/NVlabs/MUNIT (its code writes '
                                                   'models/vgg16.weight on the first run with vgg_w > 0)'))}
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green, red in [0, 255]
NORMALISED = {'imagenet': 'ImageNet mean and deviation', 'none': 'x / 127.5 - 1',
              'caffe': f'BGR in [0, 255] less {CAFFE_MEAN}'}


class ImageNetClassifier(FeatureNetwork):
    """A torchvision classifier, with its layers as outputs.

    Args:
        outputs: layers; the network is cut after the last of them.
        size: side that :meth:`extract` resizes to (bilinear as in TensorFlow 1, like torch-fidelity); None: no resize.
        normalise: ``'imagenet'``: ImageNet mean and standard deviation, as in training; ``'none'``: the network sees
            the images in [-1, 1], as in Pix2PixHD and SPADE; ``'caffe'``: blue, green and red in [0, 255], less the
            means of networks that were trained with Caffe.
        weights: path of a file, None for torchvision's, or ``'random'``.
        seed: seed of random weights.
    """

    first_outputs: ClassVar[tuple[str, ...]] = ('fc2',)
    unused: ClassVar[tuple[str, ...]] = ()

    def __init__(self, outputs: str | Sequence[str] | None = None, size: Count | None = 224,
                 normalise: Literal['imagenet', 'none', 'caffe'] = 'imagenet', weights: File | None = None,
                 seed: int = 0) -> None:
        name = type(self).__name__
        make, file = NETWORKS[name]
        with torch.device('meta'):
            net, whole = make(), make()
        outputs = known_outputs(self.first_outputs if outputs is None else outputs, net.taps, name)
        net.keep(outputs)
        load = partial(fill, weights=weights, file=file, where=f'{name}.weights', seed=seed, unused=self.unused,
                       layout=whole, read=self.read)
        resized = f'TensorFlow 1 bilinear to {size}' if size else 'not resized'
        super().__init__(net, load, tuple(net.taps), outputs, f'{resized}, {NORMALISED[normalise]}')
        self.size, self.normalise = size, normalise

    def preprocess(self, images: Tensor) -> Tensor:
        x = images.float()
        return self.normalised((tensorflow1_bilinear(x, self.size) if self.size else x) / 127.5 - 1)

    def taps(self, x: Tensor, names: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Layers of generated images, with gradients; nothing is resized.

        Args:
            x: ``(N, 3, H, W)`` in [-1, 1].
            names: layers; ``self.outputs`` when None.
        """
        with torch.autocast(x.device.type, enabled=False):
            dtype = next(self.net.parameters()).dtype  # float32, also for images of fewer bits
            return self.net(self.normalised(x.to(dtype)), self.names(names))

    @staticmethod
    def read(path: Path) -> dict[str, Tensor]:
        """A file's state dict, under torchvision's names."""
        return load_state_dict(path)

    def normalised(self, x: Tensor) -> Tensor:
        """Images ``(N, 3, H, W)`` in [-1, 1] as the network sees them."""
        if self.normalise == 'caffe':
            return (x.flip(1) + 1) * 127.5 - x.new_tensor(CAFFE_MEAN).view(3, 1, 1)
        return converted(x, 'signed', 'signed' if self.normalise == 'none' else 'imagenet')


@FEATURES.register_module()
class VGG16(ImageNetClassifier):
    """VGG16: ``'fc2'`` ``(N, 4096)`` after the ReLU, as in precision and recall; ``'relu1_1'`` ... ``'relu5_3'``."""


@FEATURES.register_module()
class CaffeVGG16(ImageNetClassifier):
    """VGG16 as it was published, trained with Caffe, in the form of MUNIT and UNIT: maps are not halved between the
    fourth and the fifth block, and there is no head. ``'relu1_1'`` ... ``'relu5_3'``.

    Args:
        outputs: layers; the network is cut after the last of them.
        size: side that :meth:`extract` resizes to; None: no resize.
        normalise: 'caffe', as in training.
        weights: path of a file, None for ``vgg16.weight``, or ``'random'``. Its keys may be those of the authors'
            (``conv1_1.weight``) or torchvision's (``features.0.weight``, as in published conversions of the Caffe
            model).
        seed: seed of random weights.
    """

    first_outputs = ('relu5_3',)
    unused = ('classifier.',)

    def __init__(self, outputs: str | Sequence[str] | None = None, size: Count | None = 224,
                 normalise: Literal['imagenet', 'none', 'caffe'] = 'caffe', weights: File | None = None,
                 seed: int = 0) -> None:
        super().__init__(outputs, size, normalise, weights, seed)

    @staticmethod
    def read(path: Path) -> dict[str, Tensor]:
        """A file's state dict, under torchvision's names."""
        return torchvision_names(load_state_dict(path))


def torchvision_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``features.0.weight`` for ``conv1_1.weight``, as VGG16 is named in the code of MUNIT; other keys stay."""
    with torch.device('meta'):
        places = vgg(2, 2, 3, 3, 3, pooled=3).taps
    found = {}
    for key, value in state.items():
        layer, _, leaf = key.partition('.')
        found[f'{".".join(map(str, places[layer]))}.{leaf}' if layer in places else key] = value
    return found


@FEATURES.register_module()
class VGG19(ImageNetClassifier):
    """VGG19: ``'relu1_1'`` ... ``'relu5_4'``, ``'conv1_1'`` ... before the ReLU, ``'fc2'`` ``(N, 4096)``."""


@FEATURES.register_module()
class AlexNet(ImageNetClassifier):
    """AlexNet: ``'relu1'`` ... ``'relu5'``, ``'fc2'`` ``(N, 4096)``."""


@FEATURES.register_module()
class SqueezeNet(ImageNetClassifier):
    """SqueezeNet 1.1: ``'relu1'`` ... ``'relu7'``, ``'logits'`` ``(N, 1000)``."""

    first_outputs = ('logits',)
