"""Losses and penalties."""

from ..moved import moved_names
from .adversarial import AdversarialLoss
from .matching import FeatureMatchingLoss
from .penalties import gradient_penalty, input_gradients, r1_penalty
from .perceptual import PerceptualLoss
from .reconstruction import DiceLoss, L1Loss, L2Loss, SmoothL1Loss
from .relativistic import RelativisticLoss
from .smoothness import total_variation

__getattr__ = moved_names(__name__, {'ImagePool': 'methods.image_pool'})

__all__ = ['AdversarialLoss', 'DiceLoss', 'FeatureMatchingLoss', 'L1Loss', 'L2Loss', 'PerceptualLoss',
           'RelativisticLoss', 'SmoothL1Loss', 'gradient_penalty', 'input_gradients', 'r1_penalty', 'total_variation']
