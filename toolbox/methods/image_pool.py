"""The history of generated images that CycleGAN shows to its discriminators."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import Natural, checked


@checked
class ImagePool(nn.Module):
    """Keeps the last fakes; half of the time a query returns an older one instead of the one given.

    Shrivastava et al. 2017, section 2.3, in the form of CycleGAN (section 4): one image in, one image out. The random
    numbers come from Python's ``random``, in the order of the authors' code. The content is part of the state dict.

    Args:
        size: how many images are kept; 0 returns every image as it is. The paper has 50.

    Raises:
        ConfigError: ``size`` is not an integer >= 0.
    """

    def __init__(self, size: Natural = 50) -> None:
        super().__init__()
        self.size = size
        self._images: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._images)

    def query(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` for images ``(N, C, H, W)``, detached unless ``size`` is 0.

        Raises:
            ConfigError: images of several sizes would have to share a batch.
        """
        if self.size == 0:
            return images
        answers = [self._exchange(image) for image in images.detach().split(1)]
        shapes = {tuple(answer.shape[1:]) for answer in answers}
        if len(shapes) > 1:
            raise ConfigError(f'ImagePool: images of the shapes {sorted(shapes)} cannot share a batch.'
                              ' Crop the images to one size, or use batch size 1 or pool size 0.')
        return torch.cat(answers)

    def _exchange(self, image: Tensor) -> Tensor:
        if len(self._images) < self.size:
            self._images.append(image.clone())
            return image
        if random.uniform(0, 1) <= 0.5:
            return image
        place = random.randint(0, self.size - 1)
        older, self._images[place] = self._images[place], image.clone()
        return older.to(image)  # a pool that was loaded from a file starts on the CPU

    def drop_not_finite(self) -> None:
        """Forget images with NaN or Inf, which would come back in any later iteration; waits for the device."""
        self._images = [image for image in self._images if image.isfinite().all()]

    def get_extra_state(self) -> dict[str, Any]:
        return {'images': [image.cpu() for image in self._images]}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        images = state['images'][:self.size]
        if not all(isinstance(image, Tensor) and image.is_floating_point() and image.dim() == 4 for image in images):
            raise ValueError('the images of an ImagePool are no tensors (1, C, H, W) of floating-point numbers')
        self._images = [image.clone() for image in images]

    def extra_repr(self) -> str:
        return f'size={self.size}'
