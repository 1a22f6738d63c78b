"""Distances between images in the features of a fixed network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import FEATURES, LOSSES, Feature, Weight, build

DISTANCES = {'l1': F.l1_loss, 'l2': F.mse_loss}
# Pix2PixHD (Wang et al. 2018), equation 5 as in the authors' code; the same in SPADE.
PIX2PIXHD = {'relu1_1': 1 / 32, 'relu2_1': 1 / 16, 'relu3_1': 1 / 8, 'relu4_1': 1 / 4, 'relu5_1': 1.0}
AS_IS = {'type': 'VGG19', 'normalise': 'none'}


@LOSSES.register_module()
class PerceptualLoss(nn.Module):
    """``weight * sum of w_l * distance(layer_l(pred), layer_l(target))``, each distance a mean over all values.

    The defaults are those of Pix2PixHD and SPADE: VGG19 on images in [-1, 1], without ImageNet normalisation. SRGAN's
    VGG54 (Ledig et al. 2017, equation 5) is ``layers={'relu5_4': 1}, distance='l2', features=dict(type='VGG19')``; its
    factor 1 / 12.75 on the features is ``weight=0.00615`` here. The target gets no gradient, and the network's weights
    are not saved in checkpoints.

    Args:
        weight: weight of the whole term.
        layers: weight of each layer.
        distance: ``'l1'`` or ``'l2'``.
        features: network with these layers; see docs/features.md for the file of its weights.
    """

    def __init__(self, weight: Weight = 1.0, layers: Mapping[str, float] | None = None,
                 distance: Literal['l1', 'l2'] = 'l1', features: Feature = AS_IS) -> None:
        super().__init__()
        self.layers = dict(PIX2PIXHD if layers is None else layers)
        self.weight, self.distance = weight, distance
        # The network is loaded only as deep as these layers need.
        self.features = build(features, FEATURES, 'PerceptualLoss.features', outputs=tuple(self.layers))
        if not hasattr(self.features, 'taps'):
            raise ConfigError(f'PerceptualLoss.features: {type(self.features).__name__} passes no gradients to the '
                              'image. Choose VGG19, VGG16, AlexNet, SqueezeNet or EfficientNetLite0.')

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """A scalar; images ``(N, 3, H, W)`` in [-1, 1]."""
        for image in (pred, target):
            if image.shape != pred.shape or image.shape[1:2] != (3,):
                raise ConfigError(f'PerceptualLoss: expected two RGB images (N, 3, H, W) of the same shape, found '
                                  f'{tuple(pred.shape)} and {tuple(target.shape)}.')
        with torch.no_grad():
            wanted = self.features.taps(target, tuple(self.layers))
        seen, distance = self.features.taps(pred, tuple(self.layers)), DISTANCES[self.distance]
        first, *others = (w * distance(seen[layer], wanted[layer]) for layer, w in self.layers.items())
        return self.weight * sum(others, start=first)

    def extra_repr(self) -> str:
        return f'weight={self.weight}, layers={self.layers}, distance={self.distance!r}'
