"""The discriminator of DCGAN, and critic of WGAN; with labels by concatenation or projection."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ..checks import require_image
from ..layers.conditions import label_maps, one_hot
from ..layers.spectral import spectral_norm
from ..layers.trunks import SMALLEST, Doubled, strided_body
from ..norms import BATCH_NORM, make_norm
from ..registry import DISCRIMINATORS, Count, Natural, Norm


@DISCRIMINATORS.register_module()
class DCGANDiscriminator(nn.Module):
    """Convolutions of stride 2 to 4x4, LeakyReLU, no pooling; one logit per image (Radford et al. 2016).

    Images ``(N, in_channels, size, size)`` to ``(N, 1)``. With the defaults the layers are 64, 128, 256 and 512 wide.

    Args:
        in_channels: channels of the images.
        base_channels: width of the first layer; doubled per level.
        size: side of the images: 8, 16, 32, ...
        norm: config of the norm after every layer but the first and the last.
        extra_layers: 3x3 convolutions after the first layer (as in the WGAN authors' code).
        spectral: apply spectral normalisation to every convolution.
        classes: number of classes of the label input; 0: no labels.
        condition: how labels enter: 'concat' as constant channels joined to the image, or 'projection' as the inner
            product of an embedding with the summed features (Miyato and Koyama 2018, eq. 3).
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, size: Doubled = 64, norm: Norm = BATCH_NORM,
                 extra_layers: Natural = 0, spectral: bool = False, classes: Natural = 0,
                 condition: Literal['concat', 'projection'] = 'concat') -> None:
        super().__init__()
        self.in_channels, self.size, self.classes = in_channels, size, classes
        self.concat = bool(classes) and condition == 'concat'
        inputs = in_channels + classes * self.concat
        self.body = strided_body(inputs, base_channels, size, make_norm(norm), extra_layers)
        width = base_channels * size // (2 * SMALLEST)
        self.head = nn.Conv2d(width, 1, SMALLEST, bias=False)
        self.embedding = nn.Linear(classes, width, bias=False) if classes and condition == 'projection' else None
        if spectral:
            spectral_norm(self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        name = type(self).__name__
        require_image(x, self.in_channels, self.size, name, exactly=True)
        features = self.body(label_maps(x, label, self.classes, name) if self.concat else x)
        logit = self.head(features).flatten(1)
        if self.embedding is None:
            return logit
        embedded = self.embedding(one_hot(label, self.classes, x, name))
        return logit + (embedded * features.sum((2, 3))).sum(1, keepdim=True)
