"""Distances between images in the features of a fixed network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..norms import instance_norm
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
    factor 1 / 12.75 on the features is ``weight=0.00615`` here. The domain-invariant loss of MUNIT and UNIT (Huang et
    al. 2018, section 5.1) is ``layers={'relu5_3': 1}, distance='l2', instance_norm=True,
    features=dict(type='CaffeVGG16')``. The target gets no gradient, and the network's weights are not saved in
    checkpoints.

    Args:
        weight: weight of the whole term.
        layers: weight of each layer.
        distance: ``'l1'`` or ``'l2'``.
        features: network with these layers; see docs/features.md for the file of its weights.
        instance_norm: compare the features of each channel less their mean over the image, over their deviation, which
            leaves what is where and takes most of the style away.
    """

    def __init__(self, weight: Weight = 1.0, layers: Mapping[str, float] | None = None,
                 distance: Literal['l1', 'l2'] = 'l1', features: Feature = AS_IS, instance_norm: bool = False) -> None:
        super().__init__()
        self.layers = dict(PIX2PIXHD if layers is None else layers)
        self.weight, self.distance, self.instance_norm = weight, distance, instance_norm
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
            wanted = self._seen(target)
        seen, distance = self._seen(pred), DISTANCES[self.distance]
        first, *others = (w * distance(seen[layer], wanted[layer]) for layer, w in self.layers.items())
        return self.weight * sum(others, start=first)

    def _seen(self, image: Tensor) -> dict[str, Tensor]:
        seen = self.features.taps(image, tuple(self.layers))
        return {layer: instance_norm(x) for layer, x in seen.items()} if self.instance_norm else seen

    def extra_repr(self) -> str:
        return f'weight={self.weight}, layers={self.layers}, distance={self.distance!r}'
