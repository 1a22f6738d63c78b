"""Losses and penalties."""

from .adversarial import AdversarialLoss
from .penalties import gradient_penalty, input_gradients, r1_penalty
from .perceptual import PerceptualLoss
from .reconstruction import L1Loss, L2Loss, SmoothL1Loss

__all__ = ['AdversarialLoss', 'L1Loss', 'L2Loss', 'PerceptualLoss', 'SmoothL1Loss', 'gradient_penalty',
           'input_gradients', 'r1_penalty']
