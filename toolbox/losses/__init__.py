"""Losses, penalties and the image pool."""

from .adversarial import AdversarialLoss
from .image_pool import ImagePool
from .penalties import gradient_penalty, input_gradients, r1_penalty
from .perceptual import PerceptualLoss
from .reconstruction import L1Loss, L2Loss, SmoothL1Loss

__all__ = ['AdversarialLoss', 'ImagePool', 'L1Loss', 'L2Loss', 'PerceptualLoss', 'SmoothL1Loss', 'gradient_penalty',
           'input_gradients', 'r1_penalty']
