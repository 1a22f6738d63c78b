"""What segmentation networks share. mIoU and pixel accuracy compare their labels of generated images with the true ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch.nn.functional as F
from torch import Tensor

from ..checks import require_at_least
from ..errors import ConfigError


def label_outputs(scores: Tensor, size: tuple[int, int], names: Collection[str]) -> dict[str, Tensor]:
    """Outputs of a segmenter: scores ``(N, classes, h, w)``, enlarged to ``size``, and the labels of the largest ones."""
    if scores.shape[2:] != size:
        scores = F.interpolate(scores, size, mode='bilinear', align_corners=False)
    return {name: scores if name == 'scores' else scores.argmax(1) for name in names}


def check_size(size: Sequence[int] | None, where: str) -> tuple[int, int] | None:
    """``size`` as a tuple.

    Raises:
        ConfigError: it is no pair of positive numbers.
    """
    if size is None:
        return None
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ConfigError(f'{where}: expected (height, width) or None, found {size!r}.')
    require_at_least(1, **{f'{where}[{i}]': side for i, side in enumerate(size)})
    return tuple(size)
