"""DINO (Caron et al., ICCV 2021) and DINOv2 (Oquab et al., TMLR 2024): features learnt without labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from ..errors import DataError
from ..layers.intervals import IMAGENET_MEAN, IMAGENET_STD
from ..registry import FEATURES, Count, File
from .base import FeatureNetwork
from .resize import pillow
from .vit import VisionTransformer, outputs_of
from .weights import WeightFile, fill

Resize = Literal['dgm_eval', 'edm2', 'none']
SIZES = {'S': (384, 12, 6), 'B': (768, 12, 12), 'L': (1024, 24, 16)}  # width, depth, heads
FILES = {('S', 8): 'dino_deitsmall8_pretrain', ('S', 16): 'dino_deitsmall16_pretrain',
         ('B', 8): 'dino_vitbase8_pretrain', ('B', 16): 'dino_vitbase16_pretrain'}
PATCH = 14  # of DINOv2


def normalised(x: Tensor) -> Tensor:
    """Colours in [0, 255] less ImageNet's mean, by its deviation."""
    x = x / 255
    return (x - x.new_tensor(IMAGENET_MEAN).view(3, 1, 1)) / x.new_tensor(IMAGENET_STD).view(3, 1, 1)


@FEATURES.register_module()
class DINOv2(FeatureNetwork):
    """DINOv2, a vision transformer: ``'cls'`` ``(N, C)`` and ``'patches'`` ``(N, patches, C)`` after the last norm, and
    ``'keys0'``, ``'keys1'``, ... of the attention of every block ``(N, tokens, C)``.

    For :class:`FDDINOv2`, and for KID, precision and recall. ``'dgm_eval'`` resizes as Stein et al. (NeurIPS 2023) do,
    with Pillow's antialiased bicubic filter rounded to 8 bits; ``'edm2'`` with torch's, not rounded (Karras et al.,
    CVPR 2024). Both distort images that are not square.

    Args:
        outputs: what :meth:`extract` returns by default.
        size: ``'S'`` (C = 384), ``'B'`` (768) or ``'L'`` (1024); patches of 14 x 14.
        registers: with 4 register tokens, another set of weights (Darcet et al., ICLR 2024).
        preprocess: ``'dgm_eval'``, ``'edm2'``, or ``'none'`` for images that are multiples of 14 high and wide.
        weights: path of a file, None for the published one in the cache, or ``'random'``.
        seed: seed of random weights.
    """

    images_at_once = 64

    def __init__(self, outputs: str | Sequence[str] = ('cls',), size: Literal['S', 'B', 'L'] = 'L',
                 registers: bool = False, preprocess: Resize = 'dgm_eval', weights: File | None = None,
                 seed: int = 0) -> None:
        width, depth, heads = SIZES[size]
        with torch.device('meta'):
            net = VisionTransformer(width, depth, heads, PATCH, 518, 4 if registers else 0, layer_scale=True,
                                    offset=0.0 if registers else 0.1, antialias=registers)
        name = f'dinov2_vit{size.lower()}14'
        file = f'{name}{"_reg4" if registers else ""}_pretrain.pth'
        load = partial(fill, weights=weights, file=published(f'dinov2/{name}/{file}'), where='DINOv2.weights',
                       seed=seed, unused=('mask_token',))
        resized = {'dgm_eval': 'Pillow bicubic to 224', 'edm2': 'torch antialiased bicubic to 224, not rounded',
                   'none': 'not resized'}[preprocess]
        kind = f'ViT-{size}/{PATCH}' + (' with registers' if registers else '')
        super().__init__(net, load, outputs_of(depth), outputs, f'{kind}, {resized}, ImageNet mean and deviation')
        self.recipe = preprocess

    def preprocess(self, images: Tensor) -> Tensor:
        if self.recipe == 'dgm_eval':
            images = pillow(images, 224, 224, Image.Resampling.BICUBIC)
        elif self.recipe == 'edm2':
            images = torch.nn.functional.interpolate(images.float(), (224, 224), mode='bicubic', antialias=True)
        elif images.shape[2] % PATCH or images.shape[3] % PATCH:
            raise DataError(f"DINOv2.preprocess: 'none' takes images whose height and width are multiples of {PATCH}, "
                            f"found {tuple(images.shape)} (N, C, H, W). 'dgm_eval' and 'edm2' resize them.")
        return normalised(images)


@FEATURES.register_module()
class DINO(FeatureNetwork):
    """DINO, a vision transformer: outputs as those of :class:`DINOv2`.

    For :class:`StructureDistance`, which compares the keys of its last block, ``'keys11'``. Blocks count from 0.

    Args:
        outputs: what :meth:`extract` returns by default.
        size: ``'S'`` (C = 384) or ``'B'`` (768).
        patch: side of the patches, 8 or 16.
        side: to which Pillow's bilinear filter resizes the shorter side of an image, the other one in proportion; None:
            not resized. Pixels beyond the last whole patch are not seen.
        weights: path of a file, None for the published one in the cache, or ``'random'``.
        seed: seed of random weights.
    """

    images_at_once = 8

    def __init__(self, outputs: str | Sequence[str] = ('keys11',), size: Literal['S', 'B'] = 'B',
                 patch: Literal[8, 16] = 8, side: Count | None = 224, weights: File | None = None,
                 seed: int = 0) -> None:
        width, depth, heads = SIZES[size]
        with torch.device('meta'):
            net = VisionTransformer(width, depth, heads, patch, 224)
        name = FILES[size, patch]
        load = partial(fill, weights=weights, file=published(f'dino/{name}/{name}.pth'), where='DINO.weights',
                       seed=seed)
        resized = f'Pillow bilinear, shorter side {side}' if side else 'not resized'
        super().__init__(net, load, outputs_of(depth), outputs,
                         f'ViT-{size}/{patch}, {resized}, ImageNet mean and deviation')
        self.side, self.patch = side, patch

    def preprocess(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        if self.side is not None:
            shorter = min(height, width)
            images = pillow(images, self.side * height // shorter, self.side * width // shorter,
                            Image.Resampling.BILINEAR)
        if min(images.shape[2:]) < self.patch:
            raise DataError(f'DINO: images of at least {self.patch}x{self.patch} are needed, found '
                            f'{tuple(images.shape)} (N, C, H, W).')
        return normalised(images)


def published(path: str) -> WeightFile:
    """A file of the authors. They state no checksum that a download could be compared with."""
    return WeightFile(path.rpartition('/')[2], page=f'https://dl.fbaipublicfiles.com/{path}')
