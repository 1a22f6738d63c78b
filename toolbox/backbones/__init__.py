"""Generators and encoders."""

from .init import init_weights
from .resnet import ResnetGenerator
from .unet import UnetGenerator

__all__ = ['ResnetGenerator', 'UnetGenerator', 'init_weights']
