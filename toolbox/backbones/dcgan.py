"""The strided networks of DCGAN (Radford, Metz, Chintala, ICLR 2016), shared by WGAN; an encoder of that form."""

from __future__ import annotations

from torch import Tensor, nn

from ..checks import require_image
from ..layers.conditions import LabelledVector
from ..layers.convs import ConvNormReLU
from ..layers.trunks import SMALLEST, Doubled, doublings, strided_body
from ..moved import moved_names
from ..norms import BATCH_NORM, make_norm
from ..registry import BACKBONES, Count, Natural, Norm
from .mlp import ACTIVATIONS, Activation

__getattr__ = moved_names(__name__, {'ConvNormLeaky': 'layers.convs'})


@BACKBONES.register_module()
class DCGANGenerator(nn.Module):
    """Transposed convolutions from z to an image: no pooling, norms except at the output, ReLU, tanh.

    z ``(N, z_dim)`` to images ``(N, out_channels, size, size)``. The default layers have 512, 256, 128, 64 and 3
    channels at sides 4 to 64, with 4x4 kernels as in the usual PyTorch code (the paper: 5x5 and 1024 to 128).

    Args:
        z_dim: length of z.
        out_channels: channels of the images.
        base_channels: channels at half the output size; doubled per level inwards.
        size: side of the images: 8, 16, 32, ...
        norm: config of the norm after every layer but the last.
        activation: output activation, 'tanh' or 'none'.
        extra_layers: 3x3 convolutions before the last layer (as in the WGAN authors' code).
        classes: number of classes of the label input, joined to z as a one-hot vector; 0: no labels.
    """

    def __init__(self, z_dim: Count = 100, out_channels: Count = 3, base_channels: Count = 64, size: Doubled = 64,
                 norm: Norm = BATCH_NORM, activation: Activation = 'tanh', extra_layers: Natural = 0,
                 classes: Natural = 0) -> None:
        super().__init__()
        self.z_dim, self.out_channels, self.size = z_dim, out_channels, size
        self.activation, self.classes = activation, classes
        make = make_norm(norm)
        width = base_channels * 2 ** (doublings(size) - 1)
        self.inputs = LabelledVector(z_dim, classes)
        stem = nn.ConvTranspose2d(self.inputs.out_features, width, SMALLEST, 1, 0, bias=False)
        self.body = nn.Sequential(ConvNormReLU(stem, make(width)))
        while width > base_channels:
            conv = nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False)
            width //= 2
            self.body.append(ConvNormReLU(conv, make(width)))
        for _ in range(extra_layers):
            self.body.append(ConvNormReLU(nn.Conv2d(width, width, 3, 1, 1, bias=False), make(width)))
        self.head = nn.ConvTranspose2d(width, out_channels, 4, 2, 1, bias=False)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.head(self.body(self.inputs(z, label)[:, :, None, None]))
        return ACTIVATIONS[self.activation](x)


@BACKBONES.register_module()
class ConvEncoder(nn.Module):
    """DCGAN's discriminator with ``features`` outputs: images ``(N, in_channels, size, size)`` to ``(N, features)``.

    Args:
        in_channels: channels of the images.
        base_channels: width of the first layer; doubled per level.
        size: side of the images: 8, 16, 32, ...
        features: outputs per image.
        norm: config of the norm after every layer but the first and the last.
    """

    def __init__(self, in_channels: Count = 3, base_channels: Count = 64, size: Doubled = 64, features: Count = 100,
                 norm: Norm = BATCH_NORM) -> None:
        super().__init__()
        self.in_channels, self.size, self.features = in_channels, size, features
        self.body = strided_body(in_channels, base_channels, size, make_norm(norm))
        self.head = nn.Conv2d(base_channels * size // (2 * SMALLEST), features, SMALLEST)

    def forward(self, x: Tensor) -> Tensor:
        require_image(x, self.in_channels, self.size, type(self).__name__, exactly=True)
        return self.head(self.body(x)).flatten(1)
